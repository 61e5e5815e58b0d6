import { accessSync, constants, readdirSync, readlinkSync } from "node:fs";
import type { Dirent } from "node:fs";
import { join, posix } from "node:path";
import { setImmediate } from "node:timers/promises";
import { definitionName } from "../conventions.ts";
import type { IgnorePattern } from "../model.ts";
import { Refusal } from "../problem.ts";
import type { Problem } from "../problem.ts";
import { readIgnore } from "./ignore.ts";
import type { Ignore } from "./ignore.ts";

/** A file, directory or link of a layer that goes into a context. */
export type Listed = {
  /** Where it lies in the context, `/` between its parts. */
  readonly path: string;
  /** The directory of the layer it comes from. */
  readonly layer: string;
} & (
  | { readonly kind: "directory" }
  | { readonly kind: "symlink"; readonly target: string }
  | { readonly kind: "file" }
);

/** The names in a layer that go into a context, and what keeps it from being one. */
export interface LayerListing {
  readonly listed: readonly Listed[];
  readonly problems: readonly Problem[];
}

/** The layers of a context laid over each other. */
export interface Listing {
  /** By their paths. */
  readonly listed: ReadonlyMap<string, Listed>;
  /** Each file that takes the place of one of the same path: of which layer, by which layer. */
  readonly overrides: readonly { readonly path: string; readonly by: string; readonly of: string }[];
  readonly problems: readonly Problem[];
}

/**
 * Lists what of a layer goes into a context: all but its Dockerfile and what its `.dockerignore`, after the patterns
 * that count `everywhere`, keeps out. It walks the names and opens no file but `.dockerignore`, so that a preview can
 * do it. The problems are sockets and devices, names that are not UTF-8, and what cannot be read.
 */
export async function listLayer(
  root: string,
  layer: string,
  everywhere: readonly IgnorePattern[] = [],
): Promise<LayerListing> {
  const listed: Listed[] = [];
  const problems: Problem[] = [];
  try {
    await walk({ root, layer, ignored: readIgnore(root, layer, everywhere), listed, problems }, "");
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    problems.push(...error.problems);
  }
  return { listed, problems };
}

/** Lists layers of a root, each once. */
export function openListings(
  root: string,
  everywhere: readonly IgnorePattern[],
): (layer: string) => Promise<LayerListing> {
  const listings = new Map<string, Promise<LayerListing>>();
  return (layer) => {
    const listing = listings.get(layer) ?? listLayer(root, layer, everywhere);
    listings.set(layer, listing);
    return listing;
  };
}

/**
 * Lays layers over each other, file by file, the later winning. A further problem is a directory that meets a file or
 * link of the same path.
 */
export function layOver(layers: readonly LayerListing[]): Listing {
  const laid = new Map<string, Listed>();
  const overrides: { path: string; by: string; of: string }[] = [];
  const problems = layers.flatMap((layer) => layer.problems);
  for (const entry of layers.flatMap(({ listed }) => listed)) {
    // It has been applied; an engine that reads it from the context would apply it to the other layers' files.
    if (entry.path === ".dockerignore" && layers.length > 1) continue;
    const under = laid.get(entry.path);
    if (under !== undefined && (under.kind === "directory") !== (entry.kind === "directory")) {
      problems.push(contradiction(entry, under));
      continue;
    }
    if (under !== undefined && entry.kind !== "directory" && entry.path !== definitionName) {
      overrides.push({ path: entry.path, by: entry.layer, of: under.layer });
    }
    laid.set(entry.path, entry);
  }
  return { listed: laid, overrides, problems };
}

function contradiction(over: Listed, under: Listed): Problem {
  const place = ({ layer, path }: Listed) => posix.join(layer, path);
  return {
    kind: "definition",
    file: place(over),
    message: `is a ${over.kind}, but ${place(under)}, which it is laid over, is a ${under.kind}`,
    hint: "rename one of them",
  };
}

interface Walk {
  readonly root: string;
  readonly layer: string;
  readonly ignored: Ignore;
  readonly listed: Listed[];
  readonly problems: Problem[];
}

/** Lists what lies below a path of a layer and says whether anything there is kept. */
async function walk(layer: Walk, below: string): Promise<boolean> {
  // One directory is quickly read; then it is everybody else's turn.
  await setImmediate();
  const entries =
    attempt(layer, below, () => readdirSync(join(layer.root, layer.layer, below), { withFileTypes: true })) ??
    [];
  let kept = false;
  for (const entry of entries) {
    const path = below === "" ? entry.name : `${below}/${entry.name}`;
    const ignored = layer.ignored(path);
    // The text of the composed Dockerfile takes its place.
    if (path === "Dockerfile" || (ignored && !layer.ignored.hasExceptions)) continue;
    if (entry.isDirectory()) {
      const index = layer.listed.push({ path, layer: layer.layer, kind: "directory" }) - 1;
      // An ignored directory is there all the same if a `!` line brings back a file below it.
      if ((await walk(layer, path)) || !ignored) kept = true;
      else layer.listed.splice(index, 1);
    } else if (!ignored) {
      list(layer, path, entry);
      kept = true;
    }
  }
  return kept;
}

/** Takes up what is no directory. */
function list(layer: Walk, path: string, entry: Dirent): void {
  const full = join(layer.root, layer.layer, path);
  const at = { path, layer: layer.layer };
  if (entry.isSymbolicLink()) {
    const target = attempt(layer, path, () => readlinkSync(full)) ?? "";
    if (target.includes(notUtf8)) refuse(layer, path, "links to a name that is not UTF-8", "rename that");
    else layer.listed.push({ ...at, kind: "symlink", target });
  } else if (entry.isFile()) {
    attempt(layer, path, () => accessSync(full, constants.R_OK));
    layer.listed.push({ ...at, kind: "file" });
  } else {
    const message = `is a ${kindOf(entry)}, which no context can hold`;
    refuse(layer, path, message, "remove it, or name it in .dockerignore");
  }
}

/** Node puts this where the bytes of a name are no UTF-8, and would not find the file again by that name. */
const notUtf8 = "\uFFFD";

function attempt<T>(layer: Walk, path: string, act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    const message = path.includes(notUtf8)
      ? "has a name that is not UTF-8"
      : `cannot be read (${codeOf(error)})`;
    refuse(layer, path, message, "mend that, or name it in .dockerignore");
    return undefined;
  }
}

function refuse({ layer, problems }: Walk, path: string, message: string, hint: string): void {
  problems.push({ kind: "definition", file: posix.join(layer, path), message, hint });
}

function kindOf(entry: Dirent): string {
  if (entry.isSocket()) return "socket";
  return entry.isFIFO() ? "fifo" : "device";
}

/** `ENOENT` and the like. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
