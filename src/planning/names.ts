import type { Build, Tags } from "../model.ts";

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

/** The references of a science layer's build product: `{repo}/sci/{target}:…`. */
export function scienceTags(repo: string, target: string, version: string, build: Build): Tags {
  return tagsOf(`${repo}/sci/${target}`, version, build);
}

/** The references of a release: `{repo}/rel/{image}:…`. */
export function releaseTags(repo: string, image: string, version: string, build: Build): Tags {
  return tagsOf(`${repo}/rel/${image}`, version, build);
}

function tagsOf(repository: string, version: string, build: Build): Tags {
  return { immutable: `${repository}:${immutableTag(version, build)}`, rolling: `${repository}:${version}` };
}
