import path from "node:path";
import { refuseObstacles } from "../building/obstacles.ts";
import { readTriggers } from "../composing/ignore.ts";
import { configurationName, definitionFile } from "../conventions.ts";
import { readCatalog } from "../definitions/catalog.ts";
import { readPastDefinition } from "../definitions/definition.ts";
import { readDockerfile } from "../definitions/dockerfile.ts";
import { defaultRef, readCheckout } from "../git/checkout.ts";
import type { Checkout } from "../git/checkout.ts";
import type { Catalog, Idle, Orphaned, Plan, Reason, Uncommitted } from "../model.ts";
import { changedLayers, layerDirectories } from "../planning/changes.ts";
import type { Changes } from "../planning/changes.ts";
import type { IdleInput } from "../planning/idle.ts";
import { stampOf } from "../planning/names.ts";
import { builtDirectories, limitPlan, makePlan } from "../planning/plan.ts";
import type { Staleness } from "../planning/stale.ts";
import type { Finding } from "../planning/status.ts";
import { printable, Refusal } from "../problem.ts";
import type { Problem } from "../problem.ts";
import { nearest } from "../nearest.ts";
import { asRange } from "../ref.ts";
import { paths } from "../report/plan.ts";
import { findImages, stepId } from "./select.ts";
import type { Surroundings } from "./surroundings.ts";
import { findDeviations } from "./uncommitted.ts";

/** What decides a plan, as the command line gives it. */
export interface PlanSettings {
  /** The directory that holds `science/` and `compat/`. */
  readonly root: string;
  readonly repo: string;
  /** As in `git diff`; undefined where none was given. */
  readonly ref: string | undefined;
  readonly all: boolean;
  /** Directories that alone count as changed; undefined where git is to say. */
  readonly include: readonly string[] | undefined;
  /** Directories that count as unchanged. */
  readonly ignore: readonly string[];
  readonly untracked: boolean;
  /** Ask the registry what is not as this checkout would make it, instead of asking git what changed. */
  readonly stale: boolean;
  /** The images that the plan is limited to, each as {@link findImages} has it; empty for no limit. */
  readonly images: readonly string[];
  /** Let a change pass that makes an image and version disappear. */
  readonly allowOrphans: boolean;
}

/** A plan with what it was made from. */
export interface Preview {
  readonly catalog: Catalog;
  readonly plan: Plan;
  /** What git answered. */
  readonly checkout: Checkout;
  readonly triggers: Triggers;
  /** The directories of layers that would count as changed but for `ignore`. */
  readonly ignored: ReadonlySet<string>;
  /** What `stale` has found in the registry; undefined where it was not asked. */
  readonly published: Published | undefined;
  /** What the checkout lacks of its commit, each with the command that brings it. */
  readonly incomplete: readonly Problem[];
}

/** What the rolling tags of the catalog name, and what follows. */
export interface Published extends Staleness {
  readonly findings: readonly Finding[];
}

/**
 * Settings to plan: what every command starts with. It reads files and asks git, and writes nothing; only `stale` asks
 * the registry. Refuses what a build would refuse before it begins.
 */
