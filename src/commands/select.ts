import type { Catalog, ScienceLayer } from "../model.ts";
import { nearest } from "../nearest.ts";
import { releaseReference, scienceReference } from "../planning/names.ts";
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
  if (!name.startsWith("sci/"))
    return { layer: findRelease(catalog, name.replace(/^compat\//, "")), kind: "release" };
  const layers = [...catalog.science.values()];
  const layer = onlyMatch(
    name,
    layers.map((each) => ({ layer: each, name: `sci/${each.target}` })),
  );
  return { layer, kind: "science" };
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
    hint: "call from one, name one with --root, or give its version or a reference in full: HOST/PATH:TAG",
  };
}

/** The final layer on which the release `[rel/]IMAGE[:VERSION]` stands; refuses as {@link findImage} does. */
export function findRelease(catalog: Catalog, name: string): ScienceLayer {
  const finals = [...catalog.science.values()].filter(({ directory }) => catalog.finals.has(directory));
  return onlyMatch(
    name.replace(/^rel\//, ""),
    finals.map((layer) => ({ layer, name: layer.image })),
  );
}

interface Named {
  readonly layer: ScienceLayer;
  /** What it is called on the command line, without its version. */
  readonly name: string;
}

function onlyMatch(wanted: string, candidates: readonly Named[]): ScienceLayer {
  if (wanted === "")
    throw new Refusal({
      kind: "usage",
      message: "the name of an image is empty",
      hint: "name one, e.g. essentials:2.4",
    });
  const found = candidates.filter((each) => each.name === wanted || withVersion(each) === wanted);
  const [only] = found;
  if (only !== undefined && found.length === 1) return only.layer;
  if (found.length > 1)
    throw new Refusal({
      kind: "usage",
      message: `${wanted} has several versions`,
      hint: `name one: ${found.map(withVersion).join(", ")}`,
    });
  const meant = nearest(
    wanted,
    candidates.flatMap((each) => [each.name, withVersion(each)]),
  );
  throw new Refusal({
    kind: "usage",
    message: `no layer makes an image ${wanted}`,
    hint: meant === undefined ? "image-builder plan --all lists them" : `did you mean ${meant}?`,
  });
}

function withVersion({ layer, name }: Named): string {
  return `${name}:${layer.version}`;
}
