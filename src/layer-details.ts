import type { PublishedImage } from "./status.ts";
import type { Left } from "./why.ts";

/** What a page tells of the layers of a graph besides the graph and the plan. */
export interface LayerDetails {
  /** By the id of the node; foreign images have none. */
  readonly layers: ReadonlyMap<string, LayerDetail>;
  /** The files of each compat stack, by the name of the compat layer that it ends with. */
  readonly stacks: ReadonlyMap<string, ContextFiles>;
  /** What the rolling tag of each node names; undefined where the registry was not asked. */
  readonly published: ReadonlyMap<string, PublishedNode> | undefined;
}

/** What a rolling tag names. */
export interface PublishedNode {
  /** Null for nothing. */
  readonly image: PublishedImage | null;
  /** Undefined where it is as the checkout would make it, or is built. */
  readonly left: Left | undefined;
}

/** What a science layer or a release is defined by. */
export interface LayerDetail {
  /** The definition files that have a say in it, the layer's own first. */
  readonly definitions: readonly SourceFile[];
  /** As it stands in git; of a release the composed one, as it would be built now. */
  readonly dockerfile: string;
  /** The files that it is built from; for a release the name of its stack. */
  readonly files: ContextFiles | string;
}

/** A text file of the checkout. */
export interface SourceFile {
  /** Relative to the root. */
  readonly path: string;
  readonly text: string;
}

/** The files and links that a build sees besides its Dockerfile. */
export interface ContextFiles {
  readonly listed: readonly ContextFile[];
  /** How many there are besides those listed. */
  readonly more: number;
}

/** A file of a build. */
export interface ContextFile {
  readonly path: string;
  /** The directory of the layer that it comes from. */
  readonly from: string;
  /** In bytes; null for a link. */
  readonly size: number | null;
  /** The directories of the layers whose file it takes the place of. */
  readonly over: readonly string[];
}
