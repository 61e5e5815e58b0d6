import type { Problem } from "./problem.ts";
import type { Rule } from "./rules.ts";

/** What `check` found. With an error nothing can be built; a note is about what is most often meant. */
export interface Finding extends Problem {
  readonly severity: "error" | "warning" | "note";
  readonly rule: Rule;
  /** The other place that it is about, named in the message too. */
  readonly related?: { readonly file: string; readonly line?: number };
}

/** A problem that keeps a catalog or a build from being made, as a finding. Those of a build context alone name no rule. */
export function asFinding(problem: Problem): Finding {
  return { ...problem, severity: "error", rule: problem.rule ?? "context-file" };
}
