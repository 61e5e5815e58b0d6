import type { Build, Plan, Step } from "../model.ts";
import type { Inputs } from "../planning/labels.ts";
import { isDirty } from "../planning/names.ts";
import { inputsIn, isTrailLabel } from "../planning/trail.ts";
import { ownLayer } from "../planning/verdict.ts";
import { Refusal } from "../problem.ts";
import type { Problem } from "../problem.ts";
import type { RegistryReader } from "../registry/registry.ts";
import { byDigest } from "./bases.ts";
import type { BaseImage, Bases } from "./bases.ts";
import { inputsOf } from "./inputs.ts";
import type { InputsReader } from "./inputs.ts";
import { see } from "./seen.ts";
import type { Seen } from "./seen.ts";

/** An image that may be the one which a step would build. */
interface Candidate extends Seen {
  readonly reference: string;
}

/**
 * The steps whose build is in the registry already: an image of the same inputs under the immutable tag, or one that the original
 * tool built from this commit. By id; and the inputs of all steps, `open` gives their reader. Refuses with every immutable tag that
 * holds something else, since those never change.
 */
export async function findReusable(
  { steps, build }: Plan,
  open: (reused: Bases) => InputsReader,
  registry: RegistryReader,
): Promise<{
  readonly reused: ReadonlyMap<string, BaseImage>;
  readonly inputs: ReadonlyMap<string, Inputs>;
}> {
  const candidates = await Promise.all(steps.map((step) => findCandidate(step, build, registry)));
  const problems: Problem[] = [];
  const reused = new Map<string, BaseImage>();
  const trails = new Map<string, Seen["labels"]>();
  const inputs = new Map<string, Inputs>();
  const reader = open((directory) => reused.get(directory));
  // In the order of the plan: what a step stands on is found before it.
  for (const [index, step] of steps.entries()) {
    const expected = await inputsOf(reader, step);
    inputs.set(step.id, expected);
    const there = candidates[index];
    if (there === undefined) continue;
    const { reference, digest, labels } = there;
    const found = inputsIn(labels)?.digest;
    const same = found === undefined ? isOfCommit(step, build, labels, trails) : found === expected.digest;
    if (!same) {
      problems.push(occupied(step.id, reference, found));
      continue;
    }
    const identity = found ?? digest;
    reused.set(step.id, { name: reference, pin: byDigest(reference, digest), digest, identity });
    trails.set(step.id, labels);
  }
  if (problems.length > 0) throw new Refusal(...problems);
  return { reused, inputs };
}

/**
 * What the immutable tag of a step names. The original tool wrote more digits of the commit where git does, so where there is no
 * such tag the rolling one tells by its trail whether there is one of that tool.
 */
async function findCandidate(
  step: Step,
  build: Build,
  registry: RegistryReader,
): Promise<Candidate | undefined> {
  const { tags } = step;
  const there = await see(registry, tags.immutable);
  if (there !== undefined) return { ...there, reference: tags.immutable };
  const rolling = build.dirty ? undefined : await see(registry, tags.rolling);
  if (rolling === undefined || inputsIn(rolling.labels) !== undefined) return undefined;
  const stamp = stampOfCommit(step, build, rolling.labels);
  if (stamp === undefined) return undefined;
  const reference = `${tags.rolling}-${stamp}`;
  const named = await registry.resolve(reference);
  return named?.digest === rolling.digest ? { ...rolling, reference } : undefined;
}

/** The stamp that the trail of an image says it was built with, where that is of the commit and for the step. */
function stampOfCommit(step: Step, build: Build, labels: Seen["labels"]): string | undefined {
  const own = ownLayer(labels, step.kind === "science" ? "science" : "release", step);
  const right =
    own !== undefined &&
    own.version === step.version &&
    !build.dirty &&
    !isDirty(own.stamp) &&
    build.commit.startsWith(own.commit);
  return right ? own.stamp : undefined;
}

/** Whether an image without inputs is what the original tool made of a step, on the images that are reused below it. */
function isOfCommit(
  step: Step,
  build: Build,
  labels: Seen["labels"],
  below: ReadonlyMap<string, Seen["labels"]>,
): boolean {
  if (stampOfCommit(step, build, labels) === undefined) return false;
  const trail = Object.entries(labels).filter(([label]) => isTrailLabel(label));
  return step.needs.every((need) => {
    const base = below.get(need);
    return base !== undefined && trail.every(([label, value]) => !(label in base) || base[label] === value);
  });
}

function occupied(id: string, reference: string, found: string | undefined): Problem {
  const holds =
    found === undefined
      ? "an image that does not say what it was built from"
      : `an image of other inputs (${found.slice(0, 19)}…)`;
  return {
    kind: "failure",
    message: `${id}: ${reference} is in the registry and holds ${holds}; an immutable tag is never overwritten`,
    hint: reference.endsWith("-dirty")
      ? "commit what was changed: a new commit gives a new tag"
      : "a new commit gives a new tag: git commit --allow-empty",
  };
}
