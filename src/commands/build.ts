import { describeProblem, exitCodes, Refusal } from "../problem.ts";
import type { Problem } from "../problem.ts";
import { readSource } from "../git/checkout.ts";
import { logPlan, nothingToBuild } from "../report/plan.ts";
import type { RunResult } from "../run.ts";
import type { Surroundings } from "./surroundings.ts";
import { preview } from "./preview.ts";
import type { PlanSettings } from "./preview.ts";

/** What decides a run, as the command line gives it. */
export interface BuildSettings extends PlanSettings {
  readonly dryrun: boolean;
  readonly push: boolean;
  readonly allowDirty: boolean;
  /** How many builds run side by side; undefined for as many as the engine has processors. */
  readonly jobs: number | undefined;
  readonly keepGoing: boolean;
  /** Where each step's output is kept in a file; undefined for nowhere. */
  readonly logs: string | undefined;
}

/** `image-builder build`: plans, builds and, with `push`, publishes. Gives the exit code. */
export async function build(settings: BuildSettings, surroundings: Surroundings): Promise<number> {
  const { log, out, progress, verbosity, environment, signal } = surroundings;
  const { catalog, plan } = await preview(settings);
  logPlan(plan, log);
  if (settings.push && plan.build.dirty && !settings.allowDirty) throw new Refusal(dirtyPush);
  if (settings.dryrun) return 0;
  if (plan.steps.length === 0) {
    out(nothingToBuild(plan));
    return 0;
  }
  const time = readClock(environment);
  // What only a build needs is loaded only for one: a preview stays quick.
  const [{ carryOut }, { followRun, summary }, { keepBuildLogs }] = await Promise.all([
    import("../building/carry-out.ts"),
    import("../report/run.ts"),
    import("../report/build-logs.ts"),
  ]);
  const follow = followRun({ log, write: progress, buildOutput: verbosity >= 2, steps: plan.steps.length });
  const logs = settings.logs === undefined ? undefined : keepBuildLogs(settings.logs);
  const result = await carryOut({
    root: settings.root,
    catalog,
    plan,
    push: settings.push,
    jobs: settings.jobs,
    keepGoing: settings.keepGoing,
    source: await readSource(settings.root),
    time,
    environment,
    onEvent: (event) => {
      logs?.follow(event);
      follow(event);
    },
    signal,
  });
  out(summary(result));
  const unwritten = logs?.problem();
  if (unwritten !== undefined) log.error(describeProblem(unwritten));
  return exitCode([...failures(result), ...(unwritten === undefined ? [] : [unwritten])]);
}

const dirtyPush: Problem = {
  kind: "surroundings",
  message: "the working tree differs from the commit in what would be pushed",
  hint: "commit it, or give --allow-dirty to push tags that end in -dirty and leave the rolling ones",
};

/** Seconds since the epoch, as https://reproducible-builds.org/specs/source-date-epoch/ has it where that is set. */
function readClock({ SOURCE_DATE_EPOCH: set }: NodeJS.ProcessEnv): number {
  if (set === undefined || set === "") return Date.now() / 1000;
  if (/^\d{1,11}$/.test(set)) return Number(set);
  throw new Refusal({
    kind: "usage",
    message: `SOURCE_DATE_EPOCH is ${JSON.stringify(set)}, not a number of seconds`,
    hint: "unset it, or set it to e.g. $(git log -1 --format=%ct)",
  });
}

function failures({ steps, pushes }: RunResult): readonly Problem[] {
  const results = [...steps, ...pushes];
  return results.flatMap((result) =>
    result.kind === "failed" || result.kind === "unpushed" ? result.problems : [],
  );
}

/** 1 as soon as a build or push itself failed; otherwise what the surroundings lead to. */
function exitCode(problems: readonly Problem[]): number {
  const worst = problems.find(({ kind }) => kind === "failure") ?? problems[0];
  return worst === undefined ? 0 : exitCodes[worst.kind];
}
