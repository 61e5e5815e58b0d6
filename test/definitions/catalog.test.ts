import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import * as fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readCatalog } from "../../src/definitions/catalog.ts";
import type { Catalog } from "../../src/model.ts";
import { describeProblem } from "../../src/problem.ts";

const catalog = suite("catalog");
const roots: string[] = [];
catalog.after(() => {
  for (const root of roots) fs.rmSync(root, { recursive: true, force: true });
});

/** Files by their path: text, bytes, or `{ link }` for a symbolic link. */
type Files = Readonly<Record<string, string | Buffer | { readonly link: string }>>;

function checkout(files: Files): string {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), "catalog-"));
  roots.push(root);
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(root, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    if (typeof content === "object" && "link" in content) fs.symlinkSync(content.link, file);
    else fs.writeFileSync(file, content);
  }
  return root;
}

/** A science layer of version 1.0 that stands on a foreign image, as far as nothing else is said. */
function science(
  name: string,
  { from = "debian:12", image = path.basename(name), version = "1.0", more = "" } = {},
): Files {
  return {
    [`science/${name}/sciserver-image.json`]: `{\n"image": "${image}",\n"version": "${version}",\n"compat": "jupyter"${more}\n}`,
    [`science/${name}/Dockerfile`]: from.replaceAll(/^(?=\S+$)/gm, "FROM "),
  };
}

function compat(name: string, includes: readonly string[] = [], fragment = "RUN true\n"): Files {
  return {
    [`compat/${name}/sciserver-image.json`]: `{\n"includes": ${JSON.stringify(includes)}\n}`,
    [`compat/${name}/Dockerfile`]: fragment,
  };
}

/** A science layer that names a compat layer. */
function withCompat(name: string): Files {
  return {
    "science/a/sciserver-image.json": `{ "image": "a",\n"compat": "${name}" }`,
    "science/a/Dockerfile": "FROM x",
  };
}

const jupyter = compat("jupyter");

catalog("tells of a file with very many mistakes the first 50, and how many more there are", () => {
  const root = checkout({
    ...jupyter,
    "science/a/sciserver-image.json": '{ "image": "a",\n"compat": "jupyter" }',
    "science/a/Dockerfile": "FROM sci/b:1.0\n".repeat(130_000),
    ...science("c", { from: "sci/b:1.0" }),
  });
  const told = readCatalog(root).problems.map(describeProblem);
  assert.is(told.length, 51);
  assert.match(
    told[49] ?? "",
    /^science\/a\/Dockerfile:50: sci\/b:1\.0 matches no layer \(and 129950 more in this file\) — /,
  );
  assert.match(told[50] ?? "", /^science\/c\/Dockerfile:1: /);
});

function wrong(...files: readonly Files[]): readonly string[] {
  const { catalog: read, problems } = readCatalog(checkout(Object.assign({}, jupyter, ...files)));
  assert.is(read, undefined, "there should be no catalog");
  return problems.map(describeProblem);
}

function right(...files: readonly Files[]): Catalog {
  const { catalog: read, problems } = readCatalog(checkout(Object.assign({}, jupyter, ...files)));
  assert.equal(problems.map(describeProblem), []);
  if (read === undefined) throw new Error("no catalog");
  return read;
}

// ---- What is found

catalog("a checkout becomes layers, their bases, the stacks and the finals", () => {
  const read = right(
    science("nist-basic"),
    science("nist-basic-2", { image: "nist-basic", version: "2.0", from: "repo:5000/x/sci/nist-basic:1.0" }),
    compat("jupyter", ["common"]),
    compat("common"),
  );
  assert.equal([...read.science.keys()], ["science/nist-basic", "science/nist-basic-2"]);
  assert.equal(read.science.get("science/nist-basic-2"), {
    directory: "science/nist-basic-2",
    image: "nist-basic",
    version: "2.0",
    target: "nist-basic-2",
    compat: "jupyter",
    retired: false,
    dockerfile: "FROM repo:5000/x/sci/nist-basic:1.0",
    bases: [
      {
        start: 5,
        end: 35,
        line: 1,
        reference: "repo:5000/x/sci/nist-basic:1.0",
        final: true,
        layer: "science/nist-basic",
      },
    ],
  });
  assert.equal(read.compat.get("jupyter"), {
    name: "jupyter",
    directory: "compat/jupyter",
    includes: ["common"],
    fragment: "RUN true\n",
  });
  assert.equal(read.stacks.get("jupyter"), ["common", "jupyter"]);
  assert.equal([...read.finals], ["science/nist-basic", "science/nist-basic-2"]);
});

