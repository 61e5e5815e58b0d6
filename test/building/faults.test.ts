import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  commit,
  compatFiles,
  makeRepository,
  runTool,
  scienceFiles,
  startTool,
  temporaryDirectory,
} from "../support/checkout.ts";
import { eventually, runs, unique } from "../support/engine-room.ts";
import { on, putsManifest, startFaultProxy } from "../support/fault-proxy.ts";
import type { ProxiedRequest } from "../support/fault-proxy.ts";
import { startEngine, startRegistry, testPlatform } from "../support/platform.ts";
import { digestAt, onBusybox, openWorkplace } from "../support/released.ts";

const test = suite("faults");

const { base, dockerHost, registry } = await testPlatform();
const plain = { ...compatFiles("base", [], "") };

test("a build that fails stops the rest, shows its last lines and the Dockerfile line, and nothing is pushed", async () => {
  const place = await openWorkplace();
  const marker = unique();
  const root = makeRepository({
    ...onBusybox("good", base, "true"),
    ...scienceFiles("bad", {}, `FROM sci/good:1.0\nENV A=1\nRUN echo "almost ${marker}" \\\n && exit 7\n`),
    ...scienceFiles("on-bad", {}, "FROM sci/bad:1.0\n"),
    ...onBusybox("slow", base, `sleep 60 # ${marker}`),
    ...plain,
  });
  const { code, stdout, stderr } = await place.run(root, ["--push", "--jobs", "2"]);
  assert.is(code, 1);
  assert.match(stderr, new RegExp(`^science/bad \\| .*almost ${marker}$`, "m"));
  assert.match(
    stderr,
    /^ERROR:root:science\/bad\/Dockerfile:3: the build failed: RUN echo .* — exit code: 7$/m,
  );
  assert.match(stdout, /^science\/bad +failed/m);
  assert.match(stdout, /^science\/slow +(cancelled|skipped)/m);
  assert.match(stdout, /^science\/on-bad +skipped, needs science\/bad/m);
  assert.match(stdout, "Nothing was pushed");
  assert.is(await digestAt(`${place.repo}/sci/good:1.0`), undefined);
  assert.not.match(stderr, /^\s+at /m);
});

test("with --keep-going all is built that does not stand on the failed layer, and nothing is pushed", async () => {
  const place = await openWorkplace();
  const root = makeRepository({
    ...onBusybox("bad", base, "false"),
    ...scienceFiles("on-bad", {}, "FROM sci/bad:1.0\n"),
    ...onBusybox("apart", base, "true"),
    ...scienceFiles("on-apart", {}, "FROM sci/apart:1.0\n"),
    ...plain,
  });
  const { code, stdout } = await place.run(root, ["--push", "--keep-going", "--jobs", "1"]);
  assert.is(code, 1);
  const results = stdout
    .split("\n")
    .flatMap((line) => /^(\S+) +(built|failed|skipped, needs \S+)/.exec(line)?.slice(1, 3).join(" ") ?? []);
  assert.equal(results, [
    "science/apart built",
    "science/bad failed",
    "science/on-apart built",
    "science/on-bad skipped, needs science/bad",
    "compat/apart:1.0 built",
    "compat/bad:1.0 skipped, needs science/bad",
    "compat/on-apart:1.0 built",
    "compat/on-bad:1.0 skipped, needs science/on-bad",
  ]);
  assert.is(await digestAt(`${place.repo}/sci/apart:1.0`), undefined);
  const local = await place.run(root, ["--keep-going"]);
  assert.match(
    local.stdout,
    /^Built 4 of 8 images for \S+ in [^.]*\.[^.]*\.\n$/m,
    "and nobody is told to push that",
  );
});

