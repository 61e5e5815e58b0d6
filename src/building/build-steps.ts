import type { BuildRequest, Engine } from "../engine/engine.ts";
import type { Step } from "../model.ts";
import { inputsLabel, labelsOf } from "../planning/labels.ts";
import type { BaseIdentity, Inputs, Provenance } from "../planning/labels.ts";
import { immutableTag } from "../planning/names.ts";
import { Refusal } from "../problem.ts";
import type { Problem } from "../problem.ts";
import { localBase, obtainAll } from "./bases.ts";
import type { Bases } from "./bases.ts";
import type { RunEvent, StepResult } from "../run.ts";
import type { PinnedBase, PreparedStep, Pins } from "./prepare.ts";
import { runSchedule } from "./schedule.ts";
import type { Ending } from "./schedule.ts";

/** What the builds of a run need. */
export interface Builds {
  readonly steps: readonly PreparedStep[];
  /** The inputs of each step, by its id. */
  readonly inputs: ReadonlyMap<string, Inputs>;
  readonly bases: Bases;
  readonly engine: Engine;
  readonly provenance: Provenance;
  /** In which a release tells its name. */
  readonly environmentVariable: string;
  /** How many builds run side by side. */
  readonly jobs: number;
  /** Take nothing from the build cache, and pull foreign images anew, but for those that are named by a digest. */
  readonly fresh: boolean;
  /** After a failure, go on with what does not stand on it. */
  readonly keepGoing: boolean;
  readonly onEvent: (event: RunEvent) => void;
  readonly signal: AbortSignal;
}

/** How many of a failed build's last lines are kept. */
const tailLength = 20;

/**
 * Builds the steps side by side as they allow, and checks each image. Refuses before the first where images that they
 * take from cannot be had; a build that fails is a result.
 */
export async function buildSteps(builds: Builds): Promise<readonly StepResult[]> {
  await obtainAll(builds.engine, imagesTaken(builds), builds.onEvent, builds.signal);
  const ids = new Set(builds.steps.map(({ step }) => step.id));
  const tasks = builds.steps.map((prepared) => ({
    id: prepared.step.id,
    // What is not built here is in the registry already.
    needs: prepared.step.needs.filter((id) => ids.has(id)),
    prepared,
  }));
  const endings = await runSchedule(
    tasks,
    ({ prepared }, signal) => buildStep(builds, prepared, signal),
    builds,
  );
  return builds.steps.map(({ step }) => resultOf(step, endings.get(step.id)));
}

/** The images that the run takes from and does not build, and which of these are pulled though the engine holds them. */
function imagesTaken(builds: Builds): ReadonlyMap<string, { readonly anew: boolean }> {
  const own = new Set(builds.steps.map(({ step }) => step.tags.immutable));
  const layers = new Set<string>();
  const pins = pinsOf(builds);
  const remembering: Pins = (directory, written) => {
    const pin = pins(directory, written);
    if (pin !== undefined) layers.add(pin);
    return pin;
  };
  const uses = builds.steps.flatMap(({ pin }) => pin(remembering).uses).filter((use) => !own.has(use));
  const anew = (use: string) => builds.fresh && !layers.has(use) && !use.includes("@");
  return new Map(uses.map((use) => [use, { anew: anew(use) }]));
}

/** A step that failed is a result like any other for the reports, and an error for the schedule. */
class StepFailure extends Error {
  readonly result: StepResult;

  constructor(result: StepResult) {
    super(result.kind);
    this.result = result;
  }
}

