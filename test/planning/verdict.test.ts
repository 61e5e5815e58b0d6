import * as fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { judgeStale } from "../../src/planning/stale.ts";
import { assess } from "../../src/planning/status.ts";
import type { Finding } from "../../src/planning/status.ts";
import { inputsIn } from "../../src/planning/trail.ts";
import { isByTrail, judgeByTrail } from "../../src/planning/verdict.ts";
import type { Sample, Since } from "../../src/planning/verdict.ts";
import { makeCatalog } from "../support/catalog.ts";

const test = suite("a verdict");

const catalog = makeCatalog({ low: {}, high: { on: ["low"] } }, { base: ["common"], common: [] });
const [low, high] = ["science/low", "science/high"].map((directory) => catalog.science.get(directory));
if (low === undefined || high === undefined) throw new Error("no layers");

const labels = {
  "org.sciserver.science.low.version": "1.0-1-aaaaaaa1",
  "org.sciserver.science.low.buildtime": "1639071168.7262735",
  "org.sciserver.science.high.version": "1.0-2-bbbbbbb1",
  "org.sciserver.science.high.buildtime": "1639077081.9336998",
  "org.sciserver.compat.version": "high:1.0-3-ccccccc1",
  "org.sciserver.compat.buildtime": "1639077082.170079",
};
const release: Sample = { kind: "release", layer: high, labels };

/** What has happened since a commit, as the paths that differ, by directory. */
function sinceOf(differing: Readonly<Record<string, readonly string[]>> = {}): Since {
  return { touches: new Map(), differing: new Map(Object.entries(differing)), leadsHere: true };
}
const unchanged = { aaaaaaa1: sinceOf(), bbbbbbb1: sinceOf(), ccccccc1: sinceOf() };
const published: Finding = {
  ...release,
  reference: "r/rel/high:1.0",
  retired: false,
  published: { digest: "sha256:0", stamp: null, commit: null, date: null, unreadable: null },
  verdict: { kind: "same" },
  held: false,
  replaced: false,
};
const judge = (sinces: Readonly<Record<string, Since>>, sample = release) =>
  judgeByTrail(sample, catalog, new Map(Object.entries(sinces)));

test("by the trail compares each layer with the commit that it was built from", () => {
  assert.equal(judge(unchanged), { kind: "same" });
  const touched = (directory: string, file = "x") => sinceOf({ [directory]: [`${directory}/${file}`] });
  assert.equal(judge({ ...unchanged, ccccccc1: touched("science/low") }), { kind: "same" });
  assert.equal(judge({ ...unchanged, aaaaaaa1: touched("science/high") }), { kind: "same" });
  assert.equal(judge({ ...unchanged, aaaaaaa1: touched("science/low") }), { kind: "differs", in: "base" });
  assert.equal(judge({ ...unchanged, ccccccc1: touched("compat/common") }), {
    kind: "differs",
    in: "compat",
  });
  const science = { ...release, kind: "science" } as const;
  assert.equal(judge({ ...unchanged, bbbbbbb1: touched("science/high") }, science), {
    kind: "differs",
    in: "files",
  });
  const definition = "sciserver-image.json";
  assert.equal(judge({ ...unchanged, bbbbbbb1: touched("science/high", definition) }, science), {
    kind: "same",
  });
  assert.equal(judge({ ...unchanged, ccccccc1: touched("science/high", definition) }), {
    kind: "differs",
    in: "compat",
  });
});

test("by the trail is unknown without a commit, unless something is known to differ", () => {
  const { aaaaaaa1, ccccccc1 } = unchanged;
  assert.equal(judge({ aaaaaaa1, ccccccc1 }), { kind: "unknown", commit: "bbbbbbb1" });
  const changed = sinceOf({ "compat/base": ["compat/base/Dockerfile"] });
  assert.equal(judge({ ccccccc1: changed }), { kind: "differs", in: "compat" });
});

