import {
  accessSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
} from "node:fs";
import type { Stats } from "node:fs";
import { join, posix } from "node:path";
import { Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { pack } from "tar-stream";
import type { Header, Pack } from "tar-stream";
import { definitionName } from "../conventions.ts";
import type { IgnorePattern } from "../model.ts";
import { Refusal } from "../problem.ts";
import type { Problem } from "../problem.ts";
import { readIgnore } from "./ignore.ts";
import type { Ignore } from "./ignore.ts";

/** A file, directory or link of a context, or the place of its Dockerfile. */
type Entry = {
  /** Where it lies in the context, `/` between its parts. */
  readonly path: string;
  /** The directory of the layer it comes from; for the Dockerfile, of the last. */
  readonly layer: string;
} & (
  | { readonly kind: "directory" }
  | { readonly kind: "symlink"; readonly target: string }
  | { readonly kind: "dockerfile" }
  | {
      readonly kind: "file";
      /** In bytes. */
      readonly size: number;
      /** In milliseconds since the epoch. */
      readonly modified: number;
      readonly executable: boolean;
    }
);

/** What an engine gets to build from. */
export interface Context {
  /** Each file that takes the place of one of the same path: of which layer, by which layer. */
  readonly overrides: readonly { readonly path: string; readonly by: string; readonly of: string }[];
  /** In the order of the stream: by code point. */
  readonly entries: readonly Entry[];
  /**
   * The context as a tar, with this text as its Dockerfile: the same bytes for the same input anywhere. Files
   * are read while it flows, one at a time; one that vanishes or changes fails the stream with a `Refusal`. It
   * can be destroyed at any time. `without` is a path that is left out.
   */
  readonly stream: (dockerfile: string, without?: string) => Readable;
}

/**
 * Lays the directories of layers over each other, file by file, the later winning; each layer's `.dockerignore`
 * counts for its own files, after the patterns that count `everywhere`. Throws one `Refusal` with all that cannot be part of a context: links that lead out
 * of their layer, sockets and devices, names that are not UTF-8, what cannot be read, and a directory that meets
 * a file or link of the same path.
 */
export async function readContext(
  root: string,
  directories: readonly string[],
  everywhere: readonly IgnorePattern[] = [],
): Promise<Context> {
  const problems: Problem[] = [];
  const overrides: { path: string; by: string; of: string }[] = [];
  const laid = new Map<string, Entry>();
  for (const directory of directories) {
    for (const entry of await readLayer(root, directory, everywhere, problems)) {
      // It has been applied; an engine that reads it from the context would apply it to the other layers' files.
      if (entry.path === ".dockerignore" && directories.length > 1) continue;
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
  }
  if (problems.length > 0) throw new Refusal(...problems);
  laid.set("Dockerfile", { path: "Dockerfile", layer: directories.at(-1) ?? "", kind: "dockerfile" });
  const entries = sortByCodePoint([...laid.values()]);
  const options = { objectMode: false, highWaterMark: blockSize };
  return {
    overrides,
    entries,
    stream: (dockerfile, without) => {
      const streamed = entries.filter((entry) => entry.path !== without);
      return Readable.from(tarBlocks(root, streamed, dockerfile), options);
    },
  };
}

function contradiction(over: Entry, under: Entry): Problem {
  return {
    kind: "definition",
    file: place(over),
    message: `is a ${over.kind}, but ${place(under)}, which it is laid over, is a ${under.kind}`,
    hint: "rename one of them",
  };
}

function place(entry: Entry): string {
  return posix.join(entry.layer, entry.path);
}

/** The UTF-8 bytes of a path compare as its code points do; UTF-16, which strings compare by, does not. */
function sortByCodePoint(entries: readonly Entry[]): Entry[] {
  const keyed = entries.map((entry) => [Buffer.from(entry.path).toString("latin1"), entry] as const);
  return keyed.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
}

async function readLayer(
  root: string,
  layer: string,
  everywhere: readonly IgnorePattern[],
  problems: Problem[],
): Promise<Entry[]> {
  const found: Entry[] = [];
  try {
    await walk({ root, layer, ignored: readIgnore(root, layer, everywhere), found, problems }, "");
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    problems.push(...error.problems);
  }
  const links = new Map(
    found.flatMap((entry) => (entry.kind === "symlink" ? [[entry.path, entry.target]] : [])),
  );
  for (const [path, target] of links) {
    if (!leadsOutside(path, target, links)) continue;
    problems.push({
      kind: "definition",
      file: posix.join(layer, path),
      message: `links to ${target}, which is outside ${layer}`,
      hint: "put a copy of the file here, make the link in a RUN instruction, or name it in .dockerignore",
    });
  }
  return found;
}

interface Walk {
  readonly root: string;
  readonly layer: string;
  readonly ignored: Ignore;
  readonly found: Entry[];
  readonly problems: Problem[];
}

/** Finds what lies below a path of a layer and says whether anything there is kept. */
async function walk(layer: Walk, below: string): Promise<boolean> {
  // One directory is quickly read; then it is everybody else's turn.
  await setImmediate();
  const names = attempt(layer, below, () => readdirSync(join(layer.root, layer.layer, below))) ?? [];
  let kept = false;
  for (const name of names) {
    const path = below === "" ? name : `${below}/${name}`;
    const ignored = layer.ignored(path);
    // The text of the composed Dockerfile takes its place.
    if (path === "Dockerfile" || (ignored && !layer.ignored.hasExceptions)) continue;
    const stats = attempt(layer, path, () => lstatSync(join(layer.root, layer.layer, path)));
    if (stats?.isDirectory() === true) {
      const index = layer.found.push({ path, layer: layer.layer, kind: "directory" }) - 1;
      // An ignored directory is there all the same if a `!` line brings back a file below it.
      if ((await walk(layer, path)) || !ignored) kept = true;
      else layer.found.splice(index, 1);
    } else if (stats !== undefined && !ignored) {
      find(layer, path, stats);
      kept = true;
    }
  }
  return kept;
}

/** Takes up what is no directory. */
function find(layer: Walk, path: string, stats: Stats): void {
  const full = join(layer.root, layer.layer, path);
  const at = { path, layer: layer.layer };
  if (stats.isSymbolicLink()) {
    const target = attempt(layer, path, () => readlinkSync(full)) ?? "";
    if (target.includes(notUtf8)) refuse(layer, path, "links to a name that is not UTF-8", "rename that");
    else layer.found.push({ ...at, kind: "symlink", target });
  } else if (stats.isFile()) {
    attempt(layer, path, () => accessSync(full, constants.R_OK));
    const executable = (stats.mode & constants.S_IXUSR) !== 0;
    layer.found.push({ ...at, kind: "file", size: stats.size, modified: stats.mtimeMs, executable });
  } else {
    refuse(
      layer,
      path,
      `is a ${kindOf(stats)}, which no context can hold`,
      "remove it, or name it in .dockerignore",
    );
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

function kindOf(stats: Stats): string {
  if (stats.isSocket()) return "socket";
  return stats.isFIFO() ? "fifo" : "device";
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}

/** Whether a link leads out of its layer, followed part by part as an operating system does. */
function leadsOutside(link: string, target: string, links: ReadonlyMap<string, string>): boolean {
  const at = link.split("/").slice(0, -1);
  // The parts still to go, the next one last.
  const ahead: string[] = [];
  let onward: string | undefined = target;
  // Linux gives up after 40 links as well; by then it has gone in a circle, inside.
  for (let followed = 0; followed < 40;) {
    if (onward !== undefined) {
      if (onward.startsWith("/")) return true;
      ahead.push(...onward.split("/").toReversed());
      followed += 1;
      onward = undefined;
    }
    const part = ahead.pop();
    if (part === undefined) return false;
    if (part === "" || part === ".") continue;
    if (part === "..") {
      if (at.pop() === undefined) return true;
      continue;
    }
    onward = links.get([...at, part].join("/"));
    if (onward === undefined) at.push(part);
  }
  return false;
}

const blockSize = 512 * 1024;

// The first day that a zip archive can hold, in every time zone: Python refuses older files in its packages.
const mtime = new Date("1980-01-02T00:00:00Z");

/** A tar in blocks that are worth a write of their own, and a turn for everybody else now and then. */
async function* tarBlocks(
  root: string,
  entries: readonly Entry[],
  dockerfile: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const tar = pack();
  const filled = fill(tar, root, entries, dockerfile).catch((error: Error) => tar.destroy(error));
  let small: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const piece of tar) {
      // The declarations of the library leave open what it yields.
      if (!Buffer.isBuffer(piece)) continue;
      small.push(piece);
      size += piece.length;
      if (size < blockSize) continue;
      yield Buffer.concat(small);
      small = [];
      size = 0;
      await setImmediate();
    }
    yield Buffer.concat(small);
  } finally {
    tar.destroy();
    await filled;
  }
}

async function fill(tar: Pack, root: string, entries: readonly Entry[], dockerfile: string): Promise<void> {
  for (const entry of entries) {
    switch (entry.kind) {
      case "directory":
        await add(tar, { name: `${entry.path}/`, type: "directory", mode: 0o755, mtime }, []);
        break;
      case "symlink": {
        const { path: name, target: linkname } = entry;
        await add(tar, { name, type: "symlink", linkname, mode: 0o777, mtime }, []);
        break;
      }
      case "dockerfile": {
        const bytes = Buffer.from(dockerfile);
        await add(tar, { name: entry.path, type: "file", size: bytes.length, mode: 0o644, mtime }, [bytes]);
        break;
      }
      case "file": {
        const { path: name, size } = entry;
        const mode = entry.executable ? 0o755 : 0o644;
        // The octal field of a header ends at 8 GiB; what is larger has its size in a PAX record.
        const large = size >= 8 * 1024 ** 3 ? { pax: { size } } : {};
        await add(tar, { name, type: "file", size, mode, mtime, ...large }, readPieces(root, entry));
        break;
      }
    }
  }
  tar.finalize();
}

/** Adds one entry; settles when the tar has taken it in, or was destroyed. */
function add(
  tar: Pack,
  header: Partial<Header> & { name: string },
  pieces: Iterable<Uint8Array>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const sink = tar.entry(header, (error) => (error ? reject(error) : resolve()));
    sink.on("error", reject);
    write(sink, pieces).catch(reject);
  });
}

