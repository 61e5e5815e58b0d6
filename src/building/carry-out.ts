import { openContexts } from "../composing/context.ts";
import type { DockerConnection } from "../engine/docker.ts";
import type { Catalog, Plan, Step } from "../model.ts";
import type { Inputs } from "../planning/labels.ts";
import { Refusal, refuseTogether } from "../problem.ts";
import { parseReference } from "../reference.ts";
import type { Logins } from "../registry/credentials.ts";
import type { Registry } from "../registry/registry.ts";
import type { RunEvent, RunResult, StepResult } from "../run.ts";
import type { BaseImage, Bases } from "./bases.ts";
import { buildSteps } from "./build-steps.ts";
import { engineAt } from "./engine-at.ts";
import { foreseeMoves, lookAhead } from "./look-ahead.ts";
import { prepareSteps } from "./prepare.ts";
import type { PreparedStep } from "./prepare.ts";
import { moveTags, pushAll } from "./publish.ts";
import type { Push } from "./publish.ts";
import type { Judge } from "./rolling.ts";

/** What it takes to make a plan real. */
export interface Run {
  readonly root: string;
  readonly catalog: Catalog;
  readonly plan: Plan;
  readonly push: boolean;
  /** Where the science images that the run does not build are looked for first. */
  readonly base: "local" | "registry";
  /** How many builds run side by side; undefined for as many as the engine has processors. */
  readonly jobs: number | undefined;
  /** Take nothing from the build cache, and pull foreign base images anew. */
  readonly fresh: boolean;
  readonly keepGoing: boolean;
  /** Further tags for the releases of the run, as pairs of a tag and the immutable tag whose image it gets. */
  readonly named: readonly (readonly [tag: string, immutable: string])[];
  readonly judge: Omit<Judge, "registry">;
  /** Where the definitions are kept, for the labels; empty where nobody knows. */
  readonly source: string;
  /** Seconds since the epoch: the one reading of the clock that all labels of the run carry. */
  readonly time: number;
  readonly environment: NodeJS.ProcessEnv;
  readonly credentials: Logins;
  readonly registry: Registry;
  /** Refuses where the checkout is no longer as the plan found it. Asked when the inputs have been read, so that its stamp is theirs. */
  readonly requireSteady: () => Promise<void>;
  readonly onEvent: (event: RunEvent) => void;
  readonly signal: AbortSignal;
}

/**
 * Carries a plan out: lists what goes into each step, finds what it is built on and what is published already, builds
 * the rest, and publishes if that was asked for and every build succeeded. Refuses only before the first build; what
 * fails later is in the result.
 */
export async function carryOut(run: Run): Promise<RunResult> {
  const { root, catalog, plan, onEvent, signal } = run;
  const started = performance.now();
  const contexts = openContexts(root, catalog.conventions.ignoreFiles);
  const prepared = await prepareSteps(plan, catalog, contexts);
  const docker = engineAt(run.environment, catalog.conventions, run.credentials, (line) =>
    onEvent({ kind: "retrying", line }),
  );
  const engine = async () => (await docker()).engine;
  const { taken, inputs, reused } = await lookAhead({ ...run, contexts, engine });

  for (const step of plan.steps) {
    const there = reused.get(step.id);
    if (there !== undefined)
      onEvent({ kind: "ended", result: { kind: "reused", step, digest: there.digest } });
  }

  const bases: Bases = (directory, written) => reused.get(directory) ?? taken(directory, written);
  const missing = prepared.filter(({ step }) => !reused.has(step.id));
  if (missing.length > 0) await run.requireSteady();
  const { obstacle } = missing.length === 0 ? { obstacle: undefined } : await docker();
  if (obstacle !== undefined) throw new Refusal(obstacle);
  if (run.push) {
    await requireWrite(run, missing);
    await tellStaying(run, reused);
  }
  const built =
    missing.length === 0
      ? []
      : await buildSteps({
          steps: missing,
          inputs,
          bases,
          engine: await engine(),
          environmentVariable: catalog.conventions.environmentVariable,
          provenance: { build: plan.build, source: run.source, time: run.time },
          jobs: run.jobs ?? (await docker()).cpus,
          fresh: run.fresh,
          keepGoing: run.keepGoing,
          onEvent,
          signal,
        });
  const steps = plan.steps.map((step): StepResult => {
    const there = reused.get(step.id);
    if (there !== undefined) return { kind: "reused", step, digest: there.digest };
    return built.find((result) => result.step.id === step.id) ?? { kind: "skipped", step, on: undefined };
  });
  const complete = steps.every(({ kind }) => kind === "built" || kind === "reused");
  const pushes = run.push && complete && !signal.aborted ? await publish(run, steps, inputs, engine) : [];
  const seconds = (performance.now() - started) / 1000;
  return { plan, steps, named: run.named, push: run.push, pushes, seconds };
}

