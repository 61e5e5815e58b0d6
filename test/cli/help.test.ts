import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { commands } from "../../src/cli/arguments.ts";
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
    [["plna"], "unknown argument: plna — did you mean plan?"],
    [["plan", "--allow-dirty"], "unknown argument: --allow-dirty — it is an option of build"],
    [["--no-push"], "unknown argument: --no-push — leave out --push"],
    [["history", "a", "--format", "jsn"], '--format "jsn" is none of text, json — did you mean json?'],
    [["completion", "fis"], 'shell "fis" is none of bash, zsh, fish — did you mean fish?'],
    [["inspect"], "image-builder inspect needs <image> — e.g. image-builder inspect essentials:2.4"],
    [["promote"], "missing required argument: --to — image-builder promote --help lists what there is"],
    [
      ["--dryrun", "--include", "esentials"],
      "--include esentials: there is no layer at or below that directory — did you mean science/essentials?",
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
