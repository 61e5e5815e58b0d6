import type { LayerNode } from "../layer-node.ts";
import type { Catalog, Plan } from "../model.ts";
import { json } from "./text.ts";

/** Nodes as JSON, described by docs/graph.schema.json; ends with a line break. */
export function graphJson(nodes: readonly LayerNode[], catalog: Catalog, plan: Plan): string {
  const { formatVersion, repo, ref, build } = plan;
  const described = nodes.map((node) => describeNode(node, catalog));
  return json({ formatVersion, repo, ref, build, nodes: described });
}

function describeNode({ id, kind, on, rolling, step }: LayerNode, catalog: Catalog): object {
  const layer = catalog.science.get(kind === "release" ? (on[0] ?? "") : id);
  if (kind === "foreign" || layer === undefined) return { id, kind, on };
  const { directory, image, version, target, compat, retired } = layer;
  const planned = step === undefined ? null : { immutable: step.tags.immutable, because: step.because };
  if (kind === "science") {
    const final = catalog.finals.has(directory);
    return { id, kind, on, image, version, target, final, retired, rolling, planned };
  }
  return { id, kind, on, image, version, layers: catalog.stacks.get(compat), rolling, planned };
}
