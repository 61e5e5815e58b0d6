import path from "node:path";
import fs from "fs-extra";
import type { Problem } from "../problem.ts";
import type { RunEvent } from "../run.ts";

/** The files that `--logs` asks for. */
export interface BuildLogs {
  readonly follow: (event: RunEvent) => void;
  /** Why the files are not complete; undefined while they are. */
  readonly problem: () => Problem | undefined;
}

/**
 * Keeps the whole output of each step in a file of its own below a directory: `science/NAME.log`, and
 * `compat/IMAGE-VERSION.log` for a release. A file that cannot be written stops no build.
 */
export function keepBuildLogs(directory: string): BuildLogs {
  const files = new Map<string, number>();
  let problem: Problem | undefined;
  const write = (event: RunEvent) => {
    if (event.kind === "started") {
      const file = path.join(directory, `${event.step.id.replace(":", "-")}.log`);
      fs.ensureDirSync(path.dirname(file));
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
      problem = {
        kind: "surroundings",
        message: `the build logs are not complete: ${error instanceof Error ? error.message : String(error)}`,
        hint: `make room or leave to write in ${directory}, or name another directory with --logs`,
      };
    }
  };
  return { follow, problem: () => problem };
}
