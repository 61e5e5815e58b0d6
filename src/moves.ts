/** What becomes of tags: in a publish, and where people move them on purpose, as `promote` and `rollback` tell it. */

/** What becomes of a tag in a publish. `from` is the digest that it names now, `stamp` that of the build, where it tells it. */
export type Move =
  | { readonly kind: "new" }
  | { readonly kind: "moves"; readonly from: string; readonly stamp: string | undefined }
  /** It names what it is to name already. */
  | { readonly kind: "same"; readonly from: string }
  /**
   * It does not move, and `why` says to a person why not: `newer`: it names a build of a later commit, and nothing is wrong;
   * `stays`: it must not, and the run fails for it.
   */
  | {
      readonly kind: "newer" | "stays";
      readonly from: string;
      readonly stamp: string | undefined;
      readonly why: string;
    };

/** How a commit stands to the one that is built. `older`: it leads there, or is it; `newer`: the other way round. */
export type Ancestry =
  | { readonly kind: "older" | "newer" }
  /** Neither leads to the other. `subject` is the first line of its message. */
  | { readonly kind: "diverged"; readonly subject: string }
  /** This clone does not have it. */
  | { readonly kind: "unknown" };

/** A tag, by its reference in full, and what would become of it. */
export type TagMove = Move & { readonly tag: string };

/** What a plan is known to come to, each by the id of a step. */
export interface Outlook {
  /** The digest of what goes into it. */
  readonly inputs: ReadonlyMap<string, string>;
  /** What publishing would do: the immutable tag, then those that move. Undefined where no registry was asked. */
  readonly moves: ReadonlyMap<string, readonly TagMove[]> | undefined;
}

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
   * `moves`: it would; `same`: unchanged; `failed`: the registry did not confirm the move, and can have made
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
