import type { LayerNode } from "../layer-node.ts";
import type { Catalog, Plan } from "../model.ts";
import { buildOrder } from "./graph.ts";
import { releaseId } from "./plan.ts";

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

/** Of all nodes, those that a plan builds and what these stand on, in the same order. */
export function plannedNodes(nodes: readonly LayerNode[]): readonly LayerNode[] {
  const wanted = new Set<string>();
  for (const { id, on, step } of nodes.toReversed())
    if (step !== undefined || wanted.has(id)) for (const each of [id, ...on]) wanted.add(each);
  return nodes.filter(({ id }) => wanted.has(id));
}
