import type { Catalog, Reason } from "../model.ts";
import { liveLayers } from "../planning/graph.ts";
import { filesLabel, inputsLabel } from "../planning/labels.ts";
import type { Inputs } from "../planning/labels.ts";
import { scienceReference } from "../planning/names.ts";
import { releaseId } from "../planning/plan.ts";
import type { ImageConfig, RegistryReader } from "../registry/registry.ts";
import type { InputsReader } from "./inputs.ts";
import { isHeld } from "./rolling.ts";

/** What the registry lacks or holds of other inputs than the checkout's. */
export interface Staleness {
  /** By the id of the step that would mend it. */
  readonly reasons: ReadonlyMap<string, Reason>;
  /** Rolling tags that somebody took back: they are left as they are. */
  readonly held: readonly string[];
}

/** Asks the registry, for every layer and release of the catalog, whether it is as this checkout would make it. */
export async function findStale(
  catalog: Catalog,
  repo: string,
  inputs: InputsReader,
  registry: RegistryReader,
): Promise<Staleness> {
  const reasons = new Map<string, Reason>();
  const held: string[] = [];
  const look = async (
    id: string,
    tag: string,
    own: "files" | "compat",
    published: Promise<ImageConfig | undefined>,
    expected: Inputs,
  ) => {
    const image = await published;
    const reason = compare(image, expected, own);
    if (reason === undefined) return;
    if (image !== undefined && (await isHeld(registry, tag, image.digest))) held.push(tag);
    else reasons.set(id, reason);
  };
  const looks: Promise<void>[] = [];
  // The questions are asked while the files are read.
  const ask = (tag: string) => {
    const answer = registry.config(tag);
    answer.catch(() => undefined);
    return answer;
  };
  const live = liveLayers(catalog);
  for (const layer of catalog.science.values()) {
    const { directory } = layer;
    if (!live.has(directory)) continue;
    const science = scienceReference(repo, layer);
    const scienceAnswer = ask(science);
    const release = `${repo}/rel/${layer.image}:${layer.version}`;
    const releaseAnswer = catalog.finals.has(directory) && !layer.retired ? ask(release) : undefined;
    looks.push(look(directory, science, "files", scienceAnswer, await inputs.science(directory)));
    if (releaseAnswer !== undefined)
      looks.push(look(releaseId(layer), release, "compat", releaseAnswer, await inputs.release(directory)));
  }
  await Promise.all(looks);
  return { reasons, held: held.sort() };
}

function compare(
  image: ImageConfig | undefined,
  expected: Inputs,
  own: "files" | "compat",
): Reason | undefined {
  if (image === undefined) return { kind: "unpublished" };
  const digest = image.labels[inputsLabel];
  if (digest === undefined) return { kind: "stale", differs: ["unknown"] };
  if (digest === expected.digest) return undefined;
  // The digest covers the files, the base and the names; a base is what is left when the files are the same.
  return { kind: "stale", differs: [image.labels[filesLabel] === expected.files ? "base" : own] };
}
