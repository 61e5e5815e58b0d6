import fs from "node:fs";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readCheckout, readSource } from "../../src/git/checkout.ts";
import { Refusal } from "../../src/problem.ts";
import type { Problem } from "../../src/problem.ts";
import {
  commit,
  fillHistory,
  git,
  makeRepository,
  temporaryDirectory,
  writeFiles,
} from "../support/checkout.ts";

const test = suite("what git says of a checkout");

const changed = async (root: string, ref: string) => [...(await readCheckout(root, ref)).changed].sort();

async function refusal(asked: Promise<unknown>): Promise<Problem> {
  try {
    await asked;
  } catch (error) {
    if (error instanceof Refusal && error.problems[0] !== undefined) return error.problems[0];
    throw error;
  }
  throw new Error("it was not refused");
}

test("the commit and the number of commits that lead to it", async () => {
  const root = makeRepository({ "science/a/Dockerfile": "1" });
  fillHistory(root, 5);
  const checkout = await readCheckout(root, "HEAD^");
  assert.is(checkout.commit, git(root, "rev-parse", "HEAD"));
  assert.is(checkout.count, 5);
});

test("HEAD^ is compared with the working tree, what is not committed included", async () => {
  const root = makeRepository({ "science/a/f": "1", "science/b/f": "1", "science/c/f": "1" });
  commit(root, { "science/a/f": "2" });
  writeFiles(root, { "science/b/f": "2" });
  assert.equal(await changed(root, "HEAD^"), ["science/a/f", "science/b/f"]);
});

test("a range is compared with its end, not with the working tree", async () => {
  const root = makeRepository({ "science/a/f": "1", "science/b/f": "1" });
  git(root, "tag", "v1");
  commit(root, { "science/a/f": "2" });
  git(root, "tag", "v2");
  commit(root, { "science/b/f": "2" });
  writeFiles(root, { "science/b/f": "3" });
  assert.equal(await changed(root, "v1..v2"), ["science/a/f"]);
  assert.equal(await changed(root, "v2..HEAD"), ["science/b/f"]);
  assert.equal(await changed(root, "v2.."), ["science/b/f"]);
});

test("three dots compare with where the two lines parted", async () => {
  const root = makeRepository({ "science/a/f": "1", "science/b/f": "1" });
  git(root, "checkout", "--quiet", "-b", "side");
  commit(root, { "science/a/f": "2" });
  git(root, "checkout", "--quiet", "main");
  commit(root, { "science/b/f": "2" });
  assert.equal(await changed(root, "main...side"), ["science/a/f"]);
});

test("a tag, annotated too, is a revision", async () => {
  const root = makeRepository({ "science/a/f": "1" });
  git(root, "tag", "--annotate", "--message=release", "v1");
  commit(root, { "science/a/f": "2" });
  commit(root, { "science/b/f": "1" });
  assert.equal(await changed(root, "v1"), ["science/a/f", "science/b/f"]);
});

test("a rename counts at both ends", async () => {
  const root = makeRepository({ "science/a/tool.sh": "echo the same content\n".repeat(9) });
  git(root, "mv", "science/a", "science/b");
  commit(root);
  assert.equal(await changed(root, "HEAD^"), ["science/a/tool.sh", "science/b/tool.sh"]);
});

test("a deletion and a change of mode count", async () => {
  const root = makeRepository({ "science/a/f": "1", "science/b/f": "1" });
  fs.chmodSync(path.join(root, "science/b/f"), 0o755);
  commit(root, { "science/a/f": null });
  assert.equal(await changed(root, "HEAD^"), ["science/a/f", "science/b/f"]);
});

test("names with spaces, quotes, line breaks and other scripts come through as they are", async () => {
  const root = makeRepository({ "science/a/f": "1" });
  const names = ['science/a/with "quotes"', "science/a/with\nbreak", "science/a/звезда", "science/a/ "];
  commit(root, Object.fromEntries(names.map((name) => [name, "1"])));
  assert.equal(await changed(root, "HEAD^"), [...names].sort());
});

test("at the first commit everything is new", async () => {
  const root = makeRepository({ "science/a/f": "1", "compat/b/f": "1", "README.md": "1" });
  assert.equal(await changed(root, "HEAD^"), ["compat/b/f", "science/a/f"]);
});

