import type { Engine, ImageFacts } from "../engine/engine.ts";
import type { Catalog, Plan, Step } from "../model.ts";
import type { BaseIdentity } from "../planning/labels.ts";
import { formatReference, parseReference } from "../reference.ts";
import { Refusal } from "../problem.ts";
import type { Problem } from "../problem.ts";
import type { RunEvent } from "../run.ts";

/** What the steps of a run are built on. */
export interface Bases {
  /** For a science layer's directory, the reference that its images are taken by in this run. */
  readonly layers: ReadonlyMap<string, string>;
}

/** What it takes to find bases. */
export interface BaseSearch {
  readonly plan: Plan;
  readonly catalog: Catalog;
  readonly engine: Engine;
  /** Ask the registry first, as a run that publishes does; otherwise a local image serves. */
  readonly fresh: boolean;
  readonly onEvent: (event: RunEvent) => void;
  readonly signal: AbortSignal;
}

/**
 * Finds, once for the run, what each step is built on: a layer that the run builds by its immutable tag; another one
 * by `{repo}/sci/{target}:{version}`, or, where that does not exist, as the Dockerfile writes it. Foreign images are
 * pulled where the engine lacks them, so that their digest is known. Refuses with all that cannot be had.
 */
export async function findBases(search: BaseSearch): Promise<Bases> {
  const { plan, catalog } = search;
  const layers = new Map<string, string>();
  for (const step of plan.steps) if (step.kind === "science") layers.set(step.directory, step.tags.immutable);

  const wanted = new Map<string, Want>();
  const foreign = new Set<string>();
  for (const step of plan.steps) {
    for (const want of wantsOf(step, catalog, plan.repo)) {
      if (want.directory === undefined) foreign.add(want.written);
      else if (!layers.has(want.directory))
        wanted.set(want.directory, { ...wanted.get(want.directory), ...want });
    }
  }
  const problems: Problem[] = [];
  const find = async (task: () => Promise<void>) => {
    try {
      await task();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      problems.push(...error.problems);
    }
  };
  await Promise.all([
    ...[...wanted.values()].map((want) =>
      find(async () => {
        const found = await findLayer(search, want);
        if (want.directory !== undefined) layers.set(want.directory, found);
      }),
    ),
    ...[...foreign].map((reference) => find(() => obtain(search, reference, false).then(() => undefined))),
  ]);
  if (problems.length > 0) throw new Refusal(...problems);
  return { layers };
}

/** What an image is known by once the engine holds it; `name` is the reference that the build was pinned to. */
export async function identify(engine: Engine, name: string): Promise<BaseIdentity> {
  const facts = await engine.inspect(name);
  return { name, digest: facts === undefined ? "" : digestOf(facts, name) };
}

/** The digest in the registry that the reference names; an image that is in none has its engine's identity. */
function digestOf(facts: ImageFacts, name: string): string {
  const repository = repositoryOf(name);
  const published = facts.digests.find((digest) => repositoryOf(digest) === repository);
  return published === undefined ? facts.id : published.slice(published.indexOf("@") + 1);
}

function repositoryOf(text: string): string {
  const reference = parseReference(text);
  return reference === undefined
    ? text
    : formatReference({ ...reference, tag: undefined, digest: undefined });
}

interface Want {
  /** The directory of the science layer; undefined for a foreign image. */
  readonly directory: string | undefined;
  /** Where it is looked for first. */
  readonly published: string;
  /** As the Dockerfile writes it; the same as `published` for a release, which has no such line. */
  readonly written: string;
}

function wantsOf(step: Step, catalog: Catalog, repo: string): Want[] {
  const published = (directory: string) => {
    const layer = catalog.science.get(directory);
    return layer === undefined ? directory : `${repo}/sci/${layer.target}:${layer.version}`;
  };
  if (step.kind === "compat") {
    return [
      { directory: step.science, published: published(step.science), written: published(step.science) },
    ];
  }
  const bases = catalog.science.get(step.directory)?.bases ?? [];
  return bases.map(({ layer, reference }) => ({
    directory: layer,
    published: layer === undefined ? reference : published(layer),
    written: reference,
  }));
}

async function findLayer(search: BaseSearch, { directory = "", published, written }: Want): Promise<string> {
  if (await obtain(search, published, search.fresh)) return published;
  if (written !== published && (await obtain(search, written, false))) return written;
  const places = written === published ? published : `${published} nor ${written}`;
  throw new Refusal({
    kind: "surroundings",
    file: directory,
    message: `what is to be built stands on this layer, but there is no image ${places}`,
    hint: `build it in the same run: --include ${directory} beside what you want, or --all`,
  });
}

/** Whether the engine holds the image now: from itself, or pulled. A registry that cannot be asked is a refusal. */
async function obtain(
  { engine, onEvent, signal }: BaseSearch,
  reference: string,
  fresh: boolean,
): Promise<boolean> {
  if (!fresh && (await engine.inspect(reference)) !== undefined) return true;
  return engine.pull(reference, (line) => onEvent({ kind: "pulling", reference, line }), signal);
}
