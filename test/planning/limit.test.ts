import * as fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { limitPlan, makePlan, releaseId } from "../../src/planning/plan.ts";
import { limitStatus } from "../../src/planning/status.ts";
import type { ImageStatus, Orphan } from "../../src/status.ts";
import { makeCatalog } from "../support/catalog.ts";

const test = suite("limits");

const catalog = makeCatalog({
  a: {},
  b: { on: ["a"] },
  c: { on: ["b"], image: "b", version: "2.0" },
  other: {},
});
const planOf = (...changed: string[]) =>
  makePlan({
    catalog,
    changes: new Map(changed.map((directory) => [directory, []])),
    repo: "example.org/images",
    ref: null,
    build: { commit: "f90dbd6".padEnd(40, "0"), count: 42, stamp: "42-f90dbd6", dirty: false },
  });
const everything = planOf(...catalog.science.keys());

test("a plan that is limited to an image has its step and those that it needs, in their order", () => {
  const { steps, images } = limitPlan(everything, ["compat/b:1.0"], ["b:1.0"]);
  assert.equal(
    steps.map(({ id }) => id),
    ["science/a", "science/b", "compat/b:1.0"],
  );
  assert.equal(images, ["b:1.0"]);
});

test("a limit never adds a step: what nothing changed in is not built by naming it", () => {
  assert.equal(limitPlan(planOf("science/other"), ["compat/b:1.0"], ["b:1.0"]).steps, []);
  const { steps } = limitPlan(planOf("science/c"), ["compat/b:2.0"], ["b:2.0"]);
  assert.equal(
    steps.map(({ id }) => id),
    ["science/c", "compat/b:2.0"],
  );
});

test("whatever it is limited to, each step of a plan comes after all that it needs, as it was", () => {
  const ids = everything.steps.map(({ id }) => id);
  fc.assert(
    fc.property(fc.subarray(ids), (chosen) => {
      const { steps } = limitPlan(everything, chosen, chosen);
      const seen = new Set<string>();
      for (const step of steps) {
        assert.ok(step.needs.every((need) => seen.has(need)));
        assert.ok(everything.steps.includes(step));
        seen.add(step.id);
      }
      assert.ok(chosen.every((id) => seen.has(id)));
    }),
  );
});

test("a status that is limited to an image has the layers below it, and other versions that the registry has of it", () => {
  const imageOf = (id: string): ImageStatus => ({
    id,
    kind: "science",
    image: "",
    version: "",
    reference: "",
    state: "current",
    heldBy: null,
    differs: [],
    published: null,
    behind: [],
  });
  const orphanOf = (image: string): Orphan => ({
    image,
    version: "0.9",
    reference: "",
    published: null,
    definition: null,
    commit: null,
    retired: false,
    branch: null,
  });
  const layers = [...catalog.science.values()];
  const status = {
    formatVersion: 1 as const,
    repo: "example.org/images",
    commit: "",
    images: [...layers.map(releaseId), ...catalog.science.keys()].map(imageOf),
    orphans: [orphanOf("b"), orphanOf("other")],
  };
  const limited = (kind: "science" | "release", directory: string) => {
    const named = layers.filter((layer) => layer.directory === directory).map((layer) => ({ kind, layer }));
    const { images, orphans } = limitStatus(status, named, catalog);
    return [images.map(({ id }) => id), orphans.map(({ image }) => image)];
  };
  assert.equal(limited("release", "science/b"), [["compat/b:1.0", "science/a", "science/b"], ["b"]]);
  assert.equal(limited("science", "science/b"), [["science/a", "science/b"], []]);
});

test.run();
