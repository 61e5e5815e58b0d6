import { setTimeout as sleep } from "node:timers/promises";
import { Refusal } from "../problem.ts";
import type { TransferProgress } from "../run.ts";
import { TransientFailure } from "./engine.ts";
import type { Engine, OnProgress } from "./engine.ts";

/** How pulls and pushes are tried again. */
export interface RetryOptions {
  /** Told of each wait, on one line. */
  readonly onRetry: (line: string) => void;
  /** How often one is tried in all; 5 by default. */
  readonly attempts?: number;
  /** How long (ms) the first wait is at most, 2000 by default; each further one is twice it. */
  readonly baseDelay?: number;
  /** How long (ms) one may go on failing before no further attempt is begun; 60,000 by default. */
  readonly budget?: number;
}

/** An engine tries an upload or download again by itself, with pauses that add up to more than a minute. */
const engineRetries = /\bRetrying in \d+ second/;

/**
 * Moves an image, again where that is worth it (`TransientFailure`): with a wait that doubles, spread at random so
 * that transfers which failed together do not come back together. There is one budget for all attempts, and those of the
 * engine itself count; what moves on begins it anew. An aborted signal ends a wait.
 */
export async function tryTransfer<Result>(
  transfer: (onProgress: OnProgress) => Promise<Result>,
  onProgress: OnProgress,
  signal: AbortSignal,
  { onRetry, attempts = 5, baseDelay = 2000, budget = 60_000 }: RetryOptions,
): Promise<Result> {
  const begun = performance.now();
  let failingSince: number | undefined;
  let furthest = 0;
  const follow = (progress: TransferProgress) => {
    if (engineRetries.test(progress.line ?? "")) failingSince ??= performance.now();
    else if (progress.bytes > furthest) {
      furthest = progress.bytes;
      failingSince = undefined;
    }
    onProgress(progress);
  };
  for (let attempt = 1; ; attempt++) {
    try {
      return await transfer(follow);
    } catch (error) {
      if (!(error instanceof TransientFailure)) throw error;
      failingSince ??= performance.now();
      const said = error.problems.map(({ message }) => message).join("; ");
      const delay = baseDelay * 2 ** (attempt - 1) * (0.5 + Math.random() / 2);
      const left = failingSince + budget - performance.now() - delay;
      if (attempt >= attempts || left < 0) throw afterAll(error, attempt, performance.now() - begun);
      const [pause, rest] = [(delay / 1000).toFixed(1), Math.round(left / 1000)];
      onRetry(`${said}; trying again in ${pause} s (attempt ${attempt + 1} of ${attempts}, ${rest} s left)`);
      await sleep(delay, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}

/** The engine, with pulls that are tried again. A push is tried again by who can ask the registry what became of it. */
export function retryingPulls(engine: Engine, options: RetryOptions): Engine {
  return {
    ...engine,
    pull: (reference, onProgress, signal) =>
      tryTransfer((follow) => engine.pull(reference, follow, signal), onProgress, signal, options),
  };
}

function afterAll(failure: TransientFailure, attempts: number, time: number): Refusal {
  const times = attempts === 1 ? "once" : `${attempts} times`;
  const tries = ` (tried ${times} in ${Math.ceil(time / 1000)} s)`;
  return new Refusal(
    ...failure.problems.map((problem) => ({ ...problem, message: problem.message + tries })),
  );
}
