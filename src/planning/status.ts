import type { Catalog } from "../model.ts";
import type { ImageStatus, Lag, PublishedImage, Status } from "../status.ts";
import { compareVersions } from "../version.ts";
import { changedLayers } from "./changes.ts";
import { withBases } from "./graph.ts";
import { releaseId } from "./plan.ts";
import { differsIn, partsOf } from "./verdict.ts";
import type { Sample, Sinces, Verdict } from "./verdict.ts";

/** An image of the catalog and what its rolling tag names. */
export interface Finding extends Sample {
  /** The rolling reference. */
  readonly reference: string;
  /** Nothing live stands on it. */
  readonly retired: boolean;
  readonly published: PublishedImage | null;
  /** Null where nothing is published, or nothing expected. */
  readonly verdict: Verdict | null;
  /** Somebody took its tag back. */
  readonly held: boolean;
  /** Its tag names another image than the build that its labels tell of. */
  readonly replaced: boolean;
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

/** The commits that the parts of an out-of-date image were built from. */
export function commitsToCompare(finding: Finding, catalog: Catalog): readonly string[] {
  if (finding.published === null || finding.verdict === null || finding.verdict.kind === "same") return [];
  return [finding.published.commit ?? [], partsOf(finding, catalog).map(({ commit }) => commit ?? [])].flat(
    2,
  );
}

/**
 * Says of each image what has become of it. `sinces` has what happened since each commit that is to be compared, `uncommitted`
 * the directories whose files differ from the commit.
 */
export function assess(
  findings: readonly Finding[],
  catalog: Catalog,
  sinces: Sinces,
  uncommitted: ReadonlySet<string>,
): readonly ImageStatus[] {
  // One that was taken back to a build of the same inputs keeps nothing from being built on it.
  const held = new Map(
    findings.flatMap((each) =>
      each.held && each.kind === "science" && (each.verdict?.kind !== "same" || each.replaced)
        ? [[each.layer.directory, each.reference]]
        : [],
    ),
  );
  const images = findings.map((finding): ImageStatus => {
    const { kind, layer, reference, published, verdict } = finding;
    const { directory, image, version } = layer;
    const id = kind === "science" ? directory : releaseId(layer);
    const found = { id, kind, image, version, reference, published, heldBy: null, differs: [], behind: [] };
    if (finding.retired) return { ...found, state: "retired" };
    if (published === null || verdict === null) return { ...found, state: "unpublished" };
    if (published.unreadable !== null) return { ...found, state: "unreadable" };
    const behind = verdict.kind === "same" ? [] : lagsOf(finding, catalog, sinces, uncommitted);
    const compared = { ...found, differs: verdict.kind === "differs" ? [verdict.in] : [], behind };
    if (finding.held) return { ...compared, state: "rolled-back", heldBy: reference };
    if (finding.replaced) return { ...found, state: "replaced", differs: ["image"] };
    if (verdict.kind === "same") return { ...found, state: "current" };
    if (verdict.kind === "unknown") return { ...compared, state: "unknown" };
    const below = verdict.in === "base" ? partsOf(finding, catalog) : [];
    const heldBy = below.flatMap((part) => held.get(part.directory) ?? [])[0];
    if (heldBy !== undefined) return { ...compared, state: "rolled-back", heldBy };
    const diverged = published.commit !== null && sinces.get(published.commit)?.leadsHere === false;
    return { ...compared, state: diverged ? "diverged" : "behind" };
  });
  return images.sort(byKindAndName);
}

function lagsOf(
  finding: Finding,
  catalog: Catalog,
  sinces: Sinces,
  uncommitted: ReadonlySet<string>,
): readonly Lag[] {
  return partsOf(finding, catalog).flatMap((part): Lag[] => {
    const { kind, directory, commit } = part;
    const since = commit === undefined ? undefined : sinces.get(commit);
    if (since !== undefined && !differsIn(part, finding.layer, since)) return [];
    const commits = since === undefined ? null : (since.touches.get(directory) ?? 0);
    const lag = { kind, directory, commit: commit ?? null, commits, uncommitted: uncommitted.has(directory) };
    return commits === 0 && !lag.uncommitted ? [] : [lag];
  });
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
