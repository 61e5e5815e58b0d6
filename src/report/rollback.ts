import type { Rollback, TaggedBuild } from "../moves.ts";
import { shortDigest } from "./text.ts";

/** A rollback, done or with `dryrun` only found, for people; ends with a line break. */
export function rollbackText(rollback: Rollback, { dryrun }: { readonly dryrun: boolean }): string {
  const { tag, was, is, held } = rollback;
  const image = tag.replace(/^.*\/(?:rel\/|(?=sci\/))/, "");
  const undo = was.stamp === undefined ? "" : ` To undo: image-builder rollback ${image} --to ${was.stamp}`;
  const moved = was.digest !== is.digest;
  const change = moved
    ? `${tag} ${dryrun ? "is" : "was"} ${build(was)}, ${dryrun ? "would be" : "is"} ${build(is)}`
    : `${tag} names ${build(is)} already`;
  const next = held
    ? `Pushes now leave this tag here and exit 1.${undo}`
    : "It is the newest build: the next push moves it on.";
  const written = dryrun ? "Nothing was written (--dryrun).\n" : "";
  return `${change}.\n${next}\n${written}`;
}

function build({ digest, stamp }: TaggedBuild): string {
  const short = shortDigest(digest);
  return stamp === undefined ? short : `${stamp} (${short})`;
}
