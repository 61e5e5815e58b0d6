import type { Command, Operand } from "./command.ts";
import type { Option } from "./settings.ts";

/** What can stand where a command line ends: words, each with what it is, or a path that the shell completes. */
export type Completion =
  | { readonly kind: "words"; readonly words: readonly (readonly [word: string, what: string])[] }
  | { readonly kind: "files" | "directories" };

/** Names of a checkout, looked up when they are asked for; `root` is the one that the command line names. */
export interface Names {
  /** The directories of all layers. */
  readonly layers: (root: string | undefined) => readonly string[];
  /** `IMAGE:VERSION` of every release. */
  readonly releases: (root: string | undefined) => readonly string[];
  /** `sci/TARGET:VERSION` of every science layer. */
  readonly products: (root: string | undefined) => readonly string[];
}

/** Completes the last of the words that follow the tool's name; it is empty where a new one begins. */
export function complete(words: readonly string[], commands: readonly Command[], names: Names): Completion {
  const typed = words.at(-1) ?? "";
  const before = readWords(words.slice(0, -1), commands);
  const command = before.command ?? commands.find(({ byDefault }) => byDefault);
  const options: Readonly<Record<string, Option>> = command?.options ?? {};
  const values = (value: Option | Operand | undefined) => valuesOf(value, before.root, names);

  const assigned = /^--([^=]+)=/.exec(typed);
  if (assigned !== null) {
    const [head, name = ""] = assigned;
    return startingWith(typed, prefixed(head, values(options[name])));
  }
  if (typed.startsWith("-"))
    return startingWith(typed, { kind: "words", words: optionWords(options, before.given, command) });
  if (before.awaiting !== undefined) return startingWith(typed, values(before.awaiting.option));
  if (before.command === undefined) {
    const named = commands.map(({ name, describe }) => [name, describe] as const);
    const [images] = Object.values(command?.positionals ?? {});
    // All images would hide the commands from who looks what there is.
    const more = typed === "" ? [] : wordsOf(values(images));
    return startingWith(typed, { kind: "words", words: [...named, ...more] });
  }
  const positionals = Object.values(before.command.positionals);
  const last = positionals.at(-1);
  const positional = positionals[before.operands.length] ?? (last?.array === true ? last : undefined);
  return startingWith(typed, values(positional?.after?.[before.operands.at(-1) ?? ""] ?? positional));
}

/** What the words before the last one say. */
interface Before {
  command: Command | undefined;
  readonly given: Set<string>;
  /** The option whose value comes next. */
  awaiting: { readonly name: string; readonly option: Option } | undefined;
  /** The words after the command that belong to no option. */
  readonly operands: string[];
  root: string | undefined;
}

function readWords(words: readonly string[], commands: readonly Command[]): Before {
  const all: Readonly<Record<string, Option>> = Object.assign({}, ...commands.map(({ options }) => options));
  const before: Before = {
    command: undefined,
    given: new Set(),
    awaiting: undefined,
    operands: [],
    root: undefined,
  };
  for (const word of words) {
    const [, name, value] = /^--([^=]+)(?:=(.*))?$/.exec(word) ?? [];
    if (name !== undefined) {
      const option = before.command?.options[name] ?? all[name];
      before.given.add(name);
      const awaits = value === undefined && option !== undefined && takesValue(option);
      before.awaiting = awaits ? { name, option } : undefined;
      if (name === "root") before.root = value;
    } else if (before.awaiting !== undefined && !word.startsWith("-")) {
      if (before.awaiting.name === "root") before.root = word;
      // A list goes on until the next option.
      if (before.awaiting.option.array !== true) before.awaiting = undefined;
    } else if (word.startsWith("-")) before.awaiting = undefined;
    else if (before.command === undefined) before.command = commands.find((each) => each.name === word);
    else before.operands.push(word);
  }
  return before;
}

/** Whether a value follows an option. */
export function takesValue({ type }: Option): boolean {
  return type !== "boolean" && type !== "count";
}

function optionWords(
  options: Readonly<Record<string, Option>>,
  given: ReadonlySet<string>,
  command: Command | undefined,
): readonly (readonly [string, string])[] {
  const left = Object.entries(options).filter(
    ([name]) => !given.has(name) || command?.lists.has(name) === true || name === "verbose",
  );
  return [...left.map(([name, { describe }]) => [`--${name}`, String(describe)] as const), help];
}

const help = ["--help", "show help"] as const;

function valuesOf(option: Option | Operand | undefined, root: string | undefined, names: Names): Completion {
  if (option?.choices !== undefined)
    return { kind: "words", words: described("", option.choices.map(String)) };
  const name = valueName(option);
  if (name === "DIR") return { kind: "directories" };
  if (name === "FILE") return { kind: "files" };
  if (name === "LAYER") return { kind: "words", words: described("layer", names.layers(root)) };
  if (name === "COMPAT") {
    const layers = names.layers(root).filter((layer) => layer.startsWith("compat/"));
    const words = layers.map((layer) => layer.slice("compat/".length));
    return { kind: "words", words: described("compat layer", words) };
  }
  if (name !== "IMAGE") return { kind: "words", words: [] };
  const alsoProducts = option?.describe?.includes("sci/") === true;
  const products = alsoProducts ? described("science layer", names.products(root)) : [];
  return { kind: "words", words: [...described("release", names.releases(root)), ...products] };
}

function wordsOf(completion: Completion): readonly (readonly [string, string])[] {
  return completion.kind === "words" ? completion.words : [];
}

function described(what: string, words: readonly string[]): readonly (readonly [string, string])[] {
  return words.map((word) => [word, what]);
}

/** What the value of an option is called; where it does not say so, the first word in capitals of its description is it. */
export function valueName(option: Option | Operand | undefined): string | undefined {
  if (option === undefined) return undefined;
  if ("value" in option && option.value !== undefined) return option.value;
  return /\b(?:DIR|FILE|IMAGE|LAYER)\b/.exec(option.describe ?? "")?.[0];
}

function startingWith(typed: string, completion: Completion): Completion {
  if (completion.kind !== "words") return completion;
  return { kind: "words", words: completion.words.filter(([word]) => word.startsWith(typed)) };
}

function prefixed(head: string, completion: Completion): Completion {
  if (completion.kind !== "words") return completion;
  return { kind: "words", words: completion.words.map(([word, what]) => [head + word, what]) };
}
