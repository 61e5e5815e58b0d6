import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { connect as connectSocket, createServer } from "node:net";
import type { Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { promisify } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { connectDocker } from "../../src/engine/docker.ts";
import { findEngine, NoEngine } from "../../src/engine/discover.ts";
import { problemOf } from "../support/engine-room.ts";
import { startFaultProxy } from "../support/fault-proxy.ts";
import { testPlatform } from "../support/platform.ts";

const discover = suite("finding the engine");
const { dockerHost } = await testPlatform();
const socket = dockerHost.replace("unix://", "");
const run = promisify(execFile);
const noLogin = () => Promise.resolve(undefined);
/** What a machine that has an engine of its own finds there. */
const ofTheMachine = ["unix:///var/run/docker.sock", "unix:///run/podman/podman.sock"];

async function withHome(test: (home: string) => Promise<void>): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), "home-"));
  try {
    await test(home);
  } finally {
    await rm(home, { recursive: true });
  }
}

async function writeContext(home: string, name: string, endpoint: object, current = name): Promise<string> {
  const id = createHash("sha256").update(name).digest("hex");
  const meta = join(home, ".docker/contexts/meta", id);
  const tls = join(home, ".docker/contexts/tls", id, "docker");
  await mkdir(meta, { recursive: true });
  await mkdir(tls, { recursive: true });
  await writeFile(join(meta, "meta.json"), JSON.stringify({ Name: name, Endpoints: { docker: endpoint } }));
  await writeFile(join(home, ".docker/config.json"), JSON.stringify({ currentContext: current }));
  return tls;
}

function listen(server: Server, place: string | number): Promise<Server> {
  return new Promise((done) => server.listen(place, () => done(server)));
}

/** A certificate for localhost that is its own authority, for both sides. */
async function makeCertificate(folder: string): Promise<void> {
  const [key, certificate] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  await run("openssl", [...request, ...names, "-days", "2", "-keyout", key, "-out", certificate]);
  await writeFile(join(folder, "ca.pem"), readFileSync(certificate));
}

/** The engine behind TLS that asks for the client's certificate as well. */
async function withTls(folder: string, test: (host: string) => Promise<void>): Promise<void> {
  const read = (name: string) => readFileSync(join(folder, name));
  const server = createTlsServer(
    { key: read("key.pem"), cert: read("cert.pem"), ca: read("ca.pem"), requestCert: true },
    (client) => {
      const engine = connectSocket(socket);
      client.on("error", () => engine.destroy()).on("close", () => engine.destroy());
      engine.on("error", () => client.destroy());
      client.pipe(engine).pipe(client);
    },
  );
  server.on("tlsClientError", () => {});
  await listen(server, 0);
  const bound = server.address();
  try {
    await test(`tcp://localhost:${typeof bound === "object" && bound !== null ? bound.port : 0}`);
  } finally {
    server.close();
  }
}

discover("DOCKER_HOST goes before everything else, as a socket and over TCP", () =>
  withHome(async (home) => {
    await writeContext(home, "elsewhere", { Host: "unix:///nowhere.sock" });
    const found = await findEngine({ HOME: home, DOCKER_HOST: dockerHost, DOCKER_CONTEXT: "elsewhere" });
    assert.equal(found, { host: dockerHost, source: "DOCKER_HOST" });
    const proxy = await startFaultProxy(dockerHost);
    try {
      const host = `tcp://${proxy.address}`;
      assert.is((await findEngine({ HOME: home, DOCKER_HOST: host })).host, host);
    } finally {
      await proxy.stop();
    }
  }),
);

discover("an engine that DOCKER_HOST names and that does not answer is refused, not replaced", () =>
  withHome(async (home) => {
    await mkdir(join(home, ".docker/run"), { recursive: true });
    await symlink(socket, join(home, ".docker/run/docker.sock"));
    const { kind, message, hint } = await problemOf(
      findEngine({ HOME: home, DOCKER_HOST: `unix://${home}/none.sock` }),
    );
    assert.is(kind, "surroundings");
    assert.is(
      message,
      `the engine at unix://${home}/none.sock (from DOCKER_HOST) cannot be used: there is no such socket`,
    );
    assert.match(hint ?? "", /DOCKER_HOST/);
  }),
);

discover("an engine that takes the connection and never answers is refused within seconds", () =>
  withHome(async (home) => {
    const mute = await listen(createServer(), join(home, "mute.sock"));
    const begun = performance.now();
    const { message } = await problemOf(findEngine({ HOME: home, DOCKER_HOST: `unix://${home}/mute.sock` }));
    assert.match(message, /no answer within 3 s$/);
    assert.ok(performance.now() - begun < 5000);
    mute.close();
  }),
);

