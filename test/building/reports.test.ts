import fs from "node:fs";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { RunReport } from "../../src/report/run-report.ts";
import {
  commit,
  compatFiles,
  git,
  makeRepository,
  scienceFiles,
  temporaryDirectory,
} from "../support/checkout.ts";
import { eventually, runs, unique } from "../support/engine-room.ts";
import { readJunit } from "../support/junit.ts";
import { testPlatform } from "../support/platform.ts";
import { digestAt, onBusybox, openWorkplace } from "../support/released.ts";
import { readReport } from "../support/run-schema.ts";

const test = suite("reports of real runs");

const { base } = await testPlatform();

/** Where the reports of one run go, GitHub's files included. */
function reportFiles() {
  const directory = temporaryDirectory();
  const [json, xml, summary, output] = ["run.json", "run.xml", "summary.md", "output"].map((name) =>
    path.join(directory, name),
  ) as [string, string, string, string];
  const github = { GITHUB_ACTIONS: "true", GITHUB_STEP_SUMMARY: summary, GITHUB_OUTPUT: output };
  const texts = () => [json, xml, summary, output].map((file) => fs.readFileSync(file, "utf8"));
  return { json, xml, github, args: ["--report", json, xml], texts };
}

/** `GITHUB_OUTPUT` as the runner reads it. */
function readOutputs(text: string): Readonly<Record<string, string>> {
  const values = text.matchAll(/^(\w+)<<(.+)\n([^]*?)\n\2\n/gm);
  return Object.fromEntries([...values].map(([, name, , value]) => [name, value]));
}

const results = ({ steps }: RunReport) =>
  Object.fromEntries(steps.map(({ id, result, blockedBy }) => [id, blockedBy ?? result]));

test("a run that publishes reports each step with its times, digests and tags, and no login", async () => {
  const place = await openWorkplace();
  const password = `secret-${unique()}`;
  const auth = Buffer.from(`robot:${password}`).toString("base64");
  const config = temporaryDirectory();
  fs.writeFileSync(
    path.join(config, "config.json"),
    JSON.stringify({ auths: { [place.registry]: { auth } } }),
  );
  const root = makeRepository({ ...onBusybox("one", base, "true"), ...compatFiles("base", [], "") });
  const stamp = `1-${git(root, "rev-parse", "--short=7", "HEAD")}`;
  const files = reportFiles();
  const args = ["--push", "--tag", "stable", ...files.args];
  const { code, stderr } = await place.run(root, args, { ...files.github, DOCKER_CONFIG: config });
  assert.is(code, 0, stderr);

  const report = readReport(files.json);
  assert.equal([report.result, report.exitCode, report.push, report.problems], ["done", 0, true, []]);
  assert.equal(results(report), { "science/one": "built", "compat/one:1.0": "built" });
  const [science, release] = report.steps;
  const digest = await digestAt(`${place.repo}/rel/one:1.0`);
  assert.equal(
    release?.tags.map(({ reference, kind, state }) => [reference, kind, state]),
    [
      [`${place.repo}/rel/one:1.0-${stamp}`, "immutable", "published"],
      [`${place.repo}/rel/one:1.0`, "rolling", "published"],
      [`${place.repo}/rel/one:1.0-stable`, "named", "published"],
      [`${place.repo}/rel/one:stable`, "named", "published"],
    ],
  );
  assert.equal(new Set(release?.tags.map((tag) => tag.digest)), new Set([digest]));
  assert.is(release?.digest, digest);
  assert.is(release?.imageId, place.inspect(`${place.repo}/rel/one:1.0`)?.Id);
  assert.equal(release?.base, { reference: `${place.repo}/sci/one:1.0-${stamp}`, digest: "" });
  assert.equal(release?.because[0], { kind: "base", step: "science/one" });
  const times = [
    report.started,
    science?.started,
    science?.ended,
    release?.started,
    release?.ended,
    report.ended,
  ];
  assert.equal(times.toSorted(), times, "one after the other");

  const junit = readJunit(files.xml);
  assert.equal([junit.tests, junit.failures, junit.errors, junit.skipped], [2, 0, 0, 0]);
  assert.is(junit.properties["stamp"], stamp);
  assert.equal(
    junit.cases.map(({ classname, name, seconds }) => [classname, name, seconds]),
    report.steps.map(({ kind, id, seconds }) => [`image-builder.${kind}`, id, Number(seconds?.toFixed(3))]),
  );
  const [, , summary = "", output = ""] = files.texts();
  assert.match(summary, `done, built 2 of 2 images for \`${stamp}\` in `);
  const { images = "", ...others } = readOutputs(output);
  assert.equal(others, { result: "done", stamp, built: "2", pushed: "6" });
  assert.equal(JSON.parse(images), [
    { image: "one", version: "1.0", reference: `${place.repo}/rel/one:1.0-${stamp}`, digest },
  ]);
  for (const text of [...files.texts(), stderr])
    for (const secret of [password, auth]) assert.not.ok(text.includes(secret));

  await place.run(root, ["--push", ...files.args]);
  assert.equal(results(readReport(files.json)), { "science/one": "reused", "compat/one:1.0": "reused" });
  assert.is(readReport(files.json).steps[1]?.digest, digest);
});

