import fs from "node:fs";
import path from "node:path";
import type { PlanFormat } from "../commands/plan-forms.ts";
import type { PlanSettings } from "../commands/preview.ts";
import { defaultRepo } from "../conventions.ts";
import { Refusal } from "../problem.ts";
import { isRepository, repositoryRule } from "../reference.ts";

/** Under which help lists what every command has, at its end. */
export const globalGroup = "Global options:";

const planGroup = "What is planned:";

/** What every command that reads the definitions takes. */
export const rootOptions = {
  root: {
    type: "string",
    requiresArg: true,
    describe: "directory with science/ and compat/ [here or above]",
    group: globalGroup,
    value: "DIR",
    variable: true,
    refuse: findRoot,
  },
  verbose: {
    alias: "v",
    type: "count",
    describe: "-v: final images and totals, -vv: each build, -vvv: everything",
    group: globalGroup,
  },
} as const;

/** Where images are, or are to be. */
export const repoOption = {
  type: "string",
  requiresArg: true,
  default: defaultRepo,
  defaultDescription: `image-builder.json5, or ${defaultRepo}`,
  describe: "registry and path that images get",
  value: "NAME",
  variable: true,
  refuse: readRepo,
} as const;

/** How a command prints what it found. */
export const formatOption = {
  choices: ["text", "json"],
  default: "text",
  describe: "output format",
} as const;

/** How a plan is shown, and where. */
export const planFormOptions = {
  format: {
    choices: ["text", "json", "markdown", "mermaid", "dot", "svg", "html"],
    describe: "output format [from FILE's extension, else text]",
  },
  output: { type: "string", requiresArg: true, describe: "write it to this FILE" },
} as const;

/** The format that each ending of a file stands for. */
const formatOfEnding: ReadonlyMap<string, PlanFormat> = new Map([
  [".json", "json"],
  [".md", "markdown"],
  [".mmd", "mermaid"],
  [".dot", "dot"],
  [".gv", "dot"],
  [".svg", "svg"],
  [".html", "html"],
  [".txt", "text"],
  ["", "text"],
]);

/** How a plan is to be shown, as it was given. Refuses a file whose ending tells no format where none is given. */
export function readPlanForm({
  format,
  output,
}: {
  readonly format: PlanFormat | undefined;
  readonly output: string | undefined;
}): {
  readonly format: PlanFormat;
  readonly output: string | undefined;
} {
  const shown = format ?? formatOfEnding.get(path.extname(output ?? "").toLowerCase());
  if (shown !== undefined) return { format: shown, output };
  throw new Refusal({
    kind: "usage",
    message: `--output ${output}: its ending tells no format`,
    hint: `end it in ${[...formatOfEnding.keys()].filter((ending) => ending !== "").join(", ")}, or give --format`,
  });
}

/** What decides a plan. */
export const planOptions = {
  repo: { ...repoOption, group: planGroup },
  ref: {
    type: "string",
    requiresArg: true,
    describe: "what to compare, as in git diff: REVISION or A..B [HEAD^]",
    group: planGroup,
    value: "REF",
  },
  all: { type: "boolean", describe: "treat every layer as changed", group: planGroup },
  include: {
    type: "string",
    array: true,
    requiresArg: true,
    describe: "treat exactly these directories as changed",
    group: planGroup,
    value: "LAYER",
  },
  ignore: {
    type: "string",
    array: true,
    requiresArg: true,
    default: [],
    describe: "treat these as unchanged",
    group: planGroup,
    value: "LAYER",
  },
  untracked: {
    type: "boolean",
    default: false,
    describe: "include untracked files",
    group: planGroup,
  },
  stale: {
    type: "boolean",
    describe: "build whatever is missing or out of date in the registry",
    group: planGroup,
  },
  "allow-orphans": {
    type: "boolean",
    default: false,
    describe: "let images and versions disappear from the definitions",
    group: planGroup,
  },
  ...rootOptions,
} as const;

/** The images that a command is limited to. */
export const imageOperands = {
  images: {
    type: "string",
    array: true,
    default: [],
    describe: "IMAGE[:VERSION] or sci/TARGET[:VERSION] [all]",
  },
} as const;

/** Which of them exclude each other. */
export const planConflicts = {
  all: ["include", "ref", "stale"],
  include: "stale",
  stale: "ref",
} as const;

interface GivenPlan {
  readonly root: string | undefined;
  readonly repo: string;
  readonly ref: string | undefined;
  readonly all: boolean | undefined;
  readonly include: readonly string[] | undefined;
  readonly ignore: readonly string[];
  readonly untracked: boolean;
  readonly stale: boolean | undefined;
  readonly allowOrphans: boolean;
  readonly images?: readonly string[];
}

/** The settings of a plan as they were given. Refuses a root or a repository that cannot be. */
export function planSettings({ root, repo, stale = false, all = false, ...given }: GivenPlan): PlanSettings {
  const { ref, include, ignore, untracked, allowOrphans, images = [] } = given;
  return {
    root: findRoot(root),
    repo: readRepo(repo),
    ref,
    all,
    include,
    ignore,
    untracked,
    stale,
    allowOrphans,
    images,
  };
}

/** The directory given, or the one with `science/` or `compat/` at or above the current one. */
export function findRoot(given: string | undefined, from = "--root"): string {
  if (given !== undefined) {
    const root = path.resolve(given);
    if (isDirectory(root)) return root;
    throw new Refusal({
      kind: "usage",
      message: `${from} ${shortened(given)} is not a directory`,
      hint: "name a checkout",
    });
  }
  const around = rootAround();
  if (around !== undefined) return around;
  throw new Refusal({
    kind: "usage",
    message: `there is no science/ or compat/ in ${process.cwd()} or above`,
    hint: "run it inside a checkout, name one with --root, or begin one with image-builder init",
  });
}

/** A path can be longer than the file system takes, or lead through what may not be read. */
function isDirectory(file: string): boolean {
  try {
    return fs.statSync(file).isDirectory();
  } catch {
    return false;
  }
}

/** Enough of what was given to recognise it. */
function shortened(given: string): string {
  return given.length > 200 ? `${given.slice(0, 200)}… (${given.length} characters)` : given;
}

/** The directory with `science/` or `compat/` at or above one, by default the current one, up to the top of the repository. */
export function rootAround(from = process.cwd()): string | undefined {
  for (let directory = from; ; directory = path.dirname(directory)) {
    if (fs.existsSync(path.join(directory, "science")) || fs.existsSync(path.join(directory, "compat")))
      return directory;
    const top = fs.existsSync(path.join(directory, ".git")) || directory === path.dirname(directory);
    if (top) return undefined;
  }
}

/** The repository given; refuses what cannot be one. */
export function readRepo(given: string, from = "--repo"): string {
  if (isRepository(given)) return given;
  throw new Refusal({
    kind: "usage",
    message: `${from} ${JSON.stringify(shortened(given))} is not the name of a repository`,
    hint: repositoryRule,
  });
}
