import { Writable } from "node:stream";
import { describeProblem, printable } from "../problem.ts";
import type { Problem } from "../problem.ts";

/** The levels of a log line, from the gravest on; each `-v` lets one more through than errors alone. */
const levels = ["error", "warning", "info", "debug"] as const;

type Level = (typeof levels)[number];

/** Something at the bottom of the terminal that has to know what is written above it. */
export interface LiveArea {
  /** Writes text, whole lines of it, above the area. */
  readonly above: (text: string) => void;
  /** Takes the area away; what was written above it stays. */
  readonly end: () => void;
}

/** Lines for people and for what greps, on standard error: `LEVEL:root:message`, and progress as it is. */
export interface Log extends Readonly<Record<Level, (message: string) => void>> {
  /** Writes text that is no log line, with its line breaks, in its turn among those that are. */
  readonly progress: (text: string) => void;
  /** Opens an area in its turn; what is written from then on goes above it, until `settle`. */
  readonly keepBelow: (open: () => LiveArea) => void;
  /** Settles when all that came before is written, to a slow reader too, and ends the area that was kept below it. */
  readonly settle: () => Promise<void>;
  /** Settles when everything is written, to a slow reader too. */
  readonly end: () => Promise<void>;
}

/** Opens the log; `verbosity` is the number of `-v`. The logger is loaded with the first line that it has to write. */
export function openLog(verbosity: number): Log {
  const highest = Math.min(verbosity, levels.length - 1);
  let written: Promise<void> | undefined;
  let area: LiveArea | undefined;
  let opening: Promise<Logger> | undefined;
  const queue = (turn: () => Promise<void> | void) => {
    // A reader that leaves must not stop a run between two tags.
    if (written === undefined) process.stderr.on("error", () => undefined);
    written = (written ?? Promise.resolve()).then(turn);
  };
  const write = (text: string) => {
    if (area === undefined) process.stderr.write(inert(text));
    else area.above(text);
  };
  const writeAt = (level: Level) => (message: string) => {
    if (levels.indexOf(level) > highest) return;
    opening ??= openLogger(write);
    const logger = opening;
    queue(async () => (await logger).write(level, message));
  };
  return {
    error: writeAt("error"),
    warning: writeAt("warning"),
    info: writeAt("info"),
    debug: writeAt("debug"),
    progress: (text) => queue(() => write(text)),
    keepBelow: (open) => queue(() => void (area = open())),
    settle: async () => {
      queue(() => {
        area?.end();
        area = undefined;
      });
      await written;
      await flush(process.stderr);
    },
    end: async () => {
      if (written === undefined) return;
      await written;
      await (await opening)?.close();
      await flush(process.stderr);
    },
  };
}

/**
 * Text for a standard stream, in which GitHub's runner finds no command. It takes `::error::…` at the beginning of a line alone,
 * where nobody else's text stands, but `##[error]…` anywhere.
 * https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs
 */
export function inert(text: string): string {
  return process.env["GITHUB_ACTIONS"] === "true" ? text.replaceAll("##[", "##\u200B[") : text;
}

/** Settles when a stream has handed on all that was written to it, or its reader is gone. */
export function flush(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write("", () => resolve());
  });
}

interface Logger {
  readonly write: (level: Level, message: string) => void;
  readonly close: () => Promise<void>;
}

async function openLogger(write: (text: string) => void): Promise<Logger> {
  const { default: winston } = await import("winston");
  const stream = new Writable({
    write: (chunk, _encoding, done) => {
      write(String(chunk));
      done();
    },
  });
  const logger = winston.createLogger({
    levels: Object.fromEntries(levels.map((level, index) => [level, index])),
    level: "debug",
    format: winston.format.printf(
      ({ level, message }) => `${level.toUpperCase()}:root:${printable(String(message))}`,
    ),
    transports: new winston.transports.Stream({ stream, eol: "\n" }),
  });
  const close = () =>
    new Promise<void>((resolve) => {
      logger.once("finish", resolve).end();
    });
  return { write: (level, message) => logger.log(level, message), close };
}

/** Says problems to a person: at their place in a file, as compilers do, or as errors. */
export function tellProblems(
  problems: readonly Problem[],
  { error, progress }: Pick<Log, "error" | "progress">,
): void {
  for (const problem of problems.filter(({ file }) => file !== undefined))
    progress(`${describeProblem(problem)}\n`);
  for (const problem of problems.filter(({ file }) => file === undefined)) error(describeProblem(problem));
}
