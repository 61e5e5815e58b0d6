import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ImageDiff, LayerDiff } from "../../src/published.ts";
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
import { testPlatform } from "../support/platform.ts";
import { digestAt, onBusybox, openWorkplace } from "../support/released.ts";
import type { Workplace } from "../support/released.ts";

const test = suite("diff");

const { base, dockerHost } = await testPlatform();
const files = {
  ...onBusybox("basic", base, "echo one > /one"),
  ...scienceFiles("top", { image: "basic", version: "2.0" }, "FROM sci/basic:1.0\nRUN echo two > /two\n"),
  ...compatFiles("common", [], "COPY motd /motd\n"),
  "compat/common/motd": "welcome\n",
  ...compatFiles("base", ["common"], "RUN true\n"),
};

const schema = JSON.parse(
  fs.readFileSync(path.join(import.meta.dirname, "../../docs/diff.schema.json"), "utf8"),
) as object;
const ajv = new Ajv2020({ formats: { "date-time": true }, allowUnionTypes: true });

async function compared(
  place: Workplace,
  root: string,
  from: string,
  to: string,
  ...args: string[]
): Promise<ImageDiff> {
  const { code, stdout, stderr } = await place.run(root, ["diff", from, to, "--format", "json", ...args]);
  assert.is(code, 0, stderr);
  const found = JSON.parse(stdout) as ImageDiff;
  assert.ok(ajv.validate(schema, found), ajv.errorsText());
  return found;
}

async function build(place: Workplace, root: string, seconds: number, ...args: string[]): Promise<string> {
  const { code, stderr } = await place.run(root, args, { SOURCE_DATE_EPOCH: String(seconds) });
  assert.is(code, 0, stderr);
  return `${git(root, "rev-list", "--count", "HEAD")}-${git(root, "rev-parse", "--short=7", "HEAD")}`;
}

const changes = ({ layers }: ImageDiff) =>
  layers.map(({ name, kind, change }) => `${kind} ${name}: ${change}`);
const known = (layer: LayerDiff | undefined) => {
  if (layer?.between?.kind !== "known") return layer?.between?.kind;
  const { commits, undone, files: differing } = layer.between;
  return [
    commits.map((each) => each.commit),
    undone.map((each) => each.commit),
    differing.map((each) => `${each.change} ${each.path}`),
  ];
};

test("layer by layer it is told what was rebuilt, by which commits and files, between two stamps of the history", async () => {
  const place = await openWorkplace();
  const root = makeRepository(files);
  const first = await build(place, root, 1_639_000_000, "--push", "--all");
  commit(root, { "compat/common/motd": "hello\n", "compat/base/more": "1\n", "README.md": "1\n" });
  git(root, "commit", "--quiet", "--amend", "--message=Greet anew");
  commit(root, { "compat/base/more": null, "compat/common/sign": "1\n" });
  const second = await build(place, root, 1_639_100_000, "--push", "--ref", "HEAD^^");
  const release = `${place.repo}/rel/basic`;
  const { code, stdout, stderr } = await place.run(root, ["diff", `basic:2.0-${first}`, second]);
  assert.equal([code, stderr], [0, ""]);
  const short = async (tag: string) => (await digestAt(`${release}:${tag}`))?.slice(0, 19) ?? "";
  assert.is(
    stdout,
    `from  ${release}:2.0-${first}  2021-12-08 21:46 UTC  ${await short(`2.0-${first}`)}
to    ${release}:2.0-${second}  2021-12-10 01:33 UTC  ${await short("2.0")}

rebuilt  rel/basic  2.0-${first} → 2.0-${second}
         ${git(root, "rev-parse", "--short=7", "HEAD")} 2024-05-06 change (A. Scientist)
         ${git(root, "rev-parse", "--short=7", "HEAD^")} 2024-05-06 Greet anew (A. Scientist)
         modified  compat/common/motd
         added     compat/common/sign
same     sci/top    2.0-${first}
same     sci/basic  1.0-${first}
`,
  );
  // The other way round, what the older build lacks is undone.
  const back = await compared(place, root, "basic:2.0", first);
  assert.equal([back.from.reference, back.to.reference], [`${release}:2.0`, `${release}:2.0-${first}`]);
  assert.equal(known(back.layers[0]), [
    [],
    [git(root, "rev-parse", "HEAD"), git(root, "rev-parse", "HEAD^")],
    ["modified compat/common/motd", "removed compat/common/sign"],
  ]);
  const same = await place.run(root, ["diff", "basic:2.0", `${release}:2.0-${second}`]);
  assert.match(same.stdout, /^Both are the same image\.$/m);
});

test("layers that came and went are told, and one that the catalog has no more by the history of its definition", async () => {
  const place = await openWorkplace();
  const root = makeRepository(files);
  const first = await build(place, root, 1_639_000_000, "--push", "--all");
  commit(root, {
    ...onBusybox("other", base, "echo three > /three"),
    "science/top/Dockerfile": "FROM sci/other:1.0\nRUN echo two > /two\n",
  });
  const second = await build(place, root, 1_639_100_000, "--push");
  const found = await compared(place, root, `sci/top:2.0-${first}`, second);
  assert.equal(changes(found), ["science top: rebuilt", "science other: added", "science basic: removed"]);
  assert.equal(known(found.layers[0]), [
    [git(root, "rev-parse", "HEAD")],
    [],
    ["modified science/top/Dockerfile"],
  ]);
  assert.equal(
    found.layers.slice(1).map(({ from, to, between }) => [from?.version, to?.version, between]),
    [
      [undefined, "1.0", null],
      ["1.0", undefined, null],
    ],
  );
  const moved = git(root, "rev-parse", "HEAD");
  git(root, "mv", "science/top", "science/renamed");
  commit(root, {
    "science/renamed/sciserver-image.json": '{ image: "else", compat: "base", version: "2.0" }',
  });
  assert.equal(known((await compared(place, root, `sci/top:2.0-${first}`, second)).layers[0]), [
    [moved],
    [],
    ["modified science/top/Dockerfile"],
  ]);
});

