import type { Commit } from "../model.ts";
import { Refusal } from "../problem.ts";
import { fullName, imagePlaces, leadsToHead, logOptions, pathOptions } from "./checkout.ts";
import { sidesOf } from "../ref.ts";
import { git, split, unexpected } from "./git.ts";

/** What has happened below some directories since a commit. */
export interface Since {
  /** How many commits that lead to `HEAD`, and not to the commit, touch them. */
  readonly commits: number;
  /** The paths in which the working tree differs from the commit, relative to the root, both ends of a rename. */
  readonly paths: readonly string[];
  /** Whether the commit leads to `HEAD`, or is it; otherwise it is of another branch, or newer. */
  readonly leadsHere: boolean;
}

/**
 * What has happened below some directories (relative to the root) since a commit, given by its name or the beginning
 * of it. Undefined where this clone does not have the commit.
 */
export async function changesSince(
  root: string,
  commit: string,
  directories: readonly string[],
): Promise<Since | undefined> {
  const name = await fullName(root, commit);
  if (name === undefined) return undefined;
  const places = ["--", ...directories];
  const [count, diff, leadsHere] = await Promise.all([
    git(root, ["rev-list", "--count", `${name}..HEAD`, ...places]),
    git(root, ["diff", ...pathOptions, "--name-only", name, ...places]),
    leadsToHead(root, name),
  ]);
  const failed = [count, diff].find(({ code }) => code !== 0);
  if (failed !== undefined) throw new Refusal(unexpected(failed));
  return { commits: Number(count.stdout), paths: split(diff.stdout), leadsHere };
}

/** A commit with the paths that it touches below what was asked for, relative to the root; merges touch none. */
export interface TouchingCommit extends Commit {
  readonly paths: readonly string[];
}

/** A commit without its paths. */
export function asCommit({ commit, date, author, subject }: Commit): Commit {
  return { commit, date, author, subject };
}

/**
 * The commits that touch what images are made from, the newest first: those that lead to the newer side of a ref, which
 * `readCheckout` took, and not to the older one. The first commit has no older side.
 */
export async function commitsOfRef(root: string, ref: string): Promise<readonly TouchingCommit[]> {
  const { older, newer = "HEAD" } = sidesOf(ref);
  const found = await readLog(root, [newer, "--not", older], imagePlaces);
  return found ?? (await readLog(root, ["HEAD"], imagePlaces)) ?? [];
}

/** The paths below the root in which the two sides of a ref differ and of which no image is made. */
export async function changedElsewhere(root: string, ref: string): Promise<readonly string[]> {
  const diff = await git(root, ["diff", ...pathOptions, "--name-only", ref, "--", "."]);
  return diff.code === 0 ? split(diff.stdout).filter((path) => !isImagePlace(path)) : [];
}

function isImagePlace(path: string): boolean {
  return imagePlaces.some((place) => path === place || path.startsWith(`${place}/`));
}

/** The newest commits that lead to `HEAD` and touch something below some directories, at most so many. */
export async function newestCommits(
  root: string,
  directories: readonly string[],
  most: number,
): Promise<readonly TouchingCommit[]> {
  return (await readLog(root, [`--max-count=${most}`, "HEAD"], directories)) ?? [];
}

/** What happened below some directories between two commits. */
export interface ChangesBetween {
  /** Those of the two that this clone does not have; nothing else is known then. */
  readonly lacks: readonly string[];
  /** The commits that lead to the second alone, the newest first. */
  readonly commits: readonly TouchingCommit[];
  /** Those that lead to the first alone. */
  readonly undone: readonly TouchingCommit[];
  /** The paths that differ, each with git's letter for how (`A`, `D`, `M`, `T`), both ends of a rename. */
  readonly files: readonly (readonly [letter: string, path: string])[];
}

/** What happened below some directories between two commits, given by their names or the beginnings of these. */
export async function changesBetween(
  root: string,
  from: string,
  to: string,
  directories: readonly string[],
): Promise<ChangesBetween> {
  const ends = [from, to];
  const known = await Promise.all(ends.map((end) => fullName(root, end)));
  const lacks = ends.filter((_, index) => known[index] === undefined);
  if (lacks.length > 0) return { lacks: [...new Set(lacks)], commits: [], undone: [], files: [] };
  const [first = "", second = ""] = known;
  const [commits = [], undone = [], diff] = await Promise.all([
    readLog(root, [`${first}..${second}`], directories),
    readLog(root, [`${second}..${first}`], directories),
    git(root, ["diff", ...pathOptions, "--name-status", first, second, "--", ...directories]),
  ]);
  if (diff.code !== 0) throw new Refusal(unexpected(diff));
  const words = split(diff.stdout);
  const files = words.flatMap((letter, index) =>
    index % 2 === 0 ? [[letter, words[index + 1] ?? ""] as const] : [],
  );
  return { lacks, commits, undone, files };
}

/** The last time that a `Date` can have, in seconds since the epoch; a commit can claim any. */
const lastSecond = 8.64e12;

/** Undefined where git does not know a revision. */
async function readLog(
  root: string,
  selection: readonly string[],
  directories: readonly string[],
): Promise<readonly TouchingCommit[] | undefined> {
  const log = await git(root, [
    "log",
    ...logOptions,
    "--name-only",
    // Only a NUL is in none of these; git puts another one behind each commit.
    "--format=%H%x00%ct%x00%an%x00%s",
    ...selection,
    "--",
    ...directories,
  ]);
  if (log.code !== 0) return undefined;
  const words = log.stdout.split("\0");
  const commits: TouchingCommit[] = [];
  for (let at = 0; at + 3 < words.length;) {
    const [commit = "", seconds = "", author = "", subject = ""] = words.slice(at, (at += 4));
    const paths: string[] = [];
    // The first path begins with a line break; a commit begins with its name, which no path here is like.
    for (; at < words.length && !/^[0-9a-f]{40,64}$/.test(words[at] ?? ""); at += 1) {
      const path = words[at]?.replace(/^\n/, "") ?? "";
      if (path !== "") paths.push(path);
    }
    const date = new Date(Math.min(Number(seconds), lastSecond) * 1000).toISOString();
    commits.push({ commit, date, author, subject, paths });
  }
  return commits;
}
