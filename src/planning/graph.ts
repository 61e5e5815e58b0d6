import type { Catalog, ScienceLayer, Step } from "../model.ts";

/** The directories of the science layers that a layer builds on directly, each once. */
export function basesOf(layer: ScienceLayer): ReadonlySet<string> {
  const bases = new Set<string>();
  for (const { layer: directory } of layer.bases) if (directory !== undefined) bases.add(directory);
  return bases;
}

/**
 * The directories of the layers that something live stands on: the final ones whose image and version are not retired, and
 * all that these build on. No other is built.
 */
export function liveLayers(catalog: Catalog): ReadonlySet<string> {
  const isRetired = (directory: string) => catalog.science.get(directory)?.retired === true;
  const finals = [...catalog.finals].filter((directory) => !isRetired(directory));
  return finals.length === catalog.finals.size ? new Set(catalog.science.keys()) : withBases(catalog, finals);
}

/** The directories of science layers, and of all that these build on. */
export function withBases(catalog: Catalog, directories: Iterable<string>): ReadonlySet<string> {
  const found = new Set<string>();
  const waiting = [...directories];
  for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
    const layer = found.has(directory) ? undefined : catalog.science.get(directory);
    if (layer === undefined) continue;
    found.add(directory);
    waiting.push(...basesOf(layer));
  }
  return found;
}

/** The directories of a compat layer and all that it includes, in the order they are laid down. */
export function stackDirectories(catalog: Catalog, compat: string): readonly string[] {
  return (catalog.stacks.get(compat) ?? []).flatMap((name) => catalog.compat.get(name)?.directory ?? []);
}

/** The directories whose files are the context of a step, in the order they are laid over each other. */
export function contextDirectories(step: Step, catalog: Catalog): readonly string[] {
  return step.kind === "science" ? [step.directory] : stackDirectories(catalog, step.compat);
}

/**
 * All science layers so that each comes after what it builds on. Among those that could come next the first by
 * directory does, so the order is the same on every machine.
 */
export function buildOrder(catalog: Catalog): readonly ScienceLayer[] {
  const order: ScienceLayer[] = [];
  const placed = new Set<string>();
  // A chain of layers can be longer than a stack of calls, so the way down is kept by hand.
  for (const layer of catalog.science.values()) {
    const path = [{ layer, bases: [...basesOf(layer)].sort() }];
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const next = placed.has(top.layer.directory) ? undefined : top.bases.find((base) => !placed.has(base));
      const base = next === undefined ? undefined : catalog.science.get(next);
      if (base !== undefined) {
        path.push({ layer: base, bases: [...basesOf(base)].sort() });
        continue;
      }
      if (!placed.has(top.layer.directory)) order.push(top.layer);
      placed.add(top.layer.directory);
      path.pop();
    }
  }
  return order;
}
