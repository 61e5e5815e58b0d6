import path from "node:path";
import { Refusal } from "../problem.ts";
import { writeWhole } from "../report/place.ts";
import type { Surroundings } from "./surroundings.ts";

/** Writes to the file that `--output` names, or without one to standard output. */
export function writeOutput(file: string | undefined, text: string, { out }: Surroundings): void {
  if (file === undefined) return out(text);
  try {
    writeWhole(file, text);
  } catch (error) {
    throw refusalOf(file, error);
  }
}

function refusalOf(file: string, error: unknown): Refusal {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const directory = path.dirname(file);
  if (code === "ENOENT")
    return new Refusal({
      kind: "usage",
      message: `--output ${file}: there is no directory ${directory}`,
      hint: `mkdir -p ${directory}`,
    });
  if (code === "EISDIR")
    return new Refusal({
      kind: "usage",
      message: `--output ${file} is a directory`,
      hint: "name a file in it",
    });
  return new Refusal({
    kind: "surroundings",
    message: `--output ${file} cannot be written (${String(code ?? error)})`,
    hint: `let the user that runs this write to ${directory}`,
  });
}

/** Does something with a file; refuses with what the system says where it cannot be done. */
export function orRefuse<T>(name: string, done: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new Refusal({
      kind: "surroundings",
      message: `${name} cannot be ${done}: ${error instanceof Error ? error.message : String(error)}`,
    });
  }
}
