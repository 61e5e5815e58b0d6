import type { Deviation, Difference, Idle, Plan, Reason, Step, Uncommitted } from "../model.ts";
import { printable } from "../problem.ts";
import { isRange } from "../ref.ts";
import type { Log } from "./log.ts";

/** Logs a plan: its final images and totals as warnings (`-v`), each build and why it is there as info (`-vv`). */
export function logPlan(plan: Plan, log: Log): void {
  for (const step of plan.steps) {
    log.info(
      `${step.kind} build ${step.id} => ${tagNames(step, plan)} on ${step.bases.join(", ") || "nothing"}: ${why(step)}`,
    );
  }
  for (const step of plan.steps) {
    if (step.kind === "compat")
      log.warning(`change results in final image ${step.image} => ${tagNames(step, plan)}`);
  }
  const science = plan.steps.filter(({ kind }) => kind === "science").length;
  log.warning(
    `final plan includes ${science} science builds and ${plan.steps.length - science} compat builds`,
  );
}

/** `2 science builds and 1 compat build for 42-f90dbd6, changes since HEAD^`; `name` writes what people named. */
export function planTotals(plan: Plan, name = printable): string {
  const science = plan.steps.filter(({ kind }) => kind === "science").length;
  const counts = `${countOf(science, "science build")} and ${countOf(plan.steps.length - science, "compat build")}`;
  const changes = plan.ref === null ? "" : `, changes ${since(plan.ref, name)}`;
  const limit = plan.images === undefined ? "" : `, limited to ${plan.images.map(name).join(", ")}`;
  return `${counts} for ${name(stampOf(plan))}${changes}${limit}`;
}

/** What follows every version in the immutable tags of a plan. */
export function stampOf({ build: { stamp, dirty } }: Pick<Plan, "build">): string {
  return dirty ? `${stamp}-dirty` : stamp;
}

/** A line for each image that the change of a plan was let to orphan; `name` writes what people named. */
export function orphanLines({ orphans = [] }: Plan, name = printable): readonly string[] {
  return orphans.map(({ kind, name: orphan, definition }) => {
    const lost = kind === "release" ? "compat updates" : "updates";
    return `Orphaned by this change: ${name(orphan)} (${name(definition)}): no more ${lost}.`;
  });
}

/** What there is to say of a plan without steps; ends with a line break. */
export function nothingToBuild(plan: Plan, name = printable): string {
  if (plan.images !== undefined) return `Nothing to build for ${plan.images.map(name).join(", ")}.\n`;
  if (plan.ref === null) return "Nothing to build.\n";
  const { idle = [] } = plan;
  const lines = idle.map((each) => `- ${idleText[each.kind]}: ${paths(each.paths, name)}\n`);
  const changed = idle.some(({ kind }) => changesLayers.has(kind));
  const what = changed ? "what changed makes no image" : "no layer changed";
  return `Nothing to build: ${what} ${since(plan.ref, name)}.\n${lines.join("")}`;
}

const changesLayers: ReadonlySet<Idle["kind"]> = new Set(["unused", "retired", "only-retired", "ignored"]);

const idleText: Readonly<Record<Idle["kind"], string>> = {
  unused: "changed, but no science layer uses it",
  retired: "changed, but only retired images are made of it",
  "only-retired": "changed only to retire an image",
  ignored: "changed, but kept out by --ignore",
  dockerignored: "changed, but kept out of the image by .dockerignore or ignoreFiles",
  outside: "changed, but in no layer",
  uncommitted: "not committed, while commits are compared",
  untracked: "untracked (run git add, or pass --untracked)",
  "git-ignored": "ignored by git, so never a change",
};

/** `since HEAD^`; of a range, `in v1..v2`. */
export function since(ref: string, name = printable): string {
  return `${isRange(ref) ? "in" : "since"} ${name(ref)}`;
}

function countOf(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}

/** `nist-basic:2.0-42-f90dbd6, nist-basic:2.0`, as the original tool prints it; no rolling tag moves to a dirty build. */
function tagNames({ tags }: Step, { build }: Plan): string {
  const made = build.dirty ? [tags.immutable] : [tags.immutable, tags.rolling];
  return made.map((tag) => tag.slice(tag.lastIndexOf("/") + 1)).join(", ");
}

/** Enough reasons to see why a step is in a plan; the JSON has them all. */
const reasonsShown = 5;

/** The reasons of a step, in one line; `name` writes the steps and paths that it names. */
export function why({ because }: Pick<Step, "because">, name = printable): string {
  const reasons = because.slice(0, reasonsShown).map((reason) => reasonText(reason, name));
  const more = because.length - reasons.length;
  return [...reasons, ...(more > 0 ? [`and ${more} more`] : [])].join("; ");
}

function reasonText(reason: Reason, name: typeof printable): string {
  switch (reason.kind) {
    case "changed":
      return `${paths(reason.paths, name)} changed`;
    case "base":
      return `its base ${name(reason.step)} is rebuilt`;
    case "compat":
      return `compat layer ${name(reason.compat)}: ${paths(reason.paths, name)} changed`;
    case "requested":
      return "requested";
    case "unpublished":
      return "not in the registry";
    case "stale":
      return staleText(reason);
  }
}

/** What is wrong with a published image, for which it is built again. */
export function staleText({ differs }: Extract<Reason, { kind: "stale" }>): string {
  return `published image ${differs.map((what) => differenceTexts[what]).join(", ")}`;
}

export const differenceTexts: Readonly<Record<Difference, string>> = {
  files: "is out of date: its files changed",
  compat: "is out of date: its compat layers changed",
  base: "is out of date: its base changed",
  image: "is not the build that its labels name",
  unknown: "does not say what it was built from",
};

/** Enough paths to recognise a change; the JSON has them all. */
export function paths(all: readonly string[], name = printable): string {
  const shown = all.slice(0, 3).map(name).join(", ");
  return all.length > 3 ? `${shown} and ${all.length - 3} more` : shown;
}

/** The first files that make a build dirty, each with how it differs; `name` writes their paths. */
export function uncommittedText(all: readonly Uncommitted[], name = printable): string {
  const shown = all.slice(0, 3).map(({ path, how }) => `${name(path)} (${deviationText[how]})`);
  return all.length > 3 ? `${shown.join(", ")} and ${all.length - 3} more` : shown.join(", ");
}

const deviationText: Readonly<Record<Deviation, string>> = {
  modified: "modified",
  added: "not committed",
  deleted: "deleted",
  mode: "file mode changed",
  untracked: "untracked",
  ignored: "ignored by git",
  hidden: "modified, hidden from git status",
  converted: "converted by git",
  pointer: "Git LFS pointer",
  submodule: "submodule not initialised",
  absent: "not checked out",
};
