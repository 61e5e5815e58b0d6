import { fileURLToPath } from "node:url";
import { micromark } from "micromark";
import { gfm, gfmHtml } from "micromark-extension-gfm";
import { chromium } from "playwright-core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { LayerNode } from "../../src/layer-node.ts";
import type { Plan } from "../../src/model.ts";
import type { Changes } from "../../src/planning/changes.ts";
import { layerGraph, plannedNodes } from "../../src/planning/layer-graph.ts";
import { makePlan } from "../../src/planning/plan.ts";
import { planMarkdown } from "../../src/report/plan-markdown.ts";
import { planMermaid } from "../../src/report/plan-mermaid.ts";
import { planTree } from "../../src/report/plan-tree.ts";
import { makeCatalog } from "../support/catalog.ts";
import type { ScienceSketch } from "../support/catalog.ts";

const test = suite("the forms of a plan");

const nist: Readonly<Record<string, ScienceSketch>> = {
  "nist-basic": {},
  "nist-basic-2": { image: "nist-basic", version: "2.0", on: ["nist-basic"] },
  tools: { on: ["nist-basic-2", "compiler"] },
  compiler: {},
};

function planned(
  science: Readonly<Record<string, ScienceSketch>>,
  changes: Changes,
  { dirty = false, ref = "HEAD^" } = {},
): { readonly plan: Plan; readonly all: readonly LayerNode[]; readonly nodes: readonly LayerNode[] } {
  const catalog = makeCatalog(science);
  const build = { commit: "f90dbd6".padEnd(40, "0"), count: 42, stamp: "42-f90dbd6", dirty };
  const plan = makePlan({ catalog, changes, repo: "localhost:5000/x", ref, build });
  const all = layerGraph(catalog, plan);
  return { plan, all, nodes: plannedNodes(all) };
}

const changed = (name: string, ...paths: string[]): Changes =>
  new Map([[`science/${name}`, paths.map((path) => `science/${name}/${path}`)]]);

/** As GitHub makes HTML of it. */
const html = (markdown: string) =>
  micromark(markdown, {
    extensions: [gfm()],
    htmlExtensions: [gfmHtml()],
    allowDangerousHtml: true,
  });

test("the tree leads from the base to the releases, marks what is built and says why", () => {
  const { plan, nodes } = planned(nist, changed("nist-basic-2", "Dockerfile", "data/one.csv"));
  assert.is(
    planTree(nodes, plan),
    `science/compiler
science/nist-basic
└─ * science/nist-basic-2
   │   science/nist-basic-2/Dockerfile, science/nist-basic-2/data/one.csv
   │   changed
   ├─ * science/tools (takes from science/compiler)
   │  │   its base science/nist-basic-2 is rebuilt
   │  └─ * compat/tools:1.0 — its base science/tools is rebuilt
   └─ * compat/nist-basic:2.0 — its base science/nist-basic-2 is rebuilt

* to build: 2 science builds and 2 compat builds for 42-f90dbd6, changes since
HEAD^
Tags: VERSION-42-f90dbd6 and VERSION, in localhost:5000/x
`,
  );
});

test("the tree of all layers has those that stay as they are, without a mark", () => {
  const { plan, all } = planned(nist, changed("tools", "Dockerfile"));
  const lines = planTree(all, plan).split("\n");
  assert.ok(
    lines.includes("│  └─ compat/nist-basic:2.0") || lines.includes("   └─ compat/nist-basic:2.0"),
    lines.join("\n"),
  );
  assert.ok(lines.includes("└─ compat/compiler:1.0"));
  assert.is(lines.filter((line) => line.includes("* ")).length, 3);
});

test("no line of the tree is longer than 80 columns where names let it, and a chain of 2,000 layers is drawn", () => {
  const paths = Array.from({ length: 40 }, (_, n) => `data/${"measurement-".repeat(3)}${n}.csv`);
  const { plan, nodes } = planned(nist, changed("nist-basic", ...paths));
  for (const line of planTree(nodes, plan).split("\n")) assert.ok(line.length <= 80, line);
  assert.match(planTree(nodes, plan), /and 37\s+(?:│\s+)*more/);
  const chain = Array.from({ length: 2000 }, (_, n): LayerNode => {
    return {
      id: `l${n}`,
      kind: "science",
      on: n === 0 ? [] : [`l${n - 1}`],
      rolling: undefined,
      step: undefined,
    };
  });
  const drawn = planTree(chain, plan).split("\n");
  assert.is(drawn.filter((line) => /l\d+$/.test(line) && !line.startsWith("…")).length, 2000);
});

