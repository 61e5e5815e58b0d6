/** What became of a push is what the registry says, whatever the engine says. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { pushAll } from "../../src/building/publish.ts";
import { inputsLabel } from "../../src/planning/labels.ts";
import { connectRegistry } from "../../src/registry/client.ts";
import type { PushResult } from "../../src/run.ts";
import { buildOf, connect, unique } from "../support/engine-room.ts";
import { on, putsManifest, startFaultProxy } from "../support/fault-proxy.ts";
import type { Decide, FaultProxy } from "../support/fault-proxy.ts";
import { testPlatform } from "../support/platform.ts";
import { digestAt } from "../support/released.ts";

const test = suite("a push that fails");

const { dockerHost, registry } = await testPlatform();
const { engine } = await connect(dockerHost);
const signal = new AbortController().signal;

/** Builds an image and pushes it by a proxy that breaks; gives what became of it, and what was told on the way. */
async function pushBy(
  decide: Decide,
): Promise<{ result: PushResult | undefined; lines: string[]; proxy: FaultProxy; path: string }> {
  const proxy = await startFaultProxy(registry);
  const path = `test/${unique()}:1.0-1-abcdef0`;
  const reference = `${proxy.address}/${path}`;
  const inputs = unique();
  const labels = { [inputsLabel]: inputs };
  const files = { file: unique() };
  await engine.build(buildOf("FROM scratch\nCOPY file /file\n", { tags: [reference], labels, files }));
  proxy.break(decide);
  const lines: string[] = [];
  try {
    const [result] = await pushAll([{ reference, inputs, needs: [] }], {
      engine,
      registry: connectRegistry({ credentials: () => Promise.resolve(undefined) }),
      onEvent: (event) => event.kind === "retrying" && lines.push(event.line),
      signal,
      retry: { baseDelay: 20 },
    });
    return { result, lines, proxy, path };
  } finally {
    await proxy.stop();
  }
}

function refuse(status: number, code: string, message: string) {
  return { status, body: JSON.stringify({ errors: [{ code, message }] }) };
}

function problemOf(result: PushResult | undefined) {
  if (result?.kind !== "unpushed") throw new Error(`it went well: ${JSON.stringify(result)}`);
  const [problem] = result.problems;
  if (problem === undefined) throw new Error("nothing is said");
  return problem;
}

test("and arrived all the same, or is there from another run of the same inputs, is done", async () => {
  const { result, lines, path } = await pushBy(on(putsManifest, { answer: 412 }));
  assert.is(result?.kind, "pushed");
  assert.is(result?.kind === "pushed" && result.digest, await digestAt(`${registry}/${path}`));
  assert.equal(lines, []);
});

test("as its repository has to be made before says which, and is not tried again", async () => {
  const unknown = refuse(404, "NAME_UNKNOWN", "The repository does not exist in the registry");
  const { result, lines, proxy, path } = await pushBy(on(({ method }) => method === "POST", unknown));
  const { kind, message, hint } = problemOf(result);
  assert.is(kind, "failure");
  assert.match(
    message,
    /^the push of .* failed: .*; cannot write to .*: the registry says 404 Not Found: NAME_UNKNOWN/,
  );
  assert.is(
    hint,
    `create ${path.slice(0, path.indexOf(":"))} in ${proxy.address}, or the project that it belongs to`,
  );
  assert.equal(lines, []);
});

test("without the right to push says what the registry says, and to log in", async () => {
  const denied = refuse(403, "DENIED", "robot may not push here");
  const { result, proxy } = await pushBy(on(({ method }) => method === "POST", denied));
  const { message, hint } = problemOf(result);
  assert.match(message, "the registry says 403 Forbidden: DENIED: robot may not push here");
  assert.match(hint ?? "", `docker login ${proxy.address}`);
});

test("as a quota is reached says so, and not to log in", async () => {
  const full = refuse(403, "DENIED", "adding 1 GiB would exceed the configured upper limit of 10 GiB");
  const { result, lines } = await pushBy(on(putsManifest, full));
  assert.is(problemOf(result).hint, "free space there, or have the quota raised");
  assert.equal(lines, []);
});

test("for a reason that nobody knows is tried again, as the registry takes uploads", async () => {
  const { result, lines } = await pushBy(on(putsManifest, refuse(418, "UNKNOWN", "hm"), 1));
  assert.is(result?.kind, "pushed");
  assert.is(lines.length, 1);
});

test("for a moment is tried again, and told with what is left of its time", async () => {
  const { result, lines } = await pushBy(on(putsManifest, { status: 503 }, 2));
  assert.is(result?.kind, "pushed");
  assert.is(lines.length, 2);
  assert.match(
    lines[0] ?? "",
    /^the push of .*503.*; trying again in \d\.\d s \(attempt 2 of 5, \d+ s left\)$/,
  );
});

test.run();
