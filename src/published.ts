/** What is known of images that were published, as `inspect`, `history` and `diff` tell it. The JSON they print is this. */

import type { Commit } from "./model.ts";

/** An image that another one was built on, as its labels tell it. */
export interface NamedBase {
  readonly name: string;
  /** In its registry; null where it was in none when the image was built. */
  readonly digest: string | null;
}

/** An image, what it is made of, and how the checkout compares to it. */
export interface Inspection {
  readonly formatVersion: 1;
  /** In full. */
  readonly reference: string;
  readonly source: "registry" | "engine";
  /** In its registry; for a local image that is in none, the engine's id of it. */
  readonly digest: string;
  /** In bytes. */
  readonly size: number;
  /** Whether that is the size of the packed layers: in a registry, and in Docker's containerd image store. */
  readonly compressed: boolean;
  /** `linux/amd64` */
  readonly platform: string;
  /** RFC 3339, UTC; null where the image does not tell it. */
  readonly created: string | null;
  /** The commit in full; null for an image that does not tell it, as those of the original tool. */
  readonly revision: string | null;
  /** What it was built on; null where the image does not tell it. */
  readonly base: NamedBase | null;
  /** The trail, the newest layer first; empty for an image that neither this tool nor the original one has built. */
  readonly layers: readonly InspectedLayer[];
  /** The foreign image below all layers; null where nobody knows it. */
  readonly foundation: Foundation | null;
  /** Null where there was no checkout to compare with. */
  readonly checkout: Comparison | null;
}

/** One layer of an image. */
export interface InspectedLayer {
  readonly kind: "science" | "compat";
  /** The target of a science layer, the image of a release. */
  readonly name: string;
  readonly version: string;
  /** `42-f90dbd6`, with `-dirty` where it was. */
  readonly stamp: string;
  /** In full where the image tells it, otherwise its first digits, at least 7. */
  readonly commit: string;
  /** When it was built, RFC 3339, UTC; null where the image does not tell it. */
  readonly time: string | null;
  /** What has become of it in the checkout; null where there is none. */
  readonly checkout: LayerSince | null;
}

/** What has become of a layer in the checkout since the commit that it was built from. */
export type LayerSince =
  /** The catalog has no such target, or no such image and version, any more. */
  | { readonly kind: "gone" }
  /** The clone lacks the commit. */
  | { readonly kind: "unknown"; readonly directories: readonly string[] }
  | {
      readonly kind: "known";
      /** Where its files are: a release has those of all its compat layers. */
      readonly directories: readonly string[];
      /** The version that the catalog has now. */
      readonly version: string;
      /** How many commits since touch the directories. */
      readonly commits: number;
      /** How many files below them differ in the working tree. */
      readonly differing: number;
      /** The first of those, relative to the root. */
      readonly paths: readonly string[];
      /** Whether the commit leads to the one that is checked out; otherwise it is of another branch, or newer. */
      readonly leadsHere: boolean;
    };

/** The foreign image that the lowest layer stands on. */
export interface Foundation extends NamedBase {
  /** Who says so: the image itself, or the Dockerfile of the lowest layer as the checkout has it. */
  readonly from: "image" | "checkout";
}

/** The checkout that an image was compared with. */
export interface Comparison {
  /** In full. */
  readonly commit: string;
  /**
   * `same`: this checkout would make it so; `differs`: otherwise; `unknown`: it is of the original tool and this clone lacks a
   * commit that it was built from. Null where the catalog has no such image.
   */
  readonly verdict: "same" | "differs" | "unknown" | null;
  /** That commit. */
  readonly lacks: string | null;
  readonly inputs: {
    /** The digest of what went into the image; null for one of the original tool. */
    readonly image: string | null;
    /** That of what would go into it now; null where the catalog has no such image. */
    readonly checkout: string | null;
  };
}

/** Every build of an image and version that is published, the newest first. */
export interface History {
  readonly formatVersion: 1;
  /** The rolling reference. */
  readonly reference: string;
  readonly builds: readonly PublishedBuild[];
}

/** An image that an immutable tag names. */
export interface PublishedBuild {
  readonly tag: string;
  /** `42-f90dbd6`, with `-dirty` where it was. */
  readonly stamp: string;
  /** In full where the image tells it, otherwise its first digits, at least 7. */
  readonly commit: string;
  /** When it was built, RFC 3339, UTC; null where the image does not tell it. */
  readonly date: string | null;
  readonly digest: string;
  /** Null where the image does not tell it. */
  readonly base: NamedBase | null;
  /** The tags that name it now besides immutable ones: the rolling one, names of releases and branches, rollbacks. */
  readonly tags: readonly string[];
  /** What keeps it from being read as an image; null where nothing does. */
  readonly unreadable: string | null;
}

/** Two builds of an image, compared. */
export interface ImageDiff {
  readonly formatVersion: 1;
  readonly source: "registry" | "engine";
  readonly from: ComparedImage;
  readonly to: ComparedImage;
  /** As the newer side has them, the newest first; then those that only the older one has. */
  readonly layers: readonly LayerDiff[];
}

/** One side of a comparison. */
export interface ComparedImage {
  /** In full. */
  readonly reference: string;
  /** In its registry; for a local image that is in none, the engine's id of it. */
  readonly digest: string;
  /** When it was built, RFC 3339, UTC; null where the image does not tell it. */
  readonly date: string | null;
  /** What it was built on; null where the image does not tell it. */
  readonly base: NamedBase | null;
}

/** What became of a layer between two builds. */
export interface LayerDiff extends Pick<InspectedLayer, "kind" | "name"> {
  /** `rebuilt`: at another time or from another commit. */
  readonly change: "same" | "added" | "removed" | "rebuilt";
  /** Null where this side does not have it. */
  readonly from: LayerBuild | null;
  readonly to: LayerBuild | null;
  /** What happened to its files between the two; null unless it was rebuilt, and where there is no checkout to ask. */
  readonly between: Between | null;
}

/** When a layer was built and from what. */
export type LayerBuild = Pick<InspectedLayer, "version" | "stamp" | "commit" | "time">;

/** What happened to the files of a layer between two commits. */
export type Between =
  /** Neither the definitions nor the history of this clone have such a layer. */
  | { readonly kind: "gone" }
  /** The clone lacks these of the two commits. */
  | { readonly kind: "unknown"; readonly lacks: readonly string[] }
  | {
      readonly kind: "known";
      /** Where its files are: a release has those of all its compat layers, as the checkout names them. */
      readonly directories: readonly string[];
      /** The commits that touch them and lead to the newer side alone, the newest first; merges touch none. */
      readonly commits: readonly Commit[];
      /** Those that lead to the older side alone: its build has them, the newer one not. */
      readonly undone: readonly Commit[];
      readonly files: readonly FileDiff[];
    };

/** A file that is not the same in two commits; a rename is one that was removed and one that was added. */
export interface FileDiff {
  /** Relative to the root. */
  readonly path: string;
  readonly change: "added" | "removed" | "modified";
}
