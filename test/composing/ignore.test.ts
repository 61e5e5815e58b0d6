import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { array, assert as check, constant, constantFrom, oneof, property, string } from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readIgnore, readTriggers } from "../../src/composing/ignore.ts";
import { compilePattern } from "../../src/composing/pattern.ts";
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

ignore("without the file nothing is kept out", () => {
  assert.is(readIgnore(root, "science/none")("a"), false);
  assert.is(readTriggers(root, "science/none")("a"), true);
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
  ["a single dot, which means nothing", ".\n", ["a"], []],
  ["what leads outside, which matches nothing", "../foo\n..", ["foo"], []],
  ["an exception", "*\n!foo", ["foo", "bar"], ["bar"]],
  ["an exception below an excluded directory", "d\n!d/foo", ["d/foo", "d/bar"], ["d/bar"]],
  ["an exception deep below everything", "*\n!**/foo", ["d/e/foo", "d/e/bar"], ["d/e/bar"]],
  ["a directory brought back with all in it", "*\n!d", ["d/a", "e/a"], ["e/a"]],
  ["the last match, which wins", "!foo\nfoo", ["foo"], ["foo"]],
  ["the last of three", "d/\n!d/e/\nd/e/z", ["d/a", "d/e/a", "d/e/z"], ["d/a", "d/e/z"]],
  ["a space after the exclamation mark", "*\n! foo", ["foo", "bar"], ["bar"]],
  ["a caret that is a caret where nothing else is special", "^name", ["^name", "name"], ["^name"]],
  ["a caret that is the start of a path elsewhere", "^n*", ["^name", "name"], ["name"]],
  ["a caret after that start, which is nowhere", "n*^", ["name", "n^"], []],
  ["an exclamation mark after ./, which is one at the start", "*\n./!foo", ["foo", "bar"], ["bar"]],
  ["two exclamation marks, one of which is a name's", "*\n!!foo", ["!foo", "foo"], ["foo"]],
  ["a star in a class, which ends the class", "[*]a", ["*a", "]a", "[]a"], ["]a", "[]a"]],
  ["stars that run into each other", "a/***/b", ["a/x/y/b", "a/b", "b"], ["a/x/y/b"]],
  ["a character beyond the first plane, which is one", "?", ["\u{1F642}", "ab"], ["\u{1F642}"]],
  ["a class of other alphabets", "[α-ω]", ["λ", "a"], ["λ"]],
  ["a line break in a name, which no two stars go over", "**/*a", ["x\ny/a", "y/a"], ["y/a"]],
  ["nothing in an empty file", "", ["a"], []],
];
for (const [what, text, paths, out] of asDockerDoes) {
  ignore(`it knows ${what}`, () => assert.equal(keptOut(text, ...paths), out));
}

ignore("it says whether a line can bring back what lies in an ignored directory", () => {
  assert.is(readIgnore(root, layerWith("d\n")).hasExceptions, false);
  assert.is(readIgnore(root, layerWith("d\n!d/a\n")).hasExceptions, true);
});

ignore(
  "every line that Docker would refuse is named, and one that it would take for another than it says",
  () => {
    const wrong = [
      "[a",
      "foo\\",
      "!",
      "[]",
      "[z-a]",
      "f[o-]o",
      "!/",
      "! //",
      "a\\q",
      "a\\d",
      "[[:alpha:]]",
      "[a-",
      "[\\",
    ];
    wrong.push("a".repeat(70_000));
    const { problems } = refusalOf(`good\n${wrong.join("\n")}\n# [\n/\n`);
    assert.equal(
      problems.map(({ line }) => line),
      wrong.map((_, index) => index + 2),
    );
    assert.ok(problems.every(({ message }) => message.length < 200));
    for (const problem of problems) {
      assert.is(problem.kind, "definition");
      assert.match(problem.file ?? "", /^science\/layer-\d+\/\.dockerignore$/);
      assert.match(problem.message, /does not understand the pattern/);
      assert.ok(problem.hint);
    }
  },
);

// Whether a pattern of letters, `?`, `*` and `**/` matches a path, tried in every way that there is.
function matchesSlowly(pattern: string, path: string): boolean {
  if (pattern === "") return path === "" || path.startsWith("/");
  if (pattern.startsWith("**/")) {
    const onward = pattern.slice(3);
    const starts = [0, ...[...path.matchAll(/\//g)].map(({ index }) => index + 1)];
    return starts.some((at) => matchesSlowly(onward, path.slice(at)));
  }
  if (pattern.startsWith("*")) {
    const end = path.search(/\/|$/);
    const lengths = Array.from({ length: end + 1 }, (_, length) => length);
    return lengths.some((length) => matchesSlowly(pattern.slice(1), path.slice(length)));
  }
  const [first] = path;
  if (first === undefined || (pattern[0] === "?" ? first === "/" : first !== pattern[0])) return false;
  return matchesSlowly(pattern.slice(1), path.slice(1));
}

ignore("whatever is matched, it is what trying every way finds", () => {
  const part = string({ unit: constantFrom("a", "b", "a", "b", "*", "?"), minLength: 1, maxLength: 5 }).map(
    (text) => text.replaceAll(/\*+/g, "*"),
  );
  const patterns = array(oneof(part, constant("**")), { minLength: 1, maxLength: 5 })
    // At the end of a pattern, two stars need no further part.
    .map((parts) => parts.join("/").replace(/\*\*$/, "**/*"));
  const paths = array(string({ unit: constantFrom("a", "b"), minLength: 1, maxLength: 4 }), {
    minLength: 1,
    maxLength: 5,
  });
  check(
    property(patterns, paths, (pattern, parts) => {
      const path = parts.join("/");
      assert.is(compilePattern(pattern)(path), matchesSlowly(pattern, path), `${pattern} ${path}`);
    }),
    { numRuns: 2000 },
  );
});

ignore("no pattern takes longer than its length and that of the path ask for", () => {
  const pieces = array(constantFrom("*a", "**/", "a", "?", "*", "[ab]", "**", "/"), {
    minLength: 1,
    maxLength: 6,
  });
  const names = constantFrom("a".repeat(255), "a/".repeat(500), "ab".repeat(120));
  const begun = process.cpuUsage();
  assert.is(keptOut("*a*a*a*a*a*a*a*a*b\n", "a".repeat(100)).length, 0);
  assert.is(keptOut(`${"**".repeat(5000)}\n`, "a/b").length, 1);
  assert.is(keptOut("**\n".repeat(5000), "a/b").length, 1);
  check(
    property(pieces, names, (text, path) => {
      const repeated = text.join("").repeat(Math.ceil(300 / text.join("").length));
      compilePattern(`${repeated}b`)(path);
    }),
    { numRuns: 100 },
  );
  const { user, system } = process.cpuUsage(begun);
  assert.ok(user + system < 20_000_000, `${user + system} µs`);
});

ignore("a file that is not UTF-8, too large or no file is refused", () => {
  assert.match(refusalOf(new Uint8Array([0x66, 0xff])).message, /not UTF-8/);
  assert.match(
    refusalOf(new Uint8Array(5 * 1024 ** 2)).message,
    /is too large: 5\.0 MB, and at most 4 MB are read/,
  );
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
