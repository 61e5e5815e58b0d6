import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compatFiles, makeRepository, temporaryDirectory } from "../support/checkout.ts";
import { unique } from "../support/engine-room.ts";
import { testPlatform } from "../support/platform.ts";
import { digestAt, onBusybox, openWorkplace } from "../support/released.ts";

const test = suite("the docker configuration");

const { base, dockerHost } = await testPlatform();

test("gives every build its proxies, which no image, label or digest tells of, and may name a helper that is missing", async () => {
  const place = await openWorkplace();
  const proxy = "http://ada:hunter2@proxy.example:3128";
  const proxies = {
    default: { httpProxy: proxy, noProxy: "example.org" },
    "unix:///another.sock": { httpProxy: "http://another.example" },
  };
  const configuration = temporaryDirectory();
  fs.writeFileSync(
    path.join(configuration, "config.json"),
    JSON.stringify({ proxies, credsStore: "missing" }),
  );
  const command = 'echo "by $HTTP_PROXY $http_proxy, not for $NO_PROXY $no_proxy." && test -z "$HTTPS_PROXY"';
  // They are no part of the cache's key either: this one has to run.
  const fresh = `${command} && true ${unique()}`;
  const root = makeRepository({ ...onBusybox("one", base, fresh), ...compatFiles("base", [], "") });
  const { code, stderr } = await place.run(root, ["--push", "-vvv"], { DOCKER_CONFIG: configuration });
  assert.is(code, 0, stderr);
  // Logins are shown nowhere.
  assert.match(
    stderr,
    "by http://***@proxy.example:3128 http://***@proxy.example:3128, not for example.org example.org.",
  );
  assert.not.match(stderr, "hunter2");
  const told = stderr.match(/^going on without a login for .*docker-credential-missing is not installed/gm);
  assert.is(told?.length, 1, stderr);
  assert.ok(stderr.indexOf("going on without") < stderr.indexOf("science/one |"), "before the first build");
  const image = `${place.repo}/sci/one:1.0`;
  const docker = (...args: string[]) =>
    execFileSync("docker", args, { env: { ...process.env, DOCKER_HOST: dockerHost }, encoding: "utf8" });
  for (const text of [docker("image", "inspect", image), docker("history", "--no-trunc", image)])
    assert.not.match(text, "proxy.example");
  const digest = await digestAt(image);
  const again = await place.run(root, ["--all", "--push"]);
  assert.is(again.code, 0, again.stderr);
  assert.is(await digestAt(image), digest, "without them the inputs are the same");
  assert.not.match(again.stderr, "science/one |");
});

test.run();
