import type { Catalog, ScienceLayer } from "../model.ts";

/** The directories of the science layers that a layer builds on directly, each once. */
export function basesOf(layer: ScienceLayer): ReadonlySet<string> {
  const bases = new Set<string>();
  for (const { layer: directory } of layer.bases) if (directory !== undefined) bases.add(directory);
  return bases;
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