test("the tree uses the width that it is given", () => {
  const { plan, nodes } = planned(nist, changed("nist-basic", "a".repeat(60), "b".repeat(60)));
  const tree = planTree(nodes, plan, 200);
  assert.ok(
    tree
      .split("\n")
      .some((line) => line.includes(" — science/nist-basic/aaa") && line.includes("bbb changed")),
    tree,
  );
});

test("a range, and a single build, read as a sentence", () => {
  const { plan, nodes } = planned(nist, changed("tools", "Dockerfile"));
  const range = planTree(nodes, { ...plan, ref: "v1..v2" });
  assert.match(range, "* to build: 1 science build and 1 compat build for 42-f90dbd6, changes in v1..v2\n");
});

test("a dirty plan and an empty one are said so in every form for people", () => {
  const dirty = planned(nist, changed("tools", "Dockerfile"), { dirty: true });
  const uncommitted = ["a", "b", "c", "d"].map((name) => ({ path: name, how: "ignored" as const }));
  const plan = { ...dirty.plan, uncommitted };
  const tree = planTree(dirty.nodes, plan, 200);
  assert.match(
    tree,
    "Uncommitted files go into these images: a (ignored by git), b (ignored by git), c (ignored by git) and 1 more\n",
  );
  assert.match(tree, /^Tags: VERSION-42-f90dbd6-dirty only, in .*; rolling tags stay$/m);
  const markdown = planMarkdown(dirty.nodes, plan);
  assert.match(markdown, "Uncommitted files go into these images: `a` (ignored by git), ");
  assert.match(markdown, "| `rel/tools:1.0-42-f90dbd6-dirty` |");
  const empty = planned(nist, new Map());
  assert.is(planTree(empty.nodes, empty.plan), "Nothing to build: no layer changed since HEAD^.\n");
  assert.is(
    planMarkdown(empty.nodes, empty.plan),
    "### image-builder\n\nNothing to build: no layer changed since `HEAD^`.\n",
  );
});

test("the Markdown has the totals, the releases with their tags, the science layers with reasons, and the graph", () => {
  const { plan, nodes } = planned(nist, changed("nist-basic-2", "Dockerfile"));
  assert.is(
    planMarkdown(nodes, plan),
    `### image-builder: 2 science builds and 2 compat builds for \`42-f90dbd6\`, changes since \`HEAD^\`

Images in \`localhost:5000/x\`.

| release | tags | because |
| --- | --- | --- |
| \`compat/nist-basic:2.0\` | \`rel/nist-basic:2.0-42-f90dbd6\`<br>\`rel/nist-basic:2.0\` | its base \`science/nist-basic-2\` is rebuilt |
| \`compat/tools:1.0\` | \`rel/tools:1.0-42-f90dbd6\`<br>\`rel/tools:1.0\` | its base \`science/tools\` is rebuilt |

| science layer | tags | because |
| --- | --- | --- |
| \`science/nist-basic-2\` | \`sci/nist-basic-2:2.0-42-f90dbd6\`<br>\`sci/nist-basic-2:2.0\` | \`science/nist-basic-2/Dockerfile\` changed |
| \`science/tools\` | \`sci/tools:1.0-42-f90dbd6\`<br>\`sci/tools:1.0\` | its base \`science/nist-basic-2\` is rebuilt |

<details><summary>Graph</summary>

\`\`\`mermaid
${planMermaid(nodes)}\`\`\`

</details>
`,
  );
});

/** Names that would do something to a page, a table or a chart. */
const hostile = [
  "a|b",
  "back`tick",
  "two``ticks|",
  "slash\\|pipe\\",
  "<img src=x onerror=alert(1)>",
  "@everyone",
  "</code></details><script>alert(1)</script>",
  "*bold* _under_ [link](https://example.org)",
  "line\nbreak",
  'quote" --> n0["x',
  "#35;%% end",
  "&lt;&amp;",
  "\u{1F600}",
];

