import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readIgnore, readTriggers } from "../../src/composing/ignore.ts";
import { Refusal } from "../../src/problem.ts";

const ignore = suite("what .dockerignore keeps out");
const root = mkdtempSync(join(tmpdir(), "ignore-"));
let layers = 0;

function layerWith(text: string | Uint8Array): string {
  const directory = `science/layer-${(layers += 1)}`;
  mkdirSync(join(root, directory), { recursive: true });
  writeFileSync(join(root, directory, ".dockerignore"), text);
  return directory;
}

function keptOut(text: string, ...paths: string[]): string[] {
  return paths.filter(readIgnore(root, layerWith(text)));
}

function refusalOf(text: string | Uint8Array): Refusal {
  const directory = layerWith(text);
  try {
    readIgnore(root, directory);
  } catch (error) {
    assert.instance(error, Refusal);
    if (error instanceof Refusal) return error;
  }
  throw new Error("not refused");
}

ignore("without the file nothing is kept out, and the library is not even loaded", () => {
  assert.is(readIgnore(root, "science/none")("a"), false);
  assert.is(readTriggers(root, "science/none")("a"), true);
  const program = `
    import { readIgnore } from ${JSON.stringify(new URL("../../src/composing/ignore.ts", import.meta.url).href)};
    import { createRequire } from "node:module";
    const loaded = () => Object.keys(createRequire(import.meta.url).cache).filter((file) => file.includes("dockerignore")).length;
    readIgnore(process.argv[1], "science/none");
    const before = loaded();
    readIgnore(process.argv[1], process.argv[2]);
    process.stdout.write(before + " " + loaded());`;
  const run = spawnSync(
    process.execPath,
    ["--import", "tsx", "--input-type=module", "-e", program, root, layerWith("a\n")],
    { cwd: new URL("../..", import.meta.url), encoding: "utf8" },
  );
  assert.is(run.stdout, "0 1", run.stderr);
});

// Each of these was asked of `docker build` (client 28.2), by looking at what it sent.
const asDockerDoes: [what: string, text: string, paths: string[], out: string[]][] = [
  ["a name", "foo", ["foo", "foobar", "d/foo"], ["foo"]],
  ["a directory and all below it", "d", ["d", "d/a", "d/e/a", "da"], ["d", "d/a", "d/e/a"]],
  ["a trailing slash, which says nothing more", "foo/", ["foo", "foo/a"], ["foo", "foo/a"]],
  ["a leading slash, which says nothing more", "/foo", ["foo", "d/foo"], ["foo"]],
  ["a leading ./", "./foo", ["foo"], ["foo"]],
  ["a star, within one part", "d/*/z", ["d/z", "d/e/z", "d/e/f/z"], ["d/e/z"]],
  ["two stars, across parts", "d/**/z", ["d/z", "d/e/z", "d/e/f/z"], ["d/z", "d/e/z", "d/e/f/z"]],
  ["two stars in front", "**/foo", ["foo", "d/foo", "d/barfoo"], ["foo", "d/foo"]],
  ["two stars glued to an ending", "**.pyc", ["x.pyc", "d/y.pyc", "d/.pyc"], ["x.pyc", "d/y.pyc", "d/.pyc"]],
  [
    "two stars glued to a name",
    "**foo",
    ["foo", "barfoo", "d/barfoo", "foobar"],
    ["foo", "barfoo", "d/barfoo"],
  ],
  ["two stars glued in front of a pattern", "**foo*", ["foo", "barfoo", "d/foo"], ["foo", "d/foo"]],
  ["two stars in the middle of a part", "a**b", ["ab/x", "a/x/b/x", "abb"], ["ab/x", "a/x/b/x"]],
  ["two stars alone", "**", ["a", "d/a"], ["a", "d/a"]],
  ["two stars at the end", "**/d/**", ["d/a", "e/d/a", "e/a"], ["d/a", "e/d/a"]],
  ["a question mark", "f?o", ["foo", "fo", "f/o"], ["foo"]],
  ["a class", "[fg]oo", ["foo", "goo", "hoo"], ["foo", "goo"]],
  ["a class that excludes", "[^f]oo", ["foo", "goo"], ["goo"]],
  ["a range", "f[a-p]o", ["foo", "fzo"], ["foo"]],
  ["upper and lower case told apart", "foo", ["FOO"], []],
  ["a dot that is a dot", "a.c", ["a.c", "abc"], ["a.c"]],
  ["a plus that is a plus", "c++", ["c++", "cc"], ["c++"]],
  ["parentheses and bars that are just that", "(a|b)", ["(a|b)", "a"], ["(a|b)"]],
  ["braces that are braces", "a{2}", ["a{2}", "aa"], ["a{2}"]],
  ["an escaped star", "a\\*", ["a*", "ab"], ["a*"]],
  ["an escaped bracket", "x[\\]]", ["x]", "xa"], ["x]"]],
  ["names that JavaScript's objects have", "foo", ["constructor", "toString", "__proto__", "foo"], ["foo"]],
  ["those names when they are meant", "constructor", ["constructor"], ["constructor"]],
  ["comments and blank lines", "# foo\n\n   \nbar", ["# foo", "foo", "bar"], ["bar"]],
  ["no comment where # is not the first character", " # c", ["# c"], ["# c"]],
  ["a byte order mark", "\uFEFF# foo\nbar", ["# foo", "bar"], ["bar"]],
  ["Windows line ends", "foo\r\nbar\r\n", ["foo", "bar"], ["foo", "bar"]],
  ["spaces around a pattern", "  s p  ", ["s p"], ["s p"]],
  ["a single dot, which means nothing", ".\n", ["a", "."], []],
  ["what leads outside, which matches nothing", "../foo\n..", ["foo"], []],
  ["an exception", "*\n!foo", ["foo", "bar"], ["bar"]],
  ["an exception below an excluded directory", "d\n!d/foo", ["d/foo", "d/bar"], ["d/bar"]],
  ["an exception deep below everything", "*\n!**/foo", ["d/e/foo", "d/e/bar"], ["d/e/bar"]],
  ["a directory brought back with all in it", "*\n!d", ["d/a", "e/a"], ["e/a"]],
  ["the last match, which wins", "!foo\nfoo", ["foo"], ["foo"]],
  ["the last of three", "d/\n!d/e/\nd/e/z", ["d/a", "d/e/a", "d/e/z"], ["d/a", "d/e/z"]],
  ["a space after the exclamation mark", "*\n! foo", ["foo", "bar"], ["bar"]],
  ["nothing in an empty file", "", ["a"], []],
];
for (const [what, text, paths, out] of asDockerDoes) {
  ignore(`it knows ${what}`, () => assert.equal(keptOut(text, ...paths), out));
}