catalog("layers are found at any depth, sorted, and a compat layer's name is its path below compat/", () => {
  const read = right(science("b"), science("astro/deep/z"), science("astro-a"), compat("web/terminal"), {
    "science/README.md": "text",
    "science/b/files/Dockerfile": "not a layer",
  });
  assert.equal([...read.science.keys()], ["science/astro-a", "science/astro/deep/z", "science/b"]);
  assert.is(read.science.get("science/astro/deep/z")?.target, "z");
  assert.equal([...read.compat.keys()], ["jupyter", "web/terminal"]);
});

catalog("hidden directories are passed over", () => {
  const hidden = science("a");
  const moved = Object.fromEntries(
    Object.entries(hidden).map(([name, text]) => [name.replace("/a/", "/.a/"), text]),
  );
  assert.is(right(moved).science.size, 0);
});

catalog("a layer that others take files from depends on nothing for it, and they depend on it", () => {
  const from =
    "FROM debian:12\nCOPY --from=sci/a:1.0 /x /x\nRUN --mount=from=r.example/sci/b:1.0,target=/b true";
  const read = right(science("a"), science("b"), science("c", { from }));
  assert.equal(
    read.science.get("science/c")?.bases.map(({ layer }) => layer),
    [undefined, "science/a", "science/b"],
  );
});

catalog("only the last two parts and the tag make a reference ours", () => {
  const digest = `@sha256:${"a".repeat(64)}`;
  const froms = [
    "docker.io/other/a:1.0",
    "docker.io/a:1.0",
    "sci/a/b:1.0",
    `sci/a:1.0${digest}`,
    `sci/gone:1.0${digest}`,
    "rel/gone:1.0",
  ];
  const from = froms.map((reference) => `FROM ${reference}`).join("\n");
  const read = right(science("a"), science("b", { from }));
  assert.equal(
    read.science.get("science/b")?.bases.map(({ layer }) => layer),
    froms.map(() => undefined),
  );
});

catalog("the final layer of an image and version is the one that no other of its layers builds on", () => {
  const read = right(
    science("a", { image: "x" }),
    science("b", { image: "y", from: "sci/a:1.0" }),
    science("c", { image: "x", from: "sci/b:1.0" }),
    science("d", { image: "x", version: "1.1", from: "sci/a:1.0" }),
  );
  assert.equal([...read.finals].sort(), ["science/b", "science/c", "science/d"]);
});

catalog("includes are laid down depth first, in order, each once, the layer itself last", () => {
  const read = right(
    compat("jupyter", ["left", "right", "base"]),
    compat("left", ["base"]),
    compat("right", ["base"]),
    compat("base"),
  );
  assert.equal(read.stacks.get("jupyter"), ["base", "left", "right", "jupyter"]);
});

