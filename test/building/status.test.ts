import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ImageStatus, Status } from "../../src/status.ts";
import {
  commit,
  compatFiles,
  git,
  makeRepository,
  scienceFiles,
  temporaryDirectory,
  writeFiles,
} from "../support/checkout.ts";
import { unique } from "../support/engine-room.ts";
import { on, startFaultProxy } from "../support/fault-proxy.ts";
import { testPlatform } from "../support/platform.ts";
import { digestAt, onBusybox, openWorkplace } from "../support/released.ts";
import type { Workplace } from "../support/released.ts";

const test = suite("status");

const { base } = await testPlatform();
const onOne = "FROM sci/one:1.0\nRUN true\n";
const layers = {
  ...onBusybox("one", base, "true"),
  ...scienceFiles("two", {}, onOne),
  ...compatFiles("common", [], "RUN true\n"),
  ...compatFiles("base", ["common"], "RUN true\n"),
};

const schema = JSON.parse(
  fs.readFileSync(path.join(import.meta.dirname, "../../docs/status.schema.json"), "utf8"),
) as object;
const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(schema);

async function statusOf(place: Workplace, root: string): Promise<Status> {
  const { code, stdout, stderr } = await place.run(root, ["status", "--format", "json"]);
  assert.is(code, 0, stderr);
  const status = JSON.parse(stdout) as Status;
  assert.ok(validate(status), JSON.stringify(validate.errors));
  return status;
}

async function check(place: Workplace, root: string): Promise<number | null> {
  const { code, stderr } = await place.run(root, ["status", "--check"]);
  assert.is(stderr, "");
  return code;
}

const states = ({ images }: Status) => Object.fromEntries(images.map(({ id, state }) => [id, state]));

function imageOf({ images }: Status, id: string): ImageStatus {
  const found = images.find((image) => image.id === id);
  if (found === undefined) throw new Error(`no ${id}`);
  return found;
}

/** The layers that an image is behind in, with how many commits. */
const lags = (status: Status, id: string) =>
  imageOf(status, id).behind.map(({ directory, commits }) => [directory, commits]);

async function published(): Promise<{ place: Workplace; root: string }> {
  const place = await openWorkplace();
  const root = makeRepository(layers);
  const { code, stderr } = await place.run(root, ["--push"], { SOURCE_DATE_EPOCH: "1639077082" });
  assert.is(code, 0, stderr);
  return { place, root };
}

/** Gives a published image a further tag, as other tools do. */
async function retag(reference: string, tag: string): Promise<void> {
  const slash = reference.indexOf("/");
  const colon = reference.lastIndexOf(":");
  const url = `http://${reference.slice(0, slash)}/v2/${reference.slice(slash + 1, colon)}/manifests/`;
  const type = "application/vnd.docker.distribution.manifest.v2+json";
  const manifest = await fetch(url + reference.slice(colon + 1), { headers: { accept: type } });
  const body = await manifest.arrayBuffer();
  const put = await fetch(url + tag, { method: "PUT", body, headers: { "content-type": type } });
  assert.ok(put.ok, await put.text());
}

test("in an empty repository everything is unpublished, and --check fails", async () => {
  const place = await openWorkplace();
  const root = makeRepository(layers);
  const status = await statusOf(place, root);
  assert.equal(states(status), {
    "compat/one:1.0": "unpublished",
    "compat/two:1.0": "unpublished",
    "science/one": "unpublished",
    "science/two": "unpublished",
  });
  assert.equal(status.orphans, []);
  assert.is(await check(place, root), 1);
});

