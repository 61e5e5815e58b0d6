import type { Rule } from "./rules.ts";

/**
 * What can be wrong, as a value that a person can act on.
 *
 * `kind` decides the exit code: `failure` (a build, test or push failed) 1, `usage` (the command line) 2,
 * `definition` (something below science/ or compat/) 3, `surroundings` (git, engine, registry, network) 4.
 * `file` is relative to the root; `line` and `column` count from 1. A hint can have further lines, which are indented.
 */
export interface Problem {
  readonly kind: "failure" | "usage" | "definition" | "surroundings";
  readonly message: string;
  readonly hint?: string;
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  /** Of a mistake in the definitions: which of the rules of `check` it breaks. */
  readonly rule?: Rule;
}

/** The exit code that each kind of problem leads to. */
export const exitCodes = { failure: 1, usage: 2, definition: 3, surroundings: 4 } as const;

/** The exit code of a command that met these problems: that of a failure where there is one, otherwise of the first. */
export function exitCodeOf(problems: readonly Problem[]): number {
  const kinds = problems.map(({ kind }) => kind);
  const gravest = kinds.includes("failure") ? "failure" : kinds[0];
  return gravest === undefined ? 0 : exitCodes[gravest];
}

/** Carries problems out of code that cannot go on. Any other error that reaches the top is a bug. */
export class Refusal extends Error {
  readonly problems: readonly Problem[];

  constructor(...problems: readonly Problem[]) {
    super(problems.map(describeProblem).join("\n"));
    this.name = "Refusal";
    this.problems = problems;
  }
}

/**
 * A problem on one line, but for further ones of its hint: `file:line:column: what — hint`, as far as each part is known;
 * {@link printable}.
 */
export function describeProblem(problem: Problem): string {
  const place = [problem.file, problem.line, problem.column].filter((part) => part !== undefined);
  const what = printable(place.length === 0 ? problem.message : `${place.join(":")}: ${problem.message}`);
  return problem.hint === undefined
    ? what
    : `${what} — ${problem.hint.split("\n").map(printable).join("\n")}`;
}

/**
 * What others wrote, fit to be shown: control characters could move the cursor of a terminal, those that turn the direction of
 * writing make a line read as another, and with those that nobody sees two names look the same. What emoji are made of stays.
 */
export function printable(text: string): string {
  return text.replaceAll(unseen, "\u{FFFD}");
}

const unseen =
  /(?!\uFE0F|(?<=[\p{Extended_Pictographic}\p{Emoji_Modifier}\uFE0F])\u200D)[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2028\u2029]/gu;

/** Waits for all, and refuses with the problems of all that are refused; one that several share is said once. */
export async function refuseTogether<T>(tasks: readonly Promise<T>[]): Promise<readonly T[]> {
  const problems = new Set<Problem>();
  const values: T[] = [];
  for (const result of await Promise.allSettled(tasks)) {
    if (result.status === "fulfilled") values.push(result.value);
    else if (result.reason instanceof Refusal)
      for (const problem of result.reason.problems) problems.add(problem);
    else throw result.reason;
  }
  if (problems.size > 0) throw new Refusal(...problems);
  return values;
}
