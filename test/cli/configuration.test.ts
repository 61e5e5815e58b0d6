import fs from "node:fs";
import path from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import JSON5 from "json5";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readConfiguration } from "../../src/definitions/configuration.ts";
import type { Plan } from "../../src/model.ts";
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
import type { Files } from "../support/checkout.ts";

const test = suite("configuration");

const docs = path.join(import.meta.dirname, "../../docs");
const schema = (name: string) =>
  new Ajv2020({ allowUnionTypes: true }).compile(
    JSON.parse(fs.readFileSync(path.join(docs, name), "utf8")) as object,
  );
const page = fs.readFileSync(path.join(docs, "configuration.md"), "utf8");
const example = /```json5\n([^]*?)```/.exec(page)?.[1] ?? "";

const layers: Files = {
  ...scienceFiles("one"),
  ...scienceFiles("two", {}, "FROM sci/one:1.0\nCOPY . /two\n"),
  ...compatFiles("base"),
};
const configured = (text: string): Files => ({ "image-builder.json5": text });

interface Shown {
  readonly settings: readonly {
    readonly name: string;
    readonly value: unknown;
    readonly from: string;
    readonly at: string | null;
  }[];
}

async function setting(
  root: string,
  name: string,
  args: readonly string[] = [],
  environment: NodeJS.ProcessEnv = {},
): Promise<readonly unknown[]> {
  const { code, stdout, stderr } = await runTool(root, ["config", "--format", "json", ...args], environment);
  assert.is(code, 0, stderr);
  const shown = JSON.parse(stdout) as Shown;
  const found = shown.settings.find((each) => each.name === name);
  return [found?.value, found?.from, found?.at];
}

async function stepsOf(root: string, ...args: string[]): Promise<Plan> {
  const { code, stdout, stderr } = await runTool(root, ["plan", "--format", "json", ...args]);
  assert.is(code, 0, stderr);
  return JSON.parse(stdout) as Plan;
}
const ids = ({ steps }: Plan) => steps.map(({ id }) => id).sort();

const everything = ["compat/one:1.0", "compat/two:1.0", "science/one", "science/two"];

test("an option wins over the environment, the environment over the file, the file over the default", async () => {
  const root = makeRepository(layers);
  const usual = "containers.repo.sciserver.org/compute-images";
  assert.equal(await setting(root, "repo"), [usual, "default", null]);
  assert.equal(await setting(root, "jobs"), [null, "default", null]);
  commit(root, configured('{\n  "repo": "file.example.org/x", # ours\n  jobs: 3,\n}\n'));
  assert.equal(await setting(root, "repo"), ["file.example.org/x", "file", "image-builder.json5:2"]);
  assert.equal(await setting(root, "jobs"), [3, "file", "image-builder.json5:3"]);
  const environment = { IMAGE_BUILDER_REPO: "environment.example.org/x", IMAGE_BUILDER_JOBS: "2" };
  assert.equal(await setting(root, "repo", [], environment), [
    "environment.example.org/x",
    "environment",
    "IMAGE_BUILDER_REPO",
  ]);
  assert.equal(await setting(root, "jobs", [], environment), [2, "environment", "IMAGE_BUILDER_JOBS"]);
  assert.equal(await setting(root, "repo", ["--repo", "option.example.org/x"], environment), [
    "option.example.org/x",
    "option",
    null,
  ]);
  assert.equal(await setting(root, "repo", [], { IMAGE_BUILDER_REPO: "" }), [
    "file.example.org/x",
    "file",
    "image-builder.json5:2",
  ]);
  assert.is((await stepsOf(root, "--all")).repo, "file.example.org/x");
  assert.is((await stepsOf(root, "--all", "--repo", "option.example.org/x")).repo, "option.example.org/x");
});

test("config says what holds where nothing is set, and which checkout it is about", async () => {
  const root = makeRepository(layers);
  const { stdout } = await runTool(path.join(root, "science/one"), ["config"]);
  for (const row of [
    ["root", root],
    ["base", "local, with --push registry"],
    ["jobs", "the engine's processors"],
    ["logs", "none"],
    ["publishFrom", "any branch"],
    ["ignoreFiles", "none"],
  ])
    assert.ok(stdout.replaceAll(/ {2,}/g, " ").includes(`\n${row.join(" ")} default\n`), stdout);
  assert.equal(await setting(root, "root", [], { IMAGE_BUILDER_ROOT: "compat" }), [
    "compat",
    "environment",
    "IMAGE_BUILDER_ROOT",
  ]);
  assert.equal(await setting(temporaryDirectory(), "root"), [null, "default", null]);
});

test("the documented example is what the tool reads, and is valid by the schema", async () => {
  const root = makeRepository({ ...layers, ...configured(example) });
  const { code, stdout } = await runTool(root, ["config"], { IMAGE_BUILDER_JOBS: "2" });
  assert.is(code, 0);
  const shown = stdout.replace(root, "/home/me/images").replaceAll(/ +/g, " ");
  assert.ok(page.replaceAll(/ +/g, " ").includes(`image-builder config\n${shown}\`\`\``), stdout);
  assert.ok(schema("image-builder.schema.json")(JSON5.parse(example)));
  const json = await runTool(root, ["config", "--format", "json"]);
  assert.ok(schema("config.schema.json")(JSON.parse(json.stdout)));
});

