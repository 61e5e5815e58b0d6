import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { answer, down, enter } from "../support/answer.ts";
import {
  compatFiles,
  gitEnvironment,
  makeRepository,
  runTool,
  scienceFiles,
  temporaryDirectory,
  tool,
} from "../support/checkout.ts";

const test = suite("new science, compat and version");

const followed = { ...compatFiles("base"), ...scienceFiles("essentials", { version: "2.4" }) };

const read = (root: string, file: string) => fs.readFileSync(path.join(root, file), "utf8");

async function checks(root: string): Promise<void> {
  const { code, stderr } = await runTool(root, ["check"]);
  assert.equal([code, stderr], [0, ""]);
}

test("outside a checkout nothing is written; in one, a compat layer and a science layer are two commands", async () => {
  const root = temporaryDirectory();
  const outside = await runTool(root, ["new", "compat", "base"]);
  assert.is(outside.code, 2);
  assert.match(outside.stderr, /^ERROR:root:there is no science\/ or compat\//);
  const early = await runTool(root, ["new", "science", "essentials", "--root", "."]);
  assert.is(early.code, 2);
  assert.match(
    early.stderr,
    "there is no compat layer to make releases with — run image-builder new compat NAME first",
  );
  const compat = await runTool(root, ["new", "compat", "base", "--root", "."]);
  assert.is(compat.code, 0, compat.stderr);
  assert.match(compat.stdout, /^wrote compat\/base\/Dockerfile\nwrote compat\/base\/sciserver-image.json\n/);
  await checks(root);
  const science = await runTool(root, ["new", "science", "science/essentials"]);
  assert.is(science.code, 0, science.stderr);
  await checks(root);
  assert.match(read(root, "science/essentials/Dockerfile"), /^FROM debian:bookworm-slim\n/);
});

test("a layer that the system does not let be written is refused, and is no bug of the tool", async () => {
  const root = makeRepository(followed);
  const { code, stderr } = await runTool(root, ["new", "compat", "a".repeat(300)]);
  assert.is(code, 4, stderr);
  assert.match(stderr, /^ERROR:root:compat\/a+ cannot be written: ENAMETOOLONG/);
});

test("what is given goes into the definition and the Dockerfile", async () => {
  const root = makeRepository({
    ...compatFiles("users", [], "USER root\nRUN useradd idies\nUSER idies\n"),
    ...compatFiles("web", ["users"], "EXPOSE 80\n"),
    ...scienceFiles("base", { compat: "web", version: "2.4" }),
  });
  const options = ["--image", "sky:3.1", "--from", "sci/base:2.4", "--compat", "web"];
  const science = await runTool(root, ["new", "science", "group/astro", ...options]);
  assert.is(science.code, 0, science.stderr);
  assert.match(science.stdout, /\n {2}image-builder --watch --include science\/group\/astro\n$/);
  assert.match(read(root, "science/group/astro/Dockerfile"), /^FROM sci\/base:2\.4\n/);
  const definition = read(root, "science/group/astro/sciserver-image.json");
  for (const line of ['"image": "sky"', '"version": "3.1"', '"target": "astro"', '"compat": "web"'])
    assert.match(definition, line);
  const compat = await runTool(root, ["new", "compat", "lab", "--includes", "web"]);
  assert.is(compat.code, 0, compat.stderr);
  assert.match(read(root, "compat/lab/sciserver-image.json"), '"includes": ["web"]');
  assert.match(read(root, "compat/lab/Dockerfile"), /^# USER root\n[^]*# USER idies\n$/m);
  // As a person would go on: what the comments say, done.
  const fragment = read(root, "compat/lab/Dockerfile")
    .replaceAll(/^# (?=USER|RUN| &&)/gm, "")
    .replaceAll(/^#(?= &&)/gm, "");
  fs.writeFileSync(path.join(root, "compat/lab/Dockerfile"), fragment);
  await checks(root);
});

test("new version adds without changing the version: the new layer becomes the final one", async () => {
  const root = makeRepository(followed);
  const { code, stderr } = await runTool(root, [
    "new",
    "version",
    "essentials",
    "--target",
    "essentials-hdf5",
  ]);
  assert.is(code, 0, stderr);
  assert.match(read(root, "science/essentials-hdf5/Dockerfile"), /^FROM sci\/essentials:2\.4\n/);
  await checks(root);
  const plan = await runTool(root, ["plan", "--all", "--format", "json"]);
  const { steps } = JSON.parse(plan.stdout) as { steps: { id: string; final?: boolean; needs: string[] }[] };
  assert.equal(
    steps.map(({ id, final, needs }) => [id, final, needs]),
    [
      ["science/essentials", false, []],
      ["science/essentials-hdf5", true, ["science/essentials"]],
      ["compat/essentials:2.4", undefined, ["science/essentials-hdf5"]],
    ],
  );
});

test("new version --to adds and changes the version: both get compat updates; the next one follows the highest", async () => {
  const root = makeRepository(followed);
  for (const version of ["2.9", "2.10"])
    assert.is((await runTool(root, ["new", "version", "essentials", "--to", version])).code, 0);
  assert.match(read(root, "science/essentials-2.10/Dockerfile"), /^FROM sci\/essentials-2\.9:2\.9\n/);
  assert.is((await runTool(root, ["new", "version", "essentials"])).code, 0);
  const today = new Date().toISOString().slice(0, 10);
  assert.match(read(root, `science/essentials-${today}/Dockerfile`), /^FROM sci\/essentials-2\.10:2\.10\n/);
  await checks(root);
  for (const number of [2, 3]) {
    assert.is((await runTool(root, ["new", "version", "essentials:2.10"])).code, 0);
    const from = number === 2 ? today : `${today}-${number - 1}`;
    assert.match(
      read(root, `science/essentials-${today}-${number}/Dockerfile`),
      new RegExp(`^FROM sci/essentials-${from}:2\\.10\n`),
    );
  }
  await checks(root);
  const plan = await runTool(root, ["plan", "--include", "compat/base", "--format", "json"]);
  const { steps } = JSON.parse(plan.stdout) as { steps: { id: string }[] };
  assert.equal(steps.map(({ id }) => id).sort(), [
    "compat/essentials:2.10",
    "compat/essentials:2.4",
    "compat/essentials:2.9",
  ]);
});

test("the way that the README begins with works as it stands, with a link to the tool in PATH", async () => {
  const directory = temporaryDirectory();
  fs.symlinkSync(tool, path.join(directory, "image-builder"));
  const readme = fs.readFileSync(path.join(import.meta.dirname, "../../README.md"), "utf8");
  const lines = /```sh\n(image-builder init images [^]*?)\nimage-builder  [^]*?```/.exec(readme)?.[1];
  const { status, stdout, stderr } = spawnSync("sh", ["-ec", `${lines}\nimage-builder -v --dryrun`], {
    cwd: directory,
    encoding: "utf8",
    env: { ...gitEnvironment, PATH: `${directory}:${process.env["PATH"]}` },
  });
  assert.is(status, 0, stdout + stderr);
  assert.match(stderr, "change results in final image tools => tools:1.0-1-");
  assert.match(stderr, "final plan includes 1 science builds and 1 compat builds");
});

test("what cannot be is said, and nothing is left behind", async () => {
  const root = makeRepository({ ...followed, ...compatFiles("web") });
  const mistakes: [string[], number, string][] = [
    [["science"], 2, "new science: the name is missing — image-builder new science NAME"],
    [["science", "x"], 2, "new science: which compat layer makes releases of it? — --compat base, or web"],
    [["science", "X", "--compat", "web"], 2, 'invalid name "X" — lowercase letters'],
    [["science", "essentials", "--compat", "web"], 2, "science/essentials exists — choose another name"],
    [["science", "x/y", "--compat", "web", "--image", "essentials:2.4"], 3, "has 2 final layers"],
    [["science", "x", "--compat", "webb"], 2, "there is no compat layer webb — did you mean web?"],
    [["science", "x", "--compat", "web", "--from", "sci/y:1"], 3, "sci/y:1 matches no layer"],
    [["science", "x", "--to", "2"], 2, "--to is not for new science — it belongs to new version"],
    [["compat", "x", "--includes", "web", "bas"], 2, "there is no compat layer bas — did you mean base?"],
    [["version", "essential"], 2, "no layer makes an image essential — did you mean essentials?"],
    [["version", "essentials", "--to", "2.3"], 2, "--to 2.3 is too low — essentials has 2.4 already"],
    [["version", "essentials", "--to", "next"], 2, "write numbers with dots between them"],
  ];
  for (const [args, code, message] of mistakes) {
    const ended = await runTool(root, ["new", ...args]);
    assert.is(ended.code, code, `${args.join(" ")}: ${ended.stderr}`);
    assert.ok(ended.stderr.includes(message), ended.stderr);
  }
  assert.equal(fs.readdirSync(path.join(root, "science")), ["essentials"]);
});

test("at a terminal it asks for what is not given", async () => {
  const root = makeRepository({ ...followed, ...compatFiles("web") });
  const code = await answer(
    root,
    ["new", "science"],
    [
      ["Name of the science layer", `astro${enter}`],
      ["Image and version", enter],
      ["Layer or image", `${down}${enter}`],
      ["Compat layer", `${down}${enter}`],
    ],
  );
  assert.is(code, 0);
  assert.match(read(root, "science/astro/Dockerfile"), /^FROM sci\/essentials:2\.4\n/);
  assert.match(read(root, "science/astro/sciserver-image.json"), '"compat": "web"');
  await checks(root);
});

test("at a terminal what is wrong is refused before anything is asked", async () => {
  const root = makeRepository({ ...followed, ...compatFiles("web") });
  for (const args of [
    ["science", "essentials"],
    ["science", "--image", "Sky"],
    ["science", "astro", "--from", "Debian"],
    ["compat", "web"],
    ["compat", "--includes", "wbe"],
    ["version", "essentials", "--to", "2.3"],
    ["version", "essentials", "--target", "essentials"],
  ])
    assert.is(await answer(root, ["new", ...args], []), 2, args.join(" "));
});

test("a name that exists is refused where it is typed, and the usual answer is only sent where nothing is typed", async () => {
  const root = makeRepository({ ...followed, ...compatFiles("web") });
  const code = await answer(
    root,
    ["new", "science", "--compat", "web", "--from", "debian:trixie-slim"],
    [
      ["Name of the science layer", `essentials${enter}`],
      ["science/essentials exists", `-2${enter}`],
      ["Image and version", `sky:2.0${enter}`],
    ],
  );
  assert.is(code, 0);
  const definition = read(root, "science/essentials-2/sciserver-image.json");
  assert.match(definition, /"image": "sky",\s+"version": "2\.0"/);
});

test("Ctrl-C at a question ends with 130, and nothing is written", async () => {
  const root = makeRepository({ ...followed, ...compatFiles("web") });
  const code = await answer(
    root,
    ["new", "version", "essentials"],
    [["Which version does it make", "\u0003"]],
  );
  assert.is(code, 130);
  assert.equal(fs.readdirSync(path.join(root, "science")), ["essentials"]);
});

test.run();
