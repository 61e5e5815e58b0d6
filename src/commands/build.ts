import { describeProblem, exitCodeOf, exitCodes, Refusal } from "../problem.ts";
import type { Problem } from "../problem.ts";
import { readAncestry } from "../git/ancestry.ts";
import { readSource } from "../git/checkout.ts";
import type { Step } from "../model.ts";
import { namedTags, tagProblem } from "../planning/names.ts";
import { logPlan, nothingToBuild, orphanLines } from "../report/plan.ts";
import { warningLines } from "../report/warnings.ts";
import type { ProgressMode } from "../report/progress.ts";
import type { RunRecord } from "../report/run-report.ts";
import type { RunResult } from "../run.ts";
import type { Publishing } from "./outlook.ts";
import { isOnGithub } from "./surroundings.ts";
import type { Surroundings } from "./surroundings.ts";
import { preview } from "./preview.ts";
import type { PlanSettings, Preview } from "./preview.ts";
import { refuseUncommitted, requireSteady, tellIncomplete } from "./uncommitted.ts";

/** What decides a run, as the command line gives it. */
export interface BuildSettings extends PlanSettings {
  readonly dryrun: boolean;
  readonly push: boolean;
  readonly allowDirty: boolean;
  /** Where science images that are not built are looked for first; undefined for what suits `push`. */
  readonly base: "local" | "registry" | undefined;
  /** Move tags whatever they name. */
  readonly forceRolling: boolean;
  /** Further tags for the releases of the run. */
  readonly tag: readonly string[];
  /** Tag the releases with the name of the branch as well. */
  readonly tagBranch: boolean;
  /** How many builds run side by side; undefined for as many as the engine has processors. */
  readonly jobs: number | undefined;
  /** Take nothing from the build cache, and pull foreign base images anew. */
  readonly fresh: boolean;
  readonly keepGoing: boolean;
  readonly progress: ProgressMode;
  /** Where each step's output is kept in a file; undefined for nowhere. */
  readonly logs: string | undefined;
  /** It is one of many builds of what is being written. */
  readonly watch: boolean;
  /** The files that tell of the run when it has ended. */
  readonly report: readonly string[];
}

/** `image-builder build`: plans, builds and, with `push`, publishes. Gives the exit code. */
export async function build(settings: BuildSettings, surroundings: Surroundings): Promise<number> {
  // A run without reports pays nothing for them.
  if (settings.report.length === 0 && !isOnGithub(surroundings.environment))
    return run(settings, surroundings, undefined);
  const { withReports } = await import("./reports.ts");
  return withReports(settings, surroundings, (record) => run(settings, surroundings, record));
}

async function run(
  settings: BuildSettings,
  surroundings: Surroundings,
  record: RunRecord | undefined,
): Promise<number> {
  const { log, out, verbosity, environment, signal } = surroundings;
  const { root, push, dryrun } = settings;
  const seen = await preview(settings, surroundings);
  if (settings.images.length > 0) (await import("./why.ts")).tellUnplanned(seen, settings, surroundings);
  const { catalog, plan } = seen;
  logPlan(plan, log);
  for (const line of [...orphanLines(plan), ...warningLines(plan)]) surroundings.progress(`${line}\n`);
  if (push) await (await import("./branch.ts")).requirePublishingBranch(settings, environment);
  if (push) refuseUncommitted(seen, settings);
  else tellIncomplete(seen, surroundings);
  if (!push) tellUnused(settings, surroundings.progress);
  const names = await tagNames(settings, environment);
  const base = settings.base ?? (push ? "registry" : "local");
  const named = names.flatMap((name) => namedTags(plan, catalog, name));
  record?.plan(plan, named);
  if (dryrun) {
    if (push) await logOutlook(seen, { ...settings, base, named }, surroundings);
    return 0;
  }
  if (plan.steps.length === 0) {
    out(nothingToBuild(plan));
    return 0;
  }
  const time = readClock(environment);
  // What only a build needs is loaded only for one: a preview stays quick.
  const [
    { carryOut },
    { showProgress },
    { summary },
    { keepBuildLogs, logFile },
    { openLogins, openRegistry },
  ] = await Promise.all([
    import("../building/carry-out.ts"),
    import("../report/progress.ts"),
    import("../report/run-summary.ts"),
    import("../report/build-logs.ts"),
    import("./registry.ts"),
  ]);
  const logs = settings.logs === undefined ? undefined : keepBuildLogs(settings.logs);
  const source = await readSource(root);
  const credentials = await openLogins(surroundings);
  const registry = await openRegistry(
    { ...surroundings, conventions: catalog.conventions },
    { writesTo: push ? plan.repo : undefined, logins: credentials },
  );
  const progress = await showProgress({ mode: settings.progress, log, verbosity, plan, push, named });
  let result: RunResult;
  try {
    result = await carryOut({
      root,
      catalog,
      plan,
      push,
      base,
      jobs: settings.jobs,
      fresh: settings.fresh,
      keepGoing: settings.keepGoing,
      named,
      judge: { force: settings.forceRolling, ancestry: readAncestry(root, plan.build.commit) },
      source,
      time,
      environment,
      credentials,
      registry,
      requireSteady: () => requireSteady(seen, root),
      onEvent: (event) => {
        record?.follow(event);
        logs?.follow(event);
        progress.follow(event);
      },
      signal,
    });
  } finally {
    await progress.end();
  }
  if (push && plan.ref !== null && result.steps.some(({ kind }) => kind === "failed"))
    surroundings.progress(afterFailure);
  const logOf = (step: Step) => (settings.logs === undefined ? undefined : logFile(settings.logs, step));
  // Some terminals have no size.
  out(summary(result, { hint: !settings.watch, width: process.stdout.columns || undefined, logOf }));
  if (settings.fresh && result.steps.some(({ kind }) => kind === "reused"))
    surroundings.progress(publishedStays);
  const unwritten = logs?.problem();
  record?.finish(result, unwritten);
  if (unwritten !== undefined) log.error(describeProblem(unwritten));
  return exitCode(result, unwritten);
}

