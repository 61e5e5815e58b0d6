import type { Move } from "../moves.ts";
import { commitOf, readTrail } from "../planning/trail.ts";
import type { RegistryReader } from "../registry/registry.ts";
import { see } from "./seen.ts";

/** What it takes to judge a move. */
export interface Judge {
  readonly registry: RegistryReader;
  /** Whether a commit, by its name or the beginning of it, leads to the one that is built, or is it. */
  readonly leadsHere: (commit: string) => Promise<boolean>;
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
  return (await registry.resolve(rollbackTag(rolling, digest)))?.digest === digest;
}

/**
 * Judges whether a tag may come to name a digest: only forward, from a build of a commit that leads to this one, and
 * not on from where somebody took it back to.
 */
export async function judgeMove(judge: Judge, tag: string, digest: string): Promise<Move> {
  const { registry, leadsHere, force } = judge;
  const present = await see(registry, tag);
  if (present === undefined) return { kind: "new" };
  const from = present.digest;
  if (from === digest) return { kind: "same", from };
  // The newest layer of the trail is what the image itself was built as.
  const [newest] = readTrail(present.labels);
  const stamp = newest?.stamp;
  if (force) return { kind: "moves", from, stamp };
  if (await isHeld(registry, tag, from))
    return {
      kind: "stays",
      from,
      stamp,
      why: "it was rolled back to what it names; --force-rolling moves it on",
    };
  const commit = commitOf(present.labels, newest);
  if (commit !== undefined && (await leadsHere(commit))) return { kind: "moves", from, stamp };
  const what =
    commit === undefined
      ? `what it names ${present.unreadable === null ? "does not say which commit it is of" : "cannot be read"}`
      : `it names a build of ${commit.slice(0, 7)}, which does not lead to this commit`;
  return { kind: "stays", from, stamp, why: `${what}; --force-rolling moves it all the same` };
}
