import JSON5 from "json5";
import { nearest } from "../nearest.ts";
import type { Problem } from "../problem.ts";
import type { Rule } from "../rules.ts";
import { isPathComponent } from "../reference.ts";
import { isVersion } from "../version.ts";

/** What the definition of a science layer says, with the defaults filled in. */
export interface ScienceDefinition {
  readonly image: string;
  readonly version: string;
  readonly target: string;
  readonly compat: string;
  readonly retired: boolean;
}

/** What the definition of a compat layer says, with the defaults filled in. */
export interface CompatDefinition {
  readonly includes: readonly string[];
}

/** A definition as far as it could be read: whole where there are no problems. */
export interface DefinitionReading<Definition> {
  readonly values: Partial<Definition>;
  readonly problems: readonly Problem[];
  /** The line that a key stands on; where it is not given, the line that the definition begins on. */
  readonly lineOf: (key: string) => number;
}

/** Reads the definition of a science layer. `directoryName` is what `target` defaults to; `file` is for the problems. */
export function readScienceDefinition(
  text: string,
  file: string,
  directoryName: string,
): DefinitionReading<ScienceDefinition> {
  const source = readObject(text, file, ["image", "version", "target", "compat", "retired"]);
  const { object, report } = source;
  if (object === undefined) return { values: {}, problems: source.problems, lineOf: source.lineOf };

  const values: { -readonly [Key in keyof ScienceDefinition]?: ScienceDefinition[Key] } = {};
  const image = readString(source, "image", `add it: "image": "${directoryName}"`);
  if (image !== undefined && checkComponent(source, "image", image)) values.image = image;

  const version = "version" in object ? readVersion(source) : "1.0";
  if (version !== undefined) values.version = version;

  if ("target" in object) {
    const target = readString(source, "target", "");
    if (target !== undefined && checkComponent(source, "target", target)) values.target = target;
  } else if (isPathComponent(directoryName)) values.target = directoryName;
  else {
    const hint = `add a "target", or rename the directory: ${componentRule(directoryName)}`;
    report("target", `the directory's name "${directoryName}" cannot be the target`, hint);
  }

  const compat = readString(
    source,
    "compat",
    `name the layer below compat/ that makes a release of it, e.g. "jupyter"`,
  );
  if (compat === "") report("compat", `"compat" is empty`, "name a layer below compat/");
  else if (compat !== undefined) values.compat = compat;

  const retired = "retired" in object ? object["retired"] : false;
  if (typeof retired === "boolean") values.retired = retired;
  else
    report(
      "retired",
      `"retired" must be true or false, not ${kindOf(retired)}`,
      'write it without quotes: "retired": true',
    );
  return { values, problems: source.problems, lineOf: source.lineOf };
}

/** What the definition of a science layer at another commit said; undefined where it was wrong, and so made nothing. */
export function readPastDefinition(
  text: string,
  file: string,
): (ScienceDefinition & { readonly directory: string }) | undefined {
  const directory = file.slice(0, file.lastIndexOf("/"));
  const name = directory.slice(directory.lastIndexOf("/") + 1);
  const { values, problems } = readScienceDefinition(text, file, name);
  const { image, version, target, compat, retired } = values;
  if (problems.length > 0 || image === undefined || version === undefined) return undefined;
  if (target === undefined || compat === undefined || retired === undefined) return undefined;
  return { directory, image, version, target, compat, retired };
}

/** Reads the definition of a compat layer. `file` is for the problems. */
export function readCompatDefinition(text: string, file: string): DefinitionReading<CompatDefinition> {
  const { object, problems, lineOf, report } = readObject(text, file, ["includes"]);
  if (object === undefined) return { values: {}, problems, lineOf };
  const includes: unknown = object["includes"] ?? [];
  const hint = 'list names of compat layers in quotes: "includes": ["one", "another"]';
  if (object["includes"] === null || !Array.isArray(includes)) {
    report("includes", `"includes" must be a list of names, not ${kindOf(object["includes"])}`, hint);
    return { values: {}, problems, lineOf };
  }
  const names: string[] = [];
  for (const name of includes as readonly unknown[]) {
    if (typeof name === "string" && name !== "") names.push(name);
    else report("includes", `"includes" holds ${name === "" ? "an empty name" : kindOf(name)}`, hint);
  }
  return { values: { includes: names }, problems, lineOf };
}

/** An object of a JSON5 file, and where its keys stand. */
export interface Source {
  /** Undefined where the text is no object. */
  readonly object: Readonly<Record<string, unknown>> | undefined;
  readonly problems: readonly Problem[];
  readonly lineOf: (key: string) => number;
  /** The value of a key as it is written; undefined for a list or an object. */
  readonly writtenAs: (key: string) => string | undefined;
  /** The lines on which the items of a list of plain values stand. */
  readonly linesIn: (key: string) => readonly number[];
  /** Takes what is wrong with the value of a key, or of another rule. */
  readonly report: (key: string, message: string, hint: string, rule?: Rule) => void;
}

