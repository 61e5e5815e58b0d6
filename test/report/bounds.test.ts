import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { LayerNode } from "../../src/layer-node.ts";
import { layerGraph } from "../../src/planning/layer-graph.ts";
import { makePlan } from "../../src/planning/plan.ts";
import { boundNodes } from "../../src/report/bounded.ts";
import { drawLayers } from "../../src/report/drawing.ts";
import { markdownSummary } from "../../src/report/github.ts";
import { planDot } from "../../src/report/plan-dot.ts";
import { planMarkdown } from "../../src/report/plan-markdown.ts";
import { planMermaid } from "../../src/report/plan-mermaid.ts";
import { planSvg } from "../../src/report/plan-svg.ts";
import { planTree } from "../../src/report/plan-tree.ts";
import { why } from "../../src/report/plan.ts";
import { recordRun } from "../../src/report/run-report.ts";
import { whyText } from "../../src/report/why.ts";
import type { Catalog, Plan } from "../../src/model.ts";

const test = suite("forms of very large catalogs");

const build = { commit: "f90dbd6".padEnd(40, "0"), count: 42, stamp: "42-f90dbd6", dirty: false };

/** So many science layers, each on the one before or all on the first, with the plan for a change of the first. */
function large(
  count: number,
  on: (index: number) => number,
): { catalog: Catalog; plan: Plan; nodes: readonly LayerNode[] } {
  const directory = (index: number) => `science/l-${index}`;
  const science = Array.from({ length: count }, (_, index) => ({
    directory: directory(index),
    image: `l-${index}`,
    version: "1.0",
    target: `l-${index}`,
    compat: "base",
    retired: false,
    dockerfile: "",
    bases:
      index === 0
        ? [{ start: 0, end: 0, line: 1, reference: "debian:12", layer: undefined, final: true }]
        : [
            {
              start: 0,
              end: 0,
              line: 1,
              reference: `sci/l-${on(index)}:1.0`,
              layer: directory(on(index)),
              final: true,
            },
          ],
  }));
  const catalog: Catalog = {
    science: new Map(science.map((layer) => [layer.directory, layer])),
    compat: new Map([["base", { name: "base", directory: "compat/base", includes: [], fragment: "" }]]),
    stacks: new Map([["base", ["base"]]]),
    finals: new Set(science.map((layer) => layer.directory)),
    warnings: [],
    conventions: { labelNamespace: "org.sciserver", environmentVariable: "SCISERVER_IMAGE", ignoreFiles: [] },
  };
  const changes = new Map([[directory(0), ["Dockerfile"]]]);
  const plan = makePlan({ catalog, changes, reasons: new Map(), repo: "example.org/x", ref: "HEAD^", build });
  return { catalog, plan, nodes: layerGraph(catalog, plan) };
}

const wide = large(5000, () => 0);
const deep = large(2000, (index) => index - 1);

test("5,000 layers on one base are drawn in seconds in every form, with how many are left out", async () => {
  const nodes = boundNodes(wide.nodes);
  assert.ok(nodes.length < 100);
  const drawing = drawLayers(nodes, wide.catalog);
  const started = performance.now();
  const svg = await planSvg(drawing, { title: "Plan", standalone: true });
  assert.ok(performance.now() - started < 10_000);
  const tree = planTree(nodes, wide.plan);
  // The base, its release and 19 others; each of the layers left out has a release.
  for (const text of [tree, svg, planDot(drawing)]) assert.match(text, "… and 9,960 more");
  assert.match(planMermaid(nodes), "more on science/l-0".replaceAll(" ", "#32;"));
  assert.match(tree, "5000 science builds and 5000 compat builds");
});

test("a chain of 2,000 layers is a text that a person can scroll through, and goes on where it is too deep", () => {
  const tree = planTree(boundNodes(deep.nodes), deep.plan);
  assert.ok(tree.length < 400_000, String(tree.length));
  const lines = tree.split("\n");
  assert.ok(lines.every((line) => line.length < 150));
  assert.match(tree, "└─ … goes on below\n");
  assert.match(tree, "\n… science/l-15\n");
  assert.match(tree, "… and 2,501 more");
});

test("up to 1,500 nodes all are shown, and of more the built ones as well as others", () => {
  const some = large(749, () => 0);
  assert.is(boundNodes(some.nodes), some.nodes);
  const built = new Set(["science/l-4000", "compat/l-4000:1.0"]);
  const nodes = wide.nodes.map((node) => (built.has(node.id) ? node : { ...node, step: undefined }));
  const shown = new Set(boundNodes(nodes).map(({ id }) => id));
  for (const id of built) assert.ok(shown.has(id), id);
});

test("each node that is shown comes after what it stands on, which is shown too", () => {
  for (const { nodes } of [wide, deep, large(3000, (index) => Math.floor(index / 7))]) {
    const before = new Set<string>();
    for (const { id, on } of boundNodes(nodes)) {
      for (const base of on) assert.ok(before.has(base), `${id} on ${base}`);
      assert.not.ok(before.has(id));
      before.add(id);
    }
  }
});

test("a comment, and the summary of a job, stay within what GitHub takes", () => {
  for (const { nodes, plan } of [wide, deep]) {
    assert.ok(planMarkdown(boundNodes(nodes), plan).length <= 65_536);
    const record = recordRun({ repo: plan.repo, push: false });
    record.plan(plan, []);
    const last = plan.steps.at(-1);
    if (last === undefined) throw new Error("nothing planned");
    record.follow({
      kind: "ended",
      result: { kind: "failed", step: last, problems: [], seconds: 1, tail: [] },
    });
    const text = markdownSummary(record.report({ result: "failed", exitCode: 1, problems: [] }));
    assert.ok(Buffer.byteLength(text) <= 1024 * 1024);
    assert.match(text, `| \`${last.id}\` | **failed** |`);
  }
  const { plan } = large(20_000, () => 0);
  const record = recordRun({ repo: plan.repo, push: false });
  record.plan(plan, []);
  const text = markdownSummary(record.report({ result: "planned", exitCode: 0, problems: [] }));
  assert.ok(Buffer.byteLength(text) <= 1024 * 1024);
  assert.match(text, "\n\n… and 39800 more steps.\n");
});

test("a long chain of causes is shown by its beginning and its end", () => {
  const chain = Array.from({ length: 2000 }, (_, index) => ({ id: `science/l-${index}`, by: null }));
  const causes = Array.from({ length: 2000 }, () => ({
    reason: { kind: "requested" as const },
    files: [],
    chain,
  }));
  const text = whyText({
    formatVersion: 1,
    id: "compat/x:1.0",
    ref: null,
    builds: "x",
    causes,
    obstacles: [],
    layers: [],
    lastChange: null,
  });
  assert.ok(text.length < 50_000, String(text.length));
  for (const shown of ["science/l-0\n", "… 1980 more\n", "science/l-1999\n", "\nand 1980 more causes\n"])
    assert.match(text, shown);
});

test("of many reasons the first are said", () => {
  const because = Array.from({ length: 100 }, (_, index) => ({
    kind: "base" as const,
    step: `science/l-${index}`,
  }));
  const text = why({ because });
  assert.ok(text.startsWith("its base science/l-0 is rebuilt; "));
  assert.ok(text.endsWith("; and 95 more"));
});

test.run();
