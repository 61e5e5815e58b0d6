import type { Catalog } from "../model.ts";
import { liveLayers, withBases } from "../planning/graph.ts";
import type { Inputs } from "../planning/labels.ts";
import { releaseReference, scienceReference } from "../planning/names.ts";
import { releasesOf } from "../planning/orphans.ts";
import type { FormerRelease } from "../planning/orphans.ts";
import { releaseId } from "../planning/plan.ts";
import type { Finding } from "../planning/status.ts";
import { builtAt, commitOf } from "../planning/trail.ts";
import { isByTrail, judgeByInputs, judgeByTrail, ownLayer, partsOf } from "../planning/verdict.ts";
import type { Sample, Sinces, Verdict } from "../planning/verdict.ts";
import type { RegistryReader } from "../registry/registry.ts";
import type { Orphan, PublishedImage } from "../status.ts";
import { compareVersions, isVersion } from "../version.ts";
import { byDigest } from "./bases.ts";
import type { BaseImage, Bases } from "./bases.ts";
import { openFiles, openInputs } from "./inputs.ts";
import { isHeld } from "./rolling.ts";
import { isReplaced, see } from "./seen.ts";
import type { Seen } from "./seen.ts";

/** Finds what has happened since each of some commits, given by their names or the beginnings of these. */
export type Past = (commits: Iterable<string>) => Promise<Sinces>;

/** What a registry is compared with. */
export interface Checked {
  readonly root: string;
  readonly catalog: Catalog;
  readonly repo: string;
  readonly past: Past;
}

/**
 * Asks the registry for every layer and release of the catalog, and judges what it holds: by its inputs, or by its trail
 * where the original tool has built it. Two requests each, and two more for what is there, since a rollback can be to a
 * build of the same inputs.
 */
export async function survey(checked: Checked, registry: RegistryReader): Promise<readonly Finding[]> {
  const { root, catalog, repo, past } = checked;
  const live = liveLayers(catalog);
  const ask = async (reference: string, retired: boolean): Promise<Answer> => {
    const image = await see(registry, reference);
    if (image === undefined || retired) return { image, held: false, replaced: false };
    const [held, replaced] = await Promise.all([
      isHeld(registry, reference, image.digest),
      isReplaced(registry, reference, image),
    ]);
    return { image, held, replaced };
  };
  const asked = [...catalog.science.values()].flatMap((layer) => {
    const look = (kind: Sample["kind"], reference: string, retired: boolean) => {
      const answer = ask(reference, retired);
      answer.catch(() => undefined);
      return { kind, layer, reference, retired, answer };
    };
    const science = look("science", scienceReference(repo, layer), !live.has(layer.directory));
    if (!catalog.finals.has(layer.directory)) return [science];
    return [science, look("release", releaseReference(repo, layer), layer.retired)];
  });
  // The files are read while the questions are asked.
  const files = openFiles(root, catalog);
  for (const { kind, layer, retired } of asked)
    if (!retired) await (kind === "science" ? files.science(layer) : files.stack(layer.compat));

  const answers = new Map<string, Answer>();
  for (const { reference, answer } of asked) answers.set(reference, await answer);
  const taken = await takenByTrail(live, checked, async (reference) => answers.get(reference)?.image);
  const inputs = openInputs(root, catalog, taken, files);
  const samples = asked.map(({ kind, layer, reference, retired }) => {
    const { image, held = false, replaced = false } = answers.get(reference) ?? {};
    return { kind, layer, reference, retired, held, replaced, image, labels: image?.labels ?? {} };
  });
  const byTrail = new Set(samples.filter((sample) => !sample.retired && isByTrail(sample, catalog)));
  const sinces = await past(commitsIn(byTrail, catalog));
  const judge = async (sample: (typeof samples)[number]): Promise<Verdict | null> => {
    const { kind, layer, image, retired } = sample;
    if (image === undefined || retired) return null;
    if (byTrail.has(sample)) return judgeByTrail(sample, catalog, sinces);
    const expected = await (kind === "science" ? inputs.science : inputs.release)(layer.directory);
    return judgeByInputs(sample, expected);
  };
  return Promise.all(
    samples.map(async (sample): Promise<Finding> => {
      const { kind, layer, image } = sample;
      const published = image === undefined ? null : describe(image, kind, layer);
      return Object.assign(sample, { published, verdict: await judge(sample) });
    }),
  );
}

