import { readPastDefinition } from "../definitions/definition.ts";
import { asCommit, changesBetween } from "../git/history.ts";
import { pastDefinitions } from "../git/past.ts";
import { compareTrails } from "../planning/diff.ts";
import { stackDirectories } from "../planning/graph.ts";
import { readBase } from "../planning/labels.ts";
import { parseImmutableTag } from "../planning/names.ts";
import type { Definition } from "../planning/orphans.ts";
import { builtAt, commitInFull, readTrail } from "../planning/trail.ts";
import type { TrailLayer } from "../planning/trail.ts";
import { Refusal } from "../problem.ts";
import type { Between, ComparedImage, FileDiff, ImageDiff, LayerBuild, LayerDiff } from "../published.ts";
import { diffText } from "../report/diff.ts";
import { json } from "../report/text.ts";
import { isVersion } from "../version.ts";
import { inFull, layerOf, nameWithVersion, notThere, openCheckout, openImages } from "./found-image.ts";
import type { FoundImage, OpenCheckout } from "./found-image.ts";
import { readImageName } from "./select.ts";
import type { Surroundings } from "./surroundings.ts";

/** What is compared and how it is shown, as the command line gives it. */
export interface DiffSettings {
  /** The directory that holds `science/` and `compat/`; undefined where there is none around. */
  readonly root: string | undefined;
  readonly repo: string;
  /** `IMAGE:TAG`, `sci/TARGET:TAG`, a reference with its registry, or the stamp of a build of what the other one names. */
  readonly from: string;
  readonly to: string;
  /** Ask the engine for them instead of the registry. */
  readonly local: boolean;
  readonly format: "text" | "json";
}

/**
 * `image-builder diff`: prints in what layers two builds of an image differ, and what happened to the files of these in
 * between. Nothing is pulled. Gives the exit code.
 */
export async function diff(settings: DiffSettings, surroundings: Surroundings): Promise<number> {
  const { root, local, format } = settings;
  const [from, to] = readReferences(settings);
  const checkout = await openCheckout(root, "the definitions are not compared", surroundings);
  const images = await openImages({ local }, surroundings);
  const read = async (reference: string) => {
    const found = await images(reference);
    if (found === undefined) throw new Refusal(notThere(reference, local));
    return found;
  };
  const [older, newer] = await Promise.all([read(from), read(to)]);
  const layers = await compareLayers(older, newer, checkout);
  const found: ImageDiff = {
    formatVersion: 1,
    source: local ? "engine" : "registry",
    from: compared(older),
    to: compared(newer),
    layers,
  };
  surroundings.out(format === "json" ? json(found) : diffText(found));
  return 0;
}

/** Both references in full. Refuses what names no image. */
function readReferences({ from, to, repo, root }: DiffSettings): readonly [string, string] {
  const [older, newer] = [readName(from, repo, root), readName(to, repo, root)];
  return [older ?? withStamp(from, newer, to), newer ?? withStamp(to, older, from)];
}

/** Undefined for a stamp. */
function readName(text: string, repo: string, root: string | undefined): string | undefined {
  if (parseImmutableTag(`1-${text}`) !== undefined) return undefined;
  const full = inFull(text);
  if (full !== undefined) return full;
  const { path = "", suffix = "" } = readImageName(nameWithVersion(text, root, repo)) ?? {};
  if (/^:\w[\w.-]*$/.test(suffix)) return `${repo}/${path}${suffix}`;
  throw new Refusal({
    kind: "usage",
    message: `${JSON.stringify(text)} names no build of an image`,
    hint: "IMAGE:VERSION-STAMP or sci/TARGET:VERSION-STAMP as image-builder history lists them, IMAGE:VERSION for the newest, or a reference in full",
  });
}

/** The build with a stamp, of the image and version that the other side names. */
function withStamp(stamp: string, other: string | undefined, written: string): string {
  const [, repository = "", tag = ""] = /^(.*):([^:/@]+)$/.exec(other ?? "") ?? [];
  const version = parseImmutableTag(tag)?.version ?? (isVersion(tag) ? tag : undefined);
  if (version !== undefined) return `${repository}:${version}-${stamp}`;
  throw new Refusal({
    kind: "usage",
    message: `${stamp} is a stamp, and ${written} does not say of which image and version`,
    hint: "write one of the two as IMAGE:VERSION-STAMP or IMAGE:VERSION",
  });
}

function compared({ reference, digest, labels, created }: FoundImage): ComparedImage {
  return { reference, digest, date: builtAt(readTrail(labels)[0]?.time, created), base: readBase(labels) };
}

async function compareLayers(
  from: FoundImage,
  to: FoundImage,
  checkout: OpenCheckout | undefined,
): Promise<readonly LayerDiff[]> {
  const [older, newer] = [readTrail(from.labels, checkout?.catalog), readTrail(to.labels, checkout?.catalog)];
  const layers: LayerDiff[] = [];
  // One after another: each asks git several questions at once.
  for (const { kind, name, change, from: before, to: after } of compareTrails(older, newer)) {
    const [first, second] = [readBuild(before, from), readBuild(after, to)];
    const isAsked = checkout !== undefined && change === "rebuilt";
    const between =
      isAsked && after !== undefined && first !== null && second !== null
        ? await readBetween(checkout, after, first.commit, second.commit)
        : null;
    layers.push({ kind, name, change, from: first, to: second, between });
  }
  return layers;
}

/** Only of the newest layer an image tells the commit in full. */
function readBuild(layer: TrailLayer | undefined, { labels }: FoundImage): LayerBuild | null {
  if (layer === undefined) return null;
  const { version, stamp, commit, time } = layer;
  return { version, stamp, commit: commitInFull(labels, commit), time: builtAt(time, undefined) };
}

async function readBetween(
  checkout: OpenCheckout,
  layer: TrailLayer,
  from: string,
  to: string,
): Promise<Between> {
  const directories = await directoriesOf(layer, checkout);
  if (directories.length === 0) return { kind: "gone" };
  const { lacks, commits, undone, files } = await changesBetween(checkout.root, from, to, directories);
  if (lacks.length > 0) return { kind: "unknown", lacks };
  return {
    kind: "known",
    directories,
    commits: commits.map(asCommit),
    undone: undone.map(asCommit),
    files: files.map(([letter, path]) => ({ path, change: changes[letter] ?? "modified" })),
  };
}

/** Of git's letters those that are no modification of some kind. */
const changes: Readonly<Record<string, FileDiff["change"]>> = { A: "added", D: "removed" };

/** Where the files of a layer are or, of one that the catalog has no more, were; none where nobody knows. */
async function directoriesOf(layer: TrailLayer, { root, catalog }: OpenCheckout): Promise<readonly string[]> {
  const made: Definition | undefined = layerOf(catalog, layer) ?? (await formerDefinition(layer, root));
  if (made === undefined) return [];
  return layer.kind === "science" ? [made.directory] : stackDirectories(catalog, made.compat);
}

async function formerDefinition(
  { kind, name, version }: TrailLayer,
  root: string,
): Promise<Definition | undefined> {
  const past = (await pastDefinitions(root)).flatMap(
    ({ text, path }) => readPastDefinition(text, path) ?? [],
  );
  return past.find((each) =>
    kind === "science" ? each.target === name : each.image === name && each.version === version,
  );
}
