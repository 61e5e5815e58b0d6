import { spawnSync } from "node:child_process";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readArguments } from "../../src/cli/arguments.ts";
import { branchOf } from "../../src/commands/branch.ts";
import type { Plan } from "../../src/model.ts";
import { Refusal } from "../../src/problem.ts";
import { openLog } from "../../src/report/log.ts";
import {
  commit,
  compatFiles,
  git,
  makeRepository,
  scienceFiles,
  temporaryDirectory,
  tool,
} from "../support/checkout.ts";

const test = suite("the command line, as people type it");

const here = process.cwd();
test.after.each(() => process.chdir(here));

/** Runs the tool in this process; gives what it printed and said. */
async function run(...args: string[]): Promise<{ readonly out: string; readonly said: string }> {
  const written = { out: "", said: "" };
  const invocation = readArguments(args);
  await invocation?.run({
    log: openLog(0),
    verbosity: 0,
    out: (text) => void (written.out += text),
    progress: (text) => void (written.said += text),
    environment: {},
    atRest: () => undefined,
    signal: new AbortController().signal,
  });
  return written;
}

async function stepsOf(...args: string[]): Promise<readonly string[]> {
  const { out } = await run("plan", "--format", "json", ...args);
  return (JSON.parse(out) as Plan).steps.map(({ id }) => id);
}

/** What a command line is refused for. */
async function refused(...args: string[]): Promise<string> {
  try {
    await run(...args);
  } catch (error) {
    if (error instanceof Refusal) return error.message;
    throw error;
  }
  throw new Error("it was not refused");
}

const layers = { ...scienceFiles("a"), ...scienceFiles("group/b"), ...compatFiles("base") };

test("an option that is given again wins over the one before, and a list grows", async () => {
  const root = makeRepository(layers);
  const twice =
    "plan --root /nowhere --repo a.org/x --repo b.org/y --format text --format json --untracked".split(" ");
  const lists = ["--untracked=false", "--include", "science/a", "--include", "science/group"];
  const { out } = await run(...twice, "--root", root, ...lists);
  const plan = JSON.parse(out) as Plan;
  assert.is(plan.repo, "b.org/y");
  assert.equal(
    plan.steps.map(({ id }) => id),
    ["science/a", "science/group/b", "compat/a:1.0", "compat/b:1.0"],
  );
});

test("--include wins over --ref; the others that cannot go together are refused by their names", async () => {
  const root = makeRepository(layers);
  assert.equal(await stepsOf("--root", root, "--ref", "nowhere", "--include", "science/a"), [
    "science/a",
    "compat/a:1.0",
  ]);
  assert.is(
    await refused("plan", "--root", root, "--all", "--ref", "HEAD"),
    "--all and --ref cannot be combined — give one of them",
  );
});

test("directories count from where the user stands, and from the root where that leads to no layer", async () => {
  const root = makeRepository(layers);
  const b = ["science/group/b", "compat/b:1.0"];
  process.chdir(path.join(root, "science/group"));
  assert.equal(await stepsOf("--include", "b"), b);
  assert.equal(await stepsOf("--include", "."), b);
  assert.equal(await stepsOf("--include", "../a"), ["science/a", "compat/a:1.0"]);
  assert.equal(await stepsOf("--include", "science/group/b"), b);
  assert.equal(await stepsOf("--all", "--ignore", "b", "compat"), ["science/a", "compat/a:1.0"]);
  process.chdir(temporaryDirectory());
  assert.equal(await stepsOf("--root", root, "--include", "science/group"), b);
});

test("--ignore of a directory that is gone is a note, --include of one a mistake", async () => {
  const root = makeRepository(layers);
  const { out, said } = await run("plan", "--root", root, "--ignore", "science/gone", "science/a");
  assert.match(out, "science/group/b");
  assert.is(said, "--ignore science/gone: no layer at or below that directory.\n");
  assert.is(
    await refused("plan", "--root", root, "--include", "science/gruop/b"),
    "--include science/gruop/b: no layer at or below that directory — did you mean science/group/b?",
  );
});

