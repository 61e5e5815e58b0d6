import { configurationName } from "../conventions.ts";
import type { Cause, ChangedFile, Obstacle, Why } from "../why.ts";
import type { Commit } from "../model.ts";
import { paths, since, staleText } from "./plan.ts";
import { table } from "./table.ts";
import { commitText, missingCommit, printable } from "./text.ts";

/** Enough to recognise a change; the JSON has them all. */
const filesShown = 5;
const commitsShown = 5;
const causesShown = 20;
/** Of a chain: its beginning and its end. */
const linksShown = 10;

/** Why an image is built or why it is not, for people. Ends with a line break. */
export function whyText(why: Why): string {
  const { id, ref, builds, causes } = why;
  if (builds === null) return notBuilt(why);
  const chains = causes.slice(0, causesShown).map((cause) => `\n${causeText(cause, ref)}`);
  const more = causes.length > causesShown ? `\nand ${causes.length - causesShown} more causes\n` : "";
  return `${id} is built${ref === null ? "" : `, for changes ${since(ref)}`}:\n${builds}\n${chains.join("")}${more}`;
}

/** The commits with the files that they touch, and below them the chain as a tree. */
function causeText({ reason, files, chain }: Cause, ref: string | null): string {
  const left = chain.length - 2 * linksShown;
  const whole = chain.map(({ id, by }) => `${id}${by === null ? "" : `, by ${by}`}`);
  const shown =
    left > 1 ? [...whole.slice(0, linksShown), `… ${left} more`, ...whole.slice(-linksShown)] : whole;
  const links = shown.map((link, depth) => `${"   ".repeat(depth)}└─ ${link}`);
  const lines = [...(reason.kind === "changed" ? changeLines(files, ref) : [reasonText(reason)]), ...links];
  return lines.map((line) => `${printable(line)}\n`).join("");
}

function changeLines(files: readonly ChangedFile[], ref: string | null): readonly string[] {
  const commits = new Map(files.flatMap((file) => file.commits).map((each) => [each.commit, each]));
  const newestFirst = [...commits.values()].sort((a, b) => Date.parse(b.date) - Date.parse(a.date));
  const groups: readonly (readonly [string, readonly ChangedFile[]])[] = [
    ["not committed", files.filter(({ uncommitted }) => uncommitted)],
    ...newestFirst.map(
      (commit) => [commitText(commit), files.filter((file) => touches(commit, file))] as const,
    ),
    // The older side of the ref need not lead to the newer one.
    [
      `no commit here: ${ref ?? ""} alone has it otherwise`,
      files.filter((file) => !file.uncommitted && file.commits.length === 0),
    ],
  ];
  const full = groups.filter(([, among]) => among.length > 0);
  const lines: string[] = [];
  for (const [what, among] of full.slice(0, commitsShown)) {
    lines.push(what, ...among.slice(0, filesShown).map(({ path }) => `  ${path}`));
    if (among.length > filesShown) lines.push(`  and ${among.length - filesShown} more files`);
  }
  if (full.length > commitsShown) lines.push(`and ${full.length - commitsShown} earlier commits`);
  return lines;
}

function touches({ commit }: Commit, { commits }: ChangedFile): boolean {
  return commits.some((each) => each.commit === commit);
}

function reasonText(reason: Cause["reason"]): string {
  switch (reason.kind) {
    case "changed":
      return "changed";
    case "requested":
      return "requested (--all or --include)";
    case "unpublished":
      return "not in the registry";
    case "stale":
      return staleText(reason);
  }
}

function notBuilt({ id, ref, obstacles, layers, lastChange }: Why): string {
  const [main = "nothing asks for it", ...notes] = obstacles.map((obstacle) => obstacleText(obstacle, ref));
  const facts = [
    ["made of", layers.join(", ")],
    ["last change", lastChange === null ? "unknown" : commitText(lastChange)],
  ];
  const lines = [`${id} is not built: ${main}.`, ...notes.map((note) => `- ${note}`)];
  return `${lines.map((line) => `${printable(line)}\n`).join("")}\n${table(facts)}`;
}

/** Why an image is not in a plan, as the end of a sentence. */
export function obstacleText(obstacle: Obstacle, ref: string | null): string {
  switch (obstacle.kind) {
    case "retired":
      return obstacle.by === null
        ? "only retired releases stand on it"
        : `${obstacle.by} says that it is retired`;
    case "unchanged":
      return `nothing that it is made of changed ${since(ref ?? "")}`;
    case "not-included":
      return "--include names nothing that it is made of";
    case "current":
      return "the registry holds it as this checkout would make it";
    case "unknown":
      return missingCommit(obstacle.commit);
    case "rolled-back":
      return "its tag in the registry was rolled back, and is left so";
    case "ignored":
      return `--ignore keeps ${obstacle.directory} out`;
    case "dockerignored":
      return `kept out of the image by ${patternText(obstacle.by)}: ${paths(obstacle.paths)}`;
    case "only-retired":
      return `changed only to retire a layer: ${paths(obstacle.paths)}`;
    case "untracked":
      return `untracked: ${paths(obstacle.paths)} (run git add, or pass --untracked)`;
    case "git-ignored":
      return `ignored by git, so never a change: ${paths(obstacle.paths)}`;
    case "uncommitted":
      return `not committed, while ${ref ?? ""} compares commits: ${paths(obstacle.paths)} (commit, or give one revision as --ref)`;
  }
}

function patternText(place: string): string {
  return place.startsWith(`${configurationName}:`) ? `${place} (ignoreFiles)` : place;
}
