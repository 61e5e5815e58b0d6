import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  commit,
  compatFiles,
  fillHistory,
  git,
  makeRepository,
  scienceFiles,
  temporaryDirectory,
  writeFiles,
} from "../support/checkout.ts";
import { testPlatform } from "../support/platform.ts";
import { unique } from "../support/engine-room.ts";
import { startFaultProxy } from "../support/fault-proxy.ts";
import { digestAt, onBusybox, openWorkplace, twoVersions } from "../support/released.ts";

const test = suite("run");

const { base } = await testPlatform();
const nist = twoVersions(base);

test("a release carries the trail of what it is made of: both science layers and the compat layer, as the original tool has it", async () => {
  const place = await openWorkplace();
  const root = makeRepository(nist);
  fillHistory(root, 42);
  git(root, "remote", "add", "origin", "https://robot:secret@example.org/images.git");
  const stamp = `42-${git(root, "rev-parse", "--short=7", "HEAD")}`;
  const before = Date.now() / 1000;
  const { code, stdout, stderr } = await place.run(root, ["--all"]);
  assert.is(code, 0, stderr);
  assert.match(stdout, `Built 4 of 4 images for ${stamp} in `);
  assert.match(stdout, `Nothing was pushed; --push publishes to ${place.repo}.`);

  const release = place.inspect(`${place.repo}/rel/nist-basic:2.0-${stamp}`);
  const labels = release?.Config.Labels ?? {};
  const trail = Object.fromEntries(
    Object.entries(labels).filter(([name]) => /^org\.sciserver\.(science|compat)\./.test(name)),
  );
  const time = labels["org.sciserver.compat.buildtime"] ?? "";
  assert.equal(trail, {
    "org.sciserver.compat.buildtime": time,
    "org.sciserver.compat.version": `nist-basic:2.0-${stamp}`,
    "org.sciserver.science.nist-basic-2.buildtime": time,
    "org.sciserver.science.nist-basic-2.version": `2.0-${stamp}`,
    "org.sciserver.science.nist-basic.buildtime": time,
    "org.sciserver.science.nist-basic.version": `1.0-${stamp}`,
  });
  assert.ok(Number(time) >= before && Number(time) <= Date.now() / 1000);
  assert.ok(release?.Config.Env.includes(`SCISERVER_IMAGE=nist-basic:2.0-${stamp}`));
  assert.is(place.inspect(`${place.repo}/rel/nist-basic:2.0`)?.Id, release?.Id);

  const oci = Object.fromEntries(
    Object.entries(labels).filter(([name]) => name.startsWith("org.opencontainers.")),
  );
  const science = place.inspect(`${place.repo}/sci/nist-basic-2:2.0-${stamp}`);
  assert.equal(oci, {
    "org.opencontainers.image.title": "nist-basic",
    "org.opencontainers.image.version": "2.0",
    "org.opencontainers.image.revision": git(root, "rev-parse", "HEAD"),
    "org.opencontainers.image.created": new Date(Number(time) * 1000).toISOString(),
    "org.opencontainers.image.source": "https://example.org/images.git",
    "org.opencontainers.image.base.name": `${place.repo}/sci/nist-basic-2:2.0-${stamp}`,
    // Nothing was pushed, so its base has no digest in a registry.
    "org.opencontainers.image.base.digest": "",
  });
  assert.is(science?.Config.Labels?.["org.opencontainers.image.title"], "nist-basic-2");
  assert.is(
    await digestAt(`${place.repo}/rel/nist-basic:2.0`),
    undefined,
    "nothing is pushed without --push",
  );
});

test("SOURCE_DATE_EPOCH sets the time of every label, and must be one", async () => {
  const place = await openWorkplace();
  const root = makeRepository(nist);
  await place.run(root, ["--include", "science/nist-basic"], { SOURCE_DATE_EPOCH: "1639077082" });
  const labels = place.inspect(`${place.repo}/sci/nist-basic:1.0`)?.Config.Labels ?? {};
  assert.is(labels["org.sciserver.science.nist-basic.buildtime"], "1639077082");
  assert.is(labels["org.opencontainers.image.created"], "2021-12-09T19:11:22.000Z");
  const { code, stderr } = await place.run(root, ["--all"], { SOURCE_DATE_EPOCH: "yesterday" });
  assert.is(code, 2);
  assert.match(stderr, /SOURCE_DATE_EPOCH is "yesterday"/);
});

