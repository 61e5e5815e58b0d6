import fs from "node:fs";
import * as fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readCompatDefinition, readScienceDefinition } from "../../src/definitions/definition.ts";
import { describeProblem } from "../../src/problem.ts";

const definition = suite("definition");

const science = (text: string, directoryName = "nist-basic") => {
  const { values, problems } = readScienceDefinition(text, "d.json", directoryName);
  return { values, printed: problems.map(describeProblem) };
};
const compat = (text: string) => {
  const { values, problems } = readCompatDefinition(text, "d.json");
  return { values, printed: problems.map(describeProblem) };
};

// Character for character as operators know them from the platform's own guide, "Setting up images".
const scienceExample = `{
  # image is name given to the final build image in a series. This need not be
  # unique, another science layer with the same image can either represent an
  # in-place update of an image or a version upgrade. This name will be used in
  # the final image as "{repo}/rel/{name}:{version}", and generally will be
  # referred to by a similar name in compute.
  "image": "sciserver-essentials",

  # each image also has a version, any other science layers that have the same
  # "image" and "version" must result in a single final image (e.g. that with no
  # consumers)
  "version": "2.4",

  # The target refers to the build artifact name given to this particular
  # science layer of image. Since multiple files can refer to the same image and
  # version, this uniquely identifies this layer among all. It defaults to the
  # current directory name. This name forms a tag
  # (\`{repo}/sci/{target}:{version}\`) that can be used in the FROM line in other
  # layers to build up layers
  "target": "essentails-2021-10-12",

  # each science layer must specify the compat layer it uses, which must exist
  # under compat/
  "compat": "jupyter"
}
`;
const compatExample = `{
  # include any other compat layers, in order. Docker file will be concatenated
  # in this order and any files of same name in successive layers will be
  # overwritten.
  "includes": ["otherlayer", "otherlayer2"]
}
`;

definition("the guide's example of a science definition loads as printed", () => {
  assert.equal(science(scienceExample), {
    values: {
      image: "sciserver-essentials",
      version: "2.4",
      target: "essentails-2021-10-12",
      compat: "jupyter",
      retired: false,
    },
    printed: [],
  });
});

definition("a whole number is a version, as it reads in one way only", () => {
  for (const written of ["2", "0", "2026", '"2"'])
    assert.equal(
      science(`{ "image": "a", "compat": "j", "version": ${written} }`).values.version,
      written.replaceAll('"', ""),
    );
  for (const written of ["2.0", "2.", "2e1", "0x2", "+2", "-2", "20261201123456789012"])
    assert.equal(
      science(`{ "image": "a", "compat": "j", "version": ${written} }`).printed.length,
      1,
      written,
    );
});

definition("a version leaves room in its tags for what follows it", () => {
  const version = (text: string) => science(`{ "image": "a", "compat": "j", "version": "${text}" }`).printed;
  assert.equal(version("1".repeat(36)), []);
  assert.equal(version("1".repeat(37)), [
    'd.json:1: "version" has 37 characters — up to 36: a tag has 128, of which the stamp and further names take the rest',
  ]);
});

definition("a key that is meant for readers leads to a comment", () => {
  assert.equal(science('{ "image": "a", "compat": "j",\n"description": "b" }').printed, [
    'd.json:2: unknown key "description" — write it as a comment: # …',
  ]);
});

definition("traps of JSON are read as they are written, or refused", () => {
  const right = { image: "a", version: "1.0", target: "nist-basic", compat: "j", retired: false };
  assert.equal(science('{\r\n"image": "a",\r\n"compat": "j"\r\n}\r\n'), { values: right, printed: [] });
  for (const proto of ['"__proto__"', "__proto__", '"\\u005f_proto__"']) {
    const { values, printed } = science(`{ ${proto}: { "image": "b" }, "compat": "j" }`);
    assert.equal([values.image, printed.length], [undefined, 2], proto);
  }
  assert.equal(science('{ "image": "a", "compat": "j", "constructor": 1, "toString": 2 }').printed.length, 2);
  assert.match(science('{ "image": "a", \0 "compat": "j" }').printed.join(), "not JSON5");
});

