import fs from "node:fs";
import path from "node:path";
import type { Finding } from "../finding.ts";
import { readPrefix } from "../git/checkout.ts";
import type { Problem } from "../problem.ts";
import { isOnGithub } from "./surroundings.ts";
import type { Surroundings } from "./surroundings.ts";

/** Shows problems, or what `check` found, beside the lines of the files where GitHub runs this; elsewhere does nothing. */
export async function annotate(
  problems: readonly (Problem & Partial<Pick<Finding, "severity">>)[],
  root: string,
  { environment, progress }: Pick<Surroundings, "environment" | "progress">,
): Promise<void> {
  if (!isOnGithub(environment) || problems.length === 0) return;
  const { annotation } = await import("../report/github.ts");
  const place = await placeIn(root);
  const levels = { error: "error", warning: "warning", note: "notice" } as const;
  for (const problem of problems)
    progress(annotation(levels[problem.severity ?? "error"], problem, "image-builder", place));
}

/** Gives the path from the top of the repository of a file below the root; undefined for what is no file there. */
export async function placeIn(root: string): Promise<(file: string) => string | undefined> {
  const prefix = await readPrefix(root);
  return (file) => (fs.existsSync(path.join(root, file)) ? `${prefix}${file}` : undefined);
}
