import { lstatSync } from "node:fs";
import type { Stats } from "node:fs";
import { createRequire } from "node:module";
import { join, posix } from "node:path";
import type { Ignore as Rules } from "@balena/dockerignore";
import { configurationName, definitionName } from "../conventions.ts";
import { readLayerText, reasonOf } from "../layer-text.ts";
import type { IgnorePattern } from "../model.ts";
import { Refusal } from "../problem.ts";
import type { Problem } from "../problem.ts";

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
    throw new Refusal({ kind: "definition", file, message, hint: "let the user that runs this read it" });
  }
}

function parseIgnore(patterns: readonly (IgnorePattern & { readonly file: string })[]): Ignore {
  // Loaded only here, since most layers have no .dockerignore and a preview looks at every one of them.
  const dockerignore: (options: { ignorecase: boolean }) => Rules = createRequire(import.meta.url)(
    "@balena/dockerignore",
  );
  const rules = dockerignore({ ignorecase: false });
  const problems: Problem[] = [];
  const found: { readonly place: string; readonly rules: Rules }[] = [];
  let hasExceptions = false;
  for (const { text, line, file } of patterns) {
    const sign = text.trim().startsWith("!") ? "!" : "";
    const pattern = text.startsWith("#") ? "" : cleanPattern(text.trim().slice(sign.length).trim());
    try {
      if (sign === "!" && pattern === "" && !text.startsWith("#")) throw new SyntaxError("a lone !");
      const lines = expandPattern(pattern).map((expanded) => sign + expanded);
      // A pattern is compiled when it is first asked, and then it throws if it is wrong.
      const own = dockerignore({ ignorecase: false }).add(lines);
      own.ignores(below("probe"));
      found.push({ place: `${file}:${line}`, rules: own });
      rules.add(lines);
      hasExceptions ||= sign === "!";
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      const message = `Docker does not understand the pattern ${JSON.stringify(text.trim())}`;
      const hint = "close each [ with a ], end no line with a backslash, and let a name follow each !";
      problems.push({ kind: "definition", file, line, message, hint });
    }
  }
  if (problems.length > 0) throw new Refusal(...problems);
  const ignores = (path: string) => rules.ignores(below(path));
  // The last line that matches a path decides, so no exception comes after the one that keeps it out.
  const reason = (path: string) =>
    ignores(path) ? found.findLast((each) => each.rules.ignores(below(path)))?.place : undefined;
  return Object.assign(ignores, { hasExceptions, reason });
}

function cleanPattern(pattern: string): string {
  if (pattern === "") return "";
  const clean = posix.normalize(pattern).replace(/(?<=.)\/$/, "");
  return clean.length > 1 && clean.startsWith("/") ? clean.slice(1) : clean;
}

// What Go's path/filepath.Match accepts; Docker refuses a file with any other pattern.
const classItem = String.raw`(?:\\.|[^\\\]-])`;
const validPattern = new RegExp(
  String.raw`^(?:\\.|[^\\[]|\[\^?(?:${classItem}(?:-${classItem})?)+\])*$`,
  "su",
);

/** Writes a pattern so that the library takes it as Docker does, where the two differ. */
function expandPattern(pattern: string): string[] {
  if (pattern === "" || pattern === "." || pattern === "/" || /^\.\.(?:\/|$)/.test(pattern)) return [];
  if (!validPattern.test(pattern)) throw new SyntaxError(pattern);
  const expanded = pattern
    // Docker takes `**.pyc` for every path that ends so; the library would want a file of just that name.
    .replace(/^\*\*(?=[^/*?[\]\\][^*?[\]\\]*$)/, "**/*")
    // These mean nothing in a pattern, but the library hands them to its regular expression.
    .replaceAll(/\\.|[+(){}|]/gs, (found) => (found.length > 1 ? found : `\\${found}`));
  // The library looks for a directory that `a**b` matches at one depth only.
  const inside = pattern.includes("**") ? [below(`${expanded}/**`)] : [];
  return [below(expanded), ...inside];
}

/**
 * Every pattern and path is moved below one directory, for the library looks its answers up in an object: it
 * would find `constructor` there before it was ever asked.
 */
function below(path: string): string {
  return `layer/${path}`;
}
