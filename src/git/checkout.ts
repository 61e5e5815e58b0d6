import { configurationName } from "../conventions.ts";
import { Refusal } from "../problem.ts";
import type { Deviation } from "../model.ts";
import type { Problem } from "../problem.ts";
import { sidesOf } from "../ref.ts";
import type { Sides } from "../ref.ts";
import { git, split, unexpected } from "./git.ts";
import type { Answer } from "./git.ts";
import { askWorkingTree, readWorkingTree } from "./working-tree.ts";
import type { WorkingTree } from "./working-tree.ts";

/** What git says of a checkout. Paths are relative to the root, with `/` between their parts. */
export interface Checkout {
  /** 40 (SHA-256: 64) hexadecimal digits. */
  readonly commit: string;
  /** How many commits lead to it, itself included; 0 in a shallow clone, which cannot tell. */
  readonly count: number;
  /** Paths that differ between the two sides of the ref, both ends of a rename included. */
  readonly changed: readonly string[];
  /** Paths in the working tree that differ from the commit, what git does not know and what it ignores included. */
  readonly uncommitted: readonly string[];
  /** Those of them that git does not know yet and does not ignore. */
  readonly untracked: readonly string[];
  /** Those of them that git ignores. */
  readonly ignored: readonly string[];
  /** What git says of each file, to be compared with the commit. */
  readonly tree: WorkingTree;
}

/** The revision that changes are counted from where none is given. */
export const defaultRef = "HEAD^";

/**
 * Asks git about the checkout around `root`; `ref` as in `git diff`, null where the changes do not matter. Nothing is
 * written, not even git's own index. Refuses with kind `surroundings` where git, the repository or its history is
 * not fit, and with `usage` where the revision is unknown.
 */
export async function readCheckout(
  root: string,
  ref: string | null,
  { shallow: mayBeShallow = false }: { readonly shallow?: boolean } = {},
): Promise<Checkout> {
  const sides = ref === null ? undefined : sidesOrRefusal(ref);
  // All at once, since none needs another's answer; the longest first, since starting one takes a millisecond or two.
  const [files, diff, count, facts] = await Promise.all([
    askWorkingTree(root, imagePlaces),
    ref === null ? undefined : git(root, ["diff", ...diffOptions, ref, "--", ...imagePlaces]),
    git(root, ["rev-list", "--count", "HEAD", "--"]),
    git(root, ["rev-parse", "--show-prefix", "--is-shallow-repository", "--verify", "HEAD^{commit}"]),
  ]);
  if (facts.code !== 0) throw new Refusal(await whyNoCommit(root, facts));
  const [prefix = "", shallow, commit = ""] = facts.stdout.split("\n");
  if (shallow === "true" && !mayBeShallow) throw new Refusal(shallowClone);
  if (count.code !== 0) throw new Refusal(unexpected(count));
  const tree = readWorkingTree(files, prefix);
  const those = (kind: Deviation) => tree.uncommitted.flatMap(({ path, how }) => (how === kind ? path : []));
  return {
    commit,
    count: shallow === "true" ? 0 : Number(count.stdout),
    changed:
      diff === undefined || sides === undefined ? [] : await changedPaths(root, ref ?? "", sides, diff),
    uncommitted: tree.uncommitted.map(({ path }) => path),
    untracked: those("untracked"),
    ignored: those("ignored"),
    tree,
  };
}

/**
 * Whether a commit, by its name or the beginning of it, leads to `HEAD`, or is it. Not so for one that this clone does
 * not have: nobody knows then.
 */
export async function leadsToHead(root: string, commit: string): Promise<boolean> {
  const name = await fullName(root, commit);
  return name !== undefined && (await git(root, ["merge-base", "--is-ancestor", name, "HEAD"])).code === 0;
}

/** The full name of a commit that is given by the beginning of it; undefined where this clone does not have it. */
export async function fullName(root: string, commit: string): Promise<string | undefined> {
  if (!/^[0-9a-f]{7,64}$/.test(commit)) return undefined;
  const { code, stdout } = await git(root, ["rev-parse", "--verify", "--quiet", `${commit}^{commit}`]);
  const name = stdout.trim();
  // A branch can have such a name as well.
  return code === 0 && name.startsWith(commit) ? name : undefined;
}

/** The branch that is checked out; undefined where none is, as CI systems check out a commit. */
export async function readBranch(root: string): Promise<string | undefined> {
  const { code, stdout } = await git(root, ["symbolic-ref", "--quiet", "--short", "HEAD"]);
  return code === 0 ? stdout.trim() : undefined;
}

/** Where a root is below the top of its repository, `definitions/`; empty at the top, and where git does not know. */
export async function readPrefix(root: string): Promise<string> {
  const { code, stdout } = await git(root, ["rev-parse", "--show-prefix"]);
  return code === 0 ? stdout.replace(/\n$/, "") : "";
}

/**
 * The URL of the remote `origin`, without a login in it; empty where there is none, and where it is a path, which means
 * nothing on another machine.
 */