catalog(
  "in every stack a layer comes after all that it includes, none is missing and none comes twice",
  () => {
    const size = 7;
    const graph = fc.array(fc.uniqueArray(fc.nat(size - 1)), { minLength: size, maxLength: size });
    fc.assert(
      fc.property(graph, (edges) => {
        // Names that only include higher ones cannot go in a circle.
        const includes = edges.map((to, from) => to.filter((each) => each > from).map((each) => `l${each}`));
        const read = right(...includes.map((names, index) => compat(`l${index}`, names)));
        for (const [name, stack] of read.stacks) {
          assert.is(stack.at(-1), name);
          assert.is(new Set(stack).size, stack.length);
          const reached = new Set([name]);
          for (const each of reached)
            for (const next of read.compat.get(each)?.includes ?? []) reached.add(next);
          assert.equal([...stack].sort(), [...reached].sort());
          for (const each of stack) {
            for (const below of read.compat.get(each)?.includes ?? []) {
              assert.ok(stack.indexOf(below) < stack.indexOf(each));
            }
          }
          // In order: what the first include brings comes before what only a later one does.
          const [first, ...others] = read.compat.get(name)?.includes ?? [];
          const ofFirst = first === undefined ? [] : (read.stacks.get(first) ?? []);
          assert.equal(stack.slice(0, ofFirst.length), ofFirst);
          assert.ok(others.length < stack.length);
        }
      }),
      { numRuns: 30 },
    );
  },
);

catalog("a thousand layers that build on each other are read", () => {
  const layers: Files[] = [science("l0")];
  for (let index = 1; index < 1000; index += 1)
    layers.push(science(`l${index}`, { from: `sci/l${index - 1}:1.0` }));
  assert.is(right(...layers).finals.size, 1000);
});

// ---- Files

catalog("a root without science/ and compat/ is a matter of the command line", () => {
  const root = checkout({ "README.md": "" });
  const { problems } = readCatalog(root);
  assert.equal(problems, [
    {
      kind: "usage",
      message: `neither science/ nor compat/ in ${root}`,
      hint: "say with --root which directory holds them",
    },
  ]);
});

catalog("one of science/ and compat/ is enough", () => {
  const { catalog: read, problems } = readCatalog(checkout(jupyter));
  assert.equal([read?.compat.size, problems], [1, []]);
});

catalog("a missing Dockerfile is named, below science/ and below compat/", () => {
  const definition = '{ "image": "a", "compat": "jupyter" }';
  assert.equal(
    wrong({ "science/a/sciserver-image.json": definition, "compat/b/sciserver-image.json": "{}" }),
    [
      "compat/b/Dockerfile: is missing — every layer has a Dockerfile; add one",
      "science/a/Dockerfile: is missing — every layer has a Dockerfile; add one",
    ],
  );
});

catalog(
  "a Dockerfile without a definition is no layer, and a warning, which keeps no other layer from being built",
  () => {
    const undefinedLayers = { "science/wip/Dockerfile": "FROM x", "compat/web/b/Dockerfile": "" };
    const read = right(science("a"), undefinedLayers);
    assert.equal([...read.science.keys()], ["science/a"]);
    const hint = "add one, or move the Dockerfile away; see docs/definitions.md";
    const message = "has no sciserver-image.json beside it, so it is not built";
    assert.equal(read.warnings, [
      { rule: "missing-definition", file: "compat/web/b/Dockerfile", message, hint },
      { rule: "missing-definition", file: "science/wip/Dockerfile", message, hint },
    ]);
    assert.equal(
      wrong(undefinedLayers, science("a", { from: "sci/wip:1.0" }), compat("jupyter", ["web/b"])),
      [
        'compat/jupyter/sciserver-image.json:2: includes "web/b", which is no compat layer — ' +
          "compat/web/b has a Dockerfile and no sciserver-image.json; add one",
        "science/a/Dockerfile:1: sci/wip:1.0 matches no layer — " +
          "science/wip has a Dockerfile and no sciserver-image.json; add one",
      ],
    );
  },
);

catalog("a layer inside a layer is refused", () => {
  assert.equal(wrong(science("a"), science("a/deep/b")), [
    "science/a/deep/b/sciserver-image.json: a layer inside the layer science/a — " +
      "move it out of science/a: a layer has no layers inside it",
  ]);
});

catalog("a layer that stands directly in science/ or compat/ is refused", () => {
  assert.equal(wrong({ "science/sciserver-image.json": "{}", "compat/Dockerfile": "" }), [
    "compat/Dockerfile: stands directly in compat/ — move it to a directory of its own below compat/",
    "science/sciserver-image.json: stands directly in science/ — move it to a directory of its own below science/",
  ]);
});

