import fs from "node:fs";
import path from "node:path";
import { Refusal } from "../problem.ts";
import { git, unexpected } from "./git.ts";

/** The top of the git repository that a directory is in, which need not exist yet; undefined where there is none. */
export async function findRepository(directory: string): Promise<string | undefined> {
  let existing = directory;
  while (!fs.existsSync(existing)) existing = path.dirname(existing);
  const answer = await git(existing, ["rev-parse", "--show-toplevel"]);
  if (answer.code === 0) return answer.stdout.replace(/\n$/, "");
  if (answer.stderr.includes("not a git repository")) return undefined;
  throw new Refusal(unexpected(answer));
}

/** Makes a directory the top of a git repository, on a branch that has no commit yet. */
export async function initRepository(directory: string, branch: string): Promise<void> {
  const answer = await git(directory, ["init", "--quiet", `--initial-branch=${branch}`]);
  if (answer.code !== 0) throw new Refusal(unexpected(answer));
}