test("builds of the same commit differ in when they were built, and a dirty one in what nobody knows", async () => {
  const place = await openWorkplace();
  const root = makeRepository(files);
  const first = await build(place, root, 1_639_000_000, "--include", "science/basic");
  await build(place, root, 1_639_100_000, "--include", "compat/common");
  const again = await compared(place, root, `sci/basic:1.0-${first}`, "basic:1.0", "--local");
  assert.is(again.source, "engine");
  assert.equal(changes(again), ["compat basic: added", "science basic: same"]);
  writeFiles(root, { "science/basic/data": "1\n" });
  await build(place, root, 1_639_200_000, "--include", "science/basic");
  const { stdout } = await place.run(root, ["diff", first, `sci/basic:1.0-${first}-dirty`, "--local"]);
  assert.match(
    stdout,
    /^rebuilt {2}sci\/basic {2}1\.0-\S+ → 1\.0-\S+-dirty\n {9}no change of its own \(its base changed\)\n {9}what a dirty build has/m,
  );
});

test("a commit that the clone lacks is said so, and outside a checkout the layers alone are compared", async () => {
  const place = await openWorkplace();
  const root = makeRepository(files);
  const first = await build(place, root, 1_639_000_000, "--push", "--include", "science/basic");
  commit(root, { "science/basic/data": "1\n" });
  const second = await build(place, root, 1_639_100_000, "--push", "--include", "science/basic");
  const clone = path.join(temporaryDirectory(), "clone");
  git(root, "clone", "--quiet", "--depth=1", `file://${root}`, clone);
  const found = await compared(place, clone, `sci/basic:1.0-${first}`, second);
  const between = found.layers[0]?.between;
  assert.is(between?.kind === "unknown" && between.lacks[0], git(root, "rev-parse", "HEAD^"));
  const { stdout } = await place.run(clone, ["diff", `sci/basic:1.0-${first}`, second]);
  assert.match(
    stdout,
    `         this clone lacks ${first.slice(2)}: git fetch, or git fetch --unshallow, may bring it\n`,
  );
  const elsewhere = await compared(place, temporaryDirectory(), `sci/basic:1.0-${first}`, "sci/basic:1.0");
  assert.equal([changes(elsewhere), elsewhere.layers[0]?.between], [["science basic: rebuilt"], null]);
});

test("images of the original tool go by their version labels, and what is none of ours by nothing", async () => {
  const place = await openWorkplace();
  const root = makeRepository(files);
  const docker = (input: string, ...args: string[]) =>
    execFileSync("docker", args, {
      env: { ...process.env, DOCKER_HOST: dockerHost, DOCKER_BUILDKIT: "0" },
      input,
      stdio: ["pipe", "ignore", "pipe"],
    });
  for (const [tag, stamp] of [
    ["old", "41-f90dbd6"],
    ["new", `1-${git(root, "rev-parse", "--short=7", "HEAD")}`],
  ]) {
    const label = `org.sciserver.science.basic.version=1.0-${stamp}`;
    docker(`FROM ${base}\n`, "build", "--tag", `${place.repo}/sci/basic:${tag}`, "--label", label, "-");
  }
  const found = await compared(place, root, "sci/basic:old", "sci/basic:new", "--local");
  assert.equal([changes(found), found.layers[0]?.from?.time], [["science basic: rebuilt"], null]);
  assert.equal(found.layers[0]?.between, { kind: "unknown", lacks: ["f90dbd6"] });
  docker("", "tag", base, `${place.repo}/sci/basic:none`);
  const { code, stdout } = await place.run(root, ["diff", "sci/basic:none", "sci/basic:none", "--local"]);
  assert.is(code, 0);
  assert.match(stdout, "Their labels tell nothing of layers: image-builder has not built them.\n");
});

test("what names no build is a mistake of the command line, and what is not there one of the surroundings", async () => {
  const place = await openWorkplace();
  const root = makeRepository(files);
  for (const [from, to, code, said] of [
    ["basic", "basic:2.0", 2, /^ERROR:root:basic has several versions — name one: basic:1\.0, basic:2\.0$/m],
    [
      "42-f90dbd6",
      "43-f90dbd6",
      2,
      /^ERROR:root:42-f90dbd6 is a stamp, and 43-f90dbd6 does not say of which image/,
    ],
    [
      "basic:stable",
      "43-f90dbd6",
      2,
      /^ERROR:root:43-f90dbd6 is a stamp, and basic:stable does not say of which/,
    ],
    [
      "basic:2.0",
      "42-f90dbd6",
      4,
      /^ERROR:root:there is no image \S+\/rel\/basic:2\.0\S* in the registry — image-builder history/,
    ],
  ] as const) {
    const ended = await place.run(root, ["diff", from, to]);
    assert.equal([ended.code, ended.stdout], [code, ""]);
    assert.match(ended.stderr, said);
  }
  const one = await runTool(root, ["diff", "basic:2.0"]);
  assert.is(one.code, 2);
});

test.run();
