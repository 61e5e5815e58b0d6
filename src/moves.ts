/** What becomes of tags that people move on purpose, as `promote` and `rollback` tell it. */

/** A promotion. The JSON that `promote --format json` prints is this. */
export interface Promotion {
  readonly formatVersion: 1;
  readonly repo: string;
  /** The name whose images were promoted; null for those of the rolling tags. */
  readonly from: string | null;
  readonly to: readonly string[];
  /** Nothing was written. */
  readonly dryrun: boolean;
  readonly tags: readonly PromotedTag[];
}

/** A tag of a promotion. */
export interface PromotedTag {
  /** The references in full: of the tag, and of the one whose image it gets. */
  readonly tag: string;
  readonly source: string;
  /** The digest that it named; null where it did not exist. */
  readonly was: string | null;
  /** The digest that it names now or, with `--dryrun`, would; what it named where it was not moved. */
  readonly is: string | null;
  /**
   * `moves`: it would; `same`: it named it already; `failed`: the registry did not confirm the move, and can have made
   * it all the same; `skipped`: it was not tried after another one failed.
   */
  readonly result: "moves" | "moved" | "same" | "failed" | "skipped";
}

/** Where a rolling tag is taken. */
export interface Rollback {
  /** The rolling reference in full. */
  readonly tag: string;
  readonly was: TaggedBuild;
  readonly is: TaggedBuild;
  /** The next publish leaves the tag where it is then. */
  readonly held: boolean;
}

/** What a rolling tag names. */
export interface TaggedBuild {
  readonly digest: string;
  /** `42-f90dbd6`; undefined for an image that no immutable tag names. */
  readonly stamp: string | undefined;
}
