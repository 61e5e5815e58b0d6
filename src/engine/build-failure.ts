import { escapeCharacter, instructions } from "../instructions.ts";
import { parseReference, sameReference } from "../reference.ts";

/** Where in a Dockerfile a build failed, and why, each on one line. `line` counts from 1. */
export interface BuildFailure {
  readonly line: number | undefined;
  readonly instruction: string | undefined;
  readonly cause: string;
  /** What to do, where the cause does not say it. */
  readonly hint: string | undefined;
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
  const written = readInstructions(dockerfile);
  const parseError = /\bparse error (?:on )?line (\d+)/.exec(error);
  const unread = written.find((each) => readsAsInstructions(each, error, Number(parseError?.[1])));
  if (unread !== undefined) {
    const { line, text: instruction } = unread;
    return {
      line,
      instruction,
      cause: "this engine does not support here-documents (<<)",
      hint: noHereDocuments,
    };
  }
  if (parseError !== null) {
    const said = cause.replace(/^.*?parse error (?:on )?line \d+: ?/, "");
    return { line: Number(parseError[1]), instruction: undefined, cause: said, hint: undefined };
  }
  const found = step === undefined ? undefined : locate(step, written);
  if (found !== undefined) return { line: found.line, instruction: found.text, cause, hint: undefined };
  // Steps like `[internal] load metadata for docker.io/library/debian:latest` or, without one, errors with the name.
  const named = written.filter(({ text }) => namesImage(text, `${step ?? ""} ${error}`));
  const only = named.length === 1 ? named[0] : undefined;
  return { line: only?.line, instruction: only?.text, cause, hint: undefined };
}

const noHereDocuments =
  "build with Docker 23 or newer, join the commands of RUN with && \\, and COPY a file instead of a here-document";

/**
 * Whether the engine took the lines of an instruction's here-document for instructions: a Dockerfile frontend older
 * than 1.4, and Podman where its builder lacks them. `parsed` is the line that it could not parse, NaN for none.
 */
function readsAsInstructions({ body, ends }: Instruction, error: string, parsed: number): boolean {
  if (body === "") return false;
  if (!Number.isNaN(parsed)) return parsed > ends && parsed <= ends + body.split("\n").length;
  const unknown = /\bUnknown instruction: "(\S+)"/.exec(error)?.[1]?.toUpperCase();
  if (unknown !== undefined)
    return body.split("\n").some((each) => each.trim().split(/\s/)[0]?.toUpperCase() === unknown);
  return /\bstat: "\/<</.test(error);
}

/** The last part of a chain of wrapped errors, or the exit code that it ends with. */
function causeOf(error: string): string {
  const status = /(?:exit code: |returned a non-zero code: |while running runtime: exit status )(\d+)/.exec(
    error,
  );
  if (status !== null) return `exit code: ${status[1]}`;
  const wrappers =
    /^(?:failed to solve(?: with frontend [^:]+)?|failed to create LLB definition|failed to build LLB|rpc error: code = \w+ desc =|building at STEP "[^]*?"|Build error): ?/;
  let cause = error.replace(/ &imagebuilder\.Step\{[^]*$/, "").trim();
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
  /** The line that it ends on, before its here-documents. */
  readonly ends: number;
  /** The lines of its here-documents; empty where it has none. */
  readonly body: string;
}

function locate(step: string, written: readonly Instruction[]): Instruction | undefined {
  const classic = /^Step (\d+)\/\d+ : /.exec(step);
  if (classic !== null) return written[Number(classic[1]) - 1];
  // Podman counts within a stage, and names the stage where there are several.
  const podman = /^(?:\[(\d+)\/\d+\] )?STEP (\d+)\/\d+: /.exec(step);
  if (podman !== null) {
    const [, ofStage = "1", ordinal] = podman;
    return written.filter(({ stage }) => stage === Number(ofStage) - 1)[Number(ordinal) - 1];
  }
  const named = /^\[(?:(\S+) )?(\d+)\/(\d+)\] ([^]*)$/.exec(step);
  if (named === null) return undefined;
  const [, stageName, ordinal, total, text = ""] = named;
  const inStage = written.filter(
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

/** The instructions with the lines they begin on, and the stages they belong to. */
function readInstructions(dockerfile: string): Instruction[] {
  let stage = -1;
  let stageName: string | undefined;
  const all = [...instructions(dockerfile, escapeCharacter(dockerfile))];
  return all.map(({ keyword, text: rest, line, start, end, next }) => {
    const text = `${keyword} ${rest}`.replaceAll(/\s+/g, " ").trim();
    if (keyword === "FROM") {
      stage++;
      stageName = /\sAS\s+(\S+)$/i.exec(text)?.[1]?.toLowerCase();
    }
    const ends = line + dockerfile.slice(start, end).split("\n").length - 1;
    return { line, text, stage, stageName, ends, body: dockerfile.slice(end, next).trim() };
  });
}
