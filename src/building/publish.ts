import { setTimeout as sleep } from "node:timers/promises";
import { TransientFailure } from "../engine/engine.ts";
import type { Engine, OnProgress } from "../engine/engine.ts";
import { tryTransfer } from "../engine/retry.ts";
import type { RetryOptions } from "../engine/retry.ts";
import { inputsLabel } from "../planning/labels.ts";
import { Refusal } from "../problem.ts";
import type { Problem } from "../problem.ts";
import { hintOnWords, withHint } from "../registry/hosts.ts";
import type { Registry } from "../registry/registry.ts";
import type { PushResult, RunEvent, TransferProgress } from "../run.ts";
import { byDigest } from "./bases.ts";
import { isHeld, judgeMove, rollbackTag } from "./rolling.ts";
import type { Judge } from "./rolling.ts";
import { runSchedule } from "./schedule.ts";

/** Pushes at once: they wait for the network more than they work. */
const pushesAtOnce = 4;
/** How long (ms) another run at least has for a move that it has begun. */
const shortestWait = 100;
/** Moves at once: each is a few small requests. */
const movesAtOnce = 8;

interface Told {
  readonly onEvent: (event: RunEvent) => void;
  readonly signal: AbortSignal;
}

/** An image that the engine holds and the registry is to hold. */
export interface Push {
  readonly reference: string;
  /** The digest of the inputs that it was built from. */
  readonly inputs: string;
  /** The references of earlier pushes that have to be done first. */
  readonly needs: readonly string[];
}

/**
 * Pushes images, and looks in the registry whether each is the one that was built: another run on the same engine can
 * take a name away. What another run has published from the same inputs meanwhile is taken as it is. One that cannot
 * be pushed stops the rest. Never rejects for that.
 */
export async function pushAll(
  images: readonly Push[],
  {
    engine,
    registry,
    onEvent,
    signal,
    retry = {},
  }: Told & {
    readonly engine: Engine;
    readonly registry: Registry;
    readonly retry?: Omit<RetryOptions, "onRetry">;
  },
): Promise<PushResult[]> {
  const options = { ...retry, onRetry: (line: string) => onEvent({ kind: "retrying", line }) };
  const pushes = images.map((image): Publishing => ({
    reference: image.reference,
    needs: image.needs,
    publish: async (stop) => {
      const { reference, inputs } = image;
      let there = await registry.config(reference);
      const missing = there === undefined;
      if (missing) {
        onEvent({ kind: "uploading", reference });
        const tell = (progress: TransferProgress) => onEvent({ kind: "pushing", reference, ...progress });
        const push = (follow: OnProgress) => pushOnce(image, engine, registry, follow, stop);
        await tryTransfer(push, tell, stop, options);
        registry.wrote(reference);
        there = await registry.config(reference);
      }
      if (there?.labels[inputsLabel] !== inputs) throw new Refusal(replaced(reference));
      return { kind: missing ? "pushed" : "unchanged", reference, digest: there.digest };
    },
  }));
  return publishAll(pushes, { onEvent, signal, atOnce: pushesAtOnce });
}

/**
 * Pushes an image. What an engine says of a push that failed can be no more than `error from registry`: the registry itself is asked
 * whether the image is there, by this run or another one of the same inputs, and otherwise why it takes none.
 */
async function pushOnce(
  { reference, inputs }: Push,
  engine: Engine,
  registry: Registry,
  onProgress: OnProgress,
  stop: AbortSignal,
): Promise<void> {
  try {
    await engine.push(reference, onProgress, stop);
  } catch (error) {
    const ofPush = error instanceof Refusal && error.problems.every(({ kind }) => kind === "failure");
    if (!ofPush || stop.aborted) throw error;
    try {
      if ((await registry.config(reference))?.labels[inputsLabel] === inputs) return;
      await registry.requireWrite(reference);
    } catch (answer) {
      if (!(answer instanceof Refusal)) throw answer;
      throw explained(error, answer);
    }
    const known = withHint(error, hintOnWords(error.message));
    const isKnown = known.problems.some(({ hint }) => hint !== undefined);
    // The registry takes uploads, and nobody says what it had against this one.
    throw isKnown ? known : new TransientFailure(...known.problems);
  }
}

/** A push that failed, with what the registry says to the same. */
function explained(failure: Refusal, answer: Refusal): Refusal {
  const final = answer.problems.some(({ kind }) => kind === "failure");
  if (!final && failure instanceof TransientFailure) return failure;
  const [said] = answer.problems;
  const problems = failure.problems.map((problem) => ({
    ...problem,
    message: `${problem.message}; ${said?.message ?? ""}`,
    ...(said?.hint !== undefined && { hint: said.hint }),
  }));
  return final ? new Refusal(...problems) : new TransientFailure(...problems);
}

function replaced(reference: string): Problem {
  return {
    kind: "failure",
    message: `${reference} is not the image that this run built: another one took its name`,
    hint: "let one run at a time work for a commit on an engine",
  };
}

