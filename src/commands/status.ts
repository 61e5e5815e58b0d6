import { readPastDefinition } from "../definitions/definition.ts";
import { leadsToHead, readCheckout } from "../git/checkout.ts";
import { commitsSince, pastDefinitions } from "../git/past.ts";
import type { PastDefinition } from "../git/past.ts";
import type { Catalog } from "../model.ts";
import { changedLayers } from "../planning/changes.ts";
import { formerReleases } from "../planning/orphans.ts";
import { assess, commitsToCompare, countTouches, limitStatus } from "../planning/status.ts";
import type { Finding, Since } from "../planning/status.ts";
import { exitCodes } from "../problem.ts";
import type { Status } from "../status.ts";
import { openInputs } from "../building/inputs.ts";
import { findOrphaned, findPublished } from "../building/published.ts";
import { statusTable } from "../report/status.ts";
import { json } from "../report/text.ts";
import { loadCatalog, triggersOf } from "./preview.ts";
import type { Triggers } from "./preview.ts";
import { openRegistry } from "./registry.ts";
import { findImages } from "./select.ts";
import type { Surroundings } from "./surroundings.ts";

/** What `status` looks at, as the command line gives it. */
export interface StatusSettings {
  readonly root: string;
  readonly repo: string;
  /** What is looked at, each as {@link findImages} has it, with the layers below it; empty for everything. */
  readonly images: readonly string[];
  readonly format: "text" | "json";
  /** Fail where not everything is as this checkout would make it. */
  readonly check: boolean;
}

/** `image-builder status`: compares the catalog with what a registry holds. Gives the exit code. */
export async function status(settings: StatusSettings, surroundings: Surroundings): Promise<number> {
  const { root, repo, format } = settings;
  const asked = readCheckout(root, null, { shallow: true });
  asked.catch(() => undefined);
  const catalog = loadCatalog(root, repo);
  const named = findImages(catalog, settings.images);
  const { commit, uncommitted } = await asked;
  const former = formerReleases((await pastDefinitions(root)).flatMap(readPast), catalog);
  const registry = await openRegistry(surroundings);
  const [findings, orphans] = await Promise.all([
    findPublished(catalog, repo, openInputs(root, catalog), registry),
    findOrphaned(catalog, repo, former, registry),
  ]);
  const triggers = triggersOf(root, catalog);
  const since = await readSince(root, findings, catalog, triggers);
  const edited = new Set(changedLayers(catalog, uncommitted, triggers).keys());
  const images = assess(findings, catalog, since, edited);
  const all: Status = { formatVersion: 1, repo, commit, images, orphans };
  const found = settings.images.length === 0 ? all : limitStatus(all, named, catalog);
  surroundings.out(format === "json" ? json(found) : statusTable(found));
  return settings.check && !isInOrder(found) ? exitCodes.failure : 0;
}

/** A rollback is not in order either: users pull something older until somebody moves the tag on. */
function isInOrder({ images, orphans }: Status): boolean {
  return (
    images.every(({ state }) => state === "current" || state === "retired") &&
    orphans.every(({ retired }) => retired)
  );
}

function readPast({ path, text, commit }: PastDefinition) {
  const definition = readPastDefinition(text, path);
  return definition === undefined ? [] : [{ ...definition, commit }];
}

/** Processes of git that walk the history side by side. */
const gitsAtOnce = 4;

/** Two processes of git for each commit that something published was built from and that is not up to date. */
async function readSince(
  root: string,
  findings: readonly Finding[],
  catalog: Catalog,
  triggers: Triggers,
): Promise<ReadonlyMap<string, Since | undefined>> {
  const commits = new Set(findings.flatMap((finding) => commitsToCompare(finding, catalog)));
  const found = new Map<string, Since | undefined>();
  const waiting = [...commits];
  const work = async () => {
    for (let commit = waiting.pop(); commit !== undefined; commit = waiting.pop()) {
      const [since, leadsHere] = await Promise.all([commitsSince(root, commit), leadsToHead(root, commit)]);
      found.set(commit, since && { touches: countTouches(since, catalog, triggers), leadsHere });
    }
  };
  await Promise.all(Array.from({ length: gitsAtOnce }, work));
  return found;
}
