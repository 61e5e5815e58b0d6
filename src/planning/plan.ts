import type {
  Build,
  Catalog,
  CompatStep,
  Orphaned,
  Plan,
  Reason,
  ScienceLayer,
  ScienceStep,
  Uncommitted,
  Warning,
} from "../model.ts";
import { formatReference, parseReference } from "../reference.ts";
import { compareVersions } from "../version.ts";
import type { Changes } from "./changes.ts";
import { basesOf, buildOrder, liveLayers, stackDirectories } from "./graph.ts";
import { releaseTags, scienceReference, scienceTags } from "./names.ts";

/** What a plan is made from. */
export interface PlanInput {
  readonly catalog: Catalog;
  readonly changes: Changes;
  /** Further reasons for single steps, by their id: what the registry lacks, or holds of other inputs. */
  readonly reasons?: ReadonlyMap<string, Reason>;
  /** The directories of science layers that get no step, and no release. */
  readonly without?: ReadonlySet<string>;
  /** What the changes leave behind in the registry. */
  readonly orphans?: readonly Orphaned[];
  /** The files for which the build is dirty. */
  readonly uncommitted?: readonly Uncommitted[];
  /** What in the definitions is likely a mistake. */
  readonly warnings?: readonly Warning[];
  readonly repo: string;
  readonly ref: string | null;
  readonly build: Build;
}

/**
 * The steps that the changes lead to, in an order that can be built: a changed science layer and all that builds on
 * it, then a release of each final layer that is built or whose compat layers changed. What is retired gets no step.
 */
export function makePlan(input: PlanInput): Plan {
  const { repo, ref, build, orphans = [], uncommitted = [], warnings = [] } = input;
  const science = scienceSteps(input);
  const compat = compatSteps(input, new Set(science.map(({ id }) => id)));
  const steps = [...science, ...compat];
  return {
    formatVersion: 1,
    repo,
    ref,
    build,
    steps,
    ...(orphans.length > 0 ? { orphans } : {}),
    ...(uncommitted.length > 0 ? { uncommitted } : {}),
    ...(warnings.length > 0 ? { warnings } : {}),
  };
}

/** The steps of a plan with these ids, and those that they need; `images` is what people named. */
export function limitPlan(plan: Plan, ids: Iterable<string>, images: readonly string[]): Plan {
  const kept = new Set(ids);
  // Steps come after those that they need.
  for (const { id, needs } of plan.steps.toReversed())
    if (kept.has(id)) for (const need of needs) kept.add(need);
  return { ...plan, steps: plan.steps.filter(({ id }) => kept.has(id)), images };
}

/**
 * The directories that decide what the steps of a plan make: those whose files go in, and for a release also that of the
 * layer it stands on, which says its image, version and compat.
 */
export function builtDirectories(plan: Plan, catalog: Catalog): ReadonlySet<string> {
  const directories = new Set<string>();
  for (const step of plan.steps) {
    directories.add(step.kind === "science" ? step.directory : step.science);
    for (const directory of step.kind === "compat" ? stackDirectories(catalog, step.compat) : [])
      directories.add(directory);
  }
  return directories;
}

/** The steps of all releases that are not retired, in the build of a plan and whether it has them or not. */
export function releaseSteps(catalog: Catalog, { repo, build }: Plan): readonly CompatStep[] {
  return compatSteps({ catalog, changes: new Map(), repo, ref: null, build }, catalog.finals);
}

/** The id of the step that makes the release of an image and version. */
export function releaseId({ image, version }: { readonly image: string; readonly version: string }): string {
  return `compat/${image}:${version}`;
}

function scienceSteps({ catalog, changes, reasons, without, repo, build }: PlanInput): ScienceStep[] {
  const steps = new Map<string, ScienceStep>();
  const live = liveLayers(catalog);
  for (const layer of buildOrder(catalog)) {
    if (!live.has(layer.directory) || without?.has(layer.directory) === true) continue;
    const needs = [...basesOf(layer)].filter((directory) => steps.has(directory)).sort();
    const because = [
      ...ownReasons(layer.directory, changes),
      ...furtherReason(layer.directory, reasons),
      ...needs.map(standsOn),
    ];
    if (because.length === 0) continue;
    const { directory, target, image, version } = layer;
    steps.set(directory, {
      id: directory,
      kind: "science",
      directory,
      target,
      image,
      version,
      final: catalog.finals.has(directory),
      needs,
      bases: baseReferences(layer, catalog, repo),
      tags: scienceTags(repo, target, version, build),
      because,
    });
  }
  return [...steps.values()];
}

function compatSteps(
  { catalog, changes, reasons, without, repo, build }: PlanInput,
  built: ReadonlySet<string>,
): CompatStep[] {
  const steps: CompatStep[] = [];
  for (const directory of catalog.finals) {
    const layer = catalog.science.get(directory);
    if (layer === undefined || layer.retired || without?.has(directory) === true) continue;
    const { image, version, compat } = layer;
    const layers = catalog.stacks.get(compat) ?? [];
    const needs = built.has(directory) ? [directory] : [];
    const id = releaseId(layer);
    const because = [
      ...needs.map(standsOn),
      ...compatReasons(layers, catalog, changes),
      ...furtherReason(id, reasons),
    ];
    if (because.length === 0) continue;
    steps.push({
      id,
      kind: "compat",
      compat,
      layers,
      science: directory,
      image,
      version,
      needs,
      bases: [scienceReference(repo, layer)],
      tags: releaseTags(repo, image, version, build),
      because,
    });
  }
  return steps.sort((a, b) => compareText(a.image, b.image) || compareVersions(a.version, b.version));
}

function furtherReason(id: string, reasons: PlanInput["reasons"]): readonly Reason[] {
  const reason = reasons?.get(id);
  return reason === undefined ? [] : [reason];
}

function ownReasons(directory: string, changes: Changes): Reason[] {
  const paths = changes.get(directory);
  if (paths === undefined) return [];
  return [paths.length === 0 ? { kind: "requested" } : { kind: "changed", paths }];
}

function compatReasons(layers: readonly string[], catalog: Catalog, changes: Changes): Reason[] {
  const reasons: Reason[] = [];
  let requested = false;
  for (const name of layers) {
    const paths = changes.get(catalog.compat.get(name)?.directory ?? "");
    if (paths === undefined) continue;
    if (paths.length === 0) requested = true;
    else reasons.push({ kind: "compat", compat: name, paths });
  }
  return requested ? [...reasons, { kind: "requested" }] : reasons;
}

function standsOn(step: string): Reason {
  return { kind: "base", step };
}

function baseReferences(layer: ScienceLayer, catalog: Catalog, repo: string): string[] {
  const references = layer.bases.map((base) => {
    const ours = base.layer === undefined ? undefined : catalog.science.get(base.layer);
    if (ours !== undefined) return scienceReference(repo, ours);
    const foreign = parseReference(base.reference);
    return foreign === undefined ? base.reference : formatReference(foreign);
  });
  return [...new Set(references)];
}

/** By code point, not by locale: the same order on every machine. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
