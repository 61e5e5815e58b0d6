import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readCheckout } from "../../src/git/checkout.ts";
import { compareWithCommit } from "../../src/git/compare.ts";
import {
  commit,
  git,
  gitEnvironment,
  makeRepository,
  temporaryDirectory,
  writeFiles,
} from "../support/checkout.ts";

const test = suite("what is built and is not as the commit holds it");

/** Every path that differs with how, as `a: modified`; all of `science/` is built. */
async function differing(root: string): Promise<readonly string[]> {
  const { tree } = await readCheckout(root, null);
  const found = await compareWithCommit(root, tree, (file) =>
    file.startsWith("science/lost") ? "lost" : file.startsWith("science/") ? "built" : undefined,
  );
  return found.map(({ path: file, how }) => `${file}: ${how}`).sort();
}

/** A clone of a repository, with configuration as `git clone -c` takes it. */
function clone(root: string, ...settings: readonly string[]): string {
  const directory = path.join(temporaryDirectory(), "clone");
  const options = settings.flatMap((setting) => ["-c", setting]);
  git(root, "-c", "protocol.file.allow=always", "clone", "--quiet", ...options, `file://${root}`, directory);
  return directory;
}

test("a clone of the commit has nothing, links, executables and odd names included", async () => {
  const root = makeRepository({ 'science/a/with "quotes"\nand a break': "1", "science/a/run.sh": "1" });
  fs.chmodSync(path.join(root, "science/a/run.sh"), 0o755);
  fs.symlinkSync("/nowhere/at/all", path.join(root, "science/a/link"));
  commit(root);
  assert.equal(await differing(clone(root)), []);
});

test("what git status shows is told by how it differs", async () => {
  const root = makeRepository({
    ".gitignore": "*.pyc\n",
    "science/a/changed": "1",
    "science/a/gone": "1",
    "science/a/program": "1",
    "science/a/kept": "1",
  });
  writeFiles(root, {
    "science/a/changed": "2",
    "science/a/gone": null,
    "science/a/staged": "1",
    "science/a/new": "1",
    "science/a/x.pyc": "1",
  });
  fs.chmodSync(path.join(root, "science/a/program"), 0o755);
  git(root, "add", "science/a/staged");
  assert.equal(await differing(root), [
    "science/a/changed: modified",
    "science/a/gone: deleted",
    "science/a/new: untracked",
    "science/a/program: mode",
    "science/a/staged: added",
    "science/a/x.pyc: ignored",
  ]);
});

test("a directory that git holds nothing of is told, also where it is empty or git ignores all in it", async () => {
  const root = makeRepository({ ".gitignore": "*.pyc\n", "science/a/f": "1" });
  fs.mkdirSync(path.join(root, "science/a/empty/deep"), { recursive: true });
  writeFiles(root, { "science/a/__pycache__/x.pyc": "1" });
  assert.is(git(root, "status", "--porcelain"), "");
  assert.equal(await differing(root), [
    "science/a/__pycache__/: untracked",
    "science/a/__pycache__/x.pyc: ignored",
    "science/a/empty/: untracked",
  ]);
});

test("a conflict of a merge is a change", async () => {
  const root = makeRepository({ "science/a/with blanks in it": "1" });
  git(root, "checkout", "--quiet", "-b", "side");
  commit(root, { "science/a/with blanks in it": "2" });
  git(root, "checkout", "--quiet", "main");
  commit(root, { "science/a/with blanks in it": "3" });
  assert.throws(() => git(root, "merge", "side"));
  assert.equal(await differing(root), ["science/a/with blanks in it: modified"]);
});

for (const flag of ["--assume-unchanged", "--skip-worktree"]) {
  test(`a change that git update-index ${flag} hides is found by its content and its mode`, async () => {
    const root = makeRepository({ "science/a/f": "1", "science/a/g": "1", "science/a/same": "1" });
    fs.symlinkSync("one", path.join(root, "science/a/link"));
    commit(root);
    const names = ["f", "g", "same", "link"].map((name) => `science/a/${name}`);
    git(root, "update-index", flag, ...names);
    assert.equal(await differing(root), []);
    writeFiles(root, { "science/a/f": "2", "science/a/link": null });
    fs.chmodSync(path.join(root, "science/a/g"), 0o755);
    fs.symlinkSync("two", path.join(root, "science/a/link"));
    assert.is(git(root, "status", "--porcelain"), "");
    assert.equal(await differing(root), [
      "science/a/f: hidden",
      "science/a/g: hidden",
      "science/a/link: hidden",
    ]);
  });
}

