import type { LayerNode } from "../layer-node.ts";
import type { Catalog, Plan } from "../model.ts";
import { buildOrder } from "./graph.ts";
import { releaseReference, scienceReference } from "./names.ts";
import { releaseId } from "./plan.ts";

/**
 * The foreign images, science layers and releases of a catalog, each after all that it stands on. Compat layers are no nodes: a
 * release names the stack that it is composed of.
 */
export function layerGraph(catalog: Catalog, { repo, steps }: Plan): readonly LayerNode[] {
  const planned = new Map(steps.map((step) => [step.id, step]));
  const nodes = new Map<string, LayerNode>();
  const add = (node: Omit<LayerNode, "step">) => nodes.set(node.id, { ...node, step: planned.get(node.id) });
  const layers = buildOrder(catalog);
  for (const layer of layers) {
    const ordered = [...layer.bases].sort((a, b) => Number(b.final) - Number(a.final));
    for (const { layer: directory, reference } of ordered)
      if (directory === undefined && !nodes.has(reference))
        add({ id: reference, kind: "foreign", on: [], rolling: undefined });
    const on = [...new Set(ordered.map((base) => base.layer ?? base.reference))];
    add({ id: layer.directory, kind: "science", on, rolling: scienceReference(repo, layer) });
  }
  for (const layer of layers)
    if (catalog.finals.has(layer.directory) && !layer.retired) {
      const [id, on] = [releaseId(layer), [layer.directory]];
      add({ id, kind: "release", on, rolling: releaseReference(repo, layer) });
    }
  return [...nodes.values()];
}

/** Of all nodes, those that a plan builds and what these stand on, in the same order. */
export function plannedNodes(nodes: readonly LayerNode[]): readonly LayerNode[] {
  const wanted = new Set<string>();
  for (const { id, on, step } of nodes.toReversed())
    if (step !== undefined || wanted.has(id)) for (const each of [id, ...on]) wanted.add(each);
  return nodes.filter(({ id }) => wanted.has(id));
}