export async function readSource(root: string): Promise<string> {
  const { code, stdout } = await git(root, ["config", "--get", "remote.origin.url"]);
  const url = code === 0 ? stdout.trim() : "";
  // As scp has it, `git@host:path`; a colon behind a slash, or one letter before it, is a path.
  if (/^(?:[\w.-]+@)?[\w.-]{2,}:(?!\/\/|:)[^\s]+$/.test(url)) return url;
  if (!/^(?:https?|ssh|git|git\+ssh|ftps?):\/\//i.test(url) || !URL.canParse(url)) return "";
  const { protocol, host, pathname } = new URL(url);
  return host === "" || pathname.includes("@") ? "" : `${protocol}//${host}${pathname}`;
}

/** What images are made from, below the root. */
export const imagePlaces = ["science", "compat", configurationName];

/**
 * Makes the paths of `git diff` and `git log` the same whatever is configured. `--no-renames` shows both ends of a rename as a
 * deletion and an addition, which is what counts here.
 */
export const pathOptions = ["-z", "--no-renames", "--no-ext-diff", "--relative", "--ignore-submodules=none"];

/** Makes the rest of `git log` the same, too. */
export const logOptions = [...pathOptions, "--no-show-signature"];

const diffOptions = [...pathOptions, "--name-only"];

const shallowClone: Problem = {
  kind: "surroundings",
  message:
    "this is a shallow clone, so its commit count, which is part of every immutable tag, would be wrong",
  hint: "git fetch --unshallow (in CI: fetch the whole history, e.g. fetch-depth: 0)",
};

/** Every way to write the default. */
const parentOfHead = /^(?:HEAD|@)(?:\^1?|~1?)$/;

/** Refuses what cannot be a ref; what starts with a dash would reach git as an option. */
function sidesOrRefusal(ref: string): Sides {
  const sides = sidesOf(ref);
  const { older, newer = "HEAD" } = sides;
  if (ref !== "" && !older.startsWith("-") && !newer.startsWith("-")) return sides;
  throw new Refusal({
    kind: "usage",
    message: `--ref ${JSON.stringify(ref)} is not a revision`,
    hint: "give one revision (HEAD^, a tag, a branch) or a range A..B",
  });
}

async function changedPaths(root: string, ref: string, sides: Sides, diff: Answer): Promise<string[]> {
  if (diff.code === 0 && ref === defaultRef) return split(diff.stdout);
  const { older, newer } = sides;
  const ends = newer === undefined ? [older] : [older, newer];
  const isKnown = await Promise.all(ends.map((end) => isTree(root, end)));
  if (!isKnown.includes(false) && diff.code === 0) return split(diff.stdout);
  if (!isKnown.includes(false)) throw new Refusal(unexpected(diff));
  const isHead = newer === undefined || newer === "HEAD" || newer === "@";
  if (parentOfHead.test(older) && isHead && (await isFirstCommit(root))) return everything(root, newer);
  const missing = ends.filter((_, index) => isKnown[index] === false);
  throw new Refusal({
    kind: "usage",
    message: `--ref ${ref}: git knows no revision ${missing.map((end) => JSON.stringify(end)).join(" or ")} here`,
    hint: "git log --oneline lists the commits, git fetch --tags brings the tags of the remote",
  });
}

/** Whether a revision has a tree as the working tree has; `git diff` takes a file or a directory of one as well, whose paths are others. */
async function isTree(root: string, revision: string): Promise<boolean> {
  // What follows `:/` is a message, to its end; it can only find a commit.
  const isMessage = revision.startsWith(":/");
  if (!isMessage && /:./.test(revision)) return false;
  const name = isMessage || revision.endsWith(":") ? revision : `${revision}^{tree}`;
  return (await git(root, ["rev-parse", "--verify", "--quiet", name])).code === 0;
}

async function isFirstCommit(root: string): Promise<boolean> {
  const { code, stdout } = await git(root, ["rev-list", "--parents", "--max-count=1", "HEAD", "--"]);
  return code === 0 && stdout.trim().split(" ").length === 1;
}

/** The first commit has no parent: against the empty tree, all is new. */
async function everything(root: string, newer: string | undefined): Promise<string[]> {
  const empty = await git(root, ["hash-object", "-t", "tree", "--stdin"]);
  const ends = [empty.stdout.trim(), ...(newer === undefined ? [] : [newer])];
  const diff = await git(root, ["diff", ...diffOptions, ...ends, "--", ...imagePlaces]);
  if (diff.code !== 0) throw new Refusal(unexpected(diff));
  return split(diff.stdout);
}

async function whyNoCommit(root: string, facts: Answer): Promise<Problem> {
  const { stderr } = facts;
  if (stderr.includes("dubious ownership")) {
    const directory = /repository at '([^']+)'/.exec(stderr)?.[1] ?? root;
    return {
      kind: "surroundings",
      message: `git does not trust the owner of ${directory}`,
      hint: `git config --global --add safe.directory '${directory}'`,
    };
  }
  const inside = await git(root, ["rev-parse", "--is-inside-work-tree"]);
  if (inside.stdout.trim() === "true") {
    // A commit that HEAD names and git cannot read.
    const named = await git(root, ["rev-parse", "--verify", "--quiet", "HEAD"]);
    if (named.code === 0) return unexpected(facts);
    return {
      kind: "surroundings",
      message: `the git repository at ${root} has no commit yet`,
      hint: "git commit first",
    };
  }
  if (inside.stdout.trim() === "false") {
    return {
      kind: "surroundings",
      message: `${root} has no working tree`,
      hint: "clone it, and run image-builder in the clone",
    };
  }
  return stderr.includes("not a git repository")
    ? {
        kind: "surroundings",
        message: `${root} is not in a git repository`,
        hint: "run it inside a clone of the definitions, or name one with --root",
      }
    : unexpected(inside);
}
