import type { Conventions } from "../model.ts";
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
  /** What holds for all images of the checkout around; the defaults where there is none. */
  readonly conventions: Conventions;
  readonly environment: NodeJS.ProcessEnv;
  /** Takes whether the command waits for a person, and nothing runs that would have to be cancelled. */
  readonly atRest: (rests: boolean) => void;
  /** Aborted when the process is told to stop, with a `Stopped` as its reason. */
  readonly signal: AbortSignal;
}

/** The process was told to stop by a signal. */
export class Stopped extends Error {
  /** What the process ends with then: 128 and the signal's number. */
  readonly exitCode: number;

  constructor(name: NodeJS.Signals, number: number) {
    super(`stopped by ${name}`);
    this.exitCode = 128 + number;
  }
}

/** Whether GitHub runs this, and reads annotations in what is printed. */
export function isOnGithub(environment: NodeJS.ProcessEnv): boolean {
  return environment["GITHUB_ACTIONS"] === "true";
}
