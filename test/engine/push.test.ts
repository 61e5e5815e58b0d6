import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { TransientFailure } from "../../src/engine/engine.ts";
import type { Engine, OnProgress } from "../../src/engine/engine.ts";
import { retryingPulls, tryTransfer } from "../../src/engine/retry.ts";
import type { RetryOptions } from "../../src/engine/retry.ts";
import type { TransferProgress } from "../../src/run.ts";
import { buildOf, connect, eventually, problemOf, unique } from "../support/engine-room.ts";
import { on, putsManifest, startFaultProxy } from "../support/fault-proxy.ts";
import type { FaultProxy, ProxiedRequest } from "../support/fault-proxy.ts";
import { digestAt } from "../support/released.ts";
import { dockerClient, startRegistry, testPlatform } from "../support/platform.ts";

const push = suite("push and pull");
const { base, dockerHost, registry } = await testPlatform();
const { engine } = await connect(dockerHost);
const client = dockerClient(dockerHost);
const never = new AbortController().signal;
const quiet = () => {};
const quick = { attempts: 4, baseDelay: 20, onRetry: quiet };

/** Pushes, again where that is worth it. */
function pushAgain(
  to: Engine,
  reference: string,
  options: RetryOptions,
  signal: AbortSignal = never,
): Promise<void> {
  return tryTransfer((follow) => to.push(reference, follow, signal), quiet, signal, options);
}

const made: string[] = [];

/** An image of its own under a reference there, with one layer of its own. */
async function imageAt(address: string): Promise<string> {
  const reference = `${address}/test/${unique()}:1.0`;
  made.push(reference);
  await engine.build(
    buildOf(`FROM ${base}\nCOPY file /file\n`, { tags: [reference], files: { file: unique() } }),
  );
  return reference;
}

async function withProxy(test: (proxy: FaultProxy, reference: string) => Promise<void>): Promise<void> {
  const proxy = await startFaultProxy(registry);
  try {
    await test(proxy, await imageAt(proxy.address));
  } finally {
    await proxy.stop();
  }
}

