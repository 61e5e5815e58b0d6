import fs from "node:fs";
import path from "node:path";
import { describeProblem, exitCodeOf, exitCodes, Refusal } from "../problem.ts";
import type { Problem } from "../problem.ts";
import type { RunEnding, RunRecord, RunReport } from "../report/run-report.ts";
import { placeIn } from "./annotate.ts";
import { isOnGithub, Stopped } from "./surroundings.ts";
import type { Surroundings } from "./surroundings.ts";

/** What decides the reports of a run. */
export interface ReportSettings {
  readonly root: string;
  readonly repo: string;
  readonly push: boolean;
  readonly dryrun: boolean;
  /** Each ends in `.json` or `.xml`. */
  readonly report: readonly string[];
}

/**
 * Carries a run out and writes its reports, however it ends: the files asked for, and where GitHub runs it what GitHub
 * shows. Gives the exit code of the run; refuses before it where a report could not be written.
 */
export async function withReports(
  settings: ReportSettings,
  surroundings: Surroundings,
  run: (record: RunRecord) => Promise<number>,
): Promise<number> {
  const { log, environment, progress, signal } = surroundings;
  const onGithub = isOnGithub(environment);
  const { recordRun } = await import("../report/run-report.ts");
  const files = settings.report.length === 0 ? [] : await openFiles(settings.report);
  const github = onGithub ? await openGithub(settings.root, environment) : undefined;
  const destinations = [...files, ...(github?.files ?? [])];
  const unwritable = [
    ...forEach(files, "usage", ({ check }) => check()),
    ...forEach(github?.files ?? [], "surroundings", ({ check }) => check()),
  ];
  if (unwritable.length > 0) throw new Refusal(...unwritable);
  const record = recordRun(settings);
  /** `thrown` is annotated where all refusals are. */
  const write = (ending: RunEnding, thrown: readonly Problem[] = []) => {
    const report = record.report(ending);
    const problems = ending.problems.filter((problem) => !thrown.includes(problem));
    progress(github?.annotations(record.report({ ...ending, problems })) ?? "");
    return forEach(destinations, "surroundings", (destination) => destination.write(report));
  };
  // A second signal ends the process at once, and even then it has to be known what became of the run.
  const onExit = () => void write(stopped(signal));
  process.once("exit", onExit);
  try {
    const exitCode = await run(record);
    const ending = signal.aborted
      ? stopped(signal)
      : { result: resultOf(exitCode, settings), exitCode, problems: [] };
    const problems = write(ending);
    for (const problem of problems) log.error(describeProblem(problem));
    return exitCode === 0 && problems.length > 0 ? exitCodes.surroundings : exitCode;
  } catch (error) {
    const ending = brokenOff(error, signal, record);
    const thrown = error instanceof Refusal ? error.problems : [];
    for (const problem of write(ending, thrown)) log.error(describeProblem(problem));
    throw error;
  } finally {
    process.off("exit", onExit);
  }
}

function resultOf(exitCode: number, { dryrun }: ReportSettings): RunEnding["result"] {
  if (exitCode !== 0) return "failed";
  return dryrun ? "planned" : "done";
}

function stopped(signal: AbortSignal, problems: readonly Problem[] = []): RunEnding {
  const reason: unknown = signal.reason;
  const [message, exitCode] =
    reason instanceof Stopped ? [reason.message, reason.exitCode] : ["broken off", 1];
  return { result: "cancelled", exitCode, problems: [{ kind: "failure", message }, ...problems] };
}

/** The end of a run that threw. */
function brokenOff(error: unknown, signal: AbortSignal, record: RunRecord): RunEnding {
  const problems = error instanceof Refusal ? error.problems : [];
  if (signal.aborted) return stopped(signal, problems);
  const result = record.hasStarted() ? "failed" : "refused";
  if (problems.length > 0) return { result, exitCode: exitCodeOf(problems), problems };
  const message = `this is a bug in image-builder: ${error instanceof Error ? error.message : String(error)}`;
  return { result: "failed", exitCode: 1, problems: [{ kind: "failure", message }] };
}

/** A place that a report goes to. Both functions throw where it cannot be written. */
interface Destination {
  readonly name: string;
  /** What to do where it cannot be written. */
  readonly hint: string;
  readonly check: () => void;
  readonly write: (report: RunReport) => void;
}

/** Does something with each destination; gives the problems met. */
function forEach(
  destinations: readonly Destination[],
  kind: Problem["kind"],
  act: (destination: Destination) => void,
): Problem[] {
  return destinations.flatMap((destination): Problem[] => {
    try {
      act(destination);
      return [];
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return [{ kind, message: `${destination.name} cannot be written: ${why}`, hint: destination.hint }];
    }
  });
}

async function openFiles(files: readonly string[]): Promise<readonly Destination[]> {
  // All that writing takes is loaded now: in the end there may be no time.
  const [{ junit }, { checkDirectory, makeDirectory, writeWhole }, { json }] = await Promise.all([
    import("../report/junit.ts"),
    import("../report/place.ts"),
    import("../report/text.ts"),
  ]);
  const textOf = (file: string) => {
    if (file.endsWith(".json")) return json;
    return file.endsWith(".xml") ? junit : undefined;
  };
  return [...new Set(files)].map((file) => ({
    name: `--report ${file}`,
    hint: "name a file that ends in .json or .xml, in a directory that can be written",
    check: () => {
      if (textOf(file) === undefined) throw new Error("it ends in neither .json nor .xml");
      checkDirectory(path.dirname(path.resolve(file)));
      if (fs.statSync(file, { throwIfNoEntry: false })?.isDirectory()) throw new Error("it is a directory");
    },
    write: (report) => {
      makeDirectory(path.dirname(path.resolve(file)));
      writeWhole(path.resolve(file), textOf(file)?.(report) ?? "");
    },
  }));
}

/** What GitHub shows of a run, and hands on to later steps of the job. */
async function openGithub(root: string, environment: NodeJS.ProcessEnv) {
  const { annotations, markdownSummary, outputs } = await import("../report/github.ts");
  const place = await placeIn(root);
  const appended = (name: string, text: (report: RunReport) => string): Destination[] => {
    const file = environment[name];
    if (file === undefined || file === "") return [];
    const append = (more: string) => fs.appendFileSync(file, more);
    const hint = "let this process write the file that the runner made, or unset the variable";
    return [
      { name: `${name} (${file})`, hint, check: () => append(""), write: (report) => append(text(report)) },
    ];
  };
  return {
    annotations: (report: RunReport) => annotations(report, place),
    files: [...appended("GITHUB_STEP_SUMMARY", markdownSummary), ...appended("GITHUB_OUTPUT", outputs)],
  };
}
