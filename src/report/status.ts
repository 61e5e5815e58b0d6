import type { ImageStatus, Lag, Orphan, PublishedImage, Status } from "../status.ts";
import { differenceTexts } from "./plan.ts";
import { table } from "./table.ts";
import { belowRepo, counted, minuteText, missingCommit, printable } from "./text.ts";

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
  const retired =
    count("retired") + orphans.filter(({ retired: is, branch }) => is && branch === null).length;
  const counts: readonly (readonly [number, string])[] = [
    [count("current"), "up to date"],
    [count("behind"), "behind"],
    [count("diverged"), "of another commit"],
    [count("rolled-back"), "rolled back"],
    [count("replaced"), "replaced"],
    [count("unreadable"), "unreadable"],
    [count("unknown"), "not comparable"],
    [count("unpublished"), "never published"],
    [retired, "retired"],
    [orphans.filter(({ branch }) => branch !== null).length, "kept by another branch"],
    [orphans.filter((orphan) => !orphan.retired && orphan.branch === null).length, "orphaned"],
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

function stateText(image: ImageStatus, repo: string): string {
  const { state, behind, differs, published, reference, heldBy } = image;
  switch (state) {
    case "current":
      return "up to date";
    case "unpublished":
      return "never published";
    case "retired":
      return "retired";
    case "behind":
      return behindText(image);
    case "diverged":
      return `built from ${published?.commit?.slice(0, 7) ?? "a commit"}, newer or on another branch`;
    case "replaced":
      return "replaced: not the build that its labels name, whose immutable tag names another image";
    case "unknown":
      return missingCommit(
        behind.flatMap(({ commit, commits }) => (commits === null ? (commit ?? []) : []))[0] ?? "",
      );
    case "unreadable":
      return printable(published?.unreadable ?? "");
    case "rolled-back": {
      const own = heldBy === reference || heldBy === null;
      const what = own ? "rolled back" : `stands on ${belowRepo(heldBy, repo)}, which was rolled back`;
      return behind.length === 0 || differs.length === 0 ? what : `${what}; ${behindText(image)}`;
    }
  }
}

const untold = "its labels do not say what it was built from";

function behindText({ behind, differs }: ImageStatus): string {
  const [difference = "unknown"] = differs;
  if (difference === "unknown") return untold;
  if (behind.length === 0) return differenceTexts[difference].replace(/^is /, "");
  const uncounted = behind.filter(({ commits }) => commits === null);
  if (uncounted.length === 0) return `behind: ${behind.map(lagText).join(", ")}`;
  const [lacking] = uncounted.flatMap(({ commit }) => commit ?? []);
  return lacking === undefined
    ? untold
    : `behind, unknown by how much: commit ${lacking.slice(0, 7)} is not in this clone (git fetch)`;
}

function lagText({ directory, commits, uncommitted }: Lag): string {
  const far = counted(commits ?? 0, "commit");
  if (!uncommitted) return `${directory} by ${far}`;
  return commits === 0
    ? `uncommitted changes in ${directory}`
    : `${directory} by ${far} and uncommitted changes`;
}

function orphanText({ definition, commit, retired, branch }: Orphan): string {
  if (branch !== null) return printable(`kept by branch ${branch}`);
  const since = commit === null ? "" : ` since ${commit.slice(0, 7)} (${definition ?? ""})`;
  return retired ? `retired, and gone${since}` : `orphan: no layer makes it${since}, no more compat updates`;
}
