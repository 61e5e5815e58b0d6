import { execFile, execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { instance } from "@viz-js/viz";
import { Ajv2020 } from "ajv/dist/2020.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  commit,
  compatFiles,
  makeRepository,
  runTool,
  scienceFiles,
  temporaryDirectory,
} from "../support/checkout.ts";
import type { Files } from "../support/checkout.ts";

const test = suite("graph");

const files: Files = {
  ...scienceFiles("basic"),
  ...scienceFiles("extra", { image: "basic", version: "2.0" }, "FROM sci/basic:1.0\nRUN true\n"),
  ...scienceFiles("tools", {}, "FROM debian:bookworm-slim\nCOPY --from=busybox:1 /bin/sh /bin/sh\n"),
  ...scienceFiles("old", { retired: true }),
  ...compatFiles("common"),
  ...compatFiles("base", ["common"]),
};

/** A checkout whose last commit changes `extra`. */
function repository(): string {
  const root = makeRepository(files);
  commit(root, { "science/extra/Dockerfile": "FROM sci/basic:1.0\nRUN echo\n" });
  return root;
}

async function printed(root: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runTool(root, args);
  assert.equal([code, stderr], [0, ""]);
  return stdout;
}

interface Node {
  readonly id: string;
  readonly on: readonly string[];
  readonly planned?: { readonly because: readonly { readonly kind: string }[] } | null;
}

async function nodesOf(root: string, ...args: string[]): Promise<readonly Node[]> {
  const graph = JSON.parse(await printed(root, "graph", "--format", "json", ...args)) as { nodes: Node[] };
  return graph.nodes;
}

test("graph has every layer, whether changed or not, and what each stands on", async () => {
  const nodes = await nodesOf(repository());
  assert.equal(
    nodes.map(({ id, on }) => [id, ...on].join(" < ")),
    [
      "debian:bookworm-slim",
      "science/basic < debian:bookworm-slim",
      "science/extra < science/basic",
      "science/old < debian:bookworm-slim",
      "busybox:1",
      "science/tools < debian:bookworm-slim < busybox:1",
      "compat/basic:1.0 < science/basic",
      "compat/basic:2.0 < science/extra",
      "compat/tools:1.0 < science/tools",
    ],
  );
  const planned = nodes.filter((node) => (node.planned ?? null) !== null);
  assert.equal(
    planned.map(({ id, planned: step }) => [id, step?.because[0]?.kind]),
    [
      ["science/extra", "changed"],
      ["compat/basic:2.0", "base"],
    ],
  );
});

test("the JSON of a graph is valid by its published schema, and so is the documented example", async () => {
  const schema = path.join(import.meta.dirname, "../../docs/graph.schema.json");
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
  const validate = ajv.compile(JSON.parse(fs.readFileSync(schema, "utf8")) as object);
  const page = fs.readFileSync(path.join(import.meta.dirname, "../../docs/graph.md"), "utf8");
  const example = (/```json\n([^]*?)```/.exec(page)?.[1] ?? "").replace(
    "f90dbd6…",
    "f90dbd6".padEnd(40, "0"),
  );
  assert.ok(validate(JSON.parse(example)), ajv.errorsText(validate.errors));
  const root = repository();
  for (const args of [[], ["--all"], ["--include", "compat/common"]]) {
    const graph = JSON.parse(await printed(root, "graph", "--format", "json", ...args)) as object;
    assert.ok(validate(graph), ajv.errorsText(validate.errors));
    assert.not(validate({ ...graph, surprise: 1 }));
  }
});

test("plan and graph print the same forms: plan what is built and what that stands on, graph all", async () => {
  const root = repository();
  for (const format of ["text", "json", "markdown", "mermaid", "dot", "svg", "html"]) {
    const plan = await printed(root, "plan", "--format", format);
    const graph = await printed(root, "graph", "--format", format);
    assert.match(plan, "extra", format);
    assert.not.match(plan, /science.tools/, format);
    assert.match(graph, "extra", format);
    assert.match(graph, /science.tools/, format);
    assert.ok(plan.endsWith("\n") && graph.endsWith("\n"), format);
  }
});

