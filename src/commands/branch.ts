import { configurationName, defaultRepo } from "../conventions.ts";
import { matchesBranch } from "../definitions/branch-patterns.ts";
import { readConfigurationAt } from "../definitions/configuration.ts";
import { readPastDefinition } from "../definitions/definition.ts";
import { commitsApart, readBranches } from "../git/branches.ts";
import type { Branch } from "../git/branches.ts";
import { readBranch } from "../git/checkout.ts";
import { definitionsAt } from "../git/past.ts";
import { Refusal } from "../problem.ts";
import { sameReference } from "../reference.ts";

/** The variables in which CI systems name the branch or tag, since they check out its commit. */
export const branchVariables = "GITHUB_REF, BRANCH_NAME, CI_COMMIT_BRANCH and CI_MERGE_REQUEST_IID";

/**
 * The branch that is built: the one that is checked out, or the branch or tag that a CI system names; undefined for none. A pull
 * request is `pr-12`, and a merge request of GitLab `mr-12`.
 */
export async function branchOf(root: string, environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  const { GITHUB_REF, BRANCH_NAME, CHANGE_ID, CI_COMMIT_BRANCH, CI_MERGE_REQUEST_IID } = environment;
  const pull = CHANGE_ID ?? /^refs\/pull\/(\d+)\/(?:merge|head)$/.exec(GITHUB_REF ?? "")?.[1];
  const named = [
    await readBranch(root),
    prefixed("pr-", pull),
    GITHUB_REF,
    BRANCH_NAME,
    CI_COMMIT_BRANCH,
    prefixed("mr-", CI_MERGE_REQUEST_IID),
  ];
  return named.find((name) => name !== undefined && name !== "")?.replace(/^refs\/(?:heads|tags)\//, "");
}

function prefixed(prefix: string, number: string | undefined): string | undefined {
  return number === undefined || number === "" ? undefined : `${prefix}${number}`;
}

/**
 * What other publishing branches make, each with such a branch: `solar 2.0` of a release, `sci/solar:2.0` of a science layer.
 * That of the branch that is built does not count, nor, where that one does not publish itself, that of the branch which it parted
 * from last, as it is to be merged there. Without `publishFrom` there is none.
 */
export async function madeElsewhere(
  root: string,
  environment: NodeJS.ProcessEnv,
): Promise<ReadonlyMap<string, string>> {
  const { publishFrom } = readConfigurationAt(root).values;
  const made = new Map<string, string>();
  if (publishFrom === undefined) return made;
  const here = (await branchOf(root, environment)) ?? "";
  const publishing = (await readBranches(root)).filter(({ name }) => matchesBranch(publishFrom, name));
  const goal = matchesBranch(publishFrom, here) ? new Set([here]) : await nearestBranches(root, publishing);
  for (const branch of publishing.filter(({ name }) => !goal.has(name)))
    for (const { path, text } of await definitionsAt(root, branch.ref)) {
      const layer = readPastDefinition(text, path);
      if (layer === undefined || layer.retired) continue;
      made.set(`${layer.image} ${layer.version}`, branch.name);
      made.set(`sci/${layer.target}:${layer.version}`, branch.name);
    }
  return made;
}

async function nearestBranches(root: string, branches: readonly Branch[]): Promise<ReadonlySet<string>> {
  const apart = await Promise.all(branches.map((branch) => commitsApart(root, branch)));
  const least = Math.min(...apart);
  return new Set(branches.flatMap(({ name }, index) => (apart[index] === least ? [name] : [])));
}

/** Refuses, as a mistake of the command line, to publish to a checkout's own repository from a branch that `publishFrom` lacks. */
export async function requirePublishingBranch(
  { root, repo }: { readonly root: string; readonly repo: string },
  environment: NodeJS.ProcessEnv,
): Promise<void> {
  const { values, lineOf } = readConfigurationAt(root);
  const { publishFrom, repo: own = defaultRepo } = values;
  if (publishFrom === undefined || !sameReference(repo, own)) return;
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
