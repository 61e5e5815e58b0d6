import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Inspection, InspectedLayer } from "../../src/published.ts";
import {
  commit,
  compatFiles,
  git,
  makeRepository,
  runTool,
  scienceFiles,
  temporaryDirectory,
  writeFiles,
} from "../support/checkout.ts";
import { startFaultProxy } from "../support/fault-proxy.ts";
import { testPlatform } from "../support/platform.ts";
import { digestAt, onBusybox, openWorkplace } from "../support/released.ts";
import type { Workplace } from "../support/released.ts";

const test = suite("inspect");

const { base, dockerHost } = await testPlatform();
const files = {
  ...onBusybox("basic", base, "echo one > /one"),
  ...scienceFiles("a-top", { image: "basic", version: "2.0" }, "FROM sci/basic:1.0\nRUN echo two > /two\n"),
  ...compatFiles("common", [], "COPY motd /motd\n"),
  "compat/common/motd": "welcome\n",
  ...compatFiles("base", ["common"], "RUN true\n"),
};
/** The trail's times and the platform do not depend on when the test runs. */
const clock = { SOURCE_DATE_EPOCH: "1639077082" };

const schema = JSON.parse(
  fs.readFileSync(path.join(import.meta.dirname, "../../docs/inspect.schema.json"), "utf8"),
) as object;
const ajv = new Ajv2020({ formats: { "date-time": true } });

async function inspected(
  place: Workplace,
  root: string,
  image: string,
  ...args: string[]
): Promise<Inspection> {
  const { code, stdout, stderr } = await place.run(root, ["inspect", image, "--format", "json", ...args]);
  assert.is(code, 0, stderr);
  const inspection = JSON.parse(stdout) as Inspection;
  assert.ok(ajv.validate(schema, inspection), ajv.errorsText());
  return inspection;
}

function published(): { root: string; head: string; stamp: string } {
  const root = makeRepository(files);
  const head = git(root, "rev-parse", "HEAD");
  return { root, head, stamp: `1-${head.slice(0, 7)}` };
}

const docker = (input: string, ...args: string[]) =>
  execFileSync("docker", args, {
    env: { ...process.env, DOCKER_HOST: dockerHost, DOCKER_BUILDKIT: "0" },
    input,
    encoding: "utf8",
    stdio: ["pipe", "pipe", "pipe"],
  });

const since = ({ checkout }: InspectedLayer) =>
  checkout?.kind === "known"
    ? [checkout.commits, checkout.differing, checkout.paths, checkout.leadsHere]
    : checkout?.kind;

test("a published release is shown as a tree down to its foreign base, in two small requests and without an engine", async () => {
  const place = await openWorkplace();
  const { root, head, stamp } = published();
  const made = await place.run(root, ["--push", "--all"], clock);
  assert.is(made.code, 0, made.stderr);

  const proxy = await startFaultProxy(place.registry);
  const repo = place.repo.replace(place.registry, proxy.address);
  const { code, stdout, stderr } = await runTool(root, ["inspect", "basic:2.0", "--repo", repo], {
    DOCKER_HOST: "unix:///nonexistent",
  });
  await proxy.stop();
  assert.equal([code, stderr], [0, ""]);
  const digest = (await digestAt(`${place.repo}/rel/basic:2.0`)) ?? "";
  const lines = stdout.replace(/^size {6}[\d.]+ [kM]B, compressed$/m, "size").split("\n");
  const built = "2021-12-09 19:11 UTC";
  assert.equal(lines.slice(0, 7), [
    `${repo}/rel/basic:2.0`,
    "",
    `digest    ${digest}`,
    "size",
    "platform  linux/amd64",
    // It was built in the same run, and so before it was in a registry.
    `built on  ${place.repo}/sci/a-top:2.0-${stamp} (digest not recorded)`,
    "checkout  up to date",
  ]);
  assert.equal(lines.slice(7), [
    "",
    `LAYER            VERSION  STAMP      BUILT                 SINCE THEN`,
    `rel/basic        2.0      ${stamp}  ${built}  unchanged`,
    `└─ sci/a-top     2.0      ${stamp}  ${built}  unchanged`,
    `   └─ sci/basic  1.0      ${stamp}  ${built}  unchanged`,
    `      └─ ${base} (as this checkout has it)`,
    "",
  ]);
  const asked = proxy.requests.map(({ method, path: asking }) => `${method} ${asking.replace(/^.*\//, "")}`);
  assert.is(asked.length, 3, asked.join("\n"));
  assert.equal(
    proxy.requests.map(
      ({ path: asking }) => /^\/v2\/$|\/manifests\/2\.0$|\/blobs\/sha256:/.exec(asking)?.[0],
    ),
    ["/v2/", "/manifests/2.0", "/blobs/sha256:"],
  );

  const data = await inspected(place, root, "basic:2.0");
  assert.equal([data.revision, data.digest, data.source], [head, digest, "registry"]);
  assert.is(data.created?.slice(0, 2), "20");
  assert.equal(data.layers[0], {
    kind: "compat",
    name: "basic",
    version: "2.0",
    stamp,
    commit: head,
    time: "2021-12-09T19:11:22.000Z",
    checkout: {
      kind: "known",
      directories: ["compat/common", "compat/base"],
      version: "2.0",
      commits: 0,
      differing: 0,
      paths: [],
      leadsHere: true,
    },
  });
  assert.equal(
    data.layers.slice(1).map((layer) => [layer.kind, layer.name, layer.commit]),
    [
      ["science", "a-top", head.slice(0, 7)],
      ["science", "basic", head.slice(0, 7)],
    ],
  );
  assert.is(data.checkout?.commit, head);
  assert.ok(data.checkout?.inputs.image?.startsWith("sha256:"));
  assert.is(data.checkout?.inputs.image, data.checkout?.inputs.checkout);
});