test("--push publishes both tags of every image, and the same image under both", async () => {
  const place = await openWorkplace();
  const root = makeRepository(nist);
  const { code, stdout, stderr } = await place.run(root, ["--push"]);
  assert.is(code, 0, stderr);
  assert.match(stdout, `8 tags pushed, 0 unchanged in ${place.repo}.`);
  const stamp = `1-${git(root, "rev-parse", "--short=7", "HEAD")}`;
  for (const name of [
    "sci/nist-basic:1.0",
    "sci/nist-basic-2:2.0",
    "rel/nist-basic:1.0",
    "rel/nist-basic:2.0",
  ]) {
    const rolling = await digestAt(`${place.repo}/${name}`);
    assert.ok(rolling !== undefined, name);
    assert.is(await digestAt(`${place.repo}/${name}-${stamp}`), rolling);
  }
  assert.ok(
    stderr.lastIndexOf(`-${stamp} sha256:`) < stderr.indexOf("nist-basic:1.0 sha256:"),
    "immutable tags first",
  );
});

test("a layer that images share is uploaded once: images are pushed after those that they share it with", async () => {
  const { registry } = await testPlatform();
  const proxy = await startFaultProxy(registry);
  try {
    const place = await openWorkplace(`${proxy.address}/test-${unique()}`);
    const noise = (name: string) => `head -c 4000000 /dev/urandom > /${name}`;
    const root = makeRepository({
      ...onBusybox("lower", base, noise("lower")),
      ...scienceFiles("upper", {}, `FROM sci/lower:1.0\nRUN ${noise("upper")}\n`),
      ...onBusybox("beside", base, noise("beside")),
      ...compatFiles("base", [], `RUN ${noise("compat")}\n`),
    });
    proxy.heal();
    const { code, stderr } = await place.run(root, ["--push"]);
    assert.is(code, 0, stderr);
    const uploads = proxy.requests
      .filter(({ method, path: to }) => method === "PUT" && to.includes("/blobs/uploads/"))
      .map(({ path: to }) => new URL(to, "http://registry").searchParams.get("digest"));
    // The base's layer, one of each of six images, and the six images' configurations.
    assert.is(uploads.length, 13);
    assert.is(new Set(uploads).size, 13);
  } finally {
    await proxy.stop();
  }
});

test("--tag counts its tags among those that are published, and lists them", async () => {
  const place = await openWorkplace();
  const root = makeRepository(nist);
  const { code, stdout, stderr } = await place.run(root, ["--push", "--tag", "dr1"]);
  assert.is(code, 0, stderr);
  assert.match(
    stdout,
    /^compat\/nist-basic:1\.0 +built(?:, cached)? +\S+ s +1\.0, 1\.0-dr1 pushed +rel\/nist-basic:1\.0-1-\w{7}$/m,
  );
  assert.match(
    stdout,
    /^compat\/nist-basic:2\.0 +built(?:, cached)? +\S+ s +2\.0, 2\.0-dr1, dr1 pushed +rel\/nist-basic:2\.0-1-/m,
  );
  assert.match(stdout, `11 tags pushed, 0 unchanged in ${place.repo}.`);
  const again = await place.run(root, ["--push", "--tag", "dr1"]);
  assert.match(again.stdout, `0 tags pushed, 11 unchanged in ${place.repo}.`);
  assert.match(again.stderr, /^science\/nist-basic: published already$/m);
});

test("what is not in the plan is taken from the repository of the run, not from where the Dockerfile says", async () => {
  const place = await openWorkplace();
  const root = makeRepository(nist);
  await place.run(root, ["--push"]);
  const head = commit(root, {
    "science/nist-basic-2/Dockerfile": "FROM example.invalid/x/sci/nist-basic:1.0\nRUN test -e /one\n",
  });
  execFileSync("docker", ["rmi", `${place.repo}/sci/nist-basic:1.0`], {
    env: { ...process.env, DOCKER_HOST: place.dockerHost },
    stdio: "ignore",
  });
  const { code, stderr } = await place.run(root, ["--push"]);
  assert.is(code, 0, stderr);
  const labels = place.inspect(`${place.repo}/sci/nist-basic-2:2.0-2-${head.slice(0, 7)}`)?.Config.Labels;
  assert.is(labels?.["org.opencontainers.image.base.name"], `${place.repo}/sci/nist-basic:1.0`);
  assert.is(
    labels?.["org.opencontainers.image.base.digest"],
    await digestAt(`${place.repo}/sci/nist-basic:1.0`),
  );
  assert.is(git(root, "status", "--porcelain"), "", "the Dockerfile in git is never changed");
});

