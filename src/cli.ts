import fs from "node:fs";
import path from "node:path";
import yargs from "yargs";
import type { Argv } from "yargs";
import { hideBin } from "yargs/helpers";
import packageFile from "../package.json" with { type: "json" };
import { build } from "./commands/build.ts";
import { plan } from "./commands/plan.ts";
import type { PlanSettings } from "./commands/preview.ts";
import type { Surroundings } from "./commands/surroundings.ts";
import { nearest } from "./nearest.ts";
import { describeProblem, exitCodes, Refusal } from "./problem.ts";
import type { Problem } from "./problem.ts";
import { parseReference } from "./reference.ts";
import { flush, openLog } from "./report/log.ts";

const defaultRepo = "containers.repo.sciserver.org/compute-images";

const rootOption = {
  root: {
    type: "string",
    requiresArg: true,
    describe: "directory with science/ and compat/ [here or above]",
  },
  verbose: {
    alias: "v",
    type: "count",
    describe: "-v: final images and totals, -vv: each build, -vvv: everything",
  },
} as const;

const planOptions = {
  repo: {
    type: "string",
    requiresArg: true,
    default: defaultRepo,
    describe: "repository that images are named in",
  },
  ref: {
    type: "string",
    requiresArg: true,
    describe: "what to compare, as in git diff: REVISION or A..B [HEAD^]",
  },
  // No default: yargs would take it for given, and in conflict with --include.
  all: { type: "boolean", describe: "take every layer as changed" },
  include: {
    type: "string",
    array: true,
    requiresArg: true,
    describe: "take exactly these directories as changed",
  },
  ignore: {
    type: "string",
    array: true,
    requiresArg: true,
    default: [],
    describe: "take these as unchanged",
  },
  untracked: { type: "boolean", default: false, describe: "count files that git does not know yet" },
  stale: {
    type: "boolean",
    describe: "build what the registry does not hold as this checkout would make it",
  },
  "allow-orphans": {
    type: "boolean",
    default: false,
    describe: "let images and versions disappear from the definitions",
  },
} as const;

const buildOptions = {
  dryrun: { type: "boolean", default: false, describe: "stop after the plan" },
  push: { type: "boolean", default: false, describe: "publish when everything is built" },
  "allow-dirty": { type: "boolean", default: false, describe: "push a working tree that is not committed" },
  base: {
    choices: ["local", "registry"],
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
  },
  "tag-branch": { type: "boolean", default: false, describe: "tag the releases with the branch's name too" },
  jobs: { type: "number", requiresArg: true, describe: "builds at a time [the engine's processors]" },
  "keep-going": {
    type: "boolean",
    default: false,
    describe: "after a failure, build what does not stand on it",
  },
  logs: {
    type: "string",
    requiresArg: true,
    describe: "keep each build's output in a file below this directory",
  },
} as const;

const formats = ["text", "json"] as const;

const statusOptions = {
  format: { choices: formats, default: "text", describe: "how it is printed" },
  check: { type: "boolean", default: false, describe: "exit 1 unless everything is as it should be" },
} as const;

const promoteOptions = {
  from: { type: "string", requiresArg: true, describe: "the tag to promote [the rolling tags]" },
  // No array: that would take the images after it for names as well.
  to: {
    type: "string",
    requiresArg: true,
    demandOption: true,
    describe: "the tag to give; several times for several",
  },
  dryrun: { type: "boolean", default: false, describe: "show what would move, and write nothing" },
  format: { choices: formats, default: "text", describe: "how the tags are printed" },
} as const;

const rollbackOptions = {
  to: {
    type: "string",
    requiresArg: true,
    describe: "the stamp of a build [the one before the present one]",
  },
  dryrun: { type: "boolean", default: false, describe: "show where it would go, and write nothing" },
} as const;

const inspectOptions = {
  local: { type: "boolean", default: false, describe: "ask the engine for it, not the registry" },
  format: { choices: formats, default: "text", describe: "how it is printed" },
} as const;

type Command = (surroundings: Surroundings) => Promise<number>;

/** The command line understood: what to run, and how much to say. */
interface Invocation {
  readonly command: Command;
  readonly verbosity: number;
}

// Until main has its say: a process that ends for want of anything to wait for has not done its work.
process.exitCode = 1;
void main().then((code) => process.exit(code));

/** A reader that has gone is no error: `image-builder plan | head`. */
function leave(error: NodeJS.ErrnoException): void {
  process.exit(error.code === "EPIPE" ? 0 : 1);
}