ignore("it says whether a line can bring back what lies in an ignored directory", () => {
  assert.is(readIgnore(root, layerWith("d\n")).hasExceptions, false);
  assert.is(readIgnore(root, layerWith("d\n!d/a\n")).hasExceptions, true);
});

ignore("every line that Docker would refuse is named", () => {
  const { problems } = refusalOf("good\n[a\nfoo\\\n!\n[]\n[z-a]\nf[o-]o\n# [\n");
  assert.equal(
    problems.map(({ line }) => line),
    [2, 3, 4, 5, 6, 7],
  );
  for (const problem of problems) {
    assert.is(problem.kind, "definition");
    assert.match(problem.file ?? "", /^science\/layer-\d+\/\.dockerignore$/);
    assert.match(problem.message, /does not understand the pattern/);
    assert.ok(problem.hint);
  }
});

ignore("a file that is not UTF-8 or no file is refused", () => {
  assert.match(refusalOf(new Uint8Array([0x66, 0xff])).message, /not UTF-8/);
  mkdirSync(join(root, "science/odd/.dockerignore"), { recursive: true });
  assert.throws(
    () => readIgnore(root, "science/odd"),
    /science\/odd\/\.dockerignore: is a directory, not a file/,
  );
});

ignore(
  "a pipe is refused without waiting for who writes to it, and a link out of the layer is not followed",
  () => {
    mkdirSync(join(root, "science/pipe"), { recursive: true });
    execFileSync("mkfifo", [join(root, "science/pipe/.dockerignore")]);
    assert.throws(
      () => readIgnore(root, "science/pipe"),
      /science\/pipe\/\.dockerignore: is not a regular file/,
    );
    mkdirSync(join(root, "science/link"), { recursive: true });
    symlinkSync("../../outside", join(root, "science/link/.dockerignore"));
    assert.throws(
      () => readIgnore(root, "science/link"),
      /is a symbolic link to \.\.\/\.\.\/outside, which does not exist/,
    );
    writeFileSync(join(root, "outside"), "secret\n");
    assert.throws(() => readIgnore(root, "science/link"), /is a symbolic link out of its layer/);
    writeFileSync(join(root, "science/link/rules"), "kept-out\n");
    rmSync(join(root, "science/link/.dockerignore"));
    symlinkSync("rules", join(root, "science/link/.dockerignore"));
    assert.is(readIgnore(root, "science/link")("kept-out"), true);
  },
);

ignore(
  "a change counts unless it is kept out, and the three files that say how to build always count",
  () => {
    const triggers = readTriggers(root, layerWith("*\n**/Dockerfile\n"));
    for (const path of ["Dockerfile", ".dockerignore", "sciserver-image.json"])
      assert.is(triggers(path), true, path);
    for (const path of ["a", "d/Dockerfile", "d/.dockerignore"]) assert.is(triggers(path), false, path);
  },
);

ignore.after(() => rmSync(root, { recursive: true }));
ignore.run();
