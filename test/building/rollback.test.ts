import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { judgeMove } from "../../src/building/rolling.ts";
import { commit, compatFiles, git, makeRepository, temporaryDirectory } from "../support/checkout.ts";
import { cutEverywhere, registryClient } from "../support/cut.ts";
import { putImage } from "../support/stored-images.ts";
import { unique } from "../support/engine-room.ts";
import { startFaultProxy } from "../support/fault-proxy.ts";
import { testPlatform } from "../support/platform.ts";
import { digestAt, onBusybox, openWorkplace } from "../support/released.ts";

const test = suite("rollback");

const { base, registry } = await testPlatform();
const held = "Pushes now leave this tag here and exit 1.";

// Three real runs: three builds of one version, each of its own commit.
const published = await openWorkplace();
const root = makeRepository({
  ...onBusybox("one", base, `echo ${unique()} > /one`),
  ...compatFiles("base", [], "COPY motd /motd\n"),
  "compat/base/motd": "1\n",
});
const codes = [(await published.run(root, ["--push"])).code];
for (const motd of ["2\n", "3\n"]) {
  commit(root, { "compat/base/motd": motd });
  codes.push((await published.run(root, ["--push", "--all"])).code);
}
const [stamp3 = "", stamp2 = "", stamp1 = ""] = git(root, "log", "--format=%h", "--abbrev=7")
  .split("\n")
  .map((hash, index) => `${3 - index}-${hash}`);
const digests: readonly (string | undefined)[] = await Promise.all(
  [stamp1, stamp2, stamp3].map((stamp) => digestAt(`${published.repo}/rel/one:1.0-${stamp}`)),
);
const [digest1 = "", digest2 = "", digest3 = ""] = digests;

/** The three builds, and the rolling tags of the last, in a repository of its own. */
async function copyTo(repo: string): Promise<void> {
  for (const name of ["rel/one", "sci/one"])
    for (const tag of [stamp1, stamp2, stamp3].map((stamp) => `1.0-${stamp}`).concat("1.0"))
      await registryClient.copy(`${published.repo}/${name}:${tag}`, `${repo}/${name}:${tag}`);
}

async function openCopy() {
  const place = await openWorkplace();
  await copyTo(place.repo);
  const clone = path.join(temporaryDirectory(), "clone");
  git(root, "clone", "--quiet", root, clone);
  const named = () => digestAt(`${place.repo}/rel/one:1.0`);
  return { ...place, clone, named };
}

/** What the next publish, of a commit that all others lead to, would do with a tag. */
async function nextMove(repo: string): Promise<string> {
  const judge = {
    registry: registryClient,
    ancestry: () => Promise.resolve({ kind: "older" } as const),
    force: false,
  };
  return (await judgeMove(judge, `${repo}/rel/one:1.0`, `sha256:${"0".repeat(64)}`)).kind;
}

test("three runs published what the other tests take back", async () => {
  assert.equal(codes, [0, 0, 0]);
  assert.is(await digestAt(`${published.repo}/rel/one:1.0`), digest3);
  assert.is(new Set(digests).size, 3);
});

test("a rollback goes to the build before; the next run leaves the tag there and exits 1; --force-rolling moves it on, and then it is as ever", async () => {
  const place = await openCopy();
  const { code, stdout, stderr } = await place.run(place.clone, ["rollback", "one:1.0"]);
  assert.is(code, 0, stderr);
  assert.is(
    stdout,
    `${place.repo}/rel/one:1.0 was ${stamp3} (${digest3.slice(0, 19)}), is ${stamp2} (${digest2.slice(0, 19)}).\n${held} To undo: image-builder rollback rel/one:1.0 --to ${stamp3} --repo ${place.repo}\n`,
  );
  assert.is(await place.named(), digest2);

  commit(place.clone, { "compat/base/motd": "4\n" });
  const next = await place.run(place.clone, ["--push"]);
  assert.is(next.code, 1);
  assert.match(
    next.stderr,
    `ERROR:root:${place.repo}/rel/one:1.0 stays where it is: it was rolled back to ${stamp2}; to move it: image-builder rollback --to STAMP, or --force-rolling\n`,
  );
  assert.is(await place.named(), digest2);
  const stale = await place.run(place.clone, ["plan", "--stale", "-v"]);
  assert.match(stale.stderr, "rel/one:1.0 was rolled back and is left as it is");
  const why = await place.run(place.clone, ["why", "one:1.0", "--stale"]);
  assert.match(
    why.stdout,
    /^compat\/one:1\.0 is not built: its tag in the registry was rolled back, and is left so\.$/m,
  );

  const forced = await place.run(place.clone, ["--push", "--force-rolling"]);
  assert.is(forced.code, 0, forced.stderr);
  const stamp4 = `4-${git(place.clone, "rev-parse", "--short=7", "HEAD")}`;
  assert.is(await place.named(), await digestAt(`${place.repo}/rel/one:1.0-${stamp4}`));
  commit(place.clone, { "compat/base/motd": "5\n" });
  assert.is((await place.run(place.clone, ["--push"])).code, 0);
});