export async function preview(settings: PlanSettings, surroundings: Surroundings): Promise<Preview> {
  const { stale, all, include } = settings;
  const ref = all || stale || include !== undefined ? null : asRange(settings.ref ?? defaultRef);
  // git works in processes of its own while the definitions are read here; its refusal is looked at after theirs.
  const asked = readCheckout(settings.root, ref);
  asked.catch(() => undefined);
  const catalog = loadCatalog(settings.root, settings.repo);
  const answer = await asked;
  const { checkout, orphans } =
    ref === null
      ? { checkout: answer, orphans: [] }
      : await protectImages(settings, catalog, answer, ref, surroundings);

  const triggers = triggersOf(settings.root, catalog);
  const configured = ref === null ? none : await configurationChanges(settings, catalog, checkout, ref);
  const { ignored, published, ...found } = stale
    ? await askRegistry(settings, catalog, checkout, triggers, surroundings)
    : findChanges(settings, catalog, checkout, triggers, configured, surroundings);
  const counts = ref === null || settings.untracked;
  const unknown = new Set(counts ? [] : checkout.untracked);
  const warnings = catalog.warnings.filter(({ file }) => !unknown.has(file));
  const without = counts ? new Set<string>() : newLayers(catalog, checkout, found.changes);
  if (!counts) tellUntracked(catalog, checkout, found.changes, without, triggers, surroundings);
  const { commit, count } = checkout;
  const build = { commit, count, stamp: stampOf(commit, count) };
  const input = { catalog, ...found, without, orphans, warnings, repo: settings.repo, ref };
  const ids = findImages(catalog, settings.images).map(stepId);
  const planOf = (uncommitted: readonly Uncommitted[]) => {
    const dirty = uncommitted.length > 0;
    const whole = makePlan({ ...input, uncommitted, build: { ...build, dirty } });
    return settings.images.length === 0 ? whole : limitPlan(whole, ids, settings.images);
  };
  const clean = planOf([]);
  await refuseObstacles(settings.root, clean.steps, catalog);
  const built = builtDirectories(clean, catalog);
  const { uncommitted, incomplete } = await findDeviations(settings.root, catalog, checkout, built, triggers);
  const made = uncommitted.length > 0 ? planOf(uncommitted) : clean;
  const seen = { catalog, checkout: answer, triggers, ignored, published, incomplete };
  if (ref === null || made.steps.length > 0 || settings.images.length > 0) return { ...seen, plan: made };
  const idle = await idleOf(settings.root, ref, seen);
  return { ...seen, plan: idle.length > 0 ? { ...made, idle } : made };
}

/** Why changes lead to no build; a plan with steps pays nothing for it. */
async function idleOf(
  root: string,
  ref: string,
  seen: Omit<IdleInput, "ref" | "elsewhere">,
): Promise<readonly Idle[]> {
  const [{ changedElsewhere }, { findIdle }] = await Promise.all([
    import("../git/history.ts"),
    import("../planning/idle.ts"),
  ]);
  return findIdle({ ...seen, ref, elsewhere: await changedElsewhere(root, ref) });
}

/**
 * What was just written is easily missed: git says nothing of it before `git add`. A new layer is left out; a new file in another
 * layer goes into its image, but is no reason to build it.
 */
function tellUntracked(
  catalog: Catalog,
  { untracked }: Checkout,
  changes: Changes,
  without: ReadonlySet<string>,
  triggers: Triggers,
  { progress }: Surroundings,
): void {
  const unknown = new Set(untracked);
  const left: string[] = [];
  const uncounted: string[] = [];
  for (const [layer, files] of changedLayers(catalog, untracked, triggers)) {
    if (changes.has(layer)) continue;
    if (!unknown.has(definitionFile(layer))) {
      uncounted.push(...files);
      continue;
    }
    const release = without.has(layer) ? takenOver(catalog, layer) : undefined;
    left.push(release === undefined ? layer : `${layer} (and the release ${release}, which it now makes)`);
  }
  for (const { rule, file } of catalog.warnings)
    if (rule === "missing-definition" && unknown.has(file)) left.push(path.posix.dirname(file));
  const hint = "Run git add, or pass --untracked.";
  if (left.length > 0) progress(`Left out, because untracked: ${left.join(", ")}. ${hint}\n`);
  if (uncounted.length > 0)
    progress(`Not counted as changed, because untracked: ${paths(uncounted)}. ${hint}\n`);
}

/** The release that a final layer makes in place of another layer, which is then left out with it. */
function takenOver({ science, finals }: Catalog, directory: string): string | undefined {
  const layer = science.get(directory);
  if (layer === undefined || !finals.has(directory)) return undefined;
  const { image, version } = layer;
  const shared = [...science.values()].filter((each) => each.image === image && each.version === version);
  return shared.length > 1 ? `${image}:${version}` : undefined;
}

/** The science layers that are new to git and do not count: nothing of them is there to make a release of. */
function newLayers({ science }: Catalog, { untracked }: Checkout, changes: Changes): ReadonlySet<string> {
  const unknown = new Set(untracked);
  return new Set(
    [...science.keys()].filter((layer) => unknown.has(definitionFile(layer)) && !changes.has(layer)),
  );
}

/** The catalog below a root, for images in this repository; refuses with every problem in it. */
export function loadCatalog(root: string, repo?: string): Catalog {
  const { catalog, problems } = readCatalog(root, repo);
  if (catalog === undefined) throw new Refusal(...problems);
  return catalog;
}

