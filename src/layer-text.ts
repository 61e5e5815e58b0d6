import { isUtf8 } from "node:buffer";
import fs from "node:fs";
import path from "node:path";

/** How large (bytes) a text may be that is read whole: far more than anybody writes, and little enough to hold. */
const largestText = 4 * 1024 ** 2;

/** Says of a text file of this size (bytes) what is wrong with it; undefined where nothing is. */
export function tooLarge(size: number): { readonly message: string; readonly hint: string } | undefined {
  if (size <= largestText) return undefined;
  const megabytes = (size / 1024 ** 2).toFixed(1);
  return {
    message: `is too large: ${megabytes} MB, and at most ${largestText / 1024 ** 2} MB are read`,
    hint: "keep data in files of its own",
  };
}

/** Takes what is wrong with a file, which is named from the root on. */
export type Refuse = (file: string, message: string, hint: string, line?: number) => void;

/** Where a link leads; a broken one, or one that goes in a circle, is a problem. */
export function resolveLink(root: string, link: string, refuse: Refuse): string | undefined {
  const absolute = path.join(root, link);
  try {
    return fs.realpathSync(absolute);
  } catch (error) {
    const leads = `is a symbolic link to ${fs.readlinkSync(absolute)}`;
    const message = isMissing(error) ? `${leads}, which does not exist` : `${leads}: ${reasonOf(error)}`;
    refuse(link, message, "mend or remove it");
    return undefined;
  }
}

/** What an entry of a directory is: of `Stats` or of `Dirent`. */
interface Kind {
  isFile(): boolean;
  isDirectory(): boolean;
}

/**
 * Reads a text file of a layer; undefined where it cannot be, of which `refuse` is told. A link is followed only where it
 * stays inside the layer, and what is no regular file is not opened. `entry` is what stands there, links not followed.
 */
export function readLayerText(
  root: string,
  directory: string,
  name: string,
  entry: Kind & { isSymbolicLink(): boolean },
  refuse: Refuse,
): string | undefined {
  const file = `${directory}/${name}`;
  let absolute = path.join(root, directory, name);
  let kind: Kind = entry;
  if (entry.isSymbolicLink()) {
    const target = resolveLink(root, file, refuse);
    if (target === undefined) return undefined;
    if (!isWithin(fs.realpathSync(path.join(root, directory)), target)) {
      const where = isWithin(fs.realpathSync(root), target) ? "its layer" : "the checkout";
      refuse(
        file,
        `is a symbolic link out of ${where}`,
        "put the file itself there: what changes behind the link goes unseen",
      );
      return undefined;
    }
    absolute = target;
    kind = fs.statSync(target);
  }
  // Opening a pipe would wait for ever.
  if (!kind.isFile()) {
    refuse(
      file,
      kind.isDirectory() ? "is a directory, not a file" : "is not a regular file",
      "put a text file there",
    );
    return undefined;
  }
  try {
    const large = tooLarge(fs.statSync(absolute).size);
    if (large !== undefined) {
      refuse(file, large.message, large.hint);
      return undefined;
    }
    const text = fs.readFileSync(absolute, "utf8");
    // Node reads what is not UTF-8 as U+FFFD, and is much faster than reading bytes and checking all of them.
    const odd = text.indexOf("\uFFFD");
    if (odd < 0 || isUtf8(fs.readFileSync(absolute))) return text;
    const line = text.slice(0, odd).split("\n").length;
    refuse(file, "is not UTF-8", "save it as UTF-8", line);
  } catch (error) {
    refuse(file, `cannot be read: ${reasonOf(error)}`, "make it readable for the user who runs this");
  }
  return undefined;
}

/** Whether a path is a directory or lies below it, both absolute and without links. */
export function isWithin(directory: string, target: string): boolean {
  return (
    target === directory || target.startsWith(directory.endsWith(path.sep) ? directory : directory + path.sep)
  );
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

/** Why the system refused, in words: `permission denied`. */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return /^[A-Z0-9]+: ([^,]+)/.exec(message)?.[1] ?? message;
}
