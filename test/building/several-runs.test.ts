/** Runs that work at the same time on one engine, as those of a CI agent with several executors do. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { commit, compatFiles, git, makeRepository, temporaryDirectory } from "../support/checkout.ts";
import { unique } from "../support/engine-room.ts";
import { startFaultProxy } from "../support/fault-proxy.ts";
import type { ProxiedRequest } from "../support/fault-proxy.ts";
import { testPlatform } from "../support/platform.ts";
import { digestAt, onBusybox, openWorkplace } from "../support/released.ts";

const test = suite("several runs on one engine");
const { base } = await testPlatform();
const rounds = Number(process.env["ROUNDS"] ?? 2);

/** Three commits of one history, each checked out in a clone of its own. */
function threeCommits(): readonly string[] {
  const root = makeRepository({
    ...onBusybox("one", base, "echo 0 > /one; sleep 0.2"),
    ...onBusybox("two", base, "echo 0 > /two"),
    ...compatFiles("base"),
  });
  const commits = [1, 2, 3].map((n) => commit(root, onBusybox("one", base, `echo ${n} > /one; sleep 0.2`)));
  return commits.map((hash) => {
    const clone = temporaryDirectory();
    git(clone, "clone", "--quiet", root, ".");
    git(clone, "checkout", "--quiet", hash);
    return clone;
  });
}

for (let round = 1; round <= rounds; round += 1) {
  test(`three publishers of three commits end with the newest, and none disturbs another (${round})`, async () => {
    const place = await openWorkplace();
    const clones = threeCommits();
    const results = await Promise.all(clones.map((clone) => place.run(clone, ["--all", "--push"])));
    for (const { code, stderr } of results) assert.is(code, 0, stderr);
    const stamp = `4-${git(clones[2] ?? "", "rev-parse", "--short=7", "HEAD")}`;
    for (const name of ["sci/one:1.0", "sci/two:1.0", "rel/one:1.0", "rel/two:1.0"])
      assert.is(await digestAt(`${place.repo}/${name}`), await digestAt(`${place.repo}/${name}-${stamp}`));
  });
}

test("an older run that moves a tag right after a newer one does not keep it", async () => {
  const proxy = await startFaultProxy((await testPlatform()).registry);
  try {
    const place = await openWorkplace(`${proxy.address}/test-${unique()}`);
    const [older = "", , newer = ""] = threeCommits();
    const moves = ({ method, path }: ProxiedRequest) => method === "PUT" && path.endsWith("/manifests/1.0");
    // The older run has judged its tags, and waits with the moves until the newer one has made its own.
    const held: (() => void)[] = [];
    let made = 0;
    const late = new Promise<void>((done) => {
      proxy.break(async (request) => {
        if (!moves(request)) return undefined;
        if (held.length < 4) {
          if (held.length === 3) done();
          await new Promise<void>((go) => held.push(go));
        } else if (++made === 4) setTimeout(() => held.forEach((go) => go()), 30);
        return undefined;
      });
    });
    const first = place.run(older, ["--all", "--push"]);
    await late;
    const second = await place.run(newer, ["--all", "--push"]);
    for (const { code, stderr } of [await first, second]) assert.is(code, 0, stderr);
    const stamp = `4-${git(newer, "rev-parse", "--short=7", "HEAD")}`;
    for (const name of ["sci/one:1.0", "sci/two:1.0", "rel/one:1.0", "rel/two:1.0"])
      assert.is(await digestAt(`${place.repo}/${name}`), await digestAt(`${place.repo}/${name}-${stamp}`));
  } finally {
    await proxy.stop();
  }
});

test("three publishers of one commit all succeed, with one image under each tag", async () => {
  const place = await openWorkplace();
  const [clone = ""] = threeCommits();
  const runs = [1, 2, 3].map((second) =>
    place.run(clone, ["--all", "--push"], { SOURCE_DATE_EPOCH: String(1_700_000_000 + second) }),
  );
  for (const { code, stderr } of await Promise.all(runs)) assert.is(code, 0, stderr);
  const stamp = `2-${git(clone, "rev-parse", "--short=7", "HEAD")}`;
  for (const name of ["sci/one:1.0", "rel/one:1.0"])
    assert.is(await digestAt(`${place.repo}/${name}`), await digestAt(`${place.repo}/${name}-${stamp}`));
});

test.run();
