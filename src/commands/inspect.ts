import { digestOf } from "../building/bases.ts";
import { builtAt } from "../building/history.ts";
import { openInputs } from "../building/inputs.ts";
import { readCheckout } from "../git/checkout.ts";
import { changesSince } from "../git/history.ts";
import type { Catalog, ScienceLayer } from "../model.ts";
import { inputsLabel, readBase } from "../planning/labels.ts";
import { commitOf, readTrail } from "../planning/trail.ts";
import type { TrailLayer } from "../planning/trail.ts";
import { describeProblem, Refusal } from "../problem.ts";
import type { Problem } from "../problem.ts";
import type { Comparison, Foundation, Inspection, InspectedLayer, LayerSince } from "../published.ts";
import { formatReference, parseReference } from "../reference.ts";
import { inspectionText } from "../report/inspect.ts";
import { loadCatalog } from "./preview.ts";
import { findImage, findPublishedImage } from "./select.ts";
import type { CatalogImage } from "./select.ts";
import type { Surroundings } from "./surroundings.ts";

/** What is inspected and how it is shown, as the command line gives it. */
export interface InspectSettings {
  /** The directory that holds `science/` and `compat/`; undefined where there is none around. */
  readonly root: string | undefined;
  readonly repo: string;
  /** `IMAGE[:VERSION]` or `sci/TARGET[:VERSION]` of the catalog, or a reference with its registry. */
  readonly image: string;
  /** Ask the engine for it instead of the registry. */
  readonly local: boolean;
  readonly format: "text" | "json";
}

/** All that differs would not help; the first show where to look. */
const pathsShown = 20;

/**
 * `image-builder inspect`: prints what an image is made of, and what has become of that in the checkout since. Nothing
 * is pulled. Gives the exit code.
 */
export async function inspect(settings: InspectSettings, surroundings: Surroundings): Promise<number> {
  const { repo, image, local, format } = settings;
  const full = inFull(image);
  const checkout = await openCheckout(settings, full !== undefined, surroundings);
  const { reference, named } =
    full === undefined
      ? findPublishedImage(checkout?.catalog, repo, image)
      : { reference: full, named: undefined };

  const found = await (local ? readFromEngine : readFromRegistry)(reference, surroundings);
  if (found === undefined) {
    // Where the catalog does not know it either, this says what may have been meant.
    if (full === undefined && named === undefined && checkout !== undefined)
      findImage(checkout.catalog, image);
    throw new Refusal(notThere(reference, local));
  }
  const { labels, created, ...facts } = found;
  const trail = readTrail(labels, checkout?.catalog);
  // One after another: each asks git several questions at once.
  const layers: InspectedLayer[] = [];
  for (const layer of trail) {
    const commit = layers.length === 0 ? (commitOf(labels, layer) ?? layer.commit) : layer.commit;
    layers.push(await inspectLayer(layer, commit, checkout));
  }
  const inspection: Inspection = {
    formatVersion: 1,
    reference,
    source: local ? "engine" : "registry",
    ...facts,
    created: builtAt(undefined, created),
    revision: fullCommit(commitOf(labels, trail[0])),
    base: readBase(labels),
    layers,
    foundation: findFoundation(trail, labels, checkout?.catalog),
    checkout: checkout === undefined ? null : await compareInputs(checkout, named, trail[0], labels),
  };
  surroundings.out(
    format === "json" ? `${JSON.stringify(inspection, undefined, 2)}\n` : inspectionText(inspection),
  );
  return 0;
}

/** A reference that names its registry; what does not is a name of the catalog, or of what is in the repository. */
function inFull(image: string): string | undefined {
  const reference = parseReference(image);
  return reference?.registry === undefined ? undefined : formatReference(reference);
}

/** The checkout that an image is compared with. */
interface OpenCheckout {
  readonly root: string;
  readonly catalog: Catalog;
  readonly commit: string;
}

/** Reads the checkout around; one that cannot be read is no obstacle to an image that is named in full. */
async function openCheckout(
  { root }: InspectSettings,
  dispensable: boolean,
  { progress }: Surroundings,
): Promise<OpenCheckout | undefined> {
  if (root === undefined) return undefined;
  try {
    const catalog = loadCatalog(root);
    const { commit } = await readCheckout(root, null, { shallow: true });
    return { root, catalog, commit };
  } catch (error) {
    if (!(error instanceof Refusal) || !dispensable) throw error;
    for (const problem of error.problems) progress(`${describeProblem(problem)}\n`);
    progress("So the image is not compared with this checkout.\n");
    return undefined;
  }
}

function notThere(reference: string, local: boolean): Problem {
  return local
    ? {
        kind: "surroundings",
        message: `the engine has no image ${reference}`,
        hint: "without --local the registry is asked",
      }
    : {
        kind: "surroundings",
        message: `there is no image ${reference} in the registry`,
        hint: "image-builder history IMAGE lists what is published; --local asks the engine",
      };
}

/** What is asked of an image, wherever it is. */
interface FoundImage extends Pick<Inspection, "digest" | "size" | "platform"> {
  readonly labels: Readonly<Record<string, string>>;
  readonly created: string | undefined;
}

