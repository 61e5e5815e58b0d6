import fs from "node:fs";
import path from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Promotion } from "../../src/moves.ts";
import { commit, makeRepository } from "../support/checkout.ts";
import { cutEverywhere, registryClient } from "../support/cut.ts";
import { putIndex } from "../support/stored-images.ts";
import { unique } from "../support/engine-room.ts";
import { putsManifest, startFaultProxy } from "../support/fault-proxy.ts";
import { testPlatform } from "../support/platform.ts";
import { digestAt, openWorkplace, twoVersions } from "../support/released.ts";

const test = suite("promote");

const { base, registry } = await testPlatform();
const proxy = await startFaultProxy(registry);
const nist = twoVersions(base);

// Two real runs: what the branch main had before, which is released as `stable`, and what it has now.
const published = await openWorkplace();
const root = makeRepository(nist);
const first = await published.run(root, ["--push", "--tag", "main", "--tag", "stable"]);
commit(root, { "compat/base/motd": "hello\n" });
const second = await published.run(root, ["--push", "--tag", "main"]);
const versions = ["1.0", "2.0"] as const;

test.before.each(() => proxy.heal());
test.after(() => proxy.stop());

/** What was published, in a repository of its own. */
async function copyTo(repo: string): Promise<void> {
  const tags = [...versions, "1.0-main", "2.0-main", "1.0-stable", "2.0-stable", "stable"];
  for (const tag of tags)
    await registryClient.copy(`${published.repo}/rel/nist-basic:${tag}`, `${repo}/rel/nist-basic:${tag}`);
}

/** A copy behind the proxy, and what its tags name. */
async function openCopy() {
  const name = `test-${unique()}`;
  await copyTo(`${registry}/${name}`);
  const place = await openWorkplace(`${proxy.address}/${name}`);
  const named = async (tag: string) =>
    (await registryClient.resolve(`${registry}/${name}/rel/nist-basic:${tag}`))?.digest;
  return {
    ...place,
    name,
    named,
    writes: () => proxy.requests.filter(({ method }) => !/GET|HEAD/.test(method)),
  };
}

const short = (digest: string | undefined) => digest?.slice(0, 19) ?? "-";

test("two runs published what the other tests promote", async () => {
  assert.equal([first.code, second.code], [0, 0], first.stderr + second.stderr);
  const at = (tag: string) => digestAt(`${published.repo}/rel/nist-basic:${tag}`);
  assert.is(await at("2.0-main"), await at("2.0"));
  assert.is.not(await at("2.0-stable"), await at("2.0-main"));
});

test("each release gets every name after its version, and the highest version of an image gets the bare name too", async () => {
  const place = await openCopy();
  const was = await place.named("2.0-stable");
  const { code, stdout, stderr } = await place.run(root, [
    "promote",
    "--from",
    "main",
    "--to",
    "v0.1.1",
    "--to",
    "stable",
  ]);
  assert.is(code, 0, stderr);
  for (const name of ["v0.1.1", "stable"]) {
    for (const version of versions)
      assert.is(await place.named(`${version}-${name}`), await place.named(`${version}-main`));
    assert.is(await place.named(name), await place.named("2.0-main"));
  }
  const is = short(await place.named("2.0-main"));
  assert.match(stdout, new RegExp(`^rel/nist-basic:2.0-stable +${short(was)} +${is} +moved$`, "m"));
  assert.match(stdout, new RegExp(`^rel/nist-basic:v0.1.1 +- +${is} +moved$`, "m"));
  assert.match(stdout, "6 tags moved, 0 unchanged in ");
  assert.not.ok(
    proxy.requests.some(({ path: at }) => at.includes("/blobs/")),
    "no layer is touched",
  );
  assert.is(await place.named("main"), undefined, "only what was asked for");
});

test("what names it already is not written again", async () => {
  const place = await openCopy();
  const args = ["promote", "--from", "main", "--to", "stable"];
  await place.run(root, args);
  proxy.heal();
  const { code, stdout } = await place.run(root, args);
  assert.is(code, 0);
  assert.is(stdout.match(/unchanged$/gm)?.length, 3, stdout);
  assert.match(stdout, "0 tags moved, 3 unchanged in ");
  assert.equal(place.writes(), []);
});

test("without --from the rolling tags are promoted, and only the releases that are named", async () => {
  const place = await openCopy();
  assert.is((await place.run(root, ["promote", "--to", "lts", "nist-basic:1.0"])).code, 0);
  assert.is(await place.named("1.0-lts"), await place.named("1.0"));
  assert.equal([await place.named("2.0-lts"), await place.named("lts")], [undefined, undefined]);
  assert.is((await place.run(root, ["promote", "nist-basic", "--to", "lts"])).code, 0);
  assert.is(await place.named("lts"), await place.named("2.0"));
});