catalog("science or compat that is no directory is refused", () => {
  assert.equal(wrong({ science: "text" }), [
    "science: is not a directory — science/ holds the science layers",
  ]);
});

catalog("a definition or Dockerfile that is not UTF-8 is refused with its line", () => {
  const files = {
    ...science("a"),
    "science/a/sciserver-image.json": Buffer.from('{\n"image": "\xe9"}', "latin1"),
    "compat/jupyter/Dockerfile": Buffer.from("RUN \xff", "latin1"),
  };
  assert.equal(wrong(files), [
    "compat/jupyter/Dockerfile:1: is not UTF-8 — save it as UTF-8",
    "science/a/sciserver-image.json:2: is not UTF-8 — save it as UTF-8",
  ]);
  const replacement = { "compat/jupyter/Dockerfile": "# \uFFFD is a character too" };
  assert.is(right(replacement).compat.size, 1);
});

catalog("files that are too large to be read are refused, and not read", () => {
  const root = checkout({ ...jupyter, ...science("a") });
  const large = ["compat/jupyter/Dockerfile", "image-builder.json5", "science/a/sciserver-image.json"];
  for (const file of large) {
    fs.appendFileSync(path.join(root, file), "");
    fs.truncateSync(path.join(root, file), 3 * 1024 ** 3);
  }
  const begun = process.resourceUsage().maxRSS;
  assert.equal(
    readCatalog(root)
      .problems.map(({ file, message }) => `${file} ${message}`)
      .sort(),
    large.map((file) => `${file} is too large: 3072.0 MB, and at most 4 MB are read`),
  );
  assert.ok(process.resourceUsage().maxRSS - begun < 100 * 1024);
});

catalog("a directory in the place of a file is refused", () => {
  const files = { "science/a/sciserver-image.json/x": "", "science/a/Dockerfile/x": "" };
  assert.equal(wrong(files), [
    "science/a/Dockerfile: is a directory, not a file — put a text file there",
    "science/a/sciserver-image.json: is a directory, not a file — put a text file there",
  ]);
});

catalog("a pipe in the place of a file is refused, and not waited for", () => {
  const root = checkout({ ...jupyter, ...science("a") });
  fs.rmSync(path.join(root, "science/a/Dockerfile"));
  assert.is(spawnSync("mkfifo", [path.join(root, "science/a/Dockerfile")]).status, 0);
  assert.equal(readCatalog(root).problems.map(describeProblem), [
    "science/a/Dockerfile: is not a regular file — put a text file there",
  ]);
});

catalog("a file or directory that may not be read is refused, and nothing else for it", () => {
  const root = checkout({
    ...jupyter,
    ...science("a"),
    ...science("c/d"),
    ...science("e", { from: "sci/d:1.0" }),
  });
  fs.chmodSync(root, 0o755);
  fs.chmodSync(path.join(root, "science/a/Dockerfile"), 0);
  fs.chmodSync(path.join(root, "science/c"), 0);
  // Root may read everything, so somebody else is asked.
  const asNobody = process.getuid?.() === 0 ? "process.setgid(65534); process.setuid(65534);" : "";
  const module = path.resolve(import.meta.dirname, "../../src/definitions/catalog.ts");
  const script = `const { readCatalog } = await import(${JSON.stringify(module)});
    const { describeProblem } = await import(${JSON.stringify(module.replace("definitions/catalog", "problem"))});
    ${asNobody}
    process.stdout.write(readCatalog(${JSON.stringify(root)}).problems.map(describeProblem).join("\\n"));`;
  const child = spawnSync(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], {
    encoding: "utf8",
  });
  fs.chmodSync(path.join(root, "science/c"), 0o755);
  assert.equal(
    child.stdout.split("\n"),
    [
      "science/a/Dockerfile: cannot be read: permission denied — make it readable for the user who runs this",
      "science/c: cannot be read: permission denied — make it readable for the user who runs this",
    ],
    child.stderr,
  );
});

