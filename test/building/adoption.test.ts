/** A platform whose images the original tool has published goes on with this one: its science images stay as they are. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Inspection } from "../../src/published.ts";
import type { Status } from "../../src/status.ts";
import { commit, git, makeRepository, temporaryDirectory, writeFiles } from "../support/checkout.ts";
import { publishAsOriginal } from "../support/original.ts";
import type { OriginalBuild } from "../support/original.ts";
import { testPlatform } from "../support/platform.ts";
import { digestAt, openWorkplace, twoVersions } from "../support/released.ts";
import type { Workplace } from "../support/released.ts";

const test = suite("adoption");

const { base } = await testPlatform();
const layers = twoVersions(base);
const science: readonly OriginalBuild[] = [
  { kind: "sci", name: "nist-basic", version: "1.0", on: base },
  { kind: "sci", name: "nist-basic-2", version: "2.0", on: "sci/nist-basic:1.0" },
];
const releases: readonly OriginalBuild[] = [
  { kind: "rel", name: "nist-basic", version: "1.0", on: "sci/nist-basic:1.0" },
  { kind: "rel", name: "nist-basic", version: "2.0", on: "sci/nist-basic-2:2.0" },
];
const noEngine = { DOCKER_HOST: "unix:///nonexistent/docker.sock" };
const nothing = "Nothing to build.\n";

const scienceDigests = ({ repo }: Workplace) =>
  Promise.all(["sci/nist-basic:1.0", "sci/nist-basic-2:2.0"].map((name) => digestAt(`${repo}/${name}`)));

async function succeeds(place: Workplace, root: string, args: readonly string[], environment = {}) {
  const { code, stdout, stderr } = await place.run(root, args, environment);
  assert.is(code, 0, `${args.join(" ")}\n${stdout}${stderr}`);
  return { stdout, stderr };
}

/** Asserts that every command gives the same answer to whether an image is up to date. */
async function isUpToDate(place: Workplace, root: string): Promise<void> {
  const { stdout } = await succeeds(place, root, ["status", "--check"]);
  assert.match(stdout, `\n4 up to date in ${place.repo}\n`);
  assert.is((await succeeds(place, root, ["--stale", "--push"], noEngine)).stdout, nothing);
}

async function isInspectedAsUpToDate(place: Workplace, root: string, ...images: string[]): Promise<void> {
  for (const image of images)
    assert.match(
      (await succeeds(place, root, ["inspect", image])).stdout,
      /^checkout {2}up to date$/m,
      image,
    );
}

function change(root: string, n: number): string {
  return commit(root, { "compat/base/motd": `welcome ${n}\n` });
}

test("of a platform rebuilds no science: from the first status to the third release, and then for one change of science that alone", async () => {
  const place = await openWorkplace();
  const root = makeRepository(layers);
  // As git does by itself in a large repository.
  git(root, "config", "core.abbrev", "9");
  const stamp = publishAsOriginal(place, root, [...science, ...releases]);
  assert.match(stamp, /^1-[0-9a-f]{9}$/);
  const digests = await scienceDigests(place);
  const release = await digestAt(`${place.repo}/rel/nist-basic:1.0`);
  await isUpToDate(place, root);
  await isInspectedAsUpToDate(place, root, "nist-basic:2.0");

  // HEAD^ counts everything as new, and the registry has all of it.
  const rerun = await succeeds(place, root, ["--push"], noEngine);
  assert.match(rerun.stdout, /Built 0 of 4 images .* 4 were published already\./);
  assert.is(await digestAt(`${place.repo}/rel/nist-basic:1.0`), release);

  const published: (string | undefined)[] = [release];
  for (const [n, ...args] of [[1, "--stale"], [2], [3]] as const) {
    change(root, n);
    const { stdout, stderr } = await succeeds(place, root, ["--push", "-v", ...args]);
    assert.match(stderr, "final plan includes 0 science builds and 2 compat builds");
    assert.match(stdout, "Built 2 of 2 images");
    await isUpToDate(place, root);
    published.push(await digestAt(`${place.repo}/rel/nist-basic:1.0`));
    assert.equal(await scienceDigests(place), digests);
  }
  assert.is(new Set(published).size, 4);
  const again = await succeeds(place, root, ["--push"], noEngine);
  assert.match(again.stdout, "2 were published already");
  await isInspectedAsUpToDate(place, root, "nist-basic:2.0", "sci/nist-basic-2");

  const history = await succeeds(place, root, ["history", "nist-basic:1.0"]);
  assert.match(history.stdout, new RegExp(`^${stamp} `, "m"));
  assert.is(history.stdout.match(/^\d-[0-9a-f]{7,9} /gm)?.length, 4);

  commit(root, { "science/nist-basic-2/Dockerfile": "FROM sci/nist-basic:1.0\nRUN echo three > /two\n" });
  const built = await succeeds(place, root, ["--stale", "--push"]);
  assert.match(built.stdout, "Built 2 of 2 images");
  assert.match(built.stdout, "science/nist-basic-2");
  await isUpToDate(place, root);
  const [lower, upper] = await scienceDigests(place);
  assert.is(lower, digests[0]);
  assert.is.not(upper, digests[1]);

  const shorter = await succeeds(place, root, ["inspect", `nist-basic:1.0-${stamp.slice(0, 9)}`]);
  assert.match(shorter.stdout, `${place.repo}/rel/nist-basic:1.0-${stamp}\n`);
  const back = ["rollback", "nist-basic:1.0", "--to", stamp.slice(0, 9)];
  assert.match((await succeeds(place, root, back)).stdout, `is ${stamp} (`);
  assert.is(await digestAt(`${place.repo}/rel/nist-basic:1.0`), release);
});

