import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { commit, compatFiles, git, makeRepository, scienceFiles, writeFiles } from "../support/checkout.ts";
import type { Files, RunningTool } from "../support/checkout.ts";
import { testPlatform } from "../support/platform.ts";
import { onBusybox, openWorkplace } from "../support/released.ts";
import type { Workplace } from "../support/released.ts";

const test = suite("build --watch");

const { base, dockerHost } = await testPlatform();
const waiting = /Watching for changes/g;

/** Two science layers, one on the other, with a release of each. */
const layers = {
  ...scienceFiles("lower", {}, `FROM ${base}\nCOPY lower.txt /\n`),
  "science/lower/lower.txt": "one\n",
  ...scienceFiles("upper", {}, "FROM sci/lower:1.0\nRUN cat /lower.txt > /upper.txt\n"),
  ...compatFiles("base", [], "COPY motd /motd\n"),
  "compat/base/motd": "welcome\n",
  ...onBusybox("other", base, "true"),
};

async function open(files: Files = layers) {
  const place = await openWorkplace();
  const root = makeRepository(files);
  const stamp = `1-${git(root, "rev-parse", "--short=7", "HEAD")}-dirty`;
  return { place, root, stamp };
}

/** Saves files and waits until what they touch is built, or is said to be wrong; gives what was said meanwhile. */
function save(tool: RunningTool, root: string, files: Files): Promise<string> {
  return after(tool, () => writeFiles(root, files));
}

/** The same for anything that changes files. */
async function after(tool: RunningTool, change: () => void): Promise<string> {
  const before = tool.said();
  const count = before.match(waiting)?.length ?? 0;
  change();
  while ((tool.said().match(waiting)?.length ?? 0) <= count) {
    assert.is(tool.process.exitCode, null, tool.said());
    await sleep(50);
  }
  return tool.said().slice(before.length);
}

/** Ctrl-C while it waits: there is nothing to cancel, and nobody was asked to publish what is being written. */
async function stop(tool: RunningTool): Promise<void> {
  tool.process.kill("SIGINT");
  const { code, stdout, stderr } = await tool.ended;
  assert.is(code, 130);
  assert.match(stderr, /Watching for changes \(Ctrl-C to stop\)\.\n\nStopped\.\n$/);
  assert.not.match(stdout, "Nothing was pushed");
}

function contentOf(place: Workplace, name: string, file: string): string {
  const env = { ...process.env, DOCKER_HOST: dockerHost };
  const args = ["run", "--rm", "--network=none", `${place.repo}/${name}`, "cat", file];
  return execFileSync("docker", args, { env, encoding: "utf8" });
}

test("a saved file, a broken Dockerfile, and that one mended: each is built, or said to be wrong, until Ctrl-C", async () => {
  const { place, root, stamp } = await open();
  const tool = place.start(root, ["--watch", "--all"]);
  await tool.says(waiting);
  assert.match(tool.said(), /compat\/upper:1\.0: built in/);

  const saved = await save(tool, root, { "science/lower/lower.txt": "two\n" });
  assert.match(saved, /^\nscience\/lower\/lower\.txt saved\n/, saved);
  assert.match(saved, /compat\/upper:1\.0: built in/, saved);
  assert.not.match(saved, "science/other");
  assert.is(contentOf(place, `rel/upper:1.0-${stamp}`, "/upper.txt"), "two\n");

  // What it stands on was built in this session, and nowhere else under its plain version.
  const upper = await save(tool, root, {
    "science/upper/Dockerfile": "FROM sci/lower:1.0\nRUN cat /lower.txt /lower.txt > /upper.txt\n",
  });
  assert.not.match(upper, "science/other");
  assert.is(contentOf(place, `rel/upper:1.0-${stamp}`, "/upper.txt"), "two\ntwo\n");

  const broken = await save(tool, root, { "science/upper/Dockerfile": "FORM sci/lower:1.0\n" });
  assert.match(broken, /science\/upper\/Dockerfile:1: has no FROM/, broken);
  const failing = await save(tool, root, { "science/upper/Dockerfile": "FROM sci/lower:1.0\nRUN false\n" });
  assert.match(failing, /science\/upper\/Dockerfile:2: /, failing);
  // The save of another file tries it again.
  assert.match(await save(tool, root, { "compat/base/motd": "hello\n" }), /science\/upper\/Dockerfile:2: /);
  const mended = await save(tool, root, {
    "science/upper/Dockerfile": "FROM sci/lower:1.0\nRUN echo mended > /upper.txt\n",
  });
  assert.match(mended, /compat\/upper:1\.0: built in/, mended);
  assert.is(contentOf(place, `rel/upper:1.0-${stamp}`, "/upper.txt"), "mended\n");
  assert.is(contentOf(place, `rel/upper:1.0-${stamp}`, "/motd"), "hello\n");
  await stop(tool);
});