async function buildStep(builds: Builds, prepared: PreparedStep, signal: AbortSignal): Promise<StepResult> {
  const { engine, onEvent } = builds;
  const { step, context } = prepared;
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1000;
  const tail: string[] = [];
  const onLine = (line: string) => {
    tail.push(line);
    if (tail.length > tailLength) tail.shift();
    onEvent({ kind: "output", step, line });
  };
  onEvent({ kind: "started", step });
  for (const override of context.overrides) onEvent({ kind: "overridden", step, ...override });
  try {
    const dockerfile = prepared.pin(pinsOf(builds));
    const base = await finalBase(builds, dockerfile.base);
    if (dockerfile.base !== undefined)
      onEvent({ kind: "pinned", step, base: dockerfile.base.reference, digest: base.digest });
    const inputs = builds.inputs.get(step.id);
    if (inputs === undefined) throw new Error(`nobody has read the inputs of ${step.id}`);
    const labels = labelsOf(step, base, inputs, builds.provenance);
    // Later builds of other commits would stand on what a rolling tag names here.
    const tags = builds.provenance.build.dirty
      ? [step.tags.immutable]
      : [step.tags.immutable, step.tags.rolling];
    const stream = context.stream(dockerfile.text);
    const built = await engine.build({
      context: stream,
      dockerfile: dockerfile.text,
      tags,
      labels,
      fresh: builds.fresh,
      onLine,
      signal,
    });
    const id = await verify(builds, step, built.id, labels);
    const result: StepResult = { kind: "built", step, id, cached: built.cached, seconds: seconds() };
    onEvent({ kind: "ended", result });
    return result;
  } catch (error) {
    if (!(error instanceof Refusal) && !signal.aborted) throw error;
    const result: StepResult = signal.aborted
      ? { kind: "cancelled", step, seconds: seconds() }
      : {
          kind: "failed",
          step,
          problems: error instanceof Refusal ? error.problems.map((problem) => placed(problem, step)) : [],
          seconds: seconds(),
          tail,
        };
    onEvent({ kind: "ended", result });
    throw new StepFailure(result);
  }
}

/** An image that is taken as it is by its digest, one of this run by its immutable tag. */
function pinsOf({ steps, bases }: Builds): Pins {
  const own = new Map(steps.map(({ step }) => [step.id, step.tags.immutable]));
  return (directory, written) => own.get(directory) ?? bases(directory, written)?.pin;
}

/** What the labels say of the image that a build finally stands on. */
async function finalBase({ engine, bases }: Builds, base: PinnedBase | undefined): Promise<BaseIdentity> {
  if (base === undefined) return { name: "scratch", digest: "" };
  const taken = base.directory === undefined ? undefined : bases(base.directory, base.written);
  return taken ?? (await localBase(engine, base.reference)) ?? { name: base.reference, digest: "" };
}

/** The engine knows a line of the Dockerfile that it was given; what file that is, only the step knows. */
function placed(problem: Problem, step: Step): Problem {
  if (problem.line === undefined || problem.file !== undefined) return problem;
  if (step.kind === "science") return { ...problem, file: `${step.directory}/Dockerfile` };
  const hint = `image-builder plan --show-dockerfile ${step.image}:${step.version} prints it`;
  return { ...problem, file: "the composed Dockerfile", hint: problem.hint ?? hint };
}

function resultOf(step: Step, ending: Ending<StepResult> | undefined): StepResult {
  switch (ending?.kind) {
    case "done":
      return ending.value;
    case "failed":
      if (ending.error instanceof StepFailure) return ending.error.result;
      throw ending.error;
    case "skipped":
    case undefined:
      return { kind: "skipped", step, on: ending?.on };
  }
}

/**
 * Looks at the image that the immutable tag names now, and gives its id: whatever is missing there must not be
 * published. Another run on this engine may have built the same step since; what it made of the same inputs is as good.
 * The rolling tag belongs to whichever run built last.
 */
async function verify(
  { engine, provenance: { build }, environmentVariable }: Builds,
  step: Step,
  id: string,
  labels: BuildRequest["labels"],
): Promise<string> {
  const { immutable } = step.tags;
  const facts = await engine.inspect(immutable);
  const own = facts?.id === id;
  if (facts === undefined || (!own && facts.labels[inputsLabel] !== labels[inputsLabel])) {
    throw new Refusal({
      kind: "failure",
      message: `${step.id}: another run on this engine replaced ${immutable} while it was built`,
      hint: "run again",
    });
  }
  const wrong = Object.entries(labels).flatMap(([name, value]) =>
    own && facts.labels[name] !== value ? [`its label ${name} is not ${JSON.stringify(value)}`] : [],
  );
  if (step.kind === "compat") {
    const variable = `${environmentVariable}=${step.image}:${immutableTag(step.version, build)}`;
    if (!facts.environment.includes(variable)) wrong.push(`its environment lacks ${variable}`);
  }
  if (wrong.length === 0) return facts.id;
  throw new Refusal({
    kind: "failure",
    message: `the engine built ${step.id} otherwise than requested: ${wrong.join("; ")}`,
    hint: "see whether the engine is a version that docs/engines.md lists",
  });
}