for (const host of ["nonsense", "unix://", "unix://relative", "tcp://", "ftp://a", "tcp://a:b"]) {
  discover(`DOCKER_HOST=${host} is refused as no address`, async () => {
    const { kind, message } = await problemOf(findEngine({ DOCKER_HOST: host }));
    assert.is(kind, "surroundings");
    assert.match(message, /^DOCKER_HOST is .* not an engine's address$/);
  });
}

discover("the current docker context is used, and DOCKER_CONTEXT goes before it", () =>
  withHome(async (home) => {
    await writeContext(home, "other", { Host: "unix:///nowhere.sock" });
    await writeContext(home, "mine", { Host: dockerHost });
    assert.equal(await findEngine({ HOME: home }), { host: dockerHost, source: "the docker context mine" });
    const other = await problemOf(findEngine({ HOME: home, DOCKER_CONTEXT: "other" }));
    assert.match(other.message, /\(from DOCKER_CONTEXT=other\) cannot be used: there is no such socket$/);
    const moved = await findEngine({ HOME: "/nowhere", DOCKER_CONFIG: join(home, ".docker") });
    assert.is(moved.host, dockerHost);
  }),
);

discover(
  "a context that does not exist, and a docker configuration that is not JSON, are refused by name",
  () =>
    withHome(async (home) => {
      const missing = await problemOf(findEngine({ HOME: home, DOCKER_CONTEXT: "nobody" }));
      assert.match(missing.message, /^DOCKER_CONTEXT names the docker context nobody, which does not exist$/);
      await writeContext(home, "mine", { Host: dockerHost }, "gone");
      const gone = await problemOf(findEngine({ HOME: home }));
      assert.match(gone.message, /config\.json names the docker context gone, which does not exist$/);
      await writeFile(join(home, ".docker/config.json"), "{");
      const broken = await problemOf(findEngine({ HOME: home }));
      assert.is(broken.message, `${home}/.docker/config.json is not JSON`);
    }),
);

discover("TLS is spoken with the certificates of DOCKER_CERT_PATH and of a context", () =>
  withHome(async (home) => {
    const folder = await mkdtemp(join(home, "certificates-"));
    await makeCertificate(folder);
    await withTls(folder, async (host) => {
      const variables = { DOCKER_HOST: host, DOCKER_CERT_PATH: folder, DOCKER_TLS_VERIFY: "1" };
      const found = await findEngine({ HOME: home, ...variables });
      assert.ok((await connectDocker(found, { credentials: noLogin })).cpus > 0);
      const without = await problemOf(findEngine({ HOME: home, DOCKER_HOST: host }));
      assert.match(without.message, /cannot be used/);
      const elsewhere = { ...variables, DOCKER_CERT_PATH: home };
      const { message } = await problemOf(findEngine({ HOME: home, ...elsewhere }));
      assert.is(message, `${home}/ca.pem does not exist`);
      const tls = await writeContext(home, "secure", { Host: host });
      for (const name of ["ca.pem", "cert.pem", "key.pem"])
        await writeFile(join(tls, name), readFileSync(join(folder, name)));
      assert.is((await findEngine({ HOME: home })).host, host);
      await makeCertificate(tls);
      assert.match((await problemOf(findEngine({ HOME: home }))).message, /certificate/);
    });
  }),
);

discover("of the usual sockets, the first that answers is used; one that hangs is passed over", () =>
  withHome(async (home) => {
    const runtime = join(home, "runtime");
    await mkdir(join(home, ".docker/run"), { recursive: true });
    await mkdir(join(runtime, "podman"), { recursive: true });
    const mute = await listen(createServer(), join(runtime, "docker.sock"));
    await symlink(socket, join(runtime, "podman/podman.sock"));
    const environment = { HOME: home, XDG_RUNTIME_DIR: runtime };
    const podman = await findEngine(environment);
    assert.ok([`unix://${runtime}/podman/podman.sock`, ...ofTheMachine].includes(podman.host), podman.host);
    await symlink(socket, join(home, ".docker/run/docker.sock"));
    const docker = await findEngine(environment);
    assert.ok([`unix://${home}/.docker/run/docker.sock`, ...ofTheMachine].includes(docker.host), docker.host);
    mute.close();
  }),
);

discover("where no engine answers, the refusal lists what was tried and says what to do", () =>
  withHome(async (home) => {
    const outcome = await findEngine({ HOME: home, XDG_RUNTIME_DIR: join(home, "runtime") }).catch(
      (error: unknown) => error,
    );
    if (!(outcome instanceof NoEngine)) {
      assert.ok(JSON.stringify(outcome).includes("the usual sockets"), String(outcome));
      return;
    }
    const [problem] = outcome.problems;
    assert.is(problem?.kind, "surroundings");
    for (const path of ["/var/run/docker.sock", `${home}/.docker/run/docker.sock`, "podman/podman.sock"])
      assert.ok(problem?.message.includes(`${path} (`), path);
    assert.match(problem?.hint ?? "", /npm run demo/);
    assert.match(problem?.hint ?? "", /DOCKER_HOST/);
  }),
);

discover.run();
