import { createHash } from "node:crypto";
import { closeSync, constants, fstatSync, lstatSync, readSync } from "node:fs";
import { join, posix } from "node:path";
import { Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { pack } from "tar-stream";
import type { Header, Pack } from "tar-stream";
import type { IgnorePattern } from "../model.ts";
import { Refusal } from "../problem.ts";
import { LayerReader } from "./layer-reader.ts";
import { codeOf, layOver, listLayer } from "./listing.ts";
import type { LayerListing, Listed, Listing } from "./listing.ts";

type ListedFile = Extract<Listed, { kind: "file" }>;

/** A file as it was when the context was read. */
interface FileEntry extends ListedFile {
  /** In bytes. */
  readonly size: number;
  /** In milliseconds since the epoch. */
  readonly modified: number;
  /** When anything of it last changed, its times included; in milliseconds since the epoch. */
  readonly touched: number;
  readonly executable: boolean;
}

/** A file, directory or link of a context, or the place of its Dockerfile. */
type Entry =
  | Exclude<Listed, ListedFile>
  | FileEntry
  | { readonly kind: "dockerfile"; readonly path: "Dockerfile" };

/** What an engine gets to build from. */
export interface Context extends Pick<Listing, "overrides"> {
  /** In the order of the stream: by code point. */
  readonly entries: readonly Entry[];
  /**
   * The context as a tar, with this text as its Dockerfile: the same bytes for the same input anywhere. Files
   * are read while it flows, one at a time. It fails with a `Refusal`, and so never ends as a tar does, if a file
   * vanishes, changes, or has other contents than an earlier stream read. It can be destroyed at any time.
   * `without` is a path that is left out.
   */
  readonly stream: (dockerfile: string, without?: string) => Readable;
}

/** Gives the context of the directories of layers. Throws one `Refusal` with all that cannot be part of it. */
export type Contexts = (directories: readonly string[]) => Promise<Context>;

/**
 * Opens the contexts of a run, with the patterns that count `everywhere`. Each is listed once. The first stream that reads a
 * file settles its contents, and a later one that reads others fails: an engine gets what was digested.
 */
export function openContexts(root: string, everywhere: readonly IgnorePattern[] = []): Contexts {
  const contents = new Map<string, string>();
  const contexts = new Map<string, Promise<Context>>();
  return (directories) => {
    const key = directories.join("\n");
    const context = contexts.get(key) ?? readContext(root, directories, everywhere, contents);
    contexts.set(key, context);
    return context;
  };
}

/** Reads one context. `contents` are the digests of the files that were read, by their paths from the root. */
export async function readContext(
  root: string,
  directories: readonly string[],
  everywhere: readonly IgnorePattern[] = [],
  contents: Map<string, string> = new Map(),
): Promise<Context> {
  const layers: LayerListing[] = [];
  for (const directory of directories) layers.push(await listLayer(root, directory, everywhere));
  const { listed, overrides, problems } = layOver(layers);
  if (problems.length > 0) throw new Refusal(...problems);
  const found = [...listed.values()].map((entry) => (entry.kind === "file" ? measure(root, entry) : entry));
  const entries = sortByCodePoint([...found, { kind: "dockerfile", path: "Dockerfile" }]);
  return {
    overrides,
    entries,
    stream: (dockerfile, without) => {
      const streamed = entries.filter((entry) => entry.path !== without);
      const blocks = tarBlocks({ reader: new LayerReader(root), contents }, streamed, dockerfile);
      return Readable.from(blocks, { objectMode: false, highWaterMark: blockSize });
    },
  };
}

function measure(root: string, entry: ListedFile): FileEntry {
  try {
    const { size, mode, mtimeMs: modified, ctimeMs: touched } = lstatSync(join(root, place(entry)));
    return { ...entry, size, modified, touched, executable: (mode & constants.S_IXUSR) !== 0 };
  } catch (error) {
    throw unsteady(entry, error);
  }
}

function place(entry: Listed): string {
  return posix.join(entry.layer, entry.path);
}

/** The UTF-8 bytes of a path compare as its code points do; UTF-16, which strings compare by, does not. */
function sortByCodePoint(entries: readonly Entry[]): Entry[] {
  const keyed = entries.map((entry) => [Buffer.from(entry.path).toString("latin1"), entry] as const);
  return keyed.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
}

const blockSize = 512 * 1024;

// The first day that a zip archive can hold, in every time zone: Python refuses older files in its packages.
const mtime = new Date("1980-01-02T00:00:00Z");

/** How a stream reads files. */
interface Reading {
  readonly reader: LayerReader;
  readonly contents: Map<string, string>;
}

/** A tar in blocks that are worth a write of their own, and a turn for everybody else now and then. */
async function* tarBlocks(
  reading: Reading,
  entries: readonly Entry[],
  dockerfile: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const tar = pack();
  const filled = fill(tar, reading, entries, dockerfile).catch((error: Error) => tar.destroy(error));
  let small: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const piece of tar) {
      // The declarations of the library leave open what it yields.
      if (!Buffer.isBuffer(piece)) continue;
      // What is large already is not copied: that took a tenth of the time.
      const isLarge = piece.length >= blockSize / 2;
      if (!isLarge) {
        small.push(piece);
        size += piece.length;
      }
      if (!isLarge && size < blockSize) continue;
      yield Buffer.concat(small);
      small = [];
      size = 0;
      if (isLarge) yield piece;
      await setImmediate();
    }
    yield Buffer.concat(small);
  } finally {
    tar.destroy();
    await filled;
    reading.reader.close();
  }
}

async function fill(
  tar: Pack,
  reading: Reading,
  entries: readonly Entry[],
  dockerfile: string,
): Promise<void> {
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
        await add(tar, { name, type: "file", size, mode, mtime, ...large }, readPieces(reading, entry));
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
function* readPieces({ reader, contents }: Reading, entry: FileEntry): Generator<Buffer, void> {
  const hash = createHash("sha256");
  let descriptor: number | undefined;
  try {
    descriptor = reader.open(place(entry));
    let left = entry.size;
    while (left > 0) {
      const piece = Buffer.allocUnsafe(Math.min(left, blockSize));
      const length = readSync(descriptor, piece);
      if (length === 0) break;
      left -= length;
      hash.update(piece.subarray(0, length));
      yield piece.subarray(0, length);
    }
    const now = fstatSync(descriptor);
    const content = hash.digest("base64");
    const settled = contents.get(place(entry));
    // `touch` can restore the modification time of an edited file, but not its change time.
    const isOther = settled === undefined ? now.ctimeMs !== entry.touched : content !== settled;
    if (left > 0 || now.size !== entry.size || now.mtimeMs !== entry.modified || isOther)
      throw unsteady(entry);
    contents.set(place(entry), content);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw unsteady(entry, error);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** Says that a file has changed since the context was listed or, with an error, why it cannot be read any more. */
function unsteady(entry: Listed, error?: unknown): Refusal {
  const code = error === undefined ? "" : codeOf(error);
  // A link has taken the place of the file, or of a directory on the way to it.
  const isReplaced = code === "" || code === "ELOOP" || code === "ENOTDIR";
  const what = isReplaced ? "changed" : code === "ENOENT" ? "vanished" : `could not be read (${code})`;
  return new Refusal({
    kind: "surroundings",
    file: place(entry),
    message: `${what} while the layer was read`,
    hint: "build again when nothing writes to this directory",
  });
}
