import type { Step } from "../model.ts";
import { describeProblem } from "../problem.ts";
import type { Problem } from "../problem.ts";
import type { PushResult, RunResult, StepResult } from "../run.ts";
import { stampOf } from "./plan.ts";
import { table } from "./table.ts";
import { belowRepo, counted, cut, durationText, printable } from "./text.ts";

/** How the end of a run is shown. */
export interface SummaryOptions {
  /** Say how to publish what was built. */
  readonly hint: boolean;
  /** Of the terminal, in characters; undefined where lines may have any length. */
  readonly width: number | undefined;
  /** The file with the output of a step; undefined where none is kept. */
  readonly logOf: (step: Step) => string | undefined;
}

/** The end of a run for people: a row for each step, what it comes to, and last what failed. Ends with a line break. */
export function summary(run: RunResult, { hint, width = Infinity, logOf }: SummaryOptions): string {
  const { plan, steps, pushes, seconds } = run;
  const results = new Map(pushes.map((result) => [result.reference, result]));
  const rows = steps.map((result) => [
    result.step.id,
    resultText(result),
    "seconds" in result ? durationText(result.seconds) : "",
    ...(pushes.length === 0 ? [] : [tagsText(result, run, results)]),
    isThere(result) ? belowRepo(result.step.tags.immutable, plan.repo) : "",
  ]);
  const head = ["STEP", "RESULT", "TIME", ...(pushes.length === 0 ? [] : ["TAGS"]), `IMAGE IN ${plan.repo}`];
  const lines = table([head, ...rows])
    .trimEnd()
    .split("\n");
  const built = steps.filter(({ kind }) => kind === "built").length;
  const reused = steps.filter(({ kind }) => kind === "reused").length;
  const there = reused === 0 ? "" : ` ${reused} ${reused === 1 ? "was" : "were"} published already.`;
  const end = `Built ${built} of ${steps.length} images for ${stampOf(plan)} in ${durationText(seconds)}.${there}`;
  const failures = failureLines(run, logOf);
  return [
    ...lines.map((line) => cut(line, width)),
    "",
    [end, ...publishing(run, hint)].join(" "),
    ...cacheLines(steps),
    ...(failures.length === 0 ? [] : ["", ...failures]),
    "",
  ].join("\n");
}

/** Why a tag stays, on one line. */
export function stayText({ reference, why }: Extract<PushResult, { kind: "newer" | "kept" }>): string {
  return `${reference} stays where it is: ${why}`;
}

/** What went wrong with a step, beginning with the file or else with the step. */
export function stepProblem(id: string, problem: Problem): string {
  const text = describeProblem(problem);
  return text.startsWith(id) ? text : `${id}: ${text}`;
}

/** Whoever has layers built that did not change wants what they install anew; a cached one has new tags and labels alone. */
function cacheLines(steps: readonly StepResult[]): readonly string[] {
  const requested = steps.filter(
    (result) => result.kind === "built" && result.step.because.some(({ kind }) => kind === "requested"),
  );
  const cached = requested.filter((result) => result.kind === "built" && result.cached).length;
  if (cached === 0) return [];
  const which = cached === requested.length ? "All" : `${cached} of ${requested.length}`;
  return [
    `${which} requested images came from the build cache, with nothing renewed. --fresh builds without it, on base images pulled anew.`,
  ];
}

function resultText(result: StepResult): string {
  if (result.kind === "built" && result.cached) return "built, cached";
  return result.kind === "skipped" && result.on !== undefined ? `skipped, needs ${result.on}` : result.kind;
}

function isThere({ kind }: StepResult): boolean {
  return kind === "built" || kind === "reused";
}

/** What became of the tags of a step: `1.0 pushed`, `1.0, stable unchanged`. */
function tagsText(
  { step }: StepResult,
  { named }: RunResult,
  results: ReadonlyMap<string, PushResult>,
): string {
  const { immutable, rolling } = step.tags;
  const further = named.flatMap(([tag, of]) => (of === immutable ? [tag] : []));
  const groups = new Map<string, string[]>();
  if (results.get(immutable)?.kind === "unpushed") groups.set(outcomes.unpushed, []);
  for (const tag of [rolling, ...further]) {
    const result = results.get(tag);
    if (result === undefined) continue;
    const outcome = outcomes[result.kind];
    groups.set(outcome, [...(groups.get(outcome) ?? []), tag.slice(tag.lastIndexOf(":") + 1)]);
  }
  return [...groups].map(([outcome, tags]) => `${tags.join(", ")} ${outcome}`.trimStart()).join("; ");
}

const outcomes: Readonly<Record<PushResult["kind"], string>> = {
  pushed: "pushed",
  unchanged: "unchanged",
  newer: "newer already",
  kept: "not moved",
  unpushed: "not pushed",
};

function publishing({ plan, steps, push, pushes }: RunResult, hint: boolean): readonly string[] {
  const { repo } = plan;
  if (pushes.length === 0) {
    const complete = steps.every(isThere);
    // All of it is published then: no rolling tag moves to a dirty build.
    if (push)
      return [complete ? "Nothing is left to push." : "Nothing was pushed, since not everything was built."];
    return hint && complete ? [`Nothing was pushed; --push publishes to ${repo}.`] : [];
  }
  const count = (kind: PushResult["kind"]) => pushes.filter((result) => result.kind === kind).length;
  const reused = steps.filter(({ kind }) => kind === "reused").length;
  const others = (["newer", "kept", "unpushed"] as const).flatMap((kind) =>
    count(kind) === 0 ? [] : [`${count(kind)} ${outcomes[kind]}`],
  );
  const counts = [
    `${counted(count("pushed"), "tag")} pushed`,
    `${count("unchanged") + reused} unchanged`,
    ...others,
  ];
  return [`${counts.join(", ")} in ${repo}.`];
}

/** What failed, once more: above, it can be far away. */
function failureLines({ steps, pushes, plan }: RunResult, logOf: SummaryOptions["logOf"]): readonly string[] {
  const builds = steps.flatMap((result) => {
    if (result.kind !== "failed") return [];
    const log = logOf(result.step);
    const said = result.problems.map((problem) => stepProblem(result.step.id, problem));
    return log === undefined ? said : [...said, printable(`  its output is in ${log}`)];
  });
  const tags = pushes.flatMap((result) => {
    if (result.kind === "unpushed") return result.problems.map(describeProblem);
    if (result.kind !== "kept") return [];
    return [printable(stayText({ ...result, reference: belowRepo(result.reference, plan.repo) }))];
  });
  const lines = [...builds, ...new Set(tags)];
  return lines.length === 0 ? [] : ["Failed:", ...lines.map((line) => `  ${line}`)];
}
