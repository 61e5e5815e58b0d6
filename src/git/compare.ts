import { existsSync, lstatSync } from "node:fs";
import type { Stats } from "node:fs";
import { join } from "node:path";
import type { Deviation, Uncommitted } from "../model.ts";
import { isPointer } from "./pointer.ts";
import type { Suspect } from "./suspects.ts";
import { askWorkingTree, readBlobs, readWorkingTree } from "./working-tree.ts";
import type { Blob, WorkingTree } from "./working-tree.ts";

/**
 * What becomes of a path: it goes into an image that is `built`; it is in no layer of the catalog, and so may be one that is `lost`;
 * otherwise undefined.
 */
export type Fate = (path: string) => "built" | "lost" | undefined;

/**
 * The files of a working tree that are not what the commit holds, of those that are built; and what is absent, of those that are lost,
 * too. git is believed where it looks itself. A file that it may have converted has another size than its blob, and only what it was told
 * not to look at is read.
 */
export async function compareWithCommit(
  root: string,
  { uncommitted, strange, hidden, listing }: WorkingTree,
  fate: Fate,
): Promise<readonly Uncommitted[]> {
  const told = new Set(uncommitted.map(({ path }) => path));
  const found = uncommitted.flatMap(({ path, how }): readonly Uncommitted[] =>
    how !== "inside" && fate(path) === "built" ? [{ path, how }] : [],
  );
  // A directory is in the image also where it is empty, or no file of it is.
  for (const path of strange)
    if (!told.has(path) && fate(path) === "built") found.push({ path, how: "untracked" });
  const suspects: Suspect[] = [];
  for (const blob of readBlobs(listing)) {
    const { path, mode } = blob;
    const becomes = fate(path);
    if (becomes === undefined) continue;
    if (mode === "160000") found.push(...(await compareSubmodule(root, path, fate)));
    if (mode === "160000" || told.has(path)) continue;
    const stats = lstatSync(join(root, path), { throwIfNoEntry: false });
    const how = stats === undefined ? missing(hidden.get(path)) : judge(root, blob, stats, hidden);
    if (how === undefined || (becomes === "lost" && how !== "absent")) continue;
    if (stats !== undefined && (how === "hidden" || how === "converted")) suspects.push({ blob, stats, how });
    else found.push({ path, how });
  }
  if (suspects.length === 0) return found;
  const { convict } = await import("./suspects.ts");
  return [...found, ...(await convict(root, suspects))];
}

async function compareSubmodule(root: string, path: string, fate: Fate): Promise<readonly Uncommitted[]> {
  const inside = join(root, path);
  if (!existsSync(join(inside, ".git"))) return [{ path, how: "submodule" }];
  const tree = readWorkingTree(await askWorkingTree(inside, []), "");
  const found = await compareWithCommit(inside, tree, (below) => fate(`${path}/${below}`));
  return found.map(({ path: below, how }) => ({ path: `${path}/${below}`, how }));
}

/** Of a file that is not there and of which git says nothing. */
function missing(maySkip: boolean | undefined): Deviation | undefined {
  if (maySkip === undefined) return undefined;
  return maySkip ? "absent" : "hidden";
}

/** What a file may be, or is, of which git says nothing. */
function judge(
  root: string,
  { path, mode, size }: Blob,
  stats: Stats,
  hidden: ReadonlyMap<string, boolean>,
): Deviation | undefined {
  if (hidden.has(path)) return "hidden";
  // The size of a link depends on the file system, and git converts none.
  if (mode === "120000" || !stats.isFile()) return undefined;
  if (stats.size !== size) return "converted";
  return isPointer(join(root, path), size) ? "pointer" : undefined;
}