definition("a definition that is nested or large beyond reason is refused in time", () => {
  const started = performance.now();
  const deep = 100_000;
  for (const nested of ["[".repeat(deep) + "]".repeat(deep), "{a:".repeat(deep) + "1" + "}".repeat(deep)]) {
    const { printed } = science(`{ "image": ${nested}, "compat": "j" }`);
    assert.is(printed.length, 1);
    assert.match(printed[0] ?? "", 'd.json:1: "image" must be a string');
  }
  assert.match(science("[".repeat(deep)).printed[0] ?? "", "not JSON5");
  const keys = Array.from({ length: 5000 }, (_, index) => `"key${index}": 1`).join(",\n");
  const { printed } = science(`{ "image": "a", "compat": "j",\n${keys} }`);
  assert.is(printed.length, 5000);
  assert.match(printed.at(-1) ?? "", /^d\.json:5001: /);
  assert.ok(performance.now() - started < 20_000, `${performance.now() - started} ms`);
});

definition("the guide's example of a compat definition loads as printed", () => {
  assert.equal(compat(compatExample), { values: { includes: ["otherlayer", "otherlayer2"] }, printed: [] });
});

definition("the example in docs/definitions.md loads as printed", () => {
  const page = fs.readFileSync(new URL("../../docs/definitions.md", import.meta.url), "utf8");
  const [, example = ""] = /```json\n([^]*?)```/.exec(page) ?? [];
  assert.equal(science(example), {
    values: {
      image: "sciserver-essentials",
      version: "2.4",
      target: "essentials-2021-10-12",
      compat: "jupyter",
      retired: false,
    },
    printed: [],
  });
});

definition("version defaults to 1.0, target to the directory's name, includes to nothing", () => {
  const { values } = science(`{ "image": "a", "compat": "j" }`);
  assert.equal(values, { image: "a", version: "1.0", target: "nist-basic", compat: "j", retired: false });
  assert.equal(compat("{}"), { values: { includes: [] }, printed: [] });
});

definition("JSON5 is understood: single quotes, bare keys, trailing commas, all kinds of comments", () => {
  const text = `// one\n/* two\n# three */ { image: 'a', # four "x\n 'version': "1.0", compat: "j", }`;
  assert.equal(science(text), {
    values: { image: "a", version: "1.0", target: "nist-basic", compat: "j", retired: false },
    printed: [],
  });
});

definition("a # or // inside a string is no comment", () => {
  assert.equal(compat(`{ "includes": ["a#b", 'c//d', "e\\"#f"] }`).values, {
    includes: ["a#b", "c//d", 'e"#f'],
  });
});

definition("an unknown key is refused with the nearest known one", () => {
  assert.equal(science(`{\n "image": "a",\n "versoin": "1.0",\n "compat": "j" }`).printed, [
    'd.json:3: unknown key "versoin" — did you mean "version"?',
  ]);
  assert.equal(compat(`{\n "include": ["a"] }`).printed, [
    'd.json:2: unknown key "include" — did you mean "includes"?',
  ]);
});

definition("an unknown key that is like no other is refused with all known ones", () => {
  assert.equal(science(`{ "image": "a", "compat": "j", "platform": "x" }`).printed, [
    'd.json:1: unknown key "platform" — what can be given: "image", "version", "target", "compat", "retired"',
  ]);
});

definition("a missing image or compat is named", () => {
  assert.equal(science("\n{ }").printed, [
    'd.json:2: "image" is missing — add it: "image": "nist-basic"',
    'd.json:2: "compat" is missing — name the layer below compat/ that makes a release of it, e.g. "jupyter"',
  ]);
});