catalog(
  "a symbolic link out of the checkout is refused, be it a directory, a definition or a Dockerfile",
  () => {
    const elsewhere = checkout({ "sciserver-image.json": "{}", Dockerfile: "" });
    const files: Files = {
      ...science("a"),
      ...science("user", { from: "sci/linked:1.0" }),
      "science/linked": { link: elsewhere },
      "science/a/Dockerfile": { link: `${elsewhere}/Dockerfile` },
      "compat/b/sciserver-image.json": { link: `${elsewhere}/sciserver-image.json` },
      "compat/b/Dockerfile": "",
    };
    const hint = "put the file itself there: what changes behind the link goes unseen";
    assert.equal(wrong(files), [
      `compat/b/sciserver-image.json: is a symbolic link out of the checkout — ${hint}`,
      `science/a/Dockerfile: is a symbolic link out of the checkout — ${hint}`,
      "science/linked: is a symbolic link out of the checkout — " +
        "put the directory itself there: git does not see what changes behind a link",
    ]);
  },
);

catalog("a symbolic link to elsewhere in the checkout is refused, since its changes would go unseen", () => {
  const files: Files = {
    ...science("a"),
    "science/b": { link: "a" },
    "compat/c/Dockerfile": { link: "../jupyter/Dockerfile" },
    "compat/c/sciserver-image.json": "{}",
  };
  assert.equal(wrong(files), [
    "compat/c/Dockerfile: is a symbolic link out of its layer — " +
      "put the file itself there: what changes behind the link goes unseen",
    "science/b: is a symbolic link — put the directory itself there: git does not see what changes behind a link",
  ]);
});

catalog("a symbolic link inside a layer is followed", () => {
  const files: Files = {
    ...science("a"),
    "science/a/Dockerfile": { link: "docker/main" },
    "science/a/docker/main": "FROM x",
  };
  assert.is(right(files).science.get("science/a")?.dockerfile, "FROM x");
});

catalog("a broken symbolic link is refused with where it leads", () => {
  const files: Files = {
    ...science("a"),
    "science/a/Dockerfile": { link: "gone" },
    "science/b": { link: "nowhere" },
    "science/c": { link: "c" },
  };
  assert.equal(wrong(files), [
    "science/a/Dockerfile: is a symbolic link to gone, which does not exist — mend or remove it",
    "science/b: is a symbolic link to nowhere, which does not exist — mend or remove it",
    "science/c: is a symbolic link to c: too many symbolic links encountered — mend or remove it",
  ]);
});

// ---- Compat

catalog("an unknown compat layer is refused with the nearest, or with all there are", () => {
  assert.equal(wrong(withCompat("jupiter")), [
    'science/a/sciserver-image.json:2: there is no compat layer "jupiter" — did you mean "jupyter"?',
  ]);
  assert.equal(wrong(withCompat("compat/jupyter")), [
    'science/a/sciserver-image.json:2: there is no compat layer "compat/jupyter" — did you mean "jupyter"?',
  ]);
  assert.equal(wrong(withCompat("rstudio"), compat("web/terminal")), [
    'science/a/sciserver-image.json:2: there is no compat layer "rstudio" — there are: jupyter, web/terminal',
  ]);
  const { problems } = readCatalog(checkout(science("a")));
  assert.equal(problems.map(describeProblem), [
    'science/a/sciserver-image.json:4: there is no compat layer "jupyter" — ' +
      "there is no compat layer; add one below compat/",
  ]);
});

catalog("an unknown include is refused", () => {
  assert.equal(wrong(compat("web", ["jupyte"])), [
    'compat/web/sciserver-image.json:2: includes "jupyte", which is no compat layer — did you mean "jupyter"?',
  ]);
});

