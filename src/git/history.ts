import { Refusal } from "../problem.ts";
import { fullName, git, leadsToHead, split, unexpected } from "./checkout.ts";

/** What has happened below some directories since a commit. */
export interface Since {
  /** How many commits that lead to `HEAD`, and not to the commit, touch them. */
  readonly commits: number;
  /** The paths in which the working tree differs from the commit, relative to the root, both ends of a rename. */
  readonly paths: readonly string[];
  /** Whether the commit leads to `HEAD`, or is it; otherwise it is of another branch, or newer. */
  readonly leadsHere: boolean;
}

/**
 * What has happened below some directories (relative to the root) since a commit, given by its name or the beginning
 * of it. Undefined where this clone does not have the commit.
 */
export async function changesSince(
  root: string,
  commit: string,
  directories: readonly string[],
): Promise<Since | undefined> {
  const name = await fullName(root, commit);
  if (name === undefined) return undefined;
  const places = ["--", ...directories];
  const [count, diff, leadsHere] = await Promise.all([
    git(root, ["rev-list", "--count", `${name}..HEAD`, ...places]),
    git(root, [
      "diff",
      "--name-only",
      "-z",
      "--no-renames",
      "--no-ext-diff",
      "--relative",
      "--ignore-submodules=none",
      name,
      ...places,
    ]),
    leadsToHead(root, name),
  ]);
  const failed = [count, diff].find(({ code }) => code !== 0);
  if (failed !== undefined) throw new Refusal(unexpected(failed));
  return { commits: Number(count.stdout), paths: split(diff.stdout), leadsHere };
}
