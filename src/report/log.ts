/** The levels of a log line, from the gravest on; each `-v` lets one more through than errors alone. */
const levels = ["error", "warning", "info", "debug"] as const;

type Level = (typeof levels)[number];

/** Lines for people and for what greps, on standard error: `LEVEL:root:message`, and progress as it is. */
export interface Log extends Readonly<Record<Level, (message: string) => void>> {
  /** Writes text that is no log line, with its line breaks, in its turn among those that are. */
  readonly progress: (text: string) => void;
  /** Settles when everything is written, to a slow reader too. */
  readonly end: () => Promise<void>;
}

/** Opens the log; `verbosity` is the number of `-v`. The logger is loaded with the first line that it has to write. */
export function openLog(verbosity: number): Log {
  const highest = Math.min(verbosity, levels.length - 1);
  let written: Promise<void> | undefined;
  let opening: Promise<Logger> | undefined;
  const queue = (write: () => Promise<void>) => {
    // A reader that leaves must not stop a run between two tags.
    if (written === undefined) process.stderr.on("error", () => undefined);
    written = (written ?? Promise.resolve()).then(write);
  };
  const writeAt = (level: Level) => (message: string) => {
    if (levels.indexOf(level) > highest) return;
    opening ??= openLogger();
    const logger = opening;
    queue(async () => (await logger).write(level, message));
  };
  return {
    error: writeAt("error"),
    warning: writeAt("warning"),
    info: writeAt("info"),
    debug: writeAt("debug"),
    progress: (text) => queue(() => Promise.resolve(void process.stderr.write(text))),
    end: async () => {
      if (written === undefined) return;
      await written;
      await (await opening)?.close();
      await flush(process.stderr);
    },
  };
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

async function openLogger(): Promise<Logger> {
  const { default: winston } = await import("winston");
  const logger = winston.createLogger({
    levels: Object.fromEntries(levels.map((level, index) => [level, index])),
    level: "debug",
    format: winston.format.printf(({ level, message }) => `${level.toUpperCase()}:root:${String(message)}`),
    transports: new winston.transports.Console({ stderrLevels: [...levels], forceConsole: false }),
  });
  const close = () =>
    new Promise<void>((resolve) => {
      logger.once("finish", resolve).end();
    });
  return { write: (level, message) => logger.log(level, message), close };
}
