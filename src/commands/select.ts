import type { Catalog, ScienceLayer } from "../model.ts";
import { nearest } from "../nearest.ts";
import { releaseReference, scienceReference } from "../planning/names.ts";
import { releaseId } from "../planning/plan.ts";
import { Refusal } from "../problem.ts";
import type { Problem } from "../problem.ts";
import { isPathComponent } from "../reference.ts";

/** An image of the catalog: the product of a science layer, or the release on it. */
export interface CatalogImage {
  readonly layer: ScienceLayer;
  readonly kind: "science" | "release";
}

/**
 * The image that `IMAGE[:VERSION]` (a release) or `sci/TARGET[:VERSION]` (a science layer's own product) names, or the id of the
 * step that makes it.
 * Refuses, as a mistake of the command line, what the catalog does not have and what it has in several versions.
 */
export function findImage(catalog: Catalog, name: string): CatalogImage {
  const named = catalog.science.get(name);
  if (named !== undefined) return { layer: named, kind: "science" };
  const isProduct = name.startsWith("sci/");
  const wanted = isProduct ? name : name.replace(/^(?:compat|rel)\//, "");
  const layer = onlyMatch(wanted, isProduct ? productsOf(catalog) : releasesOf(catalog));
  return { layer: layer ?? refuseUnknown(catalog, wanted, "any"), kind: isProduct ? "science" : "release" };
}

/**
 * The images that names mean, each as {@link findImage} has it, except that one without its version means every version. Refuses all
 * that the catalog does not have at once.
 */
export function findImages(catalog: Catalog, names: readonly string[]): readonly CatalogImage[] {
  const problems: Problem[] = [];
  const found = names.flatMap((name): readonly CatalogImage[] => {
    // A shell completes a directory so.
    const wanted = name.replace(/\/$/, "");
    const kind = wanted.startsWith("sci/") ? "science" : "release";
    const candidates = kind === "science" ? productsOf(catalog) : releasesOf(catalog);
    const versions = candidates.filter((each) => each.name === wanted.replace(/^rel\//, ""));
    if (versions.length > 0) return versions.map(({ layer }) => ({ layer, kind }));
    try {
      return [findImage(catalog, wanted)];
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      problems.push(...error.problems);
      return [];
    }
  });
  if (problems.length > 0) throw new Refusal(...problems);
  return found;
}

/** The id of the step that makes an image. */
export function stepId({ layer, kind }: CatalogImage): string {
  return kind === "science" ? layer.directory : releaseId(layer);
}

/** The rolling reference of an image of the catalog. */
export function referenceOf(repo: string, { layer, kind }: CatalogImage): string {
  return kind === "science" ? scienceReference(repo, layer) : releaseReference(repo, layer);
}

/** A name of the command line, `[rel/]IMAGE` or `sci/TARGET` and what follows, in its parts. */
export interface ImageName {
  /** Below the repository that images are named in: `rel/essentials`. */
  readonly path: string;
  /** The tag or digest, with the `:` or `@` that it begins with; empty where there is none. */
  readonly suffix: string;
}

/** Reads a name of an image; undefined for what can be none. */
export function readImageName(text: string): ImageName | undefined {
  const [, kind = "rel", name = "", suffix = ""] = /^(?:(rel|sci)\/)?([^/:@]+)([:@].+)?$/.exec(text) ?? [];
  return isPathComponent(name) ? { path: `${kind}/${name}`, suffix } : undefined;
}

/** An image of a repository, and what the catalog knows of it. */
export interface NamedImage {
  /** In full. */
  readonly reference: string;
  readonly named: CatalogImage | undefined;
}

/**
 * The image that a name means: of the catalog, as {@link findImage} has it, or, with a tag or digest that the catalog does not
 * have (a stamp, a branch, a version that is gone), whatever the repository holds by that name. Refuses as it does.
 */
export function findPublishedImage(catalog: Catalog | undefined, repo: string, name: string): NamedImage {
  let refusal: unknown;
  try {
    if (catalog !== undefined) {
      const named = findImage(catalog, name);
      return { reference: referenceOf(repo, named), named };
    }
  } catch (error) {
    refusal = error;
  }
  const { path = "", suffix = "" } = readImageName(name) ?? {};
  if (!/^(?::[^/:@]+)?(?:@[^/@]+)?$/.test(suffix) || suffix === "")
    throw refusal ?? new Refusal(noCheckout(name));
  return { reference: `${repo}/${path}${suffix}`, named: undefined };
}

function noCheckout(image: string): Problem {
  return {
    kind: "usage",
    message: `there is no checkout here to look ${image} up in`,
    hint: "run it inside a checkout, name one with --root, or give its version or a reference in full: HOST/PATH:TAG",
  };
}

/** The final layer on which the release `[rel/]IMAGE[:VERSION]` stands; refuses as {@link findImage} does. */
export function findRelease(catalog: Catalog, name: string): ScienceLayer {
  const wanted = name.replace(/^rel\//, "");
  return onlyMatch(wanted, releasesOf(catalog)) ?? refuseUnknown(catalog, wanted, "release");
}

/** Says that no layer makes an image of that name, and what it may have meant; `kind`: releases alone, or products as well. */
export function refuseUnknown(catalog: Catalog, wanted: string, kind: "release" | "any"): never {
  const hint = hintFor(catalog, wanted, kind) ?? "image-builder plan --all lists them";
  throw new Refusal({ kind: "usage", message: `no layer makes an image ${wanted}`, hint });
}

interface Named {
  readonly layer: ScienceLayer;
  /** What it is called on the command line, without its version. */
  readonly name: string;
}

function releasesOf({ science, finals }: Catalog): readonly Named[] {
  const layers = [...science.values()].filter(({ directory }) => finals.has(directory));
  return layers.map((layer) => ({ layer, name: layer.image }));
}

function productsOf({ science }: Catalog): readonly Named[] {
  return [...science.values()].map((layer) => ({ layer, name: `sci/${layer.target}` }));
}

/** The one that is named; undefined where there is none. */
function onlyMatch(wanted: string, candidates: readonly Named[]): ScienceLayer | undefined {
  if (wanted === "")
    throw new Refusal({
      kind: "usage",
      message: "the name of an image is empty",
      hint: "name one, e.g. sciserver-essentials:2.4",
    });
  const found = candidates.filter((each) => each.name === wanted || withVersion(each) === wanted);
  if (found.length > 1)
    throw new Refusal({
      kind: "usage",
      message: `${wanted} has several versions`,
      hint: `name one: ${found.map(withVersion).join(", ")}`,
    });
  return found[0]?.layer;
}

/** A name may be that of a layer, the end of an image's, or mistyped. */
function hintFor(catalog: Catalog, wanted: string, kind: "release" | "any"): string | undefined {
  const [word = "", version] = wanted.replace(/^sci\//, "").split(":");
  const [releases, products] = [releasesOf(catalog), productsOf(catalog)];
  const made = products.filter(({ name, layer }) => name === `sci/${word}` && fits(layer));
  const ending = releases.filter(({ name, layer }) => `-${name}`.endsWith(`-${word}`) && fits(layer));
  const likely = [
    ...ending.map(withVersion),
    ...made.map(({ name, layer }) => (kind === "any" ? name : withVersion({ name: layer.image, layer }))),
  ];
  if (likely.length > 0) return `did you mean ${[...new Set(likely)].join(" or ")}?`;
  const under = releases.filter(({ layer }) => catalog.stacks.get(layer.compat)?.includes(word));
  if (under.length > 0)
    return `${word} is a compat layer; name a release: ${under.map(withVersion).join(", ")}`;
  const known = [...releases, ...(kind === "any" ? products : [])];
  const meant = nearest(
    wanted,
    known.flatMap((each) => [each.name, withVersion(each)]),
  );
  return meant === undefined ? undefined : `did you mean ${meant}?`;

  function fits(layer: ScienceLayer): boolean {
    return version === undefined || version === layer.version;
  }
}

function withVersion({ layer, name }: Named): string {
  return `${name}:${layer.version}`;
}
