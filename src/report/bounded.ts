import type { LayerNode } from "../layer-node.ts";

/** How many nodes a form for people shows at most: more takes minutes to lay out, and nobody reads it. */
const most = 1500;
/** How many of those on one base are shown then: so many that are built, and so many that are not. */
const mostOnOne = 20;

/**
 * Nodes as a form for people shows them: all, or of very many some, with `… and 4,980 more` in place of those that
 * are left out on a base. In both cases each comes after what it stands on.
 */
export function boundNodes(nodes: readonly LayerNode[]): readonly LayerNode[] {
  if (nodes.length <= most) return nodes;
  const shown = new Map<string, LayerNode>();
  /** What is left out, with the node that is shown for it; undefined for none. */
  const leftOut = new Map<string, string | undefined>();
  const taken = new Map<string, number>();
  for (const node of withReleases(nodes)) {
    const [base] = node.on;
    const place = `${node.step === undefined ? "stays" : "built"} ${base ?? node.kind}`;
    const count = (taken.get(place) ?? 0) + 1;
    taken.set(place, count);
    if (base !== undefined && leftOut.has(base)) leftOut.set(node.id, leftOut.get(base));
    else if (shown.size >= most) leftOut.set(node.id, undefined);
    else if (count > mostOnOne) leftOut.set(node.id, base);
    else shown.set(node.id, node);
  }
  const counts = new Map<string | undefined, number>();
  for (const base of leftOut.values()) counts.set(base, (counts.get(base) ?? 0) + 1);
  return [...shown.values(), ...[...counts].map(([base, count]) => moreNode(base, count))];
}

/** Each release right after its science layer, so that they are shown or left out together. */
function withReleases(nodes: readonly LayerNode[]): readonly LayerNode[] {
  const releases = new Map<string, LayerNode[]>();
  for (const node of nodes) {
    if (node.kind !== "release") continue;
    const science = node.on[0] ?? "";
    releases.set(science, [...(releases.get(science) ?? []), node]);
  }
  return nodes.flatMap((node) => (node.kind === "release" ? [] : [node, ...(releases.get(node.id) ?? [])]));
}

function moreNode(base: string | undefined, count: number): LayerNode {
  const title = `… and ${count.toLocaleString("en")} more`;
  return {
    id: base === undefined ? title : `${title} on ${base}`,
    kind: "more",
    on: base === undefined ? [] : [base],
    rolling: undefined,
    step: undefined,
  };
}
