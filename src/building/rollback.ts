import type { Rollback, TaggedBuild } from "../moves.ts";
import { isDirty, sameStamp } from "../planning/names.ts";
import { Refusal } from "../problem.ts";
import type { Problem } from "../problem.ts";
import type { PublishedBuild } from "../published.ts";
import type { Registry, RegistryReader } from "../registry/registry.ts";
import { readHistory } from "./history.ts";
import { putTag } from "./publish.ts";
import { rollbackTag } from "./rolling.ts";

/** The rolling tag that is to be taken back. */
export interface RollbackRequest {
  /** In full, e.g. `{repo}/rel/essentials`. */
  readonly repository: string;
  readonly version: string;
  /** The stamp of the build that it is taken to; undefined for the one before the present one. */
  readonly to: string | undefined;
}

/**
 * Finds where a rolling tag is to go among the clean builds of its version. Writes nothing. It is held there unless that is
 * the newest build: then a rollback is over. Refuses, as a mistake of the command line, where there is no such build.
 */
export async function planRollback(request: RollbackRequest, registry: RegistryReader): Promise<Rollback> {
  const { repository, version, to } = request;
  const tag = `${repository}:${version}`;
  const [history, present] = await Promise.all([
    readHistory(registry, repository, version),
    registry.resolve(tag),
  ]);
  if (present === undefined) throw new Refusal(neverPublished(tag));
  const builds = history.filter(({ stamp, unreadable }) => !isDirty(stamp) && unreadable === null);
  const now = builds.find(({ digest }) => digest === present.digest);
  const target = to === undefined ? buildBefore(tag, now, builds) : buildOf(tag, to, builds);
  const newest = !builds.some((each) => each.digest !== target.digest && isNewer(each, target, builds));
  const held = !newest || target.tags.includes(rollbackTag(version, target.digest));
  const { digest, stamp } = target;
  return { tag, was: { digest: present.digest, stamp: now?.stamp }, is: { digest, stamp }, held };
}

/**
 * Takes the tag there. What remembers the rollback is there first: without the move it holds nothing, while a move that
 * nothing remembers would be undone by the next publish.
 */
export async function carryOutRollback({ tag, was, is, held }: Rollback, registry: Registry): Promise<void> {
  try {
    if (held) await putTag(registry, rollbackTag(tag, is.digest), is.digest);
    if (was.digest !== is.digest) await putTag(registry, tag, is.digest);
  } catch (error) {
    throw error instanceof Refusal ? new Refusal(...error.problems, unfinished(tag, is)) : error;
  }
}

function buildBefore(
  tag: string,
  now: PublishedBuild | undefined,
  builds: readonly PublishedBuild[],
): PublishedBuild {
  if (now === undefined) {
    throw new Refusal({
      kind: "usage",
      message: `no immutable tag names what ${tag} names now, so nobody knows what was before it`,
      hint: builds.length === 0 ? "no build of it is there" : `say which one with --to: ${stamps(builds)}`,
    });
  }
  const [first, ...others] = builds.filter(
    (each) => each.digest !== now.digest && isNewer(now, each, builds),
  );
  if (first === undefined) {
    throw new Refusal({
      kind: "usage",
      message: `${tag} names ${now.stamp}, and there is no older build of it`,
      hint: `--to STAMP takes it anywhere: ${stamps(builds)}`,
    });
  }
  return others.reduce((best, each) => (isNewer(each, best, builds) ? each : best), first);
}

function buildOf(tag: string, stamp: string, builds: readonly PublishedBuild[]): PublishedBuild {
  // As the tag is written, with its version, it is understood as well.
  const version = tag.slice(tag.lastIndexOf(":") + 1);
  const wanted = stamp.startsWith(`${version}-`) ? stamp.slice(version.length + 1) : stamp;
  const build =
    builds.find((each) => each.stamp === wanted) ?? builds.find((each) => sameStamp(each.stamp, wanted));
  if (build !== undefined) return build;
  throw new Refusal({
    kind: "usage",
    message: `--to ${stamp}: no published build of ${tag} has that stamp`,
    hint: `published are ${stamps(builds)}`,
  });
}

/** By the order of the history. The stamp of a shallow clone has no count (`0-f90dbd6`): there the date decides. */
function isNewer(a: PublishedBuild, b: PublishedBuild, history: readonly PublishedBuild[]): boolean {
  if ([a, b].some(({ stamp }) => stamp.startsWith("0-")))
    return Date.parse(a.date ?? "") > Date.parse(b.date ?? "");
  return history.indexOf(a) < history.indexOf(b);
}

function stamps(builds: readonly PublishedBuild[]): string {
  if (builds.length === 0) return "none";
  const shown = builds.slice(0, 10).map(({ stamp }) => stamp);
  const more = builds.length - shown.length;
  return more > 0 ? `${shown.join(", ")} and ${more} more` : shown.join(", ");
}

function neverPublished(tag: string): Problem {
  return {
    kind: "usage",
    message: `${tag} is not in the registry, so there is nothing to take back`,
    hint: "image-builder --push publishes, --repo names another repository",
  };
}

function unfinished(tag: string, { stamp = "" }: TaggedBuild): Problem {
  const slash = tag.lastIndexOf("/", tag.lastIndexOf("/") - 1);
  const call = `image-builder rollback ${tag.slice(slash + 1)} --to ${stamp} --repo ${tag.slice(0, slash)}`;
  return {
    kind: "surroundings",
    message: `the rollback of ${tag} is not finished: as far as the registry told, the tag is where it was`,
    hint: `${call} completes it`,
  };
}
