import fs from "node:fs";
import path from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Why } from "../../src/why.ts";
import {
  commit,
  compatFiles,
  git,
  makeRepository,
  runTool,
  scienceFiles,
  writeFiles,
} from "../support/checkout.ts";
import type { Files } from "../support/checkout.ts";

const test = suite("why");

const files: Files = {
  ...scienceFiles("basic"),
  ...scienceFiles("top", { version: "2.0" }, "# the top\nFROM sci/basic:1.0\nRUN true\n"),
  ...compatFiles("common"),
  ...compatFiles("base", ["common"]),
};
const repo = "localhost:5000/x";

const schema = JSON.parse(
  fs.readFileSync(path.join(import.meta.dirname, "../../docs/why.schema.json"), "utf8"),
) as object;
const ajv = new Ajv2020({ formats: { "date-time": true }, allowUnionTypes: true });

async function whyOf(root: string, image: string, ...args: string[]): Promise<Why> {
  const { code, stdout, stderr } = await runTool(root, [
    "why",
    image,
    "--repo",
    repo,
    "--format",
    "json",
    ...args,
  ]);
  assert.is(code, 0, stderr);
  const found = JSON.parse(stdout) as Why;
  assert.ok(ajv.validate(schema, found), ajv.errorsText());
  return found;
}

const obstacles = async (root: string, image: string, ...args: string[]) =>
  (await whyOf(root, image, ...args)).obstacles;
const subject = (root: string, ...words: string[]) => {
  git(root, "commit", "--quiet", "--amend", `--message=${words.join("\n\n")}`);
  return git(root, "rev-parse", "HEAD");
};

test("the chain leads from the commit over the files and layers, each with the line that names the one below, to the release", async () => {
  const root = makeRepository(files);
  commit(root, { "science/basic/data": "1\n", "science/basic/tool": "1\n" });
  const head = subject(root, "Read the data", "At length.");
  const { code, stdout, stderr } = await runTool(root, ["why", "top", "--repo", repo]);
  assert.equal([code, stderr], [0, ""]);
  assert.is(
    stdout,
    `compat/top:2.0 is built, for changes since HEAD^:
${repo}/rel/top:2.0-2-${head.slice(0, 7)}

${head.slice(0, 7)} 2024-05-06 Read the data (A. Scientist)
  science/basic/data
  science/basic/tool
└─ science/basic
   └─ science/top, by science/top/Dockerfile:2
      └─ compat/top:2.0, by science/top/sciserver-image.json
`,
  );
  const found = await whyOf(root, "sci/top");
  const commits = [
    { commit: head, date: "2024-05-06T07:08:09.000Z", author: "A. Scientist", subject: "Read the data" },
  ];
  assert.equal(found.causes, [
    {
      reason: { kind: "changed" },
      files: ["data", "tool"].map((name) => ({ path: `science/basic/${name}`, commits, uncommitted: false })),
      chain: [
        { id: "science/basic", by: null },
        { id: "science/top", by: "science/top/Dockerfile:2" },
      ],
    },
  ]);
  assert.equal(found.layers, ["science/basic", "science/top"]);
});

test("a compat layer that another one includes leads to the release over that one", async () => {
  const root = makeRepository(files);
  commit(root, { "compat/common/motd": "welcome\n" });
  const { causes, layers } = await whyOf(root, "compat/basic:1.0");
  assert.equal(
    causes.map(({ chain }) => chain),
    [
      [
        { id: "compat/common", by: null },
        { id: "compat/base", by: "compat/base/sciserver-image.json" },
        { id: "compat/basic:1.0", by: "science/basic/sciserver-image.json" },
      ],
    ],
  );
  assert.equal(layers, ["science/basic", "compat/common", "compat/base"]);
});

test("a commit that changes image-builder.json5 is named as one that touches a layer", async () => {
  const root = makeRepository(files);
  const changing = commit(root, { "image-builder.json5": '{ environmentVariable: "EXAMPLE_IMAGE" }\n' });
  const { causes } = await whyOf(root, "compat/basic:1.0");
  assert.equal(
    causes[0]?.files.map((file) => [file.path, file.commits.map((each) => each.commit)]),
    [["image-builder.json5", [changing]]],
  );
});

