/**
 * `npm test [-- PATTERN…]`: every test file whose path holds one of the patterns, each in a process of its own,
 * all with one engine and one registry. The last line is `N passed, N failed`.
 *
 * A file fails with one of its tests, and also when it ran no test, ended with another exit code than 0, did not
 * end, or skipped a test in CI: uvu itself lets most of these pass.
 */
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Refusal } from "../src/problem.ts";
import { canInstall, checkout, installPackages, platformVariable, runVariable } from "./support/platform.ts";
import { stopAllStarted, testPlatform } from "./support/platform.ts";

/** How the run of one file ended. */
interface Outcome {
  readonly file: string;
  readonly passed: number;
  readonly total: number;
  readonly seconds: number;
  /** Why it failed; undefined where it did not. */
  readonly failure: string | undefined;
  readonly output: string;
}

const inCi = process.env["CI"] === "true";
const fileLimit = 10 * 60_000;
const endLimit = 20_000;
const filesAtOnce = 2;
const packages = [
  "apache2-utils",
  "busybox-static",
  "chromium",
  "crun",
  "debian-archive-keyring",
  "debootstrap",
  "docker-registry",
  "docker.io",
  "fish",
  "git",
  "iproute2",
  "iptables",
  "python3-junitparser",
  "squid",
  "man-db",
  "mandoc",
  "openssh-client",
  "openssh-server",
  "podman",
  "zsh",
  "tmux",
];
/** The files that take longest begin first, so that the run does not end waiting for one of them. */
const longest = [/shipped-layers/, /engine|publish|signal|demo/, /commands|building|registry/];

/** Coverage is counted by lines: a bundle without line breaks has only one. */
const keepingLines = ["--", "--lines"];

const coverageFolder = join(checkout, "coverage");
const running = new Set<ChildProcess>();
process.chdir(checkout);
process.env[runVariable] = String(process.pid);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void breakOff());
process.exitCode = await main(process.argv.slice(2));

async function main(patterns: readonly string[]): Promise<number> {
  const files = testFiles(patterns);
  if (files.length === 0) return conclude(0, 1, `No test file has ${patterns.join(" or ")} in its path.`);
  introduce(files.length, patterns.length === 0);
  const covers = patterns.length === 0;
  if (!runScript(covers ? ["bundle", ...keepingLines] : ["build"]))
    return conclude(0, 1, "The bundle that the tests run could not be built.");
  rmSync(coverageFolder, { recursive: true, force: true });
  await preparePlatform();

  const outcomes: Outcome[] = [];
  const waiting = [...files];
  async function work(): Promise<void> {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const outcome = await runFile(file);
      outcomes.push(outcome);
      print(outcome, `${outcomes.length} of ${files.length}`);
    }
  }
  await Promise.all(Array.from({ length: filesAtOnce }, work));
  const stopped = await stopAllStarted(process.env[runVariable]);
  if (covers) {
    printCoverage();
    // As users get it.
    runScript(["build"]);
  }
  for (const line of stopped) console.log(`stopped the ${line}`);
  const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0);
  const failed = outcomes.reduce((sum, outcome) => sum + countFailures(outcome), 0);
  return conclude(passed, failed);
}

function runScript(script: readonly string[]): boolean {
  return spawnSync("npm", ["run", "--silent", ...script], { stdio: "inherit" }).status === 0;
}

function testFiles(patterns: readonly string[]): string[] {
  const files = readdirSync("test", { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".test.ts"))
    .map((file) => `test/${file}`)
    .filter((file) => patterns.length === 0 || patterns.some((pattern) => file.includes(pattern)))
    .sort();
  return files.sort((one, other) => rank(one) - rank(other));
}

function rank(file: string): number {
  const place = longest.findIndex((name) => name.test(file));
  return place < 0 ? longest.length : place;
}

/** Where no engine can be had, the tests that need none run all the same; each of the others says what is missing. */
async function preparePlatform(): Promise<void> {
  try {
    if (canInstall()) await installPackages(packages, "the tests");
    process.env[platformVariable] = JSON.stringify(await testPlatform());
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    console.log(error.message);
  }
}

