import type { ArgumentsCamelCase, Argv, InferredOptionTypes, Options, PositionalOptions } from "yargs";
import type { Surroundings } from "../commands/surroundings.ts";
import { Refusal } from "../problem.ts";
import { globalGroup, rootAround } from "./options.ts";
import { settle } from "./settings.ts";
import type { Option, Settings } from "./settings.ts";

/** An operand as the parser takes it, and what else the tool makes of it. */
export interface Operand extends PositionalOptions {
  /** What completion makes of it instead, by the operand before it. */
  readonly after?: Readonly<Record<string, Option>>;
}

/** What a command does once its arguments are understood; gives the exit code. */
export type Run = (surroundings: Omit<Surroundings, "conventions">) => Promise<number>;

/** Takes the command that was asked for, and the number of `-v`. */
export type Invoke = (verbosity: number, run: Run) => void;

/** A command of the tool as a person types it: what help, completion and suggestions are made from. */
export interface Command {
  readonly name: string;
  /** It is what is meant where no command is named. */
  readonly byDefault: boolean;
  /** What the name is followed by: `<image>`, `[images..]`. */
  readonly operands: string;
  readonly describe: string;
  readonly positionals: Readonly<Record<string, Operand>>;
  readonly options: Readonly<Record<string, Option>>;
  /** The options and positionals that can be given several times. */
  readonly lists: ReadonlySet<string>;
  /** Calls without the tool's name, each with what it is good for. */
  readonly examples: readonly (readonly [call: string, why: string])[];
  /** Tells the parser of it. */
  readonly add: (parser: Argv, invoke: Invoke) => Argv;
}

interface Definition<P extends Record<string, Operand>, O extends Record<string, Option>> {
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
  /** It says itself what is wrong with `image-builder.json5`. */
  readonly readsMistakes?: true;
  /** Gets the options as they are settled: given, by the environment, the configuration or default. */
  readonly run: (
    given: ArgumentsCamelCase<InferredOptionTypes<P & O>>,
    settings: Settings,
  ) => (surroundings: Surroundings) => Promise<number>;
}

/** Makes a command of its definition. What `run` itself does, before the command is run, must not fail. */
export function defineCommand<
  const P extends Record<string, Operand>,
  const O extends Record<string, Option>,
>(definition: Definition<P, O>): Command {
  const { name, byDefault = false, operands = "", describe, run } = definition;
  const { positionals, options, conflicts, repeated = [], examples, readsMistakes = false } = definition;
  const listsOf = () => {
    const all = Object.entries<{ readonly array?: boolean | undefined }>({ ...positionals, ...options });
    return new Set(all.flatMap(([key, { array }]) => (array === true ? [key] : [])).concat(repeated));
  };
  return {
    name,
    byDefault,
    operands,
    describe,
    positionals: positionals ?? {},
    options,
    get lists() {
      return listsOf();
    },
    examples,
    add: (parser, invoke) =>
      parser.command<InferredOptionTypes<P & O>>(
        [`${name} ${operands}`.trimEnd(), ...(byDefault ? ["$0"] : [])],
        describe,
        (command) => {
          for (const [key, positional] of Object.entries(positionals ?? {}))
            command.positional(key, positional);
          for (const [call, why] of examples) command.example(`$0 ${call}`, why);
          for (const [key, option] of Object.entries(options)) command.option(key, parsed(option));
          return command.group(["help", "version"], globalGroup).conflicts({ ...conflicts });
        },
        (given) =>
          invoke(typeof given["verbose"] === "number" ? given["verbose"] : 0, async (surroundings) => {
            let root: unknown = given["root"];
            try {
              const settings = settle(options, listsOf(), given, surroundings.environment, readsMistakes);
              const { values, conventions } = settings;
              root = values["root"];
              return await run(Object.assign({}, given, values), settings)({ ...surroundings, conventions });
            } catch (error) {
              if (error instanceof Refusal) {
                const { annotate } = await import("../commands/annotate.ts");
                const around = typeof root === "string" ? root : (rootAround() ?? ".");
                await annotate(error.problems, around, surroundings);
              }
              throw error;
            }
          }),
      ),
  };
}

/** An option as the parser gets it: without its default, which it would take for given. */
function parsed({ default: value, ...option }: Option): Options {
  const nothing = value === undefined || value === false || (Array.isArray(value) && value.length === 0);
  return { group: "Options:", ...(nothing ? {} : { defaultDescription: String(value) }), ...option };
}
