import { setTimeout as sleep } from "node:timers/promises";
import { Refusal } from "../problem.ts";
import type { Retry } from "./transport.ts";

/** Milliseconds between two looks for what has just been written, at first and at most. */
const [firstLook, slowestLook] = [250, 2000];

/** What was just written, which registries may show late. */
export interface Written {
  /** Says that names (`registry.example/sci/a:1.0`) were just written: for a while, a registry that lacks them is not believed. */
  readonly remember: (...names: readonly string[]) => void;
  /** What was found by one name is there by another one as well. */
  readonly alias: (name: string, other: string) => void;
  /**
   * Reads until there is something, if it is to be there: GHCR and Docker Hub answer 404 for a second or more to who asks for
   * what was just pushed.
   */
  readonly settled: <Found>(
    name: string,
    look: () => Promise<Found | undefined>,
  ) => Promise<Found | undefined>;
}

/** Keeps in mind what is written; `patience` (ms) is how long it may be missing. */
export function openWritten({
  patience,
  signal,
  onRetry,
}: {
  readonly patience: number;
  readonly signal: AbortSignal | undefined;
  readonly onRetry: ((retry: Retry) => void) | undefined;
}): Written {
  /** By name: until when it may be missing all the same. */
  const written = new Map<string, number>();
  return {
    remember(...names) {
      for (const name of names) written.set(name, performance.now() + patience);
    },
    alias(name, other) {
      const until = written.get(name);
      if (until !== undefined) written.set(other, until);
    },
    async settled(name, look) {
      const what = `read ${name}`;
      const begun = performance.now();
      for (let attempt = 1; ; attempt += 1) {
        const found = await look();
        const until = written.get(name);
        if (found !== undefined || until === undefined || until < begun) return found;
        const wait = Math.min(slowestLook, firstLook * 2 ** (attempt - 1), until - performance.now());
        if (wait <= 0)
          throw new Refusal({
            kind: "surroundings",
            message: `cannot ${what} yet: it was written, and the registry does not show it after ${patience / 1000} s`,
            hint: "run again: what is published already is kept",
          });
        onRetry?.({ what, reason: "it was just written, and is not shown yet", attempt, wait });
        await sleep(wait, undefined, signal && { signal }).catch(() => signal?.throwIfAborted());
      }
    },
  };
}