/** What a registry says of a rolling tag. */
interface Answer {
  readonly image: Seen | undefined;
  readonly held: boolean;
  readonly replaced: boolean;
}

/**
 * The published images of science layers that go by their trail and that nothing is known to differ in: what is built on them is built
 * on them as they are. `look` gives what a reference names.
 */
export async function takenByTrail(
  directories: Iterable<string>,
  { catalog, repo, past }: Omit<Checked, "root">,
  look: (reference: string) => Promise<Pick<Seen, "digest" | "labels"> | undefined>,
): Promise<Bases> {
  const found = await Promise.all(
    [...directories].map(async (directory) => {
      const layer = catalog.science.get(directory);
      if (layer === undefined) return [];
      const name = scienceReference(repo, layer);
      const image = await look(name);
      if (image === undefined) return [];
      const sample = { kind: "science" as const, layer, labels: image.labels, name, digest: image.digest };
      return isByTrail(sample, catalog) ? [sample] : [];
    }),
  );
  const samples = found.flat();
  const sinces = await past(commitsIn(samples, catalog));
  const taken = new Map<string, BaseImage>();
  for (const sample of samples) {
    const { name, digest, layer } = sample;
    if (judgeByTrail(sample, catalog, sinces).kind !== "differs")
      taken.set(layer.directory, { name, pin: byDigest(name, digest), digest, identity: digest });
  }
  return (directory) => taken.get(directory);
}

/** An image judged alone, and what goes into what this checkout would make. */
export interface Judgement {
  readonly verdict: Verdict;
  readonly expected: Inputs;
}

/** Judges one image as {@link survey} does all. Only where its inputs are others does it look at what the image stands on. */
export async function judgeAlone(
  sample: Sample,
  checked: Checked,
  look: Parameters<typeof takenByTrail>[2],
): Promise<Judgement> {
  const { root, catalog, past } = checked;
  const { kind, layer } = sample;
  const files = openFiles(root, catalog);
  const expect = (taken?: Bases) => {
    const inputs = openInputs(root, catalog, taken, files);
    return (kind === "science" ? inputs.science : inputs.release)(layer.directory);
  };
  const expected = await expect();
  if (isByTrail(sample, catalog)) {
    const sinces = await past(commitsIn([sample], catalog));
    return { verdict: judgeByTrail(sample, catalog, sinces), expected };
  }
  const verdict = judgeByInputs(sample, expected);
  if (verdict.kind === "same") return { verdict, expected };
  const taken = await takenByTrail(withBases(catalog, [layer.directory]), checked, look);
  const onTaken = await expect(taken);
  return { verdict: judgeByInputs(sample, onTaken), expected: onTaken };
}

function commitsIn(samples: Iterable<Sample>, catalog: Catalog): ReadonlySet<string> {
  const parts = [...samples].flatMap((sample) => partsOf(sample, catalog));
  return new Set(parts.flatMap(({ commit }) => commit ?? []));
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
  elsewhere: ReadonlyMap<string, string>,
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
            published: seen === undefined ? null : describe(seen, "release", { image }),
            definition: last?.definition ?? null,
            commit: last?.commit ?? null,
            retired: last?.retired ?? false,
            branch: elsewhere.get(`${image} ${version}`) ?? null,
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
  kind: Sample["kind"],
  layer: Parameters<typeof ownLayer>[2],
): PublishedImage {
  const own = ownLayer(labels, kind, layer);
  const commit = commitOf(labels, own) ?? null;
  return { digest, stamp: own?.stamp ?? null, commit, date: builtAt(own?.time, created), unreadable };
}