const publishedStays =
  "--fresh renews nothing that is published for this commit already: a new commit gives new tags (git commit --allow-empty).\n";

/** A commit that mends a failed build changes that layer alone, and plans no other one. */
const afterFailure =
  "When this is mended, --stale --push also publishes what this run left behind; --push alone plans only what changed since then.\n";

/** A job that forgot --push must not believe that its tags were moved. */
function tellUnused(settings: BuildSettings, progress: Surroundings["progress"]): void {
  const { tag, tagBranch, forceRolling, allowDirty } = settings;
  const given = {
    tag: tag.length > 0,
    "tag-branch": tagBranch,
    "force-rolling": forceRolling,
    "allow-dirty": allowDirty,
  };
  for (const [name, isGiven] of Object.entries(given))
    if (isGiven) progress(`--${name} does nothing without --push.\n`);
}

/** Says what publishing would do to each tag. */
async function logOutlook(seen: Preview, publishing: Publishing, surroundings: Surroundings): Promise<void> {
  const [{ publishOutlook }, { logMoves }] = await Promise.all([
    import("./outlook.ts"),
    import("../report/moves.ts"),
  ]);
  const { moves } = await publishOutlook(seen, publishing, surroundings);
  if (moves !== undefined) logMoves(seen.plan, moves, surroundings.log);
}

/** The names that the releases are tagged with, besides their versions. */
async function tagNames(
  { root, tag, tagBranch }: BuildSettings,
  environment: NodeJS.ProcessEnv,
): Promise<readonly string[]> {
  const names = tagBranch ? [...tag, await branchTag(root, environment)] : tag;
  const problems = names.flatMap((name) => tagProblem(name) ?? []);
  if (problems.length > 0) throw new Refusal(...problems);
  return [...new Set(names)];
}

/** The branch as a tag: `feature/x` is `feature-x`. */
async function branchTag(root: string, environment: NodeJS.ProcessEnv): Promise<string> {
  const { branchOf, branchVariables } = await import("./branch.ts");
  const branch = await branchOf(root, environment);
  if (branch === undefined) {
    throw new Refusal({
      kind: "usage",
      message: `--tag-branch: no branch is checked out, and ${branchVariables} name none`,
      hint: "git switch BRANCH, or give --tag NAME",
    });
  }
  return branch.replaceAll(/[^\w.-]+/g, "-").replace(/^[.-]+/, "");
}

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

/** 1 as soon as a build or push failed or a tag must not move; otherwise what the surroundings lead to. */
function exitCode({ steps, pushes }: RunResult, unwritten: Problem | undefined): number {
  const results = [...steps, ...pushes];
  const problems = results.flatMap((result) =>
    result.kind === "failed" || result.kind === "unpushed" ? result.problems : [],
  );
  if (pushes.some(({ kind }) => kind === "kept")) return exitCodes.failure;
  return exitCodeOf(problems.concat(unwritten ?? []));
}