test("a mode is seen where core.fileMode is off, and a file in place of a link where core.symlinks is", async () => {
  const root = makeRepository({ "science/a/f": "1" });
  fs.symlinkSync("f", path.join(root, "science/a/link"));
  commit(root);
  const there = clone(root, "core.fileMode=false", "core.symlinks=false");
  fs.chmodSync(path.join(there, "science/a/f"), 0o755);
  assert.is(git(there, "status", "--porcelain"), "");
  assert.equal(await differing(there), ["science/a/f: mode", "science/a/link: modified"]);
});

test("a file system monitor, an untracked cache and lax stat settings are not believed", async () => {
  const root = makeRepository({ "science/a/f": "1" });
  const monitor = path.join(root, ".git/monitor");
  fs.writeFileSync(monitor, "#!/bin/sh\nprintf 'token\\0'\n", { mode: 0o755 });
  for (const [name, value] of [
    ["core.fsmonitor", monitor],
    ["core.fsmonitorHookVersion", "2"],
    ["core.untrackedCache", "true"],
    ["core.trustctime", "false"],
    ["core.checkStat", "minimal"],
  ] as const)
    git(root, "config", name, value);
  const file = path.join(root, "science/a/f");
  const old = new Date("2024-01-01T00:00:00Z");
  fs.utimesSync(file, old, old);
  git(root, "update-index", "--refresh", "--fsmonitor");
  git(root, "status");
  // Another file of the same size and time: within a second its ctime tells nothing.
  fs.writeFileSync(`${file}.new`, "2");
  fs.renameSync(`${file}.new`, file);
  fs.utimesSync(file, old, old);
  assert.is(git(root, "status", "--porcelain"), "");
  assert.equal(await differing(root), ["science/a/f: modified"]);
});

test("line ends that core.autocrlf converts are found; those that .gitattributes prescribes are as in every clone", async () => {
  const root = makeRepository({
    ".gitattributes": "*.bat eol=crlf\n*.id ident\n*.u16 working-tree-encoding=UTF-16LE-BOM\n",
    "science/a/run.sh": "one\ntwo\n",
    "science/a/run.bat": "one\ntwo\n",
    "science/a/v.id": "$Id$\n",
    "science/a/binary": "\0\n",
  });
  assert.equal(await differing(clone(root)), []);
  assert.equal(await differing(clone(root, "core.autocrlf=true")), [
    "science/a/run.sh: converted",
    "science/a/v.id: converted",
  ]);
});

test("what .gitattributes prescribes holds where the definitions are below the top of their repository", async () => {
  const root = makeRepository({
    ".gitattributes": "defs/science/a/*.bat eol=crlf\n",
    "defs/science/.gitattributes": "*.id ident\n",
    "defs/science/a/run.bat": "one\ntwo\n",
    "defs/science/a/v.id": "$Id$\n",
  });
  assert.equal(await differing(path.join(clone(root), "defs")), []);
});

test("attributes of this clone alone prescribe nothing", async () => {
  const root = makeRepository({ "science/a/f": "one\n" });
  fs.mkdirSync(path.join(root, ".git/info"), { recursive: true });
  fs.writeFileSync(path.join(root, ".git/info/attributes"), "f eol=crlf\n");
  writeFiles(root, { "science/a/f": null });
  git(root, "checkout", "--", "science/a/f");
  assert.is(git(root, "status", "--porcelain"), "");
  assert.equal(await differing(root), ["science/a/f: converted"]);
});

test("what a filter of this machine wrote is converted", async () => {
  const root = makeRepository({
    ".gitattributes": "*.secret filter=cipher ident\n",
    "science/a/f.secret": "1",
  });
  const there = clone(root, "filter.cipher.smudge=tee /dev/null && echo", "filter.cipher.clean=head -c 1");
  assert.is(git(there, "status", "--porcelain"), "");
  assert.equal(await differing(there), ["science/a/f.secret: converted"]);
});

/** Runs git with Git LFS configured. */
const lfs = ["lfs.clean=git-lfs clean -- %f", "lfs.smudge=git-lfs smudge -- %f", "lfs.required=true"].map(
  (setting) => `filter.${setting}`,
);

