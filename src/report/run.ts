import type { Step } from "../model.ts";
import { describeProblem } from "../problem.ts";
import type { PushResult, RunEvent, RunResult, StepResult } from "../run.ts";
import { tagCount } from "./activities.ts";
import type { Log } from "./log.ts";
import { stampOf } from "./plan.ts";
import { table } from "./table.ts";
import { coloured, durationText, printable } from "./text.ts";

/** Where the lines of a run go. */
export interface RunOutput {
  readonly log: Log;
  /** Gets lines of progress, each with its line break. */
  readonly write: (text: string) => void;
  /** Show what the builds themselves print. */
  readonly buildOutput: boolean;
  /** What runs is shown elsewhere; only what has ended is told. */
  readonly live: boolean;
  /** How many steps there are in all. */
  readonly steps: number;
}

/** Gives what is to be told each event of a run: progress as it comes, failures with the last lines of their output. */
export function followRun({ log, write, buildOutput, live, steps }: RunOutput): (event: RunEvent) => void {
  let started = 0;
  return (event) => {
    switch (event.kind) {
      case "started":
        started += 1;
        if (!live) write(`[${started}/${steps}] ${event.step.id}: building ${event.step.tags.immutable}\n`);
        break;
      case "output":
        if (buildOutput) write(prefixed(event.step, event.line));
        break;
      case "ended":
        endStep(event.result);
        break;
      case "overridden":
        log.debug(`${event.step.id}: ${event.path} of ${event.by} overrides that of ${event.of}`);
        break;
      case "pinned":
        log.debug(`${event.step.id}: built on ${event.base} ${event.digest}`.trimEnd());
        break;
      case "pulling":
        if (event.line !== undefined) log.debug(`pulling ${event.reference}: ${event.line}`);
        break;
      case "pulled":
        break;
      case "pushing":
        if (event.line !== undefined) log.info(`pushing ${event.reference}: ${event.line}`);
        break;
      case "retrying":
        write(`${event.line}\n`);
        break;
      case "uploading":
        if (!live) write(`pushing ${event.reference}\n`);
        break;
      case "published":
        endPush(event.result);
        break;
    }
  };

  function endPush(result: PushResult): void {
    if (result.kind === "pushed")
      write(`${coloured("green", "pushed")} ${result.reference} ${result.digest}\n`);
    if (result.kind === "kept") log.error(`${result.reference} stays where it is: ${result.why}`);
    if (result.kind === "unpushed")
      for (const problem of result.problems) log.error(describeProblem(problem));
  }

  function endStep(result: StepResult): void {
    const { id } = result.step;
    if (result.kind === "reused") {
      started += 1;
      write(`${id}: ${coloured("green", "published already")}\n`);
    }
    if (result.kind === "built")
      write(`${id}: ${coloured("green", "built")} in ${durationText(result.seconds)}\n`);
    if (result.kind === "cancelled")
      write(`${id}: ${coloured("yellow", "cancelled")} after ${durationText(result.seconds)}\n`);
    if (result.kind !== "failed") return;
    if (!buildOutput) for (const line of result.tail) write(prefixed(result.step, line));
    for (const problem of result.problems) {
      const text = describeProblem(problem);
      log.error(text.startsWith(id) ? text : `${id}: ${text}`);
    }
  }
}

/**
 * The end of a run for people: each step, each reference and where it exists; with `hint` also how to publish what was built.
 * Ends with a line break.
 */
export function summary(run: RunResult, { hint }: { readonly hint: boolean }): string {
  const { plan, steps, named, pushes, seconds } = run;
  const pushed = new Map(pushes.map((result) => [result.reference, result]));
  const rows = steps.flatMap((result) => [
    [
      result.step.id,
      resultText(result),
      timeText(result),
      ...placeText(result, result.step.tags.immutable, pushed),
    ],
    ...(plan.build.dirty ? [] : [["", "", "", ...placeText(result, result.step.tags.rolling, pushed)]]),
    ...named.flatMap(([tag, immutable]) => {
      const there = pushed.get(tag);
      if (immutable !== result.step.tags.immutable || there === undefined) return [];
      return [["", "", "", tag, there.kind === "pushed" ? "registry" : "registry, not moved"]];
    }),
  ]);
  const built = steps.filter(({ kind }) => kind === "built").length;
  const reused = steps.filter(({ kind }) => kind === "reused").length;
  const there = reused === 0 ? "" : ` ${reused} ${reused === 1 ? "was" : "were"} published already.`;
  const head = `Built ${built} of ${steps.length} images for ${stampOf(plan)} in ${durationText(seconds)}.${there}`;
  const end = [head, ...publishing(run, hint)].join(" ");
  return `${table([["STEP", "RESULT", "TIME", "REFERENCE", "WHERE"], ...rows])}\n${end}\n`;
}

function publishing(run: RunResult, hint: boolean): readonly string[] {
  const { plan, steps, push, pushes } = run;
  const { repo } = plan;
  const there = pushes.filter(({ kind }) => kind === "pushed").length;
  const reused = steps.filter(({ kind }) => kind === "reused").length;
  if (pushes.length > 0) return [`${there + reused} of ${tagCount(run)} tags are published in ${repo}.`];
  if (push) return ["Nothing was pushed, since not everything was built."];
  const complete = steps.every(({ kind }) => kind === "built");
  return hint && complete ? [`Nothing was pushed; --push publishes to ${repo}.`] : [];
}

function resultText(result: StepResult): string {
  return result.kind === "skipped" && result.on !== undefined ? `skipped, needs ${result.on}` : result.kind;
}

function timeText(result: StepResult): string {
  return "seconds" in result ? durationText(result.seconds) : "";
}

function placeText(result: StepResult, reference: string, pushed: ReadonlyMap<string, PushResult>): string[] {
  const published = pushed.get(reference)?.kind;
  if (published === "kept") return [reference, "registry, not moved"];
  if (result.kind === "reused") {
    const there = reference === result.step.tags.immutable || published === "pushed";
    return [reference, there ? "registry" : "not moved"];
  }
  if (result.kind !== "built") return [reference, "not built"];
  return [reference, published === "pushed" ? "engine and registry" : "engine"];
}

function prefixed(step: Step, line: string): string {
  return `${step.id} | ${line.split("\t").map(printable).join("\t")}\n`;
}
