import { definitionFile } from "../conventions.ts";
import type { Catalog, Plan, Reason, Step } from "../model.ts";
import { isRange } from "../ref.ts";
import type { Left, Link, Obstacle } from "../why.ts";
import { changedLayers } from "./changes.ts";
import { buildOrder, liveLayers, stackDirectories, withBases } from "./graph.ts";
import type { Finding } from "./status.ts";

/** A reason that is no consequence of another one, and the shortest chain that leads from there to an image. */
interface Beginning {
  readonly reason: Exclude<Reason, { readonly kind: "base" }>;
  readonly chain: readonly Link[];
}

/** What the build of a step begins with, from the ground up. */
export function findBeginnings(id: string, { steps }: Plan, catalog: Catalog): readonly Beginning[] {
  const planned = new Map(steps.map((step) => [step.id, step]));
  const ways = waysTo(id, (at) => planned.get(at)?.because.flatMap(basedOn) ?? []);
  return steps.flatMap((step) =>
    step.because.flatMap((reason): readonly Beginning[] => {
      if (reason.kind === "base" || !ways.has(step.id)) return [];
      const included = reason.kind === "compat" ? includedBy(reason.compat, step, catalog) : [];
      const chain = linksOf([...included, ...wayFrom(step.id, ways)], planned, catalog);
      return [{ reason, chain }];
    }),
  );
}

/** The directories of all layers that an image is made of, from the ground up. */
export function madeOf(
  { kind, layer }: Pick<Finding, "kind" | "layer">,
  catalog: Catalog,
): readonly string[] {
  const below = withBases(catalog, [layer.directory]);
  const science = buildOrder(catalog).flatMap(({ directory }) => (below.has(directory) ? directory : []));
  return kind === "release" ? [...science, ...stackDirectories(catalog, layer.compat)] : science;
}

/** What is known when a plan does not have an image. Paths are relative to the root. */
interface Circumstances {
  readonly catalog: Catalog;
  /** Null where git was not asked what changed. */
  readonly ref: string | null;
  /** The registry was asked instead. */
  readonly stale: boolean;
  readonly checkout: {
    readonly changed: readonly string[];
    readonly uncommitted: readonly string[];
    readonly untracked: readonly string[];
    readonly ignored: readonly string[];
  };
  readonly triggers: (directory: string, path: string) => boolean;
  /** The place of the pattern that keeps a path of a layer out of its image. */
  readonly keptOutBy: (directory: string, path: string) => string | undefined;
  /** The directories of layers that were kept out of the changes. */
  readonly ignored: ReadonlySet<string>;
  /** Why the image's rolling tag is left as it is; undefined where it is as the checkout would make it. */
  readonly left: Left | undefined;
}

/** Why a plan does not have an image, the main reason first. */
export function findObstacles(
  image: Pick<Finding, "kind" | "layer">,
  circumstances: Circumstances,
): readonly Obstacle[] {
  const { kind, layer } = image;
  const { catalog, ref, ignored } = circumstances;
  const retired = kind === "release" ? layer.retired : !liveLayers(catalog).has(layer.directory);
  if (retired) return [{ kind: "retired", by: layer.retired ? definitionFile(layer.directory) : null }];
  const parts = madeOf(image, catalog);
  const kept = parts.flatMap((directory): readonly Obstacle[] =>
    ignored.has(directory) ? [{ kind: "ignored", directory }] : [],
  );
  if (ref !== null) {
    const hidden = unseen(parts, ref, circumstances);
    // A layer that is itself new to git is left out whatever changed below it.
    const isNew = circumstances.checkout.untracked.includes(definitionFile(layer.directory));
    return isNew
      ? hidden.filter((obstacle) => obstacle.kind === "untracked")
      : [{ kind: "unchanged" }, ...kept, ...hidden];
  }
  if (kept.length > 0) return kept;
  if (circumstances.stale) return [circumstances.left ?? { kind: "current" }];
  return [{ kind: "not-included" }];
}

/** Changes that somebody may have in mind and that do not count. */
function unseen(
  parts: readonly string[],
  ref: string,
  { catalog, checkout, triggers, keptOutBy, ignored }: Circumstances,
): readonly Obstacle[] {
  const { changed, uncommitted, untracked } = checkout;
  const among = (paths: readonly string[], counts = triggers) =>
    [...changedLayers(catalog, paths, counts)].filter(
      ([directory]) => parts.includes(directory) && !ignored.has(directory),
    );
  const keptOut = new Map<string, string[]>();
  for (const [directory, paths] of among(changed, (...file) => !triggers(...file)))
    for (const path of paths) {
      const by = keptOutBy(directory, path.slice(directory.length + 1)) ?? directory;
      const known = keptOut.get(by);
      if (known === undefined) keptOut.set(by, [path]);
      else known.push(path);
    }
  const found = [...keptOut].map(([by, paths]): Obstacle => ({ kind: "dockerignored", by, paths }));
  const unknown = new Set([...untracked, ...checkout.ignored]);
  const edited = isRange(ref) ? uncommitted.filter((path) => !unknown.has(path)) : [];
  for (const [kind, candidates] of [
    // What else has changed and counts would have led to a build.
    ["only-retired", changed],
    ["uncommitted", edited],
    ["untracked", untracked],
    ["git-ignored", checkout.ignored],
  ] as const) {
    const paths = among(candidates).flatMap(([, each]) => each);
    if (paths.length > 0) found.push({ kind, paths });
  }
  return found;
}

function basedOn(reason: Reason): readonly string[] {
  return reason.kind === "base" ? [reason.step] : [];
}

/** The directories of compat layers from one of a release's stack up to the one that the release names. */
function includedBy(name: string, step: Step, catalog: Catalog): readonly string[] {
  if (step.kind !== "compat") return [];
  const ways = waysTo(step.compat, (at) => catalog.compat.get(at)?.includes ?? []);
  return wayFrom(name, ways).flatMap((each) => catalog.compat.get(each)?.directory ?? []);
}

/** For all that can be reached from a goal, the next step back on the shortest way to it; undefined for the goal. */
function waysTo(
  goal: string,
  next: (at: string) => readonly string[],
): ReadonlyMap<string, string | undefined> {
  const ways = new Map<string, string | undefined>([[goal, undefined]]);
  // The walk comes to what is added meanwhile, so the nearest are found first.
  for (const at of ways.keys()) for (const each of next(at)) if (!ways.has(each)) ways.set(each, at);
  return ways;
}

function wayFrom(start: string, ways: ReadonlyMap<string, string | undefined>): readonly string[] {
  const way: string[] = [];
  for (let at: string | undefined = start; at !== undefined; at = ways.get(at)) way.push(at);
  return way;
}

function linksOf(
  ids: readonly string[],
  planned: ReadonlyMap<string, Step>,
  catalog: Catalog,
): readonly Link[] {
  return ids.map((id, index) => {
    const before = ids[index - 1];
    if (before === undefined) return { id, by: null };
    const layer = catalog.science.get(id);
    const base = layer?.bases.find((each) => each.layer === before);
    if (base !== undefined) return { id, by: `${id}/Dockerfile:${base.line}` };
    const step = planned.get(id);
    return { id, by: definitionFile(step?.kind === "compat" ? step.science : id) };
  });
}