/**
 * Refuses a change that makes images and versions disappear that the older side of the ref had, or gives them where that is
 * allowed; and the checkout without the definitions that the change only retires: what builds on their layers is not built again
 * for that. A preview in which no definition changed pays nothing.
 */
async function protectImages(
  { root, allowOrphans }: PlanSettings,
  catalog: Catalog,
  checkout: Checkout,
  ref: string,
  { environment, progress }: Surroundings,
): Promise<{ readonly checkout: Checkout; readonly orphans: readonly Orphaned[] }> {
  const files = checkout.changed.filter((file) => /^science\/.+\/sciserver-image\.json$/.test(file));
  if (files.length === 0) return { checkout, orphans: [] };
  const [{ definitionsBefore, textBefore }, { findOrphans, onlyRetired, vanishedTogether }] =
    await Promise.all([import("../git/past.ts"), import("../planning/orphans.ts")]);
  const before = (await definitionsBefore(root, ref)).flatMap(
    ({ path: file, text }) => readPastDefinition(text, file) ?? [],
  );
  const changed = new Set(files.map((file) => path.posix.dirname(file)));
  const taken = new Map<string, readonly string[]>();
  for (const { directory } of vanishedTogether(before, catalog)) {
    const file = `${directory}/Dockerfile`;
    const text = (await textBefore(root, ref, file)) ?? catalog.science.get(directory)?.dockerfile ?? "";
    taken.set(
      directory,
      readDockerfile(text, file).images.map(({ reference }) => reference),
    );
  }
  const lost = findOrphans(before, changed, catalog, taken);
  const elsewhere =
    lost.length === 0 ? undefined : await (await import("./branch.ts")).madeElsewhere(root, environment);
  const found = lost.filter(({ orphan }) => {
    const branch = elsewhere?.get(orphan.name);
    if (branch !== undefined) progress(`${printable(`${orphan.name} is kept by branch ${branch}`)}.\n`);
    return branch === undefined;
  });
  if (found.length > 0 && !allowOrphans) throw new Refusal(...found.map(({ problem }) => problem));
  const retired = onlyRetired(before, catalog);
  return {
    checkout: { ...checkout, changed: checkout.changed.filter((file) => !retired.has(file)) },
    orphans: found.map(({ orphan }) => orphan),
  };
}

const none: Changes = new Map();

/** The layers that a change of `image-builder.json5` makes others; without such a change a preview pays nothing. */
async function configurationChanges(
  { root, untracked }: PlanSettings,
  catalog: Catalog,
  checkout: Checkout,
  ref: string,
): Promise<Changes> {
  const changed =
    checkout.changed.includes(configurationName) ||
    (untracked && checkout.untracked.includes(configurationName));
  return changed ? (await import("./conventions.ts")).changedByConventions(root, ref, catalog) : none;
}

/** What a plan begins with, and what is kept from it. */
interface Beginnings extends Pick<Preview, "ignored" | "published"> {
  readonly changes: Changes;
  readonly reasons: ReadonlyMap<string, Reason>;
}

/** What the registry lacks or holds of other inputs, less what is to be ignored. */
async function askRegistry(
  { root, repo, ignore }: PlanSettings,
  catalog: Catalog,
  checkout: Checkout,
  triggers: Triggers,
  surroundings: Surroundings,
): Promise<Beginnings> {
  const [{ survey }, { judgeStale }, { openPast }, { openRegistry }] = await Promise.all([
    import("../building/survey.ts"),
    import("../planning/stale.ts"),
    import("./past.ts"),
    import("./registry.ts"),
  ]);
  const registry = await openRegistry(surroundings);
  const past = openPast(root, catalog, triggers, checkout.uncommitted);
  const findings = await survey({ root, catalog, repo, past }, registry);
  const staleness = judgeStale(findings, catalog);
  for (const tag of staleness.held) surroundings.progress(`${tag} was rolled back and is left as it is.\n`);
  for (const line of unknownLines(staleness.unknown)) surroundings.progress(`${line}\n`);
  const kept = new Map(staleness.reasons);
  const ignored = ignoredLayers(root, layerDirectories(catalog), ignore, surroundings).filter((id) =>
    kept.delete(id),
  );
  const published = { ...staleness, findings };
  return { changes: new Map(), reasons: kept, ignored: new Set(ignored), published };
}