function runFile(file: string): Promise<Outcome> {
  const begun = Date.now();
  // What the runs of a test find wrong is not to be shown as what is wrong with the job that tests.
  const { FORCE_COLOR: _, GITHUB_ACTIONS: __, ...inherited } = process.env;
  const env = { ...inherited, NO_COLOR: "1", NODE_V8_COVERAGE: join(coverageFolder, "tmp") };
  const child = spawn(process.execPath, ["--import", "tsx", file], {
    env,
    // A group of its own: what a file starts ends with it.
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  let output = "";
  let stuck: string | undefined;
  function giveUp(reason: string): void {
    stuck = reason;
    killGroup(child);
  }
  const limit = setTimeout(giveUp, fileLimit, `did not end within ${fileLimit / 60_000} minutes`);
  let lastWait: NodeJS.Timeout | undefined;
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (lastWait === undefined && readSummary(output) !== undefined)
        lastWait = setTimeout(
          giveUp,
          endLimit,
          `printed its results and did not end within ${endLimit / 1000} s`,
        );
    });
  return new Promise((done) => {
    function finish(ending: string | undefined): void {
      clearTimeout(limit);
      clearTimeout(lastWait);
      running.delete(child);
      killGroup(child);
      const summary = readSummary(output) ?? { passed: 0, total: 0, skipped: 0 };
      const failure = stuck ?? findFailure(summary, ending);
      done({ file, ...summary, seconds: (Date.now() - begun) / 1000, failure, output });
    }
    child.once("error", (error) => finish(error.message));
    // Not "close": something it left behind may hold its output open.
    child.once("exit", (code, signal) =>
      setTimeout(finish, 100, code === 0 ? undefined : `ended with ${signal ?? `exit code ${code}`}`),
    );
  });
}

interface Summary {
  readonly passed: number;
  readonly total: number;
  readonly skipped: number;
}

/** What uvu prints at the end of a file. */
function readSummary(output: string): Summary | undefined {
  const match = /^ {2}Total: +(\d+)\n {2}Passed: +(\d+)\n {2}Skipped: +(\d+)\n/m.exec(output);
  if (match === null) return undefined;
  const [total, passed, skipped] = match.slice(1).map(Number);
  return { total: total ?? 0, passed: passed ?? 0, skipped: skipped ?? 0 };
}

function findFailure({ passed, total, skipped }: Summary, ending: string | undefined): string | undefined {
  if (passed < total) return `${total - passed} of ${total} tests failed`;
  if (ending !== undefined) return ending;
  if (total === 0) return "ran no test";
  return inCi && skipped > 0 ? `skipped ${skipped} tests` : undefined;
}

function countFailures({ failure, passed, total }: Outcome): number {
  return failure === undefined ? 0 : Math.max(1, total - passed);
}

/** Says how long it takes and what it does to the machine, before it does it. */
function introduce(files: number, isWhole: boolean): void {
  const time = isWhole ? ", about a quarter of an hour on two cores" : "";
  console.log(`${files} test ${files === 1 ? "file" : "files"}, ${filesAtOnce} at a time${time}.`);
  if (canInstall())
    console.log(
      "As root on Debian it installs the Debian packages that are missing, and starts a registry and, unless DOCKER_HOST is set, an engine.",
    );
}

function print({ file, passed, total, seconds, failure, output }: Outcome, place: string): void {
  const count = `${passed}/${total}`.padStart(7);
  const verdict = failure === undefined ? "ok  " : "FAIL";
  console.log(`${place.padStart(8)}  ${verdict} ${count} ${seconds.toFixed(1).padStart(6)} s  ${file}`);
  if (failure !== undefined) console.log(`${output.trimEnd()}\n${file}: ${failure}\n`);
}

/** Prints the coverage of src/, be it run from its files or from the bundle, whose source map leads back to them. */
function printCoverage(): void {
  const raw = join(coverageFolder, "tmp");
  for (const file of readdirSync(raw)) nameSourcesByPath(join(raw, file));
  const folders = ["--temp-directory", raw, "--reports-dir", coverageFolder];
  const selection = ["--include", "src/**", "--exclude-after-remap"];
  spawnSync("npx", ["c8", "report", ...folders, ...selection], { stdio: "inherit" });
}

/** In a map of several sources c8 matches their names with its selection as they stand, and Node writes URLs. */
function nameSourcesByPath(file: string): void {
  interface RawCoverage {
    "source-map-cache"?: Record<string, { data: { sources: string[] } | null }>;
  }
  const coverage: RawCoverage = JSON.parse(readFileSync(file, "utf8"));
  for (const { data } of Object.values(coverage["source-map-cache"] ?? {}))
    if (data !== null && data.sources.length > 1)
      data.sources = data.sources.map((source) =>
        source.startsWith("file:") ? fileURLToPath(source) : source,
      );
  writeFileSync(file, JSON.stringify(coverage));
}

function conclude(passed: number, failed: number, reason?: string): number {
  if (reason !== undefined) console.log(reason);
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // Nothing of it is left.
  }
}

async function breakOff(): Promise<void> {
  for (const child of running) killGroup(child);
  await stopAllStarted(process.env[runVariable]);
  process.exit(130);
}
