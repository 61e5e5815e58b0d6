/** What a rebuild renews: what the build cache gives, and what `--fresh` does about it. */
import { execFileSync } from "node:child_process";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  commit,
  compatFiles,
  makeRepository,
  scienceFiles,
  temporaryDirectory,
} from "../support/checkout.ts";
import { buildOf, connect, unique } from "../support/engine-room.ts";
import { dockerClient, testPlatform } from "../support/platform.ts";
import { openWorkplace } from "../support/released.ts";
import { readReport } from "../support/run-schema.ts";

const test = suite("a rebuild");
const { base, dockerHost, registry } = await testPlatform();
const { engine } = await connect(dockerHost);
const never = new AbortController().signal;
const renewed = /^All requested images came from the build cache, with nothing renewed\. --fresh builds/m;

/** Publishes a foreign image, with this text in /version; gives its id. */
async function publishForeign(reference: string, version: string): Promise<string> {
  const files = { version };
  const { id } = await engine.build(
    buildOf(`FROM ${base}\nCOPY version /version\n`, { tags: [reference], files }),
  );
  await engine.push(reference, () => {}, never);
  return id;
}

test("what comes from the cache is said to, and --fresh builds it anew on a base that is pulled anew", async () => {
  const place = await openWorkplace();
  const foreign = `${registry}/test/${unique()}:1`;
  const held = await publishForeign(foreign, "1");
  const root = makeRepository({
    ...scienceFiles(
      "tools",
      {},
      `FROM ${foreign}\nRUN true ${unique()}; head -c 8 /dev/urandom | od -An -tx1 > /when\n`,
    ),
    ...compatFiles("base", [], "RUN true\n"),
  });
  const contents = async () => {
    const command = ["run", "--rm", "--network=none", `${place.repo}/sci/tools:1.0`, "/bin/busybox", "cat"];
    const env = { ...process.env, DOCKER_HOST: dockerHost };
    return execFileSync("docker", [...command, "/version", "/when"], { env, encoding: "utf8" });
  };
  const report = path.join(temporaryDirectory(), "run.json");
  const build = async (...more: string[]) => {
    const { code, stdout, stderr } = await place.run(root, ["--all", "--report", report, ...more]);
    assert.is(code, 0, stderr);
    return { stdout, stderr, cached: readReport(report).steps.map((step) => step.cached) };
  };

  const first = await build();
  assert.not.match(first.stdout, renewed);
  assert.equal(first.cached, [false, false]);
  const before = await contents();

  await publishForeign(foreign, "2");
  // The engine goes on holding the one before.
  await dockerClient(dockerHost)
    .getImage(held)
    .tag({ repo: foreign.replace(/:1$/, ""), tag: "1" });
  commit(root);
  const again = await build();
  assert.match(again.stderr, /^science\/tools: built in [\d.]+ s, all from the cache$/m);
  assert.match(again.stdout, /^science\/tools +built, cached /m);
  assert.match(again.stdout, renewed);
  assert.equal(again.cached, [true, true]);
  assert.is(await contents(), before);

  const fresh = await build("--fresh");
  assert.not.match(fresh.stdout, renewed);
  assert.equal(fresh.cached, [false, false]);
  const [version, when] = (await contents()).split(/(?<=^.)/);
  assert.is(version, "2");
  assert.is.not(when, before.slice(1));
});

test("--fresh is refused where a base can only be had from the engine, and leaves what is published", async () => {
  const place = await openWorkplace();
  const root = makeRepository({
    ...scienceFiles("tools", {}, `FROM ${base}\nRUN true ${unique()}\n`),
    ...compatFiles("base"),
  });
  const refused = await place.run(root, ["--all", "--fresh"]);
  assert.is(refused.code, 4);
  assert.match(
    refused.stderr,
    /the pull of \S*busybox:1 failed: .* — --fresh pulls every foreign base image anew;/,
  );
  assert.is((await place.run(root, ["--all", "--push"])).code, 0);
  const after = await place.run(root, ["--all", "--push", "--fresh"]);
  assert.is(after.code, 0);
  assert.match(after.stderr, /^--fresh renews nothing that is published for this commit already: /m);
});

test.run();
