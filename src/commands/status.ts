import { readPastDefinition } from "../definitions/definition.ts";
import { readCheckout } from "../git/checkout.ts";
import { pastDefinitions } from "../git/past.ts";
import type { PastDefinition } from "../git/past.ts";
import { changedLayers, layerDirectories } from "../planning/changes.ts";
import { formerReleases } from "../planning/orphans.ts";
import { assess, commitsToCompare, limitStatus } from "../planning/status.ts";
import { exitCodes } from "../problem.ts";
import type { Status } from "../status.ts";
import { findOrphaned, survey } from "../building/survey.ts";
import { statusTable } from "../report/status.ts";
import { json } from "../report/text.ts";
import { madeElsewhere } from "./branch.ts";
import { openPast } from "./past.ts";
import { loadCatalog, triggersOf } from "./preview.ts";
import { openRegistry } from "./registry.ts";
import { findImages } from "./select.ts";
import type { Surroundings } from "./surroundings.ts";
import { findDeviations, tellIncomplete } from "./uncommitted.ts";

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
  const checkout = await asked;
  const { commit, uncommitted } = checkout;
  const former = formerReleases((await pastDefinitions(root)).flatMap(readPast), catalog);
  const elsewhere = await madeElsewhere(root, surroundings.environment);
  const registry = await openRegistry(surroundings);
  const triggers = triggersOf(root, catalog);
  // What is not there is in no row: a sparse checkout seems to have fewer layers.
  const all = layerDirectories(catalog);
  tellIncomplete(await findDeviations(root, catalog, checkout, all, triggers), surroundings);
  const past = openPast(root, catalog, triggers, uncommitted);
  const [findings, orphans] = await Promise.all([
    survey({ root, catalog, repo, past }, registry),
    findOrphaned(catalog, repo, former, registry, elsewhere),
  ]);
  const sinces = await past(findings.flatMap((finding) => commitsToCompare(finding, catalog)));
  const edited = new Set(changedLayers(catalog, uncommitted, triggers).keys());
  const images = assess(findings, catalog, sinces, edited);
  const whole: Status = { formatVersion: 1, repo, commit, images, orphans };
  const found = settings.images.length === 0 ? whole : limitStatus(whole, named, catalog);
  surroundings.out(format === "json" ? json(found) : statusTable(found));
  return settings.check && !isInOrder(found) ? exitCodes.failure : 0;
}

/** A rollback is not in order either: users pull something older until somebody moves the tag on. */
function isInOrder({ images, orphans }: Status): boolean {
  return (
    images.every(({ state }) => state === "current" || state === "retired") &&
    orphans.every(({ retired, branch }) => retired || branch !== null)
  );
}

function readPast({ path, text, commit }: PastDefinition) {
  const definition = readPastDefinition(text, path);
  return definition === undefined ? [] : [{ ...definition, commit }];
}
