import type { Rollback, TaggedBuild } from "../moves.ts";
import { shortDigest } from "./text.ts";

/** A rollback, done or with `dryrun` only found, for people; ends with a line break. */
export function rollbackText(rollback: Rollback, { dryrun }: { readonly dryrun: boolean }): string {
  const { tag, was, is, held } = rollback;
  const moved = was.digest !== is.digest;
  const change = moved
    ? `${tag} ${dryrun ? "is" : "was"} ${build(was)}, ${dryrun ? "would be" : "is"} ${build(is)}`
    : `${tag} names ${build(is)} already`;
  const next = held
    ? "The next publish leaves it here, says so, and exits 1, unless --force-rolling is given."
    : "It is the newest build: the next publish moves it on.";
  const written = dryrun ? "Nothing was written (--dryrun).\n" : "";
  return `${change}.\n${next}\n${written}`;
}

function build({ digest, stamp }: TaggedBuild): string {
  const short = shortDigest(digest);
  return stamp === undefined ? short : `${stamp} (${short})`;
}