test("for each layer it says how many commits and which files of this checkout came since", async () => {
  const place = await openWorkplace();
  const { root } = published();
  await place.run(root, ["--push", "--all"], clock);
  commit(root, { "compat/common/motd": "hello\n" });
  commit(root, { "compat/common/motd": "good morning\n" });
  commit(root, { "science/basic/data": "1\n" });
  writeFiles(root, { "science/a-top/Dockerfile": "FROM sci/basic:1.0\nRUN echo three > /two\n" });

  const data = await inspected(place, root, "basic:2.0");
  assert.equal(data.layers.map(since), [
    [2, 1, ["compat/common/motd"], true],
    [0, 1, ["science/a-top/Dockerfile"], true],
    [1, 1, ["science/basic/data"], true],
  ]);
  assert.is.not(data.checkout?.inputs.image, data.checkout?.inputs.checkout);
  const { stdout } = await place.run(root, ["inspect", "basic:2.0"]);
  assert.match(stdout, /^checkout {2}out of date: this checkout would build it differently$/m);
  assert.match(stdout, /^rel\/basic .* {2}2 commits, compat\/common\/motd differs$/m);
  assert.match(stdout, /^└─ sci\/a-top .* {2}no commit, science\/a-top\/Dockerfile differs$/m);
  assert.match(stdout, /^ {3}└─ sci\/basic .* {2}1 commit, science\/basic\/data differs$/m);
});

test("of many files that differ the text shows three and the JSON twenty, with their number", async () => {
  const place = await openWorkplace();
  const { root } = published();
  await place.run(root, ["--push", "--all"], clock);
  commit(
    root,
    Object.fromEntries(
      Array.from({ length: 30 }, (_, n) => [`science/basic/f${String(n).padStart(2, "0")}`, "1"]),
    ),
  );
  const [, science] = (await inspected(place, root, "basic:1.0")).layers;
  assert.ok(science?.checkout?.kind === "known");
  assert.equal([science.checkout.differing, science.checkout.paths.length], [30, 20]);
  const { stdout } = await place.run(root, ["inspect", "basic:1.0"]);
  assert.match(
    stdout,
    /1 commit, science\/basic\/f00, science\/basic\/f01, science\/basic\/f02 and 27 more differ$/m,
  );
});

test("a layer that the catalog no longer has, one of another version and a commit of another branch are said so", async () => {
  const place = await openWorkplace();
  const { root, head } = published();
  git(root, "switch", "--quiet", "--create=feature");
  commit(root, { "compat/common/motd": "feature\n" });
  await place.run(root, ["--push", "--all"], clock);
  git(root, "switch", "--quiet", "main");
  commit(root, {
    "science/a-top": null,
    ...scienceFiles("basic", { version: "1.1" }, `FROM ${base}\nRUN echo one > /one\n`),
  });
  const reference = `${place.repo}/rel/basic:2.0`;
  const data = await inspected(place, root, reference);
  assert.equal(data.layers.map(since), [
    "gone",
    "gone",
    [1, 1, ["science/basic/sciserver-image.json"], false],
  ]);
  assert.is(data.checkout?.inputs.checkout, null);
  const { stdout } = await place.run(root, ["inspect", reference]);
  assert.match(stdout, /^checkout {2}the catalog has no such image and version$/m);
  assert.match(stdout, /^rel\/basic .* {2}not in the catalog any more$/m);
  assert.match(
    stdout,
    /sci\/basic .* {2}version 1\.1 now; 1 commit, science\/basic\/sciserver-image\.json differs; its commit does not lead to the one checked out$/m,
  );
  assert.ok(head !== data.revision);
});

