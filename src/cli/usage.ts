import { nearest } from "../nearest.ts";
import type { Problem } from "../problem.ts";
import type { Command } from "./command.ts";
import { camelCase, noChoice } from "./settings.ts";

/** What yargs says of a command line, on one line, with what was meant or what else to do. */
export function usageProblem(said: string, args: readonly string[], commands: readonly Command[]): Problem {
  const message = said.replaceAll(/\s*\n\s*/g, " ").replace(/^./, (first) => first.toLowerCase());
  const command = commands.find(({ name }) => args.includes(name));
  const help = `image-builder ${command === undefined ? "" : `${command.name} `}--help lists what there is`;

  const unknown = /^unknown (?:argument|command)s?: (.+)$/.exec(message)?.[1]?.split(", ");
  if (unknown !== undefined) return unknownProblem(unknown, args, commands, command);

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
  const named = message.replace(
    /^(missing required arguments?|not enough arguments following): (.+)$/,
    (_, what: string, names: string) => `${what}: ${names.replaceAll(/(^|, )/g, "$1--")}`,
  );
  return { kind: "usage", message: named, hint: help };
}

/** The parser names each option that it does not know twice, in camel case as well. */
function unknownProblem(
  names: readonly string[],
  args: readonly string[],
  commands: readonly Command[],
  command: Command | undefined,
): Problem {
  const twins = new Set(names.filter((name) => name.includes("-")).map(camelCase));
  const labels = names.flatMap((name) => {
    if (args.some((arg) => isOption(arg, name))) return [`--${name}`];
    if (twins.has(name)) return [];
    return [args.includes(name) ? name : `-${name}`];
  });
  const [first = ""] = labels;
  return {
    kind: "usage",
    message: `unknown ${labels.length === 1 ? "argument" : "arguments"}: ${labels.join(", ")}`,
    hint: first.startsWith("--")
      ? optionHint(first.slice(2), commands, command)
      : commandHint(first, commands, command),
  };
}

function optionHint(name: string, commands: readonly Command[], command: Command | undefined): string {
  const call = command === undefined ? "image-builder" : `image-builder ${command.name}`;
  const own = (command ?? commands.find(({ byDefault }) => byDefault))?.options ?? {};
  const positive = name.replace(/^no-/, "");
  if (positive !== name && positive in own) return `leave out --${positive}`;
  const owners = commands.filter(({ options }) => name in options).map((each) => each.name);
  if (owners.length > 0) return `it is an option of ${owners.join(", ")}`;
  const meant =
    nearest(name, [...Object.keys(own), "help", "version"]) ??
    nearest(
      name,
      commands.flatMap(({ options }) => Object.keys(options)),
    );
  return meant === undefined ? `${call} --help lists what there is` : `did you mean --${meant}?`;
}

function commandHint(word: string, commands: readonly Command[], command: Command | undefined): string {
  if (command !== undefined) return `image-builder ${command.name} --help lists what there is`;
  const meant = nearest(
    word,
    commands.map(({ name }) => name),
  );
  return meant === undefined ? "image-builder --help lists what there is" : `did you mean ${meant}?`;
}

function isOption(arg: string, name: string): boolean {
  return arg === `--${name}` || arg.startsWith(`--${name}=`);
}
