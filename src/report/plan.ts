import type { Plan, Reason, Step } from "../model.ts";
import type { Log } from "./log.ts";
import { table } from "./table.ts";

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

/** A plan as a table for people; ends with a line break. */
export function planTable(plan: Plan): string {
  if (plan.steps.length === 0) return nothingToBuild(plan);
  const rows = plan.steps.map((step) => [step.id, step.tags.immutable, why(step)]);
  const science = plan.steps.filter(({ kind }) => kind === "science").length;
  const { stamp, dirty } = plan.build;
  const totals = `${science} science builds and ${plan.steps.length - science} compat builds for ${stamp}${since(plan)}`;
  const warning = dirty
    ? "The working tree differs from the commit in what is built: the tags end in -dirty.\n"
    : "";
  return `${table([["STEP", "MAKES", "BECAUSE"], ...rows])}\n${totals}\n${warning}`;
}

/** What there is to say of a plan without steps; ends with a line break. */
export function nothingToBuild(plan: Plan): string {
  return plan.ref === null ? "Nothing to build.\n" : `Nothing to build: no layer changed${since(plan)}.\n`;
}

function since({ ref }: Plan): string {
  return ref === null ? "" : `, changes of ${ref}`;
}

/** `nist-basic:2.0-42-f90dbd6, nist-basic:2.0`, as the original tool prints it; no rolling tag moves to a dirty build. */
function tagNames({ tags }: Step, { build }: Plan): string {
  const made = build.dirty ? [tags.immutable] : [tags.immutable, tags.rolling];
  return made.map((tag) => tag.slice(tag.lastIndexOf("/") + 1)).join(", ");
}

function why(step: Step): string {
  return step.because.map(reasonText).join("; ");
}

function reasonText(reason: Reason): string {
  switch (reason.kind) {
    case "changed":
      return `${paths(reason.paths)} changed`;
    case "base":
      return `stands on ${reason.step}`;
    case "compat":
      return `compat layer ${reason.compat}: ${paths(reason.paths)} changed`;
    case "requested":
      return "asked for";
    case "unpublished":
      return "not in the registry";
    case "stale":
      return reason.differs.includes("image")
        ? "what is published is not the build that it says it is"
        : `what is published was made from other inputs (${reason.differs.join(", ")})`;
  }
}

/** Enough to recognise the change; the JSON has them all. */
function paths(all: readonly string[]): string {
  const shown = all.slice(0, 3).join(", ");
  return all.length > 3 ? `${shown} and ${all.length - 3} more` : shown;
}