test("a new layer that git does not know is built; what .dockerignore keeps out and editors leave behind is not", async () => {
  const { place, root, stamp } = await open();
  const tool = place.start(root, ["--watch", "--include", "science/other"]);
  await tool.says(waiting);
  const fresh = await save(tool, root, {
    "science/fresh/.dockerignore": "notes\n",
    ...onBusybox("fresh", base, "echo fresh > /fresh"),
  });
  assert.match(fresh, /compat\/fresh:1\.0: built in/, fresh);
  assert.is(contentOf(place, `rel/fresh:1.0-${stamp}`, "/fresh"), "fresh\n");
  assert.not.match(await save(tool, root, { "science/fresh/notes": "to do\n" }), "built in");
  const said = tool.said();
  writeFiles(root, {
    "science/fresh/.Dockerfile.swp": "",
    "science/fresh/Dockerfile~": "",
    "science/fresh/4913": "",
  });
  await sleep(1000);
  assert.is(tool.said(), said);
  const gone = await save(tool, root, { "science/fresh": null });
  assert.not.match(gone, "ERROR");
  await stop(tool);
});

test("a save during a build cancels it, and what was to be built is built with what is saved now", async () => {
  const { place, root, stamp } = await open({ ...layers, ...onBusybox("slow", base, "sleep 60") });
  const tool = place.start(root, ["--watch", "--include", "science/slow", "science/other"]);
  await tool.says(/science\/slow: building/);
  await sleep(1500);
  const begun = performance.now();
  const said = await save(tool, root, onBusybox("slow", base, "echo quick > /slow"));
  assert.ok(performance.now() - begun < 50_000);
  assert.match(said, /science\/slow: cancelled after/, said);
  assert.match(said, /compat\/slow:1\.0: built in/, said);
  assert.match(said, /compat\/other:1\.0: built in/, said);
  assert.is(contentOf(place, `rel/slow:1.0-${stamp}`, "/slow"), "quick\n");
  await stop(tool);
  assert.not.match((await tool.ended).stdout, "cancelled");
});

test("a definition that is wrong at the start is waited for; with --push or --dryrun there is no watching", async () => {
  const { place, root } = await open();
  commit(root);
  const definition = path.join(root, "science/other/sciserver-image.json");
  const good = fs.readFileSync(definition, "utf8");
  fs.writeFileSync(definition, "{");
  const tool = place.start(root, ["--watch", "--include", "science/other"]);
  await tool.says(waiting);
  assert.match(tool.said(), /science\/other\/sciserver-image\.json:1:\d+: not JSON5/);
  assert.match(
    await save(tool, root, { "science/other/sciserver-image.json": good }),
    /compat\/other:1\.0: built in/,
  );
  await stop(tool);
  for (const option of ["--push", "--dryrun"]) {
    const { code, stderr } = await place.run(root, ["--watch", option]);
    assert.equal(
      [code, stderr],
      [2, "ERROR:root:--watch builds, and nothing more — give it without --push and --dryrun\n"],
    );
  }
});

test("science/ may go and come back, and image-builder.json5 is watched as well", async () => {
  const { place, root } = await open();
  const tool = place.start(root, ["--watch", "--include", "science/other"]);
  await tool.says(waiting);
  const [science, away] = [path.join(root, "science"), path.join(root, "s2")];
  await after(tool, () => fs.renameSync(science, away));
  const back = await after(tool, () => fs.renameSync(away, science));
  assert.match(back, /compat\/other:1\.0: built in/, back);
  const saved = await save(tool, root, onBusybox("other", base, "true again"));
  assert.match(saved, /compat\/other:1\.0: built in/, saved);

  const broken = await save(tool, root, { "image-builder.json5": "{" });
  assert.match(broken, /^image-builder\.json5:1:\d+: not JSON5/m, broken);
  const mended = await save(tool, root, { "image-builder.json5": '{ environmentVariable: "MY_IMAGE" }' });
  assert.match(mended, /compat\/other:1\.0: built in/, mended);
  assert.match(
    await save(tool, root, { "README.md": "x", "compat/base/motd": "hi\n" }),
    /^\ncompat\/base\/motd saved\n/,
  );
  await stop(tool);
});

test.run();
