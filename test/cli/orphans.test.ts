import fs from "node:fs";
import path from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Plan } from "../../src/model.ts";
import {
  commit,
  compatFiles,
  git,
  makeRepository,
  runTool,
  scienceFiles,
  writeFiles,
} from "../support/checkout.ts";
import type { Files, ToolResult } from "../support/checkout.ts";

const test = suite("orphan protection");

const validPlan = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(
  JSON.parse(
    fs.readFileSync(path.join(import.meta.dirname, "../../docs/plan.schema.json"), "utf8"),
  ) as object,
);

const basic = scienceFiles("nist-basic");
const onBasic = "FROM sci/nist-basic:1.0\nRUN true\n";
const nist: Files = {
  ...basic,
  ...scienceFiles("nist-basic-2", { image: "nist-basic", version: "2.0" }, onBasic),
  ...compatFiles("base"),
};
const noBasic2: Files = { "science/nist-basic-2": null };

const preview = (root: string, ...args: string[]) => runTool(root, ["--dryrun", "-v", ...args]);

async function idsOf(root: string, ...args: string[]): Promise<readonly string[]> {
  const { code, stdout, stderr } = await runTool(root, ["plan", "--format", "json", ...args]);
  assert.is(code, 0, stderr);
  return (JSON.parse(stdout) as Plan).steps.map(({ id }) => id);
}

function refused({ code, stdout, stderr }: ToolResult, ...lines: readonly RegExp[]): void {
  assert.is(code, 3, stderr);
  assert.is(stdout, "");
  for (const line of lines) assert.match(stderr, line);
  const all = `^ERROR:root:${String(lines.length)} problems? found$`;
  assert.match(stderr, new RegExp(all, "m"));
}

test("a version edited in place is refused, with what follows and the ways to change an image", async () => {
  const root = makeRepository(nist);
  commit(root, scienceFiles("nist-basic-2", { image: "nist-basic", version: "2.1" }, onBasic));
  const result = await preview(root);
  refused(
    result,
    /^science\/nist-basic-2\/sciserver-image\.json: no layer makes nist-basic 2\.0 any more, its version became 2\.1 — keep it, .*--allow-orphans$/m,
  );
  for (const words of [
    "this will result in an orphaned image, which will no longer receive compat updates (must ensure that version is deprecated and no longer used)",
    "add without changing version: a new science layer FROM sci/nist-basic-2:2.0",
    "add and change version:",
    "change in place:",
    '"retired": true',
    "--allow-orphans",
  ])
    assert.ok(result.stderr.includes(words), `${words}\n${result.stderr}`);
  for (const line of result.stderr.split("\n")) assert.ok(line.length <= 160, line);
});

test("the advice is to build on the final layer of what would be orphaned, whatever it is called", async () => {
  const version = { image: "nist-basic", version: "2.0" };
  const root = makeRepository({
    ...basic,
    ...scienceFiles("b-first", version, onBasic),
    ...scienceFiles("c-final", version, "FROM sci/a-middle:2.0\n"),
    ...scienceFiles("a-middle", version, "ARG BASE=sci/b-first:2.0\nFROM $BASE\n"),
    ...compatFiles("base"),
  });
  commit(root, {
    "science/a-middle": null,
    "science/b-first": null,
    ...scienceFiles("c-final", { ...version, version: "2.1" }, onBasic),
  });
  const result = await preview(root);
  refused(
    result,
    /^science\/c-final\/sciserver-image\.json: no layer makes nist-basic 2\.0 any more, its version became 2\.1 — /m,
  );
  assert.match(result.stderr, "a new science layer FROM sci/c-final:2.0 with");
});

test("a renamed image and a removed directory are refused, all at once, by plan and by build", async () => {
  const root = makeRepository({ ...nist, ...scienceFiles("other") });
  commit(root, { ...scienceFiles("other", { image: "another" }), ...noBasic2 });
  const lines = [
    /^science\/nist-basic-2\/sciserver-image\.json: no layer makes nist-basic 2\.0 any more, the layer is gone — /m,
    /^science\/other\/sciserver-image\.json: no layer makes other 1\.0 any more, its image became another — /m,
  ];
  refused(await preview(root), ...lines);
  refused(await runTool(root, ["plan"]), ...lines);
  refused(await runTool(root, ["--push", "--repo", "127.0.0.1:1/x"]), ...lines);
});

