import * as fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { LayerDetails } from "../../src/layer-details.ts";
import { layerGraph } from "../../src/planning/layer-graph.ts";
import { makePlan } from "../../src/planning/plan.ts";
import { printable } from "../../src/problem.ts";
import { drawLayers } from "../../src/report/drawing.ts";
import { planDot } from "../../src/report/plan-dot.ts";
import { planMarkdown } from "../../src/report/plan-markdown.ts";
import { planMermaid } from "../../src/report/plan-mermaid.ts";
import { planPage } from "../../src/report/plan-page.ts";
import { planSvg } from "../../src/report/plan-svg.ts";
import { planTree } from "../../src/report/plan-tree.ts";
import { makeCatalog } from "../support/catalog.ts";

const test = suite("characters that nobody sees");

/** Turns of the direction of writing, characters of no width, fillers, tags, a byte order mark, an escape and a bell. */
const hidden = "\u202E\u2066\u200B\u200D\u2060\u00AD\u3164\u{E0041}\uFEFF\u001B\u0007\u0085";
const seen = new RegExp(`[${hidden}]`, "u");
const entity = new RegExp(
  Array.from(hidden, (each) => `&?#(?:${each.codePointAt(0)}|x${each.codePointAt(0)?.toString(16)});`).join(
    "|",
  ),
  "i",
);

test("are shown as what they are in every form, and no entity brings them back", async () => {
  const name = `a${hidden}b`;
  const catalog = makeCatalog({ [name]: { image: "a" }, c: { on: [name] } });
  const build = { commit: "f90dbd6".padEnd(40, "0"), count: 42, stamp: "42-f90dbd6", dirty: false };
  const changes = new Map([[`science/${name}`, [`science/${name}/${name}.txt`]]]);
  const plan = makePlan({ catalog, changes, reasons: new Map(), repo: "example.org/x", ref: name, build });
  const nodes = layerGraph(catalog, plan);
  const drawing = drawLayers(nodes, catalog);
  const details: LayerDetails = {
    layers: new Map([
      [
        `science/${name}`,
        {
          definitions: [{ path: `science/${name}/x`, text: `{ // ${hidden}\n}` }],
          dockerfile: `FROM x\nRUN ${hidden}`,
          files: { listed: [{ path: name, from: `science/${name}`, size: 1, over: [] }], more: 0 },
        },
      ],
    ]),
    stacks: new Map(),
    published: undefined,
  };
  const forms = {
    tree: planTree(nodes, plan),
    markdown: planMarkdown(nodes, plan),
    mermaid: planMermaid(nodes),
    dot: planDot(drawing),
    svg: await planSvg(drawing, { title: "Plan", standalone: true }),
    page: await planPage({ nodes, catalog, plan, title: "Plan", details }),
  };
  for (const [form, text] of Object.entries(forms)) {
    assert.not.match(text, seen, form);
    assert.not.match(text, entity, form);
    assert.match(text, /\uFFFD|#65533;/, form);
  }
});

test("stay where they make an emoji, and whatever is seen stays", () => {
  for (const text of ["👩‍🚀 ❤️ 👍🏽", "Größe λ 数据 é", "a b"]) assert.is(printable(text), text);
  assert.is(printable("a\u200Db"), "a\uFFFDb");
});

test("are none after printable, whatever the text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      assert.not.match(printable(text), /[\p{Cc}\p{Bidi_Control}\u2028\u2029\u200B\u2060\uFEFF]/u);
    }),
  );
});

test.run();