test("a commit that a shallow clone lacks is said so, with what brings it", async () => {
  const place = await openWorkplace();
  const { root, stamp } = published();
  await place.run(root, ["--push", "--all"], clock);
  commit(root, { "compat/common/motd": "hello\n" });
  const clone = path.join(temporaryDirectory(), "clone");
  git(root, "clone", "--quiet", "--depth=1", `file://${root}`, clone);
  const data = await inspected(place, clone, "basic:1.0");
  assert.equal(data.layers.map(since), ["unknown", "unknown"]);
  const { code, stdout } = await place.run(clone, ["inspect", "basic:1.0"]);
  assert.is(code, 0);
  assert.match(stdout, /^rel\/basic .* {2}this clone lacks the commit$/m);
  assert.match(stdout, `\nThis clone lacks ${stamp.slice(2)}; git fetch, or git fetch --unshallow `);
});

test("an image that the original tool labelled goes by its version labels", async () => {
  const place = await openWorkplace();
  const { root, stamp } = published();
  commit(root, { "science/basic/data": "1\n" });
  const labels = {
    "org.sciserver.compat.buildtime": "1639077082.170079",
    "org.sciserver.compat.version": `basic:2.0-${stamp}`,
    "org.sciserver.science.a-top.buildtime": "1639077081.9336998",
    "org.sciserver.science.a-top.version": `2.0-${stamp}`,
    "org.sciserver.science.basic.buildtime": "1639071168.7262735",
    "org.sciserver.science.basic.version": "1.0-41-f90dbd6",
  };
  const reference = `${place.repo}/rel/basic:2.0`;
  const given = Object.entries(labels).flatMap(([name, value]) => ["--label", `${name}=${value}`]);
  docker(`FROM ${base}\n`, "build", "--tag", reference, ...given, "-");
  docker("", "push", reference);

  const data = await inspected(place, root, "basic:2.0");
  assert.equal([data.revision, data.base, data.checkout?.inputs.image], [null, null, null]);
  assert.equal(
    data.layers.map((layer) => [layer.kind, layer.name, layer.stamp, layer.time, since(layer)]),
    [
      ["compat", "basic", stamp, "2021-12-09T19:11:22.170Z", [0, 0, [], true]],
      ["science", "a-top", stamp, "2021-12-09T19:11:21.933Z", [0, 0, [], true]],
      ["science", "basic", "41-f90dbd6", "2021-12-09T17:32:48.726Z", "unknown"],
    ],
  );
  const { stdout } = await place.run(root, ["inspect", "basic:2.0"]);
  assert.match(stdout, /^built on {2}unknown: the image does not say$/m);
  assert.match(
    stdout,
    /^checkout {2}cannot be compared: commit f90dbd6 is not in this clone \(git fetch\)$/m,
  );
});

test("outside a checkout a reference in full is inspected, by tag or digest, and nothing is said of a checkout", async () => {
  const place = await openWorkplace();
  const { root, stamp } = published();
  await place.run(root, ["--push", "--all"], clock);
  const elsewhere = temporaryDirectory();
  const science = `${place.repo}/sci/basic`;
  const digest = (await digestAt(`${science}:1.0`)) ?? "";
  for (const reference of [`${science}:1.0-${stamp}`, `${science}@${digest}`]) {
    const data = await inspected(place, elsewhere, reference);
    assert.equal([data.reference, data.digest, data.checkout], [reference, digest, null]);
    assert.equal(
      data.layers.map(({ name, checkout }) => [name, checkout]),
      [["basic", null]],
    );
    assert.equal([data.foundation?.name, data.foundation?.from], [base, "image"]);
  }
  const { stdout } = await place.run(elsewhere, ["inspect", `${science}:1.0`]);
  assert.not.match(stdout, "checkout");
  assert.not.match(stdout, "SINCE");
  assert.is((await inspected(place, elsewhere, "sci/basic:1.0")).reference, `${science}:1.0`);
  const named = await place.run(elsewhere, ["inspect", "basic"]);
  assert.is(named.code, 2);
  assert.match(
    named.stderr,
    /^ERROR:root:there is no checkout here to look basic up in — .*HOST\/PATH:TAG\n$/,
  );
});

