import type { ArgumentsCamelCase, Argv, InferredOptionTypes, Options, PositionalOptions } from "yargs";
import type { Surroundings } from "../commands/surroundings.ts";

/** What a command does once its arguments are understood; gives the exit code. */
export type Run = (surroundings: Surroundings) => Promise<number>;

/** Takes the command that was asked for, and the number of `-v`. */
export type Invoke = (verbosity: number, run: Run) => void;

/** A command of the tool as a person types it: what help, completion and suggestions are made from. */
export interface Command {
  readonly name: string;
  /** What the name is followed by: `<image>`, `[images..]`. */
  readonly operands: string;
  readonly describe: string;
  readonly positionals: Readonly<Record<string, PositionalOptions>>;
  readonly options: Readonly<Record<string, Options>>;
  /** The options and positionals that can be given several times. */
  readonly lists: ReadonlySet<string>;
  /** Calls without the tool's name, each with what it is good for. */
  readonly examples: readonly (readonly [call: string, why: string])[];
  /** Tells the parser of it. */
  readonly add: (parser: Argv, invoke: Invoke) => Argv;
}

interface Definition<P extends Record<string, PositionalOptions>, O extends Record<string, Options>> {
  readonly name: string;
  /** It is what is meant where no command is named. */
  readonly byDefault?: true;
  readonly operands?: string;
  readonly describe: string;
  readonly positionals?: P;
  readonly options: O;
  readonly conflicts?: Readonly<Record<string, string | readonly string[]>>;
  /** Options without `array` that can be given several times all the same. */
  readonly repeated?: readonly string[];
  readonly examples: Command["examples"];
  readonly run: (given: ArgumentsCamelCase<InferredOptionTypes<P & O>>) => Run;
}

/** Makes a command of its definition. What `run` itself does, before the command is run, must not fail. */
export function defineCommand<
  const P extends Record<string, PositionalOptions>,
  const O extends Record<string, Options>,
>(definition: Definition<P, O>): Command {
  const { name, byDefault = false, operands = "", describe, run } = definition;
  const { positionals, options, conflicts, repeated = [], examples } = definition;
  const all: Readonly<Record<string, { readonly array?: boolean | undefined }>> = {
    ...positionals,
    ...options,
  };
  const lists = Object.keys(all).filter((key) => all[key]?.array === true);
  return {
    name,
    operands,
    describe,
    positionals: positionals ?? {},
    options,
    lists: new Set([...lists, ...repeated]),
    examples,
    add: (parser, invoke) =>
      parser.command<InferredOptionTypes<P & O>>(
        [`${name} ${operands}`.trimEnd(), ...(byDefault ? ["$0"] : [])],
        describe,
        (command) => {
          for (const [key, positional] of Object.entries(positionals ?? {}))
            command.positional(key, positional);
          for (const [call, why] of examples) command.example(`$0 ${call}`, why);
          return command.options(options).conflicts({ ...conflicts });
        },
        (given) =>
          invoke(typeof given["verbose"] === "number" ? given["verbose"] : 0, (surroundings) =>
            run(given)(surroundings),
          ),
      ),
  };
}