catalog("an include cycle is shown whole, once", () => {
  const files = [
    compat("c", ["a"]),
    compat("a", ["jupyter", "b"]),
    compat("b", ["c"]),
    compat("self", ["self"]),
  ];
  const hint = 'take one of these names out of its "includes"';
  assert.equal(wrong(...files, compat("outside", ["c"])), [
    `compat/a/sciserver-image.json:2: compat layers include each other in a circle: a -> b -> c -> a — ${hint}`,
    `compat/self/sciserver-image.json:2: compat layers include each other in a circle: self -> self — ${hint}`,
  ]);
});

catalog("a FROM in a compat fragment is refused", () => {
  assert.equal(wrong(compat("web", [], "RUN a\nFROM b\n")), [
    "compat/web/Dockerfile:2: FROM in a compat fragment — take it out: a compat layer is laid on the science layers that name it",
  ]);
});

catalog("a fragment that takes from a layer or a release of ours is refused", () => {
  const digest = `sci/a:1.0@sha256:${"a".repeat(64)}`;
  const lines = ["sci/a:1.0", "rel/a:1.0", "rel/foreign:1", "tini:1", digest].map(
    (each) => `COPY --from=${each} x y`,
  );
  const hint =
    "a compat layer stands on its science layer alone; let that one bring the files, or pin a digest";
  assert.equal(wrong(science("a"), compat("web", [], lines.join("\n"))), [
    `compat/web/Dockerfile:1: sci/a:1.0 is taken from in a compat fragment — ${hint}`,
    `compat/web/Dockerfile:2: rel/a:1.0 is taken from in a compat fragment — ${hint}`,
  ]);
});

// ---- Science

catalog("a target that two layers have is refused with both places", () => {
  const first = science("a", { more: ',\n"target": "x"' });
  assert.equal(wrong(first, science("deep/x", { image: "b" })), [
    'science/deep/x/sciserver-image.json:1: target "x" is also that of science/a/sciserver-image.json:5 — ' +
      'a target names one layer; give one of them another "target"',
  ]);
});

catalog("a base that no layer has is refused with the nearest target", () => {
  assert.equal(wrong(science("nist-basic"), science("b", { from: "r.example/x/sci/nist-basics:1.0" })), [
    "science/b/Dockerfile:1: r.example/x/sci/nist-basics:1.0 matches no layer — " +
      "did you mean r.example/x/sci/nist-basic:1.0?",
  ]);
  assert.equal(wrong(science("b", { from: "sci/something-else:1.0" })), [
    "science/b/Dockerfile:1: sci/something-else:1.0 matches no layer — " +
      "sci/… names a science layer of this checkout; add a digest to use an image from elsewhere",
  ]);
});

catalog("a base of another version is refused with the version that the layer has", () => {
  assert.equal(wrong(science("a", { version: "2.4" }), science("b", { from: "sci/a:2.40" })), [
    "science/b/Dockerfile:1: sci/a:2.40 matches no layer: science/a has version 2.4 — write sci/a:2.4",
  ]);
});

catalog("a base without a version is refused with the version that the layer has", () => {
  assert.equal(wrong(science("a", { version: "2.4" }), science("b", { from: "sci/a" })), [
    "science/b/Dockerfile:1: sci/a names no version — write sci/a:2.4",
  ]);
});

catalog("a base with a build's tag is refused with the plain version", () => {
  assert.equal(wrong(science("a", { version: "2.4" }), science("b", { from: "sci/a:2.4-42-abcdef0" })), [
    "science/b/Dockerfile:1: sci/a:2.4-42-abcdef0 names one build of the layer — write sci/a:2.4, the plain version; to keep this build, add its digest",
  ]);
});

catalog(
  "a base that names an image in the place of a target is refused with the targets of its layers",
  () => {
    assert.equal(
      wrong(science("a-2021", { image: "essentials" }), science("b", { from: "sci/essentials:1.0" })),
      [
        "science/b/Dockerfile:1: sci/essentials:1.0 matches no layer — " +
          "essentials is an image; name the target of one of its layers: sci/a-2021:1.0",
      ],
    );
  },
);

