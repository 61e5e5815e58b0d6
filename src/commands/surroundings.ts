import type { Log } from "../report/log.ts";

/** What a command has around it besides its settings. */
export interface Surroundings {
  readonly log: Log;
  /** The number of `-v`. */
  readonly verbosity: number;
  /** Writes data to standard output. */
  readonly out: (text: string) => void;
  /** Writes progress to standard error. */
  readonly progress: (text: string) => void;
  readonly environment: NodeJS.ProcessEnv;
  /** Aborted when the process is told to stop. */
  readonly signal: AbortSignal;
}
