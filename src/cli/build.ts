import { build } from "../commands/build.ts";
import { Refusal } from "../problem.ts";
import { defineCommand } from "./command.ts";
import { planConflicts, planOptions, planSettings } from "./options.ts";

export const buildCommand = defineCommand({
  name: "build",
  byDefault: true,
  describe: "plan, build and, with --push, publish",
  options: {
    dryrun: { type: "boolean", default: false, describe: "stop after the plan" },
    push: { type: "boolean", default: false, describe: "publish when everything is built" },
    "allow-dirty": {
      type: "boolean",
      default: false,
      describe: "push a working tree that is not committed",
    },
    base: {
      choices: ["local", "registry"],
      variable: true,
      describe: "where science images are looked for first [with --push registry]",
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
      describe: "build again what a saved file touches, until stopped",
    },
    jobs: {
      type: "number",
      requiresArg: true,
      describe: "builds at a time [the engine's processors]",
      value: "N",
      variable: true,
      refuse: refuseJobs,
    },
    "keep-going": {
      type: "boolean",
      default: false,
      describe: "after a failure, build what does not need it",
      variable: true,
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
    ["--watch --include science/mine", "build a layer again whenever one of its files is saved"],
  ],
  run: (given) => async (surroundings) => {
    const { dryrun, push, allowDirty, base, forceRolling, tag, tagBranch, jobs, keepGoing } = given;
    const { logs, report, watch: isWatching } = given;
    const doing = { dryrun, push, allowDirty, base, forceRolling, tag, tagBranch, jobs, keepGoing };
    const settings = { ...planSettings(given), ...doing, logs, report };
    if (!isWatching) return build(settings, surroundings);
    if (push || dryrun) throw new Refusal(nothingToWatch);
    const { watch } = await import("../commands/watch.ts");
    return watch(settings, surroundings);
  },
});

function refuseJobs(text: string, from: string): void {
  if (Number.isSafeInteger(Number(text)) && Number(text) > 0) return;
  throw new Refusal({
    kind: "usage",
    message: `${from} is not a whole number above 0`,
    hint: `e.g. ${from}=4`,
  });
}

const nothingToWatch = {
  kind: "usage",
  message: "--watch builds, and nothing more",
  hint: "give it without --push and --dryrun",
} as const;
