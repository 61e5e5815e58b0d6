import fs from "node:fs";
import path from "node:path";
import { Ajv } from "ajv";
import * as fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readCompatDefinition, readScienceDefinition } from "../../src/definitions/definition.ts";
import { describeProblem } from "../../src/problem.ts";

const schemas = suite("schemas of definitions");

const docs = path.join(import.meta.dirname, "../../docs");
const ajv = new Ajv({ strict: true, allowUnionTypes: true });
const load = (name: string) =>
  ajv.compile(JSON.parse(fs.readFileSync(path.join(docs, `${name}.schema.json`), "utf8")) as object);

const kinds = {
  science: {
    validate: load("science"),
    read: (text: string) => readScienceDefinition(text, "d.json", "nist-basic").problems,
  },
  compat: { validate: load("compat"), read: (text: string) => readCompatDefinition(text, "d.json").problems },
};

/** Values that are right for one key or another, nearly right, or plainly wrong. */
const value = fc.oneof(
  fc.constantFrom<unknown>(
    "a",
    "a-b",
    "a--b",
    "a__b",
    "a___b",
    "a.b",
    ".a",
    "A",
    "a/b",
    "",
    "1.0",
    "2.10",
    "1.",
    "1..2",
  ),
  fc.constantFrom<unknown>(
    "a\n",
    "1\n",
    "1.0 ",
    "ä",
    "٣",
    true,
    false,
    null,
    1,
    2.1,
    {},
    [],
    ["a"],
    ["a", ""],
    ["a", 1],
    [[]],
  ),
  fc.string({ maxLength: 4 }),
  fc.stringMatching(/^[a-z0-9._-]{0,6}$/),
  fc.stringMatching(/^[0-9.]{0,6}$/),
);
const keys = ["image", "version", "target", "compat", "retired", "includes", "$schema", "imag"];
const definitions = fc.oneof(
  fc.record(Object.fromEntries(keys.map((key) => [key, value])), { requiredKeys: [] }),
  // Most of these are right but for one key.
  fc
    .record({
      image: fc.constantFrom<unknown>("a", "nist-basic"),
      compat: fc.constantFrom<unknown>("jupyter", "web/terminal"),
      more: fc.dictionary(fc.constantFrom(...keys), value, { maxKeys: 1 }),
    })
    .map(({ more, ...rest }) => Object.assign(rest, more)),
  fc.record({ includes: fc.array(fc.string({ maxLength: 3 }), { maxLength: 3 }) }, { requiredKeys: [] }),
  fc.constantFrom<unknown>([], null, 1, "a", {}),
);

for (const kind of ["science", "compat"] as const) {
  const { validate, read } = kinds[kind];
  schemas(`an editor that knows the schema marks exactly the ${kind} definitions that check refuses`, () => {
    const seen = { valid: 0, invalid: 0 };
    const agree = (definition: unknown) => {
      const problems = read(JSON.stringify(definition));
      const valid = validate(definition);
      seen[valid ? "valid" : "invalid"] += 1;
      const said = problems.map(describeProblem).join("\n");
      assert.is(
        valid,
        problems.length === 0,
        `${JSON.stringify(definition)}\n${said}\n${ajv.errorsText(validate.errors)}`,
      );
    };
    fc.assert(fc.property(definitions, agree), { numRuns: 3000 });
    assert.ok(seen.valid > 100 && seen.invalid > 100, JSON.stringify(seen));
  });
}

schemas("every key that a schema describes is one that the reader knows, and the other way round", () => {
  const known = (kind: "science" | "compat", start: object) =>
    keys.filter(
      (key) =>
        !kinds[kind]
          .read(JSON.stringify({ ...start, [key]: null }))
          .some(({ message }) => message.startsWith("unknown key")),
    );
  for (const kind of ["science", "compat"] as const) {
    const { properties } = kinds[kind].validate.schema as {
      properties: Record<string, { description?: string }>;
    };
    assert.equal(Object.keys(properties).sort(), known(kind, {}).sort());
    for (const [key, { description }] of Object.entries(properties))
      assert.ok(description, `${kind}: ${key}`);
  }
});

schemas("the shipped definitions fit, comments aside", () => {
  const root = path.join(docs, "..");
  for (const kind of ["science", "compat"] as const)
    for (const name of fs.readdirSync(path.join(root, kind))) {
      const text = fs.readFileSync(path.join(root, kind, name, "sciserver-image.json"), "utf8");
      const plain: unknown = JSON.parse(text.replaceAll(/^\s*#.*$/gm, ""));
      assert.ok(kinds[kind].validate(plain), `${name}: ${ajv.errorsText(kinds[kind].validate.errors)}`);
    }
});

schemas("$schema is for editors: a definition with it reads as without it", () => {
  const plain = readScienceDefinition('{ "image": "a", "compat": "j" }', "d.json", "x");
  const text = '{ "$schema": "../../docs/science.schema.json", "image": "a", "compat": "j" }';
  const marked = readScienceDefinition(text, "d.json", "x");
  assert.equal([marked.values, marked.problems], [plain.values, []]);
  const wrong = readCompatDefinition('{\n  "$schema": 1\n}', "d.json").problems.map(describeProblem);
  assert.equal(wrong, ['d.json:2: "$schema" must be a string, not a number — write it in quotes']);
});

schemas.run();