async function main(): Promise<number> {
  const stop = new AbortController();
  let signalled = 0;
  const onSignal = (name: NodeJS.Signals, number: number) => {
    process.on(name, () => {
      // The second time there is no waiting for the engine.
      if (signalled !== 0) process.exit(128 + number);
      signalled = 128 + number;
      process.stderr.write(`\nStopping (${name}): cancelling what runs. Once more to leave at once.\n`);
      stop.abort();
    });
  };
  onSignal("SIGINT", 2);
  onSignal("SIGTERM", 15);
  let printed = false;
  let log = openLog(0);
  let code: number;
  try {
    const invocation = readArguments(hideBin(process.argv));
    if (invocation === undefined) return 0;
    log = openLog(invocation.verbosity);
    code = await invocation.command({
      log,
      verbosity: invocation.verbosity,
      out: (text) => {
        if (!printed) process.stdout.on("error", leave);
        printed = true;
        process.stdout.write(text);
      },
      progress: log.progress,
      environment: process.env,
      signal: stop.signal,
    });
  } catch (error) {
    // What breaks off because the process was told to stop is no bug.
    code = signalled !== 0 && !(error instanceof Refusal) ? signalled : report(error, log);
  }
  await log.end();
  // A pipe takes what its reader leaves room for; the process must not end before the rest is through.
  if (printed) await flush(process.stdout);
  return signalled === 0 ? code : signalled;
}

/** What a run broke off for, said to a person; the exit code is that of the first problem. */
function report(error: unknown, log: ReturnType<typeof openLog>): number {
  if (!(error instanceof Refusal)) {
    log.error(
      `this is a bug in image-builder, please report it: ${error instanceof Error ? error.stack : String(error)}`,
    );
    return 1;
  }
  const [first] = error.problems;
  const located = error.problems.filter(({ file }) => file !== undefined);
  for (const problem of located) log.progress(`${describeProblem(problem)}\n`);
  for (const problem of error.problems) if (problem.file === undefined) log.error(describeProblem(problem));
  if (located.length > 0)
    log.error(`${located.length} ${located.length === 1 ? "problem" : "problems"} found; nothing was done`);
  return first === undefined ? 1 : exitCodes[first.kind];
}

