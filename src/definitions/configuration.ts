import fs from "node:fs";
import path from "node:path";
import { configurationName, defaultConventions } from "../conventions.ts";
import { tooLarge } from "../layer-text.ts";
import type { Conventions, IgnorePattern } from "../model.ts";
import { isRepository, repositoryRule } from "../reference.ts";
import { branchPatternRule, isBranchPattern } from "./branch-patterns.ts";
import { kindOf, readObject, readString } from "./definition.ts";
import type { DefinitionReading, Source } from "./definition.ts";

/** What `image-builder.json5` can say. */
export interface Configuration extends Conventions {
  /** The repository that all images are named in. */
  readonly repo: string;
  /** How many builds run at a time. */
  readonly jobs: number;
  /** Patterns of the branches that alone may publish to `repo`. */
  readonly publishFrom: readonly string[];
}

const keys = [
  "$schema",
  "repo",
  "jobs",
  "publishFrom",
  "labelNamespace",
  "environmentVariable",
  "ignoreFiles",
];

/** Reads `image-builder.json5` at a root; where there is none, it says nothing. */
export function readConfigurationAt(root: string): DefinitionReading<Configuration> {
  const file = path.join(root, configurationName);
  const found = fs.statSync(file, { throwIfNoEntry: false });
  if (found === undefined && fs.lstatSync(file, { throwIfNoEntry: false }) !== undefined)
    return refused("is a link that leads nowhere", "mend it, or take it away");
  if (found === undefined) return { values: {}, problems: [], lineOf: () => 1 };
  // Opening a pipe would wait for ever.
  if (!found.isFile()) return refused("is not a regular file", "put a text file there, or take it away");
  const large = tooLarge(found.size);
  if (large !== undefined) return refused(large.message, large.hint);
  try {
    return readConfiguration(new TextDecoder("utf-8", { fatal: true }).decode(fs.readFileSync(file)));
  } catch (error) {
    if (error instanceof TypeError) return refused("is not UTF-8", "save it as UTF-8");
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    return refused(`cannot be read (${code})`, "make it readable for the user who runs this");
  }
}

function refused(message: string, hint: string): DefinitionReading<Configuration> {
  const problem = { kind: "definition", file: configurationName, message, hint } as const;
  return { values: {}, problems: [problem], lineOf: () => 1 };
}

/** Reads the text of `image-builder.json5`. */
export function readConfiguration(text: string): DefinitionReading<Configuration> {
  const source = readObject(text, configurationName, keys, "the configuration");
  const { object, problems, lineOf, report } = source;
  if (object === undefined) return { values: {}, problems, lineOf };
  const values: { -readonly [Key in keyof Configuration]?: Configuration[Key] } = {};
  const read = <Key extends keyof Configuration>(key: Key, value: Configuration[Key] | undefined) => {
    if (value !== undefined) values[key] = value;
  };
  read("repo", readMatching(source, "repo", isRepository, repositoryRule));
  read("jobs", readJobs(source));
  read("publishFrom", readBranches(source));
  read("labelNamespace", readMatching(source, "labelNamespace", isNamespace, namespaceRule));
  read("environmentVariable", readMatching(source, "environmentVariable", isVariable, variableRule));
  read("ignoreFiles", readPatterns(source));
  return { values, problems, lineOf };

  function readJobs({ object: given }: Source): number | undefined {
    const jobs = given?.["jobs"];
    if (jobs === undefined) return undefined;
    if (typeof jobs === "number" && Number.isSafeInteger(jobs) && jobs > 0) return jobs;
    report("jobs", `"jobs" must be a whole number above 0, not ${said(jobs)}`, 'e.g. "jobs": 4');
    return undefined;
  }
}

/** What the values that are given say of every image; the defaults for the others. */
export function conventionsOf(values: Partial<Configuration>): Conventions {
  const { labelNamespace, environmentVariable, ignoreFiles } = { ...defaultConventions, ...values };
  return { labelNamespace, environmentVariable, ignoreFiles };
}

const namespaceRule = "the reverse of a domain that is yours, in lower case, e.g. org.example";
const variableRule =
  "letters, digits and _, not starting with a digit, e.g. EXAMPLE_IMAGE; not a variable that shells and programs use";

/** The labels of OCI are not ours to give (image-spec, annotations.md, "Rules"). */
function isNamespace(text: string): boolean {
  return (
    /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+(?:-[a-z0-9]+)*)+$/.test(text) &&
    !`${text}.`.startsWith("org.opencontainers.")
  );
}

function isVariable(text: string): boolean {
  return /^[A-Za-z_]\w*$/.test(text) && !reservedVariables.test(text);
}

/** Those that users of a release could not do without; `environ(7)`, and what shells and the loader read at their start. */
const reservedVariables =
  /^(?:PATH|HOME|USER|LOGNAME|SHELL|PWD|HOSTNAME|TERM|TZ|IFS|ENV|BASH_ENV|LANG|LANGUAGE|LC_\w+|LD_\w+)$/;

/** The string that a key gives, if it gives one and that is fit. */
function readMatching(
  source: Source,
  key: string,
  isFit: (text: string) => boolean,
  rule: string,
): string | undefined {
  if (source.object === undefined || !(key in source.object)) return undefined;
  const text = readString(source, key, "");
  if (text === undefined || isFit(text)) return text;
  source.report(key, `"${key}" cannot be ${JSON.stringify(text)}`, rule);
  return undefined;
}

function readPatterns(source: Source): readonly IgnorePattern[] | undefined {
  const given: unknown = source.object?.["ignoreFiles"];
  if (given === undefined) return undefined;
  const hint = 'list patterns as in .dockerignore: "ignoreFiles": ["**/*.md"]';
  const items: readonly unknown[] = Array.isArray(given) ? given : [];
  const wrong = Array.isArray(given) ? items.find((item) => typeof item !== "string") : given;
  if (wrong === undefined) {
    const lines = source.linesIn("ignoreFiles");
    return items.map((item, index) => ({ text: String(item), line: lines[index] ?? 1 }));
  }
  source.report("ignoreFiles", `"ignoreFiles" must be a list of patterns, not ${kindOf(wrong)}`, hint);
  return undefined;
}

function readBranches(source: Source): readonly string[] | undefined {
  const given: unknown = source.object?.["publishFrom"];
  if (given === undefined) return undefined;
  const items: readonly unknown[] = Array.isArray(given) ? given : [];
  const wrong = items.find((item) => typeof item !== "string" || !isBranchPattern(item));
  if (items.length > 0 && wrong === undefined) return items.map(String);
  const message =
    wrong === undefined
      ? `"publishFrom" must be a list of branches, not ${items === given ? "an empty one" : kindOf(given)}`
      : `"publishFrom" cannot hold ${typeof wrong === "string" ? JSON.stringify(wrong) : kindOf(wrong)}`;
  source.report("publishFrom", message, branchPatternRule);
  return undefined;
}

function said(value: unknown): string {
  return typeof value === "number" ? String(value) : kindOf(value);
}
