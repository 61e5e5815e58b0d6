import { defaultConventions, definitionFile } from "../conventions.ts";
import type { Catalog, Difference, ScienceLayer } from "../model.ts";
import type { Changes } from "./changes.ts";
import { basesOf, stackDirectories } from "./graph.ts";
import type { Inputs } from "./labels.ts";
import { commitOf, inputsIn, readTrail } from "./trail.ts";
import type { TrailLayer } from "./trail.ts";

/** What a rolling tag of the catalog names. */
export interface Sample {
  readonly kind: "science" | "release";
  /** The layer that makes it, or that the release stands on. */
  readonly layer: ScienceLayer;
  readonly labels: Readonly<Record<string, string>>;
}

/** How an image compares to what the checkout would make. */
export type Verdict =
  | { readonly kind: "same" }
  | { readonly kind: "differs"; readonly in: Difference }
  /** It goes by its trail, and this clone lacks a commit of that. */
  | { readonly kind: "unknown"; readonly commit: string };

/** What has happened since a commit. */
export interface Since {
  /** How many commits since have touched each directory. */
  readonly touches: ReadonlyMap<string, number>;
  /** The paths in which the working tree differs from it, by directory. */
  readonly differing: Changes;
  /** Whether it leads to the commit that is checked out. */
  readonly leadsHere: boolean;
}

/** What has happened since each of some commits; undefined for one that this clone lacks. */
export type Sinces = ReadonlyMap<string, Since | undefined>;

/** A layer that an image is made of. */
export interface Part {
  readonly kind: "science" | "compat";
  readonly directory: string;
  /** The commit that it was built from; undefined if the label is missing. */
  readonly commit: string | undefined;
}

/**
 * Whether an image is one of the original tool: its trail says that it is what its tag says, and no label from what inputs.
 * That tool knew one namespace of labels only.
 */
export function isByTrail({ kind, layer, labels }: Sample, { conventions }: Catalog): boolean {
  return (
    conventions.labelNamespace === defaultConventions.labelNamespace &&
    inputsIn(labels) === undefined &&
    ownLayer(labels, kind, layer)?.version === layer.version
  );
}

/** The layer of its trail that the image of a science layer, or the release of an image, itself was built as. */
export function ownLayer(
  labels: Sample["labels"],
  kind: Sample["kind"],
  { target, image }: { readonly target?: string; readonly image: string },
): TrailLayer | undefined {
  return readTrail(labels).find((each) =>
    kind === "science"
      ? each.kind === "science" && each.name === target
      : each.kind === "compat" && each.name === image,
  );
}

/** Judges an image by its label of the inputs. */
export function judgeByInputs({ kind, labels }: Sample, expected: Inputs): Verdict {
  const found = inputsIn(labels);
  if (found?.digest === expected.digest) return { kind: "same" };
  if (found === undefined) return { kind: "differs", in: "unknown" };
  // The digest covers the files, the base and the names; a base is what is left when the files are the same.
  const own = kind === "science" ? "files" : "compat";
  return { kind: "differs", in: found.files === expected.files ? "base" : own };
}

/**
 * Judges an image by its trail: whether the files of each layer that it is made of are those of the commit that the layer was
 * built from. What certainly differs counts before what is unknown.
 */
export function judgeByTrail(sample: Sample, catalog: Catalog, sinces: Sinces): Verdict {
  const { kind, layer } = sample;
  const { environmentVariable } = catalog.conventions;
  if (kind === "release" && environmentVariable !== defaultConventions.environmentVariable)
    return { kind: "differs", in: "compat" };
  let verdict: Verdict = { kind: "same" };
  for (const part of partsOf(sample, catalog).toReversed()) {
    const since = part.commit === undefined ? undefined : sinces.get(part.commit);
    const own = kind === "science" ? part.directory === layer.directory : part.kind === "compat";
    if (since === undefined) {
      if (verdict.kind === "same") verdict = { kind: "unknown", commit: part.commit ?? "" };
    } else if (differsIn(part, layer, since))
      return { kind: "differs", in: own ? (kind === "science" ? "files" : "compat") : "base" };
  }
  return verdict;
}

/**
 * Whether a layer that an image is made of has other files than at the commit that it was built from. The definition of a science
 * layer is no input of its image; that of the `final` one says what compat layers a release has, and theirs what they include.
 */
export function differsIn({ kind, directory }: Part, final: ScienceLayer, { differing }: Since): boolean {
  const paths = differing.get(directory) ?? [];
  if (kind === "science") return paths.some((path) => path !== definitionFile(directory));
  return (
    paths.length > 0 || differing.get(final.directory)?.includes(definitionFile(final.directory)) === true
  );
}

/** The layers that an image is made of, from the ground up. */
export function partsOf({ kind, layer, labels }: Sample, catalog: Catalog): readonly Part[] {
  const trail = readTrail(labels);
  const release = trail.find((each) => each.kind === "compat")?.commit;
  const own = trail.length === 0 ? undefined : commitOf(labels, trail[0]);
  const sciences = new Map(trail.flatMap((each) => (each.kind === "science" ? [[each.name, each]] : [])));
  const parts = new Map<string, Part>();
  // What is taken by COPY --from leaves no label; it was there when the layer that took it was built.
  const waiting = [{ directory: layer.directory, taker: own }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { directory, taker } = next;
    const science = parts.has(directory) ? undefined : catalog.science.get(directory);
    if (science === undefined) continue;
    const commit = sciences.get(science.target)?.commit ?? taker;
    parts.set(directory, { kind: "science", directory, commit });
    for (const base of basesOf(science)) waiting.push({ directory: base, taker: commit });
  }
  const stack = kind === "release" ? stackDirectories(catalog, layer.compat) : [];
  const compat = stack.map((directory): Part => ({ kind: "compat", directory, commit: release ?? own }));
  return [...[...parts.values()].toReversed(), ...compat];
}
