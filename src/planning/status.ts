import type { Catalog, ScienceLayer } from "../model.ts";
import type { ImageStatus, Lag, PublishedImage, Status } from "../status.ts";
import { compareVersions } from "../version.ts";
import { changedLayers } from "./changes.ts";
import { basesOf, liveLayers, stackDirectories, withBases } from "./graph.ts";
import { releaseId } from "./plan.ts";
import { commitOf, readTrail } from "./trail.ts";

/** An image of the catalog, as far as a registry tells of it. */
export interface Finding {
  readonly kind: "science" | "release";
  /** The layer that makes it, or that the release stands on. */
  readonly layer: ScienceLayer;
  /** The rolling reference. */
  readonly reference: string;
  readonly published: PublishedImage | null;
  readonly labels: Readonly<Record<string, string>>;
  /** Whether it was made from the inputs that the checkout has; undefined where its labels do not tell its inputs. */
  readonly asMade: boolean | undefined;
  /** Somebody took its tag back. */
  readonly held: boolean;
  /** Its tag names another image than the build that its labels tell of. */
  readonly replaced: boolean;
}

/** A layer that an image is made of. */
interface Part {
  readonly kind: "science" | "compat";
  readonly directory: string;
  /** The commit that it was built from; undefined where the image does not tell it. */
  readonly commit: string | undefined;
}

/** What has happened since a commit. */
export interface Since {
  /** How many commits since have touched each directory. */
  readonly touches: ReadonlyMap<string, number>;
  /** Whether it leads to the commit that is checked out. */
  readonly leadsHere: boolean;
}

/** Counts the commits, each given by the paths that it touches, that changed what each directory's layer is made from. */
export function countTouches(
  commits: readonly (readonly string[])[],
  catalog: Catalog,
  triggers: (directory: string, path: string) => boolean,
): ReadonlyMap<string, number> {
  const touches = new Map<string, number>();
  for (const paths of commits)
    for (const directory of changedLayers(catalog, paths, triggers).keys())
      touches.set(directory, (touches.get(directory) ?? 0) + 1);
  return touches;
}

/** The commits that parts of an image were built from which may not be as this checkout would make it. */
export function commitsToCompare(finding: Finding, catalog: Catalog): readonly string[] {
  if (finding.published === null || finding.asMade === true) return [];
  return [finding.published.commit ?? [], partsOf(finding, catalog).map(({ commit }) => commit ?? [])].flat(
    2,
  );
}

/**
 * Says of each image what has become of it. `since` has what happened since each commit that is to be compared (undefined for
 * one that this clone lacks), `uncommitted` the directories whose files differ from the commit.
 */
export function assess(
  findings: readonly Finding[],
  catalog: Catalog,
  since: ReadonlyMap<string, Since | undefined>,
  uncommitted: ReadonlySet<string>,
): readonly ImageStatus[] {
  const live = liveLayers(catalog);
  const held = new Map(
    findings.flatMap((each) =>
      each.held && each.kind === "science" ? [[each.layer.directory, each.reference]] : [],
    ),
  );
  const images = findings.map((finding): ImageStatus => {
    const { kind, layer, reference, published } = finding;
    const { directory, image, version } = layer;
    const id = kind === "science" ? directory : releaseId(layer);
    const found = { id, kind, image, version, reference, published, heldBy: null, behind: [] };
    if (kind === "release" ? layer.retired : !live.has(directory)) return { ...found, state: "retired" };
    if (published === null) return { ...found, state: "unpublished" };
    if (published.unreadable !== null) return { ...found, state: "unreadable" };
    const behind = finding.asMade === true ? [] : lagsOf(finding, catalog, since, uncommitted);
    if (finding.held) return { ...found, state: "rolled-back", heldBy: reference, behind };
    if (finding.replaced) return { ...found, state: "replaced" };
    // Without its inputs it goes by its commits alone.
    if (finding.asMade ?? behind.length === 0) return { ...found, state: "current" };
    const heldBy = partsOf(finding, catalog).flatMap((part) => held.get(part.directory) ?? [])[0];
    if (heldBy !== undefined) return { ...found, state: "rolled-back", heldBy, behind };
    const diverged = published.commit !== null && since.get(published.commit)?.leadsHere === false;
    return { ...found, state: diverged ? "diverged" : "behind", behind };
  });
  return images.sort(byKindAndName);
}

function lagsOf(
  finding: Finding,
  catalog: Catalog,
  sinces: ReadonlyMap<string, Since | undefined>,
  uncommitted: ReadonlySet<string>,
): readonly Lag[] {
  return partsOf(finding, catalog).flatMap(({ kind, directory, commit }): Lag[] => {
    const since = commit === undefined ? undefined : sinces.get(commit);
    const commits = since === undefined ? null : (since.touches.get(directory) ?? 0);
    const lag = { kind, directory, commit: commit ?? null, commits, uncommitted: uncommitted.has(directory) };
    return commits === 0 && !lag.uncommitted ? [] : [lag];
  });
}

/** The layers that an image is made of, from the ground up. */
function partsOf({ kind, layer, labels }: Finding, catalog: Catalog): readonly Part[] {
  const trail = readTrail(labels);
  const release = trail.find((each) => each.kind === "compat")?.commit;
  const own = trail.length === 0 ? undefined : commitOf(labels, trail[0]);
  const parts = new Map<string, Part>();
  // What is taken by COPY --from leaves no label; it was there when the layer that took it was built.
  const waiting = [{ directory: layer.directory, taker: own }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { directory, taker } = next;
    const science = parts.has(directory) ? undefined : catalog.science.get(directory);
    if (science === undefined) continue;
    const label = trail.find((each) => each.kind === "science" && each.name === science.target);
    const commit = label?.commit ?? taker;
    parts.set(directory, { kind: "science", directory, commit });
    for (const base of basesOf(science)) waiting.push({ directory: base, taker: commit });
  }
  const stack = kind === "release" ? stackDirectories(catalog, layer.compat) : [];
  const compat = stack.map((directory): Part => ({ kind: "compat", directory, commit: release ?? own }));
  return [...[...parts.values()].toReversed(), ...compat];
}

function byKindAndName(a: ImageStatus, b: ImageStatus): number {
  if (a.kind !== b.kind) return a.kind === "release" ? -1 : 1;
  if (a.kind === "science" || a.image !== b.image) return a.id < b.id ? -1 : 1;
  return compareVersions(a.version, b.version);
}

/** A status of some images alone: with the layers that they are built on, and with what else the registry has of them. */
export function limitStatus(
  status: Status,
  images: readonly Pick<Finding, "kind" | "layer">[],
  catalog: Catalog,
): Status {
  const releases = images.flatMap(({ kind, layer }) => (kind === "release" ? [layer] : []));
  const names = new Set(releases.map(({ image }) => image));
  const layers = images.map(({ layer }) => layer.directory);
  const ids = new Set([...withBases(catalog, layers), ...releases.map(releaseId)]);
  return {
    ...status,
    images: status.images.filter(({ id }) => ids.has(id)),
    orphans: status.orphans.filter(({ image }) => names.has(image)),
  };
}
