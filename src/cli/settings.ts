import type { Options } from "yargs";
import { conventionsOf, readConfigurationAt } from "../definitions/configuration.ts";
import { readCatalog } from "../definitions/catalog.ts";
import type { Configuration } from "../definitions/configuration.ts";
import type { DefinitionReading } from "../definitions/definition.ts";
import type { Conventions } from "../model.ts";
import { nearest } from "../nearest.ts";
import { Refusal } from "../problem.ts";
import { rootAround } from "./options.ts";

/** An option as the parser takes it, and what else the tool makes of it. */
export interface Option extends Options {
  /** What its value is called. Completion knows `DIR`, `FILE`, `LAYER`, `COMPAT` and `IMAGE`. */
  readonly value?: string;
  /** The environment can give it as well, by the variable that {@link variableOf} names. */
  readonly variable?: true;
  /** Refuses what its value cannot be, beyond type and choices; `from` is the option or variable that gives it. */
  readonly refuse?: (text: string, from: string) => unknown;
}

/** Where a value comes from. An option wins over the environment, that over the file, and the file over the default. */
export type Origin =
  | { readonly kind: "option" | "default" }
  | { readonly kind: "environment"; readonly variable: string }
  | { readonly kind: "file"; readonly line: number };

/** The settings of a call, each from where it is given. */
export interface Settings {
  /** By the name of the option, and by that in camel case. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly origins: ReadonlyMap<string, Origin>;
  readonly conventions: Conventions;
  /** What `image-builder.json5` says; nothing for a command that is not about a checkout. */
  readonly file: DefinitionReading<Configuration>;
}

/** An option's name as the parser gives it too: `keepGoing`. */
export function camelCase(name: string): string {
  return name.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

/** The environment variable that gives an option: `IMAGE_BUILDER_KEEP_GOING`. */
export function variableOf(name: string): string {
  return `IMAGE_BUILDER_${name.replaceAll("-", "_").toUpperCase()}`;
}

/**
 * Fills in what the command line leaves open: from the environment, from `image-builder.json5`, by default. Refuses what
 * cannot be; where the file is wrong, with all other mistakes in the definitions. `lists` are the options that can be given
 * several times. A command that `readsMistakes` itself gets what is right in the file.
 */
export function settle(
  options: Readonly<Record<string, Option>>,
  lists: ReadonlySet<string>,
  given: Readonly<Record<string, unknown>>,
  environment: NodeJS.ProcessEnv,
  readsMistakes: boolean,
): Settings {
  const values: Record<string, unknown> = {};
  const origins = new Map<string, Origin>();
  const take = (name: string, value: unknown, origin: Origin) => {
    values[name] = value;
    values[camelCase(name)] = value;
    origins.set(name, origin);
  };
  const named = Object.entries(options);
  for (const [name, option] of named) {
    const variable = variableOf(name);
    const text = option.variable === true ? environment[variable] : undefined;
    const each = given[name];
    // A script adds an option to those that it was given; its own, the last one, wins.
    const value: unknown = Array.isArray(each) && !lists.has(name) ? each.at(-1) : each;
    if (value !== undefined) {
      if (typeof value === "string" || typeof value === "number") option.refuse?.(String(value), `--${name}`);
      take(name, value, { kind: "option" });
    } else if (text !== undefined && text !== "")
      take(name, readVariable(option, text, variable), { kind: "environment", variable });
  }
  const file =
    "root" in options || "repo" in options ? readFile(values["root"], readsMistakes) : unconfigured;
  for (const [name, option] of named) {
    if (origins.has(name)) continue;
    const said: unknown = Object.entries(file.values).find(([key]) => key === name)?.[1];
    if (said !== undefined) take(name, said, { kind: "file", line: file.lineOf(name) });
    else take(name, option.default, { kind: "default" });
  }
  return { values, origins, conventions: conventionsOf(file.values), file };
}

const unconfigured: DefinitionReading<Configuration> = { values: {}, problems: [], lineOf: () => 1 };

function readFile(given: unknown, readsMistakes: boolean): DefinitionReading<Configuration> {
  const root = typeof given === "string" ? given : rootAround();
  if (root === undefined) return unconfigured;
  const file = readConfigurationAt(root);
  if (file.problems.length > 0 && !readsMistakes) throw new Refusal(...readCatalog(root).problems);
  return file;
}

function readVariable(option: Option, text: string, variable: string): unknown {
  const { type, choices } = option;
  const value = type === "boolean" ? switches.get(text) : type === "number" ? Number(text) : text;
  if (value === undefined) throw new Refusal(noChoice(variable, text, ["true", "false"]));
  if (choices !== undefined && !choices.includes(text)) throw new Refusal(noChoice(variable, text, choices));
  option.refuse?.(text, variable);
  return value;
}

const switches = new Map([
  ["true", true],
  ["1", true],
  ["false", false],
  ["0", false],
]);

/** Says that an option, a variable or an operand (which begins in lower case) cannot have a value, and which one was meant. */
export function noChoice(from: string, given: string, choices: Options["choices"] = []) {
  const names = choices.map(String);
  const meant = nearest(given, names);
  return {
    kind: "usage",
    message: `${/^[a-z]/.test(from) ? "unknown" : "invalid"} ${from} ${JSON.stringify(given)}`,
    hint: `one of ${names.join(", ")}${meant === undefined ? "" : `; did you mean ${meant}?`}`,
  } as const;
}
