import { digestOf } from "../building/bases.ts";
import { readCheckout } from "../git/checkout.ts";
import type { Catalog, ScienceLayer } from "../model.ts";
import type { TrailLayer } from "../planning/trail.ts";
import { describeProblem, Refusal } from "../problem.ts";
import type { Problem } from "../problem.ts";
import type { Inspection } from "../published.ts";
import { formatReference, parseReference } from "../reference.ts";
import { loadCatalog } from "./preview.ts";
import { findImage, readImageName, referenceOf } from "./select.ts";
import type { Surroundings } from "./surroundings.ts";

/** A reference that names its registry; what does not is a name of the catalog, or of what is in the repository. */
export function inFull(image: string): string | undefined {
  const reference = parseReference(image);
  return reference?.registry === undefined ? undefined : formatReference(reference);
}

/** What is asked of an image, wherever it is. */
export interface FoundImage extends Pick<
  Inspection,
  "reference" | "digest" | "size" | "compressed" | "platform"
> {
  readonly labels: Readonly<Record<string, string>>;
  readonly created: string | undefined;
}

/** Gives what a reference names, a build with any number of digits of its commit; undefined for nothing. */
export type ImageReader = (reference: string) => Promise<FoundImage | undefined>;

/** Opens the registries for reading images or, with `local`, the engine. */
export function openImages(
  { local }: { readonly local: boolean },
  surroundings: Surroundings,
): Promise<ImageReader> {
  return (local ? openEngine : openRegistries)(surroundings);
}

async function openRegistries(surroundings: Surroundings): Promise<ImageReader> {
  const [{ openRegistry }, { findBuild }, { formatPlatform }] = await Promise.all([
    import("./registry.ts"),
    import("../building/history.ts"),
    import("../registry/manifest.ts"),
  ]);
  const registry = await openRegistry(surroundings);
  const read: ImageReader = async (reference) => {
    const config = await registry.config(reference);
    if (config === undefined) return undefined;
    const { digest, size, platform, labels, created } = config;
    return { reference, digest, size, compressed: true, platform: formatPlatform(platform), labels, created };
  };
  return async (reference) => {
    const found = await read(reference);
    const build = found === undefined ? await findBuild(registry, reference) : undefined;
    return build === undefined ? found : read(build);
  };
}

async function openEngine(surroundings: Surroundings): Promise<ImageReader> {
  const { conventions, environment } = surroundings;
  const [{ engineAt }, { openLogins }] = await Promise.all([
    import("../building/engine-at.ts"),
    import("./registry.ts"),
  ]);
  const logins = await openLogins(surroundings);
  const { engine } = await engineAt(environment, conventions, logins, () => undefined)();
  return async (reference) => {
    const facts = await engine.inspect(reference);
    if (facts === undefined) return undefined;
    const { size, compressed, platform, labels, created } = facts;
    const digest = digestOf(facts, reference) ?? facts.id;
    return { reference, digest, size, compressed, platform, labels, created };
  };
}

/** The name with the version that the checkout around has of it, where it gives none; refuses as `findImage` does. */
export function nameWithVersion(name: string, root: string | undefined, repo: string): string {
  if (root === undefined || readImageName(name)?.suffix !== "") return name;
  return referenceOf(repo, findImage(loadCatalog(root, repo), name)).slice(repo.length + 1);
}

/** Says that an image is not where it was looked for. */
export function notThere(reference: string, local: boolean): Problem {
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

/** The checkout that an image is compared with. */
export interface OpenCheckout {
  readonly root: string;
  readonly catalog: Catalog;
  readonly commit: string;
  /** The paths that differ from it in the working tree. */
  readonly uncommitted: readonly string[];
}

/** Reads the checkout around, if there is one; one that cannot be read is no obstacle, and it is said what is missing then. */
export async function openCheckout(
  root: string | undefined,
  missing: string,
  { progress }: Surroundings,
): Promise<OpenCheckout | undefined> {
  try {
    return root === undefined ? undefined : await readOpenCheckout(root);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    for (const problem of error.problems) progress(`${describeProblem(problem)}\n`);
    progress(`So ${missing}.\n`);
    return undefined;
  }
}

/** Reads the checkout at a root; refuses one with mistakes in it. */
export async function readOpenCheckout(root: string): Promise<OpenCheckout> {
  const catalog = loadCatalog(root);
  const { commit, uncommitted } = await readCheckout(root, null, { shallow: true });
  return { root, catalog, commit, uncommitted };
}

/** The layer of the catalog that a layer of a trail was built from; of a release, the final layer that it stands on. */
export function layerOf(
  catalog: Catalog,
  { kind, name, version }: Pick<TrailLayer, "kind" | "name" | "version">,
): ScienceLayer | undefined {
  return [...catalog.science.values()].find((layer) =>
    kind === "science"
      ? layer.target === name
      : layer.image === name && layer.version === version && catalog.finals.has(layer.directory),
  );
}
