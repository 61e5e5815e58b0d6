import { randomUUID } from "node:crypto";
import { describeProblem } from "../problem.ts";
import type { Problem } from "../problem.ts";
import { code } from "./plan-markdown.ts";
import { stampOf, why } from "./plan.ts";
import { plainProblem, tagFailures } from "./run-report.ts";
import type { RunReport, StepReport, TagReport } from "./run-report.ts";
import { belowRepo, durationText, printableLines, shortDigest } from "./text.ts";

/**
 * What went wrong as workflow commands that GitHub shows beside the files, a line each; ends with a line break unless
 * empty. `place` gives a file's path from the top of the repository, undefined for what is no file there.
 * https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
 */
export function annotations(
  { steps, problems }: RunReport,
  place: (file: string) => string | undefined,
): string {
  const error = (problem: Problem, title: string) => annotation("error", problem, title, place);
  const lines = steps.flatMap((step) => [
    ...step.problems.map((problem) => error(problem, step.id)),
    ...step.tags.flatMap((tag) => [
      ...tag.problems.map((problem) => error(problem, step.id)),
      ...(tag.state === "kept" ? [annotation("warning", stays(tag), step.id, place)] : []),
    ]),
  ]);
  return [...problems.map((problem) => error(problem, "image-builder")), ...lines].join("");
}

function stays({ reference, why: reason }: TagReport): Problem {
  return { kind: "failure", message: `${reference} stays where it is: ${reason ?? ""}` };
}

/** A problem as such a line; `title` says what it is about. */
export function annotation(
  level: "error" | "warning" | "notice",
  problem: Problem,
  title: string,
  place: (file: string) => string | undefined,
): string {
  const clean = plainProblem(problem);
  const { file, line, column, ...said } = clean;
  const path = file === undefined ? undefined : place(file);
  const where = path === undefined ? {} : { file: path, line, col: column };
  const properties = Object.entries({ ...where, title }).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${escaped(String(value), /[%\r\n:,]/g)}`],
  );
  // A place that GitHub cannot show is part of what is said.
  const text = describeProblem(path === undefined ? clean : said);
  return `::${level} ${properties.join(",")}::${escaped(text, /[%\r\n]/g)}\n`;
}

/** Percent-encoded, as @actions/core does it: in data `%` and line ends, in properties what separates them as well. */
function escaped(text: string, special: RegExp): string {
  return text.replaceAll(
    special,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  );
}

/** The run as values for later steps of a job, as the file behind `GITHUB_OUTPUT` takes them. */
export function outputs({ result, build, steps }: RunReport): string {
  const images = steps
    .filter((step) => step.kind === "compat" && (step.result === "built" || step.result === "reused"))
    .map(({ image, version, digest, tags }) => ({ image, version, reference: tags[0]?.reference, digest }));
  const values = {
    result,
    stamp: build === null ? "" : stampOf({ build }),
    built: steps.filter((step) => step.result === "built").length,
    pushed: steps.flatMap(({ tags }) => tags).filter(({ moved }) => moved).length,
    images: JSON.stringify(images),
  };
  // No value can hold a line that nobody could know before.
  const end = `end_${randomUUID()}`;
  return Object.entries(values)
    .map(([name, value]) => `${name}<<${end}\n${value}\n${end}\n`)
    .join("");
}

/** In bytes: GitHub shows no summary of a step that is longer. */
const summaryLimit = 1024 * 1024;

/** The run in Markdown, for `GITHUB_STEP_SUMMARY`; where that would be too much, without the output of builds, and of some steps alone. */
export function markdownSummary(report: RunReport): string {
  const whole = markdown(report, { output: true, most: Infinity });
  if (fits(whole)) return whole;
  const short = markdown(report, { output: false, most: Infinity });
  return fits(short) ? short : markdown(report, { output: false, most: fewSteps });
}

function fits(text: string): boolean {
  return Buffer.byteLength(text) <= summaryLimit;
}

/** So many fit, whatever they are called and however they failed. */
const fewSteps = 200;

/** The first steps, those that failed before all others. */
function mostTelling(steps: readonly StepReport[], most: number): readonly StepReport[] {
  if (steps.length <= most) return steps;
  return steps.toSorted((a, b) => Number(hasFailed(b)) - Number(hasFailed(a))).slice(0, most);
}

function hasFailed(step: StepReport): boolean {
  return step.result === "failed" || tagFailures(step).length > 0;
}

function markdown(
  report: RunReport,
  { output, most }: { readonly output: boolean; readonly most: number },
): string {
  const { problems, repo } = report;
  const steps = mostTelling(report.steps, most);
  const rows = steps.map((step) => {
    const time = step.seconds === null ? "" : durationText(step.seconds);
    const tags = step.tags.flatMap((tag) => tagText(tag, repo)).join("<br>");
    return `| ${code(step.id)} | ${resultText(step)} | ${time} | ${tags} | ${why(step, code)} |`;
  });
  const table = [
    `| step | result | time | in ${code(repo)} | why |`,
    "| --- | --- | --- | --- | --- |",
    ...rows,
  ];
  const details = steps.flatMap((step) => {
    const said = [...step.problems.map(describeProblem), ...tagFailures(step)];
    const last = output && step.output.length > 0 ? ["", ...step.output] : [];
    return said.length === 0 ? [] : [code(step.id), fenced([...said, ...last])];
  });
  const parts = [
    `### image-builder: ${headline(report)}`,
    ...(problems.length > 0 ? [fenced(problems.map(describeProblem))] : []),
    ...(rows.length > 0 ? [table.join("\n")] : []),
    ...(steps.length < report.steps.length
      ? [`… and ${report.steps.length - steps.length} more steps.`]
      : []),
    ...details,
  ];
  return `${parts.join("\n\n")}\n\n`;
}

function headline({ result, steps, build, seconds }: RunReport): string {
  const stamp = build === null ? "" : ` for ${code(stampOf({ build }))}`;
  const built = steps.filter((step) => step.result === "built").length;
  if (result === "refused") return "refused, nothing was built";
  if (result === "planned") return `${steps.length} steps planned${stamp}`;
  if (steps.length === 0) return `${result}, nothing to build${stamp}`;
  return `${result}, built ${built} of ${steps.length} images${stamp} in ${durationText(seconds)}`;
}

function resultText({ result, cached, blockedBy }: StepReport): string {
  if (cached === true) return "built, from the cache";
  const shown = result === "failed" ? "**failed**" : result;
  return blockedBy === null ? shown : `${shown}, needs ${code(blockedBy)}`;
}

function tagText({ reference, state, digest }: TagReport, repo: string): string[] {
  const told = { local: "not published", newer: "newer already", kept: "not moved", failed: "not pushed" };
  if (state === "none") return [];
  const what = state === "published" ? shortDigest(digest ?? "") : told[state];
  return [`${code(belowRepo(reference, repo))} ${what}`];
}

/** Lines as they are: the fence is longer than any in them. */
function fenced(lines: readonly string[]): string {
  const text = printableLines(lines.join("\n"));
  const longest = Math.max(2, ...(text.match(/`+/g) ?? []).map(({ length }) => length));
  const fence = "`".repeat(longest + 1);
  return `${fence}text\n${text}\n${fence}`;
}
