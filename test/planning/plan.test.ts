import * as fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { defaultConventions } from "../../src/conventions.ts";
import type { Build, Catalog } from "../../src/model.ts";
import { changedLayers } from "../../src/planning/changes.ts";
import { makePlan } from "../../src/planning/plan.ts";
import { makeCatalog } from "../support/catalog.ts";
import type { ScienceSketch } from "../support/catalog.ts";

const test = suite("plan");

const build: Build = { commit: "f90dbd6".padEnd(40, "0"), count: 42, stamp: "42-f90dbd6", dirty: false };

const plan = (catalog: Catalog, changes: Record<string, readonly string[]>, dirty = false) =>
  makePlan({
    catalog,
    changes: new Map(Object.entries(changes)),
    repo: "example.org/images",
    ref: "HEAD^",
    build: { ...build, dirty },
  });
const ids = (made: ReturnType<typeof plan>) => made.steps.map(({ id }) => id);

test("a changed layer brings in all that stand on it, each after what it needs, and a release of each final one", () => {
  const catalog = makeCatalog({
    c: { on: ["b"] },
    b: { on: ["a"] },
    a: {},
    other: {},
  });
  assert.equal(ids(plan(catalog, { "science/b": ["science/b/Dockerfile"] })), [
    "science/b",
    "science/c",
    "compat/b:1.0",
    "compat/c:1.0",
  ]);
});

test("a layer that stands on two changed ones is built once, after both", () => {
  const catalog = makeCatalog({
    a: { on: ["left", "right"] },
    left: { on: ["z"] },
    right: { on: ["z"] },
    z: {},
  });
  const made = plan(catalog, { "science/z": ["science/z/f"] });
  assert.equal(ids(made).slice(0, 4), ["science/z", "science/left", "science/right", "science/a"]);
  assert.equal(made.steps[3]?.needs, ["science/left", "science/right"]);
});

test("a chain whose two ends changed gives the lower end's dependents both their reasons", () => {
  const catalog = makeCatalog({ a: {}, b: { on: ["a"] }, c: { on: ["b"] } });
  const made = plan(catalog, { "science/a": ["science/a/f"], "science/c": ["science/c/f"] });
  assert.equal(made.steps[2]?.because, [
    { kind: "changed", paths: ["science/c/f"] },
    { kind: "base", step: "science/b" },
  ]);
});

test("only the final layer of an image and version gets a release", () => {
  const catalog = makeCatalog({
    first: { image: "tools", version: "2.4" },
    second: { image: "tools", version: "2.4", on: ["first"] },
    third: { image: "tools", version: "2.10", on: ["second"] },
  });
  const made = plan(catalog, { "science/first": ["science/first/f"] });
  assert.equal(ids(made), [
    "science/first",
    "science/second",
    "science/third",
    "compat/tools:2.4",
    "compat/tools:2.10",
  ]);
  assert.equal(
    made.steps.flatMap((step) => (step.kind === "science" ? [step.final] : [])),
    [false, true, true],
  );
});

test("a changed compat layer brings in the releases whose compat reaches it, and no science", () => {
  const catalog = makeCatalog(
    { a: { compat: "jupyter" }, b: { compat: "terminal" }, c: { compat: "plain" } },
    { common: [], jupyter: ["common"], terminal: ["common"], plain: [] },
  );
  const made = plan(catalog, { "compat/common": ["compat/common/Dockerfile"] });
  assert.equal(ids(made), ["compat/a:1.0", "compat/b:1.0"]);
  assert.equal(made.steps[0]?.because, [
    { kind: "compat", compat: "common", paths: ["compat/common/Dockerfile"] },
  ]);
  assert.equal(made.steps[0]?.needs, []);
  assert.equal(made.steps[0]?.bases, ["example.org/images/sci/a:1.0"]);
});

test("names follow the repository, the version and the stamp, and say where the working tree differs", () => {
  const catalog = makeCatalog({ "nist-basic": {} });
  const clean = plan(catalog, { "science/nist-basic": ["science/nist-basic/f"] });
  assert.equal(
    clean.steps.map(({ tags }) => tags),
    [
      {
        immutable: "example.org/images/sci/nist-basic:1.0-42-f90dbd6",
        rolling: "example.org/images/sci/nist-basic:1.0",
      },
      {
        immutable: "example.org/images/rel/nist-basic:1.0-42-f90dbd6",
        rolling: "example.org/images/rel/nist-basic:1.0",
      },
    ],
  );
  const dirty = plan(catalog, { "science/nist-basic": ["science/nist-basic/f"] }, true);
  assert.is(dirty.steps[0]?.tags.immutable, "example.org/images/sci/nist-basic:1.0-42-f90dbd6-dirty");
  assert.is(dirty.steps[0]?.tags.rolling, "example.org/images/sci/nist-basic:1.0");
});

test("what is asked for by name says so, and a release says it of its compat layer", () => {
  const catalog = makeCatalog({ a: {} });
  assert.equal(plan(catalog, { "science/a": [] }).steps[0]?.because, [{ kind: "requested" }]);
  assert.equal(plan(catalog, { "compat/base": [] }).steps[0]?.because, [{ kind: "requested" }]);
});

