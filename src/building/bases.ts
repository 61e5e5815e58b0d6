import type { Engine, ImageFacts } from "../engine/engine.ts";
import type { Catalog, Plan, Step } from "../model.ts";
import { scienceReference } from "../planning/names.ts";
import { inputsIn } from "../planning/trail.ts";
import { Refusal, refuseTogether } from "../problem.ts";
import type { Problem } from "../problem.ts";
import { formatReference, parseReference } from "../reference.ts";
import type { RegistryReader } from "../registry/registry.ts";
import type { RunEvent, TransferProgress } from "../run.ts";

/** An image that something is built on. */
export interface BaseImage {
  /** Its reference as people know it, for the labels. */
  readonly name: string;
  /** The reference that a `FROM` is pinned to: by digest where that is known. */
  readonly pin: string;
  /** In its registry; empty for an image that is in none. */
  readonly digest: string;
  /** What went into it: the digest of its inputs where its labels have one, otherwise its own digest. */
  readonly identity: string;
}

/**
 * The science images that a run takes as they are: of the layer in a directory, as a Dockerfile writes its reference
 * (undefined for a release, which has no such line). Undefined for what the run builds.
 */
export type Bases = (directory: string, written: string | undefined) => BaseImage | undefined;

/** What it takes to find bases. */
export interface BaseSearch {
  readonly plan: Plan;
  readonly catalog: Catalog;
  /** Connects when it is first called: a run that builds nothing needs no engine. */
  readonly engine: () => Promise<Engine>;
  readonly registry: RegistryReader;
  /** Which is asked first. */
  readonly first: "local" | "registry";
}

/**
 * Finds, once for the run, the science images that it stands on and does not build itself: `{repo}/sci/{target}:…`,
 * or, where that does not exist, what the Dockerfile writes. Refuses with all that is missing.
 */
export async function findBases(search: BaseSearch): Promise<Bases> {
  const built = new Set(search.plan.steps.map(({ id }) => id));
  const wanted = new Map<string, Want>();
  for (const step of search.plan.steps)
    for (const want of wantsOf(step, search)) if (!built.has(want.directory)) wanted.set(keyOf(want), want);
  const found = await refuseTogether(
    [...wanted].map(async ([key, want]) => ({ key, want, base: await findLayer(search, want) })),
  );
  const missing = found.flatMap(({ want, base }) => (base === undefined ? [want] : []));
  if (missing.length > 0) throw new Refusal(...missingLayers(missing));
  const bases = new Map(found.map(({ key, base }) => [key, base]));
  return (directory, written) => bases.get(keyOf({ directory, written }));
}

function keyOf({ directory, written = "" }: Pick<Want, "directory" | "written">): string {
  return `${directory} ${written}`;
}

/**
 * What an image that the engine holds is, as a base. Undefined where the engine holds none by that name.
 */
export async function localBase(engine: Engine, name: string): Promise<BaseImage | undefined> {
  const facts = await engine.inspect(name);
  if (facts === undefined) return undefined;
  const digest = digestOf(facts, name);
  const identity = inputsIn(facts.labels)?.digest ?? digest ?? facts.id;
  return { name, pin: name, digest: digest ?? "", identity };
}

