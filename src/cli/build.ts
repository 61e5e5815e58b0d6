import { build } from "../commands/build.ts";
import { defaultRepo } from "../conventions.ts";
import { Refusal } from "../problem.ts";
import type { ProgressMode } from "../report/progress.ts";
import { defineCommand } from "./command.ts";
import { imageOperands, planConflicts, planOptions, planSettings } from "./options.ts";

export const buildCommand = defineCommand({
  name: "build",
  byDefault: true,
  describe: "plan, build and, with --push, publish",
  operands: "[images..]",
  positionals: imageOperands,
  options: {
    dryrun: { type: "boolean", default: false, describe: "stop after the plan" },
    push: { type: "boolean", default: false, describe: "publish when everything is built" },
    "allow-dirty": {
      type: "boolean",
      default: false,
      describe: "push uncommitted files, as tags that end in -dirty",
    },
    base: {
      choices: ["local", "registry"],
      variable: true,
      describe: "where science images are looked for first",
      defaultDescription: "local, with --push registry",
    },
    "force-rolling": {
      type: "boolean",
      default: false,
      describe: "move tags backwards and from rollbacks as well",
    },
    tag: {
      type: "string",
      array: true,
      requiresArg: true,
      default: [],
      describe: "tag the releases with this name too",
      value: "NAME",
    },
    "tag-branch": {
      type: "boolean",
      default: false,
      describe: "tag the releases with the branch's name too",
    },
    watch: {
      type: "boolean",
      default: false,
      describe: "rebuild on every save",
    },
    jobs: {
      type: "number",
      requiresArg: true,
      describe: "builds at a time",
      defaultDescription: "the engine's processors",
      value: "N",
      variable: true,
      refuse: refuseJobs,
    },
    fresh: {
      type: "boolean",
      default: false,
      describe: "build without the cache, on base images that are pulled anew",
    },
    "keep-going": {
      type: "boolean",
      default: false,
      describe: "after a failure, build what does not need it",
      variable: true,
    },
    progress: {
      choices: ["auto", "plain", "tty"],
      default: "auto",
      describe: "progress: tty (live), plain (log lines)",
    },
    logs: {
      type: "string",
      requiresArg: true,
      describe: "keep each build's output in a file below this directory",
      value: "DIR",
      variable: true,
    },
    report: {
      type: "string",
      array: true,
      requiresArg: true,
      default: [],
      describe: "report the run to a file: .json, or .xml for JUnit",
      value: "FILE",
    },
    ...planOptions,
  },
  conflicts: planConflicts,
  examples: [
    ["-v --dryrun", "what the last commit changes"],
    ["--push --repo localhost:5000/test", "build and publish to a test repository"],
    ["build sciserver-essentials --all", "one image, with the layers that it needs"],
    ["--watch --include science/shell-tools", "rebuild a layer on every save"],
  ],
  run:
    (given, { origins }) =>
    async (surroundings) => {
      const { dryrun, push, allowDirty, base, forceRolling, tag, tagBranch, jobs, fresh, keepGoing } = given;
      const { logs, report, watch: isWatching } = given;
      const progress = progressMode(given.progress, surroundings.environment);
      const doing = { dryrun, push, allowDirty, base, forceRolling, tag, tagBranch, jobs, fresh, keepGoing };
      const settings = { ...planSettings(given), ...doing, progress, logs, report, watch: isWatching };
      if (push && origins.get("repo")?.kind === "default") surroundings.progress(toDefault);
      if (!isWatching) return build(settings, surroundings);
      if (push || dryrun) throw new Refusal(nothingToWatch);
      const { watch } = await import("../commands/watch.ts");
      return watch(settings, surroundings);
    },
});

/** By what standard error is, where progress goes. In CI a terminal ends up as a log as well. */
function progressMode(
  given: "auto" | ProgressMode,
  { CI: ci = "", TERM: term }: NodeJS.ProcessEnv,
): ProgressMode {
  if (given === "plain") return given;
  // Some that stand in for a terminal have no size.
  const terminal = process.stderr.isTTY && process.stderr.columns > 0;
  if (given === "auto")
    return terminal && term !== "dumb" && ["", "0", "false"].includes(ci) ? "tty" : "plain";
  if (terminal) return given;
  throw new Refusal({
    kind: "usage",
    message: "--progress tty: standard error is not a terminal with a size",
    hint: "leave it to auto, or give --progress plain",
  });
}

function refuseJobs(text: string, from: string): void {
  if (Number.isSafeInteger(Number(text)) && Number(text) > 0) return;
  throw new Refusal({
    kind: "usage",
    // What is no number at all the parser does not hand on.
    message: `${from}${text === "NaN" ? "" : ` ${JSON.stringify(text)}`} is not a whole number above 0`,
    hint: `e.g. ${from}=4`,
  });
}

/** The production registry of one platform is not where everybody means to publish. */
const toDefault = `Publishing to ${defaultRepo}, the default: neither --repo nor image-builder.json5 names a repository.\n`;

const nothingToWatch = {
  kind: "usage",
  message: "--watch builds, and nothing more",
  hint: "give it without --push and --dryrun",
} as const;
