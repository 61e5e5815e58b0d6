import type { PositionalOptions } from "yargs";
import { configurationName } from "../conventions.ts";
import type { Command } from "./command.ts";
import { takesValue, valueName } from "./complete.ts";
import { globalGroup, rootOptions } from "./options.ts";
import { variableOf } from "./settings.ts";
import type { Option } from "./settings.ts";

/** What the manual page is made of besides the commands. */
export interface Edition {
  readonly version: string;
  /** `2024-05-06` */
  readonly date: string;
  readonly exitCodes: string;
}

/** The manual page, in the macros of man(7). */
export function manualPage(commands: readonly Command[], { version, date, exitCodes }: Edition): string {
  const settable = new Map(
    commands.flatMap(({ options }) =>
      Object.entries(options).filter(([, { variable }]) => variable === true),
    ),
  );
  return [
    `.TH IMAGE\\-BUILDER 1 ${date} "image\\-builder ${version}" "User Commands"`,
    ".SH NAME",
    "image\\-builder \\- keep the container images of a science platform",
    ".SH SYNOPSIS",
    ...commands.flatMap((command) => [call(command), ".br"]).slice(0, -1),
    ".SH DESCRIPTION",
    text(
      "Finds what a change touches below science/ and compat/, builds that and all that stands on it, and publishes it.",
    ),
    ".SH COMMANDS",
    ...commands.flatMap(commandSection),
    ".SH GLOBAL OPTIONS",
    ...optionList(rootOptions),
    ...entry("\\fB\\-h\\fR, \\fB\\-\\-help\\fR", "show help, of a command where one is named"),
    ...entry("\\fB\\-\\-version\\fR", "show the version"),
    ".SH ENVIRONMENT",
    ...[...settable].flatMap(([name]) =>
      entry(`\\fB${escape(variableOf(name))}\\fR`, `as --${name}, where that is not given`),
    ),
    ".SH FILES",
    ...entry(
      `\\fI${escape(configurationName)}\\fR`,
      "what holds for all images of a checkout, at its root; an option or variable wins over it",
    ),
    ".SH EXIT STATUS",
    text(exitCodes),
    "",
  ].join("\n");
}

function call({ name, byDefault, operands }: Command): string {
  const named = `\\fB${escape(name)}\\fR`;
  const rest = operands === "" ? "" : ` \\fI${escape(operands)}\\fR`;
  return `\\fBimage\\-builder\\fR ${byDefault ? `[${named}]` : named}${rest} [\\fIoptions\\fR]`;
}

function commandSection(command: Command): readonly string[] {
  const { describe, positionals, options, examples } = command;
  const own = Object.entries(options).filter(([, { group }]) => group !== globalGroup);
  return [
    `.SS ${call(command)}`,
    text(sentence(describe)),
    ...Object.entries(positionals).flatMap(([name, positional]) =>
      entry(`\\fI${escape(name)}\\fR`, described(positional)),
    ),
    ...optionList(Object.fromEntries(own)),
    ...(examples.length === 0 ? [] : [".PP", "Examples:"]),
    ...examples.flatMap(([example, why]) => entry(`\\fBimage\\-builder ${escape(example)}\\fR`, why)),
  ];
}

function optionList(options: Readonly<Record<string, Option>>): readonly string[] {
  return Object.entries(options).flatMap(([name, option]) => {
    const { alias, choices, default: value, defaultDescription } = option;
    const short = typeof alias === "string" ? `\\fB\\-${alias}\\fR, ` : "";
    const named = choices?.join("|") ?? valueName(option) ?? "VALUE";
    const list = option.array === true ? " ..." : "";
    const said = defaultDescription ?? (typeof value === "string" ? value : undefined);
    const usual = said === undefined ? "" : ` [${said}]`;
    const flag = `${short}\\fB\\-\\-${escape(name)}\\fR${takesValue(option) ? ` \\fI${escape(named)}\\fR${list}` : ""}`;
    return entry(flag, described(option) + usual);
  });
}

function described({ describe }: Option | PositionalOptions): string {
  return typeof describe === "string" ? describe : "";
}

function entry(tag: string, explanation: string): readonly string[] {
  return [".TP", tag, text(explanation)];
}

function sentence(words: string): string {
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;
}

/** A line of text: no macro, whatever it begins with. */
function text(line: string): string {
  return `\\&${escape(line)}`;
}

function escape(line: string): string {
  return line.replaceAll("\\", "\\e").replaceAll("-", "\\-");
}