test("a rollback to the newest build takes the rollback back: the next run moves the tag on", async () => {
  const place = await openCopy();
  await place.run(place.clone, ["rollback", "one:1.0"]);
  const { code, stdout } = await place.run(place.clone, ["rollback", "one", "--to", stamp3]);
  assert.is(code, 0);
  assert.match(stdout, `was ${stamp2} (`);
  assert.match(stdout, "It is the newest build: the next push moves it on.");
  assert.is(await place.named(), digest3);
  commit(place.clone, { "compat/base/motd": "4\n" });
  const next = await place.run(place.clone, ["--push"]);
  assert.is(next.code, 0, next.stderr);
  assert.not.ok([digest2, digest3].includes((await place.named()) ?? ""));
});

test("a rolled back tag is rolled back further, held at each place, and --to takes it to any build", async () => {
  const place = await openCopy();
  for (const expected of [digest2, digest1]) {
    assert.is((await place.run(place.clone, ["rollback", "rel/one:1.0"])).code, 0);
    assert.is(await place.named(), expected);
    assert.is(await nextMove(place.repo), "stays");
  }
  // With as many digits of the commit as git abbreviates it to in another repository.
  const longer = `2-${git(place.clone, "rev-parse", "--short=12", stamp2.slice(2))}`;
  const { stdout } = await place.run(place.clone, ["rollback", "one:1.0", "--to", longer]);
  assert.match(stdout, held);
  assert.is(await place.named(), digest2);
  assert.is(await nextMove(place.repo), "stays");
});

test("what a science layer's tag names is taken back as well, without a checkout", async () => {
  const place = await openCopy();
  const { code, stderr } = await place.run(temporaryDirectory(), ["rollback", "sci/one:1.0", "--to", stamp1]);
  assert.is(code, 0, stderr);
  assert.is(
    await digestAt(`${place.repo}/sci/one:1.0`),
    await digestAt(`${place.repo}/sci/one:1.0-${stamp1}`),
  );
  assert.is(await place.named(), digest3);
});

test("where a tag is already it stays, and is held there from now on", async () => {
  const place = await openCopy();
  await registryClient.copy(`${place.repo}/rel/one:1.0-${stamp2}`, `${place.repo}/rel/one:1.0`);
  assert.is(await nextMove(place.repo), "moves");
  const { code, stdout } = await place.run(place.clone, ["rollback", "one:1.0", "--to", stamp2]);
  assert.is(code, 0);
  assert.match(stdout, `/rel/one:1.0: unchanged, ${stamp2} (`);
  assert.is(await nextMove(place.repo), "stays");
});

test("--dryrun shows where it would go, and writes nothing", async () => {
  const proxy = await startFaultProxy(registry);
  try {
    const name = `test-${unique()}`;
    await copyTo(`${registry}/${name}`);
    const place = await openWorkplace(`${proxy.address}/${name}`);
    const { code, stdout, stderr } = await place.run(root, ["rollback", "one:1.0", "--dryrun"]);
    assert.is(code, 0, stderr);
    assert.match(stdout, new RegExp(`is ${stamp3} \\(.*, would be ${stamp2} \\(`));
    assert.match(stdout, held);
    assert.match(stdout, "\nNothing was written (--dryrun).\n");
    assert.is.not(proxy.requests.length, 0);
    assert.ok(proxy.requests.every(({ method }) => method === "GET" || method === "HEAD"));
    assert.ok(
      proxy.requests.every(({ method, path: at }) => method === "GET" || !at.includes("/blobs/")),
      "no layer is touched",
    );
  } finally {
    await proxy.stop();
  }
});

test("builds of a shallow clone count no commits: a rollback goes by their dates", async () => {
  const place = await openCopy();
  const stamp = "0-abcdef1";
  const labels = {
    "org.sciserver.compat.version": `one:1.0-${stamp}`,
    "org.sciserver.compat.buildtime": "9999999999",
  };
  const repository = `${place.repo.slice(place.repo.indexOf("/") + 1)}/rel/one`;
  for (const tag of ["1.0", `1.0-${stamp}`]) await putImage(place.registry, repository, tag, { labels });
  const { stdout } = await place.run(place.clone, ["rollback", "one:1.0"]);
  assert.match(stdout, `was ${stamp} (`);
  assert.match(stdout, held);
  assert.is(await place.named(), digest3);
  const back = await place.run(place.clone, ["rollback", "one:1.0", "--to", stamp]);
  assert.match(back.stdout, "It is the newest build");
});