test("in the middle of a commit builds the releases on the science images that are there, and a re-run nothing", async () => {
  const place = await openWorkplace();
  const root = makeRepository(layers);
  publishAsOriginal(place, root, science);
  const digests = await scienceDigests(place);
  const { stdout } = await succeeds(place, root, ["--push"]);
  assert.match(stdout, /Built 2 of 4 images .* 2 were published already\./);
  await isUpToDate(place, root);
  for (const args of [["--push"], ["--push", "--include", "compat"]])
    assert.match((await succeeds(place, root, args, noEngine)).stdout, "Built 0 of ");
  assert.equal(await scienceDigests(place), digests);
});

test("goes on while the original tool still publishes on images of this one, whose labels its own inherit", async () => {
  const place = await openWorkplace();
  const root = makeRepository(layers);
  await succeeds(place, root, ["--push"]);
  const digests = await scienceDigests(place);
  change(root, 1);
  publishAsOriginal(place, root, releases);
  await isUpToDate(place, root);
  change(root, 2);
  assert.match((await succeeds(place, root, ["--push"])).stdout, "Built 2 of 2 images");
  await isUpToDate(place, root);
  assert.equal(await scienceDigests(place), digests);
});

test("without the history leaves what cannot be compared, says so everywhere, and goes on from the next releases", async () => {
  const place = await openWorkplace();
  const elsewhere = makeRepository(layers);
  git(elsewhere, "commit", "--quiet", "--amend", "--message=another");
  const stamp = publishAsOriginal(place, elsewhere, [...science, ...releases]);
  const digests = await scienceDigests(place);
  const root = makeRepository(layers);

  const missing = `cannot be compared: commit ${stamp.slice(2)} is not in this clone (git fetch)`;
  const first = await place.run(root, ["status", "--check"]);
  assert.is(first.code, 1);
  assert.match(first.stdout, `  ${missing}\n`);
  assert.match(first.stdout, `\n4 not comparable in ${place.repo}\n`);
  const inspected = await succeeds(place, root, ["inspect", "sci/nist-basic"]);
  assert.match(inspected.stdout, `\ncheckout  ${missing}\n`);
  const stale = await succeeds(place, root, ["--stale", "--push"], noEngine);
  assert.is(stale.stdout, nothing);
  assert.match(
    stale.stderr,
    new RegExp(
      `^Left as published, because commit ${stamp.slice(2)} is not in this clone \\(git fetch\\): .*rel/nist-basic:1\\.0`,
    ),
  );
  const why = await succeeds(place, root, ["why", "sci/nist-basic", "--stale"]);
  assert.match(why.stdout, `science/nist-basic is not built: ${missing}.\n`);

  await succeeds(place, root, ["--push", "--include", "compat", "--force-rolling"]);
  change(root, 1);
  assert.match((await succeeds(place, root, ["--stale", "--push"])).stdout, "Built 2 of 2 images");
  const { stdout } = await succeeds(place, root, ["status"]);
  assert.match(stdout, `\n2 up to date, 2 not comparable in ${place.repo}\n`);
  assert.equal(await scienceDigests(place), digests);

  // Where the history comes after all, science is judged by it.
  git(root, "fetch", "--quiet", elsewhere, "HEAD");
  await isUpToDate(place, root);
});

test("counts for science the files that it is built from, and not its definition, nor a change that was taken back", async () => {
  const place = await openWorkplace();
  const root = makeRepository(layers);
  publishAsOriginal(place, root, [...science, ...releases]);
  const definition = '{ "image": "nist-basic", "compat": "base", "retired": false }\n';
  commit(root, { "science/nist-basic/sciserver-image.json": definition, "science/nist-basic/new": "1" });
  commit(root, { "science/nist-basic/new": null });
  const { images } = JSON.parse(
    (await succeeds(place, root, ["status", "--format", "json"])).stdout,
  ) as Status;
  assert.equal(Object.fromEntries(images.map(({ id, state, differs }) => [id, [state, ...differs]])), {
    "compat/nist-basic:1.0": ["behind", "compat"],
    "compat/nist-basic:2.0": ["current"],
    "science/nist-basic": ["current"],
    "science/nist-basic-2": ["current"],
  });
  writeFiles(root, { "science/nist-basic/new": "2" });
  const inspection = JSON.parse(
    (await succeeds(place, root, ["inspect", "sci/nist-basic-2", "--format", "json"])).stdout,
  ) as Inspection;
  assert.equal(inspection.checkout?.verdict, "differs");
  const plan = await succeeds(place, root, ["plan", "--stale"]);
  assert.match(plan.stdout, /science\/nist-basic — published image is out of date: its files changed/);
  const shallow = temporaryDirectory();
  git(root, "clone", "--quiet", "--depth=1", `file://${root}`, shallow);
  const refused = await place.run(shallow, ["plan", "--stale"]);
  assert.is(refused.code, 4);
  assert.match(refused.stderr, "git fetch --unshallow");
});

test.run();
