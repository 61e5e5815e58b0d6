import fs from "node:fs";
import path from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Plan } from "../../src/model.ts";
import {
  commit,
  compatFiles,
  makeRepository,
  runTool,
  scienceFiles,
  writeFiles,
} from "../support/checkout.ts";

const test = suite("warnings of a plan");

const schema = fs.readFileSync(path.join(import.meta.dirname, "../../docs/plan.schema.json"), "utf8");
const validPlan = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(JSON.parse(schema) as object);

const root = makeRepository({
  ...scienceFiles("a"),
  ...scienceFiles("b", {}, "FROM ghcr.io/me/a:latest\n"),
  ...compatFiles("base"),
});
commit(root, { "science/a/Dockerfile": "FROM debian:bookworm-slim\nRUN true\n" });

const message = "ghcr.io/me/a:latest is an image from elsewhere, not the layer science/a";
const hint = "for the layer, write sci/a:1.0; for another image, write ghcr.io/me/a:latest@sha256:…";
const line = `science/b/Dockerfile:1: warning: ${message} — ${hint}`;

test("a base that looks like a layer is told in every form of a plan, also where another layer is built", async () => {
  const json = await runTool(root, ["plan", "--format", "json"]);
  const plan = JSON.parse(json.stdout) as Plan;
  assert.ok(validPlan(plan), JSON.stringify(validPlan.errors));
  assert.equal(plan.warnings, [
    { rule: "unlinked-base", file: "science/b/Dockerfile", line: 1, message, hint },
  ]);
  for (const format of ["text", "markdown"]) {
    const { stdout, stderr } = await runTool(root, ["plan", "--format", format]);
    assert.equal([stdout.includes(line), stderr], [true, ""], format);
  }
  for (const args of [["plan", "--format", "dot"], ["graph", "--format", "json"], ["--dryrun"]]) {
    const { code, stdout, stderr } = await runTool(root, args);
    assert.equal([code, stdout.includes("warning"), stderr], [0, false, `${line}\n`], args.join(" "));
  }
});

test("the lines that the original tool prints stay as they are beside a warning", async () => {
  const { stderr } = await runTool(root, ["-v", "--dryrun"]);
  const lines = stderr.trimEnd().split("\n");
  assert.equal(
    lines.map((each) => each.replace(/:.*/, "")),
    ["WARNING", "WARNING", "science/b/Dockerfile"],
  );
});

test("--repo decides which images are our own", async () => {
  for (const args of [["check"], ["plan"], ["status"]]) {
    const { code, stderr } = await runTool(root, [...args, "--repo", "ghcr.io/me"]);
    assert.is(code, 3, stderr);
    assert.match(stderr, `science/b/Dockerfile:1: ${message} — ${hint}`);
  }
});

test("a directory with a Dockerfile alone is left out as long as git does not know it, and a warning afterwards", async () => {
  writeFiles(root, { "science/wip/Dockerfile": "RUN nothing yet\n" });
  const before = await runTool(root, ["plan"]);
  assert.is(before.code, 0);
  assert.match(before.stderr, "science/wip");
  assert.not.match(before.stdout, "wip");
  commit(root);
  const { code, stdout } = await runTool(root, ["plan", "--ref", "HEAD^^"]);
  assert.is(code, 0);
  assert.match(stdout, "* science/a");
  assert.match(stdout, "science/wip/Dockerfile: warning: has no sciserver-image.json beside it");
});

test("many warnings are cut, with what shows them all", async () => {
  const many = Array.from({ length: 12 }, (_, index) =>
    scienceFiles(`m${index}`, {}, "FROM ghcr.io/me/a:latest\n"),
  );
  commit(root, Object.assign({}, ...many));
  const { stdout } = await runTool(root, ["plan"]);
  assert.match(stdout, "… and 4 more warnings: image-builder check\n");
  const { stderr } = await runTool(root, ["check"]);
  assert.is(stderr.match(/warning: /g)?.length, 14);
});

test.run();
