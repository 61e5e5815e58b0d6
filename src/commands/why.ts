import { readIgnore } from "../composing/ignore.ts";
import type { Ignore } from "../composing/ignore.ts";
import { asCommit, commitsOfRef, newestCommits } from "../git/history.ts";
import type { Commit } from "../model.ts";
import { changedLayers } from "../planning/changes.ts";
import { whyLeft } from "../planning/stale.ts";
import { findBeginnings, findObstacles, madeOf } from "../planning/why.ts";
import { isRange } from "../ref.ts";
import { orphanLines } from "../report/plan.ts";
import { json } from "../report/text.ts";
import { obstacleText, whyText } from "../report/why.ts";
import type { Cause, Why } from "../why.ts";
import { preview } from "./preview.ts";
import type { PlanSettings, Preview } from "./preview.ts";
import { findImage, findImages, referenceOf, stepId } from "./select.ts";
import type { CatalogImage } from "./select.ts";
import type { Surroundings } from "./surroundings.ts";
import { tellIncomplete } from "./uncommitted.ts";

/** Of what a plan is explained and how, as the command line gives it. */
export interface WhySettings extends PlanSettings {
  /** `IMAGE[:VERSION]` or `sci/TARGET[:VERSION]`. */
  readonly image: string;
  readonly format: "text" | "json";
}

/** How far back the last change of an image is looked for, in commits. */
const mostCommits = 1000;

/** `image-builder why`: prints why a plan builds an image, or why it does not. Gives the exit code. */
export async function why(settings: WhySettings, surroundings: Surroundings): Promise<number> {
  const { root, format } = settings;
  const previewed = await preview({ ...settings, allowOrphans: true }, surroundings);
  const { catalog, plan } = previewed;
  tellIncomplete(previewed, surroundings);
  const unless = settings.allowOrphans ? "" : " Without --allow-orphans there is no plan.";
  for (const line of orphanLines(plan)) surroundings.progress(`${line}${unless}\n`);
  const image = findImage(catalog, settings.image);
  const id = stepId(image);
  const step = plan.steps.find((each) => each.id === id);
  const layers = madeOf(image, catalog);
  const found: Why = {
    formatVersion: 1,
    id,
    ref: plan.ref,
    builds: step?.tags.immutable ?? null,
    layers,
    ...(step === undefined
      ? {
          causes: [],
          obstacles: obstaclesOf(image, previewed, settings),
          lastChange: await lastChange(root, layers, previewed),
        }
      : { causes: await causesOf(id, root, previewed), obstacles: [], lastChange: null }),
  };
  surroundings.out(format === "json" ? json(found) : whyText(found));
  return 0;
}

/** Says of each image that a plan is limited to and does not have why that is. */
export function tellUnplanned(
  seen: Preview,
  settings: PlanSettings,
  { progress }: Pick<Surroundings, "progress">,
): void {
  const planned = new Set(seen.plan.steps.map(({ id }) => id));
  for (const name of settings.images) {
    const images = findImages(seen.catalog, [name]);
    if (images.some((image) => planned.has(stepId(image)))) continue;
    for (const image of images) {
      const [obstacle] = obstaclesOf(image, seen, settings);
      const reason = obstacle === undefined ? "" : `: ${obstacleText(obstacle, seen.plan.ref)}`;
      progress(`${stepId(image)} is not in the plan${reason}.\n`);
    }
  }
}

async function causesOf(
  id: string,
  root: string,
  { catalog, plan, checkout }: Preview,
): Promise<readonly Cause[]> {
  const commits = plan.ref === null ? [] : await commitsOfRef(root, plan.ref);
  const touching = new Map<string, Commit[]>();
  for (const commit of commits)
    for (const path of commit.paths) {
      const known = touching.get(path) ?? [];
      known.push(asCommit(commit));
      touching.set(path, known);
    }
  // A range is compared with a commit, not with the working tree.
  const edited = new Set(plan.ref !== null && isRange(plan.ref) ? checkout.untracked : checkout.uncommitted);
  return findBeginnings(id, plan, catalog).map(({ reason, chain }) => {
    const paths = "paths" in reason ? reason.paths : [];
    const files = paths.map((path) => ({
      path,
      commits: touching.get(path) ?? [],
      uncommitted: edited.has(path),
    }));
    return { reason: "paths" in reason ? { kind: "changed" } : reason, files, chain };
  });
}

function obstaclesOf(
  image: CatalogImage,
  previewed: Preview,
  { root, stale, repo }: PlanSettings,
): Why["obstacles"] {
  const { ignoreFiles } = previewed.catalog.conventions;
  // A change can keep thousands of files of a layer out: its .dockerignore is read once.
  const known = new Map<string, Ignore>();
  const keptOutBy = (directory: string, path: string) => {
    const ignore = known.get(directory) ?? readIgnore(root, directory, ignoreFiles);
    known.set(directory, ignore);
    return ignore.reason(path);
  };
  const reference = referenceOf(repo, image);
  const left = previewed.published && whyLeft(reference, previewed.published);
  return findObstacles(image, { ...previewed, ref: previewed.plan.ref, stale, keptOutBy, left });
}

async function lastChange(
  root: string,
  layers: readonly string[],
  { catalog, triggers }: Preview,
): Promise<Commit | null> {
  const commits = await newestCommits(root, layers, mostCommits);
  const last = commits.find(({ paths }) => changedLayers(catalog, paths, triggers).size > 0);
  return last === undefined ? null : asCommit(last);
}