test("a merge is compared with its first parent", async () => {
  const root = makeRepository({ "science/a/f": "1", "science/b/f": "1" });
  git(root, "checkout", "--quiet", "-b", "side");
  commit(root, { "science/a/f": "2" });
  git(root, "checkout", "--quiet", "main");
  commit(root, { "science/b/f": "2" });
  git(root, "merge", "--quiet", "--no-edit", "side");
  assert.equal(await changed(root, "HEAD^"), ["science/a/f"]);
});

test("a submodule whose pointer moved is a changed path", async () => {
  const library = makeRepository({ f: "1" });
  const root = makeRepository({ "science/a/f": "1" });
  git(root, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", library, "science/a/library");
  commit(root);
  const moved = commit(library, { f: "2" });
  git(path.join(root, "science/a/library"), "fetch", "--quiet");
  git(path.join(root, "science/a/library"), "checkout", "--quiet", moved);
  commit(root);
  assert.equal(await changed(root, "HEAD^"), ["science/a/library"]);
});

test("what git does not know is told apart from what it ignores, and both from what is committed", async () => {
  const root = makeRepository({ "science/a/f": "1", ".gitignore": "*.pyc\n" });
  commit(root);
  writeFiles(root, { "science/a/new/g": "1", "science/a/cache/x.pyc": "1", elsewhere: "1" });
  const checkout = await readCheckout(root, "HEAD^");
  assert.equal(checkout.untracked, ["science/a/new/g"]);
  assert.equal([...checkout.uncommitted].sort(), ["science/a/cache/x.pyc", "science/a/new/g"]);
  assert.equal(checkout.changed, []);
});

test("a root below the top of the repository has paths of its own", async () => {
  const root = makeRepository({ "images/science/a/f": "1", "science/other/f": "1" });
  commit(root, { "images/science/a/f": "2", "science/other/f": "2" });
  writeFiles(root, { "images/science/a/g": "1" });
  git(root, "config", "diff.relative", "true");
  const checkout = await readCheckout(path.join(root, "images"), "HEAD^");
  assert.equal(checkout.changed, ["science/a/f"]);
  assert.equal(checkout.untracked, ["science/a/g"]);
});

test("what a user has configured for git changes nothing", async () => {
  const root = makeRepository({ "science/a/f": "1\n".repeat(9) });
  for (const [name, value] of [
    ["diff.external", "false"],
    ["diff.renames", "copies"],
    ["diff.noprefix", "true"],
    ["status.showUntrackedFiles", "no"],
    ["status.renames", "true"],
    ["core.quotePath", "true"],
    ["color.ui", "always"],
  ] as const) {
    git(root, "config", name, value);
  }
  git(root, "mv", "science/a", "science/b");
  commit(root);
  writeFiles(root, { "science/c/f": "1" });
  const checkout = await readCheckout(root, "HEAD^");
  assert.equal([...checkout.changed].sort(), ["science/a/f", "science/b/f"]);
  assert.equal(checkout.untracked, ["science/c/f"]);
});

test("asking writes nothing, not even git's own index", async () => {
  const root = makeRepository({ "science/a/f": "1" });
  const index = path.join(root, ".git/index");
  const later = new Date(Date.now() + 60_000);
  fs.utimesSync(path.join(root, "science/a/f"), later, later);
  const before = fs.readFileSync(index);
  await readCheckout(root, "HEAD^");
  assert.ok(before.equals(fs.readFileSync(index)));
});

test("a shallow clone is refused with the command that mends it", async () => {
  const origin = makeRepository({ "science/a/f": "1" });
  commit(origin, { "science/a/f": "2" });
  const root = temporaryDirectory();
  git(root, "clone", "--quiet", "--depth=1", `file://${origin}`, "clone");
  const problem = await refusal(readCheckout(path.join(root, "clone"), "HEAD^"));
  assert.is(problem.kind, "surroundings");
  assert.match(problem.message, "shallow clone");
  assert.match(problem.hint ?? "", "git fetch --unshallow");
});

test("a directory that is in no repository is refused", async () => {
  const problem = await refusal(readCheckout(temporaryDirectory(), "HEAD^"));
  assert.is(problem.kind, "surroundings");
  assert.match(problem.message, "is not in a git repository");
});

test("a repository without a commit is refused", async () => {
  const root = temporaryDirectory();
  git(root, "init", "--quiet");
  const problem = await refusal(readCheckout(root, "HEAD^"));
  assert.is(problem.kind, "surroundings");
  assert.match(problem.message, "has no commit yet");
});

test("a repository whose commit cannot be read is refused in git's own words", async () => {
  const root = makeRepository({});
  const head = git(root, "rev-parse", "HEAD");
  fs.rmSync(path.join(root, ".git/objects", head.slice(0, 2), head.slice(2)));
  const problem = await refusal(readCheckout(root, "HEAD^"));
  assert.is(problem.kind, "surroundings");
  assert.match(problem.message, /^git says: (?:fatal|error): /);
});

test("a repository without a working tree is refused", async () => {
  const root = temporaryDirectory();
  git(root, "init", "--quiet", "--bare");
  const problem = await refusal(readCheckout(root, "HEAD^"));
  assert.is(problem.kind, "surroundings");
});

for (const ref of [
  "nowhere",
  "nowhere..HEAD",
  "HEAD..nowhere",
  "HEAD~99",
  "-x",
  "--output=stolen",
  "",
  "a b",
  "HEAD..-x",
  "A..B..C",
]) {
  test(`the revision ${JSON.stringify(ref)} is refused as a mistake of the command line`, async () => {
    const root = makeRepository({ "science/a/f": "1" });
    const problem = await refusal(readCheckout(root, ref));
    assert.is(problem.kind, "usage");
    assert.not(fs.existsSync(path.join(root, "stolen")));
  });
}

test("a repository whose owner git distrusts is refused with the command that trusts it", async () => {
  const root = makeRepository({ "science/a/f": "1" });
  // git's own switch for its own tests: it takes every owner for somebody else.
  process.env["GIT_TEST_ASSUME_DIFFERENT_OWNER"] = "1";
  process.env["GIT_CONFIG_GLOBAL"] = "/dev/null";
  const asked = readCheckout(root, "HEAD^");
  const problem = await refusal(asked);
  delete process.env["GIT_TEST_ASSUME_DIFFERENT_OWNER"];
  delete process.env["GIT_CONFIG_GLOBAL"];
  assert.is(problem.kind, "surroundings");
  assert.match(problem.message, "does not trust the owner");
  assert.match(problem.hint ?? "", `safe.directory '${root}'`);
});

test("without git the message says to install it", async () => {
  const root = makeRepository({ "science/a/f": "1" });
  const before = process.env["PATH"];
  process.env["PATH"] = temporaryDirectory();
  const problem = await refusal(readCheckout(root, "HEAD^"));
  process.env["PATH"] = before;
  assert.is(problem.kind, "surroundings");
  assert.match(problem.message, "git was not found");
});

test("the source is the remote's URL, without the login in it", async () => {
  const root = makeRepository({ "science/a/f": "1" });
  assert.is(await readSource(root), "");
  git(root, "remote", "add", "origin", "https://robot:hunter2@example.org/images.git");
  assert.is(await readSource(root), "https://example.org/images.git");
  for (const url of [
    "HTTPS://t:s@example.org/x.git",
    "https://example.org/x.git?private_token=s",
    "https://u:p@ss/w@example.org/x",
  ]) {
    git(root, "remote", "set-url", "origin", url);
    assert.ok(["https://example.org/x.git", ""].includes(await readSource(root)), url);
  }
  git(root, "remote", "set-url", "origin", "git@example.org:images.git");
  assert.is(await readSource(root), "git@example.org:images.git");
  git(root, "remote", "set-url", "origin", "ssh://git@example.org:2222/images.git");
  assert.is(await readSource(root), "ssh://example.org:2222/images.git");
  for (const here of [
    "/srv/git/images.git",
    "../images",
    "images",
    "./a:b",
    "C:\\images",
    "C:/images",
    "file:///srv/git/images.git",
    "ext::sh -c images",
  ]) {
    git(root, "remote", "set-url", "origin", here);
    assert.is(await readSource(root), "", here);
  }
});

test.run();