test("every commit of the range that touches a file is named, on merged branches too, and what is not committed", async () => {
  const root = makeRepository(files);
  git(root, "switch", "--quiet", "--create", "side");
  const side = commit(root, { "science/basic/data": "1\n" });
  git(root, "switch", "--quiet", "main");
  commit(root, { "README.md": "1\n" });
  git(root, "merge", "--quiet", "--no-ff", "--message=merge", "side");
  const direct = commit(root, { "science/basic/tool": "2\n" });
  writeFiles(root, { "science/basic/tool": "3\n" });
  const { causes } = await whyOf(root, "sci/basic", "--ref", "HEAD~3");
  assert.equal(
    causes[0]?.files.map((file) => [file.path, file.commits.map((each) => each.commit), file.uncommitted]),
    [
      ["science/basic/data", [side], false],
      ["science/basic/tool", [direct], true],
    ],
  );
  const range = await whyOf(root, "sci/basic", "--ref", "HEAD~3..HEAD");
  assert.equal(
    range.causes[0]?.files.map(({ uncommitted }) => uncommitted),
    [false, false],
  );
  // The default at a merge: all that the merge brought.
  git(root, "reset", "--quiet", "--hard", "HEAD^");
  assert.equal(
    (await whyOf(root, "sci/basic")).causes[0]?.files[0]?.commits.map((each) => each.commit),
    [side],
  );
});

test("the first commit is named where it is the only one, and a branch that parted is said so", async () => {
  const root = makeRepository(files);
  const first = git(root, "rev-parse", "HEAD");
  const { causes } = await whyOf(root, "sci/basic");
  assert.equal(
    causes[0]?.files.map((file) => file.commits[0]?.commit),
    [first, first],
  );
  git(root, "switch", "--quiet", "--create", "other");
  commit(root, { "science/basic/data": "1\n" });
  git(root, "switch", "--quiet", "main");
  const { stdout } = await runTool(root, ["why", "basic", "--ref", "other"]);
  assert.match(stdout, /^no commit here: other alone has it otherwise\n {2}science\/basic\/data$/m);
});

test("what a commit or a file is called cannot break the answer or the terminal", async () => {
  const root = makeRepository(files);
  commit(root, { "science/basic/a\tb": "1\n" });
  git(
    root,
    "-c",
    "user.name=Eve\u001b[31m",
    "commit",
    "--quiet",
    "--amend",
    "--reset-author",
    "--message=one \u0001 \u001b[2J two",
  );
  const { causes } = await whyOf(root, "sci/basic");
  assert.equal(
    causes[0]?.files.map((file) => [file.path, file.commits[0]?.subject]),
    [["science/basic/a\tb", "one \u0001 \u001b[2J two"]],
  );
  const { stdout } = await runTool(root, ["why", "sci/basic"]);
  assert.not.match(stdout.replaceAll("\n", ""), /\p{Cc}/u);
});

test("an image that nothing changed is not built, and its last change is named", async () => {
  const root = makeRepository(files);
  commit(root, { "science/basic/.dockerignore": "*.md\n" });
  const last = git(root, "rev-parse", "HEAD");
  // It changes nothing in the image.
  commit(root, { "science/basic/README.md": "1\n" });
  commit(root, { "README.md": "1\n" });
  const { code, stdout } = await runTool(root, ["why", "top"]);
  assert.is(code, 0);
  assert.is(
    stdout,
    `compat/top:2.0 is not built: nothing that it is made of changed since HEAD^.

made of      science/basic, science/top, compat/common, compat/base
last change  ${last.slice(0, 7)} 2024-05-06 change (A. Scientist)
`,
  );
  assert.equal(await obstacles(root, "top", "--ref", "HEAD^^"), [
    { kind: "unchanged" },
    { kind: "dockerignored", by: "science/basic/.dockerignore:1", paths: ["science/basic/README.md"] },
  ]);
  commit(root, {
    "image-builder.json5": '{\n  ignoreFiles: ["*.txt"] }',
    "science/basic/.dockerignore": "!a.txt\n*.md\n",
  });
  commit(root, { "science/basic/a.md": "1\n", "science/basic/b.txt": "1\n", "compat/base/c.txt": "1\n" });
  assert.equal(await obstacles(root, "top"), [
    { kind: "unchanged" },
    {
      kind: "dockerignored",
      by: "image-builder.json5:2",
      paths: ["compat/base/c.txt", "science/basic/b.txt"],
    },
    { kind: "dockerignored", by: "science/basic/.dockerignore:2", paths: ["science/basic/a.md"] },
  ]);
  assert.match(
    (await runTool(root, ["why", "top"])).stdout,
    "kept out of the image by image-builder.json5:2 (ignoreFiles): compat/base/c.txt",
  );
});

