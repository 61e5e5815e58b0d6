import type { Context, Contexts } from "../composing/context.ts";
import { composeDockerfile, pinBases } from "../composing/dockerfile.ts";
import type { Catalog, CompatStep, Plan, ScienceStep, Step } from "../model.ts";
import { contextDirectories } from "../planning/graph.ts";
import { immutableTag } from "../planning/names.ts";
import { Refusal } from "../problem.ts";

/** The image that a Dockerfile as it is built names. */
export interface PinnedBase {
  readonly reference: string;
  /** The science layer that it is an image of; undefined for a foreign image. */
  readonly directory: string | undefined;
  /** As the Dockerfile in git writes it; undefined for a release, which has no such line. */
  readonly written: string | undefined;
}

/** The reference that a science layer is built on by, as a Dockerfile writes it; undefined to leave it so. */
export type Pins = (directory: string, written: string | undefined) => string | undefined;

/** A Dockerfile as it is built. */
export interface PinnedDockerfile {
  readonly text: string;
  /** What the image is finally built on; undefined where that is nothing (`FROM scratch`). */
  readonly base: PinnedBase | undefined;
  /** The references of all images that it takes from. */
  readonly uses: readonly string[];
}

/** A step with its files listed, ready to be pinned to what it is built on. */
export interface PreparedStep {
  readonly step: Step;
  readonly context: Context;
  readonly pin: (pins: Pins) => PinnedDockerfile;
}

/** Lists the files of every step. */
export async function prepareSteps(
  plan: Plan,
  catalog: Catalog,
  contexts: Contexts,
): Promise<readonly PreparedStep[]> {
  const prepared: PreparedStep[] = [];
  for (const step of plan.steps) {
    const pin = (pins: Pins) =>
      step.kind === "science"
        ? pinScience(step, catalog, pins)
        : composeRelease(step, plan, catalog, pins(step.science, undefined) ?? step.bases[0] ?? "");
    prepared.push({ step, context: await contexts(contextDirectories(step, catalog)), pin });
  }
  return prepared;
}

/** The image that a release would be built on: the one of the plan if it builds it. */
export function plannedBase(step: CompatStep, plan: Plan): string {
  const science = plan.steps.find(({ id }) => id === step.science);
  return science?.tags.immutable ?? step.bases[0] ?? "";
}

/** The Dockerfile of a release that is built on the image `from`. Refuses where the fragments do not go together. */
export function composeRelease(
  step: CompatStep,
  plan: Plan,
  catalog: Catalog,
  from: string,
): PinnedDockerfile {
  const fragments = step.layers.flatMap((name) => catalog.compat.get(name) ?? []);
  const { dockerfile, problems } = composeDockerfile({
    from,
    fragments: fragments.map(({ directory, fragment }) => ({ directory, text: fragment })),
    environment: [
      [catalog.conventions.environmentVariable, `${step.image}:${immutableTag(step.version, plan.build)}`],
    ],
  });
  if (problems.length > 0) throw new Refusal(...problems);
  const base = { reference: from, directory: step.science, written: undefined };
  return { text: dockerfile, base, uses: [from] };
}

function pinScience(step: ScienceStep, catalog: Catalog, pins: Pins): PinnedDockerfile {
  const layer = catalog.science.get(step.directory);
  if (layer === undefined) throw new Error(`the plan has a step ${step.id} that the catalog lacks`);
  const replaced = new Map<string, string>();
  const named = layer.bases.map(({ layer: directory, reference: written, final }) => {
    const pin = directory === undefined ? undefined : pins(directory, written);
    if (directory !== undefined && pin !== undefined) replaced.set(directory, pin);
    return { reference: pin ?? written, directory, written, final };
  });
  return {
    text: pinBases(layer, replaced),
    base: named.find(({ final }) => final),
    uses: [...new Set(named.map(({ reference }) => reference))],
  };
}
