import { defaultConventions } from "../../src/conventions.ts";
import type { Catalog, CompatLayer, ScienceLayer } from "../../src/model.ts";

/** A science layer in a few words; what it builds on by name. */
export interface ScienceSketch {
  readonly image?: string;
  readonly version?: string;
  readonly compat?: string;
  readonly retired?: boolean;
  readonly on?: readonly string[];
}

/** A valid catalog from sketches: `science/NAME` and `compat/NAME` for each. Includes are taken as already flat. */
export function makeCatalog(
  science: Readonly<Record<string, ScienceSketch>>,
  compat: Readonly<Record<string, readonly string[]>> = { base: [] },
): Catalog {
  const layers = Object.entries(science)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, sketch]): ScienceLayer => {
      const bases = (sketch.on ?? []).map((on, index) => ({
        start: 0,
        end: 0,
        line: index + 1,
        reference: `sci/${on}:${science[on]?.version ?? "1.0"}`,
        layer: `science/${on}`,
        final: index === 0,
      }));
      return {
        directory: `science/${name}`,
        image: sketch.image ?? name,
        version: sketch.version ?? "1.0",
        target: name,
        compat: sketch.compat ?? "base",
        retired: sketch.retired ?? false,
        dockerfile: "",
        bases,
      };
    });
  const names = Object.keys(compat).sort();
  const compatLayers = names.map((name): CompatLayer => ({
    name,
    directory: `compat/${name}`,
    includes: compat[name] ?? [],
    fragment: "",
  }));
  const key = ({ image, version }: ScienceLayer) => `${image}:${version}`;
  const byDirectory = new Map(layers.map((layer) => [layer.directory, layer]));
  const standsOn = (layer: ScienceLayer, other: ScienceLayer): boolean =>
    layer.bases.some(({ layer: base }) => {
      const found = byDirectory.get(base ?? "");
      return found !== undefined && (found === other || standsOn(found, other));
    });
  const finals = layers.filter(
    (layer) =>
      !layers.some((other) => other !== layer && key(other) === key(layer) && standsOn(other, layer)),
  );
  return {
    science: byDirectory,
    compat: new Map(compatLayers.map((layer) => [layer.name, layer])),
    stacks: new Map(names.map((name) => [name, [...(compat[name] ?? []), name]])),
    finals: new Set(finals.map(({ directory }) => directory)),
    conventions: defaultConventions,
    warnings: [],
  };
}
