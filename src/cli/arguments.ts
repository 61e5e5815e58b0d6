import yargs from "yargs";
import type { Argv } from "yargs";
import packageFile from "../../package.json" with { type: "json" };
import { Refusal } from "../problem.ts";
import { buildCommand } from "./build.ts";
import { checkCommand } from "./check.ts";
import type { Command, Run } from "./command.ts";
import { diffCommand } from "./diff.ts";
import { answerCompletion, completeWord, completionCommand, namesIn } from "./completion.ts";
import { configCommand } from "./config.ts";
import { graphCommand } from "./graph.ts";
import { historyCommand } from "./history.ts";
import { initCommand } from "./init.ts";
import { inspectCommand } from "./inspect.ts";
import { newCommand } from "./new.ts";
import { planCommand } from "./plan.ts";
import { promoteCommand } from "./promote.ts";
import { rollbackCommand } from "./rollback.ts";
import { statusCommand } from "./status.ts";
import { whyCommand } from "./why.ts";
import { nearestCommand, usageProblems } from "./usage.ts";

/** The commands that do the work, in the order that help lists them; the others are made from them. */
const work: readonly Command[] = [
  buildCommand,
  planCommand,
  graphCommand,
  whyCommand,
  checkCommand,
  inspectCommand,
  historyCommand,
  diffCommand,
  promoteCommand,
  rollbackCommand,
  statusCommand,
  initCommand,
  newCommand,
];

/** Every command, in the order that help lists them. */
export const commands: readonly Command[] = [...work, configCommand(work), completionCommand];

/** What the exit codes say. */
export const exitCodes =
  "0 done, 1 a build or push failed, 2 bad command line, 3 bad definition, 4 environment (git, engine, registry).";

/** The command line understood: what to run, and how much to say. */
export interface Invocation {
  readonly run: Run;
  /** The number of `-v`. */
  readonly verbosity: number;
}

/** Understands the command line; undefined where it only asked for help or the version. Refuses with kind `usage`. */
export function readArguments(given: readonly string[]): Invocation | undefined {
  // As other tools write it.
  const args = given.map((arg) => arg.replace(/^--dry-run(?==|$)/, "--dryrun"));
  if (args[0] === completeWord) return { verbosity: 0, run: answerCompletion(args.slice(1), commands) };
  refuseAmbiguous(args);
  let invocation: Invocation | undefined;
  const parser: Argv = yargs([...args])
    .scriptName("image-builder")
    .usage(
      "$0 [build] [images..]\n\nBuilds the container images of a science platform: what changed, and what stands on it.",
    )
    .parserConfiguration({
      "greedy-arrays": true,
      "strip-aliased": true,
      "dot-notation": false,
      "boolean-negation": false,
    });
  for (const command of commandsFor(args))
    command.add(parser, (verbosity, run) => {
      invocation = { verbosity, run };
    });
  parser
    .check(refuseMistyped)
    .strict()
    .help()
    .alias("help", "h")
    .version(packageFile.version)
    .epilogue(`Exit codes: ${exitCodes}`)
    .exitProcess(false)
    .fail((message, error) => {
      throw error instanceof Refusal
        ? error
        : new Refusal(...usageProblems(message ?? error.message, args, commands));
    });
  void parser.parse();
  return invocation;
}

/** Those that the parser can need for these arguments: to tell it of all of them takes time at each start, and help lists them. */
function commandsFor(args: readonly string[]): readonly Command[] {
  if (args.some((arg) => /^(?:--(?:help|version)\b|-[a-z]*h)/.test(arg))) return commands;
  return commands.filter(({ byDefault, name }) => byDefault || args.includes(name));
}

/** What the parser would take for something else than was meant: `--dryrun=yes` for no, words after `--` for nothing. */
function refuseAmbiguous(args: readonly string[]): void {
  if (args.includes("--"))
    throw new Refusal({ kind: "usage", message: "nothing may follow --", hint: "leave it out" });
  for (const { options } of commands)
    for (const [name, { type }] of Object.entries(options)) {
      if (type !== "boolean") continue;
      const given = args.find((arg) => arg.startsWith(`--${name}=`) && !/=(?:true|false)$/.test(arg));
      if (given === undefined) continue;
      throw new Refusal({
        kind: "usage",
        message: `${given} is neither true nor false`,
        hint: `give --${name} alone`,
      });
    }
}

/** Without a command the first word is an image, unless no image has that name and it is like the name of a command. */
function refuseMistyped(given: Readonly<Record<string, unknown>>): true {
  const { _: named, images, root } = given;
  const [word] =
    Array.isArray(named) && named.length === 0 && Array.isArray(images) ? images.map(String) : [];
  const meant = nearestCommand(word ?? "", commands);
  if (word === undefined || meant === undefined) return true;
  const releases = namesIn(process.env).releases(typeof root === "string" ? root : undefined);
  if (releases.some((release) => release === word || release.startsWith(`${word}:`))) return true;
  throw new Refusal({ kind: "usage", message: `unknown command: ${word}`, hint: `did you mean ${meant}?` });
}
