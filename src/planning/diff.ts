import type { LayerDiff } from "../published.ts";
import type { TrailLayer } from "./trail.ts";

/** A layer of two trails: as the first and as the second has it. */
export interface LayerPair extends Pick<LayerDiff, "kind" | "name" | "change"> {
  readonly from: TrailLayer | undefined;
  readonly to: TrailLayer | undefined;
}

/** The layers of two trails as the second has them, then those that only the first has. */
export function compareTrails(from: readonly TrailLayer[], to: readonly TrailLayer[]): readonly LayerPair[] {
  const [older, newer] = [byName(from), byName(to)];
  const names = new Set([...newer.keys(), ...older.keys()]);
  return [...names].flatMap((name) => pairOf(older.get(name), newer.get(name)));
}

function byName(trail: readonly TrailLayer[]): ReadonlyMap<string, TrailLayer> {
  return new Map(trail.map((layer) => [`${layer.kind} ${layer.name}`, layer]));
}

function pairOf(from: TrailLayer | undefined, to: TrailLayer | undefined): readonly LayerPair[] {
  const layer = to ?? from;
  if (layer === undefined) return [];
  const { kind, name } = layer;
  const change =
    from === undefined ? "added" : to === undefined ? "removed" : isSame(from, to) ? "same" : "rebuilt";
  return [{ kind, name, change, from, to }];
}

function isSame(a: TrailLayer, b: TrailLayer): boolean {
  return a.version === b.version && a.stamp === b.stamp && a.time === b.time;
}
