import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { buildOf, connect, eventually, fromBusybox, problemOf, unique } from "../support/engine-room.ts";
import { on, startFaultProxy } from "../support/fault-proxy.ts";
import { startEngine, testPlatform } from "../support/platform.ts";
import type { EngineProcess } from "../support/platform.ts";

const faults = suite("an engine that fails");
const { registry } = await testPlatform();
const never = new AbortController().signal;

async function withEngine(test: (engine: EngineProcess) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "engine-"));
  const engine = await startEngine(directory);
  try {
    await test(engine);
  } finally {
    await engine.stop();
    await rm(directory, { recursive: true });
  }
}

const { dockerfile, files } = fromBusybox();

for (const builder of ["buildkit", "classic"] as const) {
  faults(`${builder}: killed in mid-build, it fails the build at once`, () =>
    withEngine(async (process_) => {
      const { engine } = await connect(process_.dockerHost, { builder });
      const request = buildOf(`${dockerfile}RUN sleep 600\n`, { files });
      const outcome = problemOf(engine.build(request));
      await eventually(() => request.lines.some((line) => line.includes("RUN sleep")));
      const begun = performance.now();
      await process_.kill();
      const { kind, message } = await outcome;
      assert.is(kind, "surroundings");
      assert.match(message, new RegExp(`^the engine at ${process_.dockerHost} failed: .`));
      assert.ok(performance.now() - begun < 5000);
    }),
  );
}

faults("killed in mid-push, it fails the push at once", () =>
  withEngine(async (process_) => {
    const proxy = await startFaultProxy(registry);
    try {
      const { engine } = await connect(process_.dockerHost);
      const reference = `${proxy.address}/test/${unique()}:1`;
      await engine.build(buildOf(dockerfile, { files, tags: [reference] }));
      proxy.break(on(({ method }) => method === "POST", { status: 500 }));
      const outcome = problemOf(engine.push(reference, () => {}, never));
      await eventually(() => proxy.requests.some(({ method }) => method === "POST"));
      await process_.kill();
      const { kind, message } = await outcome;
      assert.is(kind, "surroundings");
      assert.match(message, new RegExp(`^the engine at ${process_.dockerHost} failed: .`));
    } finally {
      await proxy.stop();
    }
  }),
);

faults("stopped, so that it answers nothing any more, it fails the build within a minute", () =>
  withEngine(async (process_) => {
    const { engine } = await connect(process_.dockerHost);
    const request = buildOf(`${dockerfile}RUN sleep 600\n`, { files });
    const outcome = problemOf(engine.build(request));
    await eventually(() => request.lines.some((line) => line.includes("RUN sleep")));
    process.kill(process_.pid, "SIGSTOP");
    try {
      const begun = performance.now();
      const { kind, message } = await outcome;
      assert.is(kind, "surroundings");
      assert.match(message, /it has not answered for \d+ s$/);
      assert.ok(performance.now() - begun < 60_000);
    } finally {
      process.kill(process_.pid, "SIGCONT");
    }
  }),
);

/** A server in the engine's place, which answers every question with this. */
async function withServer(
  answer: (response: ServerResponse) => void,
  test: (host: string) => Promise<void>,
): Promise<void> {
  const server = createServer((request, response) => {
    if (request.url === "/_ping") response.end("OK");
    else answer(response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    await test(`tcp://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

faults("that breaks off in the middle of an answer is given up, and named", () =>
  withServer(
    (response) => response.writeHead(200, { "content-length": "1000" }).write('{"ApiVersion":'),
    async (host) => {
      const { kind, message } = await problemOf(connect(host, { questionTimeout: 500 }));
      assert.is(kind, "surroundings");
      assert.is(message, `the engine at ${host} failed: no answer within 0.5 s`);
    },
  ),
);

faults("that is something else than an engine is said so", () =>
  withServer(
    (response) => response.end("<html>Welcome</html>"),
    async (host) => {
      const { kind, message } = await problemOf(connect(host));
      assert.is(kind, "surroundings");
      assert.match(message, `the engine at ${host} failed: what answers there is no container engine`);
    },
  ),
);

faults.run();
