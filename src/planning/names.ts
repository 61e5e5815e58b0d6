import type { Build, Catalog, Plan, Tags } from "../model.ts";
import type { Problem } from "../problem.ts";
import { compareVersions } from "../version.ts";

/** `{commit count}-{7 hex digits of the commit}`, e.g. `42-f90dbd6`. */
export function stampOf(commit: string, count: number): string {
  return `${count}-${commit.slice(0, 7)}`;
}

/** What follows the version in an immutable tag: the stamp, and `-dirty` where the commit does not hold it all. */
function suffixOf({ stamp, dirty }: Build): string {
  return dirty ? `${stamp}-dirty` : stamp;
}

/** The immutable tag of a version in a build, e.g. `2.4-42-f90dbd6`. */
export function immutableTag(version: string, build: Build): string {
  return `${version}-${suffixOf(build)}`;
}

/** What an immutable tag tells. */
export interface ImmutableTag {
  readonly version: string;
  /** `42-f90dbd6`, with `-dirty` where it was. */
  readonly stamp: string;
  /** The beginning of its commit, 7 to 40 hexadecimal digits. */
  readonly commit: string;
}

/**
 * Reads an immutable tag; undefined for every other. The original tool abbreviated commits as git does, which takes more than
 * 7 digits in a large repository or where `core.abbrev` says so.
 */
export function parseImmutableTag(tag: string): ImmutableTag | undefined {
  const match = /^(\d+(?:\.\d+)*)-(\d+-([0-9a-f]{7,40})(?:-dirty)?)$/.exec(tag);
  if (match === null) return undefined;
  const [, version = "", stamp = "", commit = ""] = match;
  return { version, stamp, commit };
}

/** Whether two stamps are of one commit, however many digits of it each has. */
export function sameStamp(a: string, b: string): boolean {
  const [one, other] = [parseImmutableTag(`0-${a}`), parseImmutableTag(`0-${b}`)];
  if (one === undefined || other === undefined || isDirty(a) !== isDirty(b)) return false;
  return (
    Number.parseInt(a, 10) === Number.parseInt(b, 10) &&
    (one.commit.startsWith(other.commit) || other.commit.startsWith(one.commit))
  );
}

/** Whether a stamp is of a build of what no commit holds. */
export function isDirty(stamp: string): boolean {
  return stamp.endsWith("-dirty");
}

/** The references of a science layer's build product: `{repo}/sci/{target}:…`. */
export function scienceTags(repo: string, target: string, version: string, build: Build): Tags {
  return tagsOf(`${repo}/sci/${target}`, version, build);
}

/** The references of a release: `{repo}/rel/{image}:…`. */
export function releaseTags(repo: string, image: string, version: string, build: Build): Tags {
  return tagsOf(`${repo}/rel/${image}`, version, build);
}

/**
 * Further tags for the releases of a plan: `{version}-{name}` for each, and `{name}` for the highest version of its
 * image, as an image can have several. Pairs of the tag and the immutable tag whose image it gets.
 */
export function namedTags(
  plan: Plan,
  catalog: Catalog,
  name: string,
): readonly (readonly [string, string])[] {
  return plan.steps.flatMap((step): (readonly [string, string])[] => {
    if (step.kind !== "compat") return [];
    const { immutable, rolling } = step.tags;
    const tag = [`${rolling}-${name}`, immutable] as const;
    const repository = rolling.slice(0, rolling.lastIndexOf(":"));
    return isHighest(step, catalog) ? [tag, [`${repository}:${name}`, immutable]] : [tag];
  });
}

/** Whether no release of the catalog, but for retired ones, has a higher version of the same image. */
export function isHighest(
  release: { readonly image: string; readonly version: string },
  catalog: Catalog,
): boolean {
  for (const directory of catalog.finals) {
    const final = catalog.science.get(directory);
    if (final === undefined || final.retired || final.image !== release.image) continue;
    if (compareVersions(final.version, release.version) > 0) return false;
  }
  return true;
}

/** The rolling reference of a science layer, which other layers build on. */
export function scienceReference(
  repo: string,
  { target, version }: { readonly target: string; readonly version: string },
): string {
  return `${repo}/sci/${target}:${version}`;
}

/** The rolling reference of a release, which users pull. */
export function releaseReference(
  repo: string,
  { image, version }: { readonly image: string; readonly version: string },
): string {
  return `${repo}/rel/${image}:${version}`;
}

/** What keeps a name from being a tag beside the versions; undefined where nothing does. */
export function tagProblem(name: string): Problem | undefined {
  if (!/^\w[\w.-]{0,90}$/.test(name)) {
    return {
      kind: "usage",
      message: `${JSON.stringify(name)} is not a tag`,
      hint: "up to 91 letters, digits, _ . -, not starting with . or -",
    };
  }
  if (!/^(\d+(\.\d+)*|rollback)(-|$)/.test(name)) return undefined;
  return {
    kind: "usage",
    message: `${name} reads as a version, a stamp or a rollback`,
    hint: "give the tag a name that begins with a letter, e.g. v0.1.1",
  };
}

function tagsOf(repository: string, version: string, build: Build): Tags {
  return { immutable: `${repository}:${immutableTag(version, build)}`, rolling: `${repository}:${version}` };
}