async function readFromRegistry(
  reference: string,
  surroundings: Surroundings,
): Promise<FoundImage | undefined> {
  const [{ openRegistry }, { formatPlatform }] = await Promise.all([
    import("./registry.ts"),
    import("../registry/manifest.ts"),
  ]);
  const config = await (await openRegistry(surroundings)).config(reference);
  if (config === undefined) return undefined;
  const { digest, size, platform, labels, created } = config;
  return { digest, size, platform: formatPlatform(platform), labels, created };
}

async function readFromEngine(
  reference: string,
  { environment }: Surroundings,
): Promise<FoundImage | undefined> {
  const [{ connectDocker }, { findEngine }] = await Promise.all([
    import("../engine/docker.ts"),
    import("../engine/discover.ts"),
  ]);
  const { engine } = await connectDocker(await findEngine(environment), { credentials: noLogin });
  const facts = await engine.inspect(reference);
  if (facts === undefined) return undefined;
  const { size, platform, labels, created } = facts;
  return { digest: digestOf(facts, reference), size, platform, labels, created };
}

/** What is neither pulled nor pushed needs none. */
function noLogin(): Promise<undefined> {
  return Promise.resolve(undefined);
}

/** An image of the original tool tells only the beginning of its commit. */
function fullCommit(commit: string | undefined): string | null {
  return commit !== undefined && commit.length >= 40 ? commit : null;
}

/** Only of the newest layer an image tells the commit in full. */
async function inspectLayer(
  layer: TrailLayer,
  commit: string,
  checkout: OpenCheckout | undefined,
): Promise<InspectedLayer> {
  const { kind, name, version, stamp, time } = layer;
  const since = checkout === undefined ? null : await layerSince(checkout, layer, commit);
  return { kind, name, version, stamp, commit, time: builtAt(time, undefined), checkout: since };
}

async function layerSince(
  { root, catalog }: OpenCheckout,
  traced: TrailLayer,
  commit: string,
): Promise<LayerSince> {
  const layer = layerOf(catalog, traced);
  if (layer === undefined) return { kind: "gone" };
  const directories =
    traced.kind === "science" ? [layer.directory] : compatDirectories(catalog, layer.compat);
  const since = await changesSince(root, commit, directories);
  if (since === undefined) return { kind: "unknown", directories };
  const { commits, paths, leadsHere } = since;
  return {
    kind: "known",
    directories,
    version: layer.version,
    commits,
    differing: paths.length,
    paths: paths.slice(0, pathsShown),
    leadsHere,
  };
}

/** The layer of the catalog that a layer of a trail was built from; of a release, the final layer that it stands on. */
function layerOf(catalog: Catalog, { kind, name, version }: TrailLayer): ScienceLayer | undefined {
  return [...catalog.science.values()].find((layer) =>
    kind === "science"
      ? layer.target === name
      : layer.image === name && layer.version === version && catalog.finals.has(layer.directory),
  );
}

function compatDirectories(catalog: Catalog, compat: string): string[] {
  return (catalog.stacks.get(compat) ?? []).flatMap((name) => catalog.compat.get(name)?.directory ?? []);
}

/** Only the lowest image tells itself what it stands on; of others, the Dockerfile of the lowest layer does. */
function findFoundation(
  trail: readonly TrailLayer[],
  labels: Readonly<Record<string, string>>,
  catalog: Catalog | undefined,
): Foundation | null {
  const lowest = trail.at(-1);
  if (lowest?.kind !== "science") return null;
  const own = trail.length === 1 ? readBase(labels) : null;
  if (own !== null) return { ...own, from: "image" };
  const layer = catalog === undefined ? undefined : layerOf(catalog, lowest);
  if (layer === undefined) return null;
  const base = layer.bases.find(({ final }) => final);
  if (base === undefined) return { name: "scratch", digest: null, from: "checkout" };
  const reference = base.layer === undefined ? parseReference(base.reference) : undefined;
  if (reference === undefined) return null;
  const name = formatReference({ ...reference, digest: undefined });
  return { name, digest: reference.digest ?? null, from: "checkout" };
}

async function compareInputs(
  { root, catalog, commit }: OpenCheckout,
  named: CatalogImage | undefined,
  newest: TrailLayer | undefined,
  labels: Readonly<Record<string, string>>,
): Promise<Comparison> {
  const { layer, kind } = named ?? tracedImage(catalog, newest);
  const inputs = openInputs(root, catalog);
  const read = kind === "science" ? inputs.science : inputs.release;
  const expected = layer === undefined ? undefined : await read(layer.directory);
  return { commit, inputs: { image: labels[inputsLabel] ?? null, checkout: expected?.digest ?? null } };
}

/** The image of the catalog that the newest layer of a trail says it is. */
function tracedImage(
  catalog: Catalog,
  newest: TrailLayer | undefined,
): { readonly layer: ScienceLayer | undefined; readonly kind: CatalogImage["kind"] } {
  const layer = newest === undefined ? undefined : layerOf(catalog, newest);
  return {
    layer: layer?.version === newest?.version ? layer : undefined,
    kind: newest?.kind === "science" ? "science" : "release",
  };
}
