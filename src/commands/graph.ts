import { layerGraph } from "../planning/layer-graph.ts";
import { logPlan } from "../report/plan.ts";
import { tellWarnings, writeOutput } from "./output.ts";
import { drawPlan } from "./plan-forms.ts";
import type { PlanFormat } from "./plan-forms.ts";
import { preview } from "./preview.ts";
import type { PlanSettings, Preview } from "./preview.ts";
import type { Surroundings } from "./surroundings.ts";

/** How the graph is shown, as the command line gives it. */
export interface GraphSettings extends PlanSettings {
  readonly format: PlanFormat;
  /** The file it is written to; undefined for standard output. */
  readonly output: string | undefined;
}

/** `image-builder graph`: prints every layer and what it stands on, with what the plan builds marked. Gives the exit code. */
export async function graph(settings: GraphSettings, surroundings: Surroundings): Promise<number> {
  const seen = await preview(settings, surroundings);
  logPlan(seen.plan, surroundings.log);
  if (!["text", "markdown"].includes(settings.format)) tellWarnings(seen.plan, surroundings);
  await writeOutput(settings.output, await show(seen, settings), surroundings);
  return 0;
}

async function show(seen: Preview, settings: GraphSettings): Promise<string> {
  const { catalog, plan } = seen;
  const { format } = settings;
  if (format !== "json") return drawPlan(format, { ...seen, settings, whole: true });
  const { graphJson } = await import("../report/graph-json.ts");
  return graphJson(layerGraph(catalog, plan), catalog, plan);
}