test("a family of layers has its own card of a foreign image, and what files are copied from is dashed", async () => {
  const dot = await printed(repository(), "graph", "--format", "dot");
  const edges = dot.split("\n").filter((line) => line.includes("->"));
  const ends = edges.map((line) => line.trim().replace(/ \[.*/, ""));
  assert.equal(ends.sort(), [
    '"busybox:1 #3" -> "science/tools"',
    '"debian:bookworm-slim #2" -> "science/old"',
    '"debian:bookworm-slim #3" -> "science/tools"',
    '"debian:bookworm-slim" -> "science/basic"',
    '"science/basic" -> "compat/basic:1.0"',
    '"science/basic" -> "science/extra"',
    '"science/extra" -> "compat/basic:2.0"',
    '"science/tools" -> "compat/tools:1.0"',
  ]);
  assert.equal(
    edges.filter((line) => line.includes("dashed")).map((line) => line.includes("busybox")),
    [true],
  );
});

test("Graphviz reads the DOT, and every name in it as it is", async () => {
  const odd = 'science/a "b" \\ & &lt; <é>';
  const root = makeRepository({
    ...compatFiles("base"),
    [`${odd}/Dockerfile`]: "FROM debian:bookworm-slim\n",
    [`${odd}/sciserver-image.json`]: '{ "image": "odd", "target": "odd", "compat": "base" }',
  });
  const dot = await printed(root, "graph", "--format", "dot");
  const graphviz = await instance();
  const read = JSON.parse(graphviz.renderString(dot, { format: "json" })) as {
    objects: { name: string; tooltip: string }[];
  };
  const svg = graphviz.renderString(dot, { format: "svg" });
  assert.match(svg, "a &quot;b&quot; \\ &amp; &amp;lt; &lt;é&gt;");
  assert.is(read.objects.length, 3);
  const drawn = await printed(root, "graph", "--format", "svg");
  assert.match(drawn, 'data-id="science/a &quot;b&quot; \\ &amp; &amp;lt; &lt;é&gt;"');
});

test("a plan that builds nothing is said so in every form", async () => {
  const root = repository();
  for (const format of ["text", "markdown", "svg", "html"])
    assert.match(
      await printed(root, "plan", "--ref", "HEAD", "--format", format),
      /Nothing to build/,
      format,
    );
  assert.match(await printed(root, "plan", "--ref", "HEAD", "--format", "dot"), /^digraph layers \{/);
});

test("--output writes a file instead, in the format that its name ends with", async () => {
  const root = repository();
  const directory = temporaryDirectory();
  const begins: Readonly<Record<string, RegExp>> = {
    "layers.html": /^<!doctype html>/,
    "layers.SVG": /^<svg /,
    "layers.gv": /^digraph /,
    "layers.json": /^\{/,
    "layers.md": /image-builder|\*\*|#/,
    "layers.mmd": /flowchart|graph/,
    "layers.txt": /^debian:bookworm-slim\n/,
    layers: /^debian:bookworm-slim\n/,
  };
  for (const [name, begin] of Object.entries(begins)) {
    assert.is(await printed(root, "graph", "--output", path.join(directory, name)), "");
    assert.match(fs.readFileSync(path.join(directory, name), "utf8"), begin);
  }
  assert.is(
    await printed(root, "plan", "--format", "dot", "--output", path.join(directory, "layers.html")),
    "",
  );
  assert.match(fs.readFileSync(path.join(directory, "layers.html"), "utf8"), /^digraph /);
  assert.equal(fs.readdirSync(directory).sort(), Object.keys(begins).sort());
});

test("--output makes the directories that are missing, and takes any name with --format or for a Dockerfile", async () => {
  const root = repository();
  const directory = temporaryDirectory();
  const written = async (...args: string[]) => {
    const file = path.join(directory, args.pop() ?? "");
    assert.is(await printed(root, ...args, "--output", file), "");
    return fs.readFileSync(file, "utf8");
  };
  assert.match(await written("graph", "new/also/layers.svg"), /^<svg /);
  assert.match(await written("graph", "--format", "json", "layers.out"), /^\{/);
  assert.match(await written("plan", "--show-dockerfile", "basic:2.0", "basic.Dockerfile"), /^FROM /m);
});

test("--output takes a file's place as a whole, behind a link and with its mode, and never that of a pipe", async () => {
  const root = repository();
  const directory = temporaryDirectory();
  const [file, link] = [path.join(directory, "plan.txt"), path.join(directory, "link.txt")];
  fs.writeFileSync(file, "before", { mode: 0o600 });
  fs.symlinkSync("plan.txt", link);
  const reader = fs.openSync(file, "r");
  await printed(root, "plan", "--output", link);
  // Who had opened it before still reads what was there.
  assert.is(fs.readFileSync(reader, "utf8"), "before");
  fs.closeSync(reader);
  assert.ok(fs.lstatSync(link).isSymbolicLink());
  assert.match(fs.readFileSync(file, "utf8"), "science/extra");
  assert.is(fs.statSync(file).mode & 0o777, 0o600);
  const pipe = path.join(directory, "pipe");
  execFileSync("mkfifo", [pipe]);
  const read = promisify(execFile)("cat", [pipe], { timeout: 60_000 });
  await printed(root, "plan", "--output", pipe);
  assert.match((await read).stdout, "science/extra");
});

test("a file that cannot be written is one line about what to do", async () => {
  const root = repository();
  const blocked = await runTool(root, ["graph", "--output", "science/tools/Dockerfile/plan.html"]);
  assert.is(blocked.code, 4);
  assert.match(blocked.stderr, "ERROR:root:--output science/tools/Dockerfile/plan.html cannot be written ");
  const pdf = await runTool(root, ["plan", "--output", "plan.pdf"]);
  assert.is(pdf.code, 2);
  assert.match(
    pdf.stderr,
    "ERROR:root:--output plan.pdf: its ending tells no format — end it in .json, .md, ",
  );
  assert.not.ok(fs.existsSync(path.join(root, "plan.pdf")));
  const directory = await runTool(root, ["plan", "--output", "science"]);
  assert.equal(
    [directory.code, directory.stderr],
    [2, "ERROR:root:--output science is a directory — name a file in it\n"],
  );
  const full = await runTool(root, ["plan", "--output", "/dev/full"]);
  assert.is(full.code, 4);
  assert.match(full.stderr, /^ERROR:root:--output \/dev\/full cannot be written \(ENOSPC\)/);
});

test("a page of definitions that cannot be built says all that is wrong with them", async () => {
  const root = repository();
  for (const layer of ["science/tools", "compat/common"])
    execFileSync("mkfifo", [path.join(root, layer, "pipe")]);
  const { code, stderr } = await runTool(root, ["graph", "--all", "--format", "html"]);
  assert.is(code, 3);
  assert.match(stderr, "compat/common/pipe: is a fifo");
  assert.match(stderr, "science/tools/pipe: is a fifo");
  assert.match(stderr, "2 problems found");
});

test.run();