test("the schema of the file and the tool take and refuse the same", () => {
  const validate = schema("image-builder.schema.json");
  const cases: readonly (readonly [object, boolean])[] = [
    [{}, true],
    [{ $schema: "x", jobs: 1, ignoreFiles: [] }, true],
    [{ $schema: 1 }, false],
    [{ jobs: 0 }, false],
    [{ jobs: 1.5 }, false],
    [{ jobs: "1" }, false],
    [{ publishFrom: ["main", "20*", "feature/**"] }, true],
    [{ publishFrom: [] }, false],
    [{ publishFrom: "main" }, false],
    [{ publishFrom: ["main", 1] }, false],
    [{ publishFrom: ["!main"] }, false],
    [{ publishFrom: ["a b"] }, false],
    [{ publishFrom: ["a\u0000"] }, false],
    [{ publishFrom: ["[ab]"] }, false],
    [{ publishFrom: ["a\\b"] }, false],
    [{ publishFrom: [""] }, false],
    [{ labelNamespace: "org.example-2.x" }, true],
    [{ labelNamespace: "example" }, false],
    [{ labelNamespace: "org.Example" }, false],
    [{ labelNamespace: "org.opencontainers" }, false],
    [{ labelNamespace: "org.opencontainers.image" }, false],
    [{ labelNamespace: "org.opencontainersx" }, true],
    [{ environmentVariable: "_x1" }, true],
    [{ environmentVariable: "1x" }, false],
    [{ environmentVariable: "A B" }, false],
    [{ environmentVariable: "PATH" }, false],
    [{ environmentVariable: "LD_PRELOAD" }, false],
    [{ environmentVariable: "PATHS" }, true],
    [{ ignoreFiles: "**/*.md" }, false],
    [{ ignoreFiles: [1] }, false],
    [{ repo: null }, false],
    [{ more: 1 }, false],
  ];
  for (const [object, right] of cases) {
    const text = JSON.stringify(object);
    assert.is(validate(object), right, text);
    assert.is(readConfiguration(text).problems.length === 0, right, text);
  }
});

test("every mistake in the file is said with its line, together with those in the definitions", async () => {
  const root = makeRepository({
    ...layers,
    ...configured(
      '{\n  "repos": "x",\n  "jobs": 2.5,\n  labelNamespace: "example",\n  environmentVariable: "1A",\n  ignoreFiles: "x",\n  repo: "https://example.org/x",\n}\n',
    ),
    "science/one/sciserver-image.json": "{}",
  });
  for (const args of [["check"], ["plan"], ["--dryrun"], ["config"], ["status"], ["rollback", "one:1.0"]]) {
    const { code, stdout, stderr } = await runTool(root, args);
    assert.equal([code, stdout], [3, ""], stderr);
    assert.match(stderr, 'image-builder.json5:2: unknown key "repos" — did you mean "repo"?\n');
    assert.match(stderr, 'image-builder.json5:3: "jobs" must be a whole number above 0, not 2.5 — ');
    assert.match(stderr, 'image-builder.json5:4: "labelNamespace" cannot be "example" — ');
    assert.match(stderr, 'image-builder.json5:5: "environmentVariable" cannot be "1A" — ');
    assert.match(stderr, 'image-builder.json5:6: "ignoreFiles" must be a list of patterns, not a string — ');
    assert.match(stderr, 'image-builder.json5:7: "repo" cannot be "https://example.org/x" — ');
    assert.match(stderr, 'science/one/sciserver-image.json:1: "image" is missing');
  }
  commit(root, {
    ...scienceFiles("one"),
    ...configured('{\n  ignoreFiles: [\n    "**/*.md", "x",\n    // odd\n    "[a",\n  ],\n}\n'),
  });
  const pattern = await runTool(root, ["check"]);
  assert.is(pattern.code, 3);
  assert.match(pattern.stderr, 'image-builder.json5:5: Docker does not understand the pattern "[a" — ');
});

test("a file that is no text file is refused, and nothing waits for one that is a pipe", async () => {
  const root = makeRepository(layers);
  fs.mkdirSync(path.join(root, "image-builder.json5"));
  assert.match((await runTool(root, ["check"])).stderr, "image-builder.json5: is not a regular file — ");
  fs.rmdirSync(path.join(root, "image-builder.json5"));
  fs.symlinkSync("nowhere", path.join(root, "image-builder.json5"));
  assert.match(
    (await runTool(root, ["config"])).stderr,
    "image-builder.json5: is a link that leads nowhere — ",
  );
  fs.rmSync(path.join(root, "image-builder.json5"));
  fs.writeFileSync(path.join(root, "image-builder.json5"), Buffer.from([0x7b, 0xff, 0x7d]));
  assert.match((await runTool(root, ["check"])).stderr, "image-builder.json5: is not UTF-8 — ");
  fs.writeFileSync(path.join(root, "image-builder.json5"), "{ jobs: }\n");
  assert.match((await runTool(root, ["check"])).stderr, /image-builder\.json5:1:9: not JSON5: /);
});

