import fs from "node:fs";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  commit,
  compatFiles,
  git,
  makeRepository,
  runTool,
  scienceFiles,
  temporaryDirectory,
  writeFiles,
} from "../support/checkout.ts";
import { readJunit } from "../support/junit.ts";
import { readReport } from "../support/run-schema.ts";

const test = suite("reports of a run");

const nist = { ...scienceFiles("nist-basic"), ...compatFiles("base") };

/** Where the reports of one run go, GitHub's files included. */
function reportFiles() {
  const directory = temporaryDirectory();
  const at = (name: string) => path.join(directory, name);
  const [json, xml, summary, output] = [at("a/run.json"), at("a/run.xml"), at("summary.md"), at("output")];
  const github = { GITHUB_ACTIONS: "true", GITHUB_STEP_SUMMARY: summary, GITHUB_OUTPUT: output };
  return { json, xml, summary, output, github, args: ["--report", json, "--report", xml] };
}

test("a --report that cannot be written is refused before anything is done, and ends at once", async () => {
  const root = makeRepository(nist);
  writeFiles(root, { "a-file": "", "reports.json/x": "" });
  const places = [
    "run.txt",
    "run",
    "a-file/run.json",
    "reports.json",
    "/proc/x/run.json",
    "/dev/null/run.xml",
  ];
  for (const place of places) {
    const { code, stdout, stderr } = await runTool(root, ["--report", "good.xml", "--report", place]);
    assert.is(code, 2, stderr);
    assert.is(stdout, "");
    assert.match(stderr, `ERROR:root:--report ${place} cannot be written: `);
    assert.match(stderr, " — name a file that ends in .json or .xml, in a directory that can be written\n");
  }
  assert.equal(fs.readdirSync(root).toSorted(), [".git", "a-file", "compat", "reports.json", "science"]);
});

test("--logs in a place that cannot be written is refused before anything is built, and ends at once", async () => {
  const root = makeRepository(nist);
  for (const place of ["/proc/x/logs", "science/nist-basic/Dockerfile"]) {
    const { code, stderr } = await runTool(root, ["--logs", place], { DOCKER_HOST: "unix:///nonexistent" });
    assert.is(code, 2, stderr);
    assert.match(stderr, "ERROR:root:the build logs cannot be written: ");
  }
});

test("a run that is refused reports its problems and no steps: wrong definitions, a dirty push, no engine", async () => {
  const refusals = [
    {
      break: {
        "science/nist-basic/sciserver-image.json": '{\n  "imag": "nist-basic",\n  "compat": "base"\n}\n',
      },
      args: [],
      code: 3,
      annotation:
        "::error file=science/nist-basic/sciserver-image.json,line=2,title=image-builder::unknown key",
    },
    {
      break: { "compat/base/x": "" },
      args: ["--push"],
      code: 4,
      annotation: "::error title=image-builder::uncommitted files would be pushed: compat/base/x (untracked)",
    },
    {
      break: {},
      args: [],
      code: 4,
      annotation: "::error title=image-builder::the engine at unix:///nonexistent ",
    },
  ];
  for (const refusal of refusals) {
    const root = makeRepository(nist);
    writeFiles(root, refusal.break);
    const files = reportFiles();
    const environment = { ...files.github, DOCKER_HOST: "unix:///nonexistent" };
    const { code, stderr } = await runTool(root, [...refusal.args, ...files.args], environment);
    assert.is(code, refusal.code, stderr);
    const { result, exitCode, steps, problems } = readReport(files.json);
    assert.equal([result, exitCode], ["refused", code]);
    assert.ok(problems.length > 0);
    assert.equal(steps, []);
    const { tests, errors, cases } = readJunit(files.xml);
    assert.equal([tests, errors], [1, 1]);
    const [error] = cases[0]?.results ?? [];
    assert.is(error?.kind, "Error");
    for (const { message } of problems) assert.match(error?.text ?? "", message);
    assert.is(`\n${stderr}`.split(`\n${refusal.annotation}`).length, 2, "annotated, and once");
    assert.match(fs.readFileSync(files.summary, "utf8"), "### image-builder: refused, nothing was built\n");
    assert.match(fs.readFileSync(files.output, "utf8"), /^result<<(.*)\nrefused\n\1\n/);
  }
});

