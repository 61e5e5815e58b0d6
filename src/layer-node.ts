import type { Step } from "./model.ts";

/** A layer, a release or a foreign image, as the forms of a plan draw it. */
export interface LayerNode {
  /** Of a step, also where the plan does not have it; the reference of a foreign image. */
  readonly id: string;
  /** `more`: it stands for nodes that a form for people leaves out. */
  readonly kind: "foreign" | "science" | "release" | "more";
  /** The ids of what it stands on; for a science layer first what its final stage does. */
  readonly on: readonly string[];
  /** The rolling reference of what it makes; undefined for a foreign image. */
  readonly rolling: string | undefined;
  /** What the plan does with it; undefined where it stays as it is. */
  readonly step: Step | undefined;
}