/** Makes sure that the engine holds images: pulls those that it lacks or that are to be had anew. Refuses with all that cannot be had. */
export async function obtainAll(
  engine: Engine,
  references: ReadonlyMap<string, { readonly anew: boolean }>,
  onEvent: (event: RunEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  await refuseTogether(
    [...references].map(([reference, { anew }]) => obtain(engine, reference, anew, onEvent, signal)),
  );
}

async function obtain(
  engine: Engine,
  reference: string,
  anew: boolean,
  onEvent: (event: RunEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  if (!anew && (await engine.inspect(reference)) !== undefined) return;
  try {
    const tell = (progress: TransferProgress) => onEvent({ kind: "pulling", reference, ...progress });
    if (await engine.pull(reference, tell, signal)) return;
  } catch (error) {
    if (!anew || !(error instanceof Refusal)) throw error;
    const hinted = ({ hint = pulledAnew, ...problem }: Problem): Problem => ({ ...problem, hint });
    throw new Refusal(...error.problems.map(hinted));
  } finally {
    onEvent({ kind: "pulled", reference });
  }
  throw new Refusal({
    kind: "surroundings",
    message: `there is no image ${reference}`,
    hint: anew ? pulledAnew : "check the name, and that you may pull it",
  });
}

const pulledAnew =
  "--fresh pulls every foreign base image anew; without it, the image that the engine holds is taken";

/** The digest that an image of an engine has in the registry of a reference; undefined where it is in none, as far as the engine knows. */
export function digestOf(facts: Pick<ImageFacts, "digests">, name: string): string | undefined {
  const repository = repositoryOf(name);
  const published = facts.digests.find((digest) => repositoryOf(digest) === repository);
  return published?.slice(published.indexOf("@") + 1);
}

function repositoryOf(text: string): string {
  const reference = parseReference(text);
  return reference === undefined
    ? text
    : formatReference({ ...reference, tag: undefined, digest: undefined });
}

interface Want {
  readonly directory: string;
  /** Where it is looked for first. */
  readonly published: string;
  /** As the Dockerfile writes it; a release has no such line. */
  readonly written: string | undefined;
}

function wantsOf(step: Step, { catalog, plan }: BaseSearch): Want[] {
  const want = (directory: string, written?: string): Want[] => {
    const layer = catalog.science.get(directory);
    if (layer === undefined) return [];
    return [{ directory, published: scienceReference(plan.repo, layer), written }];
  };
  if (step.kind === "compat") return want(step.science);
  const bases = catalog.science.get(step.directory)?.bases ?? [];
  return bases.flatMap(({ layer, reference }) => (layer === undefined ? [] : want(layer, reference)));
}

async function findLayer(search: BaseSearch, want: Want): Promise<BaseImage | undefined> {
  const { published } = want;
  const { registry, first } = search;
  const local = async (name: string) => localBase(await search.engine(), name);
  const remote = async (name: string): Promise<BaseImage | undefined> => {
    const config = await registry.config(name);
    if (config === undefined) return undefined;
    const { digest, labels } = config;
    return { name, pin: byDigest(name, digest), digest, identity: inputsIn(labels)?.digest ?? digest };
  };
  const found =
    first === "local" ? ((await local(published)) ?? (await remote(published))) : await remote(published);
  if (found !== undefined) return found;
  const other = otherPlace(want);
  // Without a registry in it, `sci/a:1.0` would be looked for in a namespace of Docker Hub, which anybody may own.
  const named = other !== undefined && parseReference(other)?.registry !== undefined ? other : undefined;
  return (
    (other === undefined ? undefined : await local(other)) ??
    (named === undefined ? undefined : await remote(named))
  );
}

/** Where a layer is looked for if it is not in the repository of the run. */
function otherPlace({ published, written }: Want): string | undefined {
  return written === published ? undefined : written;
}

function missingLayers(missing: readonly Want[]): readonly Problem[] {
  const several = new Set(missing.map(({ directory }) => directory)).size > 1;
  return missing.map((want) => {
    const { directory, published } = want;
    const places = [published, otherPlace(want)].filter((place) => place !== undefined);
    return {
      kind: "surroundings",
      file: directory,
      message: `the plan builds on this layer, but there is no image ${places.join(" nor ")}`,
      hint: several
        ? "build it in the same run: --stale builds all that is missing"
        : `build it in the same run: --include ${directory} beside what you want, or --all`,
    };
  });
}

/** A reference to the same repository by digest. */
export function byDigest(reference: string, digest: string): string {
  const parsed = parseReference(reference);
  if (parsed === undefined) return reference;
  const { registry, repository } = parsed;
  return `${registry === undefined ? "" : `${registry}/`}${repository}@${digest}`;
}
