import { stripVTControlCharacters } from "node:util";
import { withoutLogins } from "../logins.ts";
import type { Build, Plan, Reason, Step } from "../model.ts";
import { describeProblem } from "../problem.ts";
import type { Problem } from "../problem.ts";
import type { PushResult, RunEvent, RunResult, StepResult } from "../run.ts";

/** A run as its reports tell it, and the JSON of `--report FILE.json`: docs/run.schema.json says what each key means. */
export interface RunReport {
  readonly formatVersion: 1;
  readonly result: RunEnding["result"];
  readonly exitCode: number;
  /** Times are in RFC 3339. */
  readonly started: string;
  readonly ended: string;
  readonly seconds: number;
  readonly repo: string;
  readonly ref: string | null;
  /** Null where the run ended before its plan was made. */
  readonly build: Build | null;
  readonly push: boolean;
  readonly steps: readonly StepReport[];
  /** What was wrong with the run as a whole; what went wrong with a step is told there. */
  readonly problems: readonly Problem[];
}

/** A step of the plan and what became of it. */
export interface StepReport {
  readonly id: string;
  readonly kind: Step["kind"];
  readonly image: string;
  readonly version: string;
  readonly needs: readonly string[];
  readonly because: readonly Reason[];
  readonly result: StepResult["kind"] | "planned";
  /** Whether the build cache gave everything, and nothing ran; null where nothing was built. */
  readonly cached: boolean | null;
  /** The step whose failure kept this one from being started. */
  readonly blockedBy: string | null;
  readonly started: string | null;
  readonly ended: string | null;
  readonly seconds: number | null;
  /** What it was finally built on; an empty digest where nobody knows it. */
  readonly base: { readonly reference: string; readonly digest: string } | null;
  /** The engine's own identity of the image that was built. */
  readonly imageId: string | null;
  /** That of the manifest in the registry. */
  readonly digest: string | null;
  readonly tags: readonly TagReport[];
  readonly problems: readonly Problem[];
  /** The last lines of a failed build. */
  readonly output: readonly string[];
}

/** A tag of a step: where it names the step's image, or why it does not. */
export interface TagReport {
  readonly reference: string;
  readonly kind: "immutable" | "rolling" | "named";
  /**
   * `local`: in the engine alone; `newer`: it names the image of a later commit; `kept`: it must not move from another image;
   * `none`: the run made no such tag.
   */
  readonly state: "published" | "local" | "newer" | "kept" | "failed" | "none";
  /** The run made it name the image; false also where it named it before. */
  readonly moved: boolean;
  /** What the tag names in the registry, as far as the run knows. */
  readonly digest: string | null;
  readonly why: string | null;
  readonly problems: readonly Problem[];
}

/** How a run ended in all. `refused`: before the first build. */
export interface RunEnding {
  readonly result: "planned" | "done" | "failed" | "cancelled" | "refused";
  readonly exitCode: number;
  readonly problems: readonly Problem[];
}

/** Takes down what happens in a run, so that it can be told at any time. */
export interface RunRecord {
  /** Takes the plan, with the further tags of its releases as pairs of a tag and the immutable tag whose image it gets. */
  readonly plan: (plan: Plan, named: readonly (readonly [tag: string, immutable: string])[]) => void;
  readonly follow: (event: RunEvent) => void;
  /** Takes what no event tells: steps that were not started or are published already, and a problem of the run itself. */
  readonly finish: (result: RunResult, problem: Problem | undefined) => void;
  readonly hasStarted: () => boolean;
  readonly report: (ending: RunEnding) => RunReport;
}