definition("a value of the wrong type is refused with what it is", () => {
  const text = `{\n "image": null,\n "version": true,\n "target": ["a"],\n "compat": {} }`;
  assert.equal(science(text).printed, [
    'd.json:2: "image" must be a string, not null — write it in quotes',
    'd.json:3: "version" must be a string, not true — write it in quotes',
    'd.json:4: "target" must be a string, not a list — write it in quotes',
    'd.json:5: "compat" must be a string, not an object — write it in quotes',
  ]);
});

definition("an uppercase name is refused with one that would do", () => {
  assert.equal(science(`{ "image": "SciServer Essentials", "compat": "j" }`).printed, [
    'd.json:1: "image" is "SciServer Essentials", which cannot be part of an image\'s name — ' +
      'lowercase letters and digits, with single . or _ or with - between them, e.g. "sciserver-essentials"',
  ]);
});

definition("empty names are refused", () => {
  assert.equal(science(`{ "image": "",\n "target": "",\n "version": "",\n "compat": "" }`).printed, [
    'd.json:1: "image" is empty — lowercase letters and digits, with single . or _ or with - between them',
    'd.json:3: "version" is empty — write numbers with dots between them, e.g. "2.4"',
    'd.json:2: "target" is empty — lowercase letters and digits, with single . or _ or with - between them',
    'd.json:4: "compat" is empty — name a layer below compat/',
  ]);
});

definition("a target of several path components is refused", () => {
  assert.equal(science(`{ "image": "a", "compat": "j", "target": "a/b" }`).printed, [
    'd.json:1: "target" is "a/b", which cannot be part of an image\'s name — ' +
      "lowercase letters and digits, with single . or _ or with - between them",
  ]);
});

definition("a directory's name that cannot be a target is refused where no target is given", () => {
  assert.equal(science(`{ "image": "a", "compat": "j" }`, "Essentials").printed, [
    'd.json:1: the directory\'s name "Essentials" cannot be the target — add a "target", or rename the directory: ' +
      'lowercase letters and digits, with single . or _ or with - between them, e.g. "essentials"',
  ]);
  assert.equal(science(`{ "image": "a", "compat": "j", "target": "t" }`, "Essentials").printed, []);
});

definition("a version that is a bare number is refused, since 2.10 reads as 2.1", () => {
  assert.equal(science(`{ "image": "a", "compat": "j",\n "version": 2.10 }`).printed, [
    'd.json:2: "version" is the number 2.10, not a string — write "2.10": as a number it reads as 2.1',
  ]);
});

definition("a version is dotted numbers and nothing else", () => {
  for (const version of ["2.x", "v2", "2.", ".2", "2..1", "2.4-1", " 2", "latest"]) {
    assert.equal(science(`{ "image": "a", "compat": "j", "version": "${version}" }`).printed, [
      `d.json:1: "version" is "${version}", not dotted numbers — write numbers with dots between them, e.g. "2.4"`,
    ]);
  }
  for (const version of ["2", "2.10", "2021.10.12"]) {
    assert.equal(science(`{ "image": "a", "compat": "j", "version": "${version}" }`).values.version, version);
  }
});

definition("includes must be a list of names", () => {
  const hint = 'list names of compat layers in quotes: "includes": ["one", "another"]';
  assert.equal(compat(`{ "includes": "a" }`).printed, [
    `d.json:1: "includes" must be a list of names, not a string — ${hint}`,
  ]);
  assert.equal(compat(`{ "includes": null }`).printed, [
    `d.json:1: "includes" must be a list of names, not null — ${hint}`,
  ]);
  assert.equal(compat(`{\n "includes": ["a", 1, ""] }`).printed, [
    `d.json:2: "includes" holds a number — ${hint}`,
    `d.json:2: "includes" holds an empty name — ${hint}`,
  ]);
});

