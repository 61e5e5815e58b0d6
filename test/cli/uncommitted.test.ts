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
  startTool,
  writeFiles,
} from "../support/checkout.ts";

const test = suite("uncommitted files on the command line");

const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${"0".repeat(64)}\nsize 12345\n`;

test("--push refuses uncommitted files by name, and says of each how it differs and what to do", async () => {
  const root = makeRepository({ ...scienceFiles("a"), ...compatFiles("base"), ".gitignore": ".DS_Store\n" });
  const files = { "science/a/run.sh": "1", "science/a/other": "1" };
  commit(root, files);
  git(root, "update-index", "--assume-unchanged", "science/a/run.sh");
  writeFiles(root, { "science/a/.DS_Store": "1", "science/a/run.sh": "2", "compat/base/new": "1" });
  const { code, stdout, stderr } = await runTool(root, ["--push", "--repo", "localhost:5000/x"]);
  assert.equal([code, stdout], [4, ""]);
  assert.is(
    stderr,
    "Not counted as changed, because untracked: compat/base/new. Run git add, or pass --untracked.\n" +
      "ERROR:root:uncommitted files would be pushed: compat/base/new (untracked), science/a/.DS_Store (ignored by git), " +
      "science/a/run.sh (modified, hidden from git status) — commit it, keep it out with .dockerignore, or use --allow-dirty " +
      "(pushes tags that end in -dirty; rolling tags stay); " +
      "git update-index --no-assume-unchanged FILE, or --no-skip-worktree FILE, shows what is hidden\n",
  );
  const plan = JSON.parse((await runTool(root, ["plan", "--format", "json"])).stdout) as Plan;
  assert.is(plan.build.dirty, true);
  assert.equal(plan.uncommitted, [
    { path: "compat/base/new", how: "untracked" },
    { path: "science/a/.DS_Store", how: "ignored" },
    { path: "science/a/run.sh", how: "hidden" },
  ]);
});

test("a directory without a file of the image is named, as it goes into the image all the same", async () => {
  const root = makeRepository({
    ...scienceFiles("a"),
    ...compatFiles("base"),
    ".gitignore": "*.pyc\n",
    "science/a/.dockerignore": "**/*.pyc\nlogs\n",
  });
  for (const name of ["__pycache__", "logs"]) writeFiles(root, { [`science/a/${name}/x.pyc`]: "1" });
  const { stdout } = await runTool(root, ["plan", "--all", "--format", "json"]);
  assert.equal((JSON.parse(stdout) as Plan).uncommitted, [
    { path: "science/a/__pycache__/", how: "untracked" },
  ]);
});

test("--push refuses a pointer, a missing submodule and a sparse checkout, each with what mends it; a preview says the same", async () => {
  const library = makeRepository({ f: "1" });
  const root = makeRepository({ ...scienceFiles("a"), ...scienceFiles("b"), ...compatFiles("base") });
  git(root, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", library, "science/a/library");
  commit(root, { "science/a/data.bin": pointer });
  git(root, "submodule", "--quiet", "deinit", "--force", "science/a/library");
  git(root, "sparse-checkout", "set", "science/a", "compat");
  const missing = [
    "this checkout has Git LFS pointers in place of the data: science/a/data.bin — git lfs pull\n",
    "this checkout has submodules that are not initialised: science/a/library — git submodule update --init --recursive\n",
    "this checkout has files that a sparse checkout leaves out: science/b/Dockerfile, science/b/sciserver-image.json — git sparse-checkout disable\n",
  ];
  const refused = await runTool(root, ["--push", "--allow-dirty", "--repo", "localhost:5000/x"]);
  assert.is(refused.code, 4);
  assert.is(refused.stderr, missing.map((line) => `ERROR:root:${line}`).join(""));
  const previewed = await runTool(root, ["--dryrun"]);
  assert.equal([previewed.code, previewed.stderr], [0, missing.join("")]);
  // No registry answers there; what is missing is told before.
  const status = startTool(root, ["status", "--repo", "127.0.0.1:1/x"]);
  await status.says(/git sparse-checkout disable\n/);
  status.process.kill();
  assert.ok(status.said().startsWith(missing.join("")));
});

test.run();
