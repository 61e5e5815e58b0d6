import type { Engine } from "../engine/engine.ts";
import { inputsLabel } from "../planning/labels.ts";
import { Refusal } from "../problem.ts";
import type { Problem } from "../problem.ts";
import type { Registry, RegistryReader } from "../registry/registry.ts";
import type { PushResult, RunEvent } from "../run.ts";
import { byDigest } from "./bases.ts";
import { judgeMove } from "./rolling.ts";
import type { Judge } from "./rolling.ts";
import { runSchedule } from "./schedule.ts";

/** Pushes at once: they wait for the network more than they work. */
const pushesAtOnce = 4;
/** Moves at once: each is a few small requests. */
const movesAtOnce = 8;

interface Told {
  readonly onEvent: (event: RunEvent) => void;
  readonly signal: AbortSignal;
}

/**
 * Pushes references that the engine holds, each with the digest of the inputs that it was built from, and looks in the
 * registry whether it is that: another run on the same engine can take a name away. One that cannot be pushed stops
 * the rest. Never rejects for that.
 */
export async function pushAll(
  inputs: ReadonlyMap<string, string>,
  {
    engine,
    registry,
    onEvent,
    signal,
  }: Told & { readonly engine: Engine; readonly registry: RegistryReader },
): Promise<PushResult[]> {
  return publishAll(
    [...inputs.keys()],
    { onEvent, signal, atOnce: pushesAtOnce },
    async (reference, stop) => {
      onEvent({ kind: "uploading", reference });
      const digest = await engine.push(
        reference,
        (line) => onEvent({ kind: "pushing", reference, line }),
        stop,
      );
      const there = await registry.config(reference);
      if (there?.digest !== digest || there.labels[inputsLabel] !== inputs.get(reference))
        throw new Refusal(replaced(reference));
      return { kind: "pushed", reference, digest };
    },
  );
}

function replaced(reference: string): Problem {
  return {
    kind: "failure",
    message: `${reference} is not the image that this run built: another one took its name`,
    hint: "let one run at a time work for a commit on an engine",
  };
}

/** A tag that is to name what another reference of the same repository names. */
export interface Retag {
  readonly tag: string;
  /** The digest that it is to name. */
  readonly digest: string;
}

/**
 * Moves tags in the registry, by digest and without moving a layer; each is judged right before. One that must stay is
 * a result of its own, one that cannot be moved stops the rest.
 */
export async function moveTags(
  retags: readonly Retag[],
  {
    judge,
    registry,
    onEvent,
    signal,
  }: Told & { readonly judge: Omit<Judge, "registry">; readonly registry: Registry },
): Promise<PushResult[]> {
  const digests = new Map(retags.map(({ tag, digest }) => [tag, digest]));
  return publishAll([...digests.keys()], { onEvent, signal, atOnce: movesAtOnce }, async (reference) => {
    const digest = digests.get(reference) ?? "";
    const move = await judgeMove({ registry, ...judge }, reference, digest);
    if (move.kind === "stays") return { kind: "kept", reference, digest: move.from, why: move.why };
    if (move.kind !== "same") await putTag(registry, reference, digest);
    return { kind: "pushed", reference, digest };
  });
}

/** Makes a tag name a digest of its own repository. */
async function putTag(registry: Registry, reference: string, digest: string): Promise<void> {
  const manifest = await registry.manifest(byDigest(reference, digest));
  if (manifest === undefined) {
    throw new Refusal({
      kind: "surroundings",
      message: `${byDigest(reference, digest)} is not in the registry any more`,
      hint: "somebody deletes images there: run again",
    });
  }
  const colon = reference.lastIndexOf(":");
  await registry.putTag(reference.slice(0, colon), reference.slice(colon + 1), manifest);
}

async function publishAll(
  references: readonly string[],
  { onEvent, signal, atOnce }: Told & { readonly atOnce: number },
  publish: (reference: string, stop: AbortSignal) => Promise<PushResult>,
): Promise<PushResult[]> {
  const tell = async ({ id: reference }: { id: string }, stop: AbortSignal) => {
    try {
      const result = await publish(reference, stop);
      onEvent({ kind: "published", result });
      return result;
    } catch (error) {
      // What another one's failure, or a signal, has stopped has no problem of its own.
      const failure = stop.aborted && !(error instanceof Refusal) ? new Refusal() : error;
      if (failure instanceof Refusal)
        onEvent({ kind: "published", result: { kind: "unpushed", reference, problems: failure.problems } });
      throw failure;
    }
  };
  const tasks = references.map((id) => ({ id, needs: [] }));
  const endings = await runSchedule(tasks, tell, { jobs: atOnce, keepGoing: false, signal });
  return references.map((reference): PushResult => {
    const ending = endings.get(reference);
    if (ending?.kind === "done") return ending.value;
    if (ending?.kind !== "failed") return { kind: "unpushed", reference, problems: [] };
    if (!(ending.error instanceof Refusal)) throw ending.error;
    return { kind: "unpushed", reference, problems: ending.error.problems };
  });
}
