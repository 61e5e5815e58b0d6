import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { commands } from "../../src/cli/arguments.ts";
import { findImage } from "../../src/commands/select.ts";
import { readCatalog } from "../../src/definitions/catalog.ts";
import { manualPage } from "../../src/cli/manual.ts";
import {
  compatFiles,
  makeRepository,
  runTool,
  scienceFiles,
  temporaryDirectory,
  writeFiles,
} from "../support/checkout.ts";

const test = suite("help");

const nowhere = temporaryDirectory();

test("the help of every command has an example and fits 80 columns, and what all commands have comes last", async () => {
  for (const { name, options } of commands) {
    const { code, stdout, stderr } = await runTool(nowhere, [name, "--help"]);
    assert.equal([code, stderr], [0, ""]);
    const lines = stdout.split("\n");
    assert.equal(
      lines.filter((line) => line.length > 80),
      [],
      name,
    );
    for (const option of Object.keys(options)) assert.match(stdout, ` --${option} `, name);
    assert.match(stdout, new RegExp(`^Examples:\n  image-builder `, "m"), name);
    const groups = lines.filter((line) => /^[A-Z].*:$/.test(line));
    assert.equal(groups.slice(-2), ["Global options:", "Examples:"], name);
  }
});

test("every image and layer that an example names is one of the shipped layers", () => {
  const { catalog } = readCatalog(path.join(import.meta.dirname, "../.."));
  assert.ok(catalog !== undefined);
  const words = commands.flatMap(({ examples }) => examples.flatMap(([call]) => call.split(" ")));
  const images = words.filter(
    (word) => /^sci\/|^sciserver-|^[^/]+:\d/.test(word) && !/^science\/|^localhost:/.test(word),
  );
  assert.ok(images.length > 10);
  const named = new Set([...catalog.science.values()].map(({ image }) => image));
  for (const image of images)
    if (!named.has(image)) findImage(catalog, image.replace(/-\d+-[0-9a-f]{7}$/, ""));
  const layers = words.filter((word) => word.startsWith("science/"));
  for (const layer of layers) assert.ok(catalog.science.has(layer), layer);
  const made = words.flatMap((word, at) =>
    word === "new" && words[at + 1] === "science" ? [words[at + 2]] : [],
  );
  assert.equal([made.length, made.filter((name) => catalog.science.has(`science/${name}`))], [1, []]);
});

test("what a setting is by default is told by all that can give it", async () => {
  const help = (await runTool(nowhere, ["plan", "--help"])).stdout.replaceAll(/\s+/g, " ");
  const usual = "image-builder.json5, or containers.repo.sciserver.org/compute-images";
  assert.match(help, `[default: ${usual}]`);
  assert.match(
    manualPage(commands, { version: "1", date: "2024-05-06", exitCodes: "" }),
    `[${usual.replaceAll("-", "\\-")}]`,
  );
});

test("the manual page has every command, option and variable, and nothing that man or mandoc would warn of", () => {
  const page = manualPage(commands, { version: "1.2.3", date: "2024-05-06", exitCodes: "0 done." });
  const file = path.join(nowhere, "image-builder.1");
  fs.writeFileSync(file, page);
  const lint = spawnSync("mandoc", ["-T", "lint", "-W", "warning", file], { encoding: "utf8" });
  assert.equal([lint.status, lint.stdout, lint.stderr], [0, "", ""]);
  const man = spawnSync("man", ["--warnings", "--encoding=UTF-8", "--local-file", file], {
    encoding: "utf8",
    env: { ...process.env, MANWIDTH: "80", LC_ALL: "C.UTF-8", MANROFFSEQ: "" },
  });
  assert.equal([man.status, man.stderr], [0, ""]);
  for (const { name, describe, options } of commands) {
    assert.match(man.stdout, new RegExp(`image-builder \\[?${name}\\b`));
    assert.ok(man.stdout.replaceAll(/\s+/g, " ").includes(describe.slice(1)), describe);
    for (const option of Object.keys(options)) assert.match(man.stdout, `--${option}`);
  }
  assert.match(man.stdout, "IMAGE_BUILDER_KEEP_GOING");
});

test("what is mistyped is said once, as it was typed, with what was meant", async () => {
  const root = makeRepository({ ...scienceFiles("essentials"), ...compatFiles("base") });
  for (const [args, said] of [
    [["--dryrn"], "unknown argument: --dryrn — did you mean --dryrun?"],
    [
      ["plan", "--show-dockerfil", "x"],
      "unknown argument: --show-dockerfil — did you mean --show-dockerfile?",
    ],
    [["plna"], "unknown command: plna — did you mean plan?"],
    [["plan", "--allow-dirty"], "unknown argument: --allow-dirty — it is an option of build"],
    [["--no-push"], "unknown argument: --no-push — leave out --push"],
    [["why", "x", "--format", "jsn"], 'invalid --format "jsn" — one of text, json; did you mean json?'],
    [["completion", "fis"], 'unknown shell "fis" — one of bash, zsh, fish; did you mean fish?'],
    [
      ["inspect"],
      "image-builder inspect needs <image> — e.g. image-builder inspect sciserver-essentials:2.4",
    ],
    [["promote"], "--to is missing — see image-builder promote --help"],
    [
      ["--dryrun", "--include", "esentials"],
      "--include esentials: no layer at or below that directory — did you mean science/essentials?",
    ],
    [["history", "esentials"], "no layer makes an image esentials — did you mean essentials?"],
  ] as const) {
    const { code, stdout, stderr } = await runTool(root, args);
    assert.equal([code, stdout, stderr], [2, "", `ERROR:root:${said}\n`]);
  }
  writeFiles(root, { "image-builder.json5": "{ rep: 1 }" });
  const { stderr } = await runTool(root, ["check"]);
  assert.match(stderr, 'unknown key "rep" — did you mean "repo"?');
});

test.run();
