import fs from "node:fs";
import path from "node:path";
import sarifSchema from "@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json" with { type: "json" };
import { Ajv } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import type { Log } from "sarif";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { lintStack } from "../../src/composing/lint.ts";
import { findingLine } from "../../src/report/check.ts";
import { rules } from "../../src/rules.ts";
import { compatFiles, runTool, scienceFiles, temporaryDirectory, writeFiles } from "../support/checkout.ts";
import type { Files } from "../support/checkout.ts";

const test = suite("check");

const on = (compat: string) => scienceFiles("a", { compat });

async function check(files: Files, ...more: string[]) {
  const root = temporaryDirectory();
  writeFiles(root, files);
  const { code, stdout, stderr } = await runTool(root, ["check", ...more]);
  return { code, stdout, lines: stderr.split("\n").slice(0, -1) };
}

test("a command that runs as the user of another fragment is told, and one that says whom it runs as is not", async () => {
  const careless = await check({
    ...on("web"),
    ...compatFiles("users", [], "RUN useradd idies\nUSER idies\n"),
    ...compatFiles("web", ["users"], "RUN apt-get install -y nginx\nRUN true\n"),
  });
  assert.is(careless.code, 0);
  assert.equal(careless.lines, [
    "compat/web/Dockerfile:1: warning: RUN runs as the user that compat/users/Dockerfile:2 leaves behind: idies" +
      " — say whom it runs as: USER root, and at the end the user that the release is to have",
  ]);
  assert.is(careless.stdout, "1 science layer, 2 compat layers, 1 release: 1 warning\n");
  const careful = await check({
    ...on("web"),
    ...compatFiles("root", [], "USER root\nRUN true\n"),
    ...compatFiles("users", ["root"], "RUN true\nUSER idies\nRUN true\n"),
    ...compatFiles("web", ["users"], "COPY a /a\nUSER root\nRUN apt-get install -y nginx\nUSER idies\n"),
  });
  assert.equal([careful.code, careful.lines], [0, []]);
});

const relative = [
  "COPY a b ./",
  'COPY ["a", "b"]',
  "ADD a .",
  "COPY <<EOF greeting\nhi\nEOF",
  "WORKDIR below",
];
const absolute = [
  "COPY a /b",
  'COPY ["a", "/my b"]',
  "COPY a $HOME/",
  "COPY <<EOF /b\nhi\nEOF",
  "WORKDIR /below",
  "RUN true",
];
for (const fragment of [...relative, ...absolute]) {
  const leaks = relative.includes(fragment);
  test(`${JSON.stringify(fragment)} ${leaks ? "relies" : "does not rely"} on the WORKDIR of the fragment before it`, () => {
    const layer = (name: string, text: string) => ({
      directory: `compat/${name}`,
      fragment: text,
      includes: new Set<string>(),
    });
    const found = lintStack([layer("base", "WORKDIR /work\nCOPY a here\n"), layer("top", `${fragment}\n`)]);
    const keyword = fragment.slice(0, fragment.indexOf(" "));
    assert.equal(
      found.map(findingLine),
      leaks
        ? [
            `compat/top/Dockerfile:1: warning: ${keyword} writes below the directory that compat/base/Dockerfile:1 leaves behind: /work` +
              " — write the path from / on, or begin with a WORKDIR",
          ]
        : [],
    );
  });
}

test("taking the place of what a layer includes is a note; of what it does not know of, a warning", async () => {
  const files = {
    ...on("top"),
    ...compatFiles("left", [], 'ENTRYPOINT ["left"]\nCMD ["left"]\n'),
    ...compatFiles("right", [], 'ENTRYPOINT ["right"]\nCMD ["right"]\n'),
    ...compatFiles("top", ["left", "right"], 'ENTRYPOINT ["top"]\nENTRYPOINT ["over"]\n'),
    ...compatFiles("child", ["left"], 'CMD ["child"]\n'),
    "compat/left/motd": "left\n",
    "compat/right/motd": "right\n",
    "compat/child/motd": "child\n",
  };
  const { code, lines, stdout } = await check(files);
  assert.equal(lines, [
    "compat/child/Dockerfile:1: note: CMD takes the place of that of compat/left/Dockerfile:2",
    "compat/child/motd: note: takes the place of compat/left/motd",
    'compat/right/Dockerfile:1: warning: ENTRYPOINT takes the place of that of compat/left/Dockerfile:1 — keep one of them, or let compat/right include "left"',
    'compat/right/Dockerfile:2: warning: CMD takes the place of that of compat/left/Dockerfile:2 — keep one of them, or let compat/right include "left"',
    'compat/right/motd: warning: takes the place of compat/left/motd — keep one of them, or let compat/right include "left"',
    "compat/top/Dockerfile:1: note: ENTRYPOINT takes the place of that of compat/right/Dockerfile:1",
    "compat/top/Dockerfile:2: warning: ENTRYPOINT takes the place of that of compat/top/Dockerfile:1 — keep one of them",
  ]);
  assert.equal([code, stdout], [0, "1 science layer, 4 compat layers, 1 release: 4 warnings, 3 notes\n"]);
});