test("after a publish everything is up to date, and the table says since when", async () => {
  const { place, root } = await published();
  const head = git(root, "rev-parse", "HEAD");
  const { code, stdout } = await place.run(root, ["status", "--check"]);
  assert.is(code, 0);
  const line = `1-${head.slice(0, 7)}  2021-12-09 19:11 UTC  up to date`;
  assert.is(
    stdout,
    [
      "IMAGE        PUBLISHED  DATE                  STATUS",
      `rel/one:1.0  ${line}`,
      `rel/two:1.0  ${line}`,
      `sci/one:1.0  ${line}`,
      `sci/two:1.0  ${line}`,
      "",
      `4 up to date in ${place.repo}`,
      "",
    ].join("\n"),
  );
  const release = imageOf(await statusOf(place, root), "compat/two:1.0");
  assert.equal(release, {
    id: "compat/two:1.0",
    kind: "release",
    image: "two",
    version: "1.0",
    reference: `${place.repo}/rel/two:1.0`,
    state: "current",
    published: {
      digest: await digestAt(`${place.repo}/rel/two:1.0`),
      stamp: `1-${head.slice(0, 7)}`,
      commit: head,
      date: "2021-12-09T19:11:22.000Z",
      unreadable: null,
    },
    heldBy: null,
    differs: [],
    behind: [],
  });
});

test("what changed since is behind, by its own layers and those it stands on, each with its commits", async () => {
  const { place, root } = await published();
  commit(root, { "science/one/Dockerfile": `FROM ${base}\nRUN true 2\n` });
  commit(root, { "science/one/Dockerfile": `FROM ${base}\nRUN true 3\n` });
  commit(root, { "compat/common/Dockerfile": "RUN true 2\n", "README.md": "words\n" });
  const status = await statusOf(place, root);
  assert.equal(lags(status, "science/one"), [["science/one", 2]]);
  assert.equal(lags(status, "science/two"), [["science/one", 2]]);
  assert.equal(lags(status, "compat/two:1.0"), [
    ["science/one", 2],
    ["compat/common", 1],
  ]);
  assert.is(await check(place, root), 1);
  const { stdout } = await place.run(root, ["status"]);
  assert.match(stdout, / {2}behind: science\/one by 2 commits, compat\/common by 1 commit\n/);
  assert.match(stdout, `\n4 behind in ${place.repo}\n`);
});

test("a release whose compat is behind has its science up to date", async () => {
  const { place, root } = await published();
  commit(root, { "compat/base/Dockerfile": "RUN true 2\n" });
  const status = await statusOf(place, root);
  assert.equal(states(status), {
    "compat/one:1.0": "behind",
    "compat/two:1.0": "behind",
    "science/one": "current",
    "science/two": "current",
  });
  assert.equal(lags(status, "compat/one:1.0"), [["compat/base", 1]]);
});

test("each layer counts from the commit that it was built from, as the trail tells", async () => {
  const { place, root } = await published();
  commit(root, { "science/one/Dockerfile": `FROM ${base}\nRUN true 2\n` });
  commit(root, { "compat/base/Dockerfile": "RUN true 2\n" });
  // Only the compat layers are published anew, on the science images that were there.
  assert.is((await place.run(root, ["--push"])).code, 0);
  assert.equal(lags(await statusOf(place, root), "compat/one:1.0"), [["science/one", 1]]);
});

test("what is not committed, and a change taken back, are told from commits", async () => {
  const { place, root } = await published();
  const built = git(root, "rev-parse", "--short=7", "HEAD");
  commit(root, { "science/two/Dockerfile": `${onOne}RUN true\n` });
  commit(root, { "science/two/Dockerfile": onOne });
  assert.is(await check(place, root), 0);
  writeFiles(root, { "science/two/Dockerfile": `${onOne}RUN true 2\n` });
  assert.equal(imageOf(await statusOf(place, root), "science/two").behind, [
    { kind: "science", directory: "science/two", commit: built, commits: 2, uncommitted: true },
  ]);
});

