import { execFileSync } from "node:child_process";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Plan } from "../../src/model.ts";
import type { TagMove } from "../../src/moves.ts";
import { commit, compatFiles, git, makeRepository, scienceFiles, tool } from "../support/checkout.ts";
import { putImage } from "../support/stored-images.ts";
import { testPlatform } from "../support/platform.ts";
import { digestAt, onBusybox, openWorkplace } from "../support/released.ts";
import type { Workplace } from "../support/released.ts";

const test = suite("the registry is the truth");

const { base } = await testPlatform();
const layers = {
  ...onBusybox("one", base, "true"),
  ...scienceFiles("two", {}, "FROM sci/one:1.0\nRUN true\n"),
  ...compatFiles("base", [], "RUN true\n"),
};
const published = ["sci/one:1.0", "sci/two:1.0", "rel/one:1.0", "rel/two:1.0"];
const digests = ({ repo }: Workplace) => Promise.all(published.map((name) => digestAt(`${repo}/${name}`)));

async function stale(place: Workplace, root: string): Promise<Plan> {
  const { code, stdout, stderr } = await place.run(root, ["plan", "--stale", "--format", "json"]);
  assert.is(code, 0, stderr);
  return JSON.parse(stdout) as Plan;
}

test("a re-run builds nothing, needs no engine, and leaves every tag as it is", async () => {
  const place = await openWorkplace();
  const root = makeRepository(layers);
  assert.is((await place.run(root, ["--push"])).code, 0);
  const before = await digests(place);
  const again = await place.run(root, ["--push"], { DOCKER_HOST: "unix:///nonexistent/docker.sock" });
  assert.is(again.code, 0, again.stderr);
  assert.match(
    again.stdout,
    /Built 0 of 4 images for \S+ in .*\. 4 were published already\. 0 tags pushed, 8 unchanged in /,
  );
  assert.equal(await digests(place), before);
});

test("a plan for publishing says of each tag whether it is new, moves or stays, and a dry run logs it", async () => {
  const place = await openWorkplace();
  const root = makeRepository(layers);
  const moves = async (...args: string[]) => {
    const { code, stdout, stderr } = await place.run(root, ["plan", "--push", "--format", "json", ...args]);
    assert.is(code, 0, stderr);
    const plan = JSON.parse(stdout) as { build: { stamp: string }; steps: { moves: TagMove[] }[] };
    const short = ({ tag, kind }: TagMove) => `${tag.slice(place.repo.length + 1)} ${kind}`;
    return { ...plan, short: plan.steps.map((step) => step.moves.map(short)) };
  };
  const first = await moves();
  const all = (kinds: readonly [string, string]) =>
    published.map((name) => [`${name}-${first.build.stamp} ${kinds[0]}`, `${name} ${kinds[1]}`]);
  assert.equal(first.short, all(["new", "new"]));
  assert.is((await place.run(root, ["--push"])).code, 0);
  assert.equal((await moves()).short, all(["same", "same"]));

  commit(root, { "science/two/Dockerfile": "FROM sci/one:1.0\nRUN true && true\n" });
  const second = await moves();
  assert.is(second.steps.length, 2);
  const rolling = second.steps[1]?.moves[1];
  assert.equal(rolling, {
    tag: `${place.repo}/rel/two:1.0`,
    kind: "moves",
    from: await digestAt(`${place.repo}/rel/two:1.0`),
    stamp: first.build.stamp,
  });
  const { stdout } = await place.run(root, ["plan", "--push"]);
  assert.match(
    stdout,
    new RegExp(`rel/two:1\\.0 +moves from ${first.build.stamp} to ${second.build.stamp}\n`),
  );
  const dry = await place.run(root, ["-v", "--dryrun", "--push"]);
  assert.match(dry.stderr, `tag rel/two:1.0: moves from ${first.build.stamp} to ${second.build.stamp}`);
  assert.match(dry.stderr, "2 to build, 0 published already");
  assert.is((await place.run(root, ["--push"])).code, 0);

  git(root, "checkout", "--quiet", "HEAD^");
  const older = await place.run(root, ["plan", "--push", "--all"]);
  assert.match(older.stdout, /rel\/two:1\.0 +stays: it is newer \(2-[0-9a-f]{7}\): nothing to do\n/);
  assert.match(older.stdout, "\n0 to build, 4 published already\n");
  commit(root, { "science/two/Dockerfile": "FROM sci/one:1.0\nRUN true || true\n" });
  const beside = await place.run(root, ["plan", "--push", "--all"]);
  assert.match(
    beside.stdout,
    /rel\/two:1\.0 +stays: it was built on another branch \([0-9a-f]{7}, "change"\); --force-rolling/,
  );
  assert.match(beside.stdout, "4 to build, 0 published already; 2 tags stay, and the run would exit 1");
});