test("a pointer of Git LFS is told from the data that it stands for", async () => {
  const root = makeRepository({ ".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n" });
  const settings = lfs.flatMap((setting) => ["-c", setting]);
  writeFiles(root, { "science/a/data.bin": "a few stars\n".repeat(90) });
  git(root, ...settings, "add", "--all");
  git(root, ...settings, "commit", "--quiet", "--message=data");
  for (const setting of lfs)
    git(root, "config", ...(setting.split(/=(.*)/s).slice(0, 2) as [string, string]));
  assert.equal(await differing(root), []);

  const pointers = clone(root);
  assert.is(git(pointers, "status", "--porcelain"), "");
  assert.equal(await differing(pointers), ["science/a/data.bin: pointer"]);

  git(root, "update-index", "--assume-unchanged", "science/a/data.bin");
  assert.equal(await differing(root), []);
  writeFiles(root, { "science/a/data.bin": "a few moons\n".repeat(90) });
  assert.equal(await differing(root), ["science/a/data.bin: hidden"]);
});

test("a submodule that is not initialised is told, and one that is, is looked into", async () => {
  const inner = makeRepository({ f: "1", ".gitignore": "*.pyc\n" });
  const library = makeRepository({ f: "1" });
  const add = ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add"];
  git(library, ...add, inner, "inner");
  commit(library);
  const root = makeRepository({ "science/a/f": "1" });
  git(root, ...add, library, "science/a/library");
  commit(root);
  const update = ["-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init"];

  const there = clone(root);
  assert.is(git(there, "status", "--porcelain"), "");
  assert.equal(await differing(there), ["science/a/library: submodule"]);
  git(there, ...update);
  assert.equal(await differing(there), ["science/a/library/inner: submodule"]);
  git(there, ...update, "--recursive");
  assert.equal(await differing(there), []);

  git(path.join(there, "science/a/library"), "update-index", "--assume-unchanged", "f");
  writeFiles(there, { "science/a/library/f": "2", "science/a/library/inner/x.pyc": "1" });
  assert.is(git(there, "status", "--porcelain"), "");
  assert.equal(await differing(there), [
    "science/a/library/f: hidden",
    "science/a/library/inner/x.pyc: ignored",
  ]);
});

test("what a sparse checkout leaves out is told, of layers that are lost for it too, until the command is run that brings it", async () => {
  const root = makeRepository({ "science/a/f": "1", "science/lost/f": "1", "science/lost/g": "1" });
  git(root, "sparse-checkout", "set", "science/a");
  assert.is(git(root, "status", "--porcelain"), "");
  assert.equal(await differing(root), ["science/lost/f: absent", "science/lost/g: absent"]);
  git(root, "sparse-checkout", "disable");
  assert.equal(await differing(root), []);
});

test("replaced objects and grafts change neither files nor count", async () => {
  const root = makeRepository({ "science/a/f": "1" });
  const first = git(root, "rev-parse", "HEAD");
  commit(root, { "science/a/f": "2" });
  const head = commit(root, { "science/a/f": "3" });
  const tree = git(root, "rev-parse", "HEAD^{tree}");
  const other = execFileSync("git", ["commit-tree", `${first}^{tree}`, "-m", "other"], {
    cwd: root,
    env: gitEnvironment,
    encoding: "utf8",
  }).trim();
  git(root, "replace", head, other);
  fs.writeFileSync(path.join(root, ".git/info/grafts"), `${head}\n`);
  assert.is(git(root, "rev-list", "--count", "HEAD"), "1");
  assert.not.equal(git(root, "rev-parse", "HEAD^{tree}"), tree);
  assert.is((await readCheckout(root, null)).count, 3);
  assert.equal(await differing(root), []);
});

test("a repository with SHA-256 names is compared as well", async () => {
  const root = temporaryDirectory();
  git(root, "init", "--quiet", "--object-format=sha256");
  commit(root, { "science/a/f": "1" });
  git(root, "update-index", "--assume-unchanged", "science/a/f");
  assert.equal(await differing(root), []);
  writeFiles(root, { "science/a/f": "2" });
  assert.equal(await differing(root), ["science/a/f: hidden"]);
});

test("comparing writes nothing", async () => {
  const root = makeRepository({ "science/a/f": "1\n" });
  const there = clone(root, "core.autocrlf=true");
  const index = path.join(there, ".git/index");
  const before = fs.readFileSync(index);
  assert.equal(await differing(there), ["science/a/f: converted"]);
  assert.ok(before.equals(fs.readFileSync(index)));
});

test.run();
