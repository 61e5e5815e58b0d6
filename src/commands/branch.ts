import { configurationName, defaultRepo } from "../conventions.ts";
import { matchesBranch } from "../definitions/branch-patterns.ts";
import { readConfigurationAt } from "../definitions/configuration.ts";
import { readBranch } from "../git/checkout.ts";
import { Refusal } from "../problem.ts";

/** The variables in which CI systems name the branch or tag, since they check out its commit. */
export const branchVariables = "GITHUB_REF, BRANCH_NAME and CI_COMMIT_BRANCH";

/** The branch that is built: the one that is checked out, or the branch or tag that a CI system names; undefined for none. */
export async function branchOf(root: string, environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  const { GITHUB_REF, BRANCH_NAME, CI_COMMIT_BRANCH } = environment;
  const named = [await readBranch(root), GITHUB_REF, BRANCH_NAME, CI_COMMIT_BRANCH];
  return named.find((name) => name !== undefined && name !== "")?.replace(/^refs\/(?:heads|tags)\//, "");
}

/** Refuses, as a mistake of the command line, to publish to a checkout's own repository from a branch that `publishFrom` lacks. */
export async function requirePublishingBranch(
  { root, repo }: { readonly root: string; readonly repo: string },
  environment: NodeJS.ProcessEnv,
): Promise<void> {
  const { values, lineOf } = readConfigurationAt(root);
  const { publishFrom, repo: own = defaultRepo } = values;
  if (publishFrom === undefined || repo !== own) return;
  const branch = await branchOf(root, environment);
  if (branch !== undefined && matchesBranch(publishFrom, branch)) return;
  const elsewhere = "--repo HOST/me/test publishes to a repository of your own";
  throw new Refusal({
    kind: "usage",
    file: configurationName,
    line: lineOf("publishFrom"),
    message: `${branch === undefined ? "a commit that is on no branch" : `branch ${branch}`} does not publish to ${repo}: "publishFrom" is ${publishFrom.join(", ")}`,
    hint:
      branch === undefined
        ? `git switch BRANCH, or name it in one of ${branchVariables}; ${elsewhere}`
        : `${elsewhere}; or add the branch there`,
  });
}