test("what somebody may have changed in vain is said: new to git, ignored by it, not committed, left out by an option", async () => {
  const root = makeRepository({ ...files, ".gitignore": "*.pyc\n" });
  commit(root);
  writeFiles(root, {
    "science/basic/new": "1\n",
    "science/top/x.pyc": "1\n",
    "compat/base/Dockerfile": "RUN false\n",
  });
  assert.equal(await obstacles(root, "top", "--ref", "HEAD^..HEAD"), [
    { kind: "unchanged" },
    { kind: "uncommitted", paths: ["compat/base/Dockerfile"] },
    { kind: "untracked", paths: ["science/basic/new"] },
    { kind: "git-ignored", paths: ["science/top/x.pyc"] },
  ]);
  assert.equal(await obstacles(root, "top", "--ignore", "compat/base"), [
    { kind: "unchanged" },
    { kind: "ignored", directory: "compat/base" },
    { kind: "untracked", paths: ["science/basic/new"] },
    { kind: "git-ignored", paths: ["science/top/x.pyc"] },
  ]);
  assert.equal((await whyOf(root, "sci/basic", "--untracked")).causes[0]?.files, [
    { path: "science/basic/new", commits: [], uncommitted: true },
  ]);
  assert.equal(await obstacles(root, "basic", "--include", "science/top"), [{ kind: "not-included" }]);
  assert.equal(await obstacles(root, "sci/basic", "--all", "--ignore", "science/basic"), [
    { kind: "ignored", directory: "science/basic" },
  ]);
  const { stdout } = await runTool(root, ["why", "top", "--ref", "HEAD^..HEAD"]);
  assert.match(
    stdout,
    /^- not committed, while HEAD\^\.\.HEAD compares commits: compat\/base\/Dockerfile \(/m,
  );
  assert.match(stdout, /^- untracked: science\/basic\/new \(run git add, or pass --untracked\)$/m);
});

test("a retired release is said to be so, and a definition that only retires a layer below", async () => {
  const root = makeRepository(files);
  const [basic, top] = ["science/basic/sciserver-image.json", "science/top/sciserver-image.json"];
  commit(root, scienceFiles("basic", { retired: true }));
  assert.equal(await obstacles(root, "basic"), [{ kind: "retired", by: basic }]);
  assert.equal(await obstacles(root, "top"), [
    { kind: "unchanged" },
    { kind: "only-retired", paths: [basic] },
  ]);
  commit(root, { [top]: (files[top] ?? "").replace("{", '{ "retired": true,') });
  assert.equal(await obstacles(root, "science/top", "--all"), [{ kind: "retired", by: top }]);
  assert.equal(await obstacles(root, "sci/basic"), [{ kind: "retired", by: basic }]);
});

test("a layer that only a retired release stands on is not built either", async () => {
  const root = makeRepository({
    ...files,
    ...scienceFiles("low", { image: "one" }),
    ...scienceFiles("high", { image: "one", retired: true }, "FROM sci/low:1.0\n"),
  });
  assert.equal(await obstacles(root, "sci/low", "--all"), [{ kind: "retired", by: null }]);
});

test("asked for by name, the answer is that", async () => {
  const root = makeRepository(files);
  const { ref, causes } = await whyOf(root, "top", "--include", "science/basic");
  assert.is(ref, null);
  assert.equal(
    causes.map(({ reason, chain }) => [reason, chain.map(({ id }) => id)]),
    [[{ kind: "requested" }, ["science/basic", "science/top", "compat/top:2.0"]]],
  );
});

test("a name that the catalog lacks is a mistake of the command line, with what was meant", async () => {
  const root = makeRepository(files);
  for (const [args, said] of [
    [["basik"], "ERROR:root:no layer makes an image basik — did you mean basic?\n"],
    [["sci/basik"], "ERROR:root:no layer makes an image sci/basik — did you mean sci/basic?\n"],
    [["compat/top:1.0"], "ERROR:root:no layer makes an image top:1.0 — did you mean top:2.0?\n"],
  ] as const) {
    const { code, stdout, stderr } = await runTool(root, ["why", ...args]);
    assert.equal([code, stdout, stderr], [2, "", said]);
  }
  assert.is((await runTool(root, ["why"])).code, 2);
});

test("the name of a layer, or the end of an image's name, is told what it belongs to", async () => {
  const root = makeRepository({
    ...scienceFiles("lunar", { image: "platform-moon", version: "1.1" }),
    ...scienceFiles("moon"),
    ...scienceFiles("tides", { version: "2.0" }),
    ...compatFiles("common"),
    ...compatFiles("base", ["common"]),
  });
  const releases = "platform-moon:1.1, moon:1.0, tides:2.0";
  for (const [args, hint] of [
    [["why", "lunar"], "did you mean sci/lunar?"],
    [["why", "lunar:1.1"], "did you mean sci/lunar?"],
    [["why", "moon:1.1"], "did you mean platform-moon:1.1?"],
    [["why", "sci/tides:1.0"], "did you mean sci/tides:2.0?"],
    [["why", "sci/platform-moon"], "did you mean platform-moon:1.1?"],
    [["history", "common"], `common is a compat layer; name a release: ${releases}`],
    [["plan", "--show-dockerfile", "lunar"], "did you mean platform-moon:1.1?"],
    [["promote", "lunar", "--to", "stable"], "did you mean platform-moon:1.1?"],
    [["new", "version", "lunar"], "did you mean platform-moon:1.1?"],
  ] as const) {
    const { code, stderr } = await runTool(root, args);
    assert.is(code, 2, stderr);
    assert.match(stderr, ` — ${hint}\n`);
  }
});

test.run();
