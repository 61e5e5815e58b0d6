import { execFileSync } from "node:child_process";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compatFiles, makeRepository, runTool, scienceFiles } from "../support/checkout.ts";
import type { Files } from "../support/checkout.ts";

const test = suite("what keeps layers from being composed");

const obstacles: Files = {
  "science/nist-basic/d/x": "x",
  "compat/base/Dockerfile": "# escape=`\nRUNN true\n",
  "compat/base/y": "y",
  "compat/top/Dockerfile": "RUN true \\\n  && true\n",
  "compat/top/sciserver-image.json": '{"includes": ["base"]}',
  "compat/top/y/z": "z",
};
const told = [
  "compat/base/Dockerfile:2: there is no instruction RUNN",
  "compat/top/Dockerfile: needs # escape=\\, but compat/base/Dockerfile needs # escape=`",
  "compat/top/y: is a directory, but compat/base/y, which it is laid over, is a file",
  "science/nist-basic/d/pipe: is a fifo, which no context can hold",
];

test("what only composing sees is refused alike by every command that plans", async () => {
  const root = makeRepository({
    ...scienceFiles("nist-basic", { compat: "top" }),
    ...compatFiles("base"),
    ...obstacles,
  });
  execFileSync("mkfifo", [path.join(root, "science/nist-basic/d/pipe")]);
  const commands = [
    ["check"],
    ["--include", "."],
    ["-v", "--dryrun"],
    ["--dryrun", "--include", "compat"],
    ["plan"],
    ["plan", "--format", "json"],
    ["plan", "--format", "html", "--output", path.join(root, "plan.html")],
    ["plan", "--show-dockerfile", "nist-basic"],
    ["graph"],
    ["graph", "--format", "json"],
    ["why", "nist-basic"],
  ];
  for (const command of commands) {
    const { code, stdout, stderr } = await runTool(root, command, { DOCKER_HOST: "unix:///nonexistent" });
    const lines = stderr.split("\n").map((line) => line.replace(/ — .*/, ""));
    const expected = command.includes("compat") ? told.filter((line) => line.startsWith("compat")) : told;
    assert.equal([code, lines.slice(0, -2).sort(), stdout], [3, expected, ""], command.join(" "));
  }
});

test("the Dockerfile of a release that is not planned is refused as its build would be", async () => {
  const root = makeRepository({
    ...scienceFiles(
      "nist-basic-2",
      { image: "nist-basic", version: "2.0" },
      "FROM sci/nist-basic:1.0\nRUN true\n",
    ),
    ...compatFiles("base"),
    ...obstacles,
    "compat/base/Dockerfile": "# escape=`\nRUN true\n",
    ...scienceFiles("nist-basic", { compat: "top" }),
  });
  const plain = ["plan", "--include", "science/nist-basic-2", "--show-dockerfile"];
  const shown = await runTool(root, [...plain, "nist-basic:2.0"]);
  assert.is(shown.code, 0, shown.stderr);
  const refused = await runTool(root, [...plain, "nist-basic:1.0"]);
  assert.is(refused.code, 3);
  assert.match(refused.stderr, told[1] ?? "");
});

test.run();
