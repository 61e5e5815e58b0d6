import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { readContext } from "../composing/context.ts";
import type { Context } from "../composing/context.ts";
import { definitionFile } from "../conventions.ts";
import type { ContextFile, ContextFiles, LayerDetail, LayerDetails, SourceFile } from "../layer-details.ts";
import type { Catalog, Plan } from "../model.ts";
import { stackDirectories } from "../planning/graph.ts";
import { releaseSteps } from "../planning/plan.ts";
import { describeProblem, Refusal } from "../problem.ts";
import type { Problem } from "../problem.ts";
import { composeRelease, plannedBase } from "./prepare.ts";

/** How many files of one build are listed: a page that holds them all would be too large to open. */
const mostFiles = 500;

/** Reads what layers and releases, by their ids, are defined by. Refuses with all that cannot be read or composed. */
export async function readLayerDetails(
  root: string,
  catalog: Catalog,
  plan: Plan,
  ids: ReadonlySet<string>,
): Promise<Pick<LayerDetails, "layers" | "stacks">> {
  const problems = new Map<string, Problem>();
  const attempt = async <T>(act: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      // Many releases share a compat layer: what is wrong with it is said once.
      for (const problem of error.problems) problems.set(describeProblem(problem), problem);
      return undefined;
    }
  };
  const layers = new Map<string, LayerDetail>();
  const stacks = new Map<string, ContextFiles>();
  for (const { directory, dockerfile } of catalog.science.values()) {
    if (!ids.has(directory)) continue;
    const files = await attempt(async () =>
      listFiles(await readContext(root, [directory], catalog.conventions.ignoreFiles)),
    );
    const definitions = [await readDefinition(root, directory)];
    if (files !== undefined) layers.set(directory, { definitions, dockerfile, files });
  }
  for (const step of releaseSteps(catalog, plan)) {
    if (!ids.has(step.id)) continue;
    const { compat, science } = step;
    const directories = stackDirectories(catalog, compat);
    if (!stacks.has(compat)) {
      const files = await attempt(async () =>
        listFiles(await readContext(root, directories, catalog.conventions.ignoreFiles)),
      );
      stacks.set(compat, files ?? { listed: [], more: 0 });
    }
    await attempt(async () => {
      const { text: dockerfile } = composeRelease(step, plan, catalog, plannedBase(step, plan));
      const definitions: SourceFile[] = [];
      for (const directory of [science, ...directories])
        definitions.push(await readDefinition(root, directory));
      layers.set(step.id, { definitions, dockerfile, files: compat });
    });
  }
  if (problems.size > 0) throw new Refusal(...problems.values());
  return { layers, stacks };
}

async function readDefinition(root: string, directory: string): Promise<SourceFile> {
  const path = definitionFile(directory);
  try {
    return { path, text: await readFile(join(root, path), "utf8") };
  } catch (error) {
    // It was there when the catalog was read.
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new Refusal({
      kind: "surroundings",
      file: path,
      message: `can no longer be read (${code})`,
      hint: "try again when nothing writes to this directory",
    });
  }
}

function listFiles({ entries, overrides }: Context): ContextFiles {
  const files = entries.flatMap((entry) =>
    entry.kind === "directory" || entry.kind === "dockerfile" ? [] : [entry],
  );
  const listed = files.slice(0, mostFiles).map((entry): ContextFile => {
    const over = overrides.flatMap(({ path, of }) => (path === entry.path ? [of] : []));
    return { path: entry.path, from: entry.layer, size: entry.kind === "file" ? entry.size : null, over };
  });
  return { listed, more: files.length - listed.length };
}