/** Reads an object with known keys from JSON5, and reports what is no such object. `noun` is what the file is. */
export function readObject(
  text: string,
  file: string,
  known: readonly string[],
  noun = "a definition",
): Source {
  const problems: Problem[] = [];
  const masked = maskComments(text);
  const opening = Math.max(masked.search(/\S/), 0);
  const places = new Map<string, Place>();
  const lineAt = lineCounter(text);
  const lineOf = (key: string) => lineAt(places.get(key)?.offset ?? opening);
  const writtenAs = (key: string) => places.get(key)?.value;
  const report: Source["report"] = (key, message, hint, rule = "invalid-value") => {
    problems.push({ kind: "definition", rule, file, line: lineOf(key), message, hint });
  };
  const linesIn = (key: string) => itemsAt(masked, places.get(key)?.offset ?? opening).map(lineAt);
  const refused = { object: undefined, problems, lineOf, writtenAs, linesIn, report };

  if (text.startsWith("\uFEFF")) {
    report("", "begins with a byte order mark", "save it as UTF-8 without one", "invalid-syntax");
    return refused;
  }
  if (masked.trim() === "") {
    report("", "is empty", `${noun} is an object: { … }`, "invalid-syntax");
    return refused;
  }
  const { value, problem } = parse(masked, file);
  if (problem !== undefined) {
    problems.push(problem);
    return refused;
  }
  if (!isObject(value)) {
    const message = `${noun} must be an object, not ${kindOf(value)}`;
    report("", message, "put its keys in braces: { … }", "invalid-syntax");
    return refused;
  }
  for (const place of keysOf(masked)) {
    const first = places.get(place.key);
    if (first === undefined) places.set(place.key, place);
    else {
      const hint = `keep one of them; the other is on line ${lineAt(first.offset)}`;
      const line = lineAt(place.offset);
      const message = `"${place.key}" is given twice`;
      problems.push({ kind: "definition", rule: "duplicate-key", file, line, message, hint });
    }
  }
  for (const key of Object.keys(value)) {
    if (known.includes(key) || key === "$schema") continue;
    const shown = key.length > 60 ? `${key.slice(0, 60)}…` : key;
    report(key, `unknown key "${shown}"`, hintForKey(shown, known), "unknown-key");
  }
  // It tells editors which keys there are, and nobody else anything.
  if ("$schema" in value && typeof value["$schema"] !== "string")
    report("$schema", `"$schema" must be a string, not ${kindOf(value["$schema"])}`, "write it in quotes");
  return { object: value, problems, lineOf, writtenAs, linesIn, report };
}

