import { readHistory } from "../building/history.ts";
import type { History } from "../published.ts";
import { historyTable } from "../report/history.ts";
import { loadCatalog } from "./preview.ts";
import { openRegistry } from "./registry.ts";
import { findImage, referenceOf } from "./select.ts";
import type { Surroundings } from "./surroundings.ts";

/** Whose history is shown and how, as the command line gives it. */
export interface HistorySettings {
  readonly root: string;
  readonly repo: string;
  /** `IMAGE[:VERSION]` or `sci/TARGET[:VERSION]`. */
  readonly image: string;
  readonly format: "text" | "json";
}

/** `image-builder history`: prints every build of an image and version that is published. Gives the exit code. */
export async function history(settings: HistorySettings, surroundings: Surroundings): Promise<number> {
  const { root, repo, image, format } = settings;
  const found = findImage(loadCatalog(root), image);
  const reference = referenceOf(repo, found);
  const repository = reference.slice(0, reference.lastIndexOf(":"));
  const registry = await openRegistry(surroundings);
  const builds = await readHistory(registry, repository, found.layer.version);
  const result: History = { formatVersion: 1, reference, builds };
  surroundings.out(
    format === "json" ? `${JSON.stringify(result, undefined, 2)}\n` : historyTable(result, repo),
  );
  return 0;
}
