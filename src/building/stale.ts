import type { Catalog, Reason } from "../model.ts";
import { liveLayers, withBases } from "../planning/graph.ts";
import { filesLabel, inputsLabel } from "../planning/labels.ts";
import type { Inputs } from "../planning/labels.ts";
import { releaseReference, scienceReference } from "../planning/names.ts";
import { releaseId } from "../planning/plan.ts";
import type { RegistryReader } from "../registry/registry.ts";
import type { InputsReader } from "./inputs.ts";
import { isHeld } from "./rolling.ts";
import { isReplaced, see } from "./seen.ts";
import type { Seen } from "./seen.ts";

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
  const held = new Map<string, string>();
  const look = async (
    id: string,
    tag: string,
    own: "files" | "compat",
    published: Promise<Seen | undefined>,
    expected: Inputs,
  ) => {
    const image = await published;
    const reason =
      compare(image, expected, own) ??
      (image !== undefined && (await isReplaced(registry, tag, image)) ? replaced : undefined);
    if (reason === undefined) return;
    if (image !== undefined && (await isHeld(registry, tag, image.digest))) held.set(id, tag);
    else reasons.set(id, reason);
  };
  const looks: Promise<void>[] = [];
  // The questions are asked while the files are read.
  const ask = (tag: string) => {
    const answer = see(registry, tag);
    answer.catch(() => undefined);
    return answer;
  };
  const live = liveLayers(catalog);
  for (const layer of catalog.science.values()) {
    const { directory } = layer;
    if (!live.has(directory)) continue;
    const science = scienceReference(repo, layer);
    const scienceAnswer = ask(science);
    const release = releaseReference(repo, layer);
    const releaseAnswer = catalog.finals.has(directory) && !layer.retired ? ask(release) : undefined;
    looks.push(look(directory, science, "files", scienceAnswer, await inputs.science(directory)));
    if (releaseAnswer !== undefined)
      looks.push(look(releaseId(layer), release, "compat", releaseAnswer, await inputs.release(directory)));
  }
  await Promise.all(looks);
  for (const id of onHeld(catalog, reasons, held)) reasons.delete(id);
  return { reasons, held: [...held.values()].sort() };
}

const replaced: Reason = { kind: "stale", differs: ["image"] };

/** What differs in nothing but a base that was rolled back: built again, it would stand on the same one. */
function onHeld(
  catalog: Catalog,
  reasons: ReadonlyMap<string, Reason>,
  held: ReadonlyMap<string, string>,
): readonly string[] {
  const standsOnHeld = (directory: string) =>
    [...withBases(catalog, [directory])].some((below) => held.has(below));
  const directories = new Map(
    [...catalog.science.values()].flatMap((layer) => [
      [layer.directory, layer.directory] as const,
      [releaseId(layer), layer.directory] as const,
    ]),
  );
  return [...reasons].flatMap(([id, reason]) => {
    const inBaseAlone = reason.kind === "stale" && reason.differs.every((what) => what === "base");
    return inBaseAlone && standsOnHeld(directories.get(id) ?? "") ? [id] : [];
  });
}

function compare(image: Seen | undefined, expected: Inputs, own: "files" | "compat"): Reason | undefined {
  if (image === undefined) return { kind: "unpublished" };
  const digest = image.labels[inputsLabel];
  if (digest === undefined) return { kind: "stale", differs: ["unknown"] };
  if (digest === expected.digest) return undefined;
  // The digest covers the files, the base and the names; a base is what is left when the files are the same.
  return { kind: "stale", differs: [image.labels[filesLabel] === expected.files ? "base" : own] };
}
