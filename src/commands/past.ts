import type { Past } from "../building/survey.ts";
import { changesSinceCommit } from "../git/past.ts";
import type { Catalog } from "../model.ts";
import { changedLayers } from "../planning/changes.ts";
import { countTouches } from "../planning/status.ts";
import type { Since } from "../planning/verdict.ts";
import type { Triggers } from "./preview.ts";

/** Commits that git looks at side by side. */
const commitsAtOnce = 4;

/** Opens the history of a checkout; `uncommitted` are the paths that differ from `HEAD`. Git is asked once for each commit. */
export function openPast(
  root: string,
  catalog: Catalog,
  triggers: Triggers,
  uncommitted: readonly string[],
): Past {
  const known = new Map<string, Since | undefined>();
  const read = async (commit: string): Promise<Since | undefined> => {
    const found = await changesSinceCommit(root, commit);
    if (found === undefined) return undefined;
    const { commits, differing, leadsHere } = found;
    return {
      touches: countTouches(commits, catalog, triggers),
      differing: changedLayers(catalog, [...differing, ...uncommitted], triggers),
      leadsHere,
    };
  };
  return async (commits) => {
    const waiting = [...commits].filter((commit) => !known.has(commit));
    const work = async () => {
      for (let commit = waiting.pop(); commit !== undefined; commit = waiting.pop())
        known.set(commit, await read(commit));
    };
    await Promise.all(Array.from({ length: commitsAtOnce }, work));
    return known;
  };
}