test("a failed step is a failure with the last lines of its output, and what stands on it is skipped", async () => {
  const place = await openWorkplace();
  const root = makeRepository({
    ...scienceFiles("bad", {}, `FROM ${base}\nRUN echo "\u001B[31malmost\u001B[0m" \u0026\u0026 exit 7\n`),
    ...scienceFiles("on-bad", { image: "bad", target: "on-bad" }, "FROM sci/bad:1.0\n"),
    ...compatFiles("base", [], ""),
  });
  const files = reportFiles();
  const { code, stderr } = await place.run(root, ["--push", ...files.args], files.github);
  assert.is(code, 1, stderr);

  const report = readReport(files.json);
  assert.equal([report.result, report.exitCode, report.problems], ["failed", 1, []]);
  assert.equal(results(report), {
    "science/bad": "failed",
    "science/on-bad": "science/bad",
    "compat/bad:1.0": "science/on-bad",
  });
  const [bad] = report.steps;
  assert.equal([bad?.problems[0]?.file, bad?.problems[0]?.line], ["science/bad/Dockerfile", 2]);

  const junit = readJunit(files.xml);
  assert.equal([junit.tests, junit.failures, junit.errors, junit.skipped], [3, 1, 0, 2]);
  assert.equal(
    junit.cases.map(({ results: [result] }) => result?.kind),
    ["Failure", "Skipped", "Skipped"],
  );
  const failure = junit.cases[0]?.results[0];
  assert.match(failure?.message ?? "", /^science\/bad\/Dockerfile:2: the build failed: .*exit code: 7$/);
  assert.match(failure?.text ?? "", /\n#\d+ .*almost\n/);
  assert.match(junit.cases[1]?.results[0]?.message ?? "", "skipped: needs science/bad");
  assert.match(
    stderr,
    /^::error file=science\/bad\/Dockerfile,line=2,title=science\/bad::the build failed: /m,
  );
  const [, , summary = "", output = ""] = files.texts();
  assert.match(summary, "| `science/bad` | **failed** |");
  assert.match(summary, /almost\n/);
  assert.equal(readOutputs(output)["images"], "[]");
});

for (const [signal, exitCode, again] of [
  ["SIGTERM", 143, false],
  ["SIGTERM", 143, true],
  ["SIGHUP", 129, false],
] as const)
  test(`a run that ${signal} stops in the middle of a build${again ? ", and leaves at once after a second one," : ""} reports that`, async () => {
    const place = await openWorkplace();
    const seconds = `3${String(Math.floor(Math.random() * 1e6))}`;
    const root = makeRepository({
      ...onBusybox("quick", base, "true"),
      ...onBusybox("slow", base, `sleep ${seconds}`),
      ...compatFiles("base", [], ""),
    });
    const files = reportFiles();
    const running = place.start(root, ["--push", "--jobs", "1", ...files.args], files.github);
    await running.says(/science\/slow: building/);
    await eventually(() => runs(seconds));
    running.process.kill(signal);
    if (again) {
      await running.says(/Cancelling/);
      running.process.kill(signal);
    }
    const { code, stderr } = await running.ended;
    assert.is(code, exitCode, stderr);

    const report = readReport(files.json);
    assert.equal([report.result, report.exitCode], ["cancelled", exitCode]);
    assert.equal(report.problems, [{ kind: "failure", message: `stopped by ${signal}` }]);
    const { "science/slow": slow, "science/quick": quick, "compat/slow:1.0": release } = results(report);
    assert.equal([quick, slow], ["built", "cancelled"]);
    assert.ok(release === "skipped" || release === "science/slow");
    const junit = readJunit(files.xml);
    assert.equal([junit.tests, junit.errors, junit.failures], [5, 1, 0]);
    assert.equal(
      junit.cases.at(-1)?.results.map(({ kind, message }) => [kind, message]),
      [["Error", `stopped by ${signal}`]],
    );
    const [, , summary = "", output = ""] = files.texts();
    assert.match(summary, "### image-builder: cancelled, built 1 of 4 images for ");
    assert.is(readOutputs(output)["result"], "cancelled");
    await eventually(async () => !(await runs(seconds)));
  });

test("what a failed build prints is no command to GitHub's runner, and has no login in its URLs", async () => {
  const place = await openWorkplace();
  const command = "echo '##[stop-commands]x' https://robot:s3cret@example.org/x; false";
  const root = makeRepository({
    ...scienceFiles("bad", {}, `FROM ${base}\nRUN ${command}\n`),
    ...compatFiles("base"),
  });
  for (const verbosity of [[], ["-vv"]]) {
    const logs = temporaryDirectory();
    const args = ["--all", "--logs", logs, ...verbosity];
    const { code, stdout, stderr } = await place.run(root, args, { GITHUB_ACTIONS: "true" });
    assert.is(code, 1, stderr);
    const log = fs.readFileSync(path.join(logs, "science/bad.log"), "utf8");
    assert.match(
      stderr,
      /^science\/bad \| #\d+ (?:\S+ )?##\u200B\[stop-commands\]x https:\/\/\*{3}@example\.org\/x$/m,
    );
    assert.match(
      stderr,
      "Dockerfile:2: the build failed: RUN echo '##\u200B[stop-commands]x' https://***@example.org/x",
    );
    assert.match(log, "##[stop-commands]x https://***@example.org/x");
    assert.not.ok(`${stdout}${stderr}`.includes("##["));
    assert.not.ok(`${stdout}${stderr}${log}`.includes("s3cret"));
  }
});

test("a tag that must not move fails the case of its step, and is a warning on GitHub; one that is newer does neither", async () => {
  const place = await openWorkplace();
  const root = makeRepository({ ...onBusybox("one", base, "true"), ...compatFiles("base", [], "") });
  const older = git(root, "rev-parse", "HEAD");
  const newer = commit(root, onBusybox("one", base, "echo newer"));
  await place.run(root, ["--push", "--all"]);
  git(root, "checkout", "--quiet", older);
  const late = reportFiles();
  const done = await place.run(root, ["--push", "--all", ...late.args], late.github);
  assert.is(done.code, 0, done.stderr);
  assert.not.match(done.stderr, "::warning");
  assert.is(readJunit(late.xml).failures, 0);
  assert.equal(
    readReport(late.json).steps.map(({ tags }) => tags.map(({ state, moved }) => [state, moved])),
    [
      [
        ["published", true],
        ["newer", false],
      ],
      [
        ["published", true],
        ["newer", false],
      ],
    ],
  );
  assert.match(fs.readFileSync(late.github.GITHUB_OUTPUT, "utf8"), /^pushed<<\S+\n2$/m);
  commit(root, onBusybox("one", base, "echo beside"));
  const files = reportFiles();
  const { code, stdout, stderr } = await place.run(root, ["--push", "--all", ...files.args], files.github);
  assert.is(code, 1, stderr);
  const report = readReport(files.json);
  assert.is(report.result, "failed");
  assert.equal(
    report.steps.map(({ result, tags }) => [result, ...tags.map(({ state }) => state)]),
    [
      ["built", "published", "kept"],
      ["built", "published", "kept"],
    ],
  );
  assert.is(report.steps[1]?.tags[1]?.digest, await digestAt(`${place.repo}/rel/one:1.0`));
  assert.is(readJunit(files.xml).failures, 2);
  const branch = `it was built on another branch (${newer.slice(0, 7)}, "change"); --force-rolling moves it all the same`;
  assert.match(stderr, `/sci/one:1.0 (and 1 more tag) will stay: ${branch}\n`);
  assert.match(
    stderr,
    `::warning title=compat/one%3A1.0::${place.repo}/rel/one:1.0 stays where it is: ${branch}\n`,
  );
  assert.ok(
    stdout.endsWith(
      `\nFailed:\n  sci/one:1.0 stays where it is: ${branch}\n  rel/one:1.0 stays where it is: ${branch}\n`,
    ),
    stdout,
  );
});

test("a report that cannot be written in the end is told, and keeps no other from being written", async () => {
  const place = await openWorkplace();
  const root = makeRepository({ ...onBusybox("one", base, "sleep 2"), ...compatFiles("base", [], "") });
  const files = reportFiles();
  const lost = path.join(temporaryDirectory(), "lost");
  const running = place.start(root, ["--report", path.join(lost, "run.json"), ...files.args]);
  await running.says(/science\/one: building/);
  fs.rmSync(lost, { recursive: true });
  fs.writeFileSync(lost, "");
  const { code, stdout, stderr } = await running.ended;
  assert.is(code, 4, stderr);
  assert.match(stdout, "Built 2 of 2 images");
  assert.match(stderr, /^ERROR:root:--report .*lost\/run\.json cannot be written: /m);
  assert.equal(readReport(files.json).exitCode, 0);
  assert.is(readJunit(files.xml).tests, 2);
});

test.run();
