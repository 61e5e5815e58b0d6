import { refuseObstacles } from "../building/obstacles.ts";
import { definitionFile } from "../conventions.ts";
import type { Catalog, CompatStep, Plan } from "../model.ts";
import { releaseId, releaseSteps } from "../planning/plan.ts";
import { Refusal } from "../problem.ts";
import { logPlan } from "../report/plan.ts";
import { tellWarnings, writeOutput } from "./output.ts";
import { drawPlan } from "./plan-forms.ts";
import type { PlanFormat } from "./plan-forms.ts";
import { preview } from "./preview.ts";
import type { PlanSettings, Preview } from "./preview.ts";
import { findRelease } from "./select.ts";
import type { Surroundings } from "./surroundings.ts";
import { tellIncomplete } from "./uncommitted.ts";

/** How a plan is shown, as the command line gives it. */
export interface PlanOutput extends PlanSettings {
  readonly format: PlanFormat;
  /** Ask the registry what publishing would do to each tag. */
  readonly push: boolean;
  /** `IMAGE` or `IMAGE:VERSION`, whose composed Dockerfile is to be shown instead of the plan. */
  readonly showDockerfile: string | undefined;
  /** The file it is written to; undefined for standard output. */
  readonly output: string | undefined;
}

/** `image-builder plan`: prints the plan, or the Dockerfile of a release. Gives the exit code. */
export async function plan(settings: PlanOutput, surroundings: Surroundings): Promise<number> {
  const seen = await preview(settings, surroundings);
  if (settings.images.length > 0) (await import("./why.ts")).tellUnplanned(seen, settings, surroundings);
  const { catalog, plan: made } = seen;
  tellIncomplete(seen, surroundings);
  if (settings.showDockerfile === undefined) {
    logPlan(made, surroundings.log);
    if (!["text", "json", "markdown"].includes(settings.format)) tellWarnings(made, surroundings);
    await writeOutput(settings.output, await show(seen, settings, surroundings), surroundings);
    return 0;
  }
  const step = releaseStep(made, catalog, settings.showDockerfile);
  // It may be a release that the plan does not make.
  await refuseObstacles(settings.root, [step], catalog);
  const { composeRelease, plannedBase } = await import("../building/prepare.ts");
  const { text } = composeRelease(step, made, catalog, plannedBase(step, made));
  await writeOutput(settings.output, text, surroundings);
  return 0;
}

/** The plan in the form that was asked for. What only some forms need is read for those alone. */
async function show(seen: Preview, settings: PlanOutput, surroundings: Surroundings): Promise<string> {
  const { format, root, push } = settings;
  const shown = { ...seen, settings, whole: false };
  if (format !== "json" && !push) return drawPlan(format, shown);
  if (format !== "json" && format !== "text") {
    throw new Refusal({
      kind: "usage",
      message: `--format ${format} does not tell what publishing would do`,
      hint: "give --push with --format text or json",
    });
  }
  if (push) await (await import("./branch.ts")).requirePublishingBranch(settings, surroundings.environment);
  const [{ inputsOutlook, publishOutlook }, { movesTable, planJson }] = await Promise.all([
    import("./outlook.ts"),
    import("../report/moves.ts"),
  ]);
  const outlook = push
    ? await publishOutlook(seen, { root, base: "registry", forceRolling: false, named: [] }, surroundings)
    : await inputsOutlook(seen, root);
  if (format === "json") return planJson(seen.plan, outlook);
  const moves = outlook.moves === undefined ? "" : movesTable(seen.plan, outlook.moves);
  const tree = await drawPlan("text", shown);
  return moves === "" ? tree : `${tree}\n${moves}`;
}

/** The step that makes a release, whether it is in the plan or not. */
function releaseStep(made: Plan, catalog: Catalog, name: string): CompatStep {
  const layer = findRelease(catalog, name);
  if (layer.retired) {
    throw new Refusal({
      kind: "usage",
      message: `${name} is retired: no release of it is made any more`,
      hint: `take "retired" out of ${definitionFile(layer.directory)} to see what it would be`,
    });
  }
  const step = releaseSteps(catalog, made).find(({ id }) => id === releaseId(layer));
  if (step === undefined) throw new TypeError(`a final layer, ${layer.directory}, makes no release`);
  return step;
}
