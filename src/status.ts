import type { Difference } from "./model.ts";

/** How the catalog compares to a registry, as `status` tells it. The JSON it prints is this. */
export interface Status {
  readonly formatVersion: 1;
  readonly repo: string;
  /** The commit that is checked out, in full. */
  readonly commit: string;
  /** Each release of the catalog, by image and version; then each science layer's own product, by directory. */
  readonly images: readonly ImageStatus[];
  /** What the registry has and the catalog no longer does, by image and version. */
  readonly orphans: readonly Orphan[];
}

/** An image that a rolling tag of a registry names. */
export interface PublishedImage {
  readonly digest: string;
  /** `42-f90dbd6`, with `-dirty` where it was; null where the image does not tell it. */
  readonly stamp: string | null;
  /** In full where the image tells it, otherwise its first digits, at least 7; null where it tells none. */
  readonly commit: string | null;
  /** When it was built, RFC 3339, UTC; null where the image does not tell it. */
  readonly date: string | null;
  /** What keeps it from being read as an image; null where nothing does. */
  readonly unreadable: string | null;
}

/** An image of the catalog and what is published of it. */
export interface ImageStatus {
  /** That of the step which makes it: `science/…`, the directory, or `compat/{image}:{version}`. */
  readonly id: string;
  readonly kind: "science" | "release";
  readonly image: string;
  readonly version: string;
  /** The rolling reference. */
  readonly reference: string;
  /**
   * `current`: up to date with this checkout. `behind`: made from something else. `diverged`: the same, and from a commit that
   * does not lead to the one that is checked out: a newer one, or one of another branch. `rolled-back`: held by a rollback,
   * be it its own or that of a layer below. `replaced`: another image than the build that it says it is. `unreadable`: no
   * whole image. `unknown`: it goes by its trail, and this clone lacks a commit of that. `retired`: nothing live stands on it, and it gets no more builds.
   */
  readonly state:
    | "current"
    | "behind"
    | "diverged"
    | "rolled-back"
    | "replaced"
    | "unreadable"
    | "unknown"
    | "unpublished"
    | "retired";
  /** Of what is rolled back: the rolling reference that was, its own or that of a science layer below; otherwise null. */
  readonly heldBy: string | null;
  readonly published: PublishedImage | null;
  /** What differs from this checkout; empty if it is up to date, unknown or unpublished. */
  readonly differs: readonly Difference[];
  /** The layers that it is behind in, from the ground up; empty where it is not, or where nobody can tell. */
  readonly behind: readonly Lag[];
}

/** A layer that has moved on since an image was built. */
export interface Lag {
  readonly kind: "science" | "compat";
  readonly directory: string;
  /** The commit that it was built from, in full where the image tells it; null where its labels do not tell it. */
  readonly commit: string | null;
  /** How many commits since have touched it; null where that is unknown, or this clone lacks the commit. */
  readonly commits: number | null;
  /** The working tree differs from the commit there. */
  readonly uncommitted: boolean;
}

/** An image and version of the registry that no layer makes any more: it gets no compat updates. */
export interface Orphan {
  readonly image: string;
  readonly version: string;
  readonly reference: string;
  readonly published: PublishedImage | null;
  /** The definition file that made it last; null where the history of this clone does not tell. */
  readonly definition: string | null;
  /** The commit that ended it, in full; null likewise. */
  readonly commit: string | null;
  /** It was retired before it went, so that nobody expects updates. */
  readonly retired: boolean;
  /** Another publishing branch that still makes it, and so no orphan; null where none does. */
  readonly branch: string | null;
}
