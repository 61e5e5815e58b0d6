import type { Ancestry } from "../moves.ts";
import { fullName } from "./checkout.ts";
import { git } from "./git.ts";

/** Tells how commits, by their names or the beginnings of these, stand to the commit `built`; git is asked once for each. */
export function readAncestry(root: string, built: string): (commit: string) => Promise<Ancestry> {
  const known = new Map<string, Promise<Ancestry>>();
  return (commit) => {
    const answer = known.get(commit) ?? compare(root, built, commit);
    known.set(commit, answer);
    return answer;
  };
}

async function compare(root: string, built: string, commit: string): Promise<Ancestry> {
  const name = await fullName(root, commit);
  if (name === undefined) return { kind: "unknown" };
  const [leadsHere, comesAfter] = await Promise.all([leadsTo(root, name, built), leadsTo(root, built, name)]);
  if (leadsHere) return { kind: "older" };
  if (comesAfter) return { kind: "newer" };
  const log = await git(root, [
    "log",
    "--max-count=1",
    "--no-show-signature",
    "--encoding=UTF-8",
    "--format=%s",
    name,
  ]);
  return { kind: "diverged", subject: log.stdout.trim() };
}

async function leadsTo(root: string, older: string, newer: string): Promise<boolean> {
  return (await git(root, ["merge-base", "--is-ancestor", older, newer])).code === 0;
}
