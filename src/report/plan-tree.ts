import type { LayerNode } from "../layer-node.ts";
import type { Plan } from "../model.ts";
import { nothingToBuild, orphanLines, planTotals, stampOf, uncommittedText, why } from "./plan.ts";
import { printable, wrap } from "./text.ts";
import { warningLines } from "./warnings.ts";

/** A node with the lines of the tree that lead to it, and those that pass it to what comes below. */
interface Place {
  readonly node: LayerNode;
  readonly to: string;
  readonly past: string;
  /** The node itself stands further up. */
  readonly continued?: true;
}

/** How far (in characters) a tree goes to the right: what is deeper goes on below it, or a long chain would be all indentation. */
const deepest = 48;

/**
 * Nodes as a tree from the foreign images to the releases; what is built is marked, and why it is. Each stands once, on the
 * base of its final stage; what else it takes from is said beside it. Lines have `width` characters, as far as names and paths
 * let them. Ends with a line break.
 */
export function planTree(nodes: readonly LayerNode[], plan: Plan, width = 80): string {
  const above = childrenOf(nodes);
  const roots = (above.get(undefined) ?? []).filter(({ kind, id }) => kind !== "foreign" || above.has(id));
  const waiting = roots.toReversed().map((node): Place => ({ node, to: "", past: "" }));
  let tree = "";
  // A chain of layers can be longer than a stack of calls.
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    const { node, to, past, continued = false } = place;
    const children = above.get(node.id) ?? [];
    const hanging = `${past}${children.length === 0 ? "  " : "│ "}  `;
    const lines = continued ? [`… ${printable(node.id)}`] : nodeLines(node, width - hanging.length);
    for (const [index, line] of lines.entries()) tree += `${index === 0 ? to : hanging}${line}\n`;
    if (past.length >= deepest && children.length > 0) {
      tree += `${past}└─ … goes on below\n`;
      waiting.unshift({ node, to: "", past: "", continued: true });
      continue;
    }
    const below = children.map((child, index): Place => {
      const last = index === children.length - 1;
      return { node: child, to: `${past}${last ? "└─ " : "├─ "}`, past: `${past}${last ? "   " : "│  "}` };
    });
    waiting.push(...below.toReversed());
  }
  const said = plan.steps.length === 0 ? nothingToBuild(plan) : summary(plan, width);
  const orphans = orphanLines(plan).map((line) => `${printable(line)}\n`);
  const warnings = warningLines(plan).map((line) => `${line}\n`);
  return `${tree === "" ? "" : `${tree}\n`}${said}${orphans.join("")}${warnings.join("")}`;
}

/** What stands on each node, those on none under undefined. */
function childrenOf(nodes: readonly LayerNode[]): ReadonlyMap<string | undefined, readonly LayerNode[]> {
  const children = new Map<string | undefined, LayerNode[]>();
  for (const node of nodes) {
    const base = node.on[0];
    const found = children.get(base);
    if (found === undefined) children.set(base, [node]);
    else found.push(node);
  }
  return children;
}

/** The reason follows on the same line if there is room for all of it. */
function nodeLines({ id, on: [, ...others], step }: LayerNode, room: number): readonly string[] {
  const name = printable(others.length === 0 ? id : `${id} (takes from ${others.join(", ")})`);
  if (step === undefined) return wrap(name, room);
  const reason = printable(why(step));
  const line = `* ${name} — ${reason}`;
  return line.length <= room ? [line] : [...wrap(`* ${name}`, room), ...wrap(reason, room)];
}

function summary(plan: Plan, width: number): string {
  const tag = `VERSION-${stampOf(plan)}`;
  const { uncommitted = [] } = plan;
  const lines = [
    `* to build: ${planTotals(plan)}`,
    ...(uncommitted.length > 0
      ? [printable(`Uncommitted files go into these images: ${uncommittedText(uncommitted)}`)]
      : []),
    plan.build.dirty
      ? `Tags: ${tag} only, in ${plan.repo}; rolling tags stay`
      : `Tags: ${tag} and VERSION, in ${plan.repo}`,
  ];
  return lines.map((line) => `${wrap(line, width).join("\n")}\n`).join("");
}