test("it is a deliberate act: a tag moves back as well", async () => {
  const place = await openCopy();
  const older = await place.named("2.0-stable");
  assert.is((await place.run(root, ["promote", "--from", "stable", "--to", "main"])).code, 0);
  assert.is(await place.named("2.0-main"), older);
});

test("--dryrun shows what every tag names before and after, and writes nothing", async () => {
  const place = await openCopy();
  const args = ["promote", "--from", "main", "--to", "stable", "--to", "new", "--dryrun"];
  const { code, stdout, stderr } = await place.run(root, args);
  assert.is(code, 0, stderr);
  const [was, is] = [await place.named("stable"), await place.named("2.0-main")];
  assert.match(stdout, /^TAG +WAS +WOULD BE$/m);
  assert.match(stdout, new RegExp(`^rel/nist-basic:stable +${short(was)} +${short(is)}$`, "m"));
  assert.match(stdout, new RegExp(`^rel/nist-basic:2.0-new +- +${short(is)}$`, "m"));
  assert.match(stdout, "6 tags would move, 0 unchanged in ");
  assert.equal(place.writes(), []);
  assert.is.not(proxy.requests.length, 0);
  assert.is(await place.named("new"), undefined);
});

test("the JSON is what its schema says, before and after", async () => {
  const place = await openCopy();
  const schema = JSON.parse(
    fs.readFileSync(path.join(import.meta.dirname, "../../docs/promote.schema.json"), "utf8"),
  ) as object;
  const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(schema);
  for (const [more, result] of [
    [["--dryrun"], "moves"],
    [[], "moved"],
    [[], "same"],
  ] as const) {
    const { stdout } = await place.run(root, [
      "promote",
      "--from",
      "main",
      "--to",
      "new",
      "--format",
      "json",
      ...more,
    ]);
    const promotion = JSON.parse(stdout) as Promotion;
    assert.ok(validate(promotion), JSON.stringify(validate.errors));
    assert.equal(
      promotion.tags.map((each) => each.result),
      [result, result, result],
    );
    const bare = promotion.tags.find(({ tag }) => tag === `${place.repo}/rel/nist-basic:new`);
    assert.is(bare?.source, `${place.repo}/rel/nist-basic:2.0-main`);
    assert.is(bare?.was, result === "same" ? bare?.is : null);
  }
});

test("an index is promoted whole", async () => {
  const place = await openCopy();
  const index = await putIndex(registry, `${place.name}/rel/nist-basic`, "2.0-multi");
  const { code, stderr } = await place.run(root, [
    "promote",
    "nist-basic:2.0",
    "--from",
    "multi",
    "--to",
    "stable",
  ]);
  assert.is(code, 0, stderr);
  for (const tag of ["2.0-stable", "stable"]) {
    const reference = `${registry}/${place.name}/rel/nist-basic:${tag}`;
    const manifest = await registryClient.manifest(reference);
    assert.is(manifest?.digest, index.digest);
    assert.is(Buffer.from(manifest?.bytes ?? []).toString(), index.text);
    assert.is((await registryClient.config(reference))?.platform.architecture, "amd64");
  }
});

test("a missing source stops everything, and all that are missing are named with what to do", async () => {
  const place = await openCopy();
  const { code, stdout, stderr } = await place.run(root, ["promote", "--from", "nightly", "--to", "stable"]);
  assert.is(code, 4);
  assert.is(stdout, "");
  for (const version of versions)
    assert.match(
      stderr,
      `${place.repo}/rel/nist-basic:${version}-nightly is not in the registry; nothing was moved — tag it first: image-builder promote nist-basic:${version} --to nightly --repo ${place.repo}`,
    );
  await registryClient.copy(
    `${registry}/${place.name}/rel/nist-basic:1.0`,
    `${registry}/${place.name}/rel/nist-basic:1.0-nightly`,
  );
  const mistyped = await place.run(root, ["promote", "--from", "mian", "--to", "stable"]);
  assert.is(mistyped.code, 4);
  for (const version of versions)
    assert.match(
      mistyped.stderr,
      `nist-basic:${version}-mian is not in the registry; nothing was moved — did you mean main?\n`,
    );
  const half = await place.run(root, ["promote", "--from", "nightly", "--to", "stable"]);
  assert.is(half.code, 4);
  assert.not.match(half.stderr, "nist-basic:1.0-nightly is not");
  assert.equal(place.writes(), []);
  const empty = await openWorkplace();
  const unpublished = await empty.run(root, ["promote", "nist-basic:1.0", "--to", "stable"]);
  assert.match(
    unpublished.stderr,
    `publish it first: image-builder --push --include science/nist-basic --repo ${empty.repo};`,
  );
});

