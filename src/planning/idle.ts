import type { Catalog, Idle } from "../model.ts";
import { isRange } from "../ref.ts";
import { changedLayers, layerDirectories, layerOf } from "./changes.ts";
import { liveLayers } from "./graph.ts";

/** What is known where the changes of a ref lead to no build. Paths are relative to the root. */
export interface IdleInput {
  readonly catalog: Catalog;
  readonly ref: string;
  readonly checkout: {
    readonly changed: readonly string[];
    readonly uncommitted: readonly string[];
    readonly untracked: readonly string[];
    readonly ignored: readonly string[];
  };
  readonly triggers: (directory: string, path: string) => boolean;
  /** The directories of layers that `--ignore` keeps out. */
  readonly ignored: ReadonlySet<string>;
  /** The paths that changed outside `science/` and `compat/`. */
  readonly elsewhere: readonly string[];
}

/** Why changes lead to no build: what changed first, then what is no change. */
export function findIdle({
  catalog,
  ref,
  checkout,
  triggers,
  ignored,
  elsewhere,
}: IdleInput): readonly Idle[] {
  const found = new Map<Idle["kind"], string[]>();
  const add = (kind: Idle["kind"], path: string) => {
    const paths = found.get(kind);
    if (paths === undefined) found.set(kind, [path]);
    else paths.push(path);
  };
  const live = liveLayers(catalog);
  const directories = layerDirectories(catalog);
  for (const directory of changedLayers(catalog, checkout.changed, triggers).keys()) {
    if (ignored.has(directory)) add("ignored", directory);
    else if (catalog.science.has(directory)) add(live.has(directory) ? "only-retired" : "retired", directory);
    else add(isNamed(catalog, directory) ? "retired" : "unused", directory);
  }
  for (const path of [...checkout.changed, ...elsewhere]) {
    const directory = layerOf(path, directories);
    if (directory === undefined) add("outside", path);
    else if (path !== directory && !triggers(directory, path.slice(directory.length + 1)))
      add("dockerignored", path);
  }
  const unknown = new Set([...checkout.untracked, ...checkout.ignored]);
  const edited = isRange(ref) ? checkout.uncommitted.filter((path) => !unknown.has(path)) : [];
  for (const [kind, paths] of [
    ["uncommitted", edited],
    ["untracked", checkout.untracked],
    ["git-ignored", checkout.ignored],
  ] as const)
    for (const each of changedLayers(catalog, paths, triggers).values())
      for (const path of each) add(kind, path);
  return [...found].map(([kind, paths]) => ({ kind, paths }));
}

/** Whether a science layer leads to a compat layer, by its name or through others. */
function isNamed({ science, compat, stacks }: Catalog, directory: string): boolean {
  return [...science.values()].some((layer) =>
    (stacks.get(layer.compat) ?? []).some((name) => compat.get(name)?.directory === directory),
  );
}
