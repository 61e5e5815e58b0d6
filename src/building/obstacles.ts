import { readFragments } from "../composing/fragment.ts";
import { lintInstructions } from "../composing/lint.ts";
import { layOver, openListings } from "../composing/listing.ts";
import type { LayerListing } from "../composing/listing.ts";
import type { Catalog, Step } from "../model.ts";
import { contextDirectories } from "../planning/graph.ts";
import { describeProblem, Refusal } from "../problem.ts";
import type { Problem } from "../problem.ts";

/**
 * Refuses with all that keeps steps from being composed, each once: files that no context can hold, instructions that no engine
 * knows, and fragments that do not go together. It walks the names of the layers and reads no contents, so that every preview can afford it.
 */
export async function refuseObstacles(root: string, steps: readonly Step[], catalog: Catalog): Promise<void> {
  // Releases share compat layers, and stacks of them.
  const list = openListings(root, catalog.conventions.ignoreFiles);
  const seen = new Set<string>();
  const problems = new Map<string, Problem>();
  for (const step of steps) {
    const directories = contextDirectories(step, catalog);
    const key = directories.join("\n");
    if (seen.has(key)) continue;
    seen.add(key);
    const listings: LayerListing[] = [];
    for (const directory of directories) listings.push(await list(directory));
    const compat =
      step.kind === "science" ? [] : step.layers.flatMap((name) => catalog.compat.get(name) ?? []);
    const fragments = readFragments(compat.map(({ directory, fragment: text }) => ({ directory, text })));
    const texts =
      step.kind === "science"
        ? [[step.directory, catalog.science.get(step.directory)?.dockerfile ?? ""] as const]
        : compat.map(({ directory, fragment }) => [directory, fragment] as const);
    const unknown = texts.flatMap(([directory, text]) => lintInstructions(directory, text));
    for (const problem of [...unknown, ...fragments.problems, ...layOver(listings).problems])
      problems.set(describeProblem(problem), problem);
  }
  if (problems.size > 0) throw new Refusal(...problems.values());
}
