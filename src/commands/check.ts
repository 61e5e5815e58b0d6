import { prepareSteps } from "../building/prepare.ts";
import { makePlan } from "../planning/plan.ts";
import { loadCatalog } from "./preview.ts";
import type { Surroundings } from "./surroundings.ts";

/**
 * `image-builder check`: reads every definition, composes every release and lists what would go into each build.
 * Needs neither git nor an engine. Gives the exit code.
 */
export async function check({ root }: { readonly root: string }, { out }: Surroundings): Promise<number> {
  const catalog = loadCatalog(root);
  const changes = new Map([...catalog.science.keys()].map((directory) => [directory, []]));
  // No name of this plan is shown: it only stands for "everything", at no commit and in no repository.
  const build = { commit: "0".repeat(40), count: 0, stamp: "0-0000000", dirty: false };
  const everything = makePlan({ catalog, changes, repo: "localhost/check", ref: null, build });
  await prepareSteps(root, everything, catalog);
  const { science, compat } = catalog;
  const releases = everything.steps.filter(({ kind }) => kind === "compat");
  const counts = [
    count(science.size, "science layer"),
    count(compat.size, "compat layer"),
    count(releases.length, "release"),
  ];
  out(`${counts.join(", ")}: no problem found\n`);
  return 0;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
