import { distance } from "fastest-levenshtein";
import { nearest } from "../nearest.ts";
import type { Problem } from "../problem.ts";
import type { Command } from "./command.ts";
import { camelCase, noChoice } from "./settings.ts";

/** What yargs says of a command line, a problem for each argument, with what was meant or what else to do. */
export function usageProblems(
  said: string,
  args: readonly string[],
  commands: readonly Command[],
): readonly Problem[] {
  const message = said.replaceAll(/\s*\n\s*/g, " ").replace(/^./, (first) => first.toLowerCase());
  const command = commands.find(({ name }) => args.includes(name));
  const unknown = /^unknown (?:argument|command)s?: (.+)$/.exec(message)?.[1]?.split(", ");
  if (unknown !== undefined) return unknownProblems(unknown, args, commands, command);
  return [usageProblem(message, args, command)];
}

function usageProblem(message: string, args: readonly string[], command: Command | undefined): Problem {
  const choice = /Argument: (\S+), Given: "(.*?)", Choices: (.*?)(?: Argument: |$)/.exec(message);
  if (choice !== null) {
    const [, name = "", given = "", choices = ""] = choice;
    const label = args.some((arg) => isOption(arg, name)) ? `--${name}` : name;
    return noChoice(label, given, choices.replaceAll('"', "").split(", "));
  }
  if (message.startsWith("not enough non-option arguments") && command !== undefined) {
    const [example = command.name] = command.examples[0] ?? [];
    const lacking = `image-builder ${command.name} needs ${command.operands}`;
    return { kind: "usage", message: lacking, hint: `e.g. image-builder ${example}` };
  }
  const excluding = /^arguments (\S+) and (\S+) are mutually exclusive$/.exec(message);
  if (excluding !== null) {
    const [, one = "", other = ""] = excluding;
    return { kind: "usage", message: `--${one} and --${other} cannot be combined`, hint: "give one of them" };
  }
  const said = message
    .replace(/^not enough arguments following: (.+)$/, "--$1 needs a value")
    .replace(/^missing required argument: (.+)$/, "--$1 is missing");
  return { kind: "usage", message: said, hint: seeHelp(command) };
}

function seeHelp(command: Command | undefined): string {
  return `see image-builder ${command === undefined ? "" : `${command.name} `}--help`;
}

/** The parser names each option that it does not know twice, in camel case as well. */
function unknownProblems(
  names: readonly string[],
  args: readonly string[],
  commands: readonly Command[],
  command: Command | undefined,
): readonly Problem[] {
  const twins = new Set(names.filter((name) => name.includes("-")).map(camelCase));
  const labels = names.flatMap((name) => {
    if (args.some((arg) => isOption(arg, name))) return [`--${name}`];
    if (twins.has(name)) return [];
    return [args.includes(name) ? name : `-${name}`];
  });
  return labels.map((label) => ({
    kind: "usage",
    message: `unknown argument: ${label}`,
    hint: label.startsWith("--")
      ? optionHint(label.slice(2), commands, command)
      : commandHint(label, commands, command),
  }));
}

function optionHint(name: string, commands: readonly Command[], command: Command | undefined): string {
  const own = (command ?? commands.find(({ byDefault }) => byDefault))?.options ?? {};
  const positive = name.replace(/^no-/, "");
  if (positive !== name && positive in own) return `leave out --${positive}`;
  const owners = commands.filter(({ options }) => name in options).map((each) => each.name);
  if (owners.length > 0) return `it is an option of ${owners.join(", ")}`;
  const known = [...Object.keys(own), "help", "version"];
  const begun = name.length < 2 ? [] : known.filter((each) => each.startsWith(name));
  const meant =
    nearest(name, known) ??
    nearest(
      name,
      commands.flatMap(({ options }) => Object.keys(options)),
    );
  const suggested = begun.length > 0 ? begun : (meant ?? []);
  const options = [suggested].flat().map((each) => `--${each}`);
  return options.length === 0 ? seeHelp(command) : `did you mean ${options.join(" or ")}?`;
}

function commandHint(word: string, commands: readonly Command[], command: Command | undefined): string {
  const meant = command === undefined ? nearestCommand(word, commands) : undefined;
  return meant === undefined ? seeHelp(command) : `did you mean ${meant}?`;
}

/** The command that a word begins, or is like: few words are far from all of these short names, so most of it must fit. */
export function nearestCommand(word: string, commands: readonly Command[]): string | undefined {
  const names = commands.map(({ name }) => name);
  const [begun, ...others] = word.length < 3 ? [] : names.filter((name) => name.startsWith(word));
  if (begun !== undefined && others.length === 0) return begun;
  const meant = nearest(word, names);
  const fits = meant !== undefined && (meant[0] === word[0] || distance(word, meant) === 1);
  return fits ? meant : undefined;
}

function isOption(arg: string, name: string): boolean {
  return arg === `--${name}` || arg.startsWith(`--${name}=`);
}
