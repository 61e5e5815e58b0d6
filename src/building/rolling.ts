import type { Ancestry, Move } from "../moves.ts";
import { commitOf, readTrail } from "../planning/trail.ts";
import type { RegistryReader } from "../registry/registry.ts";
import { see } from "./seen.ts";

/** What it takes to judge a move. */
export interface Judge {
  readonly registry: RegistryReader;
  /** How a commit, by its name or the beginning of it, stands to the one that is built. */
  readonly ancestry: (commit: string) => Promise<Ancestry>;
  /** Move whatever the tag names. */
  readonly force: boolean;
}

/**
 * The tag that remembers that a rolling tag was taken back to a digest: `2.4-rollback-4f1c2a9be01d`. There is one for each
 * digest, as one that moved would have to move together with the rolling tag, which no registry can do.
 */
export function rollbackTag(rolling: string, digest: string): string {
  return `${rolling}-rollback-${digest.replace(/^.*:/, "").slice(0, 12)}`;
}

/** Whether somebody took a rolling tag back to the digest that it names now. One request. */
export async function isHeld(registry: RegistryReader, rolling: string, digest: string): Promise<boolean> {
  // Most are not held, and what a HEAD does not find is asked for by GET as well.
  return (await registry.manifest(rollbackTag(rolling, digest)))?.digest === digest;
}

/**
 * Judges whether a tag may come to name a digest: only forward, from a build of a commit that leads to this one, and
 * not on from where somebody took it back to.
 */
export async function judgeMove(judge: Judge, tag: string, digest: string): Promise<Move> {
  const { registry, ancestry, force } = judge;
  const present = await see(registry, tag);
  if (present === undefined) return { kind: "new" };
  const from = present.digest;
  if (from === digest) return { kind: "same", from };
  // The newest layer of the trail is what the image itself was built as.
  const [newest] = readTrail(present.labels);
  const stamp = newest?.stamp;
  if (force) return { kind: "moves", from, stamp };
  const stays = (why: string, kind: "newer" | "stays" = "stays"): Move => ({ kind, from, stamp, why });
  const name = stamp ?? `${from.slice(0, from.indexOf(":") + 13)}…`;
  if (await isHeld(registry, tag, from))
    return stays(
      `it was rolled back to ${name}; to move it: image-builder rollback --to STAMP, or --force-rolling`,
    );
  const commit = commitOf(present.labels, newest);
  if (commit === undefined) {
    const what = present.unreadable === null ? "does not name its commit" : "cannot be read";
    return stays(`the image there, ${name}, ${what}; --force-rolling replaces it`);
  }
  const found = await ancestry(commit);
  const short = commit.slice(0, 7);
  switch (found.kind) {
    case "older":
      return { kind: "moves", from, stamp };
    case "newer":
      return stays(`it is newer (${name}): nothing to do`, "newer");
    case "diverged":
      return stays(
        `it was built on another branch (${short}, "${found.subject}"); --force-rolling moves it all the same`,
      );
    case "unknown":
      return stays(`its commit ${short} is not in this clone: git fetch`);
  }
}
