import type { Problem } from "./problem.ts";

/** What `check` looks for, by the name that a report gives it. */
export const rules = {
  definition: "A sciserver-image.json is wrong, or does not fit the others.",
  dockerfile: "A Dockerfile is wrong, or builds on what is not there.",
  file: "A file or directory cannot be part of a layer.",
  "unknown-instruction": "A Dockerfile has an instruction that no engine knows.",
  "leftover-user": "A compat fragment runs commands as the user that another one leaves behind.",
  "leftover-workdir": "A compat fragment writes to a directory that another one leaves behind.",
  "overridden-command": "A CMD or ENTRYPOINT never takes effect.",
  "outside-link": "A symbolic link leads out of its layer; the link itself goes into the image.",
  "overridden-file": "A file of a compat layer takes the place of that of another one.",
} as const;

/** The name of a rule. */
export type Rule = keyof typeof rules;

/** What `check` found. With an error nothing can be built; a note is about what is most often meant. */
export interface Finding extends Problem {
  readonly severity: "error" | "warning" | "note";
  readonly rule: Rule;
  /** The other place that it is about, named in the message too. */
  readonly related?: { readonly file: string; readonly line?: number };
}

/** A problem that keeps a catalog or a build from being made, as a finding. */
export function asFinding(problem: Problem): Finding {
  const file = problem.file ?? "";
  const rule = file.endsWith("/sciserver-image.json")
    ? "definition"
    : file.endsWith("/Dockerfile")
      ? "dockerfile"
      : "file";
  return { ...problem, severity: "error", rule };
}