/** What people write for those who read the file. */
const remark = /^(?:\/\/|#|[$_]?comments?|descriptions?|notes?|title|summary|authors?|maintainers?)$/i;

function hintForKey(key: string, known: readonly string[]): string {
  if (remark.test(key)) return `write it as a comment: # …`;
  const meant = nearest(key, known);
  if (meant !== undefined) return `did you mean "${meant}"?`;
  return `what can be given: ${known.map((name) => `"${name}"`).join(", ")}`;
}

/** Gives the line of an offset; the starts of all lines are found once, when the first is asked for. */
function lineCounter(text: string): (offset: number) => number {
  let starts: number[] | undefined;
  return (offset) => {
    starts ??= [0, ...Array.from(text.matchAll(/\n/g), ({ index }) => index + 1)];
    let [low, high] = [0, starts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The string that a key gives; reports what is none. */
export function readString(source: Source, key: string, hintIfMissing: string): string | undefined {
  const value = source.object?.[key];
  if (typeof value === "string") return value;
  if (value === undefined) source.report(key, `"${key}" is missing`, hintIfMissing, "missing-key");
  else source.report(key, `"${key}" must be a string, not ${kindOf(value)}`, "write it in quotes");
  return undefined;
}

/** So that `{version}-{name}` is a tag for every name that `--tag` takes, and every stamp and rollback mark fits as well. */
const longestVersion = 36;

function readVersion(source: Source): string | undefined {
  const value = source.object?.["version"];
  if (typeof value === "number") {
    // A whole number reads in one way only.
    const written = source.writtenAs("version") ?? String(value);
    if (/^\d+$/.test(written) && Number.isSafeInteger(value)) return written;
    const reason =
      written === String(value) ? "as a number 2.10 would read as 2.1" : `as a number it reads as ${value}`;
    source.report(
      "version",
      `"version" is the number ${written}, not a string`,
      `write "${written}": ${reason}`,
    );
    return undefined;
  }
  const version = readString(source, "version", "");
  if (version !== undefined && version.length > longestVersion) {
    const message = `"version" has ${version.length} characters`;
    const hint = `up to ${longestVersion}: a tag has 128, of which the stamp and further names take the rest`;
    source.report("version", message, hint, "long-name");
    return undefined;
  }
  if (version === undefined || isVersion(version)) return version;
  const message = version === "" ? `"version" is empty` : `"version" is "${version}", not dotted numbers`;
  source.report("version", message, 'write numbers with dots between them, e.g. "2.4"');
  return undefined;
}

function checkComponent(source: Source, key: string, name: string): boolean {
  if (isPathComponent(name)) return true;
  const message =
    name === "" ? `"${key}" is empty` : `"${key}" is "${name}", which cannot be part of an image's name`;
  source.report(key, message, componentRule(name));
  return false;
}

function componentRule(name: string): string {
  const lower = name.toLowerCase().replaceAll(/\s+/g, "-");
  const example = lower !== "" && isPathComponent(lower) ? `, e.g. "${lower}"` : "";
  return `lowercase letters and digits, with single . or _ or with - between them${example}`;
}

/** What a value is, in words: `a list`. */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "boolean") return String(value);
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

const tokens = {
  string: String.raw`"(?:[^"\\\n]|\\(?:\r\n|[^]))*"|'(?:[^'\\\n]|\\(?:\r\n|[^]))*'`,
  comment: String.raw`//[^\r\n]*|/\*[^]*?\*/|#[^\r\n]*`,
};
const stringOrComment = new RegExp(`${tokens.string}|${tokens.comment}`, "g");
const stringOrMark = new RegExp(String.raw`${tokens.string}|[{}[\]:,]|[^\s{}[\]:,"']+`, "g");

/** Blanks out comments, those with `#` as well, so that every other character stays where it was. */
function maskComments(text: string): string {
  return text.replaceAll(stringOrComment, (match) =>
    match.startsWith('"') || match.startsWith("'") ? match : match.replaceAll(/[^\r\n]/g, " "),
  );
}

interface Place {
  readonly key: string;
  readonly offset: number;
  readonly value: string | undefined;
}

/** The keys of an object that is known to parse, each time that it gives one. */
function keysOf(masked: string): readonly Place[] {
  const found = [...masked.matchAll(stringOrMark)];
  const places: Place[] = [];
  let depth = 0;
  for (const [index, match] of found.entries()) {
    const [token] = match;
    if (token === "{" || token === "[") depth += 1;
    if (token === "}" || token === "]") depth -= 1;
    if (token !== ":" || depth !== 1) continue;
    const before = found[index - 1];
    const value = found[index + 1]?.[0];
    if (before === undefined) continue;
    const plain = /^(["']?)([a-zA-Z]\w*)\1$/.exec(before[0])?.[2];
    const key = plain ?? Object.keys(JSON5.parse<object>(`{${before[0]}:0}`))[0];
    const scalar = value === "{" || value === "[" ? undefined : value;
    if (key !== undefined) places.push({ key, offset: before.index, value: scalar });
  }
  return places;
}

/** Where the items of the list stand that begins behind an offset of an object that is known to parse. */
function itemsAt(masked: string, offset: number): readonly number[] {
  const start = masked.indexOf("[", offset);
  const items: number[] = [];
  for (const match of masked.slice(start + 1).matchAll(stringOrMark)) {
    if (match[0] === "]") break;
    if (match[0] !== ",") items.push(start + 1 + match.index);
  }
  return items;
}

function parse(masked: string, file: string): { value?: unknown; problem?: Problem } {
  try {
    // Without its comments most of it is plain JSON, which Node reads much faster than JSON5.
    return { value: JSON.parse(masked) };
  } catch {
    try {
      return { value: JSON5.parse(masked) };
    } catch (error) {
      return { problem: syntaxProblem(error, masked, file) };
    }
  }
}

function syntaxProblem(error: unknown, masked: string, file: string): Problem {
  const text = error instanceof Error ? error.message : String(error);
  const [, reason = text, lineText = "1", columnText = "1"] =
    /^JSON5: ([^]*) at (\d+):(\d+)$/.exec(text) ?? [];
  const hint = "it is read as JSON5: keys and values in quotes, commas between them; # begins a comment";
  let line = Number(lineText);
  let column = Number(columnText);
  // JSON5 counts a line end as column 0 of the next line; a person looks for it at the end of its own.
  if (column === 0 && line > 1) {
    line -= 1;
    column = (masked.split("\n")[line - 1]?.length ?? 0) + 1;
  }
  const plain = reason.replace(String.raw`'\"'`, `'"'`);
  const message = `not JSON5: ${plain}`;
  return { kind: "definition", rule: "invalid-syntax", file, line, column, message, hint };
}
