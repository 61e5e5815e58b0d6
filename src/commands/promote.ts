import type { Catalog, ScienceLayer } from "../model.ts";
import type { Promotion } from "../moves.ts";
import { tagProblem } from "../planning/names.ts";
import { describeProblem, exitCodeOf, Refusal } from "../problem.ts";
import type { Problem } from "../problem.ts";
import { promotionTable } from "../report/promote.ts";
import { json } from "../report/text.ts";
import { compareVersions } from "../version.ts";
import { loadCatalog } from "./preview.ts";
import { findRelease } from "./select.ts";
import type { Surroundings } from "./surroundings.ts";

/** What is promoted, as the command line gives it. */
export interface PromoteSettings {
  readonly root: string;
  readonly repo: string;
  /** `IMAGE` or `IMAGE:VERSION` each; empty for every release that is not retired. */
  readonly images: readonly string[];
  readonly from: string | undefined;
  readonly to: readonly string[];
  readonly dryrun: boolean;
  readonly format: "text" | "json";
}

/** `image-builder promote`: gives the images of one name further names, in the registry. Gives the exit code. */
export async function promote(settings: PromoteSettings, surroundings: Surroundings): Promise<number> {
  const { root, repo, from, dryrun, format } = settings;
  const { log, out, signal } = surroundings;
  const to = [...new Set(settings.to)];
  checkNames(from, to);
  const catalog = loadCatalog(root, repo);
  const releases = selectReleases(catalog, settings.images);
  const [{ carryOutPromotion, planPromotion, previewPromotion }, { openRegistry }] = await Promise.all([
    import("../building/promote.ts"),
    import("./registry.ts"),
  ]);
  const registry = await openRegistry(surroundings, dryrun ? {} : { writesTo: repo });
  const promoted = await planPromotion({ catalog, repo, releases, from, to }, registry);
  const { tags, problems } = dryrun
    ? { tags: previewPromotion(promoted), problems: [] }
    : await carryOutPromotion(promoted, registry, signal);
  const promotion: Promotion = { formatVersion: 1, repo, from: from ?? null, to, dryrun, tags };
  for (const problem of problems) log.error(describeProblem(problem));
  out(format === "json" ? json(promotion) : promotionTable(promotion));
  return exitCodeOf(problems);
}

function checkNames(from: string | undefined, to: readonly string[]): void {
  const names = from === undefined ? to : [from, ...to];
  const problems: Problem[] = names.flatMap((name) => tagProblem(name) ?? []);
  if (from !== undefined && to.includes(from)) {
    problems.push({
      kind: "usage",
      message: `--from ${from} and --to ${from} are the same`,
      hint: "without --from the rolling tags are promoted",
    });
  }
  if (problems.length > 0) throw new Refusal(...problems);
}

/** The final layers of the releases that are named, each once, by image and version. Refuses with all unknown names. */
function selectReleases(catalog: Catalog, names: readonly string[]): readonly ScienceLayer[] {
  const finals = [...catalog.science.values()].filter(({ directory }) => catalog.finals.has(directory));
  const selected = new Set(names.length === 0 ? finals.filter(({ retired }) => !retired) : []);
  const problems: Problem[] = [];
  for (const name of names) {
    const versions = finals.filter(({ image, retired }) => image === name.replace(/^rel\//, "") && !retired);
    try {
      // With its version, or of an image that has none left: one release, or the refusal that says what was meant.
      for (const final of versions.length > 0 ? versions : [findRelease(catalog, name)]) selected.add(final);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      problems.push(...error.problems);
    }
  }
  if (problems.length > 0) throw new Refusal(...problems);
  return [...selected].sort(
    (a, b) => (a.image < b.image ? -1 : Number(a.image > b.image)) || compareVersions(a.version, b.version),
  );
}
