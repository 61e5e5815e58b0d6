import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import * as fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { makePlan } from "../../src/planning/plan.ts";
import { printable } from "../../src/problem.ts";
import type { Problem } from "../../src/problem.ts";
import { annotations, markdownSummary, outputs } from "../../src/report/github.ts";
import { junit } from "../../src/report/junit.ts";
import { recordRun } from "../../src/report/run-report.ts";
import type { RunReport } from "../../src/report/run-report.ts";
import { makeCatalog } from "../support/catalog.ts";
import { temporaryDirectory } from "../support/checkout.ts";
import { readJunit } from "../support/junit.ts";

const test = suite("reports");

/** The report of a run of one science layer and its release, whose first build fails as told. */
function failedRun(
  problems: readonly Problem[],
  tail: readonly string[],
  paths = ["science/a/Dockerfile"],
): RunReport {
  const catalog = makeCatalog({ a: {} });
  const build = { commit: "f90dbd6".padEnd(40, "0"), count: 42, stamp: "42-f90dbd6", dirty: false };
  const changes = new Map([["science/a", paths]]);
  const plan = makePlan({ catalog, changes, reasons: new Map(), repo: "example.org/x", ref: "HEAD^", build });
  const [step] = plan.steps;
  if (step === undefined) throw new Error("nothing planned");
  const record = recordRun({ repo: plan.repo, push: false });
  record.plan(plan, []);
  record.follow({ kind: "started", step });
  record.follow({ kind: "ended", result: { kind: "failed", step, problems, seconds: 1.5, tail } });
  return record.report({ result: "failed", exitCode: 1, problems: [] });
}

const text = fc.string({ unit: "binary", maxLength: 40 });

/** What the runner does with a line: https://github.com/actions/runner, ActionCommand. */
function readCommand(line: string) {
  const match = /^::(\w+) ([^:]*)::(.*)$/.exec(line);
  if (match === null) throw new Error(`no workflow command: ${line}`);
  const [, level, properties = "", data = ""] = match;
  const decoded = (encoded: string) =>
    encoded
      .replaceAll("%0D", "\r")
      .replaceAll("%0A", "\n")
      .replaceAll("%3A", ":")
      .replaceAll("%2C", ",")
      .replaceAll("%25", "%");
  const pairs = properties.split(",").map((pair) => pair.split("="));
  const named = Object.fromEntries(pairs.map(([name = "", ...value]) => [name, decoded(value.join("="))]));
  return { level, ...named, text: decoded(data) };
}

test("the stamp of an uncommitted build ends in -dirty in every report for people and jobs", () => {
  const clean = failedRun([], []);
  const build = { commit: "f90dbd6".padEnd(40, "0"), count: 42, stamp: "42-f90dbd6", dirty: true };
  const report = { ...clean, build };
  for (const shown of [junit(report), markdownSummary(report), outputs(report)])
    assert.match(shown, "42-f90dbd6-dirty");
});

test("all of the log is through, to a slow reader too, before what is printed after it has settled", () => {
  const log = path.join(import.meta.dirname, "../../src/report/log.ts");
  const script = `import { openLog } from ${JSON.stringify(log)};
    const log = openLog(0);
    for (let n = 0; n < 100; n += 1) log.error("x".repeat(3000));
    await log.settle();
    process.stdout.write("the table\\n");`;
  const call = `${process.execPath} --import tsx --input-type=module --eval '${script}' 2>&1 | { sleep 1; cat; }`;
  const printed = execFileSync("sh", ["-c", call], { encoding: "utf8" }).trimEnd().split("\n");
  assert.equal([printed.length, printed.at(-1)], [101, "the table"]);
});

