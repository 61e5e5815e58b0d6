import type { Engine } from "../engine/engine.ts";
import type { Plan } from "../model.ts";
import { Refusal } from "../problem.ts";
import type { PushResult, RunEvent } from "../run.ts";
import { runSchedule } from "./schedule.ts";

/** What publishing needs. */
export interface Publishing {
  readonly plan: Plan;
  readonly engine: Engine;
  readonly onEvent: (event: RunEvent) => void;
  readonly signal: AbortSignal;
}

/** Pushes at once: they wait for the network more than they work. */
const pushesAtOnce = 4;

/**
 * Pushes every immutable tag and then, only when all of them are in the registry, the rolling ones; none of those
 * where the plan is of a dirty working tree. A tag that cannot be pushed stops the rest. Never rejects for that.
 */
export async function publish(publishing: Publishing): Promise<readonly PushResult[]> {
  const { plan } = publishing;
  const immutable = await pushAll(
    publishing,
    plan.steps.map(({ tags }) => tags.immutable),
  );
  if (plan.build.dirty || immutable.some(({ kind }) => kind === "unpushed")) return immutable;
  return [
    ...immutable,
    ...(await pushAll(
      publishing,
      plan.steps.map(({ tags }) => tags.rolling),
    )),
  ];
}

async function pushAll(
  { engine, onEvent, signal }: Publishing,
  references: readonly string[],
): Promise<PushResult[]> {
  const push = async ({ id: reference }: { id: string }, stop: AbortSignal) => {
    try {
      const digest = await engine.push(
        reference,
        (line) => onEvent({ kind: "pushing", reference, line }),
        stop,
      );
      onEvent({ kind: "pushed", reference, digest });
      return digest;
    } catch (error) {
      // What another push's failure, or a signal, has stopped has no problem of its own.
      const failure = stop.aborted && !(error instanceof Refusal) ? new Refusal() : error;
      if (failure instanceof Refusal) onEvent({ kind: "unpushed", reference, problems: failure.problems });
      throw failure;
    }
  };
  const tasks = references.map((id) => ({ id, needs: [] }));
  const endings = await runSchedule(tasks, push, { jobs: pushesAtOnce, keepGoing: false, signal });
  return references.map((reference): PushResult => {
    const ending = endings.get(reference);
    if (ending?.kind === "done") return { kind: "pushed", reference, digest: ending.value };
    if (ending?.kind !== "failed") return { kind: "unpushed", reference, problems: [] };
    if (!(ending.error instanceof Refusal)) throw ending.error;
    return { kind: "unpushed", reference, problems: ending.error.problems };
  });
}
