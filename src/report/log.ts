/** The levels of a log line, from the gravest on; each `-v` lets one more through than errors alone. */
const levels = ["error", "warning", "info", "debug"] as const;

type Level = (typeof levels)[number];

/** Lines for people and for what greps: `LEVEL:root:message`, on standard error. */
export interface Log extends Readonly<Record<Level, (message: string) => void>> {
  /** Settles when all that was logged is written. */
  readonly end: () => Promise<void>;
}

/** Opens the log; `verbosity` is the number of `-v`. The logger is loaded with the first line that it has to write. */
export function openLog(verbosity: number): Log {
  const highest = Math.min(verbosity, levels.length - 1);
  let written: Promise<unknown> = Promise.resolve();
  let opening: Promise<(level: Level, message: string) => void> | undefined;
  const write = (level: Level) => (message: string) => {
    if (levels.indexOf(level) > highest) return;
    opening ??= openLogger();
    const logger = opening;
    written = written.then(async () => (await logger)(level, message));
  };
  return {
    error: write("error"),
    warning: write("warning"),
    info: write("info"),
    debug: write("debug"),
    end: async () => {
      await written;
    },
  };
}

async function openLogger(): Promise<(level: Level, message: string) => void> {
  const { default: winston } = await import("winston");
  const logger = winston.createLogger({
    levels: Object.fromEntries(levels.map((level, index) => [level, index])),
    level: "debug",
    format: winston.format.printf(({ level, message }) => `${level.toUpperCase()}:root:${String(message)}`),
    transports: new winston.transports.Console({ stderrLevels: [...levels], forceConsole: false }),
  });
  return (level, message) => logger.log(level, message);
}
