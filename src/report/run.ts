import type { Step } from "../model.ts";
import { describeProblem } from "../problem.ts";
import type { PushResult, RunEvent, StepResult } from "../run.ts";
import type { Log } from "./log.ts";
import { stayText, stepProblem } from "./run-summary.ts";
import { coloured, counted, durationText, printable, printableLines } from "./text.ts";

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
      case "staying":
        write(stayingText(event.tags));
        break;
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
    switch (result.kind) {
      case "pushed":
      case "unchanged":
        write(`${coloured("green", result.kind)} ${result.reference} ${result.digest}\n`);
        break;
      case "newer":
        write(`${printable(stayText(result))}\n`);
        break;
      case "kept":
        log.error(stayText(result));
        break;
      case "unpushed":
        for (const problem of result.problems) log.error(describeProblem(problem));
    }
  }

  function endStep(result: StepResult): void {
    const { id } = result.step;
    if (result.kind === "reused") {
      started += 1;
      write(`${id}: ${coloured("green", "published already")}\n`);
    }
    if (result.kind === "built")
      write(
        `${id}: ${coloured("green", "built")} in ${durationText(result.seconds)}${result.cached ? ", all from the cache" : ""}\n`,
      );
    if (result.kind === "cancelled")
      write(`${id}: ${coloured("yellow", "cancelled")} after ${durationText(result.seconds)}\n`);
    if (result.kind !== "failed") return;
    if (!buildOutput) for (const line of result.tail) write(prefixed(result.step, line));
    for (const problem of result.problems) log.error(stepProblem(id, problem));
  }
}

/** A line for each reason, with the first tag that it is about. */
function stayingText(tags: Extract<RunEvent, { kind: "staying" }>["tags"]): string {
  const reasons = new Set(tags.map(([, why]) => why));
  const lines = [...reasons].map((reason) => {
    const [first = "", ...others] = tags.flatMap(([tag, why]) => (why === reason ? [tag] : []));
    const more = others.length === 0 ? "" : ` (and ${counted(others.length, "more tag")})`;
    return printable(`${first}${more} will stay: ${reason}`);
  });
  return lines.map((line) => `${line}\n`).join("");
}

function prefixed(step: Step, line: string): string {
  return `${printable(step.id)} | ${printableLines(line)}\n`;
}
