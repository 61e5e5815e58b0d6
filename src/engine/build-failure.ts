import { parseReference, sameReference } from "../reference.ts";

/** Where in a Dockerfile a build failed, and why, each on one line. `line` counts from 1. */
export interface BuildFailure {
  readonly line: number | undefined;
  readonly instruction: string | undefined;
  readonly cause: string;
}

/**
 * Reads what the engine said of a failed build. `step` is the step it failed in as the builder names it; the line
 * is undefined where that fits no instruction, or more than one.
 */
export function explainBuildFailure(
  error: string,
  step: string | undefined,
  dockerfile: string,
): BuildFailure {
  const cause = causeOf(error);
  const parseError = /\bparse error (?:on )?line (\d+)/.exec(error);
  if (parseError !== null) {
    const said = cause.replace(/^.*?parse error (?:on )?line \d+: ?/, "");
    return { line: Number(parseError[1]), instruction: undefined, cause: said };
  }
  const instructions = readInstructions(dockerfile);
  const found = step === undefined ? undefined : locate(step, instructions);
  if (found !== undefined) return { line: found.line, instruction: found.text, cause };
  // Steps like `[internal] load metadata for docker.io/library/debian:latest` or, without one, errors with the name.
  const named = instructions.filter(({ text }) => namesImage(text, `${step ?? ""} ${error}`));
  const only = named.length === 1 ? named[0] : undefined;
  return { line: only?.line, instruction: only?.text, cause };
}

/** The last part of a chain of wrapped errors, or the exit code that it ends with. */
function causeOf(error: string): string {
  const status = /(?:exit code: |returned a non-zero code: )(\d+)/.exec(error);
  if (status !== null) return `exit code: ${status[1]}`;
  const wrappers =
    /^(?:failed to solve(?: with frontend [^:]+)?|failed to create LLB definition|failed to build LLB|rpc error: code = \w+ desc =): ?/;
  let cause = error.trim();
  while (wrappers.test(cause)) cause = cause.replace(wrappers, "").trim();
  return cause.replaceAll(/\s*\n\s*/g, " ");
}

interface Instruction {
  readonly line: number;
  /** On one line, its words apart by single spaces. */
  readonly text: string;
  /** Counts from 0; -1 before the first FROM. */
  readonly stage: number;
  readonly stageName: string | undefined;
}

function locate(step: string, instructions: readonly Instruction[]): Instruction | undefined {
  const classic = /^Step (\d+)\/\d+ : /.exec(step);
  if (classic !== null) return instructions[Number(classic[1]) - 1];
  const named = /^\[(?:(\S+) )?(\d+)\/(\d+)\] ([^]*)$/.exec(step);
  if (named === null) return undefined;
  const [, stageName, ordinal, total, text = ""] = named;
  const inStage = instructions.filter(
    ({ stage, stageName: own }) =>
      stageName === undefined || own === stageName || `stage-${stage}` === stageName,
  );
  // BuildKit counts what makes a layer, and FROM where it names neither `scratch` nor another stage.
  const layers = inStage.filter(({ text: own }) => /^(?:RUN|COPY|ADD|WORKDIR)\b/i.test(own));
  const from = inStage.filter(({ text: own }) => /^FROM\b/i.test(own));
  for (const counted of [[...from, ...layers], layers]) {
    if (counted.length === Number(total)) return counted[Number(ordinal) - 1];
  }
  const same = inStage.filter(({ text: own }) => squeeze(own) === squeeze(text));
  return same.length === 1 ? same[0] : undefined;
}

function squeeze(text: string): string {
  return text.replaceAll(/\s+/g, "");
}

function namesImage(instruction: string, said: string): boolean {
  if (!/^FROM\b/i.test(instruction)) return false;
  const base =
    instruction
      .split(" ")
      .slice(1)
      .find((word) => !word.startsWith("--")) ?? "";
  const words = said.split(/[\s,"']+/).map((word) => word.replace(/:$/, ""));
  return words.some((word) => parseReference(word) !== undefined && sameReference(word, base));
}

/** The instructions with the lines they begin on: continuations joined, comments and the texts of heredocs left out. */
function readInstructions(dockerfile: string): Instruction[] {
  const lines = dockerfile.split(/\r?\n/);
  const escape = /^(?:#.*\r?\n)*?#\s*escape\s*=\s*`/i.test(dockerfile) ? "`" : "\\";
  const instructions: Instruction[] = [];
  let stage = -1;
  let stageName: string | undefined;
  for (let index = 0; index < lines.length; index++) {
    const line = index + 1;
    const parts: string[] = [];
    for (; index < lines.length; index++) {
      const part = (lines[index] ?? "").trim();
      const skipped = part.startsWith("#") || (part === "" && parts.length > 0);
      if (skipped && parts.length === 0) break;
      if (skipped) continue;
      const continued = part.endsWith(escape);
      parts.push((continued ? part.slice(0, -1) : part).trim());
      if (!continued) break;
    }
    const text = parts.join(" ").trim();
    if (text === "") continue;
    index = afterHeredocs(text, lines, index);
    if (/^FROM\b/i.test(text)) {
      stage++;
      stageName = /\sAS\s+(\S+)\s*$/i.exec(text)?.[1]?.toLowerCase();
    }
    instructions.push({ line, text, stage, stageName });
  }
  return instructions;
}

/** The index of the last line of the heredocs that an instruction opens. */
function afterHeredocs(text: string, lines: readonly string[], index: number): number {
  if (!/^(?:RUN|COPY|ADD)\b/i.test(text)) return index;
  let last = index;
  for (const [, strip, name] of text.matchAll(/(?<!<)<<(-?)["']?([A-Za-z_]\w*)["']?/g)) {
    const end = lines.findIndex(
      (line, at) => at > last && (strip === "-" ? line.replace(/^\t+/, "") : line) === name,
    );
    if (end >= 0) last = end;
  }
  return last;
}