test("a clone that lacks the commit still tells what is up to date, and says where it cannot count", async () => {
  const { place, root } = await published();
  commit(root, { "science/two/Dockerfile": `${onOne}RUN true 2\n` });
  const clone = temporaryDirectory();
  execFileSync("git", ["clone", "--quiet", "--depth=1", `file://${root}`, clone]);
  const status = await statusOf(place, clone);
  assert.is(imageOf(status, "compat/one:1.0").state, "current");
  assert.is(imageOf(status, "science/two").state, "behind");
  assert.is(imageOf(status, "science/two").behind[0]?.commits, null);
  const { stdout } = await place.run(clone, ["status"]);
  assert.match(
    stdout,
    /behind, unknown by how much: commit [0-9a-f]{7} is not in this clone \(git fetch\)\n/,
  );
  writeFiles(root, { "image-builder.json5": '{ labelNamespace: "org.example2" }' });
  const renamed = await place.run(root, ["status"]);
  assert.match(renamed.stdout, /^sci\/two:1\.0 .* its labels do not say what it was built from$/m);
  const inspected = await place.run(root, ["inspect", "sci/two"]);
  assert.match(inspected.stdout, "\nNo labels below org.example2: built by something else");
});

test("a tag that was taken back is rolled back, and that is not in order", async () => {
  const { place, root } = await published();
  commit(root, { "compat/base/Dockerfile": "RUN true 2\n" });
  const digest = (await digestAt(`${place.repo}/rel/one:1.0`)) ?? "";
  for (const tag of ["1.0-rollback", `1.0-rollback-${digest.slice(7, 19)}`])
    await retag(`${place.repo}/rel/one:1.0`, tag);
  await place.run(root, ["--push"]);
  const status = await statusOf(place, root);
  assert.is(imageOf(status, "compat/one:1.0").state, "rolled-back");
  assert.is(imageOf(status, "compat/two:1.0").state, "current");
  assert.is(await check(place, root), 1);
  assert.match((await place.run(root, ["status"])).stdout, /rolled back; behind: compat\/base by 1 commit\n/);
});

test("a retired version says so, is in order, and leaves what stands on it up to date", async () => {
  const { place, root } = await published();
  commit(root, scienceFiles("one", { retired: true }, `FROM ${base}\nRUN true\n`));
  assert.equal(states(await statusOf(place, root)), {
    "compat/one:1.0": "retired",
    "compat/two:1.0": "current",
    "science/one": "current",
    "science/two": "current",
  });
  assert.is(await check(place, root), 0);
  const stale = await place.run(root, ["plan", "--stale"]);
  assert.is(stale.stdout, "Nothing to build.\n");
  const why = await place.run(root, ["why", "two", "--stale"]);
  assert.match(
    why.stdout,
    "compat/two:1.0 is not built: the registry holds it as this checkout would make it.\n",
  );
  commit(root, { "compat/base/Dockerfile": "RUN true 2\n" });
  assert.is((await place.run(root, ["--stale", "--push"])).code, 0);
  assert.is(await check(place, root), 0, "the retired release is not built, and not missed");
});

test("versions and images that no layer makes any more are orphans, with what ended them; of what was retired that is fine", async () => {
  const { place, root } = await published();
  const renamed = commit(root, scienceFiles("two", { image: "three", version: "1.5" }, onOne));
  const names = ["two 1.0"];
  let status = await statusOf(place, root);
  assert.equal(
    status.orphans.map(({ image, version }) => `${image} ${version}`),
    names,
  );
  assert.is(status.orphans[0]?.commit, renamed);
  assert.is(status.orphans[0]?.definition, "science/two/sciserver-image.json");
  assert.is(status.orphans[0]?.published?.stamp?.startsWith("1-"), true);

  await place.run(root, ["--push", "--allow-orphans"]);
  const edited = commit(root, scienceFiles("two", { image: "three", version: "1.6" }, onOne));
  await place.run(root, ["--push", "--allow-orphans"]);
  const { stdout, code } = await place.run(root, ["status", "--check"]);
  assert.is(code, 1);
  assert.match(
    stdout,
    new RegExp(
      `rel/three:1\\.5 .* orphan: no layer makes it since ${edited.slice(0, 7)} \\(science/two/sciserver-image\\.json\\), no more compat updates\n`,
    ),
  );
  assert.match(stdout, /, 2 orphaned in /);

  commit(root, scienceFiles("two", { image: "three", version: "1.6", retired: true }, onOne));
  commit(root, { "science/two": null });
  status = await statusOf(place, root);
  assert.equal(
    status.orphans.map(({ image, version, retired }) => [image, version, retired]),
    [
      ["three", "1.5", false],
      ["three", "1.6", true],
      ["two", "1.0", false],
    ],
  );
});

