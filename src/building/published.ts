import { defaultConventions } from "../conventions.ts";
import type { Catalog, ScienceLayer } from "../model.ts";
import { inputsLabel } from "../planning/labels.ts";
import type { Inputs } from "../planning/labels.ts";
import { liveLayers } from "../planning/graph.ts";
import { releaseReference, scienceReference } from "../planning/names.ts";
import { releasesOf } from "../planning/orphans.ts";
import type { FormerRelease } from "../planning/orphans.ts";
import { releaseId } from "../planning/plan.ts";
import type { Finding } from "../planning/status.ts";
import { builtAt, commitOf, readTrail } from "../planning/trail.ts";
import type { RegistryReader } from "../registry/registry.ts";
import type { Orphan, PublishedImage } from "../status.ts";
import { compareVersions, isVersion } from "../version.ts";
import type { InputsReader } from "./inputs.ts";
import { isHeld } from "./rolling.ts";
import { isReplaced, see } from "./seen.ts";
import type { Seen } from "./seen.ts";

/**
 * Asks the registry for every layer and release of the catalog: two requests each, and two more for what is there, since a
 * rollback can be to a build of the same inputs.
 */
export async function findPublished(
  catalog: Catalog,
  repo: string,
  inputs: InputsReader,
  registry: RegistryReader,
): Promise<readonly Finding[]> {
  const live = liveLayers(catalog);
  // The original tool told no inputs, and knew one namespace only.
  const mayBeSilent = catalog.conventions.labelNamespace === defaultConventions.labelNamespace;
  const look = async (
    kind: Finding["kind"],
    layer: ScienceLayer,
    asked: Promise<Seen | undefined>,
    expected: Inputs | undefined,
  ): Promise<Finding> => {
    const reference = kind === "science" ? scienceReference(repo, layer) : releaseReference(repo, layer);
    const image = await asked;
    if (image === undefined)
      return {
        kind,
        layer,
        reference,
        published: null,
        labels: {},
        asMade: false,
        held: false,
        replaced: false,
      };
    const { labels, digest } = image;
    const found = labels[inputsLabel];
    const asMade = found === undefined && mayBeSilent ? undefined : found === expected?.digest;
    const [held, replaced] =
      expected === undefined
        ? [false, false]
        : await Promise.all([isHeld(registry, reference, digest), isReplaced(registry, reference, image)]);
    const name = kind === "science" ? layer.target : layer.image;
    return { kind, layer, reference, published: describe(image, kind, name), labels, asMade, held, replaced };
  };
  const findings: Promise<Finding>[] = [];
  // The questions are asked while the files are read.
  const ask = (reference: string) => handled(see(registry, reference));
  for (const layer of catalog.science.values()) {
    const { directory, retired } = layer;
    const science = ask(scienceReference(repo, layer));
    const release = catalog.finals.has(directory) ? ask(releaseReference(repo, layer)) : undefined;
    const expected = live.has(directory) ? await inputs.science(directory) : undefined;
    findings.push(handled(look("science", layer, science, expected)));
    if (release !== undefined)
      findings.push(
        handled(look("release", layer, release, retired ? undefined : await inputs.release(directory))),
      );
  }
  return Promise.all(findings);
}

/**
 * Asks the registry for versions of releases that the catalog lacks: one request for each image, of those that the
 * catalog has and those that it had once, and two for each that is found.
 */
export async function findOrphaned(
  catalog: Catalog,
  repo: string,
  former: ReadonlyMap<string, FormerRelease>,
  registry: RegistryReader,
): Promise<readonly Orphan[]> {
  const made = releasesOf(catalog);
  const images = new Set([...catalog.science.values(), ...former.values()].map(({ image }) => image));
  const found = await Promise.all(
    [...images].map(async (image) => {
      const tags = await registry.tags(`${repo}/rel/${image}`);
      const versions = tags.filter((tag) => isVersion(tag) && !made.has(releaseId({ image, version: tag })));
      return Promise.all(
        versions.map(async (version): Promise<Orphan> => {
          const reference = releaseReference(repo, { image, version });
          const seen = await see(registry, reference);
          const last = former.get(releaseId({ image, version }));
          return {
            image,
            version,
            reference,
            published: seen === undefined ? null : describe(seen, "release", image),
            definition: last?.definition ?? null,
            commit: last?.commit ?? null,
            retired: last?.retired ?? false,
          };
        }),
      );
    }),
  );
  return found
    .flat()
    .sort((a, b) =>
      a.image === b.image ? compareVersions(a.version, b.version) : a.image < b.image ? -1 : 1,
    );
}

function describe(
  { digest, labels, created, unreadable }: Seen,
  kind: Finding["kind"],
  name: string,
): PublishedImage {
  const own = readTrail(labels).find((layer) =>
    kind === "science" ? layer.kind === "science" && layer.name === name : layer.kind === "compat",
  );
  const commit = commitOf(labels, own) ?? null;
  return { digest, stamp: own?.stamp ?? null, commit, date: builtAt(own?.time, created), unreadable };
}

/** A rejection that is awaited later is no unhandled one. */
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
