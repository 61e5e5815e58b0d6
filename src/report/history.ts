import type { History, NamedBase } from "../published.ts";
import { table } from "./table.ts";
import { belowRepo, minuteText, printable, shortDigest } from "./text.ts";

/** A history as a table for people; bases below `repo` are shown without it. Ends with a line break. */
export function historyTable({ reference, builds }: History, repo: string): string {
  if (builds.length === 0) return `Nothing of ${reference} has been published yet.\n`;
  const rows = builds.map(({ stamp, date, digest, base, tags, unreadable }) => [
    stamp,
    minuteText(date),
    shortDigest(digest),
    baseText(base, repo),
    unreadable === null ? tags.join(", ") : [...tags, "cannot be read"].join(", "),
  ]);
  return `${reference}\n\n${table([["STAMP", "BUILT", "DIGEST", "ON", "TAGS NOW"], ...rows])}`;
}

function baseText(base: NamedBase | null, repo: string): string {
  if (base === null) return "unknown";
  return printable(belowRepo(base.name, repo));
}
