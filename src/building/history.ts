import { readBase } from "../planning/labels.ts";
import { parseImmutableTag, sameStamp } from "../planning/names.ts";
import type { ImmutableTag } from "../planning/names.ts";
import { builtAt, commitInFull, readTrail } from "../planning/trail.ts";
import type { PublishedBuild } from "../published.ts";
import type { RegistryReader } from "../registry/registry.ts";
import { see } from "./seen.ts";

/**
 * Asks a registry for every build of a version that a repository (`{repo}/rel/{image}`) holds, the newest first: by how
 * many commits lead to its commit, then by date. None where nothing was ever published.
 */
export async function readHistory(
  registry: RegistryReader,
  repository: string,
  version: string,
): Promise<readonly PublishedBuild[]> {
  const all = await registry.tags(repository);
  const immutable = all.flatMap((tag) => {
    const parsed = parseImmutableTag(tag);
    return parsed?.version === version ? [{ tag, parsed }] : [];
  });
  const moving = immutable.length === 0 ? [] : all.filter((tag) => namesVersion(tag, version));
  const [named, builds] = await Promise.all([
    Promise.all(
      moving.map(async (tag) => ({ tag, digest: (await registry.resolve(`${repository}:${tag}`))?.digest })),
    ),
    Promise.all(immutable.map(({ tag, parsed }) => readBuild(registry, repository, tag, parsed))),
  ]);
  const tagsOf = new Map<string, string[]>();
  for (const { tag, digest } of named) {
    if (digest === undefined) continue;
    const tags = tagsOf.get(digest);
    if (tags === undefined) tagsOf.set(digest, [tag]);
    else tags.push(tag);
  }
  return builds
    .flatMap((build) =>
      build === undefined ? [] : [Object.assign(build, { tags: tagsOf.get(build.digest) ?? [] })],
    )
    .sort(newestFirst);
}

/**
 * The immutable tag of the build that a reference names, whatever number of digits of the commit either has. Undefined where there is
 * none, and for a reference of another kind. One request for each page of tags.
 */
export async function findBuild(registry: RegistryReader, reference: string): Promise<string | undefined> {
  const colon = reference.lastIndexOf(":");
  const repository = reference.slice(0, colon);
  const wanted = parseImmutableTag(reference.slice(colon + 1));
  if (wanted === undefined) return undefined;
  const builds = (await registry.tags(repository)).flatMap((tag) => parseImmutableTag(tag) ?? []);
  const found = builds.filter(
    (build) => build.version === wanted.version && sameStamp(build.stamp, wanted.stamp),
  );
  const build = found.find(({ stamp }) => stamp === wanted.stamp) ?? found[0];
  return build && `${repository}:${build.version}-${build.stamp}`;
}

/** Undefined for a tag that is gone since the tags were listed. */
async function readBuild(
  registry: RegistryReader,
  repository: string,
  tag: string,
  { stamp, commit }: ImmutableTag,
): Promise<Omit<PublishedBuild, "tags"> | undefined> {
  const seen = await see(registry, `${repository}:${tag}`);
  if (seen === undefined) return undefined;
  const { digest, labels, created, unreadable } = seen;
  const [newest] = readTrail(labels);
  return {
    tag,
    stamp,
    commit: commitInFull(labels, commit),
    date: builtAt(newest?.time, created),
    digest,
    base: readBase(labels),
    unreadable,
  };
}

/** Whether a tag that moves can name a build of the version: its rolling tag, one derived from it, or a plain name. */
function namesVersion(tag: string, version: string): boolean {
  if (parseImmutableTag(tag) !== undefined) return false;
  return tag === version || tag.startsWith(`${version}-`) || !/^\d+(?:\.\d+)*(?:-|$)/.test(tag);
}

function newestFirst(a: PublishedBuild, b: PublishedBuild): number {
  const later = Date.parse(b.date ?? "") - Date.parse(a.date ?? "");
  return Number.parseInt(b.stamp, 10) - Number.parseInt(a.stamp, 10) || later || (a.tag < b.tag ? 1 : -1);
}
