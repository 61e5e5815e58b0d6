import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Plan } from "../../src/model.ts";
import { findIdle } from "../../src/planning/idle.ts";
import { nothingToBuild } from "../../src/report/plan.ts";
import { makeCatalog } from "../support/catalog.ts";
import {
  commit,
  compatFiles,
  git,
  makeRepository,
  runTool,
  scienceFiles,
  writeFiles,
} from "../support/checkout.ts";

const test = suite("why there is nothing to build");

const layers = { ...scienceFiles("a"), ...compatFiles("base"), ...compatFiles("old") };

async function planOf(root: string, ...args: readonly string[]): Promise<Plan> {
  const { code, stdout, stderr } = await runTool(root, ["plan", "--format", "json", ...args]);
  assert.is(code, 0, stderr);
  return JSON.parse(stdout) as Plan;
}

test("a compat layer that nothing uses, files that are kept out, in no layer and ignored are told from each other", async () => {
  const root = makeRepository({
    ...layers,
    ".gitignore": "*.pyc\n",
    "science/a/.dockerignore": "*.md\n",
  });
  commit(root, { "compat/old/f": "1", "science/a/x.md": "1", "README.md": "1", "science/notes": "1" });
  writeFiles(root, { "science/a/x.pyc": "1", "science/a/new": "1" });
  const plan = await planOf(root);
  assert.equal(plan.steps, []);
  assert.equal(plan.idle, [
    { kind: "unused", paths: ["compat/old"] },
    { kind: "dockerignored", paths: ["science/a/x.md"] },
    { kind: "outside", paths: ["science/notes", "README.md"] },
    { kind: "untracked", paths: ["science/a/new"] },
    { kind: "git-ignored", paths: ["science/a/x.pyc"] },
  ]);
  assert.match(
    nothingToBuild(plan),
    "Nothing to build: what changed makes no image since HEAD^.\n- changed, but no science layer uses it: compat/old\n",
  );
});

test("a layer that was just retired, one that is retired, and one that --ignore keeps out", async () => {
  const root = makeRepository({ ...layers, ...scienceFiles("gone", { compat: "old", retired: true }) });
  commit(root, {
    ...scienceFiles("a", { retired: true }),
    ...compatFiles("old", [], "RUN true again\n"),
    "science/gone/f": "1",
  });
  assert.equal((await planOf(root)).idle, [
    { kind: "retired", paths: ["compat/old", "science/a", "science/gone"] },
  ]);
  git(root, "revert", "--no-edit", "HEAD");
  commit(root, { "science/a/f": "1" });
  assert.equal((await planOf(root, "--ignore", "science/a")).idle, [
    { kind: "ignored", paths: ["science/a"] },
  ]);
});

test("200,000 ignored files are listed in linear time", () => {
  const ignored = Array.from({ length: 200_000 }, (_, index) => `science/a/node_modules/${index}`);
  const checkout = { changed: [], uncommitted: ignored, untracked: [], ignored };
  const begun = performance.now();
  const idle = findIdle({
    catalog: makeCatalog({ a: {} }),
    ref: "HEAD^",
    checkout,
    triggers: () => true,
    ignored: new Set(),
    elsewhere: [],
  });
  assert.is(idle[0]?.paths.length, ignored.length);
  assert.ok(performance.now() - begun < 5000);
});

test("where no layer changed it is said so", async () => {
  const root = makeRepository(layers);
  commit(root);
  const plan = await planOf(root);
  assert.is(plan.idle, undefined);
  assert.is(nothingToBuild(plan), "Nothing to build: no layer changed since HEAD^.\n");
  commit(root, { "README.md": "1" });
  assert.is(
    (await runTool(root, ["plan"])).stdout,
    "Nothing to build: no layer changed since HEAD^.\n- changed, but in no layer: README.md\n",
  );
});

test.run();
