import type { Commit, Reason } from "./model.ts";

/** Why an image is built or why it is not, as `why` tells it. The JSON it prints is this. */
export interface Why {
  readonly formatVersion: 1;
  /** That of the step which makes the image: `science/…`, the directory, or `compat/{image}:{version}`. */
  readonly id: string;
  /** What the changes were taken from; null where git was not asked. */
  readonly ref: string | null;
  /** The reference that it is built as; null where it is not built. */
  readonly builds: string | null;
  /** What its build begins with, each with the chain that leads to it; empty where it is not built. */
  readonly causes: readonly Cause[];
  /** Why it is not built, the main reason first; empty where it is. */
  readonly obstacles: readonly Obstacle[];
  /** The directories of the layers that it is made of, from the ground up. */
  readonly layers: readonly string[];
  /** The last commit that leads to `HEAD` and changed one of them; null where it is built, or none is known. */
  readonly lastChange: Commit | null;
}

/** Something that an image's build begins with. */
export interface Cause {
  readonly reason:
    | Extract<Reason, { readonly kind: "requested" | "unpublished" | "stale" }>
    | { readonly kind: "changed" };
  /** The files that changed; empty for any other reason. */
  readonly files: readonly ChangedFile[];
  /** From where it begins to the image. */
  readonly chain: readonly Link[];
}

/** A file that changed and thereby a layer. */
export interface ChangedFile {
  /** Relative to the root. */
  readonly path: string;
  /** The commits between the two sides of the ref that touch it, the newest first; merges touch none. */
  readonly commits: readonly Commit[];
  /** It differs from the last commit. */
  readonly uncommitted: boolean;
}

/** A layer or release of a chain. */
export interface Link {
  /** The directory of a layer, the id of a release. */
  readonly id: string;
  /** Where it says that it stands on the one before: `science/a/Dockerfile:3`; null for the first one. */
  readonly by: string | null;
}

/** Why `--stale` leaves an image as it is that is not what the checkout would make, as far as anybody knows. */
export type Left = Extract<Obstacle, { readonly kind: "rolled-back" | "unknown" }>;

/** Something that keeps an image from being built. */
export type Obstacle =
  /** `by` is the definition that says so; of a science layer that only retired releases stand on, null. */
  | { readonly kind: "retired"; readonly by: string | null }
  /** Nothing that counts has changed in what it is made of. */
  | { readonly kind: "unchanged" }
  /** `--include` names nothing of what it is made of. */
  | { readonly kind: "not-included" }
  /** The registry holds it as this checkout would make it. */
  | { readonly kind: "current" }
  /** Its rolling tag was taken back, and stays so. */
  | { readonly kind: "rolled-back" }
  /** It goes by its trail, and this clone lacks the commit. */
  | { readonly kind: "unknown"; readonly commit: string }
  /** `--ignore` names a layer that would have counted. */
  | { readonly kind: "ignored"; readonly directory: string }
  /** Files changed that never get into the image; `by` is the pattern's place: `science/a/.dockerignore:3`. */
  | { readonly kind: "dockerignored"; readonly by: string; readonly paths: readonly string[] }
  /** Definitions were changed only to retire their layers, which changes nothing in these. */
  | { readonly kind: "only-retired"; readonly paths: readonly string[] }
  /** Files that git does not know yet. */
  | { readonly kind: "untracked"; readonly paths: readonly string[] }
  /** Files that git ignores. */
  | { readonly kind: "git-ignored"; readonly paths: readonly string[] }
  /** Files that differ from the last commit, where only commits are compared. */
  | { readonly kind: "uncommitted"; readonly paths: readonly string[] };