test("a renamed target is refused, of a directory too, and keeping the name mends it", async () => {
  const root = makeRepository(nist);
  git(root, "mv", "science/nist-basic-2", "science/renamed");
  commit(root);
  refused(
    await preview(root),
    /^science\/renamed\/sciserver-image\.json: the target of nist-basic 2\.0 was renamed from nist-basic-2 to renamed — keep the name: "target": "nist-basic-2"$/m,
  );
  const kept = { image: "nist-basic", version: "2.0", target: "nist-basic-2" };
  commit(root, scienceFiles("renamed", kept, onBasic));
  assert.equal(await idsOf(root, "--ref", "HEAD~2"), ["science/renamed", "compat/nist-basic:2.0"]);
});

test("the three ways of changing an image pass", async () => {
  const root = makeRepository(nist);
  const added = scienceFiles("more", { image: "nist-basic", version: "2.0" }, "FROM sci/nist-basic-2:2.0\n");
  commit(root, added);
  assert.equal(await idsOf(root), ["science/more", "compat/nist-basic:2.0"]);
  commit(root, scienceFiles("next", { image: "nist-basic", version: "3.0" }, "FROM sci/more:2.0\n"));
  assert.equal(await idsOf(root), ["science/next", "compat/nist-basic:3.0"]);
  commit(root, { "science/next/Dockerfile": "FROM sci/more:2.0\nRUN true\n" });
  assert.equal(await idsOf(root), ["science/next", "compat/nist-basic:3.0"]);
});

test("a layer that goes while another one makes its image and version is no orphan", async () => {
  const root = makeRepository({
    ...nist,
    ...scienceFiles("more", { image: "nist-basic", version: "2.0" }, "FROM sci/nist-basic-2:2.0\n"),
  });
  commit(root, { "science/more": null });
  assert.is((await preview(root)).code, 0);
});

test("--allow-orphans lets it pass", async () => {
  const root = makeRepository(nist);
  commit(root, noBasic2);
  assert.equal(await idsOf(root, "--allow-orphans"), []);
});

test("what --allow-orphans lets pass is said in every form of the plan, and by a build", async () => {
  const root = makeRepository(nist);
  git(root, "mv", "science/nist-basic", "science/renamed");
  commit(root, { ...noBasic2, ...scienceFiles("renamed", { image: "nist-basic" }) });
  const planIn = async (format: string) =>
    (await runTool(root, ["plan", "--allow-orphans", "--format", format])).stdout;
  const lines = [
    "Orphaned by this change: sci/nist-basic:1.0 (science/renamed/sciserver-image.json): no more updates.\n",
    "Orphaned by this change: nist-basic 2.0 (science/nist-basic-2/sciserver-image.json): no more compat updates.\n",
  ];
  const text = await planIn("text");
  const said = (await preview(root, "--allow-orphans")).stderr;
  for (const line of lines) for (const shown of [text, said]) assert.ok(shown.includes(line), shown);
  const marked =
    "**Orphaned by this change: `nist-basic 2.0` (`science/nist-basic-2/sciserver-image.json`): no more";
  assert.ok((await planIn("markdown")).includes(marked));
  assert.match(await planIn("html"), /<strong>Orphaned by this change: nist-basic 2\.0 /);
  const plan = JSON.parse(await planIn("json")) as Plan;
  assert.equal(plan.orphans, [
    { kind: "release", name: "nist-basic 2.0", definition: "science/nist-basic-2/sciserver-image.json" },
    { kind: "science", name: "sci/nist-basic:1.0", definition: "science/renamed/sciserver-image.json" },
  ]);
  assert.ok(validPlan(plan), JSON.stringify(validPlan.errors));
});

