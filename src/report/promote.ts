import type { PromotedTag, Promotion } from "../moves.ts";
import { table } from "./table.ts";
import { belowRepo, counted, shortDigest } from "./text.ts";

/** A promotion as a table for people, and what came of it in all; ends with a line break. */
export function promotionTable(promotion: Promotion): string {
  const { repo, tags, dryrun } = promotion;
  if (tags.length === 0) return "Nothing to promote: the catalog has no release.\n";
  const rows = tags.map(({ tag, was, is, result }) => {
    return [belowRepo(tag, repo), short(was), short(is), dryrun ? "" : resultText[result]];
  });
  return `${table([["TAG", "WAS", dryrun ? "WOULD BE" : "IS", dryrun ? "" : "RESULT"], ...rows])}\n${totals(promotion)}\n`;
}

const resultText: Readonly<Record<PromotedTag["result"], string>> = {
  moves: "moves",
  moved: "moved",
  same: "unchanged",
  failed: "not confirmed",
  skipped: "not moved",
};

function totals({ repo, tags, dryrun }: Promotion): string {
  const count = (...results: PromotedTag["result"][]) =>
    tags.filter(({ result }) => results.includes(result)).length;
  if (dryrun)
    return `${counted(count("moves"), "tag")} would move, ${count("same")} unchanged in ${repo}; nothing was written (--dryrun).`;
  const done = `${counted(count("moved"), "tag")} moved, ${count("same")} unchanged in ${repo}.`;
  const left = count("failed", "skipped");
  return left === 0
    ? done
    : `${done} ${left} are not known to have moved: the same command again completes it.`;
}

function short(digest: string | null): string {
  return digest === null ? "-" : shortDigest(digest);
}
