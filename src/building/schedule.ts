/** How a task of a schedule ended. */
export type Ending<T> =
  | { readonly kind: "done"; readonly value: T }
  | { readonly kind: "failed"; readonly error: unknown }
  /** It was not started: `on` names the task that it stands on, or is undefined where the whole run was stopped. */
  | { readonly kind: "skipped"; readonly on: string | undefined };

/** A task of a schedule. */
interface Task {
  readonly id: string;
  /** Ids of earlier tasks that have to be done first. */
  readonly needs: readonly string[];
}

/**
 * Runs tasks side by side, at most `jobs` at a time, each as soon as what it needs is done; those that come first in
 * the list start first. After a failure nothing more is started, and the signal given to the running ones is aborted;
 * with `keepGoing` all that does not stand on the failed one goes on. Never rejects for a task.
 */
export async function runSchedule<K extends Task, T>(
  tasks: readonly K[],
  run: (task: K, signal: AbortSignal) => Promise<T>,
  options: { readonly jobs: number; readonly keepGoing: boolean; readonly signal: AbortSignal },
): Promise<ReadonlyMap<string, Ending<T>>> {
  const endings = new Map<string, Ending<T>>();
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const running = new Map<string, Promise<void>>();
  const waiting = new Set(tasks);

  const start = async (task: K) => {
    try {
      endings.set(task.id, { kind: "done", value: await run(task, signal) });
    } catch (error) {
      endings.set(task.id, { kind: "failed", error });
      if (!options.keepGoing) stop.abort();
    } finally {
      running.delete(task.id);
    }
  };
  const settle = (task: K) => {
    const broken = task.needs.find((id) => endings.has(id) && endings.get(id)?.kind !== "done");
    const ready = task.needs.every((id) => endings.get(id)?.kind === "done");
    if (broken !== undefined || signal.aborted) {
      waiting.delete(task);
      endings.set(task.id, { kind: "skipped", on: broken });
    } else if (ready && running.size < options.jobs) {
      waiting.delete(task);
      running.set(task.id, start(task));
    }
  };

  while (waiting.size > 0 || running.size > 0) {
    // In the order of the list, in which whatever is needed stands first: one pass settles all that can be.
    for (const task of waiting) settle(task);
    if (running.size > 0) await Promise.race(running.values());
    else if (waiting.size > 0) throw new Error("a task needs what is not in the schedule");
  }
  return endings;
}