test("whatever a build prints, the JUnit file can be read, and has all of it that XML can hold", () => {
  const file = path.join(temporaryDirectory(), "junit.xml");
  const lines = fc.sample(text, { numRuns: 300, seed: 4 });
  const known = [
    "\u001B[31mred\u001B[0m",
    "a\u0000b\u0008c",
    "\uFFFF\uD800",
    "]]> & <b> &amp; \"'",
    "🔭",
    " x ",
  ];
  for (const tail of [known, lines]) {
    const report = failedRun([{ kind: "failure", message: "RUN false: exit code: 1" }], tail);
    fs.writeFileSync(file, junit(report));
    const failure = readJunit(file).cases[0]?.results[0];
    assert.is(failure?.message, "RUN false: exit code: 1");
    const said = ["RUN false: exit code: 1", "", ...(report.steps[0]?.output ?? [])].join("\n");
    const legal = Array.from(said).filter((each) =>
      /[\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}]|[\u{10000}-\u{10FFFF}]/u.test(each),
    );
    // A reader takes every line end for a line feed.
    assert.is(failure?.text, legal.join("").replaceAll(/\r\n?/g, "\n"));
  }
  const red = failedRun([], known).steps[0]?.output[0];
  assert.is(red, "red");
});

test("an annotation is one line that the runner reads as what was said, whatever that was", () => {
  fc.assert(
    fc.property(text, text, fc.nat(), (message, file, line) => {
      const said = failedRun([{ kind: "failure", message, file, line }], []);
      const shown = annotations(said, (name) => `top/${name}`);
      assert.is(shown.split(/\r|\n/).length, 2);
      const expected = said.steps[0]?.problems[0];
      assert.equal(readCommand(shown.slice(0, -1)), {
        level: "error",
        file: `top/${file}`,
        line: String(line),
        title: "science/a",
        text: printable(expected?.message ?? ""),
      });
    }),
    { examples: [["50% off: a, b\r\n::error::forged", "science/a,b:c/Dockerfile", 2]] },
  );
});

test("what stands in no file of the repository says its place in the text of its annotation", () => {
  const problem = {
    kind: "failure",
    message: "RUN x: exit code: 1",
    file: "the composed Dockerfile",
    line: 7,
  } as const;
  assert.is(
    annotations(failedRun([problem], []), () => undefined),
    "::error title=science/a::the composed Dockerfile:7: RUN x: exit code: 1\n",
  );
});

test("no report has the login of a URL that a failed build shows", () => {
  const url = "https://robot:s3cret@@example.org/x";
  const report = failedRun(
    [{ kind: "failure", message: `RUN pip install ${url}: exit code: 1`, hint: `see ${url}` }],
    [`#5 fetching ${url}`],
  );
  const all = [
    JSON.stringify(report),
    junit(report),
    markdownSummary(report),
    annotations(report, () => undefined),
  ];
  for (const each of all) {
    assert.match(each, "https://***@example.org/x");
    assert.not.match(each, "s3cret");
  }
});

test("the Markdown keeps what a build prints in its fence, and fits in what GitHub shows", () => {
  const summary = markdownSummary(
    failedRun([{ kind: "failure", message: "no" }], ["````", "# not a heading"]),
  );
  const odd = markdownSummary(failedRun([], [], ["science/a/x|\n`y"]));
  assert.match(odd, / <code>science\/a\/x&#124;&#65533;&#96;y<\/code> changed \|\n/);
  assert.match(summary, /\n`{5}text\nno\n\n````\n# not a heading\n`{5}\n/);
  const long = markdownSummary(failedRun([{ kind: "failure", message: "no" }], ["é".repeat(600_000)]));
  assert.ok(Buffer.byteLength(long) < 1024 * 1024);
  assert.match(long, "`science/a` | **failed** |");
});

test("no value of an output can end it before its time", () => {
  const [first, second] = [outputs(failedRun([], [])), outputs(failedRun([], []))];
  const end = /^result<<(.+)$/m.exec(first)?.[1] ?? "";
  assert.ok(end.length > 30);
  assert.not.match(second, end);
});

test.run();
