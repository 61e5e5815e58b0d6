import { readHistory } from "../building/history.ts";
import type { History } from "../published.ts";
import { historyTable } from "../report/history.ts";
import { json } from "../report/text.ts";
import { Refusal } from "../problem.ts";
import type { Problem } from "../problem.ts";
import { loadCatalog } from "./preview.ts";
import { openRegistry } from "./registry.ts";
import { findImage, findPublishedImage } from "./select.ts";
import type { Surroundings } from "./surroundings.ts";

/** Whose history is shown and how, as the command line gives it. */
export interface HistorySettings {
  /** The directory that holds `science/` and `compat/`; undefined where there is none around. */
  readonly root: string | undefined;
  readonly repo: string;
  /** `IMAGE[:VERSION]` or `sci/TARGET[:VERSION]`; with its version it need not be one of the catalog. */
  readonly image: string;
  readonly format: "text" | "json";
}

/** `image-builder history`: prints every build of an image and version that is published. Gives the exit code. */
export async function history(settings: HistorySettings, surroundings: Surroundings): Promise<number> {
  const { root, repo, image, format } = settings;
  const catalog = root === undefined ? undefined : loadCatalog(root, repo);
  const { reference, named } = findPublishedImage(catalog, repo, image);
  const [, repository = "", version = ""] = /^(.*):(\d+(?:\.\d+)*)$/.exec(reference) ?? [];
  if (repository === "") throw new Refusal(noVersion(image));
  const registry = await openRegistry(surroundings);
  const builds = await readHistory(registry, repository, version);
  // Where neither the registry nor the catalog knows it, this says what may have been meant.
  if (builds.length === 0 && named === undefined && catalog !== undefined) findImage(catalog, image);
  const result: History = { formatVersion: 1, reference, builds };
  surroundings.out(format === "json" ? json(result) : historyTable(result, repo));
  return 0;
}

function noVersion(image: string): Problem {
  return {
    kind: "usage",
    message: `${image}: give a version, e.g. ${image.replace(/[:@].*$/, "")}:1.0`,
  };
}
