import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readCatalog } from "../../src/definitions/catalog.ts";
import { describeProblem } from "../../src/problem.ts";
import { compatFiles, scienceFiles, temporaryDirectory, writeFiles } from "../support/checkout.ts";
import type { Files } from "../support/checkout.ts";

const test = suite("bases that look like layers");

const repo = "registry.example:5000/team";
const digest = `sha256:${"0".repeat(64)}`;

/** Two layers: `h2-base`, of image h2 and version 1.0, and one that takes from what is written. */
function read(dockerfile: string, more: Files = {}) {
  const root = temporaryDirectory();
  writeFiles(root, {
    ...scienceFiles("h2-base", { image: "h2", version: "1.0" }),
    ...scienceFiles("user", {}, dockerfile),
    ...compatFiles("base"),
    ...more,
  });
  const { catalog, problems } = readCatalog(root, repo);
  const warnings = catalog?.warnings ?? [];
  return {
    bases: catalog?.science.get("science/user")?.bases.map(({ layer }) => layer),
    refused: problems.map((problem) => [problem.rule, describeProblem(problem)]),
    warned: warnings.map(({ rule, message, hint }) => [rule, `${message} — ${hint}`]),
  };
}

const elsewhere = (reference: string) =>
  `${reference} is an image from elsewhere, not the layer science/h2-base`;
const write = (explicit: string) =>
  `for the layer, write sci/h2-base:1.0; for another image, write ${explicit}`;

// Where our own images are, or where Docker looks for an image of that name alone.
for (const [reference, explicit] of [
  ["h2-base", "docker.io/library/h2-base"],
  ["h2-base:latest", "docker.io/library/h2-base:latest"],
  ["h2-base:1.0", "docker.io/library/h2-base:1.0"],
  ["h2-base:1.0-42-f90dbd6", "docker.io/library/h2-base:1.0-42-f90dbd6"],
  ["h2", "docker.io/library/h2"],
  [`${repo}/h2-base`, `${repo}/h2-base@sha256:…`],
  [`${repo}/h2-base:1.0`, `${repo}/h2-base:1.0@sha256:…`],
  [`${repo}/rel/h2-base:1.0`, `${repo}/rel/h2-base:1.0@sha256:…`],
  [`${repo}/old/h2:latest`, `${repo}/old/h2:latest@sha256:…`],
  [
    "containers.repo.sciserver.org/compute-images/h2-base:1.0",
    "containers.repo.sciserver.org/compute-images/h2-base:1.0@sha256:…",
  ],
] as const) {
  test(`FROM ${reference} is refused, with the line to write instead and the way to mean another image`, () => {
    const { refused } = read(`FROM ${reference}\n`);
    const line = `science/user/Dockerfile:1: ${elsewhere(reference)} — ${write(explicit)}`;
    assert.equal(refused, [["unlinked-base", line]]);
  });
}

for (const [reference, explicit] of [
  ["h2-base:2.1.0-alpine", "docker.io/library/h2-base:2.1.0-alpine"],
  ["library/h2-base:1.0", "docker.io/library/h2-base:1.0"],
  ["me/h2-base", "me/h2-base@sha256:…"],
  ["ghcr.io/me/h2:latest", "ghcr.io/me/h2:latest@sha256:…"],
  ["docker.io/me/h2-base:1.0", "docker.io/me/h2-base:1.0@sha256:…"],
  [`${repo}/h2-base:0.9`, `${repo}/h2-base:0.9@sha256:…`],
  ["registry.example:5000/teams/h2-base", "registry.example:5000/teams/h2-base@sha256:…"],
] as const) {
  test(`FROM ${reference} is a warning, and stays another image`, () => {
    const { refused, warned, bases } = read(`FROM ${reference}\n`);
    assert.equal(refused, []);
    assert.equal(warned, [["unlinked-base", `${elsewhere(reference)} — ${write(explicit)}`]]);
    assert.equal(bases, [undefined]);
  });
}

test("what says that it is another image is one, without a word", () => {
  const lines = [
    `FROM h2-base@${digest}`,
    `FROM ${repo}/h2-base:1.0@${digest}`,
    `FROM ${repo}/rel/h2:1.0@${digest}`,
    "FROM docker.io/h2-base:1.0",
    "FROM docker.io/library/h2-base",
    "FROM index.docker.io/library/h2-base:latest",
    "FROM debian:12",
    "FROM registry.example:5000/team/other:1.0",
    "FROM last AS h2-base",
    "FROM h2-base AS last",
  ];
  const { refused, warned, bases } = read(`FROM a AS last\n${lines.join("\n")}\n`);
  assert.equal([refused, warned], [[], []]);
  assert.ok(bases?.every((layer) => layer === undefined));
});

test("COPY --from and RUN --mount are judged like FROM, at their lines, in compat fragments too", () => {
  const { refused } = read("FROM a\nCOPY --from=h2-base:1.0 /x /x\nRUN --mount=from=h2,target=/h true\n");
  assert.equal(
    refused.map(([, line]) => line),
    [
      `science/user/Dockerfile:2: ${elsewhere("h2-base:1.0")} — ${write("docker.io/library/h2-base:1.0")}`,
      `science/user/Dockerfile:3: ${elsewhere("h2")} — ${write("docker.io/library/h2")}`,
    ],
  );
  const fragment = read("FROM a\n", compatFiles("web", [], "COPY --from=h2-base /x /x\n"));
  assert.equal(fragment.refused, [
    [
      "unlinked-base",
      `compat/web/Dockerfile:1: ${elsewhere("h2-base")} — ` +
        "for the layer, let the science layer bring the files; for another image, write docker.io/library/h2-base",
    ],
  ]);
  const loose = read("FROM a\n", compatFiles("web", [], "COPY --from=ghcr.io/me/h2-base /x /x\n"));
  assert.equal([loose.refused, loose.warned.map(([rule]) => rule)], [[], ["unlinked-base"]]);
});

test("a layer that names its own target or image means the image from elsewhere", () => {
  const { refused, warned, bases } = read("FROM user:1.0\nFROM ghcr.io/me/user\n");
  assert.equal([refused, warned, bases], [[], [], [undefined, undefined]]);
  const ubuntu = scienceFiles("ubuntu-base", { image: "ubuntu", version: "22.04" }, "FROM ubuntu:22.04\n");
  const top = scienceFiles("top", { image: "ubuntu", version: "22.04" }, "FROM sci/ubuntu-base:22.04\n");
  const family = read("FROM a\n", { ...ubuntu, ...top });
  assert.equal([family.refused, family.warned], [[], []]);
});

test("of an image, the layers that can be meant are named", () => {
  const more = scienceFiles("h2-more", { image: "h2", version: "2.0" }, "FROM sci/h2-base:1.0\n");
  const hints = ["h2", "h2:2.0"].map((reference) => read(`FROM ${reference}\n`, more).refused[0]?.[1]);
  assert.match(hints[0] ?? "", "write sci/h2-base:1.0 or sci/h2-more:2.0;");
  assert.match(hints[1] ?? "", "write sci/h2-more:2.0;");
});

test("the repository of image-builder.json5 is ours, whatever --repo says", () => {
  const configured = { "image-builder.json5": '{ "repo": "quay.io/team" }' };
  const { refused } = read("FROM quay.io/team/h2-base:1.0\n", configured);
  assert.is(refused.length, 1);
  const { refused: other, warned } = read(
    "FROM containers.repo.sciserver.org/compute-images/h2-base:1.0\n",
    configured,
  );
  assert.equal([other.length, warned.length], [0, 1]);
});

test.run();
