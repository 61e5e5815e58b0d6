import type { Catalog, ScienceLayer } from "../model.ts";

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
  const waiting = [...catalog.finals].filter((directory) => !isRetired(directory));
  if (waiting.length === catalog.finals.size) return new Set(catalog.science.keys());
  const live = new Set<string>();
  for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
    const layer = live.has(directory) ? undefined : catalog.science.get(directory);
    if (layer === undefined) continue;
    live.add(directory);
    waiting.push(...basesOf(layer));
  }
  return live;
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