definition("a key that is given twice is refused, however it is written", () => {
  assert.equal(science(`{ "image": "a", "compat": "j",\n\n image: "b" }`).printed, [
    'd.json:3: "image" is given twice — keep one of them; the other is on line 1',
  ]);
  assert.equal(science(`{ "image": "a", "compat": "j",\n "\\u0069mage": "b" }`).printed, [
    'd.json:2: "image" is given twice — keep one of them; the other is on line 1',
  ]);
});

definition("what is no object is refused with what it is", () => {
  assert.equal(science(`# c\n["a"]`).printed, [
    "d.json:2: a definition must be an object, not a list — put its keys in braces: { … }",
  ]);
  assert.equal(compat(`null`).printed, [
    "d.json:1: a definition must be an object, not null — put its keys in braces: { … }",
  ]);
});

definition("an empty file, or one of comments alone, is refused", () => {
  assert.equal(science("").printed, ["d.json:1: is empty — a definition is an object: { … }"]);
  assert.equal(science("\n# later\n").printed, ["d.json:1: is empty — a definition is an object: { … }"]);
});

definition("a byte order mark is refused", () => {
  assert.equal(compat("\uFEFF{}").printed, [
    "d.json:1: begins with a byte order mark — save it as UTF-8 without one",
  ]);
});

definition("a syntax error has the line and column of the file, comments counted", () => {
  const hint = "it is read as JSON5: keys and values in quotes, commas between them; # begins a comment";
  assert.equal(science(`{ # one\n  # two\n  "image" "a"\n}`).printed, [
    `d.json:3:11: not JSON5: invalid character '"' — ${hint}`,
  ]);
  assert.equal(science(`{\n  "image": "a`).printed, [
    `d.json:2:14: not JSON5: invalid end of input — ${hint}`,
  ]);
  assert.equal(science(`{\n  "image": "a\n}`).printed, [
    `d.json:2:14: not JSON5: invalid character '\\n' — ${hint}`,
  ]);
});

definition("a definition says true or false of retired, without quotes", () => {
  assert.is(science(`{ "image": "a", "compat": "j", "retired": true }`).values.retired, true);
  assert.is(science(`{ "image": "a", "compat": "j", "retired": false }`).values.retired, false);
  for (const [written, kind] of [
    ['"true"', "a string"],
    ["1", "a number"],
    ["null", "null"],
  ] as const)
    assert.equal(science(`{ "image": "a", "compat": "j",\n "retired": ${written} }`).printed, [
      `d.json:2: "retired" must be true or false, not ${kind} — write it without quotes: "retired": true`,
    ]);
  assert.equal(science(`{ "image": "a", "compat": "j", "retire": true }`).printed, [
    'd.json:1: unknown key "retire" — did you mean "retired"?',
  ]);
});

definition("every mistake in a definition is found at once", () => {
  assert.equal(science(`{\n "image": "A",\n "version": 1.0,\n "target": "B",\n "x": 1 }`).printed.length, 5);
});

definition("# comments anywhere between the tokens change nothing", () => {
  const tokens = [
    "{",
    '"image"',
    ":",
    '"a#b"',
    ",",
    '"compat"',
    ":",
    '"j"',
    ",",
    '"version"',
    ":",
    '"1.0"',
    "}",
  ];
  const comment = fc.stringMatching(/^[^\r\n\u2028\u2029]{0,20}$/).map((text) => `#${text}\n`);
  fc.assert(
    fc.property(fc.array(fc.option(comment), { minLength: 13, maxLength: 13 }), (comments) => {
      const text = tokens.map((token, index) => token + (comments[index] ?? " ")).join("");
      const { values, problems, lineOf } = readScienceDefinition(text, "d.json", "x");
      assert.equal(values, { version: "1.0", target: "x", compat: "j", retired: false });
      assert.equal(problems.length, 1, "only the # in the image's name is wrong");
      assert.is(problems[0]?.line, lineOf("image"));
      assert.is(text.split("\n")[lineOf("version") - 1]?.includes('"version"'), true);
    }),
  );
});

definition.run();
