import { suite } from "uvu";
import * as assert from "uvu/assert";
import { madeElsewhere, requirePublishingBranch } from "../../src/commands/branch.ts";
import { Refusal } from "../../src/problem.ts";
import { commit, compatFiles, git, makeRepository, runTool, scienceFiles } from "../support/checkout.ts";

const test = suite("publishFrom");

// A registry that nothing answers at: whoever asks it fails with another exit code.
const repo = "127.0.0.1:9/images";
const root = makeRepository({
  ...scienceFiles("one"),
  ...compatFiles("base"),
  "image-builder.json5": `{\n  "repo": "${repo}",\n  "publishFrom": ["main", "20*"],\n}\n`,
});

/** The refusal of a push from what is checked out; undefined where it may publish. */
async function refusal(environment: NodeJS.ProcessEnv = {}, to = repo): Promise<string | undefined> {
  try {
    await requirePublishingBranch({ root, repo: to }, environment);
    return undefined;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return error.message;
  }
}

test("another branch is refused before anything is asked, with the way out, whatever would publish", async () => {
  git(root, "switch", "--quiet", "-c", "feature/x");
  const environment = { GITHUB_REF: "refs/heads/main" };
  for (const args of [["--push"], ["--push", "--dryrun"], ["plan", "--push"]]) {
    const { code, stderr } = await runTool(root, args, environment);
    assert.is(code, 2, stderr);
    assert.ok(
      stderr.startsWith(
        `image-builder.json5:3: branch feature/x does not publish to ${repo}: "publishFrom" is main, 20* — ` +
          "--repo HOST/me/test publishes to a repository of your own; or add the branch there\n",
      ),
      stderr,
    );
  }
  for (const args of [["plan"], ["--dryrun"]]) assert.is((await runTool(root, args)).code, 0);
});

test("another repository takes any branch, the file's own one those that are named", async () => {
  assert.is(await refusal({}, "127.0.0.1:9/mine"), undefined);
  assert.match((await refusal()) ?? "", "branch feature/x does not publish");
  git(root, "switch", "--quiet", "-c", "2026.1");
  assert.is(await refusal(), undefined);
});

test("the file's own repository is the same however it is written", async () => {
  const place = makeRepository({
    "image-builder.json5": '{ "repo": "team/images", "publishFrom": ["main"] }\n',
  });
  git(place, "switch", "--quiet", "-c", "feature/x");
  const publish = (to: string) => requirePublishingBranch({ root: place, repo: to }, {});
  for (const to of ["team/images", "docker.io/team/images"])
    await publish(to).then(
      () => assert.unreachable(to),
      (error: unknown) => assert.ok(error instanceof Refusal),
    );
  await publish("docker.io/me/images");
});

test("where a commit is checked out, the CI system names the branch or tag", async () => {
  git(root, "switch", "--quiet", "--detach");
  const cases: readonly (readonly [NodeJS.ProcessEnv, RegExp | undefined])[] = [
    [{}, /a commit that is on no branch .* in one of GITHUB_REF, BRANCH_NAME, CI_COMMIT_BRANCH and /],
    [{ GITHUB_REF: "" }, /a commit that is on no branch/],
    [{ GITHUB_REF: "refs/heads/main" }, undefined],
    [{ GITHUB_REF: "refs/tags/2026.1" }, undefined],
    [{ GITHUB_REF: "refs/pull/12/merge" }, /branch pr-12 does not publish/],
    [{ BRANCH_NAME: "main" }, undefined],
    [{ CI_COMMIT_BRANCH: "feature/main" }, /branch feature\/main/],
  ];
  for (const [environment, expected] of cases) {
    const message = await refusal(environment);
    if (expected === undefined) assert.is(message, undefined);
    else assert.match(message ?? "", expected);
  }
});

test("what another publishing branch still makes is kept by it, and is no orphan", async () => {
  const place = makeRepository({
    ...scienceFiles("one"),
    ...scienceFiles("old"),
    ...compatFiles("base"),
    "image-builder.json5": `{ "repo": "${repo}", "publishFrom": ["main", "20*"] }\n`,
  });
  git(place, "branch", "2026.1");
  git(place, "branch", "wip");
  // One more commit, so that 2026.1 is not what a branch from here parts from last.
  commit(place, { "README.md": "1" });
  git(place, "switch", "--quiet", "-c", "fix");
  for (const branch of ["main", "fix"]) {
    git(place, "switch", "--quiet", branch);
    commit(place, { "science/old": null });
    const { code, stderr } = await runTool(place, ["plan"], { GITHUB_REF: "" });
    assert.is(code, 0, stderr);
    assert.is(stderr, "old 1.0 is kept by branch 2026.1.\n");
    assert.is((await madeElsewhere(place, {})).get("old 1.0"), "2026.1");
  }
  git(place, "branch", "--quiet", "--delete", "--force", "2026.1");
  // Neither the branch that it is to be merged into nor one that does not publish keeps it.
  const { code, stderr } = await runTool(place, ["plan"], { GITHUB_REF: "" });
  assert.is(code, 3, stderr);
});

test.run();