test("names that hold what Markdown, HTML or a mention are made of are shown as they are, and each row keeps its three cells", () => {
  const { plan, nodes } = planned(nist, changed("tools", ...hostile.slice(0, 3)), { ref: "a|`b<i>@c" });
  const rest = planned(nist, changed("tools", ...hostile.slice(3, 6)));
  const more = [3, 6, 9].map((from) => planned(nist, changed("tools", ...hostile.slice(from, from + 3))));
  for (const each of [{ plan, nodes }, rest, ...more]) {
    const page = html(planMarkdown(each.nodes, each.plan));
    assert.not.match(page, /<img|<script|<em>|<strong>|<a /);
    for (const row of page.match(/<tr>[^]*?<\/tr>/g) ?? []) assert.is(row.match(/<t[dh]>/g)?.length, 3, row);
    const shown = page
      .replaceAll(/<[^>]*>/g, "")
      .replaceAll("&lt;", "<")
      .replaceAll("&gt;", ">")
      .replaceAll("&quot;", '"')
      .replaceAll("&amp;", "&");
    for (const reason of each.plan.steps[0]?.because ?? [])
      if (reason.kind === "changed")
        for (const path of reason.paths)
          assert.ok(shown.includes(path.replace("\n", "\u{FFFD}")), `${path}\n${shown}`);
    // Mentions are looked for outside of code only.
    assert.not.match(page.replaceAll(/<code[^>]*>[^]*?<\/code>/g, ""), "@");
  }
});

test("the Markdown of a huge plan fits into a comment of GitHub, and says what was left out", () => {
  const science = Object.fromEntries(
    Array.from({ length: 500 }, (_, n): [string, ScienceSketch] => [`layer-${n}`, {}]),
  );
  const { plan, nodes } = planned(
    science,
    new Map(Object.keys(science).map((name) => [`science/${name}`, []])),
  );
  const markdown = planMarkdown(nodes, plan);
  assert.ok(markdown.length <= 65_536, String(markdown.length));
  assert.ok(markdown.length > 60_000, String(markdown.length));
  assert.match(markdown, /^### image-builder: 500 science builds and 500 compat builds for `42-f90dbd6`/);
  const rows = (what: string) => markdown.match(new RegExp(`^\\| \`${what}/`, "gm"))?.length ?? 0;
  assert.is(rows("compat"), 500);
  const left =
    /^(\d+) of 500 science layers are left out, as a comment has no room for them: `image-builder plan` has them all\.$/m.exec(
      markdown,
    );
  assert.is(rows("science") + Number(left?.[1]), 500);
  assert.match(
    markdown,
    /^The graph is left out, it is too large: `image-builder plan --format mermaid` has it\.\n$/m,
  );
  assert.not.match(markdown, "```");
});

test("Mermaid itself draws the chart, with every name as it is", async () => {
  const names = [...hostile.filter((name) => !name.includes("\n")), "1. list", "end", "science/plain"];
  const nodes = names.map((id, n): LayerNode => {
    const kind = (["foreign", "science", "release"] as const)[n % 3] ?? "science";
    return {
      id,
      kind,
      on: n < 2 ? [] : [names[n - 1] ?? "", names[0] ?? ""],
      rolling: undefined,
      step: undefined,
    };
  });
  const { plan, nodes: built } = planned(nist, changed("nist-basic", "Dockerfile"));
  const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
  try {
    const page = await browser.newPage();
    await page.setContent("<!doctype html><body></body>");
    await page.addScriptTag({ path: fileURLToPath(import.meta.resolve("mermaid/dist/mermaid.min.js")) });
    const draw = (chart: string): Promise<{ labels: string[]; edges: number; built: number }> =>
      page.evaluate(`(async () => {
        document.body.innerHTML = (await mermaid.render("chart", ${JSON.stringify(chart)})).svg;
        return {
          labels: [...document.querySelectorAll(".nodeLabel")].map((label) => label.textContent),
          edges: document.querySelectorAll("path.flowchart-link").length,
          built: document.querySelectorAll("g.node.built").length,
        };
      })()`);
    const odd = await draw(planMermaid(nodes));
    assert.equal([...odd.labels].sort(), [...names].sort());
    assert.is(odd.edges, 2 * (names.length - 2));
    assert.is((await draw(planMermaid(built))).built, plan.steps.length);
  } finally {
    await browser.close();
  }
});

test.run();
