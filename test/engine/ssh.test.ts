/** An engine behind a real sshd on the loopback, with keys and known hosts of the test's own. */
import { execFileSync, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { findEngine } from "../../src/engine/discover.ts";
import { compatFiles, makeRepository, runTool, temporaryDirectory } from "../support/checkout.ts";
import { buildOf, connect, eventually, problemOf, runs, unique } from "../support/engine-room.ts";
import { freePort, listens, testPlatform } from "../support/platform.ts";
import { onBusybox } from "../support/released.ts";

const test = suite("an engine behind ssh");
const { base, dockerHost } = await testPlatform();
const socket = dockerHost.replace("unix://", "");
const directory = temporaryDirectory();
const file = (name: string) => path.join(directory, name);
const servers: ChildProcess[] = [];

function makeKey(name: string): string {
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", file(name)]);
  return fs.readFileSync(file(`${name}.pub`), "utf8");
}

const hostKey = makeKey("host");
fs.writeFileSync(file("authorized"), makeKey("user"));
const otherKey = makeKey("other");

/** Starts an sshd whose users have these variables; gives its port. */
async function startSshd(variables: Readonly<Record<string, string>>): Promise<number> {
  const port = await freePort();
  const settings = {
    ListenAddress: `127.0.0.1:${port}`,
    HostKey: file("host"),
    AuthorizedKeysFile: file("authorized"),
    PidFile: "none",
    StrictModes: "no",
    PermitRootLogin: "yes",
    UsePAM: "no",
    SetEnv: Object.entries(variables)
      .map(([name, value]) => `${name}=${value}`)
      .join(" "),
  };
  const name = file(`sshd-${port}`);
  fs.writeFileSync(
    name,
    Object.entries(settings)
      .map((pair) => `${pair.join(" ")}\n`)
      .join(""),
  );
  fs.mkdirSync("/run/sshd", { recursive: true });
  servers.push(spawn("/usr/sbin/sshd", ["-D", "-f", name], { stdio: "ignore" }));
  await eventually(() => listens(port));
  return port;
}

const withDocker = await startSshd({ PATH: process.env["PATH"] ?? "", DOCKER_HOST: dockerHost });
const withoutDocker = await startSshd({ PATH: "/nonexistent" });

interface Client {
  readonly environment: NodeJS.ProcessEnv;
  /** How many connections it has made. */
  readonly logins: () => number;
}

/** The real ssh with a configuration of the test's, in which both servers have this host key. */
function clientKnowing(key: string): Client {
  const folder = fs.mkdtempSync(file("client-"));
  const [known, config, calls] = ["known", "config", "calls"].map((name) => path.join(folder, name));
  const ports = [withDocker, withoutDocker];
  fs.writeFileSync(known ?? "", ports.map((port) => `[127.0.0.1]:${port} ${key}`).join(""));
  const settings = [
    `IdentityFile ${file("user")}`,
    `UserKnownHostsFile ${known}`,
    "GlobalKnownHostsFile none",
    "Host engine",
    "HostName 127.0.0.1",
    `Port ${withDocker}`,
  ];
  fs.writeFileSync(config ?? "", `${settings.join("\n")}\n`);
  const ssh = execFileSync("which", ["ssh"], { encoding: "utf8" }).trim();
  const script = `#!/bin/sh\necho >> ${calls}\nexec ${ssh} -F ${config} "$@"\n`;
  fs.writeFileSync(path.join(folder, "ssh"), script, { mode: 0o755 });
  return {
    environment: { PATH: `${folder}:${searchPath}`, DOCKER_CONFIG: "/nonexistent" },
    logins: () => fs.readFileSync(calls ?? "", "utf8").length,
  };
}

const searchPath = process.env["PATH"];
const client = clientKnowing(hostKey);
process.env["PATH"] = client.environment["PATH"];

const at = (port: number, rest = "") => `ssh://root@127.0.0.1:${port}${rest}`;

test("a build, its questions and its cancelling go through ssh", async () => {
  const { engine } = await connect(at(withDocker));
  const tag = `test.image-builder/${unique()}:1`;
  const name = unique();
  const request = buildOf(`FROM ${base}\nCOPY file /file\nRUN echo ${name}\n`, {
    tags: [tag],
    files: { file: Buffer.alloc(3_000_000, unique()) },
  });
  const { id } = await engine.build(request);
  assert.is((await engine.inspect(tag))?.id, id);
  assert.ok(request.lines.some((line) => line.endsWith(` ${name}`)));
  const seconds = String(10_000_000 + Math.floor(Math.random() * 1e7));
  const abort = new AbortController();
  const running = engine.build(buildOf(`FROM ${base}\nRUN sleep ${seconds}\n`, { signal: abort.signal }));
  running.catch(() => {});
  await eventually(() => runs(seconds));
  const reason = new Error("told to stop");
  abort.abort(reason);
  assert.is(await running.catch((error: unknown) => error), reason);
  await eventually(async () => !(await runs(seconds)));
});

test("a host of ssh's configuration and a socket in the address are taken, and connections used again", async () => {
  const { environment: ssh, logins } = clientKnowing(hostKey);
  const environment = { ...ssh, DOCKER_HOST: `ssh://root@engine${socket}` };
  const root = makeRepository({ ...onBusybox("tools", base, `true ${unique()}`), ...compatFiles("base") });
  const { code, stdout, stderr } = await runTool(root, ["--all"], environment);
  assert.is(code, 0, stderr);
  assert.match(stdout, /^Built 2 of 2 /m);
  assert.ok(logins() <= 4, `${logins()} logins`);
});

test("a host key that contradicts the known one is refused before anything is said to the engine", async () => {
  const root = makeRepository({ ...onBusybox("tools", base, "true"), ...compatFiles("base") });
  const environment = { ...clientKnowing(otherKey).environment, DOCKER_HOST: at(withDocker) };
  const { code, stderr } = await runTool(root, ["--all"], environment);
  assert.is(code, 4);
  assert.match(stderr, `the engine at ${at(withDocker)} (from DOCKER_HOST) cannot be used: `);
  assert.match(stderr, /Host key for \[127\.0\.0\.1\]:\d+ has changed .*Host key verification failed\./);
  assert.match(stderr, `make this work: ssh -p ${withDocker} root@127.0.0.1 docker version`);
});

test("a missing docker command, a server that is gone and a password in the address are named", async () => {
  const refused = (host: string) =>
    problemOf(findEngine({ DOCKER_HOST: host, DOCKER_CONFIG: "/nonexistent" }));
  const missing = await refused(at(withoutDocker));
  assert.is(missing.kind, "surroundings");
  assert.match(missing.message, /docker: (?:command )?not found/);
  assert.match((await refused(at(1))).message, /connect to host 127\.0\.0\.1 port 1: Connection refused/);
  const secret = await refused("ssh://root:hunter2@127.0.0.1");
  assert.not.match(JSON.stringify(secret), /hunter2/);
  assert.match(secret.message, /DOCKER_HOST holds a password/);
});

test.after(() => {
  for (const server of servers) server.kill();
});

test.run();
