import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { History } from "../../src/published.ts";
import { commit, compatFiles, git, makeRepository, scienceFiles } from "../support/checkout.ts";
import { testPlatform } from "../support/platform.ts";
import { digestAt, onBusybox, openWorkplace } from "../support/released.ts";
import type { Workplace } from "../support/released.ts";

const test = suite("history");

const { base, dockerHost } = await testPlatform();
const files = {
  ...onBusybox("basic", base, "echo one > /one"),
  ...scienceFiles("top", { image: "basic", version: "2.0" }, "FROM sci/basic:1.0\nRUN echo two > /two\n"),
  ...compatFiles("base", [], "COPY motd /motd\n"),
  "compat/base/motd": "welcome\n",
};

const schema = JSON.parse(
  fs.readFileSync(path.join(import.meta.dirname, "../../docs/history.schema.json"), "utf8"),
) as object;
const ajv = new Ajv2020({ formats: { "date-time": true } });

async function historyOf(place: Workplace, root: string, image: string): Promise<History> {
  const { code, stdout, stderr } = await place.run(root, ["history", image, "--format", "json"]);
  assert.is(code, 0, stderr);
  const history = JSON.parse(stdout) as History;
  assert.ok(ajv.validate(schema, history), ajv.errorsText());
  return history;
}

test("every immutable tag of the version is listed, the newest first, with what names it now", async () => {
  const place = await openWorkplace();
  const root = makeRepository(files);
  const release = `${place.repo}/rel/basic`;
  const push = async (seconds: number, ...args: string[]) => {
    const { code, stderr } = await place.run(root, ["--push", ...args], {
      SOURCE_DATE_EPOCH: String(seconds),
    });
    assert.is(code, 0, stderr);
  };
  const first = git(root, "rev-parse", "HEAD");
  await push(1_639_000_000, "--all", "--tag", "stable");
  const second = commit(root, { "compat/base/motd": "hello\n" });
  await push(1_639_100_000);
  // Nine more: as a text, 12 would sort before 2.
  for (let n = 0; n < 9; n += 1) commit(root);
  const third = commit(root, { "compat/base/motd": "good morning\n" });
  await push(1_639_200_000, "--tag", "main");

  const { reference, builds } = await historyOf(place, root, "basic:1.0");
  assert.is(reference, `${release}:1.0`);
  const [newest, , oldest] = builds;
  assert.equal(
    builds.map(({ tag, stamp, commit: of, date, tags }) => [tag, stamp, of, date, tags]),
    (
      [
        [12, third, "2021-12-11T05:20:00.000Z", ["1.0", "1.0-main"]],
        [2, second, "2021-12-10T01:33:20.000Z", []],
        [1, first, "2021-12-08T21:46:40.000Z", ["1.0-stable"]],
      ] as const
    ).map(([count, of, date, tags]) => {
      const stamp = `${count}-${of.slice(0, 7)}`;
      return [`1.0-${stamp}`, stamp, of, date, tags];
    }),
  );
  assert.is(newest?.digest, await digestAt(`${release}:1.0`));
  assert.is(oldest?.digest, await digestAt(`${release}:1.0-stable`));
  assert.is(newest?.base?.name, `${place.repo}/sci/basic:1.0`);
  assert.is(newest?.base?.digest, await digestAt(`${place.repo}/sci/basic:1.0`));

  const { stdout } = await place.run(root, ["history", "basic:1.0"]);
  const shown = builds.map(({ digest }) => digest.slice(0, 19));
  const stamps = builds.map(({ stamp }) => stamp.padEnd(10));
  const column = "sci/basic:1.0";
  const lines = stdout.split("\n");
  assert.equal(lines.slice(0, 4), [
    `${release}:1.0`,
    "",
    `STAMP       BUILT                 DIGEST               ON                       TAGS NOW`,
    `${stamps[0]}  2021-12-11 05:20 UTC  ${shown[0]}  ${column.padEnd(23)}  1.0, 1.0-main`,
  ]);
  assert.match(lines[5] ?? "", `sci/basic:1.0-1-${first.slice(0, 7)}  1.0-stable`);

  // A plain name counts for the image's highest version.
  assert.equal(
    (await historyOf(place, root, "basic:2.0")).builds.map(({ tags }) => tags),
    [["2.0", "2.0-main", "main"], [], ["2.0-stable", "stable"]],
  );
  const science = await historyOf(place, root, "sci/top");
  assert.is(science.reference, `${place.repo}/sci/top:2.0`);
  assert.equal(
    science.builds.map(({ commit: of, tags }) => [of, tags]),
    [[first, ["2.0"]]],
  );
});

test("builds of the original tool are listed by their tags, and other tags are none", async () => {
  const place = await openWorkplace();
  const root = makeRepository(files);
  const release = `${place.repo}/rel/basic`;
  const docker = (input: string, ...args: string[]) =>
    execFileSync("docker", args, {
      env: { ...process.env, DOCKER_HOST: dockerHost, DOCKER_BUILDKIT: "0" },
      input,
      stdio: ["pipe", "ignore", "pipe"],
    });
  const labels = [
    "org.sciserver.compat.version=basic:1.0-41-f90dbd6",
    "org.sciserver.compat.buildtime=1639077082.170079",
  ].flatMap((label) => ["--label", label]);
  docker(`FROM ${base}\n`, "build", "--tag", `${release}:1.0-41-f90dbd6`, ...labels, "-");
  for (const tag of ["1.0", "1.0-rollback", "1.0-rc.1", "10.0-41-f90dbd6", "2.0"])
    docker("", "tag", `${release}:1.0-41-f90dbd6`, `${release}:${tag}`);
  docker("", "push", "--all-tags", release);
  const { builds } = await historyOf(place, root, "basic:1.0");
  assert.equal(builds, [
    {
      tag: "1.0-41-f90dbd6",
      stamp: "41-f90dbd6",
      commit: "f90dbd6",
      date: "2021-12-09T19:11:22.170Z",
      digest: await digestAt(`${release}:1.0`),
      base: null,
      unreadable: null,
      tags: ["1.0", "1.0-rc.1", "1.0-rollback"],
    },
  ]);
});

test("an image that was never published is said so, and is no error; one that no layer makes is a usage mistake", async () => {
  const place = await openWorkplace();
  const root = makeRepository(files);
  const { code, stdout, stderr } = await place.run(root, ["history", "basic:1.0"]);
  assert.equal(
    [code, stdout, stderr],
    [0, `Nothing of ${place.repo}/rel/basic:1.0 has been published yet.\n`, ""],
  );
  assert.equal((await historyOf(place, root, "sci/basic")).builds, []);
  const unknown = await place.run(root, ["history", "basik:1.0"]);
  assert.equal(
    [unknown.code, unknown.stderr],
    [2, "ERROR:root:no layer makes an image basik:1.0 — did you mean basic:1.0?\n"],
  );
  const several = await place.run(root, ["history", "basic"]);
  assert.is(several.code, 2);
  assert.match(several.stderr, "basic has several versions — name one: basic:1.0, basic:2.0");
});

test.run();
