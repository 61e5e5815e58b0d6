import type { Plan } from "../model.ts";
import type { Outlook, TagMove } from "../moves.ts";
import type { Log } from "./log.ts";
import { table } from "./table.ts";
import { belowRepo, json, shortDigest } from "./text.ts";

/** What publishing would do to each tag, as a table for people; ends with a line break. Empty where nothing would be built. */
export function movesTable(plan: Plan, moves: NonNullable<Outlook["moves"]>): string {
  if (plan.steps.length === 0) return "";
  const rows = [...moves.values()].flat().map((move) => [shortTag(plan, move), moveText(plan, move)]);
  return `${table([["TAG", "IF PUSHED"], ...rows])}\n${totals(moves)}\n`;
}

/** Logs what publishing would do: what becomes of the tags that move as warnings (`-v`), of immutable ones as info. */
export function logMoves(plan: Plan, moves: NonNullable<Outlook["moves"]>, log: Log): void {
  for (const [immutable, ...moving] of moves.values()) {
    if (immutable !== undefined) log.info(`tag ${shortTag(plan, immutable)}: ${moveText(plan, immutable)}`);
    for (const move of moving) log.warning(`tag ${shortTag(plan, move)}: ${moveText(plan, move)}`);
  }
  if (moves.size > 0) log.warning(totals(moves));
}

/** A plan as JSON, with what is known of each of its steps; ends with a line break. */
export function planJson(plan: Plan, { inputs, moves }: Outlook): string {
  const steps = plan.steps.map((step) => ({
    ...step,
    inputs: inputs.get(step.id),
    moves: moves?.get(step.id),
  }));
  return json({ ...plan, steps });
}

function totals(moves: NonNullable<Outlook["moves"]>): string {
  const all = [...moves.values()];
  const reused = all.filter(([immutable]) => immutable?.kind === "same").length;
  const staying = all.flat().filter(({ kind }) => kind === "stays").length;
  const stay =
    staying === 0
      ? ""
      : `; ${staying} ${staying === 1 ? "tag stays" : "tags stay"}, and the run would exit 1`;
  return `${all.length - reused} to build, ${reused} published already${stay}`;
}

/** Without the repository, which is the same for all. */
function shortTag({ repo }: Plan, { tag }: TagMove): string {
  return belowRepo(tag, repo);
}

function moveText({ build }: Plan, move: TagMove): string {
  switch (move.kind) {
    case "new":
      return "new";
    case "same":
      return `unchanged (${shortDigest(move.from)}…)`;
    case "moves":
      return `moves from ${holder(move)} to ${build.stamp}`;
    case "newer":
    case "stays":
      return `stays: ${move.why}`;
  }
}

function holder({ stamp, from }: { readonly stamp: string | undefined; readonly from: string }): string {
  return stamp ?? `${shortDigest(from)}…`;
}
