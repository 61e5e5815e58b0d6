import { readContext } from "../composing/context.ts";
import type { Context } from "../composing/context.ts";
import { composeDockerfile, pinBases } from "../composing/dockerfile.ts";
import type { Base, Catalog, CompatStep, Plan, ScienceStep, Step } from "../model.ts";
import { immutableTag } from "../planning/names.ts";
import { describeProblem, Refusal } from "../problem.ts";
import type { Problem } from "../problem.ts";

/** A Dockerfile as it is built. */
export interface PinnedDockerfile {
  readonly text: string;
  /** The reference that the image is finally built on; undefined where that is nothing (`FROM scratch`). */
  readonly base: string | undefined;
  /** The references of all images that it takes from. */
  readonly uses: readonly string[];
}

/** A step with its files listed, ready to be pinned to what it is built on. */
export interface PreparedStep {
  readonly step: Step;
  readonly context: Context;
  /** Takes the reference that each science layer is built on by, keyed by the layer's directory. */
  readonly pin: (layers: ReadonlyMap<string, string>) => PinnedDockerfile;
}

/** Lists the files of every step and composes what is composed; refuses with all that stands in the way of a build. */
export async function prepareSteps(
  root: string,
  plan: Plan,
  catalog: Catalog,
): Promise<readonly PreparedStep[]> {
  const prepared: PreparedStep[] = [];
  // Many releases share a compat layer: what is wrong with it is said once.
  const problems = new Map<string, Problem>();
  const collect = (error: unknown) => {
    if (!(error instanceof Refusal)) throw error;
    for (const problem of error.problems) problems.set(describeProblem(problem), problem);
  };
  for (const step of plan.steps) {
    const pin = (layers: ReadonlyMap<string, string>) =>
      step.kind === "science"
        ? pinScience(step, catalog, layers)
        : composeRelease(step, plan, catalog, layers.get(step.science) ?? step.bases[0] ?? "");
    try {
      pin(new Map());
    } catch (error) {
      collect(error);
    }
    await readContext(root, directoriesOf(step, catalog)).then(
      (context) => prepared.push({ step, context, pin }),
      collect,
    );
  }
  if (problems.size > 0) throw new Refusal(...problems.values());
  return prepared;
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
    environment: [["SCISERVER_IMAGE", `${step.image}:${immutableTag(step.version, plan.build)}`]],
  });
  if (problems.length > 0) throw new Refusal(...problems);
  return { text: dockerfile, base: from, uses: [from] };
}

function pinScience(
  step: ScienceStep,
  catalog: Catalog,
  layers: ReadonlyMap<string, string>,
): PinnedDockerfile {
  const layer = catalog.science.get(step.directory);
  if (layer === undefined) throw new Error(`the plan has a step ${step.id} that the catalog lacks`);
  const base = layer.bases.find(({ final }) => final);
  const pinned = (named: Base) =>
    (named.layer === undefined ? undefined : layers.get(named.layer)) ?? named.reference;
  return {
    text: pinBases(layer, layers),
    base: base === undefined ? undefined : pinned(base),
    uses: [...new Set(layer.bases.map(pinned))],
  };
}

function directoriesOf(step: Step, catalog: Catalog): readonly string[] {
  if (step.kind === "science") return [step.directory];
  return step.layers.flatMap((name) => catalog.compat.get(name)?.directory ?? []);
}
