import type { PublishedNode } from "../layer-details.ts";
import { layerGraph, plannedNodes } from "../planning/layer-graph.ts";
import { releaseId } from "../planning/plan.ts";
import { whyLeft } from "../planning/stale.ts";
import { boundNodes } from "../report/bounded.ts";
import { stampOf } from "../report/plan.ts";
import type { PlanSettings, Preview, Published } from "./preview.ts";

/** What `--format` of a plan can be. */
export type PlanFormat = DrawnFormat | "json";

type DrawnFormat = "text" | "markdown" | "mermaid" | "dot" | "svg" | "html";

/** What is to be shown. */
export interface Shown extends Pick<Preview, "catalog" | "plan" | "published"> {
  readonly settings: PlanSettings & { readonly output: string | undefined };
  /** Every layer, and not only what the plan builds and what that stands on. */
  readonly whole: boolean;
}

/** Draws a plan in a form for people, each loaded when it is asked for; ends with a line break. */
export async function drawPlan(
  format: DrawnFormat,
  { settings, whole, catalog, plan, published }: Shown,
): Promise<string> {
  const all = layerGraph(catalog, plan);
  const nodes = boundNodes(whole ? all : plannedNodes(all));
  const title = whole ? `Layers at ${stampOf(plan)}` : `Plan for ${stampOf(plan)}`;
  switch (format) {
    case "text":
      return (await import("../report/plan-tree.ts")).planTree(nodes, plan, widthOf(settings.output));
    case "markdown":
      return (await import("../report/plan-markdown.ts")).planMarkdown(nodes, plan);
    case "mermaid":
      return (await import("../report/plan-mermaid.ts")).planMermaid(nodes);
    case "dot": {
      const { drawLayers } = await import("../report/drawing.ts");
      return (await import("../report/plan-dot.ts")).planDot(drawLayers(nodes, catalog));
    }
    case "svg": {
      const { drawLayers } = await import("../report/drawing.ts");
      const { planSvg } = await import("../report/plan-svg.ts");
      return planSvg(drawLayers(nodes, catalog), { title, standalone: true });
    }
    case "html": {
      const [{ planPage }, { readLayerDetails }] = await Promise.all([
        import("../report/plan-page.ts"),
        import("../building/layer-details.ts"),
      ]);
      const ids = new Set(nodes.map(({ id }) => id));
      const { layers, stacks } = await readLayerDetails(settings.root, catalog, plan, ids);
      const images = published && publishedNodes(published);
      return planPage({ nodes, catalog, plan, title, details: { layers, stacks, published: images } });
    }
  }
}

/** Of the terminal that the text goes to; undefined where it goes elsewhere. Some that stand in for one have no size. */
function widthOf(output: string | undefined): number | undefined {
  return output === undefined ? process.stdout.columns || undefined : undefined;
}

/** What the rolling tag of each layer and release names, by the id of the step that would move it. */
function publishedNodes(published: Published): ReadonlyMap<string, PublishedNode> {
  return new Map(
    published.findings.map(({ kind, layer, reference, published: image }) => [
      kind === "science" ? layer.directory : releaseId(layer),
      { image, left: whyLeft(reference, published) },
    ]),
  );
}
