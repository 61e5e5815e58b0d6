import { setTimeout as sleep } from "node:timers/promises";
import { Refusal } from "../problem.ts";
import { TransientFailure } from "./engine.ts";
import type { Engine, OnProgress } from "./engine.ts";

/** How pushes are tried again. */
export interface RetryOptions {
  /** Told of each wait, on one line. */
  readonly onRetry: (line: string) => void;
  /** How often a push is tried in all; 5 by default. */
  readonly attempts?: number;
  /** How long (ms) the first wait is at most, 2000 by default; each further one is twice it. */
  readonly baseDelay?: number;
}

/**
 * The engine, with pushes that are tried again where that is worth it (`TransientFailure`): with a wait that
 * doubles, spread at random so that pushes that failed together do not come back together. An
 * aborted signal ends a wait.
 */
export function retryingPushes(
  engine: Engine,
  { onRetry, attempts = 5, baseDelay = 2000 }: RetryOptions,
): Engine {
  async function push(reference: string, onProgress: OnProgress, signal: AbortSignal) {
    for (let attempt = 1; ; attempt++) {
      try {
        return await engine.push(reference, onProgress, signal);
      } catch (error) {
        if (!(error instanceof TransientFailure)) throw error;
        const said = error.problems.map(({ message }) => message).join("; ");
        if (attempt >= attempts) throw afterAll(error, attempts);
        const delay = baseDelay * 2 ** (attempt - 1) * (0.5 + Math.random() / 2);
        onRetry(`${said}; trying again in ${(delay / 1000).toFixed(1)} s (${attempt + 1} of ${attempts})`);
        await sleep(delay, undefined, { signal }).catch(() => signal.throwIfAborted());
      }
    }
  }
  return { ...engine, push };
}

function afterAll(failure: TransientFailure, attempts: number): Refusal {
  const tries = attempts === 1 ? "" : ` (tried ${attempts} times)`;
  return new Refusal(
    ...failure.problems.map((problem) => ({ ...problem, message: problem.message + tries })),
  );
}
