/** Runs that work at the same time on one engine, as those of a CI agent with several executors do. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { commit, compatFiles, git, makeRepository, temporaryDirectory } from "../support/checkout.ts";
import { testPlatform } from "../support/platform.ts";
import { digestAt, onBusybox, openWorkplace } from "../support/released.ts";

const test = suite("several runs on one engine");
const { base } = await testPlatform();
const rounds = Number(process.env["ROUNDS"] ?? 2);

/** Three commits, each in a clone of its own. */
function threeCommits(): readonly string[] {
  const root = makeRepository({
    ...onBusybox("one", base, "echo 0 > /one; sleep 0.2"),
    ...onBusybox("two", base, "echo 0 > /two"),
    ...compatFiles("base"),
  });
  return [1, 2, 3].map((n) => {
    commit(root, onBusybox("one", base, `echo ${n} > /one; sleep 0.2`));
    const clone = temporaryDirectory();
    git(clone, "clone", "--quiet", root, ".");
    return clone;
  });
}

for (let round = 1; round <= rounds; round += 1) {
  test(`three publishers of three commits end with the newest, and none disturbs another (${round})`, async () => {
    const place = await openWorkplace();
    const clones = threeCommits();
    const results = await Promise.all(clones.map((clone) => place.run(clone, ["--all", "--push"])));
    for (const [index, { code, stderr }] of results.entries()) {
      // Only a tag that names a newer build already may stay.
      const errors = stderr.split("\n").filter((line) => line.startsWith("ERROR"));
      const others = errors.filter((line) => !/:1\.0 stays where it is: /.test(line));
      assert.equal(others, []);
      assert.ok(code === 0 || (index < 2 && errors.length > 0), stderr);
    }
    const stamp = `4-${git(clones[2] ?? "", "rev-parse", "--short=7", "HEAD")}`;
    for (const name of ["sci/one:1.0", "sci/two:1.0", "rel/one:1.0", "rel/two:1.0"])
      assert.is(await digestAt(`${place.repo}/${name}`), await digestAt(`${place.repo}/${name}-${stamp}`));
  });
}

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
