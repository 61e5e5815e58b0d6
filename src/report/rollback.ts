import type { Rollback, TaggedBuild } from "../moves.ts";
import { shortDigest } from "./text.ts";

/** A rollback, done or with `dryrun` only found, for people; ends with a line break. */
export function rollbackText(rollback: Rollback, { dryrun }: { readonly dryrun: boolean }): string {
  const { tag, was, is, held } = rollback;
  const moved = was.digest !== is.digest;
  const change = moved
    ? `${tag} ${dryrun ? "is" : "was"} ${build(was)}, ${dryrun ? "would be" : "is"} ${build(is)}`
    : `${tag}: unchanged, ${build(is)}`;
  const next = held
    ? `Pushes now leave this tag here and exit 1.${dryrun ? "" : undo(rollback)}`
    : "It is the newest build: the next push moves it on.";
  const written = dryrun ? "Nothing was written (--dryrun).\n" : "";
  return `${change}.\n${next}\n${written}`;
}

/** The command that takes the tag back to where it was. */
function undo({ tag, was, is }: Rollback): string {
  if (was.stamp === undefined || was.digest === is.digest) return "";
  const slash = tag.lastIndexOf("/", tag.lastIndexOf("/") - 1);
  return ` To undo: image-builder rollback ${tag.slice(slash + 1)} --to ${was.stamp} --repo ${tag.slice(0, slash)}`;
}

function build({ digest, stamp }: TaggedBuild): string {
  const short = shortDigest(digest);
  return stamp === undefined ? short : `${stamp} (${short})`;
}
