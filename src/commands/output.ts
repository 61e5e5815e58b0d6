import path from "node:path";
import type { Plan } from "../model.ts";
import { Refusal } from "../problem.ts";
import { warningLines } from "../report/warnings.ts";
import type { Surroundings } from "./surroundings.ts";

/** Writes to the file that `--output` names, in a directory that is made if need be, or without one to standard output. */
export async function writeOutput(
  file: string | undefined,
  text: string,
  { out }: Surroundings,
): Promise<void> {
  if (file === undefined) return out(text);
  if (file === "")
    throw new Refusal({
      kind: "usage",
      message: "--output: the name of the file is empty",
      hint: "name one",
    });
  const { makeDirectory, writeWhole } = await import("../report/place.ts");
  try {
    makeDirectory(path.dirname(path.resolve(file)));
    writeWhole(file, text);
  } catch (error) {
    throw refusalOf(file, error);
  }
}

function refusalOf(file: string, error: unknown): Refusal {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "EISDIR")
    return new Refusal({
      kind: "usage",
      message: `--output ${file} is a directory`,
      hint: "name a file in it",
    });
  return new Refusal({
    kind: "surroundings",
    message: `--output ${file} cannot be written (${String(code ?? error)})`,
    hint: `make ${path.dirname(file)} writable for the user who runs this`,
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

/** Says the warnings of a plan beside a form of it that does not hold them. */
export function tellWarnings(plan: Plan, { progress }: Pick<Surroundings, "progress">): void {
  for (const line of warningLines(plan)) progress(`${line}\n`);
}
