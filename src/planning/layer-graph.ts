import type { Catalog, Plan, Step } from "../model.ts";
import { buildOrder } from "./graph.ts";
import { releaseId } from "./plan.ts";

/** A layer, a release or a foreign image, as the forms of a plan draw it. */
export interface LayerNode {
  /** Of a step, also where the plan does not have it; the reference of a foreign image. */
  readonly id: string;
  readonly kind: "foreign" | "science" | "release";
  /** The ids of what it stands on; for a science layer first what its final stage does. */
  readonly on: readonly string[];
  /** What the plan does with it; undefined where it stays as it is. */
  readonly step: Step | undefined;
}

/**
 * The foreign images, science layers and releases of a catalog, each after all that it stands on. Compat layers are no nodes: a
 * release names the stack that it is composed of.
 */
export function layerGraph(catalog: Catalog, { steps }: Plan): readonly LayerNode[] {
  const planned = new Map(steps.map((step) => [step.id, step]));
  const nodes = new Map<string, LayerNode>();
  const add = (id: string, kind: LayerNode["kind"], on: readonly string[]) =>
    nodes.set(id, { id, kind, on, step: planned.get(id) });
  const layers = buildOrder(catalog);
  for (const { directory, bases } of layers) {
    const ordered = [...bases].sort((a, b) => Number(b.final) - Number(a.final));
    for (const { layer, reference } of ordered)
      if (layer === undefined && !nodes.has(reference)) add(reference, "foreign", []);
    add(directory, "science", [...new Set(ordered.map(({ layer, reference }) => layer ?? reference))]);
  }
  for (const layer of layers)
    if (catalog.finals.has(layer.directory) && !layer.retired)
      add(releaseId(layer), "release", [layer.directory]);
  return [...nodes.values()];
}