catalog("a release as a base is refused with the science layer to build on", () => {
  const layers = [
    science("a-1", { image: "a" }),
    science("a-2", { image: "a", version: "2.0", from: "sci/a-1:1.0" }),
  ];
  assert.equal(wrong(...layers, science("b", { from: "r.example/rel/a:2.0-42-abcdef0" })), [
    "science/b/Dockerfile:1: r.example/rel/a:2.0-42-abcdef0 is a release, with a compat layer in it — " +
      "build on the science layer: r.example/sci/a-2:2.0",
  ]);
});

catalog("a layer that builds on itself is refused", () => {
  assert.equal(wrong(science("a", { from: "debian:12\nsci/a:1.0" })), [
    "science/a/Dockerfile:2: sci/a:1.0 is the layer itself — build on another one, or on a foreign image",
  ]);
});

catalog("a science cycle is shown whole, with the line that leads on", () => {
  const files = [
    science("b", { from: "sci/c:1.0" }),
    science("a", { from: "debian:12\nsci/b:1.0" }),
    science("c", { from: "debian:12\nsci/a:1.0" }),
  ];
  assert.equal(wrong(...files), [
    "science/a/Dockerfile:2: science layers build on each other in a circle: " +
      "science/a -> science/b -> science/c -> science/a — let one of them build on something else",
  ]);
});

catalog("an image and version without a final layer is refused with all its layers", () => {
  const files = [
    science("a", { image: "x", from: "sci/b:1.0" }),
    science("b", { image: "x", from: "sci/a:1.0" }),
  ];
  assert.equal(wrong(...files), [
    "science/a/Dockerfile:1: science layers build on each other in a circle: " +
      "science/a -> science/b -> science/a — let one of them build on something else",
    "science/a/sciserver-image.json:2: x 1.0 has no final layer: each of its layers builds on another: " +
      "science/a/sciserver-image.json:2, science/b/sciserver-image.json:2 — let one of them build on a foreign image",
  ]);
});

catalog(
  "retired counts in the final layer: elsewhere it is refused, unless the final layer says so too",
  () => {
    const retired = ',\n"retired": true';
    const base = science("a", { image: "x", more: retired });
    assert.equal(wrong(base, science("b", { image: "x", from: "sci/a:1.0" })), [
      'science/a/sciserver-image.json:5: "retired" counts in the final layer of x 1.0 alone, which is ' +
        "science/b/sciserver-image.json — move it there, or take it out",
    ]);
    const both = right(base, science("b", { image: "x", from: "sci/a:1.0", more: retired }));
    assert.is(both.science.get("science/b")?.retired, true);
    right(science("a", { image: "x" }), science("b", { image: "x", from: "sci/a:1.0", more: retired }));
    right(base, science("b", { image: "x", version: "1.1", from: "sci/a:1.0" }));
  },
);

catalog("an image and version with several final layers is refused with all of them", () => {
  const files = [
    science("a", { image: "x" }),
    science("b", { image: "x", from: "sci/a:1.0" }),
    science("c", { image: "x", from: "sci/a:1.0" }),
  ];
  assert.equal(wrong(...files), [
    "science/b/sciserver-image.json:2: x 1.0 has 2 final layers, of which none builds on another: " +
      "science/b/sciserver-image.json:2, science/c/sciserver-image.json:2 — " +
      'let one build on the other (FROM sci/b:1.0), or give one another "version" or "image"',
  ]);
});

catalog("a lower version that builds on a higher one of the same image is refused", () => {
  const files = [
    science("a", { image: "x", version: "2.10" }),
    science("c", { image: "x", version: "2.9", from: "FROM debian AS d\nFROM sci/a:2.10 AS e\nFROM e" }),
    science("d", { image: "x", version: "2.10.1", from: "sci/a:2.10" }),
  ];
  assert.equal(wrong(...files), [
    "science/c/sciserver-image.json:3: version 2.9 of x builds on the higher 2.10 of " +
      'science/a/sciserver-image.json:3 — give it version "2.10" or a higher one',
  ]);
});

