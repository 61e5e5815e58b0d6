import { configurationName } from "../conventions.ts";
import { readCheckout } from "../git/checkout.ts";
import type { Checkout } from "../git/checkout.ts";
import { compareWithCommit } from "../git/compare.ts";
import type { Catalog, Deviation, Uncommitted } from "../model.ts";
import { layerDirectories, layerOf } from "../planning/changes.ts";
import { builtDirectories } from "../planning/plan.ts";
import { describeProblem, Refusal } from "../problem.ts";
import type { Problem } from "../problem.ts";
import { paths, uncommittedText } from "../report/plan.ts";
import type { Preview } from "./preview.ts";
import type { Surroundings } from "./surroundings.ts";

/** What of a checkout is not as its commit holds it. */
interface Deviations {
  /** The files that decide what is built, by path. */
  readonly uncommitted: readonly Uncommitted[];
  /** What is not there, each with the command that brings it. */
  readonly incomplete: readonly Problem[];
}

/** Compares what goes into the layers that are built, given by their directories, with the commit. */
export async function findDeviations(
  root: string,
  catalog: Catalog,
  { tree }: Checkout,
  built: ReadonlySet<string>,
  triggers: (directory: string, path: string) => boolean,
): Promise<Deviations> {
  const directories = layerDirectories(catalog);
  const compared = await compareWithCommit(root, tree, (path) => {
    if (path === configurationName) return "built";
    const directory = layerOf(path, directories);
    if (directory === undefined) return "lost";
    return built.has(directory) ? "built" : undefined;
  });
  // Few files differ, and only for these a .dockerignore is read.
  const counting = compared.filter(({ path }) => {
    const directory = layerOf(path, directories);
    const inside = path.slice((directory?.length ?? 0) + 1).replace(/\/$/, "");
    return directory === undefined || path === directory || triggers(directory, inside);
  });
  // The files in a directory say more.
  const found = counting.filter(
    ({ path }) =>
      !path.endsWith("/") || !counting.some((other) => other.path !== path && other.path.startsWith(path)),
  );
  const uncommitted: Uncommitted[] = [];
  for (const each of found) {
    const decides =
      each.path === configurationName
        ? each.how === "hidden" || (await configures(root, catalog, built))
        : layerOf(each.path, directories) !== undefined;
    if (decides && built.size > 0) uncommitted.push(each);
  }
  return {
    uncommitted: uncommitted.sort((a, b) => (a.path < b.path ? -1 : 1)),
    incomplete: incompleteProblems(found),
  };
}

/**
 * Refuses where the commit or the files that are built are no longer those that the plan was made of: images would carry the
 * stamp of a commit that their files are not of. Files that were uncommitted already may change on.
 */
export async function requireSteady({ catalog, plan, triggers }: Preview, root: string): Promise<void> {
  const { commit, dirty } = plan.build;
  const checkout = await readCheckout(root, null);
  const built = builtDirectories(plan, catalog);
  const { uncommitted } = await findDeviations(root, catalog, checkout, built, triggers);
  const isMoved = checkout.commit !== commit;
  if (!isMoved && (dirty || uncommitted.length === 0)) return;
  const what = isMoved ? `${checkout.commit.slice(0, 7)} is checked out` : uncommittedText(uncommitted);
  throw new Refusal({
    kind: "surroundings",
    message: `the checkout changed after the plan was made: ${what}`,
    hint: "build again, in a checkout that nothing else works in",
  });
}

/** Whether `image-builder.json5` makes something that is built other than the commit's does. */
async function configures(root: string, catalog: Catalog, built: ReadonlySet<string>): Promise<boolean> {
  const { changedByConventions } = await import("./conventions.ts");
  return [...(await changedByConventions(root, "HEAD", catalog)).keys()].some((layer) => built.has(layer));
}

/** What can be missing from a checkout, and the command that brings it. */
const missing: readonly (readonly [how: Deviation, what: string, command: string])[] = [
  ["pointer", "Git LFS pointers in place of the data", "git lfs pull"],
  ["submodule", "submodules that are not initialised", "git submodule update --init --recursive"],
  ["absent", "files that a sparse checkout leaves out", "git sparse-checkout disable"],
];

function incompleteProblems(found: readonly Uncommitted[]): readonly Problem[] {
  return missing.flatMap(([kind, what, hint]): readonly Problem[] => {
    const those = found.flatMap(({ path, how }) => (how === kind ? path : []));
    const message = `this checkout has ${what}: ${paths(those)}`;
    return those.length === 0 ? [] : [{ kind: "surroundings", message, hint }];
  });
}

/** Says what is missing, and what brings it. */
export function tellIncomplete(
  { incomplete }: Pick<Preview, "incomplete">,
  { progress }: Pick<Surroundings, "progress">,
): void {
  for (const problem of incomplete) progress(`${describeProblem(problem)}\n`);
}

/** Refuses to push what is not committed, unless it may be, and where something is missing even then. */
export function refuseUncommitted(
  { plan: { uncommitted = [] }, incomplete }: Pick<Preview, "plan" | "incomplete">,
  { allowDirty }: { readonly allowDirty: boolean },
): void {
  const isMissing = new Set(missing.map(([how]) => how));
  const others = allowDirty ? [] : uncommitted.filter(({ how }) => !isMissing.has(how));
  const problems = others.length === 0 ? incomplete : [...incomplete, uncommittedProblem(others)];
  if (problems.length > 0) throw new Refusal(...problems);
}

function uncommittedProblem(those: readonly Uncommitted[]): Problem {
  const further = [...new Set(those.flatMap(({ how }) => remedyOf.get(how) ?? []))];
  return {
    kind: "surroundings",
    message: `uncommitted files would be pushed: ${uncommittedText(those)}`,
    hint: [
      "commit it, keep it out with .dockerignore, or use --allow-dirty (pushes tags that end in -dirty; rolling tags stay)",
      ...further,
    ].join("; "),
  };
}

/** What else to do about a file of which `git status` says nothing. */
const remedyOf: ReadonlyMap<Deviation, string> = new Map([
  ["mode", "git config core.fileMode true lets git status show a mode"],
  ["hidden", "git update-index --no-assume-unchanged FILE, or --no-skip-worktree FILE, shows what is hidden"],
  [
    "converted",
    "git config core.autocrlf false, then rm FILE and git checkout -- FILE, bring back what was converted",
  ],
]);
