import { definitionName } from "../conventions.ts";
import { Refusal } from "../problem.ts";
import { fullName, leadsToHead, logOptions, pathOptions } from "./checkout.ts";
import { git, split, unexpected } from "./git.ts";
import { readBlobs } from "./working-tree.ts";

/** The text of a science layer's definition at some time before now. */
export interface PastDefinition {
  /** Relative to the root. */
  readonly path: string;
  readonly text: string;
  /** The commit that changed it or took it away; empty where it is compared with the working tree. */
  readonly commit: string;
}

/** How many of the newest commits below `science/` are searched for definitions that are gone. */
const mostCommits = 10_000;

const rawOptions = ["--raw", "--no-abbrev"];

/**
 * The definitions of science layers that differ between the two sides of a ref, as the older side has them. The ref is
 * one that `readCheckout` took; the first commit has no older side.
 */
export async function definitionsBefore(root: string, ref: string): Promise<readonly PastDefinition[]> {
  const diff = await git(root, ["diff", ...pathOptions, ...rawOptions, ref, "--", "science"]);
  return diff.code === 0 ? readTexts(root, oldSides(diff.stdout).filter(isDefinition)) : [];
}

/** The definitions of science layers at a revision. */
export async function definitionsAt(root: string, revision: string): Promise<readonly PastDefinition[]> {
  const tree = await git(root, ["ls-tree", "-r", "-l", "-z", revision, "--", "science/"]);
  const files = readBlobs(tree.stdout).filter(({ mode }) => mode.startsWith("100"));
  const sides = files.map(({ path, name }) => ({ path, blob: name, commit: "" }));
  return readTexts(root, sides.filter(isDefinition));
}

/** The text of a file as the older side of a ref has it, where the sides differ in it; undefined where it has none. */
export async function textBefore(root: string, ref: string, file: string): Promise<string | undefined> {
  const diff = await git(root, ["diff", ...pathOptions, ...rawOptions, ref, "--", file]);
  const [before] = diff.code === 0 ? await readTexts(root, oldSides(diff.stdout)) : [];
  return before?.text;
}

/**
 * The definitions of science layers that a commit has changed or taken away since, newest first, as they were before it.
 * In a shallow clone only those of the commits that it has.
 */
export async function pastDefinitions(root: string): Promise<readonly PastDefinition[]> {
  const selection = ["--diff-filter=DMT", `--max-count=${mostCommits}`, "--format=%x01%H"];
  const log = await git(root, ["log", ...logOptions, ...rawOptions, ...selection, "HEAD", "--", "science"]);
  if (log.code !== 0) throw new Refusal(unexpected(log));
  return readTexts(root, oldSides(log.stdout).filter(isDefinition));
}

/** What happened below `science/` and `compat/` since a commit. */
export interface ChangesSince {
  /** The paths that each commit touches which leads to `HEAD`, but not to that one; merges touch none. */
  readonly commits: readonly (readonly string[])[];
  /** The paths that differ between it and `HEAD`. */
  readonly differing: readonly string[];
  /** Whether it leads to `HEAD`, or is it. */
  readonly leadsHere: boolean;
}

/** What happened since a commit, given by its name or the beginning of it. Undefined where this clone does not have it. */
export async function changesSinceCommit(root: string, commit: string): Promise<ChangesSince | undefined> {
  const name = await fullName(root, commit);
  if (name === undefined) return undefined;
  const places = ["--", "science", "compat"];
  const [log, diff, leadsHere] = await Promise.all([
    git(root, ["log", ...logOptions, "--name-only", "--format=%x01", `${name}..HEAD`, ...places]),
    git(root, ["diff", ...pathOptions, "--name-only", name, "HEAD", ...places]),
    leadsToHead(root, name),
  ]);
  const failed = [log, diff].find(({ code }) => code !== 0);
  if (failed !== undefined) throw new Refusal(unexpected(failed));
  const touched = log.stdout.split("\u0001").slice(1);
  return {
    commits: touched.map((paths) => split(paths.replace(/^\0\n?/, ""))),
    differing: split(diff.stdout),
    leadsHere,
  };
}

interface OldSide {
  readonly path: string;
  readonly blob: string;
  readonly commit: string;
}

/** The older sides in raw output of git (`git help diff`, "Raw output format"), of the files that had one. */
function oldSides(output: string): readonly OldSide[] {
  const found: OldSide[] = [];
  const words = output.split("\0");
  let commit = "";
  for (const [index, word] of words.entries()) {
    if (word.startsWith("\u0001")) commit = word.slice(1);
    const blob = /^\n?:100(?:644|755) \d+ ([0-9a-f]+) /.exec(word)?.[1];
    const path = words[index + 1];
    if (blob === undefined || path === undefined) continue;
    found.push({ path, blob, commit });
  }
  return found;
}

/** Nothing below a hidden directory is a layer. */
function isDefinition({ path }: OldSide): boolean {
  return path.endsWith(`/${definitionName}`) && !path.includes("/.");
}

/** Reads them all from one process. */
async function readTexts(root: string, sides: readonly OldSide[]): Promise<readonly PastDefinition[]> {
  if (sides.length === 0) return [];
  const blobs = [...new Set(sides.map(({ blob }) => blob))];
  const input = blobs.map((blob) => `${blob}\n`).join("");
  const answer = await git(root, ["cat-file", "--batch"], { input, bytes: true });
  if (answer.code !== 0) throw new Refusal(unexpected(answer));
  const texts = new Map<string, string>();
  let rest = answer.stdout;
  for (const blob of blobs) {
    const end = rest.indexOf("\n");
    // A partial clone may lack it, and git then says so on one line.
    const size = Number(/ blob (\d+)$/.exec(rest.slice(0, end))?.[1] ?? -1);
    if (size >= 0) texts.set(blob, Buffer.from(rest.slice(end + 1, end + 1 + size), "latin1").toString());
    rest = rest.slice(end + 2 + size);
  }
  return sides.flatMap(({ path, blob, commit }) => {
    const text = texts.get(blob);
    return text === undefined ? [] : [{ path, text, commit }];
  });
}
