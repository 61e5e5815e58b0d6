import type { Catalog, CompatStep, Plan } from "../model.ts";
import { nearest } from "../nearest.ts";
import { makePlan } from "../planning/plan.ts";
import { Refusal } from "../problem.ts";
import { logPlan, planTable } from "../report/plan.ts";
import { preview } from "./preview.ts";
import type { PlanSettings } from "./preview.ts";
import type { Surroundings } from "./surroundings.ts";

/** How a plan is shown, as the command line gives it. */
export interface PlanOutput extends PlanSettings {
  readonly format: "text" | "json";
  /** `IMAGE` or `IMAGE:VERSION`, whose composed Dockerfile is to be shown instead of the plan. */
  readonly showDockerfile: string | undefined;
}

/** `image-builder plan`: prints the plan, or the Dockerfile of a release. Gives the exit code. */
export async function plan(settings: PlanOutput, surroundings: Surroundings): Promise<number> {
  const { log, out } = surroundings;
  const { catalog, plan: made } = await preview(settings, surroundings);
  if (settings.showDockerfile === undefined) {
    logPlan(made, log);
    out(settings.format === "json" ? `${JSON.stringify(made, undefined, 2)}\n` : planTable(made));
    return 0;
  }
  const step = findRelease(made, catalog, settings.showDockerfile);
  const { composeRelease } = await import("../building/prepare.ts");
  out(composeRelease(step, made, catalog, baseOf(step, made)).text);
  return 0;
}

/** The image that the release would be built on: the one of this plan if it builds it. */
function baseOf(step: CompatStep, made: Plan): string {
  const science = made.steps.find(({ id }) => id === step.science);
  return science?.tags.immutable ?? step.bases[0] ?? "";
}

/** The step that makes a release, whether it is in the plan or not. */
function findRelease({ repo, build }: Plan, catalog: Catalog, name: string): CompatStep {
  const changes = new Map([...catalog.finals].map((directory) => [directory, []]));
  const { steps } = makePlan({ catalog, changes, repo, ref: null, build });
  const releases = steps.filter((step) => step.kind === "compat");
  const found = releases.filter((step) => step.image === name || nameOf(step) === name);
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  const meant = nearest(
    name,
    releases.flatMap((step) => [step.image, nameOf(step)]),
  );
  throw new Refusal(
    found.length > 1
      ? {
          kind: "usage",
          message: `${name} has several versions`,
          hint: `name one: ${found.map(nameOf).join(", ")}`,
        }
      : {
          kind: "usage",
          message: `no layer makes an image ${name}`,
          hint: meant === undefined ? "image-builder plan --all lists them" : `did you mean ${meant}?`,
        },
  );
}

function nameOf({ image, version }: CompatStep): string {
  return `${image}:${version}`;
}