/** Understands the command line; undefined where it only asked for help or the version. Refuses with kind `usage`. */
function readArguments(args: readonly string[]): Invocation | undefined {
  refuseAmbiguous(args);
  let invocation: Invocation | undefined;
  const invoke = (verbosity: number, command: Command) => {
    invocation = { verbosity, command };
  };
  const parser: Argv = yargs([...args])
    .scriptName("image-builder")
    .usage(
      "$0 [build]\n\nBuilds the container images of a science platform: what changed, and what stands on it.",
    )
    .parserConfiguration({
      "greedy-arrays": true,
      "strip-aliased": true,
      "dot-notation": false,
      "boolean-negation": false,
    })
    .command(
      ["build", "$0"],
      "plan, build and, with --push, publish",
      (command) =>
        command
          .options({ ...buildOptions, ...planOptions, ...rootOption })
          .example("$0 -v --dryrun", "what the last commit changes")
          .example("$0 --push --repo localhost:5000/test", "build and publish to a test repository"),
      (given) =>
        invoke(given.verbose, (surroundings) => {
          const { dryrun, push, allowDirty, base, forceRolling, tag, tagBranch, keepGoing, logs } = given;
          const jobs = given.jobs === undefined ? undefined : readJobs(given.jobs);
          const settings = {
            dryrun,
            push,
            allowDirty,
            base,
            forceRolling,
            tag,
            tagBranch,
            jobs,
            keepGoing,
            logs,
          };
          return build({ ...planSettings(given), ...settings }, surroundings);
        }),
    )
    .command(
      "plan",
      "print the plan, or the Dockerfile of a release",
      (command) =>
        command
          .options({
            format: { choices: formats, default: "text", describe: "how the plan is printed" },
            "show-dockerfile": {
              type: "string",
              requiresArg: true,
              describe: "print the Dockerfile of IMAGE[:VERSION]",
            },
            ...planOptions,
            ...rootOption,
          } as const)
          .example("$0 plan --ref v1..v2 --format json", "what changed between two tags, as data")
          .example("$0 plan --show-dockerfile IMAGE", "a release's Dockerfile, composed"),
      (given) =>
        invoke(given.verbose, (surroundings) =>
          plan(
            { ...planSettings(given), format: given.format, showDockerfile: given.showDockerfile },
            surroundings,
          ),
        ),
    )
    .command(
      "check",
      "read every definition, without git history or an engine",
      (command) => command.options(rootOption),
      (given) =>
        invoke(given.verbose, async (surroundings) => {
          const { check } = await import("./commands/check.ts");
          return check({ root: findRoot(given.root) }, surroundings);
        }),
    )
    .command(
      "inspect <image>",
      "show what an image is made of, and what has become of that since",
      (command) =>
        command
          .positional("image", {
            type: "string",
            demandOption: true,
            describe: "IMAGE[:VERSION], sci/TARGET[:VERSION] or a reference in full",
          })
          .options({ ...inspectOptions, repo: planOptions.repo, ...rootOption })
          .example("$0 inspect essentials:2.4", "the published release")
          .example("$0 inspect localhost:5000/test/rel/essentials:2.4 --local", "the engine's image"),
      (given) =>
        invoke(given.verbose, async (surroundings) => {
          const { inspect } = await import("./commands/inspect.ts");
          const { image, local, format } = given;
          const root = given.root === undefined ? rootAround() : findRoot(given.root);
          return inspect({ root, repo: readRepo(given.repo), image, local, format }, surroundings);
        }),
    )
    .command(
      "history <image>",
      "list every published build of an image and version",
      (command) =>
        command
          .positional("image", {
            type: "string",
            demandOption: true,
            describe: "IMAGE[:VERSION] or sci/TARGET[:VERSION]",
          })
          .options({ format: inspectOptions.format, repo: planOptions.repo, ...rootOption })
          .example("$0 history essentials:2.4", "what can be rolled back to"),
      (given) =>
        invoke(given.verbose, async (surroundings) => {
          const { history } = await import("./commands/history.ts");
          const { image, format } = given;
          const named = { root: findRoot(given.root), repo: readRepo(given.repo), image };
          return history({ ...named, format }, surroundings);
        }),
    )
    .command(
      "promote [images..]",
      "tag releases with further names, in the registry",
      (command) =>
        command
          .positional("images", {
            type: "string",
            array: true,
            default: [],
            describe: "IMAGE or IMAGE:VERSION [every release]",
          })
          .options({ ...promoteOptions, repo: planOptions.repo, ...rootOption })
          .example("$0 promote --from main --to v0.1.1 --to stable", "release what the branch main has")
          .example("$0 promote essentials:2.4 --to stable --dryrun", "what would move"),
      (given) =>
        invoke(given.verbose, async (surroundings) => {
          const { promote } = await import("./commands/promote.ts");
          const { images, from, dryrun, format } = given;
          const named = { root: findRoot(given.root), repo: readRepo(given.repo), images };
          // Given several times it is a list, whatever its type says.
          return promote({ ...named, from, to: [given.to].flat(), dryrun, format }, surroundings);
        }),
    )
    .command(
      "rollback <image>",
      "take a tag back to an earlier build, in the registry",
      (command) =>
        command
          .positional("image", {
            type: "string",
            demandOption: true,
            describe: "IMAGE:VERSION or sci/TARGET:VERSION",
          })
          .options({ ...rollbackOptions, repo: planOptions.repo, verbose: rootOption.verbose })
          .example("$0 rollback essentials:2.4", "to the build before the present one")
          .example("$0 rollback essentials:2.4 --to 42-f90dbd6", "to that build"),
      (given) =>
        invoke(given.verbose, async (surroundings) => {
          const { rollback } = await import("./commands/rollback.ts");
          const { image, to, dryrun } = given;
          return rollback({ repo: readRepo(given.repo), image, to, dryrun }, surroundings);
        }),
    )
    .command(
      "status",
      "compare the images of the definitions with what the registry holds",
      (command) =>
        command
          .options({ ...statusOptions, repo: planOptions.repo, ...rootOption })
          .example("$0 status", "what is published, and how far it is behind")
          .example("$0 status --check --format json", "for a job that watches it"),
      (given) =>
        invoke(given.verbose, async (surroundings) => {
          const { status } = await import("./commands/status.ts");
          const { format, check } = given;
          return status(
            { root: findRoot(given.root), repo: readRepo(given.repo), format, check },
            surroundings,
          );
        }),
    )
    .check(refuseTwice)
    .conflicts({ all: ["include", "ref", "stale"], include: ["ref", "stale"], stale: "ref" })
    .strict()
    .help()
    .alias("help", "h")
    .version(packageFile.version)
    .epilogue(
      "Exit codes: 0 done, 1 a build or push failed, 2 the command line, 3 a definition, 4 the surroundings.",
    )
    .exitProcess(false)
    .fail((message, error) => {
      throw error instanceof Refusal ? error : new Refusal(usageProblem(message ?? error.message));
    });
  void parser.parse();
  return invocation;
}