/** A tag that is to name what an immutable tag of the same repository names. */
export interface Retag {
  readonly tag: string;
  readonly immutable: string;
  /** The digest that it names, as far as the run knows. */
  readonly digest: string;
}

/**
 * Moves tags in the registry, by digest and without moving a layer; each is judged right before. One that must stay is
 * a result of its own, one that cannot be moved stops the rest. A run that judged a tag earlier can move it later, back
 * to its own older build: so there is a second look, once such a run has had the time for it, and the tag is judged again.
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
  let slowest = 0;
  const move = async (retag: Retag): Promise<PushResult> => {
    const begun = performance.now();
    const result = await moveTag(retag, { registry, ...judge });
    slowest = Math.max(slowest, performance.now() - begun);
    return result;
  };
  const results = new Map<string, PushResult>();
  for (let waiting = new Map(retags.map((retag) => [retag.tag, retag])); waiting.size > 0;) {
    const moves = [...waiting.values()].map((retag): Publishing => ({
      reference: retag.tag,
      needs: [],
      publish: () => move(retag),
    }));
    const moved = await publishAll(moves, { onEvent, signal, atOnce: movesAtOnce });
    for (const result of moved) results.set(result.reference, result);
    if (moved.some(({ kind }) => kind === "unpushed") || moved.every(({ kind }) => kind !== "pushed")) break;
    await sleep(Math.max(shortestWait, 2 * slowest), undefined, { signal }).catch(() => undefined);
    const overtaken = new Set(await movedBack(moved, registry));
    waiting = new Map([...waiting].filter(([tag]) => overtaken.has(tag)));
  }
  return [...results.values()];
}

/** The tags that were moved here and name something else by now. What cannot be asked any more counts as moved. */
async function movedBack(moved: readonly PushResult[], registry: Registry): Promise<readonly string[]> {
  const looks = moved.map(async (result) => {
    if (result.kind !== "pushed") return [];
    const there = await registry.resolve(result.reference).catch(() => undefined);
    return there === undefined || there.digest === result.digest ? [] : [result.reference];
  });
  return (await Promise.all(looks)).flat();
}

/** Other runs may move the same tag at the same time, and a registry moves one without asking where it was. */
async function moveTag(
  { tag, immutable, digest }: Retag,
  judge: Judge & { readonly registry: Registry },
): Promise<PushResult> {
  const { registry } = judge;
  const now = async (reference: string) => (await registry.resolve(reference))?.digest;
  let kind: "unchanged" | "pushed" = "unchanged";
  for (let wanted = digest; ;) {
    const move = await judgeMove(judge, tag, wanted);
    if (move.kind === "newer" || move.kind === "stays") {
      const stays = move.kind === "newer" ? "newer" : "kept";
      return { kind: stays, reference: tag, digest: move.from, why: move.why };
    }
    if (move.kind === "same") return { kind, reference: tag, digest: wanted };
    // It may have moved while it was looked at.
    if ((await now(tag)) !== (move.kind === "new" ? undefined : move.from)) continue;
    await putTag(registry, tag, wanted);
    kind = "pushed";
    // What was asked for by force is to be moved on by the next run, though somebody once took the tag back to it.
    if (judge.force && move.kind === "moves") await endHold(registry, tag, wanted, move.from);
    // Of two runs of one commit, the one that pushed last has the immutable tag: the other one follows it.
    const published = (await now(immutable)) ?? wanted;
    if (published === wanted) return { kind, reference: tag, digest: wanted };
    wanted = published;
  }
}

/** Ends the hold of a rolling tag at a digest, by a mark that names another one: not every registry deletes tags. */
async function endHold(registry: Registry, rolling: string, digest: string, other: string): Promise<void> {
  if (await isHeld(registry, rolling, digest)) await putTag(registry, rollbackTag(rolling, digest), other);
}

/** Points a tag at a digest in the same repository. */
export async function putTag(registry: Registry, reference: string, digest: string): Promise<void> {
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

interface Publishing {
  readonly reference: string;
  readonly needs: readonly string[];
  readonly publish: (stop: AbortSignal) => Promise<PushResult>;
}

async function publishAll(
  all: readonly Publishing[],
  { onEvent, signal, atOnce }: Told & { readonly atOnce: number },
): Promise<PushResult[]> {
  const tell = async ({ reference, publish }: Publishing, stop: AbortSignal) => {
    try {
      const result = await publish(stop);
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
  const tasks = all.map((publishing) => ({ ...publishing, id: publishing.reference }));
  const endings = await runSchedule(tasks, tell, { jobs: atOnce, keepGoing: false, signal });
  return all.map(({ reference }): PushResult => {
    const ending = endings.get(reference);
    if (ending?.kind === "done") return ending.value;
    if (ending?.kind !== "failed") return { kind: "unpushed", reference, problems: [] };
    if (!(ending.error instanceof Refusal)) throw ending.error;
    return { kind: "unpushed", reference, problems: ending.error.problems };
  });
}