test("in a fresh test repository a layer is built on the image that the Dockerfile names", async () => {
  const production = await openWorkplace();
  const fresh = await openWorkplace();
  const root = makeRepository(nist);
  await production.run(root, ["--push"]);
  commit(root, {
    "science/nist-basic-2/Dockerfile": `FROM ${production.repo}/sci/nist-basic:1.0\nRUN test -e /one\n`,
  });
  const { code, stderr } = await fresh.run(root, ["--push"]);
  assert.is(code, 0, stderr);
  const labels = fresh.inspect(`${fresh.repo}/sci/nist-basic-2:2.0`)?.Config.Labels;
  assert.is(labels?.["org.opencontainers.image.base.name"], `${production.repo}/sci/nist-basic:1.0`);
});

test("a release whose science image exists nowhere is refused before anything is built, with what to do", async () => {
  const place = await openWorkplace();
  const root = makeRepository(nist);
  commit(root, { "compat/base/motd": "hello\n" });
  const { code, stderr } = await place.run(root, []);
  assert.is(code, 4);
  assert.match(
    stderr,
    /^science\/nist-basic: .* there is no image .*sci\/nist-basic:1\.0 — .*: --stale builds all that is missing$/m,
  );
  assert.match(stderr, /^science\/nist-basic-2: .*: --stale builds all that is missing$/m);
  const one = await place.run(root, ["--include", "science/nist-basic-2"]);
  assert.match(
    one.stderr,
    /^science\/nist-basic: .* — .*: --include science\/nist-basic beside what you want/m,
  );
  assert.not.match(stderr, "building");
});

test("a changed compat layer is laid on the published science, which stays as it was", async () => {
  const place = await openWorkplace();
  const root = makeRepository(nist);
  await place.run(root, ["--push"]);
  const science = await digestAt(`${place.repo}/sci/nist-basic:1.0`);
  const release = await digestAt(`${place.repo}/rel/nist-basic:1.0`);
  commit(root, { "compat/base/motd": "hello again\n" });
  const { code, stderr } = await place.run(root, ["--push"]);
  assert.is(code, 0, stderr);
  assert.is(await digestAt(`${place.repo}/sci/nist-basic:1.0`), science);
  assert.is.not(await digestAt(`${place.repo}/rel/nist-basic:1.0`), release);
});

test("a dirty working tree is not pushed, unless asked for, and then moves no rolling tag", async () => {
  const place = await openWorkplace();
  const root = makeRepository(nist);
  await place.run(root, ["--push"]);
  const published = await digestAt(`${place.repo}/rel/nist-basic:1.0`);
  writeFiles(root, { "compat/base/motd": "not committed\n" });
  const refused = await place.run(root, ["--push"]);
  assert.is(refused.code, 4);
  assert.match(
    refused.stderr,
    /uncommitted files would be pushed: compat\/base\/motd \(modified\) — .*--allow-dirty/,
  );
  assert.is(refused.stdout, "");
  const { code, stdout, stderr } = await place.run(root, ["--push", "--allow-dirty"]);
  assert.is(code, 0, stderr);
  const stamp = `1-${git(root, "rev-parse", "--short=7", "HEAD")}-dirty`;
  assert.match(stdout, ` images for ${stamp} in `);
  assert.is.not(await digestAt(`${place.repo}/rel/nist-basic:1.0-${stamp}`), undefined);
  assert.is(await digestAt(`${place.repo}/rel/nist-basic:1.0`), published);
});

test("a COPY --from and a RUN --mount of a layer are built on this run's image of it", async () => {
  const place = await openWorkplace();
  const root = makeRepository({
    ...onBusybox("tools", base, "echo tool > /tool"),
    ...scienceFiles(
      "user",
      {},
      `# syntax-free\nFROM ${base} AS last\nCOPY --from=sci/tools:1.0 /tool /copied\nRUN --mount=type=bind,from=anything/sci/tools:1.0,target=/mnt cp /mnt/tool /mounted && test -e /copied\n`,
    ),
    ...compatFiles("base", [], ""),
  });
  const { code, stderr } = await place.run(root, ["--include", "science/tools"]);
  assert.is(code, 0, stderr);
  assert.ok(stderr.indexOf("science/tools: built") < stderr.indexOf("science/user: building"));
});

