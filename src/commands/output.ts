import { realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Refusal } from "../problem.ts";
import type { Surroundings } from "./surroundings.ts";

/** Writes to the file that `--output` names, or without one to standard output. */
export function writeOutput(file: string | undefined, text: string, { out }: Surroundings): void {
  if (file === undefined) return out(text);
  try {
    replaceFile(file, text);
  } catch (error) {
    throw refusalOf(file, error);
  }
}

/** All of it or nothing: what a reader finds there is never half a file. */
function replaceFile(file: string, text: string): void {
  const found = statSync(file, { throwIfNoEntry: false });
  // To a pipe or a device, /dev/stdout say, it is written: its place must not be taken.
  if (found !== undefined && !found.isFile()) return writeFileSync(file, text);
  // A link goes on leading to the file.
  const target = found === undefined ? file : realpathSync(file);
  const temporary = path.join(path.dirname(target), `.${path.basename(target)}.${process.pid}`);
  try {
    writeFileSync(temporary, text, { flag: "wx", mode: found?.mode ?? 0o666 });
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
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