test("an instruction that no engine knows is an error, unless another frontend is asked for", async () => {
  const typo = "FROM debian:bookworm-slim\nRUM true\n";
  const { code, lines } = await check({ ...scienceFiles("a", {}, typo), ...compatFiles("base") });
  assert.is(code, 3);
  assert.equal(lines, [
    "science/a/Dockerfile:2: there is no instruction RUM — did you mean RUN?",
    "ERROR:root:1 problem found",
  ]);
  const custom = await check({ ...scienceFiles("a", {}, `# syntax=x/y:1\n${typo}`), ...compatFiles("base") });
  assert.equal([custom.code, custom.lines], [0, []]);
});

test("errors of every kind are found together with warnings, also in compat layers that nobody uses yet", async () => {
  const { code, lines } = await check({
    ...on("base"),
    ...compatFiles("base"),
    ...compatFiles("left", [], "CMD a\n"),
    ...compatFiles("right", ["left"], "RUM true\n"),
    "compat/left/.dockerignore": "[\n",
  });
  assert.is(code, 3);
  assert.match(lines.join("\n"), /^compat\/left\/\.dockerignore:1: Docker does not understand/m);
  assert.match(lines.join("\n"), /^compat\/right\/Dockerfile:1: there is no instruction RUM/m);
  assert.is(lines.at(-1), "ERROR:root:2 problems found");
});

test("the docs list every rule, with what it finds", () => {
  const page = fs.readFileSync(path.resolve("docs/definitions.md"), "utf8");
  for (const [rule, text] of Object.entries(rules)) {
    const cells = page
      .split("\n")
      .map((line) => line.split("|").map((cell) => cell.trim()))
      .find((row) => row[1] === `\`${rule}\`` && row.length === 5);
    assert.is(cells?.[3], text);
  }
});

test("every mistake is found in one run and in every format, whatever else is wrong", async () => {
  const files = {
    ...on("base"),
    ...scienceFiles("b", {}, "FROM debian:12\nRUNN true\n"),
    ...compatFiles("base"),
    ...compatFiles("web", ["gone"], "CMD a\nRUM true\n"),
    ...compatFiles("one", ["two"]),
    ...compatFiles("two", ["one"]),
    "image-builder.json5": '{\n"job": 1,\n"repo": "r.example/x" }',
    "science/a/.dockerignore": "[\n",
    "science/c/sciserver-image.json": "{",
    "science/c/Dockerfile": "FROM x\nRUX true\n",
  };
  const expected = [
    ["compat/one/sciserver-image.json", 1, "include-cycle"],
    ["compat/web/Dockerfile", 2, "unknown-instruction"],
    ["compat/web/sciserver-image.json", 1, "unknown-compat"],
    ["image-builder.json5", 2, "unknown-key"],
    ["science/a/.dockerignore", 1, "ignore-pattern"],
    ["science/b/Dockerfile", 2, "unknown-instruction"],
    ["science/c/Dockerfile", 2, "unknown-instruction"],
    ["science/c/sciserver-image.json", 1, "invalid-syntax"],
  ] as const;
  const json = await check(files, "--format", "json");
  assert.equal([json.code, json.lines], [3, []]);
  const { findings } = JSON.parse(json.stdout) as {
    findings: { file: string; line: number; rule: string }[];
  };
  assert.equal(
    findings.map(({ file, line, rule }) => [file, line, rule]),
    expected,
  );
  const sarif = await check(files, "--format", "sarif");
  assert.equal(
    (JSON.parse(sarif.stdout) as Log).runs[0]?.results?.map(({ ruleId }) => ruleId),
    expected.map(([, , rule]) => rule),
  );
  const text = await check(files);
  assert.equal(
    text.lines.slice(0, -1).map((line) => line.split(":").slice(0, 2).join(":")),
    expected.map(([file, line]) => `${file}:${line}`),
  );
  assert.is(text.lines.at(-1)?.startsWith("ERROR:root:8 problems found"), true);
});

const every: Files = {
  ...scienceFiles("a b", { image: "a", compat: "top", target: "a" }, "FROM debian:bookworm-slim\nRUM true\n"),
  ...compatFiles("left", [], 'USER idies\nWORKDIR /w\nCMD ["left"]\n'),
  ...compatFiles("top", ["left"], 'RUN true\nCOPY x .\nCMD ["top"]\n'),
  "compat/left/größe #1": "left\n",
  "compat/top/größe #1": "top\n",
};