test("a layer built on nothing has no base", async () => {
  const place = await openWorkplace();
  const root = makeRepository({
    ...scienceFiles("empty", {}, "FROM scratch\nCOPY Dockerfile /\n"),
    ...compatFiles("base", [], ""),
  });
  const { code, stderr } = await place.run(root, ["--include", "science/empty"]);
  assert.is(code, 0, stderr);
  assert.is(
    place.inspect(`${place.repo}/sci/empty:1.0`)?.Config.Labels?.["org.opencontainers.image.base.name"],
    "scratch",
  );
});

test("a step is told with its count, -vv shows its output with its name, --logs keeps it in a file each", async () => {
  const place = await openWorkplace();
  const root = makeRepository({
    ...onBusybox("loud", base, `echo 'a line of output' # ${unique()}`),
    ...compatFiles("base", [], ""),
  });
  const logs = path.join(temporaryDirectory(), "deep/logs");
  const { code, stderr } = await place.run(root, ["-vv", "--logs", logs]);
  assert.is(code, 0, stderr);
  assert.match(stderr, /^\[1\/2\] science\/loud: building /m);
  assert.match(stderr, /^science\/loud \| .*a line of output$/m);
  assert.match(fs.readFileSync(path.join(logs, "science/loud.log"), "utf8"), "a line of output");
  assert.ok(fs.existsSync(path.join(logs, "compat/loud-1.0.log")));
  const quiet = await place.run(root, []);
  assert.not.match(quiet.stderr, "a line of output");
});

test("-vvv says which file of a compat layer overrides which, and what each build is pinned to", async () => {
  const place = await openWorkplace();
  const root = makeRepository({
    ...onBusybox("one", base, "true"),
    ...compatFiles("common", [], "COPY start /start\n"),
    ...compatFiles("base", ["common"], ""),
    "compat/common/start": "1",
    "compat/base/start": "2",
  });
  const { stderr } = await place.run(root, ["-vvv"]);
  assert.match(
    stderr,
    /^DEBUG:root:compat\/one:1\.0: start of compat\/base overrides that of compat\/common$/m,
  );
  assert.match(
    stderr,
    new RegExp(`^DEBUG:root:compat/one:1\\.0: built on ${place.repo}/sci/one:1\\.0-`, "m"),
  );
});

test("what cannot be composed stops a run before anything is built, all of it at once", async () => {
  const place = await openWorkplace();
  const root = makeRepository({
    ...onBusybox("one", base, "true"),
    ...onBusybox("two", base, "true"),
    ...compatFiles("common", [], "# escape=`\nRUN true\n"),
    ...compatFiles("base", ["common"], "RUN true \\\n && true\n"),
    "compat/common/thing/file": "1",
    "compat/base/thing": "1",
  });
  execFileSync("mkfifo", [path.join(root, "science/two/pipe")]);
  const { code, stdout, stderr } = await place.run(root, ["--all"]);
  assert.is(code, 3);
  assert.is(stdout, "");
  assert.match(stderr, /^science\/two\/pipe: is a fifo/m);
  assert.match(stderr, /^compat\/base\/thing: is a file, but compat\/common\/thing/m);
  assert.match(stderr, /^compat\/base\/Dockerfile: needs # escape=/m);
  assert.not.match(stderr, "building");
});

test("nothing to build is said and needs no engine", async () => {
  const place = await openWorkplace();
  const root = makeRepository(nist);
  commit(root, { "README.md": "words\n" });
  const { code, stdout } = await place.run(root, [], { DOCKER_HOST: "unix:///nonexistent" });
  const said = "Nothing to build: no layer changed since HEAD^.\n- changed, but in no layer: README.md\n";
  assert.equal([code, stdout], [0, said]);
});

test("without an engine the message says how to get one, and names no stack", async () => {
  const place = await openWorkplace();
  const root = makeRepository(nist);
  // Both releases ask the engine for what they stand on.
  commit(root, { "compat/base/motd": "hello\n" });
  const { code, stderr } = await place.run(root, [], { DOCKER_HOST: "unix:///nonexistent/docker.sock" });
  assert.is(code, 4);
  assert.match(stderr, /^ERROR:root:.*unix:\/\/\/nonexistent\/docker\.sock.* — .*\n$/);
  assert.not.match(stderr, /^\s+at /m);
});

test.run();
