import { lstatSync } from "node:fs";
import type { Stats } from "node:fs";
import { join, posix } from "node:path";
import { configurationName, definitionName } from "../conventions.ts";
import { readLayerText, reasonOf } from "../layer-text.ts";
import type { IgnorePattern } from "../model.ts";
import { Refusal } from "../problem.ts";
import type { Problem } from "../problem.ts";
import { compilePattern } from "./pattern.ts";
import type { Matcher } from "./pattern.ts";

/** Says of a path (relative to its layer, `/` between its parts) whether it is kept out of the build context. */
export interface Ignore {
  (path: string): boolean;
  /** A `!` line can bring back what lies below an ignored directory. */
  readonly hasExceptions: boolean;
  /** The file and line of the pattern that keeps a path out, `science/a/.dockerignore:3`; undefined for one that is not. */
  readonly reason: (path: string) => string | undefined;
}

const controlFiles: ReadonlySet<string> = new Set(["Dockerfile", ".dockerignore", definitionName]);

/**
 * Reads the `.dockerignore` of a layer, with the meaning that Docker gives it ("Dockerfile reference",
 * .dockerignore file): the last line that matches a path, or a directory it lies in, decides. Without the file
 * nothing is ignored. `everywhere` are patterns of all layers; they come before its own, which can take them back. Throws
 * a `Refusal` that names each line which Docker would refuse as well, or says why the file cannot be read.
 */
export function readIgnore(
  root: string,
  directory: string,
  everywhere: readonly IgnorePattern[] = [],
): Ignore {
  const name = ".dockerignore";
  const file = posix.join(directory, name);
  const found = find(join(root, file), file);
  if (found === undefined && everywhere.length === 0) return ignoreNothing;
  const problems: Problem[] = [];
  const text =
    found === undefined
      ? ""
      : readLayerText(root, directory, name, found, (_, message, hint, line) => {
          problems.push({
            kind: "definition",
            rule: "unreadable-file",
            file,
            message,
            hint,
            ...(line === undefined ? {} : { line }),
          });
        });
  if (text === undefined) throw new Refusal(...problems);
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  const own = lines.map((line, index) => ({ text: line, line: index + 1, file }));
  return parseIgnore([...everywhere.map((each) => ({ ...each, file: configurationName })), ...own]);
}

/**
 * Reads which paths of a layer can change its image: all that `.dockerignore` lets into the context, and the
 * `Dockerfile`, `.dockerignore` and `sciserver-image.json` at its top, whatever it says of them.
 */
export function readTriggers(
  root: string,
  directory: string,
  everywhere: readonly IgnorePattern[] = [],
): (path: string) => boolean {
  const ignored = readIgnore(root, directory, everywhere);
  return (path) => controlFiles.has(path) || !ignored(path);
}

const ignoreNothing: Ignore = Object.assign(() => false, { hasExceptions: false, reason: () => undefined });

function find(path: string, file: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    const reason = reasonOf(error);
    if (reason === "not a directory") return undefined;
    const message = `cannot be read: ${reason}`;
    const hint = "make it readable for the user who runs this";
    throw new Refusal({ kind: "definition", rule: "unreadable-file", file, message, hint });
  }
}

function parseIgnore(patterns: readonly (IgnorePattern & { readonly file: string })[]): Ignore {
  const problems: Problem[] = [];
  const rules: { readonly place: string; readonly isException: boolean; readonly matches: Matcher }[] = [];
  for (const { text, line, file } of patterns) {
    const pattern = text.startsWith("#") ? "" : cleanPattern(text.trim());
    if (pattern === "") continue;
    const isException = pattern.startsWith("!");
    try {
      if (pattern === "!") throw new SyntaxError("a lone !");
      const matches = compilePattern(isException ? pattern.slice(1) : pattern);
      rules.push({ place: `${file}:${line}`, isException, matches });
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      const shown = pattern.length > 60 ? `${pattern.slice(0, 60)}…` : text.trim();
      const message = `Docker does not understand the pattern ${JSON.stringify(shown)}`;
      const hint =
        "close each [ with a ], end no line with a backslash and put none before a letter or digit, and let a name follow each !";
      problems.push({ kind: "definition", rule: "ignore-pattern", file, line, message, hint });
    }
  }
  if (problems.length > 0) throw new Refusal(...problems);
  // The last line that matches a path decides.
  const decides = (path: string) => {
    const rule = rules.findLast(({ matches }) => matches(path));
    return rule?.isException === true ? undefined : rule;
  };
  return Object.assign((path: string) => decides(path) !== undefined, {
    hasExceptions: rules.some(({ isException }) => isException),
    reason: (path: string) => decides(path)?.place,
  });
}

/** As Docker cleans a line: without its `!`, `foo//./bar/` is `foo/bar`, and `/` is nothing after a `!`. */
function cleanPattern(line: string): string {
  if (line === "") return "";
  const sign = line.startsWith("!") ? "!" : "";
  const pattern = line.slice(sign.length).trim();
  const clean = pattern === "" ? "" : posix.normalize(pattern).replace(/(?<=.)\/$/, "");
  return sign + (clean.startsWith("/") && (sign === "!" || clean.length > 1) ? clean.slice(1) : clean);
}
