import { connectDocker } from "../engine/docker.ts";
import { findEngine } from "../engine/discover.ts";
import { retryingPushes } from "../engine/retry.ts";
import type { Catalog, Plan } from "../model.ts";
import { findCredentials } from "../registry/credentials.ts";
import type { RunEvent, RunResult } from "../run.ts";
import { findBases } from "./bases.ts";
import { buildSteps } from "./build-steps.ts";
import { prepareSteps } from "./prepare.ts";
import { publish } from "./publish.ts";

/** What it takes to make a plan real. */
export interface Run {
  readonly root: string;
  readonly catalog: Catalog;
  readonly plan: Plan;
  readonly push: boolean;
  /** How many builds run side by side; undefined for as many as the engine has processors. */
  readonly jobs: number | undefined;
  readonly keepGoing: boolean;
  /** Where the definitions are kept, for the labels; empty where nobody knows. */
  readonly source: string;
  /** Seconds since the epoch: the one reading of the clock that all labels of the run carry. */
  readonly time: number;
  readonly environment: NodeJS.ProcessEnv;
  readonly onEvent: (event: RunEvent) => void;
  readonly signal: AbortSignal;
}

/**
 * Carries a plan out: lists what goes into each step, finds what it is built on, builds, and publishes if that was
 * asked for and every build succeeded. Refuses only before the first build; what fails later is in the result.
 */
export async function carryOut(run: Run): Promise<RunResult> {
  const { root, catalog, plan, push, onEvent, signal } = run;
  const started = performance.now();
  const prepared = await prepareSteps(root, plan, catalog);
  const credentials = (registry: string) => findCredentials(registry, run.environment);
  const docker = await connectDocker(await findEngine(run.environment), { credentials });
  const engine = retryingPushes(docker.engine, { onRetry: (line) => onEvent({ kind: "retrying", line }) });
  const bases = await findBases({ plan, catalog, engine, fresh: push, onEvent, signal });
  const steps = await buildSteps({
    steps: prepared,
    bases,
    engine,
    provenance: { build: plan.build, source: run.source, time: run.time },
    jobs: run.jobs ?? docker.cpus,
    keepGoing: run.keepGoing,
    onEvent,
    signal,
  });
  const complete = steps.every(({ kind }) => kind === "built");
  const pushes = push && complete && !signal.aborted ? await publish({ plan, engine, onEvent, signal }) : [];
  return { plan, steps, pushes, seconds: (performance.now() - started) / 1000 };
}