for (const [name, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const) {
  test(`${name} cancels the builds at the engine and exits with ${String(code)}`, async () => {
    const place = await openWorkplace();
    const seconds = `3${String(Math.floor(Math.random() * 1e6))}`;
    const root = makeRepository({ ...onBusybox("slow", base, `sleep ${seconds}`), ...plain });
    const running = place.start(root, []);
    await running.says(/science\/slow: building/);
    await eventually(() => runs(seconds));
    running.process.kill(name);
    const ended = await running.ended;
    assert.is(ended.code, code, ended.stderr);
    await eventually(async () => !(await runs(seconds)));
    assert.match(ended.stdout, /^science\/slow +cancelled/m);
    assert.is(place.inspect(`${place.repo}/sci/slow:1.0`), undefined);
    const containers = execFileSync("docker", ["ps", "-aq", "--filter", `ancestor=${base}`], {
      encoding: "utf8",
      env: { ...process.env, DOCKER_HOST: dockerHost },
    });
    assert.is(containers, "");
  });
}

test("an engine that is killed in the middle of a build fails the run, which does not hang", async () => {
  const engine = await startEngine(temporaryDirectory());
  try {
    const seconds = `4${String(Math.floor(Math.random() * 1e6))}`;
    const dockerfile = `FROM scratch\nCOPY busybox /bin/sh\nCOPY busybox /bin/sleep\nRUN sleep ${seconds}\n`;
    const root = makeRepository({ ...scienceFiles("slow", {}, dockerfile), ...plain });
    fs.copyFileSync("/bin/busybox", path.join(root, "science/slow/busybox"));
    commit(root);
    const running = startTool(root, ["--all", "--repo", "localhost:1/x"], { DOCKER_HOST: engine.dockerHost });
    await running.says(/science\/slow: building/);
    await eventually(() => runs(seconds));
    await engine.kill();
    const { code, stdout, stderr } = await running.ended;
    assert.is(code, 4, stderr);
    assert.match(stdout, /^science\/slow +failed/m);
    assert.match(stderr, /^ERROR:root:science\/slow: .*engine/m);
  } finally {
    await engine.stop();
  }
});

test("a disk that is full while the context is sent fails the build with the engine's words", async () => {
  const directory = temporaryDirectory();
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=48m", "tmpfs", directory]);
  try {
    const engine = await startEngine(directory);
    try {
      const root = makeRepository({ ...scienceFiles("large", {}, "FROM scratch\nCOPY data /\n"), ...plain });
      fs.writeFileSync(path.join(root, "science/large/data"), Buffer.alloc(96 * 2 ** 20, "x"));
      commit(root);
      const { code, stderr } = await runTool(root, ["--all", "--repo", "localhost:1/x"], {
        DOCKER_HOST: engine.dockerHost,
      });
      assert.is.not(code, 0);
      assert.match(stderr, /no space left on device/i);
      assert.not.match(stderr, /^\s+at /m);
    } finally {
      await engine.stop();
    }
  } finally {
    execFileSync("umount", ["-l", directory]);
  }
});

test("a registry with a login is pushed to with the docker configuration's, and without one it says to log in", async () => {
  const login = { username: "robot", password: `secret-${unique()}` };
  const guarded = await startRegistry(temporaryDirectory(), { login });
  try {
    const place = await openWorkplace(`${guarded.address}/images`);
    const root = makeRepository({ ...onBusybox("one", base, "true"), ...plain });
    const refused = await place.run(root, ["--push", "-vvv"]);
    assert.is(refused.code, 1);
    assert.match(refused.stderr, new RegExp(`docker login ${guarded.address}`));
    const configuration = temporaryDirectory();
    const auth = Buffer.from(`${login.username}:${login.password}`).toString("base64");
    fs.writeFileSync(
      path.join(configuration, "config.json"),
      JSON.stringify({ auths: { [guarded.address]: { auth } } }),
    );
    const { code, stdout, stderr } = await place.run(root, ["--push", "-vvv"], {
      DOCKER_CONFIG: configuration,
    });
    assert.is(code, 0, stderr);
    assert.match(stdout, "4 tags pushed, 0 unchanged in");
    for (const secret of [login.password, auth]) assert.not.ok((stdout + stderr).includes(secret));
  } finally {
    await guarded.stop();
  }
});

test("a registry that answers 500 twice and then works is pushed to in the end, and the waits are told", async () => {
  const proxy = await startFaultProxy(registry);
  try {
    const place = await openWorkplace(`${proxy.address}/test-${unique()}`);
    const root = makeRepository({ ...onBusybox("one", base, "true"), ...plain });
    // The engine itself tries an upload again; a manifest it puts only once.
    proxy.break(on(putsManifest, { status: 500 }, 2));
    const { code, stdout, stderr } = await place.run(root, ["--push"]);
    assert.is(code, 0, stderr);
    assert.match(stdout, "4 tags pushed, 0 unchanged in");
    assert.match(stderr, /trying again in/);
  } finally {
    await proxy.stop();
  }
});

test("a registry that never works fails the push in the end, and no rolling tag is there", async () => {
  const proxy = await startFaultProxy(registry);
  try {
    const place = await openWorkplace(`${proxy.address}/test-${unique()}`);
    const root = makeRepository({ ...onBusybox("one", base, "true"), ...plain });
    proxy.break(on(putsManifest, { status: 503 }));
    const { code, stdout, stderr } = await place.run(root, ["--push"]);
    assert.is.not(code, 0);
    assert.match(stderr, /^ERROR:root:.*503|unavailable/im);
    assert.match(stdout, "0 tags pushed, 0 unchanged, 2 not pushed in", stdout + stderr);
    proxy.heal();
    assert.is(await digestAt(`${place.repo}/sci/one:1.0`), undefined);
  } finally {
    await proxy.stop();
  }
});

test("a registry that is killed between the immutable and the rolling tags leaves every rolling tag as it was", async () => {
  const own = await startRegistry(temporaryDirectory());
  const proxy = await startFaultProxy(own.address);
  try {
    const place = await openWorkplace(`${proxy.address}/images`);
    const root = makeRepository({
      ...onBusybox("one", base, "true"),
      ...onBusybox("two", base, "true"),
      ...plain,
    });
    assert.is((await place.run(root, ["--push"])).code, 0);
    const rolling = ["sci/one:1.0", "sci/two:1.0", "rel/one:1.0", "rel/two:1.0"];
    const before = await Promise.all(rolling.map((name) => digestAt(`${place.repo}/${name}`)));
    const head = commit(root, onBusybox("one", base, `echo ${unique()} > /x`));
    commit(root, { "compat/base/Dockerfile": "RUN true\n" });
    const running = place.start(root, ["--push", "--ref", `${head}^`]);
    // The first word of a rolling tag is when all immutable ones are there: from then on there is no registry.
    const isRolling = (request: ProxiedRequest) => putsManifest(request) && request.path.endsWith("/1.0");
    proxy.break(on(isRolling, "cut"));
    await eventually(() => proxy.requests.some(isRolling));
    await own.kill();
    const { code, stdout, stderr } = await running.ended;
    assert.is.not(code, 0);
    assert.match(stdout, "3 tags pushed, 0 unchanged, 3 not pushed in", stdout + stderr);
    await own.restart();
    proxy.heal();
    const after = await Promise.all(rolling.map((name) => digestAt(`${place.repo}/${name}`)));
    assert.equal(after, before);
  } finally {
    await proxy.stop();
    await own.stop();
  }
});

test.run();