test("a chain of two thousand layers is planned in order", () => {
  const names = Array.from({ length: 2000 }, (_, index) => `l${String(2000 - index)}`);
  const sketches = names.map((name, index): [string, ScienceSketch] => [
    name,
    { on: index === 0 ? [] : [names[index - 1] ?? ""] },
  ]);
  const science = Object.fromEntries(sketches);
  const { compat, stacks } = makeCatalog({}, { base: [] });
  const full = makeCatalog(Object.fromEntries(Object.entries(science).map(([name]) => [name, {}])));
  const layers = new Map(
    [...full.science].map(([directory, layer]) => [
      directory,
      {
        ...layer,
        bases: (science[layer.target]?.on ?? []).map((on) => ({
          start: 0,
          end: 0,
          line: 1,
          reference: on,
          layer: `science/${on}`,
          final: true,
        })),
      },
    ]),
  );
  const made = plan(
    { science: layers, compat, stacks, finals: new Set(), conventions: defaultConventions, warnings: [] },
    { "science/l2000": ["science/l2000/f"] },
  );
  assert.equal(
    ids(made),
    names.map((name) => `science/${name}`),
  );
});

test("what is retired gets no step, and what something live stands on is built all the same", () => {
  const catalog = makeCatalog({
    old: { retired: true },
    below: { image: "gone" },
    gone: { on: ["below"], retired: true },
    base: { image: "x", retired: true },
    live: { image: "x", version: "2.0", on: ["base"] },
  });
  const everything = Object.fromEntries([...catalog.science.keys()].map((directory) => [directory, []]));
  assert.equal(ids(plan(catalog, { ...everything, "compat/base": [] })), [
    "science/base",
    "science/live",
    "compat/x:2.0",
  ]);
});

test("changed paths go to the layer they are below, whatever lies deeper or beside it", () => {
  const catalog = makeCatalog({ "astro/deep": {}, astronomy: {} });
  const changes = changedLayers(
    catalog,
    [
      "science/astronomy/z",
      "science/astro/deep/x/y",
      "science/astro/README.md",
      "science/astronomy/a",
      "README.md",
    ],
    () => true,
  );
  assert.equal(
    [...changes],
    [
      ["science/astro/deep", ["science/astro/deep/x/y"]],
      ["science/astronomy", ["science/astronomy/a", "science/astronomy/z"]],
    ],
  );
});

test("a path that cannot change the image changes nothing, and a layer that is a submodule is its own path", () => {
  const catalog = makeCatalog({ a: {}, b: {} });
  const changes = changedLayers(
    catalog,
    ["science/a/notes.md", "science/b"],
    (_, path) => path !== "notes.md",
  );
  assert.equal([...changes], [["science/b", ["science/b"]]]);
});

test("for any catalog and any change: exactly what changed and what can be reached from it, each once and in order", () => {
  const world = fc.integer({ min: 1, max: 12 }).chain((count) =>
    fc.record({
      // Layer n may stand on any of those before it, so there is no cycle; names are shuffled so that they tell nothing.
      on: fc.tuple(
        ...Array.from({ length: count }, (_, n) => fc.subarray(Array.from({ length: n }, (_each, m) => m))),
      ),
      names: fc.shuffledSubarray(
        Array.from({ length: count }, (_, n) => `n${String(n)}`),
        { minLength: count },
      ),
      compat: fc.array(fc.constantFrom("common", "jupyter", "terminal"), {
        minLength: count,
        maxLength: count,
      }),
      changed: fc.subarray(Array.from({ length: count }, (_, n) => n)),
      changedCompat: fc.subarray(["common", "jupyter", "terminal"]),
    }),
  );
  fc.assert(
    fc.property(world, ({ on, names, compat, changed, changedCompat }) => {
      const name = (n: number) => names[n] ?? "";
      const catalog = makeCatalog(
        Object.fromEntries(
          names.map((own, n) => [own, { compat: compat[n] ?? "", on: (on[n] ?? []).map(name) }]),
        ),
        { common: [], jupyter: ["common"], terminal: ["common"] },
      );
      const made = plan(
        catalog,
        Object.fromEntries([
          ...changed.map((n) => [`science/${name(n)}`, [`science/${name(n)}/f`]] as const),
          ...changedCompat.map((layer) => [`compat/${layer}`, [`compat/${layer}/f`]] as const),
        ]),
      );
      // The same in the other direction: a layer is built if it or anything it stands on changed.
      const built = (n: number): boolean => changed.includes(n) || (on[n] ?? []).some(built);
      const released = (n: number): boolean =>
        built(n) || changedCompat.some((layer) => layer === compat[n] || layer === "common");
      const all = names.map((_, n) => n);
      assert.equal(
        ids(made).toSorted(),
        [
          ...all.filter(built).map((n) => `science/${name(n)}`),
          ...all.filter(released).map((n) => `compat/${name(n)}:1.0`),
        ].toSorted(),
      );
      const seen = new Set<string>();
      for (const step of made.steps) {
        for (const need of step.needs) assert.ok(seen.has(need), `${step.id} comes before ${need}`);
        seen.add(step.id);
      }
    }),
    { numRuns: 500 },
  );
});

test.run();
