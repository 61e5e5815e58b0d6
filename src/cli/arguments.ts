import yargs from "yargs";
import type { Argv } from "yargs";
import packageFile from "../../package.json" with { type: "json" };
import { nearest } from "../nearest.ts";
import { Refusal } from "../problem.ts";
import type { Problem } from "../problem.ts";
import { buildCommand } from "./build.ts";
import { checkCommand } from "./check.ts";
import type { Command, Run } from "./command.ts";
import { diffCommand } from "./diff.ts";
import { historyCommand } from "./history.ts";
import { inspectCommand } from "./inspect.ts";
import { planCommand } from "./plan.ts";
import { promoteCommand } from "./promote.ts";
import { rollbackCommand } from "./rollback.ts";
import { statusCommand } from "./status.ts";
import { whyCommand } from "./why.ts";

/** Every command, in the order that help lists them. */
const commands: readonly Command[] = [
  buildCommand,
  planCommand,
  whyCommand,
  checkCommand,
  inspectCommand,
  historyCommand,
  diffCommand,
  promoteCommand,
  rollbackCommand,
  statusCommand,
];

/** The command line understood: what to run, and how much to say. */
export interface Invocation {
  readonly run: Run;
  /** The number of `-v`. */
  readonly verbosity: number;
}

/** Understands the command line; undefined where it only asked for help or the version. Refuses with kind `usage`. */
export function readArguments(args: readonly string[]): Invocation | undefined {
  refuseAmbiguous(args);
  let invocation: Invocation | undefined;
  const parser: Argv = yargs([...args])
    .scriptName("image-builder")
    .usage(
      "$0 [build]\n\nBuilds the container images of a science platform: what changed, and what stands on it.",
    )
    .parserConfiguration({
      "greedy-arrays": true,
      "strip-aliased": true,
      "dot-notation": false,
      "boolean-negation": false,
    });
  for (const command of commands)
    command.add(parser, (verbosity, run) => {
      invocation = { verbosity, run };
    });
  parser
    .check(refuseTwice)
    .strict()
    .help()
    .alias("help", "h")
    .version(packageFile.version)
    .epilogue(
      "Exit codes: 0 done, 1 a build or push failed, 2 the command line, 3 a definition, 4 the surroundings.",
    )
    .exitProcess(false)
    .fail((message, error) => {
      throw error instanceof Refusal ? error : new Refusal(usageProblem(message ?? error.message));
    });
  void parser.parse();
  return invocation;
}

/** What the parser would take for something else than was meant: `--dryrun=yes` for no, words after `--` for nothing. */
function refuseAmbiguous(args: readonly string[]): void {
  if (args.includes("--"))
    throw new Refusal({ kind: "usage", message: "nothing may follow --", hint: "leave it out" });
  for (const { options } of commands)
    for (const [name, { type }] of Object.entries(options)) {
      const given = args.find((arg) => arg.startsWith(`--${name}=`));
      if (type !== "boolean" || given === undefined || /=(?:true|false)$/.test(given)) continue;
      throw new Refusal({
        kind: "usage",
        message: `${given} is neither true nor false`,
        hint: `give --${name} alone`,
      });
    }
}

/** An option that takes one value and is given two would come through as a list. */
function refuseTwice(given: Readonly<Record<string, unknown>>): true {
  const command = commands.find(({ name }) => name === String(Object(given["_"])[0])) ?? buildCommand;
  for (const [name, value] of Object.entries(given)) {
    if (!Array.isArray(value) || command.lists.has(name) || name === "_") continue;
    throw new Refusal({ kind: "usage", message: `--${name} is given twice`, hint: "give it once" });
  }
  return true;
}

/** What yargs says, on one line, with the option or command that was meant. */
function usageProblem(said: string): Problem {
  const message = said.replaceAll(/\s*\n\s*/g, " ");
  const unknown = /^Unknown (?:argument|command)s?: ([^,]+)/.exec(message)?.[1];
  const known = commands.flatMap(({ name, options }) => [name].concat(Object.keys(options)));
  const meant = unknown === undefined ? undefined : nearest(unknown, known);
  const help = "image-builder --help lists what there is";
  const elsewhere = "another command has it: image-builder COMMAND --help";
  return {
    kind: "usage",
    message: message.replace(/^./, (first) => first.toLowerCase()),
    hint: meant === undefined ? help : meant === unknown ? elsewhere : `did you mean ${meant}?`,
  };
}
