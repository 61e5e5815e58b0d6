import type { Deviation } from "../model.ts";
import { Refusal } from "../problem.ts";
import { git, split, unexpected } from "./git.ts";
import type { Answer } from "./git.ts";

/** What git says of the files below some places. Paths are relative to the root. */
export interface WorkingTree {
  /** What git itself says of the files that differ from the commit, are unknown to it or ignored. */
  readonly uncommitted: readonly Told[];
  /** The topmost directories, each with a `/` at its end, in which git holds nothing; empty ones are in no other answer of it. */
  readonly strange: readonly string[];
  /** The files that git was told not to look at, each with whether it may be missing (skip-worktree). */
  readonly hidden: ReadonlyMap<string, boolean>;
  /** What the commit holds; {@link readBlobs} understands it. */
  readonly listing: string;
}

/** `inside`: a submodule at its commit in which files differ. */
interface Told {
  readonly path: string;
  readonly how: Deviation | "inside";
}

/** A file, link or submodule as a commit holds it. */
export interface Blob {
  readonly path: string;
  /** As git writes it: `100644`, `100755` (executable), `120000` (link), `160000` (submodule). */
  readonly mode: string;
  readonly name: string;
  /** In bytes; not a number for a submodule. */
  readonly size: number;
}

/** Asks git of the files below some places, all of them where none are given. Writes nothing. */
export function askWorkingTree(root: string, places: readonly string[]): Promise<readonly Answer[]> {
  return Promise.all([
    git(root, [...asCommitted, "status", ...statusOptions, "--", ...places]),
    git(root, ["ls-files", "-v", "--cached", "--others", "--directory", "-z", "--", ...places]),
    git(root, ["ls-tree", "-r", "-l", "-z", "HEAD", "--", ...places]),
  ]);
}

/** Understands the answers; `prefix` is where the root is below the top of its repository. */
export function readWorkingTree(answers: readonly Answer[], prefix: string): WorkingTree {
  const failed = answers.find(({ code }) => code !== 0);
  if (failed !== undefined) throw new Refusal(unexpected(failed));
  const [status = "", flags = "", listing = ""] = answers.map(({ stdout }) => stdout);
  const uncommitted = split(status).flatMap((entry): readonly Told[] => {
    const { path, how } = readEntry(entry);
    return path.startsWith(prefix) ? [{ path: path.slice(prefix.length), how }] : [];
  });
  const strange = split(flags).flatMap((entry) => (/^\?.*\/$/s.test(entry) ? entry.slice(2) : []));
  const hidden = split(flags).flatMap((entry): readonly (readonly [string, boolean])[] => {
    const letter = entry.slice(0, 1);
    const skipped = letter.toUpperCase() === "S";
    return skipped || letter !== letter.toUpperCase() ? [[entry.slice(2), skipped]] : [];
  });
  return { uncommitted, strange, hidden: new Map(hidden), listing };
}

/** What a commit holds, as `git ls-tree -l` lists it. */
export function readBlobs(listing: string): readonly Blob[] {
  return split(listing).map((entry) => {
    const tab = entry.indexOf("\t");
    const [mode = "", , name = "", size = ""] = entry.slice(0, tab).split(/ +/);
    return { path: entry.slice(tab + 1), mode, name, size: Number(size) };
  });
}

/** A file system that holds no modes, links or cases can be configured to be believed; an image is made of what it shows. */
const asCommitted = ["fileMode=true", "symlinks=true", "ignoreCase=false"].flatMap((setting) => [
  "-c",
  `core.${setting}`,
]);

const statusOptions = [
  "--porcelain=v2",
  "-z",
  "--no-renames",
  "--untracked-files=all",
  "--ignored",
  "--ignore-submodules=none",
];

/** An entry of `git status` (`git help status`, "Porcelain Format Version 2"). */
function readEntry(entry: string): Told {
  const [kind = "", state = "", submodule = "", inCommit = "", , inTree = ""] = entry.split(" ", 6);
  if (kind === "?" || kind === "!")
    return { path: entry.slice(2), how: kind === "?" ? "untracked" : "ignored" };
  // Eight fields stand before the path, ten where it is unmerged.
  const path = entry
    .split(" ")
    .slice(kind === "u" ? 10 : 8)
    .join(" ");
  const isInside = state === ".M" && submodule.startsWith("S.");
  return { path, how: isInside ? "inside" : howChanged(state, inCommit, inTree) };
}

function howChanged(state: string, inCommit: string, inTree: string): Deviation {
  if (state.includes("D")) return "deleted";
  if (state.startsWith("A") || inCommit === "000000") return "added";
  const areFiles = [inCommit, inTree].every((mode) => mode.startsWith("100"));
  return areFiles && inCommit !== inTree ? "mode" : "modified";
}
