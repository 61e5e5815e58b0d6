import path from "node:path";
import fs from "fs-extra";
import type { Step } from "../model.ts";
import { Refusal } from "../problem.ts";
import type { Problem } from "../problem.ts";
import type { RunEvent } from "../run.ts";
import { checkDirectory, makeDirectory } from "./place.ts";

/** The files that `--logs` asks for. */
export interface BuildLogs {
  readonly follow: (event: RunEvent) => void;
  /** Why the files are not complete; undefined while they are. */
  readonly problem: () => Problem | undefined;
}

/** The file below a directory that has the output of a step. */
export function logFile(directory: string, { id }: Step): string {
  return path.join(directory, `${id.replace(":", "-")}.log`);
}

/**
 * Keeps the whole output of each step in a file of its own below a directory: `science/NAME.log`, and
 * `compat/IMAGE-VERSION.log` for a release. Refuses with kind `usage` where no file can be written; one that cannot be
 * later stops no build.
 */
export function keepBuildLogs(directory: string): BuildLogs {
  const files = new Map<string, number>();
  let problem: Problem | undefined;
  const failed = (kind: Problem["kind"], what: string, error: unknown): Problem => ({
    kind,
    message: `${what}: ${error instanceof Error ? error.message : String(error)}`,
    hint: `make room or leave to write in ${directory}, or name another directory with --logs`,
  });
  try {
    checkDirectory(directory);
  } catch (error) {
    throw new Refusal(failed("usage", "the build logs cannot be written", error));
  }
  const write = (event: RunEvent) => {
    if (event.kind === "started") {
      const file = logFile(directory, event.step);
      makeDirectory(path.dirname(file));
      files.set(event.step.id, fs.openSync(file, "w"));
    } else if (event.kind === "output") {
      const file = files.get(event.step.id);
      if (file !== undefined) fs.writeSync(file, `${event.line}\n`);
    } else if (event.kind === "ended") {
      const file = files.get(event.result.step.id);
      if (file !== undefined) fs.closeSync(file);
    }
  };
  const follow = (event: RunEvent) => {
    if (problem !== undefined) return;
    try {
      write(event);
    } catch (error) {
      problem = failed("surroundings", "the build logs are not complete", error);
    }
  };
  return { follow, problem: () => problem };
}