test("the beginning of an option says which is meant, and a word far from all commands suggests none", async () => {
  for (const [args, said] of [
    [["--dry"], "unknown argument: --dry — did you mean --dryrun?"],
    [["--inc", "x"], "unknown argument: --inc — did you mean --include?"],
    [["--ver"], "unknown argument: --ver — did you mean --verbose or --version?"],
    [["plan", "--dryrun", "--alow-dirty"], undefined],
    [["plan", "--xyzzy"], "unknown argument: --xyzzy — see image-builder plan --help"],
    [["inspec", "x"], "unknown command: inspec — did you mean inspect?"],
    [["buidl"], "unknown command: buidl — did you mean build?"],
    [["--repo"], "--repo needs a value — see image-builder --help"],
  ] as const) {
    const message = await refused(...args);
    if (said !== undefined) assert.is(message, said);
    else
      assert.equal(message.split("\n"), [
        "unknown argument: --dryrun — it is an option of build, promote, rollback",
        "unknown argument: --alow-dirty — did you mean --allow-dirty?",
      ]);
  }
  const root = makeRepository(layers);
  assert.not.match(await refused("clean", "--root", root), "did you mean");
});

test("--dry-run is --dryrun", async () => {
  const root = makeRepository(layers);
  const { out, said } = await run("--dry-run", "--root", root);
  assert.equal([out, said], ["", ""]);
});

test("a root that cannot be one is refused in a line, however long it is", async () => {
  const said = await refused("plan", "--root", `/${"x".repeat(5000)}`);
  assert.match(said, /^--root \/x{199}… \(5001 characters\) is not a directory — name a checkout$/);
});

test("--ref takes what git diff takes: one commit, a message, a tree, the other parent's side", async () => {
  const root = makeRepository(layers);
  assert.is((await stepsOf("--root", root, "--ref", "HEAD^!")).length, 4);
  commit(root, { "science/a/f": "1" });
  git(root, "commit", "--quiet", "--allow-empty", "--message=a..b is a range of letters");
  commit(root, { "science/group/b/f": "1" });
  const a = ["science/a", "compat/a:1.0"];
  const b = ["science/group/b", "compat/b:1.0"];
  for (const [ref, expected] of [
    ["HEAD^!", b],
    ["HEAD^-", b],
    ["HEAD~2^!", a],
    [":/a..b", b],
    ["HEAD^{/a..b}", b],
    ["HEAD^^{tree}", b],
    ["HEAD~3:", [...a, ...b]],
  ] as const) {
    const steps = await stepsOf("--root", root, "--ref", ref);
    assert.equal([...steps].sort(), [...expected].sort(), ref);
  }
  for (const ref of ["HEAD:science", "HEAD:science/a/Dockerfile", ":/nowhere to be found"])
    assert.match(await refused("plan", "--root", root, "--ref", ref), /: git knows no revision "/);
  const { out } = await run("why", "a", "--root", root, "--ref", "HEAD~2^!");
  assert.match(out, /^compat\/a:1\.0 is built, for changes in HEAD~2\^\.\.HEAD~2:/);
  assert.match(out, /change \(A\. Scientist\)\n {2}science\/a\/f\n/);
});

test("commits are told in UTF-8, whatever git is configured to print", async () => {
  const root = makeRepository(layers);
  git(root, "config", "i18n.logOutputEncoding", "ISO-8859-1");
  commit(root, { "science/a/f": "1" });
  git(root, "commit", "--quiet", "--amend", "--message=Größe: звезда");
  const { out } = await run("why", "a", "--root", root);
  assert.match(out, "Größe: звезда");
});

test("a pull request is named by its number, as each CI system gives it", async () => {
  const root = makeRepository({ f: "1" });
  git(root, "checkout", "--quiet", "--detach");
  for (const [environment, name] of [
    [{ GITHUB_REF: "refs/pull/12/merge" }, "pr-12"],
    [{ BRANCH_NAME: "PR-12", CHANGE_ID: "12" }, "pr-12"],
    [{ BRANCH_NAME: "PR-12" }, "PR-12"],
    [{ CI_MERGE_REQUEST_IID: "12" }, "mr-12"],
    [{ GITHUB_REF: "refs/heads/feature/x" }, "feature/x"],
    [{ GITHUB_REF: "refs/tags/v1" }, "v1"],
    [{ CHANGE_ID: "", BRANCH_NAME: "main" }, "main"],
    [{}, undefined],
  ] as const)
    assert.is(await branchOf(root, environment), name, JSON.stringify(environment));
});

test("where the current directory is gone, it is said so", () => {
  const root = temporaryDirectory();
  const script = `mkdir gone && cd gone && rmdir ../gone && exec ${process.execPath} ${tool} --dryrun`;
  const answer = spawnSync("sh", ["-c", script], { cwd: root, encoding: "utf8" });
  assert.equal(
    [answer.status, answer.stderr],
    [4, "ERROR:root:the current directory is gone — cd to one that exists\n"],
  );
});

test.run();