/** Says of each commit that this clone lacks what cannot be compared for that. */
function unknownLines(unknown: Staleness["unknown"]): readonly string[] {
  const commits = new Map<string, string[]>();
  for (const [tag, commit] of unknown) commits.set(commit, [...(commits.get(commit) ?? []), tag]);
  return [...commits].map(
    ([commit, tags]) =>
      `Left as published, because commit ${commit.slice(0, 7)} is not in this clone (git fetch): ${tags.join(", ")}`,
  );
}

function findChanges(
  settings: PlanSettings,
  catalog: Catalog,
  checkout: Checkout,
  triggers: Triggers,
  configured: Changes,
  surroundings: Surroundings,
): Beginnings {
  const { root, all, include, ignore, untracked } = settings;
  const directories = layerDirectories(catalog);
  const changes = new Map(
    all || include !== undefined
      ? (all ? [...directories] : includedLayers(root, directories, include ?? [])).map((directory) => [
          directory,
          [],
        ])
      : changedLayers(catalog, [...checkout.changed, ...(untracked ? checkout.untracked : [])], triggers),
  );
  for (const [directory, changed] of configured)
    changes.set(directory, [...changed, ...(changes.get(directory) ?? [])]);
  const ignored = ignoredLayers(root, directories, ignore, surroundings).filter((directory) =>
    changes.delete(directory),
  );
  return { changes, reasons: new Map(), ignored: new Set(ignored), published: undefined };
}

/** The layers that `--include` names; refuses directories without one. */
function includedLayers(
  root: string,
  directories: ReadonlySet<string>,
  names: readonly string[],
): readonly string[] {
  const found = names.map((name) => [name, layersAt(name, root, directories)] as const);
  const empty = found.filter(([, layers]) => layers.length === 0);
  if (empty.length === 0) return [...new Set(found.flatMap(([, layers]) => layers))];
  throw new Refusal(
    ...empty.map(([name]): Problem => {
      const meant = nearest(name, directories) ?? nearestName(name, directories);
      return {
        kind: "usage",
        message: `--include ${name === "" ? '""' : name}: no layer at or below that directory`,
        hint:
          meant === undefined
            ? "name a directory, e.g. science/NAME; images come before --include"
            : `did you mean ${meant}?`,
      };
    }),
  );
}

/** The layers that `--ignore` names; a directory without one, which may be gone by now, is only told. */
function ignoredLayers(
  root: string,
  directories: ReadonlySet<string>,
  names: readonly string[],
  { progress }: Pick<Surroundings, "progress">,
): readonly string[] {
  return names.flatMap((name) => {
    const layers = layersAt(name, root, directories);
    if (layers.length === 0)
      progress(`--ignore ${name === "" ? '""' : name}: no layer at or below that directory.\n`);
    return layers;
  });
}

/** The layers at or below a directory, which is relative to the current one or, where that leads to none, to the root. */
function layersAt(name: string, root: string, directories: ReadonlySet<string>): readonly string[] {
  if (name === "") return [];
  for (const from of [process.cwd(), root]) {
    const wanted = path.relative(root, path.resolve(from, name)).split(path.sep).join("/");
    const layers = [...directories].filter(
      (directory) => wanted === "" || directory === wanted || directory.startsWith(`${wanted}/`),
    );
    if (layers.length > 0) return layers;
  }
  return [];
}

/** The directory whose own name is most like what was given without the path to it. */
function nearestName(name: string, directories: ReadonlySet<string>): string | undefined {
  const names = new Map([...directories].map((directory) => [path.posix.basename(directory), directory]));
  return names.get(nearest(name, names.keys()) ?? "");
}

/** Whether a path below a layer's directory can change its image. */
export type Triggers = (directory: string, path: string) => boolean;

/** Reads each layer's `.dockerignore` when it is first asked for, and once. */
export function triggersOf(root: string, { conventions }: Catalog): Triggers {
  const known = new Map<string, (path: string) => boolean>();
  return (directory, file) => {
    const triggers = known.get(directory) ?? readTriggers(root, directory, conventions.ignoreFiles);
    known.set(directory, triggers);
    return triggers(file);
  };
}
