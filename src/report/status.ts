import type { ImageStatus, Lag, Orphan, PublishedImage, Status } from "../status.ts";
import { table } from "./table.ts";
import { belowRepo, counted, minuteText, printable } from "./text.ts";

/** What is published as a table for people; ends with a line break. */
export function statusTable({ repo, images, orphans }: Status): string {
  const rows = [
    ...images.map((image) => [
      belowRepo(image.reference, repo),
      ...publishedText(image.published),
      stateText(image, repo),
    ]),
    ...orphans.map((orphan) => [
      belowRepo(orphan.reference, repo),
      ...publishedText(orphan.published),
      orphanText(orphan),
    ]),
  ];
  const count = (state: ImageStatus["state"]) => images.filter((image) => image.state === state).length;
  const retired = count("retired") + orphans.filter((orphan) => orphan.retired).length;
  const counts: readonly (readonly [number, string])[] = [
    [count("current"), "up to date"],
    [count("behind"), "behind"],
    [count("diverged"), "of another commit"],
    [count("rolled-back"), "rolled back"],
    [count("replaced"), "replaced"],
    [count("unreadable"), "unreadable"],
    [count("unpublished"), "never published"],
    [retired, "retired"],
    [orphans.filter((orphan) => !orphan.retired).length, "orphaned"],
  ];
  const totals = counts.filter(([number]) => number > 0).map(([number, what]) => `${number} ${what}`);
  const heads = ["IMAGE", "PUBLISHED", "DATE", "STATUS"];
  return `${table([heads, ...rows])}\n${totals.join(", ") || "no images"} in ${repo}\n`;
}

function publishedText(published: PublishedImage | null): readonly [string, string] {
  if (published === null) return ["-", "-"];
  return [
    published.stamp ?? published.digest.slice(0, 19),
    published.date === null ? "-" : minuteText(published.date),
  ];
}

function stateText({ state, behind, published, reference, heldBy }: ImageStatus, repo: string): string {
  switch (state) {
    case "current":
      return "up to date";
    case "unpublished":
      return "never published";
    case "retired":
      return "retired";
    case "behind":
      return `behind: ${lagTexts(behind)}`;
    case "diverged":
      return `built from ${published?.commit?.slice(0, 7) ?? "a commit"}, which does not lead to this one: newer, or of another branch`;
    case "replaced":
      return "replaced: it is not the build that it says it is, and its immutable tag names another image";
    case "unreadable":
      return printable(published?.unreadable ?? "");
    case "rolled-back": {
      const own = heldBy === reference || heldBy === null;
      const what = own ? "rolled back" : `stands on ${belowRepo(heldBy, repo)}, which was rolled back`;
      return behind.length === 0 ? what : `${what}; behind: ${lagTexts(behind)}`;
    }
  }
}

function lagTexts(behind: readonly Lag[]): string {
  if (behind.length === 0) return "made from other inputs";
  const uncounted = behind.filter(({ commits }) => commits === null);
  if (uncounted.length > 0) {
    const [lacking] = uncounted.flatMap(({ commit }) => commit ?? []);
    return lacking === undefined
      ? "its labels do not tell what it was built from"
      : `nobody can tell how far, this clone lacks a commit that it was built from (${lacking.slice(0, 7)})`;
  }
  return behind.map(lagText).join(", ");
}

function lagText({ directory, commits, uncommitted }: Lag): string {
  const far = counted(commits ?? 0, "commit");
  if (!uncommitted) return `${directory} by ${far}`;
  return commits === 0 ? `${directory} is not committed` : `${directory} by ${far} and what is not committed`;
}

function orphanText({ definition, commit, retired }: Orphan): string {
  const since = commit === null ? "" : ` since ${commit.slice(0, 7)} (${definition ?? ""})`;
  return retired ? `retired, and gone${since}` : `orphan: no layer makes it${since}, no more compat updates`;
}
