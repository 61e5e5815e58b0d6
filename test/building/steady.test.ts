import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  compatFiles,
  git,
  makeRepository,
  runTool,
  scienceFiles,
  temporaryDirectory,
} from "../support/checkout.ts";

const test = suite("a checkout that changes under a run");

/** A `PATH` on which git itself is asked, after a command was run when the tool asks it for the remote: that is after the plan. */
function pathWith(command: string): string {
  const directory = temporaryDirectory();
  const real = execFileSync("sh", ["-c", "command -v git"], { encoding: "utf8" }).trim();
  const text = `#!/bin/sh\ncase "$*" in *remote.origin.url*) ${command} ;; esac\nexec ${real} "$@"\n`;
  fs.writeFileSync(path.join(directory, "git"), text, { mode: 0o755 });
  return `${directory}:${process.env["PATH"] ?? ""}`;
}

for (const [what, command, found] of [
  ["a file is edited", "echo more >> science/a/x", "science/a/x (modified)"],
  [
    "a file is edited unseen",
    "printf y > science/a/x; touch -r compat/base/Dockerfile science/a/x",
    "science/a/x (modified)",
  ],
  ["a file comes to it", "echo new > science/a/new", "science/a/new (untracked)"],
  ["another commit is checked out", "git checkout --quiet HEAD^", "is checked out"],
] as const) {
  test(`where ${what} after the plan was made, nothing is built under its stamp`, async () => {
    const root = makeRepository({
      ...scienceFiles("a", {}, "FROM scratch\nCOPY x /x\n"),
      ...compatFiles("base"),
      "science/a/x": "x",
    });
    git(root, "commit", "--quiet", "--allow-empty", "--message=another");
    for (const file of ["science/a/x", "compat/base/Dockerfile"])
      fs.utimesSync(path.join(root, file), 1e9, 1e9);
    git(root, "update-index", "--refresh");
    // git compares times by whole seconds: in the same one, nothing but its content tells a file that is edited so from the other.
    await sleep(1000 - (Date.now() % 1000));
    const environment = { PATH: pathWith(command), DOCKER_HOST: "unix:///nonexistent" };
    const { code, stderr } = await runTool(root, ["--all"], environment);
    assert.is(code, 4, stderr);
    assert.match(stderr, `the checkout changed after the plan was made: `);
    assert.match(stderr, found);
  });
}

test.run();