test("why answers where there is no plan for orphans, and says so", async () => {
  const root = makeRepository(nist);
  commit(root, { ...noBasic2, "compat/base/x": "1" });
  const { code, stdout, stderr } = await runTool(root, ["why", "nist-basic"]);
  assert.is(code, 0, stderr);
  assert.match(stdout, /^compat\/nist-basic:1\.0 is built, for changes since HEAD\^:\n/);
  assert.match(
    stderr,
    /^Orphaned by this change: nist-basic 2\.0 .* Without --allow-orphans there is no plan\.\n$/,
  );
});

test("a version that was retired before may go, but not in one step", async () => {
  const root = makeRepository(nist);
  commit(root, scienceFiles("nist-basic-2", { image: "nist-basic", version: "2.0", retired: true }, onBasic));
  assert.is((await preview(root)).code, 0);
  commit(root, noBasic2);
  assert.is((await preview(root)).code, 0);
  refused(await preview(root, "--ref", "HEAD~2"), /no layer makes nist-basic 2\.0 any more/);
});

test("to retire a version builds nothing, not even what stands on it, and it gets no releases from then on", async () => {
  const root = makeRepository(nist);
  commit(root, scienceFiles("nist-basic", { retired: true }));
  assert.equal(await idsOf(root), []);
  commit(root, { "compat/base/Dockerfile": "RUN true again\n" });
  assert.equal(await idsOf(root), ["compat/nist-basic:2.0"]);
  commit(root, { "science/nist-basic/Dockerfile": "FROM debian:bookworm\n" });
  assert.equal(await idsOf(root), ["science/nist-basic", "science/nist-basic-2", "compat/nist-basic:2.0"]);
  const checked = await runTool(root, ["check"]);
  assert.is(checked.stdout, "2 science layers, 1 compat layer, 1 release: no problem found\n");
});

test("to take retired back is a change like any other", async () => {
  const root = makeRepository({ ...nist, ...scienceFiles("nist-basic", { retired: true }) });
  commit(root, basic);
  assert.equal(await idsOf(root), [
    "science/nist-basic",
    "science/nist-basic-2",
    "compat/nist-basic:1.0",
    "compat/nist-basic:2.0",
  ]);
});

test("ranges are judged by their older side, what is not committed counts, and the first commit has no older side", async () => {
  const root = makeRepository(nist);
  assert.is((await preview(root)).code, 0);
  git(root, "tag", "v1");
  git(root, "checkout", "--quiet", "-b", "side");
  commit(root, noBasic2);
  refused(await preview(root, "--ref", "v1..side"), /nist-basic 2\.0/);
  refused(await preview(root, "--ref", "main...side"), /nist-basic 2\.0/);
  git(root, "checkout", "--quiet", "main");
  commit(root);
  writeFiles(root, noBasic2);
  refused(await preview(root), /nist-basic 2\.0/);
});

test("where no revisions are compared nothing is checked", async () => {
  const root = makeRepository(nist);
  commit(root, noBasic2);
  assert.is((await preview(root, "--all")).code, 0);
  assert.is((await preview(root, "--include", "science/nist-basic")).code, 0);
});

test("definitions of odd directories, below a root of its own, with text of other scripts, are read as they were", async () => {
  const files = Object.fromEntries(
    Object.entries({
      ...scienceFiles("звезда\nx", { image: "star", target: "star" }),
      ...scienceFiles("a b", { image: "ab", target: "ab" }),
      ...nist,
    }).map(([name, text]) => [`images/${name}`, text?.replace("{", "{ // ☃ \u00e9\n") ?? null]),
  );
  const root = makeRepository(files);
  commit(root, { "images/science/звезда\nx": null, "images/science/a b": null });
  const result = await preview(path.join(root, "images"));
  refused(result, /no layer makes star 1\.0 any more/, /no layer makes ab 1\.0 any more/);
});

test("a definition that was wrong before is no matter", async () => {
  const root = makeRepository({ ...nist, "science/x/sciserver-image.json": "{", "science/x/Dockerfile": "" });
  commit(root, { "science/x": null });
  assert.is((await preview(root)).code, 0);
});

test.run();