test("layers of one run, whose times are the same, are in the order in which they stand on each other", async () => {
  const place = await openWorkplace();
  const chain = ["m", "a", "z", "k"];
  const root = makeRepository({
    ...compatFiles("base", [], "RUN true\n"),
    ...Object.assign(
      {},
      ...chain.map((name, n) =>
        scienceFiles(name, {}, `FROM ${n === 0 ? base : `sci/${chain[n - 1]}:1.0`}\nRUN true\n`),
      ),
    ),
  });
  const made = await place.run(root, ["--push", "--all"], clock);
  assert.is(made.code, 0, made.stderr);
  const namesOf = async (from: string, image: string) =>
    (await inspected(place, from, image)).layers.map(({ name }) => name);
  assert.equal(await namesOf(root, "k"), ["k", "k", "z", "a", "m"]);
  assert.equal(await namesOf(root, "sci/z"), ["z", "a", "m"]);
  // Without a catalog, by what the image tells of itself and of its base.
  const elsewhere = temporaryDirectory();
  assert.equal((await namesOf(elsewhere, `${place.repo}/rel/k:1.0`)).slice(0, 2), ["k", "k"]);
  assert.equal(await namesOf(elsewhere, `${place.repo}/sci/z:1.0`), ["z", "a", "m"]);
});

test("a checkout with a mistake in it keeps nobody from an image that is named in full", async () => {
  const place = await openWorkplace();
  const { root } = published();
  await place.run(root, ["--push", "--all"], clock);
  writeFiles(root, { "science/basic/sciserver-image.json": "{" });
  const full = await place.run(root, ["inspect", `${place.repo}/rel/basic:1.0`]);
  assert.is(full.code, 0);
  assert.match(full.stderr, /^science\/basic\/sciserver-image\.json:1.*\nSo the image is not compared/);
  assert.not.match(full.stdout, "checkout");
  assert.is((await place.run(root, ["inspect", "basic:1.0"])).code, 3);
});

test("--local asks the engine, which holds what was never pushed; without it that is not there", async () => {
  const place = await openWorkplace();
  const { root, stamp } = published();
  await place.run(root, ["--all"], clock);
  const data = await inspected(place, root, "sci/a-top", "--local");
  const local = place.inspect(`${place.repo}/sci/a-top:2.0`);
  assert.equal(
    [data.reference, data.source, data.digest, data.platform],
    [`${place.repo}/sci/a-top:2.0`, "engine", local?.Id, "linux/amd64"],
  );
  assert.equal(
    data.layers.map(({ name, stamp: at }) => [name, at]),
    [
      ["a-top", stamp],
      ["basic", stamp],
    ],
  );
  assert.is(data.checkout?.inputs.image, data.checkout?.inputs.checkout);
  const remote = await place.run(root, ["inspect", "sci/a-top"]);
  assert.is(remote.code, 4);
  assert.match(
    remote.stderr,
    /^ERROR:root:there is no image .*\/sci\/a-top:2\.0 in the registry — .*--local/,
  );
  const missing = await place.run(root, ["inspect", `${place.repo}/rel/none:1.0`, "--local"]);
  assert.is(missing.code, 4);
  assert.match(missing.stderr, /^ERROR:root:the engine has no image .*\/rel\/none:1\.0 — without --local/);
});

test("an image that is none of ours is inspected as far as it goes, and a name that is none is a usage mistake", async () => {
  const place = await openWorkplace();
  const { root } = published();
  docker("", "tag", base, `${place.repo}/other:1`);
  docker("", "push", `${place.repo}/other:1`);
  const { code, stdout } = await place.run(root, ["inspect", `${place.repo}/other:1`]);
  assert.is(code, 0);
  assert.match(
    stdout,
    "\nNo labels below org.sciserver: built by something else, or under another labelNamespace.\n",
  );
  for (const [name, hint] of [
    ["basik:2.0", /no layer makes an image basik:2\.0 — did you mean basic:2\.0\?/],
    ["basic", /basic has several versions — name one: basic:2\.0, basic:1\.0|basic:1\.0, basic:2\.0/],
    ["sci/basik", /did you mean sci\/basic\?/],
    ["basik:2.0-99-1234567", /no layer makes an image basik:2\.0 — did you mean basic:2\.0\?/],
  ] as const) {
    const wrong = await place.run(root, ["inspect", name]);
    assert.is(wrong.code, 2);
    assert.match(wrong.stderr, hint);
  }
  const unpublished = await place.run(root, ["inspect", "basic:2.0-99-1234567"]);
  assert.is(unpublished.code, 4);
  assert.match(
    unpublished.stderr,
    /^ERROR:root:there is no image .*\/rel\/basic:2\.0-99-1234567 in the registry — .*history/,
  );
});

test.run();
