import type { Plan } from "../model.ts";
import type { RunEvent, RunResult } from "../run.ts";
import { tagCount, watchActivities } from "./activities.ts";
import type { Activities, Activity } from "./activities.ts";
import type { Log } from "./log.ts";
import { followRun } from "./run.ts";
import { durationText, printable, transferText } from "./text.ts";

/** `tty` keeps a live area below the lines; `plain` has lines alone. */
export type ProgressMode = "plain" | "tty";

/** What it takes to show a run. */
export interface ProgressSettings {
  readonly mode: ProgressMode;
  readonly log: Log;
  /** The number of `-v`. */
  readonly verbosity: number;
  readonly plan: Plan;
  readonly push: boolean;
  /** Further tags that the run is to publish. */
  readonly named: RunResult["named"];
}

/** After how much silence (ms) of something that runs a plain line says that it still does: CI gives up on silent jobs. */
const heartbeat = 60_000;

/** A run on its way to a person. */
export interface Progress {
  readonly follow: (event: RunEvent) => void;
  /** Settles when all is written, and only that is left on the terminal. */
  readonly end: () => Promise<void>;
}

/** Shows a run on standard error. */
export async function showProgress(settings: ProgressSettings): Promise<Progress> {
  const { mode, log, verbosity, plan, push } = settings;
  const live = mode === "tty";
  const buildOutput = verbosity >= 2;
  const tell = followRun({ log, write: log.progress, buildOutput, live, steps: plan.steps.length });
  const activities = watchActivities(plan, push ? tagCount(settings) : 0);
  let timer: NodeJS.Timeout | undefined;
  if (live) {
    const { openLiveArea } = await import("./live.ts");
    log.keepBelow(() => openLiveArea(process.stderr, activities, plan.repo));
  } else {
    const beat = heartbeats(activities, buildOutput);
    timer = setInterval(() => {
      for (const line of beat()) log.progress(`${line}\n`);
    }, 1000);
  }
  return {
    follow(event) {
      activities.follow(event);
      tell(event);
    },
    end() {
      clearInterval(timer);
      return log.settle();
    },
  };
}

/** Gives what is to be said at the moment of that which nothing was said of for long. */
function heartbeats(activities: Activities, buildOutput: boolean): () => readonly string[] {
  const begun = performance.now();
  const told = new Map<Activity, number>();
  let toldIdle = begun;
  return () => {
    const now = performance.now();
    const running = activities.running();
    const due = running.filter((activity) => {
      const said = buildOutput && activity.kind === "building" ? activity.heard : activity.since;
      return now - Math.max(said, told.get(activity) ?? 0) >= heartbeat;
    });
    for (const activity of due) told.set(activity, now);
    if (running.length > 0) return due.map((activity) => stillText(activity, now));
    if (now - Math.max(toldIdle, activities.heard()) < heartbeat) return [];
    toldIdle = now;
    return [`still at work after ${durationText((now - begun) / 1000)}: ${activities.counts()}`];
  };
}

function stillText(activity: Activity, now: number): string {
  const { kind, name, since, line } = activity;
  const still = `${name}: still ${kind} after ${durationText((now - since) / 1000)}`;
  const detail = kind === "building" ? line : transferText(activity);
  return detail === "" ? still : `${still}: ${printable(detail)}`;
}