async function write(sink: ReturnType<Pack["entry"]>, pieces: Iterable<Uint8Array>): Promise<void> {
  let proceed: (() => void) | undefined;
  sink.on("drain", () => proceed?.());
  sink.on("close", () => proceed?.());
  for (const piece of pieces) {
    if (sink.destroyed) return;
    const drained = new Promise<void>((resolve) => (proceed = resolve));
    if (!sink.write(piece)) await drained;
  }
  sink.end(undefined);
}

/**
 * The bytes of a file, which has to be what it was when the context was read. It is read without leaving this
 * thread: for small files that is many times faster, and no piece is large enough to be missed.
 */
function* readPieces(root: string, entry: Extract<Entry, { kind: "file" }>): Generator<Buffer, void> {
  let descriptor: number | undefined;
  try {
    // Whatever has taken the file's place since is neither followed nor waited for.
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    descriptor = openSync(join(root, place(entry)), flags);
    let left = entry.size;
    while (left > 0) {
      const piece = Buffer.allocUnsafe(Math.min(left, blockSize));
      const length = readSync(descriptor, piece);
      if (length === 0) break;
      left -= length;
      yield piece.subarray(0, length);
    }
    const now = fstatSync(descriptor);
    if (left > 0 || now.size !== entry.size || now.mtimeMs !== entry.modified)
      throw unsteady(entry, "changed");
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw unsteady(entry, codeOf(error) === "ENOENT" ? "vanished" : `could not be read (${codeOf(error)})`);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function unsteady(entry: Entry, what: string): Refusal {
  const message = `${what} while the context was sent to the engine`;
  return new Refusal({
    kind: "surroundings",
    file: place(entry),
    message,
    hint: "build again when nothing writes to this directory",
  });
}