push("a push brings the image into the registry, and says which layers it sent", async () => {
  const reference = await imageAt(registry);
  const lines: string[] = [];
  await engine.push(reference, ({ line = "" }) => lines.push(line), never);
  const digest = await digestAt(reference);
  assert.ok(digest);
  assert.ok(lines.some((line) => line.endsWith(": Pushed")));
  assert.not.ok(lines.some((line) => /\[=*>|Preparing|Waiting/.test(line)));
  const facts = await engine.inspect(reference);
  assert.ok(facts?.digests.some((known) => known.endsWith(`@${digest}`)));
});

push("a push and a pull tell how many bytes of a layer have moved, up to all of them", async () => {
  const size = 20_000_000;
  const reference = `${registry}/test/${unique()}:1.0`;
  made.push(reference);
  const files = { noise: randomBytes(size) };
  // BuildKit would keep the layer in its cache, and nothing would be left to pull.
  const { engine: classic } = await connect(dockerHost, { builder: "classic" });
  await classic.build(buildOf(`FROM ${base}\nCOPY noise /noise\n`, { tags: [reference], files }));
  for (const transfer of ["push", "pull"] as const) {
    const told: TransferProgress[] = [];
    await engine[transfer](reference, (progress) => told.push(progress), never);
    assert.ok(
      told.some(({ bytes, total }) => bytes > 0 && bytes < total),
      "the way there is told",
    );
    const { bytes, total } = told.at(-1) ?? { bytes: 0, total: 0 };
    assert.is(bytes, total);
    // Besides it there may be the layer of the base, and noise does not become smaller when it is packed.
    assert.ok(total >= size && total < size * 1.2, `${total} bytes in all`);
    for (const [index, progress] of told.entries()) {
      const before = told[index - 1];
      assert.ok(before === undefined || progress.bytes >= before.bytes, "bytes only grow");
    }
    if (transfer === "push") await client.getImage(reference).remove();
  }
});

push("an image that the engine does not hold cannot be pushed", async () => {
  const { kind, hint } = await problemOf(engine.push(`${registry}/test/${unique()}:1`, quiet, never));
  assert.is(kind, "failure");
  assert.is(hint, "build it first");
});

push("a registry that answers 500 twice gets the push at the third try, and each wait is told", () =>
  withProxy(async (proxy, reference) => {
    proxy.break(on(putsManifest, { status: 500 }, 2));
    const lines: string[] = [];
    const telling = { ...quick, onRetry: (line: string) => lines.push(line) };
    await pushAgain(engine, reference, telling);
    assert.ok(await digestAt(reference));
    assert.is(proxy.requests.filter(putsManifest).length, 3);
    assert.is(lines.length, 2);
    assert.match(
      lines[0] ?? "",
      /^the push of .* failed: .*500.*; trying again in \d+\.\d s \(attempt 2 of 4, (?:59|60) s left\)$/,
    );
  }),
);

for (const [name, fault] of [
  ["always answers 500", { status: 500 }],
  ["always answers 503", { status: 503 }],
  ["always answers 429", { status: 429 }],
  ["always drops the connection", "cut"],
] as const) {
  push(`a registry that ${name} fails the push after every attempt`, () =>
    withProxy(async (proxy, reference) => {
      proxy.break(on(putsManifest, fault));
      const { kind, message } = await problemOf(pushAgain(engine, reference, { ...quick, attempts: 2 }));
      assert.is(kind, "failure");
      assert.match(message, /^the push of .* failed: .*\(tried 2 times in \d+ s\)$/);
      assert.ok(proxy.requests.filter(putsManifest).length >= 2);
    }),
  );
}

for (const status of [401, 403, 404]) {
  push(`a registry that answers ${status} fails the push at once, with what to do`, () =>
    withProxy(async (proxy, reference) => {
      const code = { 401: "UNAUTHORIZED", 403: "DENIED", 404: "NAME_UNKNOWN" }[status];
      const body = JSON.stringify({ errors: [{ code, message: "no" }] });
      proxy.break(on(putsManifest, { status, body }));
      const { kind, hint } = await problemOf(pushAgain(engine, reference, quick));
      assert.is(kind, "failure");
      assert.match(
        hint ?? "",
        status === 404 ? /repository exists/ : new RegExp(`docker login ${proxy.address}`),
      );
      assert.is(proxy.requests.filter(putsManifest).length, 1);
    }),
  );
}

push("a registry without HTTPS that the engine expects it of is refused with how to name it", async () => {
  const address = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === "IPv4" && !internal)?.address;
  const server = createServer((_, response) => response.end()).listen(0, address);
  await once(server, "listening");
  try {
    const { port } = server.address() as AddressInfo;
    const reference = await imageAt(`${address}:${port}`);
    for (const transfer of ["push", "pull"] as const) {
      const { message, hint } = await problemOf(engine[transfer](reference, quiet, never));
      assert.match(message, /server gave HTTP response to HTTPS client/);
      assert.match(
        hint ?? "",
        new RegExp(`^the engine has to trust ${address}:${port}: .*insecure-registries`),
      );
    }
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

push("a registry that is gone is worth another try", async () => {
  const reference = await imageAt("127.0.0.1:1");
  const outcome = await engine.push(reference, quiet, never).catch((error: unknown) => error);
  assert.instance(outcome, TransientFailure);
});

for (const [name, fits] of [
  ["an upload", ({ method }: ProxiedRequest) => method === "PATCH"],
  ["a manifest", putsManifest],
] as const) {
  push(`a registry that takes ${name} and never answers fails the push once nothing has moved for long`, () =>
    withProxy(async (proxy, reference) => {
      proxy.break(on(fits, "silence"));
      const { engine: hasty } = await connect(dockerHost, { patience: 2000 });
      const begun = performance.now();
      const { kind, message, hint } = await problemOf(pushAgain(hasty, reference, quick));
      assert.is(kind, "failure");
      assert.is(message, `the push of ${reference} failed: nothing has moved for 2 s`);
      assert.is(hint, "see whether the registry works");
      assert.ok(performance.now() - begun < 10_000);
    }),
  );
}

push("an abort ends a push, and a wait between two tries, at once", () =>
  withProxy(async (proxy, reference) => {
    proxy.break(on(putsManifest, { status: 500 }));
    const abort = new AbortController();
    const reason = new Error("told to stop");
    let begun = 0;
    const onRetry = () => {
      begun = performance.now();
      setTimeout(() => abort.abort(reason), 10);
    };
    const slow = { attempts: 3, baseDelay: 50_000, onRetry };
    const outcome = await pushAgain(engine, reference, slow, abort.signal).catch((error: unknown) => error);
    assert.is(outcome, reason);
    assert.ok(performance.now() - begun < 1000);
    const early = await engine.push(reference, quiet, abort.signal).catch((error: unknown) => error);
    assert.is(early, reason);
  }),
);

push("an abort ends a push that the engine is busy with at once", () =>
  withProxy(async (proxy, reference) => {
    // The engine itself waits and tries a layer again.
    proxy.break(on(({ method }) => method === "POST", { status: 500 }));
    const abort = new AbortController();
    const reason = new Error("told to stop");
    const lines: string[] = [];
    const tell: OnProgress = ({ line = "" }) => lines.push(line);
    const pushing = engine.push(reference, tell, abort.signal).catch((error: unknown) => error);
    await eventually(() => lines.some((line) => line.endsWith(": Retrying in 5 seconds")));
    const begun = performance.now();
    abort.abort(reason);
    assert.is(await pushing, reason);
    assert.ok(performance.now() - begun < 1000);
    // What was on its way arrives; the engine would try again after 5 s.
    await sleep(1000);
    const before = proxy.requests.length;
    await sleep(6000);
    assert.is(proxy.requests.length, before, "the engine goes on with it");
  }),
);

push("a pull brings what the registry has, and says where it has nothing", async () => {
  const reference = await imageAt(registry);
  await engine.push(reference, quiet, never);
  await client.getImage(reference).remove();
  assert.is(await engine.inspect(reference), undefined);
  const lines: string[] = [];
  assert.is(await engine.pull(reference, ({ line = "" }) => lines.push(line), never), true);
  assert.ok(await engine.inspect(reference));
  assert.ok(lines.some((line) => /Pull complete|Already exists|Downloaded newer image/.test(line)));
  assert.is(await engine.pull(`${registry}/test/${unique()}:1`, quiet, never), false);
  assert.is(await engine.pull(reference.replace(/:1\.0$/, ":9"), quiet, never), false);
});

for (const [what, bytes, tries] of [
  ["counts, and no further attempt begins once the time is over", 0, "once"],
  ["counts no longer when more has moved since", 1, "2 times"],
] as const) {
  push(`what the engine tries again by itself ${what}`, async () => {
    const transfer = async (tell: OnProgress): Promise<never> => {
      // In the words of Docker, which the test of an abort hears from a real engine.
      tell({ line: "0a1b2c: Retrying in 5 seconds", bytes: 0, total: 1 });
      await sleep(300);
      tell({ line: undefined, bytes, total: 1 });
      throw new TransientFailure({ kind: "failure", message: "no" });
    };
    const options = { ...quick, attempts: 2, budget: 200 };
    const { message } = await problemOf(tryTransfer(transfer, quiet, never, options));
    assert.is(message, `no (tried ${tries} in 1 s)`);
  });
}

push("a pull that meets a busy registry twice is tried again, and each wait is told", () =>
  withProxy(async (proxy, reference) => {
    await engine.push(reference, quiet, never);
    await client.getImage(reference).remove();
    const reads = ({ method, path }: ProxiedRequest) => method !== "PUT" && path.includes("/manifests/");
    proxy.break(on(reads, { status: 503 }, 2));
    const lines: string[] = [];
    const patient = retryingPulls(engine, { ...quick, onRetry: (line) => lines.push(line) });
    assert.is(await patient.pull(reference, quiet, never), true);
    assert.ok(lines.length > 0);
    assert.match(lines[0] ?? "", /^the pull of .*503.*; trying again in .* \(attempt 2 of 4, /);
  }),
);

push(
  "a registry with a login takes a push and gives a base to a build only with the right password",
  async () => {
    const directory = await mkdtemp(join(tmpdir(), "login-registry-"));
    const login = { username: "ada", password: "correct horse ä" };
    const guarded = await startRegistry(directory, { login });
    try {
      const reference = await imageAt(guarded.address);
      const wrong = await connect(dockerHost, { login: { ...login, password: "wrong-secret" } });
      for (const stranger of [engine, wrong.engine]) {
        const { kind, message, hint } = await problemOf(pushAgain(stranger, reference, quick));
        assert.is(kind, "failure");
        assert.match(hint ?? "", new RegExp(`docker login ${guarded.address}`));
        assert.not.match(message, /wrong-secret/);
      }
      const known = await connect(dockerHost, { login });
      await known.engine.push(reference, quiet, never);
      await client.getImage(reference).remove();
      const refused = await problemOf(engine.pull(reference, quiet, never));
      assert.is(refused.kind, "surroundings");
      assert.match(refused.hint ?? "", new RegExp(`docker login ${guarded.address}`));
      assert.is(await known.engine.pull(reference, quiet, never), true);
      for (const builder of ["buildkit", "classic"] as const) {
        const { engine: plain } = await connect(dockerHost, { builder });
        const { id } = await plain.build(buildOf(`FROM ${reference}\nENV A=b\n`));
        assert.match(id, /^sha256:/);
      }
    } finally {
      await guarded.stop();
      await rm(directory, { recursive: true });
    }
  },
);

push.after(async () => {
  for (const reference of made)
    if ((await engine.inspect(reference)) !== undefined) await client.getImage(reference).remove();
});

push.run();