test("a registry that refuses in the middle is told: what moved, what did not; the bare name waits, and a re-run completes it", async () => {
  const place = await openCopy();
  const [was, is] = [await place.named("stable"), await place.named("2.0-main")];
  proxy.break((request) =>
    putsManifest(request) && request.path.endsWith("/2.0-stable") ? { status: 403, body: "{}" } : undefined,
  );
  const args = ["promote", "--from", "main", "--to", "stable"];
  const { code, stdout, stderr } = await place.run(root, args);
  assert.is(code, 1);
  assert.match(stdout, /^rel\/nist-basic:1\.0-stable +\S+ +\S+ +moved$/m);
  assert.match(stdout, /^rel\/nist-basic:2\.0-stable +(\S+) +\1 +not confirmed$/m);
  assert.match(stdout, /^rel\/nist-basic:stable +(\S+) +\1 +not moved$/m);
  assert.match(stdout, "2 are not known to have moved: the same command again completes it.");
  assert.match(stderr, /^ERROR:root:.*2\.0-stable/m);
  assert.not.match(stderr, /^\s+at /m);
  assert.is(await place.named("stable"), was);
  proxy.heal();
  assert.is((await place.run(root, args)).code, 0);
  assert.equal([await place.named("2.0-stable"), await place.named("stable")], [is, is]);
});

test("names that are none, unknown releases and a name promoted to itself are refused, all at once", async () => {
  const nowhere = await openWorkplace("localhost:1/x");
  for (const [args, expected] of [
    [
      ["--to", "2.4", "--to", "rollback-x"],
      /^ERROR:root:2\.4 reads as .*\nERROR:root:rollback-x reads as .*\n$/,
    ],
    [["--to", "a b"], /^ERROR:root:"a b" is not a tag/],
    [["--from", "main", "--to", "main"], /^ERROR:root:--from main and --to main are the same/],
    [["nist", "nist-basic:3.0", "--to", "stable"], /image nist — .*\n.*image nist-basic:3\.0 — did you mean/],
    [["--from", "main"], /^ERROR:root:--to is missing/],
  ] as const) {
    const { code, stdout, stderr } = await nowhere.run(root, ["promote", ...args]);
    assert.equal([code, stdout], [2, ""], stderr);
    assert.match(stderr, expected);
  }
});

for (const fault of ["cut", "cut-answer"] as const) {
  test(`wherever the registry is lost (${fault}), every tag is old or new, bare names are last, and one re-run completes it`, async () => {
    const args = ["promote", "--from", "main", "--to", "stable", "--to", "next"];
    const at = async (repo: string, tag: string) =>
      (await registryClient.resolve(`${repo}/rel/nist-basic:${tag}`))?.digest;
    const old = {
      "1.0": await at(published.repo, "1.0-stable"),
      "2.0": await at(published.repo, "2.0-stable"),
    };
    const count = await cutEverywhere({
      root,
      args,
      fault,
      prepare: copyTo,
      async check({ repo, ended, again }) {
        assert.is.not(ended.code, 0);
        assert.not.match(ended.stderr, /^\s+at |bug in image-builder/m);
        const isNew = async (tag: string, version: "1.0" | "2.0") => {
          const digest = await at(repo, tag);
          assert.ok(
            [tag.endsWith("next") ? undefined : old[version], await at(repo, version)].includes(digest),
          );
          return digest === (await at(repo, version));
        };
        const releases = await Promise.all([
          isNew("1.0-stable", "1.0"),
          isNew("2.0-stable", "2.0"),
          isNew("1.0-next", "1.0"),
          isNew("2.0-next", "2.0"),
        ]);
        const bare = await Promise.all([isNew("stable", "2.0"), isNew("next", "2.0")]);
        assert.ok(!bare.includes(true) || !releases.includes(false), "a bare name came first");
        const rerun = await again(args);
        assert.is(rerun.code, 0, rerun.stderr);
        for (const tag of ["2.0-stable", "2.0-next", "stable", "next"])
          assert.ok(await isNew(tag, "2.0"), tag);
        for (const tag of ["1.0-stable", "1.0-next"]) assert.ok(await isNew(tag, "1.0"), tag);
      },
    });
    // Hello, what there is to promote, what each tag names now, and the moves. A tag that is missing is asked for by GET as well
    // until the registry has answered a HEAD.
    assert.ok(count >= 1 + 2 + 6 + 6 && count <= 1 + 2 + 6 + 3 + 6, String(count));
  });
}

test.run();