/** Begins the record of a run; its times are those at which it is told of something. */
export function recordRun({ repo, push }: { readonly repo: string; readonly push: boolean }): RunRecord {
  const began = new Date();
  const starts = new Map<string, Date>();
  const ends = new Map<string, Date>();
  const bases = new Map<string, StepReport["base"]>();
  const results = new Map<string, StepResult>();
  const pushes = new Map<string, PushResult>();
  const own: Problem[] = [];
  let planned: Plan | undefined;
  let namedTags: Parameters<RunRecord["plan"]>[1] = [];

  function stepReport(step: Step, ending: RunEnding["result"], now: Date): StepReport {
    const { id, kind, image, version, needs, because } = step;
    const started = starts.get(id);
    const ended = ends.get(id) ?? (started === undefined ? undefined : now);
    const result = results.get(id);
    const unfinished = started === undefined ? "skipped" : "cancelled";
    const tags = tagReports(step, result);
    return {
      id,
      kind,
      image,
      version,
      needs,
      because,
      result: result?.kind ?? (ending === "planned" ? "planned" : unfinished),
      cached: result?.kind === "built" ? result.cached : null,
      blockedBy: result?.kind === "skipped" ? (result.on ?? null) : null,
      started: started?.toISOString() ?? null,
      ended: ended?.toISOString() ?? null,
      seconds: started === undefined || ended === undefined ? null : secondsBetween(started, ended),
      base: bases.get(id) ?? null,
      imageId: result?.kind === "built" ? result.id : null,
      digest: tags.find((tag) => tag.kind === "immutable")?.digest ?? null,
      tags,
      problems: result?.kind === "failed" ? result.problems.map(plainProblem) : [],
      output: result?.kind === "failed" ? result.tail.map(plain) : [],
    };
  }

  function tagReports({ tags }: Step, result: StepResult | undefined): TagReport[] {
    const named = namedTags.filter(([, immutable]) => immutable === tags.immutable);
    const all = [
      { reference: tags.immutable, kind: "immutable" as const },
      ...(planned?.build.dirty === true ? [] : [{ reference: tags.rolling, kind: "rolling" as const }]),
      ...named.map(([reference]) => ({ reference, kind: "named" as const })),
    ];
    return all.map((tag) => tagReport(tag, result, pushes.get(tag.reference)));
  }

  return {
    plan: (plan, named) => {
      planned = plan;
      namedTags = named;
    },
    follow: (event) => {
      if (event.kind === "started") starts.set(event.step.id, new Date());
      if (event.kind === "pinned") bases.set(event.step.id, { reference: event.base, digest: event.digest });
      if (event.kind === "published") pushes.set(event.result.reference, event.result);
      if (event.kind !== "ended") return;
      results.set(event.result.step.id, event.result);
      ends.set(event.result.step.id, new Date());
    },
    finish: (result, problem) => {
      if (problem !== undefined) own.push(problem);
      for (const each of result.steps) results.set(each.step.id, each);
      for (const each of result.pushes) pushes.set(each.reference, each);
    },
    hasStarted: () => starts.size > 0,
    report: ({ result, exitCode, problems }) => {
      const now = new Date();
      return {
        formatVersion: 1,
        result,
        exitCode,
        started: began.toISOString(),
        ended: now.toISOString(),
        seconds: secondsBetween(began, now),
        repo,
        ref: planned?.ref ?? null,
        build: planned?.build ?? null,
        push,
        steps:
          result === "refused" ? [] : (planned?.steps ?? []).map((step) => stepReport(step, result, now)),
        problems: [...problems, ...own].map(plainProblem),
      };
    },
  };
}

/** Why tags of a step do not name its image, a line each, as it is said while the run goes on. */
export function tagFailures({ tags }: StepReport): string[] {
  return tags.flatMap(({ reference, state, why, problems }) =>
    state === "kept" ? [`${reference} stays where it is: ${why ?? ""}`] : problems.map(describeProblem),
  );
}

function tagReport(
  tag: Pick<TagReport, "reference" | "kind">,
  result: StepResult | undefined,
  push: PushResult | undefined,
): TagReport {
  const inEngine = result?.kind === "built" && tag.kind !== "named";
  const state = inEngine ? "local" : "none";
  const told = { ...tag, state, moved: false, digest: null, why: null, problems: [] } as const;
  if (push?.kind === "pushed" || push?.kind === "unchanged")
    return { ...told, state: "published", moved: push.kind === "pushed", digest: push.digest };
  if (push?.kind === "newer" || push?.kind === "kept")
    return { ...told, state: push.kind, digest: push.digest, why: plain(push.why) };
  // Without a problem of its own it was only stopped, by another one's or a signal.
  if (push?.kind === "unpushed" && push.problems.length > 0)
    return { ...told, state: "failed", problems: push.problems.map(plainProblem) };
  if (result?.kind === "reused" && tag.kind === "immutable")
    return { ...told, state: "published", digest: result.digest };
  return told;
}

/** Never below 0, as a clock that is set back would have it. */
function secondsBetween(start: Date, end: Date): number {
  return Math.max(0, end.getTime() - start.getTime()) / 1000;
}

/** A problem fit to be kept: see {@link plain}. */
export function plainProblem(problem: Problem): Problem {
  const { message, hint } = problem;
  return { ...problem, message: plain(message), ...(hint === undefined ? {} : { hint: plain(hint) }) };
}

/** What engines, registries and builds said, fit to be kept: without colours, and without the logins of URLs. */
function plain(text: string): string {
  return withoutLogins(stripVTControlCharacters(text));
}