test("what cannot be taken back is said with what there is", async () => {
  const place = await openCopy();
  const all = `${stamp3}, ${stamp2}, ${stamp1}`;
  for (const [args, expected] of [
    [["One"], '"One": give an image and its version, e.g. tools:1.0 or sci/tools:1.0'],
    [["One:1.0"], '"One:1.0": give an image and its version'],
    [["one:2.0"], `${place.repo}/rel/one:2.0 is not in the registry, so there is nothing to take back — `],
    [["nothing:1.0"], `${place.repo}/rel/nothing:1.0 is not in the registry`],
    [
      ["one:1.0", "--to", "9-0000000"],
      `--to 9-0000000: no published build of ${place.repo}/rel/one:1.0 has that stamp — published are ${all}`,
    ],
    [["one:1.0", "--to", "1", "--to", "2"], "--to 2: no published build"],
    [[], "image-builder rollback needs <image>"],
  ] as const) {
    const { code, stdout, stderr } = await place.run(root, ["rollback", ...args]);
    assert.equal([code, stdout], [2, ""], stderr);
    assert.ok(stderr.toLowerCase().includes(expected.toLowerCase()), stderr);
  }
  await place.run(root, ["rollback", "one:1.0", "--to", stamp1]);
  const oldest = await place.run(root, ["rollback", "one:1.0"]);
  assert.is(oldest.code, 2);
  assert.match(
    oldest.stderr,
    `names ${stamp1}, and there is no older build of it — --to STAMP takes it anywhere: ${all}`,
  );
  await registryClient.copy(`${place.repo}/sci/one:1.0`, `${place.repo}/rel/one:1.0`);
  const unknown = await place.run(root, ["rollback", "one:1.0"]);
  assert.is(unknown.code, 2);
  assert.match(unknown.stderr, `nobody knows what was before it — say which one with --to: ${all}`);
  assert.is((await place.run(root, ["rollback", "one:1.0", "--to", stamp2])).code, 0);
  assert.is(await place.named(), digest2);
});

for (const fault of ["cut", "cut-answer"] as const) {
  test(`wherever the registry is lost (${fault}), the tag is old or new, held exactly if it went back, and one more run completes it`, async () => {
    const count = await cutEverywhere({
      root,
      args: ["rollback", "one:1.0"],
      fault,
      prepare: copyTo,
      async check({ repo, ended, again }) {
        assert.is.not(ended.code, 0);
        assert.not.match(ended.stderr, /^\s+at |bug in image-builder/m);
        const now = await digestAt(`${repo}/rel/one:1.0`);
        assert.ok(now === digest3 || now === digest2);
        assert.is(await nextMove(repo), now === digest2 ? "stays" : "moves");
        // Where writing has begun it may have succeeded: then the message names where it was to go.
        const to = / — image-builder (rollback \S+ --to \S+) --repo \S+ completes it/
          .exec(ended.stderr)?.[1]
          ?.split(" ");
        assert.ok(to !== undefined || now === digest3);
        const rerun = await again(to ?? ["rollback", "one:1.0"]);
        assert.is(rerun.code, 0, rerun.stderr);
        assert.is(await digestAt(`${repo}/rel/one:1.0`), digest2);
        assert.is(await nextMove(repo), "stays");
      },
    });
    assert.ok(count > 12, String(count));
  });
}

test("wherever the registry is lost on the way further back, the tag is held all the time", async () => {
  await cutEverywhere({
    root,
    args: ["rollback", "one:1.0", "--to", stamp1],
    fault: "cut",
    async prepare(repo) {
      await copyTo(repo);
      const place = await openWorkplace(repo);
      assert.is((await place.run(root, ["rollback", "one:1.0"])).code, 0);
    },
    async check({ repo, again }) {
      assert.ok([digest1, digest2].includes((await digestAt(`${repo}/rel/one:1.0`)) ?? ""));
      assert.is(await nextMove(repo), "stays");
      assert.is((await again(["rollback", "one:1.0", "--to", stamp1])).code, 0);
      assert.is(await digestAt(`${repo}/rel/one:1.0`), digest1);
      assert.is(await nextMove(repo), "stays");
    },
  });
});

test.run();