test("a variable that cannot be is refused, by its own name", async () => {
  const root = makeRepository(layers);
  for (const [environment, expected] of [
    [
      { IMAGE_BUILDER_JOBS: "many" },
      /^ERROR:root:IMAGE_BUILDER_JOBS "many" is not a whole number above 0 — /,
    ],
    [
      { IMAGE_BUILDER_BASE: "regstry" },
      /invalid IMAGE_BUILDER_BASE "regstry" — one of local, registry; did you mean registry\?/,
    ],
    [
      { IMAGE_BUILDER_KEEP_GOING: "treu" },
      /invalid IMAGE_BUILDER_KEEP_GOING "treu" — one of true, false; did you mean true\?/,
    ],
    [{ IMAGE_BUILDER_REPO: "https://x.org/y" }, /IMAGE_BUILDER_REPO "https.*is not the name of a repo/],
    [{ IMAGE_BUILDER_ROOT: "nowhere" }, /IMAGE_BUILDER_ROOT nowhere is not a directory — /],
  ] as const) {
    const { code, stderr } = await runTool(root, ["--dryrun"], environment);
    assert.is(code, 2, stderr);
    assert.match(stderr, expected);
  }
  const elsewhere = await runTool(temporaryDirectory(), ["plan", "--all"], { IMAGE_BUILDER_ROOT: root });
  assert.is(elsewhere.code, 0, elsewhere.stderr);
});

test("a change of files that count in no layer triggers nothing, unless a layer takes them back", async () => {
  const root = makeRepository({
    ...layers,
    ...configured('{ ignoreFiles: ["**/*.md", "**/docs"] }'),
    "science/two/.dockerignore": "!NOTES.md\n",
  });
  const documentation = {
    "science/one/README.md": "1",
    "science/one/docs/a": "1",
    "compat/base/a/b.md": "1",
  };
  commit(root, documentation);
  assert.equal(ids(await stepsOf(root)), []);
  writeFiles(root, { "science/one/README.md": "2" });
  assert.is((await stepsOf(root, "--include", "science/one")).build.dirty, false);
  commit(root, { "science/one/README.mdx": "1" });
  assert.equal(ids(await stepsOf(root)), everything);
  commit(root, { "science/two/NOTES.md": "1", "science/two/README.md": "1" });
  const { steps } = await stepsOf(root);
  assert.equal(steps[0]?.because, [{ kind: "changed", paths: ["science/two/NOTES.md"] }]);
});

test("a change of the file brings in what it makes different, and is dirty until it is committed", async () => {
  const root = makeRepository({ ...layers, "science/two/README.md": "1" });
  const planned = async (text: string | null) => {
    commit(root, { "image-builder.json5": text });
    return stepsOf(root);
  };
  assert.equal(ids(await planned('{ repo: "example.org/x", jobs: 2 }')), []);
  assert.equal(ids(await planned('{ ignoreFiles: ["**/*.md"] }')), ["compat/two:1.0", "science/two"]);
  assert.equal(ids(await planned('{ ignoreFiles: ["**/*.md", "*.nothing"] }')), []);
  const variable = await planned('{ ignoreFiles: ["**/*.md"], environmentVariable: "X" }');
  assert.equal(ids(variable), ["compat/one:1.0", "compat/two:1.0"]);
  assert.equal(variable.steps[0]?.because, [
    { kind: "compat", compat: "base", paths: ["image-builder.json5"] },
  ]);
  assert.equal(ids(await planned(null)), everything.slice(0, 2).concat("science/two"));
  assert.equal(ids(await planned('{ labelNamespace: "org.example" }')), everything);
  assert.equal(ids(await stepsOf(root, "--ignore", "science")), ["compat/one:1.0", "compat/two:1.0"]);

  writeFiles(root, configured('{ labelNamespace: "org.example", jobs: 7 }'));
  assert.is((await stepsOf(root, "--all")).build.dirty, false);
  writeFiles(root, configured('{ labelNamespace: "org.example", environmentVariable: "X" }'));
  assert.is((await stepsOf(root, "--all")).build.dirty, true);
  assert.is((await stepsOf(root, "--ref", "HEAD")).build.dirty, true);
  git(root, "checkout", "--", ".");
  assert.is((await stepsOf(root, "--all")).build.dirty, false);
});

test("a release's Dockerfile sets the environment variable of the file", async () => {
  const root = makeRepository({ ...layers, ...configured('{ environmentVariable: "EXAMPLE_IMAGE" }') });
  const { stdout } = await runTool(root, ["plan", "--show-dockerfile", "two"]);
  assert.match(stdout, /^ENV EXAMPLE_IMAGE=two:1\.0-1-[0-9a-f]{7}$/m);
  assert.not.match(stdout, "SCISERVER_IMAGE");
});

test.run();