test("an annotation names the file from the top of the repository, where the definitions are below it", async () => {
  const root = makeRepository({});
  writeFiles(path.join(root, "definitions"), nist);
  commit(root, { "definitions/science/nist-basic/sciserver-image.json": "{}" });
  const { stderr } = await runTool(path.join(root, "definitions"), [], { GITHUB_ACTIONS: "true" });
  assert.match(stderr, "::error file=definitions/science/nist-basic/sciserver-image.json,line=1,");
});

test("whatever is refused is annotated on GitHub, and what else check finds too; elsewhere nothing is", async () => {
  const root = makeRepository({ ...nist, ...compatFiles("base", [], "CMD a\nCMD b\n") });
  const github = { GITHUB_ACTIONS: "true" };
  const annotationsOf = async (...args: string[]) =>
    (await runTool(root, args, github)).stderr.split("\n").filter((line) => line.startsWith("::"));
  assert.equal(await annotationsOf("check"), [
    "::warning file=compat/base/Dockerfile,line=2,title=image-builder::CMD takes the place of that of compat/base/Dockerfile:1 — keep one of them",
  ]);
  writeFiles(root, {
    "science/nist-basic/sciserver-image.json": '{\n  "imag": "x",\n  "compat": "base"\n}\n',
  });
  // What `check` warns of is still there.
  for (const [command, warnings] of [
    ["check", 1],
    ["plan", 0],
    ["status", 0],
  ] as const) {
    const found = await annotationsOf(command);
    assert.is(found.length, warnings + 2, command);
    assert.match(found.at(-1) ?? "", /^::error file=science\/nist-basic\/sciserver-image\.json,line=2,/);
  }
  assert.not.match((await runTool(root, ["plan"])).stderr, /^::/m);
});

test("--dryrun reports what is planned, and why", async () => {
  const root = makeRepository(nist);
  const files = reportFiles();
  const { code, stdout, stderr } = await runTool(root, ["--dryrun", ...files.args], files.github);
  assert.equal([code, stdout, stderr], [0, "", ""]);
  const { result, exitCode, build, steps } = readReport(files.json);
  assert.equal([result, exitCode, build?.commit], ["planned", 0, git(root, "rev-parse", "HEAD")]);
  assert.equal(
    steps.map((step) => [step.id, step.result, step.because[0]?.kind, step.tags.map(({ state }) => state)]),
    [
      ["science/nist-basic", "planned", "changed", ["none", "none"]],
      ["compat/nist-basic:1.0", "planned", "base", ["none", "none"]],
    ],
  );
  assert.is(readJunit(files.xml).skipped, 2);
  assert.match(fs.readFileSync(files.summary, "utf8"), "### image-builder: 2 steps planned for `1-");
});

test("reports are whole files that replace the ones before, and leave nothing else behind", async () => {
  const root = makeRepository(nist);
  const files = reportFiles();
  for (const layers of ["science", "compat"])
    await runTool(root, ["--dryrun", "--include", layers, ...files.args]);
  assert.equal(
    readReport(files.json).steps.map(({ id }) => id),
    ["compat/nist-basic:1.0"],
  );
  assert.is(readJunit(files.xml).tests, 1);
  assert.equal(fs.readdirSync(path.dirname(files.json)).toSorted(), ["run.json", "run.xml"]);
});

test("a run that GitHub gives no files for its results goes on, and one that cannot write them is refused", async () => {
  const root = makeRepository(nist);
  const bare = await runTool(root, ["--dryrun"], { GITHUB_ACTIONS: "true" });
  assert.equal([bare.code, bare.stderr], [0, ""]);
  const broken = { GITHUB_ACTIONS: "true", GITHUB_OUTPUT: "/nonexistent/output" };
  const { code, stderr } = await runTool(root, ["--dryrun"], broken);
  assert.is(code, 4);
  assert.match(stderr, "ERROR:root:GITHUB_OUTPUT (/nonexistent/output) cannot be written: ");
});

test.run();
