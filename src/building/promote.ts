import type { Catalog, ScienceLayer } from "../model.ts";
import type { PromotedTag } from "../moves.ts";
import { nearest } from "../nearest.ts";
import { isHighest, releaseReference } from "../planning/names.ts";
import { Refusal } from "../problem.ts";
import type { Problem } from "../problem.ts";
import type { Manifest, Registry, RegistryReader } from "../registry/registry.ts";
import { findBuild } from "./history.ts";
import { runSchedule } from "./schedule.ts";

/** Moves at once: each is one small request. */
const movesAtOnce = 8;

/** What is to be promoted. */
export interface PromotionRequest {
  readonly catalog: Catalog;
  readonly repo: string;
  /** The final layers of the releases. */
  readonly releases: readonly ScienceLayer[];
  /** The tag `{version}-{from}` is the source; undefined for the rolling tag. */
  readonly from: string | undefined;
  readonly to: readonly string[];
}

/** A tag with the manifest that it is to name. */
export interface Promoted {
  /** In full, e.g. `{repo}/rel/essentials`. */
  readonly repository: string;
  readonly name: string;
  readonly source: string;
  readonly manifest: Manifest;
  /** The digest that it names before; null where it does not exist. */
  readonly was: string | null;
  /** It names the image's highest version, not one release. */
  readonly bare: boolean;
}

/** How a promotion ended; the problems are those of the tags that failed. */
export interface PromotionResult {
  readonly tags: readonly PromotedTag[];
  readonly problems: readonly Problem[];
}

/**
 * Finds every source, and then what every tag names before it is moved. Writes nothing. Refuses with every source that
 * is missing.
 */
export async function planPromotion(
  request: PromotionRequest,
  registry: RegistryReader,
): Promise<readonly Promoted[]> {
  const { catalog, repo, releases, from, to } = request;
  const found = await Promise.all(
    releases.map(async (release) => {
      const source = await findSource(release, from, repo, registry);
      return { release, source, manifest: await registry.manifest(source) };
    }),
  );
  const missing = found.filter(({ manifest }) => manifest === undefined);
  if (missing.length > 0) {
    const problems = missing.map(async ({ release, source }) => {
      const meant = from === undefined ? undefined : await nearestName(release, from, repo, registry);
      return missingSource(release, source, meant, request);
    });
    throw new Refusal(...(await Promise.all(problems)));
  }

  const tags = found.flatMap(({ release, source, manifest }): Promise<Promoted>[] => {
    if (manifest === undefined) return [];
    const repository = repositoryOf(repo, release);
    const highest = !release.retired && isHighest(release, catalog);
    const look = async (name: string, bare: boolean): Promise<Promoted> => {
      const present = await registry.resolve(`${repository}:${name}`);
      return { repository, name, source, manifest, was: present?.digest ?? null, bare };
    };
    const looks = to.map((name) => look(`${release.version}-${name}`, false));
    return highest ? looks.concat(to.map((name) => look(name, true))) : looks;
  });
  return Promise.all(tags);
}

/** What the tags of a promotion would come to name. */
export function previewPromotion(promoted: readonly Promoted[]): readonly PromotedTag[] {
  return promoted.map((each) => promotedTag(each, isMoving(each) ? "moves" : "same"));
}

/**
 * Moves the tags, by putting manifests of which the registry has all parts: first those of the releases and, only when
 * all of these name what they should, the bare ones. A tag that cannot be moved stops the rest. Never rejects for that.
 */
export async function carryOutPromotion(
  promoted: readonly Promoted[],
  registry: Registry,
  signal: AbortSignal,
): Promise<PromotionResult> {
  const moving = promoted.filter(isMoving);
  const first = moving.filter(({ bare }) => !bare);
  const ids = first.map(referenceOf);
  const tasks = [
    ...first.map((each) => ({ each, id: referenceOf(each), needs: [] })),
    ...moving.filter(({ bare }) => bare).map((each) => ({ each, id: referenceOf(each), needs: ids })),
  ];
  const endings = await runSchedule(
    tasks,
    ({ each: { repository, name, manifest } }) => registry.putTag(repository, name, manifest),
    { jobs: movesAtOnce, keepGoing: false, signal },
  );
  const problems: Problem[] = [];
  const tags = promoted.map((each) => {
    const ending = endings.get(referenceOf(each));
    if (ending === undefined) return promotedTag(each, "same");
    if (ending.kind === "done") return promotedTag(each, "moved");
    if (ending.kind === "skipped") return promotedTag(each, "skipped");
    if (ending.error instanceof Refusal) problems.push(...ending.error.problems);
    else if (!signal.aborted) throw ending.error;
    return promotedTag(each, "failed");
  });
  return { tags, problems };
}

function isMoving({ was, manifest }: Promoted): boolean {
  return was !== manifest.digest;
}

function repositoryOf(repo: string, release: ScienceLayer): string {
  return releaseReference(repo, release).replace(/:[^:/]*$/, "");
}

function referenceOf({ repository, name }: Promoted): string {
  return `${repository}:${name}`;
}

function promotedTag(promoted: Promoted, result: PromotedTag["result"]): PromotedTag {
  const { source, was, manifest } = promoted;
  const stays = result === "failed" || result === "skipped";
  return { tag: referenceOf(promoted), source, was, is: stays ? was : manifest.digest, result };
}

/** The reference whose image is promoted. */
async function findSource(
  release: ScienceLayer,
  from: string | undefined,
  repo: string,
  registry: RegistryReader,
): Promise<string> {
  const rolling = releaseReference(repo, release);
  return from === undefined
    ? rolling
    : ((await findBuild(registry, `${rolling}-${from}`)) ?? `${rolling}-${from}`);
}

/** The name that a release has in the registry which is most like a mistyped one. */
async function nearestName(
  release: ScienceLayer,
  name: string,
  repo: string,
  registry: RegistryReader,
): Promise<string | undefined> {
  const tags = await registry.tags(repositoryOf(repo, release));
  const named = tags.filter((tag) => tag.startsWith(`${release.version}-`));
  return nearest(
    name,
    named.map((tag) => tag.slice(release.version.length + 1)),
  );
}

function missingSource(
  release: ScienceLayer,
  source: string,
  meant: string | undefined,
  { from, repo }: Pick<PromotionRequest, "from" | "repo">,
): Problem {
  const remedy =
    from === undefined
      ? `publish it first: image-builder --push --include ${release.directory} --repo ${repo}`
      : `tag it first: image-builder promote ${release.image}:${release.version} --to ${from} --repo ${repo}`;
  return {
    kind: "surroundings",
    message: `${source} is not in the registry; nothing was moved`,
    hint: meant !== undefined ? `did you mean ${meant}?` : `${remedy}; or name the releases that are there`,
  };
}