test("an immutable tag that holds something else is an error and is not overwritten", async () => {
  const place = await openWorkplace();
  const root = makeRepository(layers);
  assert.is((await place.run(root, ["--push"])).code, 0);
  const before = await digests(place);
  const stamp = `1-${git(root, "rev-parse", "--short=7", "HEAD")}`;
  const repository = `${place.repo.slice(place.repo.indexOf("/") + 1)}/sci/one`;
  const inputs = { "org.sciserver.build.inputs": `sha256:${"0".repeat(64)}` };
  const trail = { "org.sciserver.science.one.version": "1.0-9-abcdef1" };
  for (const [labels, holds] of [
    [inputs, "an image of other inputs (sha256:000000000000…)"],
    // As one that was built on an image of the original tool by hand.
    [trail, "an image that does not say what it was built from"],
  ] as const) {
    await putImage(place.registry, repository, `1.0-${stamp}`, { labels });
    const { code, stderr } = await place.run(root, ["--push", "--include", "science/one"]);
    assert.is(code, 1, stderr);
    assert.ok(stderr.includes(`holds ${holds}; an immutable tag is never overwritten — `), stderr);
    assert.not.match(stderr, "building");
  }
  assert.equal(await digests(place), before);
});

test("--stale finds all of an empty repository, nothing after a publish, and then what differs and why", async () => {
  const place = await openWorkplace();
  const root = makeRepository(layers);
  const first = await stale(place, root);
  assert.is(first.steps.length, 4);
  assert.equal(first.steps[0]?.because, [{ kind: "unpublished" }]);
  assert.is((await place.run(root, ["--push", "--stale"])).code, 0);
  assert.is((await stale(place, root)).steps.length, 0);
  // Two commits, of which HEAD^ shows only the last.
  commit(root, { "science/two/data": "1" });
  commit(root, { "README.md": "1" });
  const later = await stale(place, root);
  assert.equal(
    later.steps.map(({ id, because }) => [id, because]),
    [
      ["science/two", [{ kind: "stale", differs: ["files"] }]],
      [
        "compat/two:1.0",
        [
          { kind: "base", step: "science/two" },
          { kind: "stale", differs: ["base"] },
        ],
      ],
    ],
  );
  commit(root, { "compat/base/Dockerfile": "RUN true && true\n" });
  const compat = await stale(place, root);
  assert.equal(compat.steps.find(({ id }) => id === "compat/one:1.0")?.because, [
    { kind: "stale", differs: ["compat"] },
  ]);
});

test("a rolling tag moves forward only: an older commit leaves it, says so before it builds and has nothing to do, unless forced", async () => {
  const place = await openWorkplace();
  const root = makeRepository(layers);
  const head = commit(root, { "science/one/data": "2" });
  assert.is((await place.run(root, ["--push", "--all"])).code, 0);
  const newer = await digests(place);
  git(root, "checkout", "--quiet", "HEAD^");
  const why = `it is newer (2-${head.slice(0, 7)}): nothing to do\n`;
  const older = await place.run(root, ["--push", "--all"]);
  assert.is(older.code, 0, older.stderr);
  const before = older.stderr.slice(0, older.stderr.indexOf("building"));
  assert.match(before, `${place.repo}/sci/one:1.0 (and 3 more tags) will stay: ${why}`);
  assert.match(older.stderr, `\n${place.repo}/rel/one:1.0 stays where it is: ${why}`);
  assert.not.match(older.stderr, "ERROR");
  assert.match(older.stdout, / 1\.0 newer already  rel\/one:1\.0-1-/);
  assert.match(older.stdout, `4 tags pushed, 0 unchanged, 4 newer already in ${place.repo}.\n`);
  assert.equal(await digests(place), newer);
  const outlook = await place.run(root, ["plan", "--push", "--all"]);
  assert.match(outlook.stdout, `  stays: ${why}`);
  assert.match(outlook.stdout, "\n0 to build, 4 published already\n");
  assert.is((await place.run(root, ["--push", "--all", "--force-rolling"])).code, 0);
  assert.not.equal(await digests(place), newer);
});

test("--tag and --tag-branch tag the releases with a name and with the branch", async () => {
  const place = await openWorkplace();
  const root = makeRepository(layers);
  git(root, "switch", "--quiet", "--create", "feature/x");
  const { code, stderr } = await place.run(root, ["--push", "--tag", "nightly", "--tag-branch"]);
  assert.is(code, 0, stderr);
  const release = await digestAt(`${place.repo}/rel/one:1.0`);
  for (const tag of ["1.0-nightly", "nightly", "1.0-feature-x", "feature-x"])
    assert.is(await digestAt(`${place.repo}/rel/one:${tag}`), release, tag);
  const refused = await place.run(root, ["--push", "--tag", "2.4"]);
  assert.is(refused.code, 2);
  assert.match(refused.stderr, "2.4 reads as a version");
});

test("a long plan reaches a slow reader whole", async () => {
  const many = Array.from({ length: 300 }, (_, n) => scienceFiles(`layer-${n}`));
  const root = makeRepository(Object.assign({}, ...many, compatFiles("base")) as Record<string, string>);
  const command = `"${process.execPath}" "${tool}" plan --all --format json | (sleep 1; cat)`;
  const text = execFileSync("sh", ["-c", command], { cwd: root, encoding: "utf8", maxBuffer: 2 ** 26 });
  assert.is((JSON.parse(text) as Plan).steps.length, 600);
});

test.run();