test("--format json prints what its schema says, with the same exit code", async () => {
  const schema = JSON.parse(fs.readFileSync(path.resolve("docs/check.schema.json"), "utf8")) as {
    properties: { findings: { items: { properties: { rule: { enum: string[] } } } } };
  };
  assert.equal(schema.properties.findings.items.properties.rule.enum, Object.keys(rules));
  const ajv = new Ajv2020({ strict: true });
  for (const files of [every, { ...every, "science/a b/sciserver-image.json": "{ image: 1 }" }, {}]) {
    const { code, stdout, lines } = await check({ "science/.keep": "", ...files }, "--format", "json");
    assert.equal([code, lines], [Object.keys(files).length > 0 ? 3 : 0, []]);
    assert.ok(ajv.validate(schema, JSON.parse(stdout)), ajv.errorsText());
  }
});

test("--format sarif is SARIF 2.1.0 as its schema has it, with rules, lines and relative addresses", async () => {
  // It is of draft 4, which ajv reads but for what the document calls itself.
  const { id: _id, $schema: _draft, ...schema } = sarifSchema;
  const ajv = new Ajv({
    strict: false,
    unicodeRegExp: false,
    formats: { uri: /^[a-z]+:/, "uri-reference": /^[^\s#]*$/, "date-time": true },
  });
  const { code, stdout, lines } = await check(every, "--format", "sarif");
  assert.equal([code, lines], [3, []]);
  const log = JSON.parse(stdout) as Log;
  assert.ok(ajv.validate(schema, log), ajv.errorsText());
  const [run] = log.runs;
  assert.equal(
    run?.tool.driver.rules?.map(({ id }) => id),
    Object.keys(rules),
  );
  const found = run?.results?.map(({ ruleId, ruleIndex, level, locations, relatedLocations }) => {
    const place = locations?.[0]?.physicalLocation;
    const related = relatedLocations?.[0]?.physicalLocation;
    assert.is(run.tool.driver.rules?.[ruleIndex ?? -1]?.id, ruleId);
    return [
      level,
      ruleId,
      place?.artifactLocation?.uri,
      place?.region?.startLine,
      related?.region?.startLine,
    ];
  });
  assert.equal(found, [
    ["warning", "leftover-user", "compat/top/Dockerfile", 1, 1],
    ["warning", "leftover-workdir", "compat/top/Dockerfile", 2, 2],
    ["note", "overridden-command", "compat/top/Dockerfile", 3, 3],
    ["note", "overridden-file", "compat/top/gr%C3%B6%C3%9Fe%20%231", undefined, undefined],
    ["error", "unknown-instruction", "science/a%20b/Dockerfile", 2, undefined],
  ]);
  assert.not(ajv.validate(schema, { ...log, version: "2.2.0" }), "the schema refuses what is wrong");
});

test("no name of a layer or file can end its line, or give a command to what shows it", async () => {
  const odd = "science/x\n::error::forged";
  const named = { ...on("web"), ...compatFiles("web") };
  const refused = await check({
    ...named,
    [`${odd}/Dockerfile`]: "FROM debian:12\n",
    [`${odd}/sciserver-image.json`]: '{ "image": "b", "target": "b", "compat": "web" }',
    "compat/\u202Eweb/Dockerfile": "",
    "compat/\u202Eweb/sciserver-image.json": "{}",
  });
  const hint = "rename the directory: terminals and logs take such characters for commands";
  assert.equal(refused.lines, [
    `compat/\uFFFDweb/sciserver-image.json: its path has invisible characters: "compat/\\u{202e}web" — ${hint}`,
    `science/x\uFFFD::error::forged/sciserver-image.json: its path has invisible characters: "science/x\\n::error::forged" — ${hint}`,
    "ERROR:root:2 problems found",
  ]);
  const overriding = await check({
    ...named,
    ...compatFiles("top", ["web"]),
    "compat/top/a\rb": "",
    "compat/web/a\rb": "",
  });
  assert.equal(overriding.lines, ["compat/top/a\uFFFDb: note: takes the place of compat/web/a\uFFFDb"]);

  const root = temporaryDirectory();
  writeFiles(root, { ...named, "image-builder.json5": '{ ignoreFiles: ["a\\u001b[2Jb"] }' });
  const config = await runTool(root, ["config"]);
  assert.match(config.stdout, "a\uFFFD[2Jb");
});

test("GitHub's runner finds no command in what is said of a layer", async () => {
  const root = temporaryDirectory();
  writeFiles(root, {
    ...on("web"),
    ...compatFiles("web", [], "RUN a\n"),
    "science/##[stop-commands]x/Dockerfile": "",
  });
  const args = ["check", "--root", root];
  const { stderr } = await runTool(root, args, { GITHUB_ACTIONS: "true" });
  assert.match(stderr, "science/##\u200B[stop-commands]x/Dockerfile: warning: has no");
  assert.match((await runTool(root, args)).stderr, "science/##[stop-commands]x/");
});

test("the shipped layers have no error and no warning", async () => {
  const { code, stdout, stderr } = await runTool(path.resolve("."), ["check"]);
  assert.is(code, 0);
  assert.is(stderr, "compat/jupyter/job: note: takes the place of compat/sciserver-common/job\n");
  assert.is(stdout, "5 science layers, 3 compat layers, 4 releases: 1 note\n");
});

test.run();