test("goes by the trail only where the image is what its tag says, and no inputs are its own", () => {
  assert.ok(isByTrail(release, catalog));
  assert.not(isByTrail({ kind: "science", layer: low, labels: {} }, catalog));
  assert.not(isByTrail({ ...release, layer: { ...high, version: "1.1" } }, catalog));
  const inputs = {
    ...labels,
    "org.sciserver.build.inputs": "sha256:1",
    "org.sciserver.build.files": "sha256:2",
  };
  const created = (seconds: number) => ({
    ...inputs,
    "org.opencontainers.image.created": new Date(seconds * 1000).toISOString(),
  });
  assert.equal(inputsIn(created(1639077082.170079)), { digest: "sha256:1", files: "sha256:2" });
  assert.not(isByTrail({ ...release, labels: created(1639077082.170079) }, catalog));
  // Those of the science image, which the release of the original tool inherits.
  assert.is(inputsIn(created(1639077081.9336998)), undefined);
  assert.ok(isByTrail({ ...release, labels: created(1639077081.9336998) }, catalog));
});

test("tells how far an image is behind in the layers that differ, and in no others", () => {
  const sinces = new Map(
    Object.entries({ ...unchanged, ccccccc1: sinceOf({ "compat/base": ["compat/base/motd"] }) }).map(
      ([commit, since]) => [
        commit,
        // The definition of low was edited, and high changed and changed back.
        {
          ...since,
          touches: new Map([low, high].map(({ directory }) => [directory, 2])).set("compat/base", 1),
        },
      ],
    ),
  );
  const [image] = assess(
    [{ ...published, verdict: { kind: "differs", in: "compat" } }],
    catalog,
    sinces,
    new Set(),
  );
  assert.equal(
    image?.behind.map(({ directory, commits }) => [directory, commits]),
    [["compat/base", 1]],
  );
});

test("is the same for status and --stale", () => {
  const answers = (changes: Partial<Finding>) => {
    const findings = [{ ...published, ...changes }];
    const { reasons, held, unknown } = judgeStale(findings, catalog);
    const [image] = assess(findings, catalog, new Map(), new Set());
    return [image?.state, image?.differs, [...reasons.values()], held.length + unknown.size];
  };
  const stale = (differs: string) => [{ kind: "stale", differs: [differs] }];
  const differs = { kind: "differs", in: "base" } as const;
  const unknown = { kind: "unknown", commit: "ccccccc1" } as const;
  assert.equal(answers({}), ["current", [], [], 0]);
  assert.equal(answers({ verdict: differs }), ["behind", ["base"], stale("base"), 0]);
  assert.equal(answers({ verdict: unknown }), ["unknown", [], [], 1]);
  assert.equal(answers({ replaced: true }), ["replaced", ["image"], stale("image"), 0]);
  assert.equal(answers({ replaced: true, verdict: unknown }), ["replaced", ["image"], stale("image"), 0]);
  assert.equal(answers({ held: true, verdict: differs }), ["rolled-back", ["base"], [], 1]);
  assert.equal(answers({ retired: true, verdict: null }), ["retired", [], [], 0]);
  assert.equal(answers({ published: null, verdict: null }), [
    "unpublished",
    [],
    [{ kind: "unpublished" }],
    0,
  ]);
});

/** What the registry may have of one image. */
const found = fc.record({
  verdict: fc.constantFrom<Finding["verdict"][]>(
    { kind: "same" },
    { kind: "differs", in: "base" },
    { kind: "differs", in: "files" },
    { kind: "unknown", commit: "ccccccc1" },
  ),
  retired: fc.boolean(),
  held: fc.boolean(),
  replaced: fc.boolean(),
  isPublished: fc.boolean(),
});

test("is the same for status and --stale whatever the layers are built on", () =>
  fc.assert(
    fc.property(fc.tuple(found, found, found), (all) => {
      const samples = [
        { kind: "science", layer: low, reference: "r/sci/low:1.0" },
        { kind: "science", layer: high, reference: "r/sci/high:1.0" },
        { kind: "release", layer: high, reference: "r/rel/high:1.0" },
      ] as const;
      const findings = all.map(({ isPublished, ...rest }, index): Finding => {
        const sample = samples[index] ?? samples[0];
        const absent = { verdict: null, published: null, held: false, replaced: false };
        return { ...published, ...sample, ...rest, ...(isPublished && !rest.retired ? {} : absent) };
      });
      const { reasons } = judgeStale(findings, catalog);
      for (const { id, state, differs } of assess(findings, catalog, new Map(), new Set())) {
        const isBuilt = ["unpublished", "behind", "diverged", "replaced"].includes(state);
        const reason = reasons.get(id);
        assert.is(reason !== undefined, isBuilt, `${id} ${state}`);
        if (reason?.kind === "stale") assert.equal(reason.differs, differs);
      }
    }),
    { numRuns: 2000 },
  ));

test.run();