/** What the parser would take for something else than was meant: `--dryrun=yes` for no, words after `--` for nothing. */
function refuseAmbiguous(args: readonly string[]): void {
  if (args.includes("--"))
    throw new Refusal({ kind: "usage", message: "nothing may follow --", hint: "leave it out" });
  const options = { ...rootOption, ...planOptions, ...buildOptions };
  for (const [name, { type }] of Object.entries<{ readonly type?: string; readonly describe: string }>(
    options,
  )) {
    const given = args.find((arg) => arg.startsWith(`--${name}=`));
    if (type !== "boolean" || given === undefined || /=(?:true|false)$/.test(given)) continue;
    throw new Refusal({
      kind: "usage",
      message: `${given} is neither true nor false`,
      hint: `give --${name} alone`,
    });
  }
}

/** An option that takes one value and is given two would come through as a list. */
function refuseTwice(given: Readonly<Record<string, unknown>>): true {
  // Of the commands with `--to`, only that with images gives several names.
  const lists = new Set(["_", "include", "ignore", "tag", ...("images" in given ? ["images", "to"] : [])]);
  for (const [name, value] of Object.entries(given)) {
    if (!Array.isArray(value) || lists.has(name)) continue;
    throw new Refusal({ kind: "usage", message: `--${name} is given twice`, hint: "give it once" });
  }
  return true;
}

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
}

function planSettings({ root, repo, stale = false, all = false, ...given }: GivenPlan): PlanSettings {
  const { ref, include, ignore, untracked, allowOrphans } = given;
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
  };
}

/** What yargs says, on one line, with the option or command that was meant. */
function usageProblem(said: string): Problem {
  const message = said.replaceAll(/\s*\n\s*/g, " ");
  const unknown = /^Unknown (?:argument|command)s?: ([^,]+)/.exec(message)?.[1];
  const known = [
    "build",
    "plan",
    "check",
    "status",
    "promote",
    "rollback",
    "inspect",
    "history",
    ...Object.keys({ ...rootOption, ...planOptions, ...buildOptions, ...statusOptions }),
    "format",
    "from",
    "to",
    "local",
  ];
  const meant = unknown === undefined ? undefined : nearest(unknown, known);
  const help = "image-builder --help lists what there is";
  const elsewhere = "another command has it: image-builder COMMAND --help";
  return {
    kind: "usage",
    message: message.replace(/^./, (first) => first.toLowerCase()),
    hint: meant === undefined ? help : meant === unknown ? elsewhere : `did you mean ${meant}?`,
  };
}

/** The directory given, or the one with `science/` or `compat/` at or above the current one. */
function findRoot(given: string | undefined): string {
  if (given !== undefined) {
    const root = path.resolve(given);
    if (fs.statSync(root, { throwIfNoEntry: false })?.isDirectory() === true) return root;
    throw new Refusal({
      kind: "usage",
      message: `--root ${given} is not a directory`,
      hint: "name a checkout",
    });
  }
  const around = rootAround();
  if (around !== undefined) return around;
  throw new Refusal({
    kind: "usage",
    message: `there is no science/ or compat/ in ${process.cwd()} or above`,
    hint: "call from a checkout of the definitions, or name one with --root",
  });
}

/** The directory with `science/` or `compat/` at or above the current one, up to the top of the repository. */
function rootAround(): string | undefined {
  for (let directory = process.cwd(); ; directory = path.dirname(directory)) {
    if (fs.existsSync(path.join(directory, "science")) || fs.existsSync(path.join(directory, "compat")))
      return directory;
    const top = fs.existsSync(path.join(directory, ".git")) || directory === path.dirname(directory);
    if (top) return undefined;
  }
}

function readRepo(given: string): string {
  const reference = parseReference(`${given}/sci/x`);
  if (reference !== undefined && reference.tag === undefined && !given.includes("@")) return given;
  throw new Refusal({
    kind: "usage",
    message: `--repo ${JSON.stringify(given)} is not the name of a repository`,
    hint: "HOST[:PORT]/PATH in lower case, without a tag, scheme or slash at the end, e.g. localhost:5000/test",
  });
}

function readJobs(given: number): number {
  if (Number.isSafeInteger(given) && given > 0) return given;
  throw new Refusal({
    kind: "usage",
    message: "--jobs is not a whole number above 0",
    hint: "e.g. --jobs 4",
  });
}
