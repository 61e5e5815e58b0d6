import { git } from "./git.ts";

/** A branch of this clone, local or as a remote had it when it was last fetched. */
export interface Branch {
  /** Without the remote: `2026.1`. */
  readonly name: string;
  /** In full: `refs/remotes/origin/2026.1`. */
  readonly ref: string;
}

/** Every branch of a clone. */
export async function readBranches(root: string): Promise<readonly Branch[]> {
  const refs = await git(root, ["for-each-ref", "--format=%(refname)", "refs/heads", "refs/remotes"]);
  return refs.stdout.split("\n").flatMap((ref) => {
    const name = /^refs\/(?:heads|remotes\/[^/]+)\/(.+)$/.exec(ref)?.[1];
    return name === undefined || name === "HEAD" ? [] : [{ name, ref }];
  });
}

/** How many commits lead to `HEAD` and not to a branch: the fewer, the later did they part. */
export async function commitsApart(root: string, { ref }: Branch): Promise<number> {
  return Number((await git(root, ["rev-list", "--count", `${ref}..HEAD`, "--"])).stdout);
}