catalog("a lower version may take from a higher one, and may build on what builds on it", () => {
  right(
    science("a", { image: "x", version: "2.10" }),
    science("b", { image: "y", from: "sci/a:2.10" }),
    science("c", { image: "x", version: "2.9", from: "sci/b:1.0" }),
    science("d", { image: "x", version: "2.8", from: "FROM sci/a:2.10 AS b\nFROM x\nCOPY --from=b /x /x" }),
    science("e", { image: "x", version: "2.7", from: "FROM x\nCOPY --from=sci/a:2.10 /x /x" }),
  );
});

catalog("a near miss of a layer's name is taken for one of the same image where there is any", () => {
  const files = [
    science("tools-new", { image: "other" }),
    science("tools-now", { image: "x" }),
    science("b", { image: "x", version: "1.1", from: "sci/tools-nuw:1.0" }),
    science("c", { image: "y", from: "sci/tools-neww:1.0" }),
  ];
  assert.equal(
    wrong(...files).map((line) => line.replace(/.* — /, "")),
    ["did you mean sci/tools-now:1.0?", "did you mean sci/tools-new:1.0?"],
  );
});

// ---- Limits

catalog(
  "a name that registries and engines do not take is refused, with the repository that makes it so long",
  () => {
    const long = "a".repeat(230);
    const repo = `registry.example/${"x".repeat(20)}`;
    const read = (name: string, repository: string) =>
      readCatalog(
        checkout({
          ...jupyter,
          ...science("a", { image: name }),
          "image-builder.json5": '{ "repo": "r.example/x" }',
        }),
        repository,
      ).problems.map(describeProblem);
    assert.equal(read("a".repeat(255 - `${repo}/rel/`.length), repo), []);
    assert.equal(read(long, repo), [
      `science/a/sciserver-image.json:2: the name of its image has ${repo.length + 235} characters: ${repo}/rel/${"a".repeat(60 - repo.length - 5)}… — ` +
        'shorten "image": registries and engines take 255, with the repository',
    ]);
    assert.match(
      wrong(science("b", { from: `r.example/${"a".repeat(250)}` })).join(),
      "is no image reference",
    );
  },
);

// ---- All at once, and nothing twice

catalog("every problem of every file is given in one run, sorted by file and line", () => {
  const files = {
    ...science("b", { from: "FROM\nFROM $X", more: ',\n"x": 1,\n"target": ""' }),
    ...science("a", { from: "sci/gone:1.0", version: "x" }),
    "compat/z/sciserver-image.json": "{",
  };
  const places = wrong(files).map((line) => line.replace(/: .*/, ""));
  assert.equal(places, [
    "compat/z/Dockerfile",
    "compat/z/sciserver-image.json:1:2",
    "science/a/Dockerfile:1",
    "science/a/sciserver-image.json:3",
    "science/b/Dockerfile:1",
    "science/b/Dockerfile:2",
    "science/b/sciserver-image.json:5",
    "science/b/sciserver-image.json:6",
  ]);
});

catalog("a broken definition makes nothing wrong with the layers that build on it", () => {
  const broken = {
    "science/a/sciserver-image.json": '{ "target": "special" "image" }',
    "science/a/Dockerfile": "FROM x",
  };
  const users = [science("b", { from: "sci/a:1.0" }), science("c", { from: "sci/special:7" })];
  const also = [science("d", { image: "y", from: "sci/a:1.0" }), science("e", { image: "y" })];
  assert.is(wrong(broken, ...users, ...also).length, 1);
});

catalog("a broken compat definition makes nothing wrong with what names it", () => {
  assert.is(
    wrong(science("a"), compat("web", ["jupyter"]), { "compat/jupyter/sciserver-image.json": "{" }).length,
    1,
  );
});

catalog("a mistyped base makes no second final layer of the layer that is meant", () => {
  const files = [science("a", { image: "x" }), science("b", { image: "x", from: "sci/aa:1.0" })];
  assert.equal(wrong(...files), [
    "science/b/Dockerfile:1: sci/aa:1.0 matches no layer — did you mean sci/a:1.0?",
  ]);
});

catalog.run();
