import type { LayerNode } from "../layer-node.ts";
import type { Plan } from "../model.ts";

/** Writes a plan in one of its forms; ends with a line break. */
export type PlanForm = (nodes: readonly LayerNode[], plan: Plan) => string;

/** What `--format` of a plan can be, besides JSON. */
export type DrawnFormat = "text" | "markdown" | "mermaid";

/** The forms of a plan that are drawn, each loaded when it is asked for. */
export const planForms: Readonly<Record<DrawnFormat, () => Promise<PlanForm>>> = {
  text: async () => (await import("../report/plan-tree.ts")).planTree,
  markdown: async () => (await import("../report/plan-markdown.ts")).planMarkdown,
  mermaid: async () => (await import("../report/plan-mermaid.ts")).planMermaid,
};
