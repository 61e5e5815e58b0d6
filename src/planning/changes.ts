import type { Catalog } from "../model.ts";

/** The layers that count as changed, by directory, with the paths that say so; no paths: it was asked for by name. */
export type Changes = ReadonlyMap<string, readonly string[]>;

/**
 * Sorts changed paths to the layers they belong to. `triggers` tells whether a path below a layer's directory
 * (relative to it) can change the image: what `.dockerignore` keeps out cannot.
 */
export function changedLayers(
  catalog: Catalog,
  paths: Iterable<string>,
  triggers: (directory: string, path: string) => boolean,
): Changes {
  const directories = layerDirectories(catalog);
  const changes = new Map<string, string[]>();
  for (const path of [...paths].sort()) {
    const directory = layerOf(path, directories);
    if (directory === undefined) continue;
    // A layer that is a submodule is itself the changed path.
    if (path !== directory && !triggers(directory, path.slice(directory.length + 1))) continue;
    const found = changes.get(directory);
    if (found === undefined) changes.set(directory, [path]);
    else if (found.at(-1) !== path) found.push(path);
  }
  return changes;
}

/** Every layer's directory, science first. */
export function layerDirectories(catalog: Catalog): ReadonlySet<string> {
  return new Set([
    ...catalog.science.keys(),
    ...[...catalog.compat.values()].map(({ directory }) => directory),
  ]);
}

/** The layer that a path lies in or is; layers do not nest, so the first directory on the way up is the only one. */
export function layerOf(path: string, directories: ReadonlySet<string>): string | undefined {
  let end = path.length;
  while (end > 0) {
    const directory = path.slice(0, end);
    if (directories.has(directory)) return directory;
    end = path.lastIndexOf("/", end - 1);
  }
  return undefined;
}