test("images of the original tool, without inputs, go by version and commit", async () => {
  const place = await openWorkplace();
  const root = makeRepository({ ...onBusybox("one", base, "true"), ...compatFiles("base", [], "") });
  const stamp = `1-${git(root, "rev-parse", "--short=7", "HEAD")}`;
  const labels = {
    "org.sciserver.science.one.version": `1.0-${stamp}`,
    "org.sciserver.science.one.buildtime": "1639077081.9336998",
    "org.sciserver.compat.version": `one:1.0-${stamp}`,
    "org.sciserver.compat.buildtime": "1639077082.170079",
  };
  const context = temporaryDirectory();
  const lines = Object.entries(labels).map(([name, value]) => `LABEL ${name}=${JSON.stringify(value)}`);
  writeFiles(context, { Dockerfile: `FROM ${base}\n${lines.join("\n")}\nRUN true ${unique()}\n` });
  const docker = (...args: string[]) =>
    execFileSync("docker", args, {
      env: { ...process.env, DOCKER_HOST: place.dockerHost },
      stdio: "ignore",
    });
  for (const name of ["sci/one:1.0", "rel/one:1.0"]) {
    docker("build", "--tag", `${place.repo}/${name}`, context);
    docker("push", `${place.repo}/${name}`);
  }
  const status = await statusOf(place, root);
  assert.equal(states(status), { "compat/one:1.0": "current", "science/one": "current" });
  assert.equal(imageOf(status, "compat/one:1.0").published, {
    digest: await digestAt(`${place.repo}/rel/one:1.0`),
    stamp,
    commit: stamp.slice(2),
    date: "2021-12-09T19:11:22.170Z",
    unreadable: null,
  });
  commit(root, { "science/one/Dockerfile": `FROM ${base}\nRUN true 2\n` });
  assert.equal(lags(await statusOf(place, root), "compat/one:1.0"), [["science/one", 1]]);
});

test("it takes four requests for each image, and one for each repository of releases", async () => {
  const { place, root } = await published();
  const proxy = await startFaultProxy(place.registry);
  const behind = await openWorkplace(place.repo.replace(place.registry, proxy.address));
  assert.is(await check(behind, root), 0);
  const asked = proxy.requests.filter((request) => request.path !== "/v2/");
  assert.is(asked.length, 4 * 4 + 2);
  await proxy.stop();
});

test("what a registry turns down is an error, and never counts as not there", async () => {
  const { place, root } = await published();
  const proxy = await startFaultProxy(place.registry);
  const refusing = await openWorkplace(place.repo.replace(place.registry, proxy.address));
  proxy.break(on((request) => request.path.includes("/rel/two/"), { status: 403 }));
  const { code, stdout, stderr } = await refusing.run(root, ["status"]);
  assert.is(code, 1);
  assert.is(stdout, "");
  assert.match(stderr, /^ERROR:root:.* — /m);
  await proxy.stop();
});

test("outside of a git repository it says so", async () => {
  const root = temporaryDirectory();
  writeFiles(root, layers);
  const { code, stderr } = await (await openWorkplace()).run(root, ["status"]);
  assert.is(code, 4);
  assert.match(stderr, "is not in a git repository");
});

test.run();
