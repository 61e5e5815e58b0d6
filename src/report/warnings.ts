import type { Plan } from "../model.ts";
import { describeProblem } from "../problem.ts";

/** More of them would hide what a plan is about. */
const most = 10;

/** A line for each warning of a plan, as `check` prints it; where there are many, the last says how many are left out. */
export function warningLines({ warnings = [] }: Plan): readonly string[] {
  const lines = warnings
    .slice(0, most)
    .map((warning) =>
      describeProblem({ ...warning, kind: "definition", message: `warning: ${warning.message}` }),
    );
  const left = warnings.length - lines.length;
  return left === 0 ? lines : [...lines, `… and ${left} more warnings: image-builder check`];
}
