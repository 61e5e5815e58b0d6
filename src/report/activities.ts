import type { Plan } from "../model.ts";
import type { RunEvent, RunResult } from "../run.ts";

/** Something in a run that can take long. Times are in milliseconds on the clock of `performance.now()`. */
export interface Activity {
  readonly kind: "building" | "pulling" | "pushing";
  /** The id of the step, or the reference. */
  readonly name: string;
  readonly since: number;
  /** When it was last heard of. */
  heard: number;
  /** Which instruction of its Dockerfile is at work, `2/4`; empty while nobody knows. */
  instruction: string;
  /** The beginning of its last line of output. */
  line: string;
  bytes: number;
  total: number;
}

/** How far a run has come. */
export interface Activities {
  readonly follow: (event: RunEvent) => void;
  /** What goes on at the moment, the oldest first. */
  readonly running: () => readonly Activity[];
  /** When the last event came. */
  readonly heard: () => number;
  /** `3 of 8 images done, 2 running, 3 waiting, 4 of 16 tags published`, without what is none. */
  readonly counts: () => string;
}

/** How many tags a run with `push` is to publish. */
export function tagCount({ plan, named }: Pick<RunResult, "plan" | "named">): number {
  return plan.build.dirty ? plan.steps.length : 2 * plan.steps.length + named.length;
}

/** Keeps account of a run from its events; `tags` is how many it is to publish. */
export function watchActivities({ steps }: Plan, tags: number): Activities {
  const running = new Map<string, Activity>();
  const ended = { built: 0, reused: 0, failed: 0, cancelled: 0, skipped: 0 };
  /** Steps that are not, or will not be, there to be stood on. */
  const broken = new Set<string>();
  let published = 0;
  let heard = performance.now();

  const begin = (kind: Activity["kind"], name: string): Activity => {
    const known = running.get(name);
    if (known !== undefined) return Object.assign(known, { heard });
    const activity = { kind, name, since: heard, heard, instruction: "", line: "", bytes: 0, total: 0 };
    running.set(name, activity);
    return activity;
  };
  const breakOff = (id: string) => {
    broken.add(id);
    for (const step of steps) {
      if (broken.has(step.id) || !step.needs.some((need) => broken.has(need))) continue;
      broken.add(step.id);
      ended.skipped += 1;
    }
  };

  return {
    follow(event) {
      heard = performance.now();
      switch (event.kind) {
        case "started":
          begin("building", event.step.id);
          break;
        case "output":
          takeOutput(begin("building", event.step.id), event.line);
          break;
        case "ended":
          running.delete(event.result.step.id);
          ended[event.result.kind] += 1;
          if (event.result.kind === "reused") published += 1;
          else if (event.result.kind !== "built") breakOff(event.result.step.id);
          break;
        case "pulling":
        case "pushing": {
          const { kind, reference, line, bytes, total } = event;
          const activity = begin(kind, reference);
          Object.assign(activity, { line: line ?? activity.line, bytes, total });
          break;
        }
        case "uploading":
          begin("pushing", event.reference);
          break;
        case "pulled":
          running.delete(event.reference);
          break;
        case "published":
          running.delete(event.result.reference);
          if (event.result.kind === "pushed" || event.result.kind === "unchanged") published += 1;
          break;
        case "staying":
        case "overridden":
        case "pinned":
        case "retrying":
          break;
      }
    },
    running: () => [...running.values()],
    heard: () => heard,
    counts() {
      const { built, reused, failed, cancelled, skipped } = ended;
      const building = [...running.values()].filter(({ kind }) => kind === "building").length;
      const over = built + reused + failed + cancelled + skipped;
      const parts = [
        [failed, "failed"],
        [cancelled, "cancelled"],
        [skipped, "skipped"],
        [building, "running"],
        [steps.length - over - building, "waiting"],
      ] as const;
      const some = parts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
      const done = `${built + reused} of ${steps.length} images done`;
      const tagged = tags === 0 ? [] : [`${published} of ${tags} tags published`];
      return [done, ...some, ...tagged].join(", ");
    },
  };
}

/** How many characters of a line are kept: what a wide terminal shows. */
const keptOfLine = 300;

/** BuildKit says `#5 [2/4] RUN …`, the classic builder `Step 2/4 : RUN …`; with several stages it is `[stage-1 2/4]`. */
function takeOutput(activity: Activity, output: string): void {
  const text = output.replace(/^#\d+ /, "").trim();
  // The end of an instruction says less than the last of what it did.
  if (text === "" || /^(?:DONE [\d.]+s|CACHED)$/.test(text)) return;
  const begun = /^(?:\[(?:\S+ )?(\d+\/\d+)\]|Step (\d+\/\d+) :) (.*)$/.exec(text);
  activity.instruction = begun?.[1] ?? begun?.[2] ?? activity.instruction;
  activity.line = (begun?.[3] ?? text).slice(0, keptOfLine).replaceAll("\t", " ");
}