/** After hours of builds would be too late to hear of it, or to be asked for a login. */
async function requireWrite(
  { plan, registry, credentials }: Run,
  missing: readonly PreparedStep[],
): Promise<void> {
  if (missing.length > 0) await credentials(parseReference(`${plan.repo}/x`)?.registry ?? "docker.io");
  const repositories = new Set(missing.map(({ step }) => step.tags.rolling.replace(/:[^:/]*$/, "")));
  await refuseTogether([...repositories].map((repository) => registry.requireWrite(repository)));
}

/** From a branch that lacks what is published, a run would build for hours and then move nothing. */
async function tellStaying(
  { plan, named, judge, registry, onEvent }: Run,
  reused: ReadonlyMap<string, BaseImage>,
): Promise<void> {
  const moves = await foreseeMoves({ plan, named, judge: { ...judge, registry } }, reused);
  const tags = [...moves.values()]
    .flat()
    .flatMap((move) =>
      move.kind === "newer" || move.kind === "stays" ? [[move.tag, move.why] as const] : [],
    );
  if (tags.length > 0) onEvent({ kind: "staying", tags });
}

/** Every immutable tag; then, only when all of those are in the registry, what moves. */
async function publish(
  { plan, named, judge, registry, onEvent, signal }: Run,
  steps: readonly StepResult[],
  inputs: ReadonlyMap<string, Inputs>,
  engine: () => Promise<DockerConnection["engine"]>,
): Promise<RunResult["pushes"]> {
  const built = steps.flatMap(({ kind, step }) => (kind === "built" ? [step] : []));
  const pushed =
    built.length === 0
      ? []
      : await pushAll(pushesOf(built, plan, inputs), { engine: await engine(), registry, onEvent, signal });
  if (plan.build.dirty || pushed.some(({ kind }) => kind === "unpushed")) return pushed;

  const digests = new Map(
    pushed.flatMap((push) => (push.kind === "unpushed" ? [] : [[push.reference, push.digest]])),
  );
  for (const result of steps)
    if (result.kind === "reused") digests.set(result.step.tags.immutable, result.digest);
  const rolling = plan.steps.map(({ tags }) => [tags.rolling, tags.immutable] as const);
  const retags = [...rolling, ...named].map(([tag, immutable]) => ({
    tag,
    immutable,
    digest: digests.get(immutable) ?? "",
  }));
  return [...pushed, ...(await moveTags(retags, { judge, registry, onEvent, signal }))];
}

/**
 * The pushes of steps, which are in the order of the plan. Each comes after those that it shares layers with, be it
 * that it stands on one or that both stand on the same foreign image: side by side, every one would compress and upload
 * the same layer; later, the registry has it and takes it from there.
 */
function pushesOf(
  steps: readonly Step[],
  { repo }: Plan,
  inputs: ReadonlyMap<string, Inputs>,
): readonly Push[] {
  const references = new Map(steps.map(({ id, tags }) => [id, tags.immutable]));
  const firstOn = new Map<string, string>();
  return steps.map(({ id, needs, bases, tags: { immutable } }) => {
    const foreign = bases.filter((base) => !base.startsWith(`${repo}/`));
    const earlier = needs
      .map((need) => references.get(need))
      .concat(foreign.map((base) => firstOn.get(base)));
    for (const base of foreign) if (!firstOn.has(base)) firstOn.set(base, immutable);
    return {
      reference: immutable,
      inputs: inputs.get(id)?.digest ?? "",
      needs: earlier.filter((reference) => reference !== undefined),
    };
  });
}
