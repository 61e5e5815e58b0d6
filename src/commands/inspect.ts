import { judgeAlone } from "../building/survey.ts";
import { changesSince } from "../git/history.ts";
import type { Catalog, ScienceLayer } from "../model.ts";
import { stackDirectories } from "../planning/graph.ts";
import { readBase } from "../planning/labels.ts";
import { parseImmutableTag } from "../planning/names.ts";
import { builtAt, commitOf, inputsIn, readTrail } from "../planning/trail.ts";
import type { TrailLayer } from "../planning/trail.ts";
import { Refusal } from "../problem.ts";
import type { Comparison, Foundation, Inspection, InspectedLayer, LayerSince } from "../published.ts";
import { formatReference, parseReference } from "../reference.ts";
import { inspectionText } from "../report/inspect.ts";
import { json } from "../report/text.ts";
import { inFull, layerOf, notThere, openCheckout, openImages, readOpenCheckout } from "./found-image.ts";
import type { FoundImage, ImageReader, OpenCheckout } from "./found-image.ts";
import { openPast } from "./past.ts";
import { triggersOf } from "./preview.ts";
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
  const { root, repo, image, local, format } = settings;
  const full = inFull(image);
  const checkout = await (full === undefined && root !== undefined
    ? readOpenCheckout(root)
    : openCheckout(root, "the image is not compared with this checkout", surroundings));
  const { reference, named } =
    full === undefined
      ? findPublishedImage(checkout?.catalog, repo, image)
      : { reference: full, named: undefined };

  const read = await openImages({ local }, surroundings);
  const found = await read(reference);
  // Where the catalog does not know it either, that says what may have been meant. It has no stamps.
  if (found === undefined && full === undefined && named === undefined && checkout !== undefined)
    findImage(checkout.catalog, withoutStamp(image));
  if (found === undefined) throw new Refusal(notThere(reference, local));
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
    source: local ? "engine" : "registry",
    ...facts,
    created: builtAt(undefined, created),
    revision: fullCommit(commitOf(labels, trail[0])),
    base: readBase(labels),
    layers,
    foundation: findFoundation(trail, labels, checkout?.catalog),
    checkout:
      checkout === undefined
        ? null
        : await compare(
            checkout,
            named ?? tracedImage(checkout.catalog, trail[0]),
            { reference, labels },
            read,
          ),
  };
  surroundings.out(
    format === "json"
      ? json(inspection)
      : inspectionText(inspection, surroundings.conventions.labelNamespace),
  );
  return 0;
}

/** `IMAGE:VERSION` of `IMAGE:VERSION-STAMP`; any other name as it is. */
function withoutStamp(image: string): string {
  const [name = "", tag = ""] = image.split(":");
  const version = parseImmutableTag(tag)?.version;
  return version === undefined ? image : `${name}:${version}`;
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
  const directories = traced.kind === "science" ? [layer.directory] : stackDirectories(catalog, layer.compat);
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

async function compare(
  { root, catalog, commit, uncommitted }: OpenCheckout,
  { layer, kind }: ReturnType<typeof tracedImage>,
  { reference, labels }: { readonly reference: string; readonly labels: FoundImage["labels"] },
  read: ImageReader,
): Promise<Comparison> {
  const inputs = { image: inputsIn(labels)?.digest ?? null, checkout: null };
  if (layer === undefined) return { commit, verdict: null, lacks: null, inputs };
  const past = openPast(root, catalog, triggersOf(root, catalog), uncommitted);
  const repo = reference.replace(/\/(?:rel|sci)\/[^/]*$/, "");
  const { verdict, expected } = await judgeAlone(
    { kind, layer, labels },
    { root, catalog, repo, past },
    read,
  );
  return {
    commit,
    verdict: verdict.kind,
    lacks: verdict.kind === "unknown" ? verdict.commit : null,
    inputs: { ...inputs, checkout: expected.digest },
  };
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
