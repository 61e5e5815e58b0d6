/**
 * A real Docker engine and a real registry, found or started: for the demo, the tests and CI.
 *
 * What is started here is written down below `.image-builder/started`, so that it can be stopped later, by its
 * process id and nothing else. An engine gets its own bridge and its own few rules for it and leaves the
 * machine's firewall to whoever keeps it (`--iptables=false`), so it disturbs no engine that runs already.
 */
import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createWriteStream, existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type Docker from "dockerode";
import { pack } from "tar-stream";
import { engineClient } from "../../src/engine/client.ts";
import type { EngineAddress } from "../../src/engine/client.ts";
import { findEngine } from "../../src/engine/discover.ts";
import { Refusal } from "../../src/problem.ts";
import { listenOnLoopback } from "./loopback.ts";

/** The checkout. */
export const checkout = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/** The folder, ignored by git, that holds what this file starts and makes. */
export const privateFolder = join(checkout, ".image-builder");

/** An engine that was started here. */
export interface EngineProcess {
  /** As `DOCKER_HOST` has it: `unix:///…`. */
  readonly dockerHost: string;
  readonly pid: number;
  /** Stops its containers and itself, and takes its bridge and mounts away. The directory stays. */
  stop(): Promise<void>;
  /** Ends it at once, as a crash would; `stop` cleans up after that as well. */
  kill(): Promise<void>;
}

/** A registry that was started here. */
export interface RegistryProcess {
  /** `127.0.0.1:PORT` */
  readonly address: string;
  readonly pid: number;
  stop(): Promise<void>;
  /** Ends it at once, as a crash would. */
  kill(): Promise<void>;
  /** Starts it again, with the same port and store. */
  restart(): Promise<void>;
}

/** What a registry may ask of its clients, and where it keeps what they bring. */
export interface RegistryOptions {
  /** Of its only account. */
  readonly login?: { readonly username: string; readonly password: string };
  /** Any other way to log in, and encryption (paths of PEM files), as they stand in Distribution's configuration. */
  readonly auth?: Readonly<Record<string, unknown>>;
  readonly tls?: {
    readonly certificate: string;
    readonly key: string;
    readonly clientcas?: readonly string[];
  };
  /** The directory of its store, which several registries can share; one of its own by default. */
  readonly store?: string;
}

/** What the tests build with. */
export interface Platform {
  readonly dockerHost: string;
  /** `127.0.0.1:PORT`, without a login. */
  readonly registry: string;
  /** A local image of a static busybox and nothing else. */
  readonly base: string;
}

/** A process that was started here, as written down. */
interface Started {
  readonly kind: "engine" | "registry";
  readonly directory: string;
  readonly pid: number;
  /** The engine's `DOCKER_HOST` or the registry's host and port. */
  readonly address: string;
  /** The test run or process that started it. */
  readonly run: string;
}

const run = promisify(execFile);
const startedFolder = join(privateFolder, "started");
export const busyboxImage = "image-builder.test/busybox:1";
const debianImage = "debian:bookworm-slim";

/**
 * Set by the test runner for the files it runs: the name of the run, the platform it started, and the kind of the engine
 * that the whole flow runs on.
 */
export const runVariable = "IMAGE_BUILDER_TEST_RUN";
export const platformVariable = "IMAGE_BUILDER_TEST_PLATFORM";
export const engineVariable = "IMAGE_BUILDER_TEST_ENGINE";

// ---------------------------------------------------------------------------------------------- the engine

/** Where an engine that is started here keeps its things. */
export interface EngineHome {
  /** For its data. */
  readonly home: string;
  /** For its sockets and process ids. */
  readonly runtime: string;
  readonly socket: string;
}

/** Starts a private Docker engine whose data, socket and log are below `directory`; it needs root. */
export function startEngine(directory: string): Promise<EngineProcess> {
  return startEngineProcess(directory, async (place) => ["dockerd", ...(await dockerFlags(place))]);
}

/** The flags of a private dockerd, for which they make a bridge. */
export async function dockerFlags({ home, runtime, socket }: EngineHome): Promise<string[]> {
  const settings = {
    "data-root": join(home, "data"),
    "exec-root": join(runtime, "exec"),
    host: `unix://${socket}`,
    pidfile: join(runtime, "docker.pid"),
    bridge: await makeBridge(home),
    iptables: false,
    mtu: outwardMtu(),
  };
  return Object.entries(settings).map(([name, value]) => `--${name}=${value}`);
}

/** Starts an engine by a command on which `home` stands, and waits until it answers at `socket`. */
export async function startEngineProcess(
  directory: string,
  command: (place: EngineHome) => Promise<readonly string[]>,
): Promise<EngineProcess> {
  const home = resolve(directory);
  const runtime = runtimeFolder(home);
  const socket = join(runtime, "engine.sock");
  const log = join(home, "engine.log");
  // What an engine that crashed here left behind would keep this one from starting.
  await cleanUpEngine(home);
  await mkdir(runtime, { recursive: true });
  await mkdir(home, { recursive: true });
  const [program = "", ...parameters] = await command({ home, runtime, socket });
  const pid = await launch(log, program, parameters);
  const started = await note({ kind: "engine", directory: home, pid, address: `unix://${socket}` });
  const ready = () => answers({ socketPath: socket, path: "/_ping" });
  await waitUntilReady(started, log, ready);
  return {
    dockerHost: started.address,
    pid,
    stop: () => stopStarted(started),
    kill: () => end(started, "SIGKILL"),
  };
}

/** Sockets are refused above 107 bytes, and containerd's lie deep below this folder. */
function runtimeFolder(directory: string): string {
  const below = join(directory, "run");
  return below.length <= 60 ? below : join(tmpdir(), `image-builder-${shortHash(directory)}`);
}

function bridgeName(directory: string): string {
  return `ib-${shortHash(directory)}`;
}

/** Makes the engine's bridge and lets its containers out to the network. */
async function makeBridge(directory: string): Promise<string> {
  const bridge = bridgeName(directory);
  const { stdout: addresses } = await run("ip", ["-o", "-4", "addr"]);
  const seed = Number.parseInt(shortHash(directory).slice(0, 4), 16);
  const networks = Array.from(
    { length: 256 },
    (_, step) => `10.${100 + (seed % 100)}.${((seed >> 8) + step) % 256}`,
  );
  const network = networks.find((candidate) => !addresses.includes(` ${candidate}.`));
  if (network === undefined) throw surroundings("No free network was found for the engine's containers.");
  await run("ip", ["link", "add", bridge, "type", "bridge"]);
  await run("ip", ["addr", "add", `${network}.1/24`, "dev", bridge]);
  await run("ip", ["link", "set", bridge, "up"]);
  await run("iptables", ["-w", "-I", "FORWARD", "-i", bridge, "-j", "ACCEPT"]);
  await run("iptables", ["-w", "-I", "FORWARD", "-o", bridge, "-j", "ACCEPT"]);
  const masquerade = ["POSTROUTING", "-s", `${network}.0/24`, "!", "-o", bridge, "-j", "MASQUERADE"];
  await run("iptables", ["-w", "-t", "nat", "-A", ...masquerade]);
  return bridge;
}

async function removeBridge(directory: string): Promise<void> {
  const bridge = bridgeName(directory);
  for (const table of ["filter", "nat"]) {
    const { stdout } = await run("iptables", ["-w", "-t", table, "-S"]);
    for (const rule of stdout.split("\n").filter((line) => line.startsWith("-A") && line.includes(bridge)))
      await run("iptables", ["-w", "-t", table, "-D", ...rule.split(" ").slice(1)]);
  }
  if (existsSync(`/sys/class/net/${bridge}`)) await run("ip", ["link", "delete", bridge]);
}

/** Packets larger than the way out takes would be lost where nobody reports them. */
function outwardMtu(): number {
  const routes = readFileSync("/proc/net/route", "utf8").split("\n");
  const device = routes.map((line) => line.split("\t")).find((fields) => fields[1] === "00000000")?.[0];
  return device === undefined ? 1500 : Number(readFileSync(`/sys/class/net/${device}/mtu`, "utf8"));
}

/** Overlays, network namespaces and the like that an engine left mounted below a directory. */
async function unmountBelow(directory: string): Promise<void> {
  const mounts = (await readFile("/proc/self/mountinfo", "utf8"))
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "");
  for (const mount of mounts.filter((point) => point.startsWith(`${directory}/`)).toReversed())
    await run("umount", ["--lazy", mount]).catch(ignore);
}

// -------------------------------------------------------------------------------------------- the registry

/** Starts Debian's docker-registry on the loopback with its store below `directory`; images can be deleted. */
export async function startRegistry(
  directory: string,
  { login, auth, tls, store = join(directory, "store") }: RegistryOptions = {},
): Promise<RegistryProcess> {
  const home = resolve(directory);
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const passwords = join(home, "htpasswd");
  const log = join(home, "registry.log");
  await mkdir(home, { recursive: true });
  if (login !== undefined) await writeFile(passwords, await hashPassword(login));
  const config = {
    version: "0.1",
    log: { level: "warn", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: resolve(store) }, delete: { enabled: true } },
    http: { addr: address, tls },
    auth: login === undefined ? auth : { htpasswd: { realm: "registry", path: passwords } },
  };
  // JSON is YAML as well.
  await writeFile(join(home, "config.yml"), JSON.stringify(config, undefined, 2));

  async function start(): Promise<Started> {
    const pid = await launch(log, "docker-registry", ["serve", join(home, "config.yml")]);
    const begun = await note({ kind: "registry", directory: home, pid, address });
    // It listens when all else is ready; an answer may take a certificate.
    await waitUntilReady(begun, log, () => listens(port));
    return begun;
  }
  let started = await start();
  return {
    address,
    get pid() {
      return started.pid;
    },
    stop: () => stopStarted(started),
    kill: () => end(started, "SIGKILL"),
    async restart() {
      await stopStarted(started);
      started = await start();
    },
  };
}

export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listenOnLoopback(server);
  await new Promise((done) => server.close(done));
  return port;
}

export function listens(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("error", () => done(false)).once("connect", () => done(true));
    socket.once("connect", () => socket.destroy());
  });
}

async function hashPassword({ username, password }: { username: string; password: string }): Promise<string> {
  const hashing = run("htpasswd", ["-niB", username]);
  hashing.child.stdin?.end(password);
  return (await hashing).stdout;
}

// -------------------------------------------------------------------------------------- starting, stopping

/** Starts a program in its own session, its output in a log, and gives its process id. */
async function launch(log: string, program: string, parameters: readonly string[]): Promise<number> {
  const output = await open(log, "a");
  try {
    const child = spawn(program, parameters, { detached: true, stdio: ["ignore", output.fd, output.fd] });
    await new Promise((done, fail) => child.once("spawn", done).once("error", fail));
    child.unref();
    return child.pid ?? 0;
  } finally {
    await output.close();
  }
}

async function note(process_: Omit<Started, "run">): Promise<Started> {
  const started = { ...process_, run: process.env[runVariable] ?? String(process.pid) };
  await mkdir(startedFolder, { recursive: true });
  await writeFile(noteFile(started), JSON.stringify(started, undefined, 2));
  return started;
}

function noteFile({ directory }: Pick<Started, "directory">): string {
  return join(startedFolder, `${shortHash(directory)}.json`);
}

/** Everything that is written down as started, whether it still runs or not. */
async function startedProcesses(): Promise<Started[]> {
  const files = existsSync(startedFolder) ? (await readdir(startedFolder)).sort() : [];
  return Promise.all(
    files.map(async (file): Promise<Started> =>
      JSON.parse(await readFile(join(startedFolder, file), "utf8")),
    ),
  );
}

/** A process id may have gone to another process: the command line tells. */
function isAlive({ pid, directory }: Started): boolean {
  return commandLine(pid).includes(directory);
}

/** With a NUL after each part; empty for a process that has ended, waited for or not. */
function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

async function waitUntilReady(started: Started, log: string, ready: () => Promise<boolean>): Promise<void> {
  const giveUp = Date.now() + 60_000;
  while (!(await ready())) {
    if (isAlive(started) && Date.now() < giveUp) {
      await sleep(100);
      continue;
    }
    const tail = (await readFile(log, "utf8")).trimEnd().split("\n").slice(-20).join("\n");
    const outcome = isAlive(started) ? "did not answer within 60 s" : "ended";
    await stopStarted(started);
    throw surroundings(`The ${started.kind} in ${started.directory} ${outcome}. Its log ends with:\n${tail}`);
  }
}

async function end(started: Started, signal: NodeJS.Signals): Promise<void> {
  const giveUp = Date.now() + 25_000;
  if (isAlive(started)) process.kill(started.pid, signal);
  while (isAlive(started)) {
    if (Date.now() > giveUp) process.kill(started.pid, "SIGKILL");
    await sleep(50);
  }
}

async function stopStarted(started: Started): Promise<void> {
  await end(started, "SIGTERM");
  if (started.kind === "engine") await cleanUpEngine(started.directory);
  await rm(noteFile(started), { force: true });
}

/** Takes away what an engine that ended, however it did, left: processes, mounts, bridge and sockets. */
async function cleanUpEngine(directory: string): Promise<void> {
  const runtime = runtimeFolder(directory);
  await endLeftBehind(join(runtime, "exec"));
  await unmountBelow(runtime);
  await unmountBelow(directory);
  await removeBridge(directory);
  await rm(runtime, { recursive: true, force: true });
}

/** Containers outlive an engine that crashed: their shims carry its folder on their command lines. */
async function endLeftBehind(folder: string): Promise<void> {
  for (const pid of await processesOf(folder)) {
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
    for (const child of [...children.split(" ").filter(Boolean).map(Number), pid]) killQuietly(child);
  }
  for (let tries = 0; tries < 100 && (await processesOf(folder)).length > 0; tries++) await sleep(50);
}

async function processesOf(folder: string): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  return pids.filter(
    (pid) => /^[^\0]*containerd/.test(commandLine(pid)) && commandLine(pid).includes(folder),
  );
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself.
  }
}

/** Stops what one run started, or everything that was started from this checkout; says what it stopped. */
export async function stopAllStarted(ofRun?: string): Promise<string[]> {
  const stopped: string[] = [];
  for (const started of await startedProcesses()) {
    if (ofRun !== undefined && started.run !== ofRun) continue;
    if (isAlive(started)) stopped.push(`${started.kind} ${started.address} (process ${started.pid})`);
    await stopStarted(started);
  }
  return stopped;
}

// ------------------------------------------------------------- a registry in an engine that was running before

const containerNote = join(privateFolder, "registry-container.json");

/** For an engine that was found: runs the published registry in it, where only the engine's machine reaches it. */
export async function registryContainer(engine: EngineAddress): Promise<string> {
  const client = dockerClient(engine);
  let container = client.getContainer("image-builder-registry");
  if ((await container.inspect().catch(ignore)) === undefined) {
    const image = "registry:2";
    say(`Starting a registry in a container (${image})`);
    const failure = (await hasImage(engine, image)) ? undefined : await pull(engine, image);
    if (failure !== undefined) throw surroundings(`The image ${image} cannot be pulled: ${failure}`);
    const HostConfig = { PortBindings: { "5000/tcp": [{ HostIp: "127.0.0.1", HostPort: "" }] } };
    container = await client.createContainer({
      name: "image-builder-registry",
      Image: image,
      ExposedPorts: { "5000/tcp": {} },
      HostConfig,
    });
    await mkdir(privateFolder, { recursive: true });
    await writeFile(containerNote, JSON.stringify({ engine, id: container.id }));
  }
  await container.start().catch((error: { statusCode?: number }) => {
    // 304: it runs already.
    if (error.statusCode !== 304) throw error;
  });
  const ports = (await container.inspect()).NetworkSettings.Ports["5000/tcp"];
  return `127.0.0.1:${ports?.[0]?.HostPort}`;
}

/** Removes the container of `registryContainer`, and what is stored in it; says whether there was one. */
export async function removeRegistryContainer(): Promise<boolean> {
  if (!existsSync(containerNote)) return false;
  const noted: { engine: EngineAddress; id: string } = JSON.parse(await readFile(containerNote, "utf8"));
  await dockerClient(noted.engine)
    .getContainer(noted.id)
    .remove({ force: true, v: true })
    .catch((error: { statusCode?: number }) => {
      if (error.statusCode !== 404) throw error;
    });
  await rm(containerNote);
  return true;
}

// ------------------------------------------------------------------------------------ the shared platform

/**
 * The engine and the registry that all tests share, and a small base image in it. Starts them, or joins those
 * that run already. With `DOCKER_HOST` set, or where none can be started, the engine is the one that
 * image-builder finds. Refuses, with how to get one, where there is none.
 */
export async function testPlatform(): Promise<Platform> {
  const given = process.env[platformVariable];
  if (given !== undefined) return JSON.parse(given);
  return exclusively(async () => {
    const own = process.env["DOCKER_HOST"] === undefined && canInstall();
    const dockerHost = own ? await sharedEngine() : (await findEngine(process.env)).host;
    const registry = await sharedRegistry();
    await ensureBusybox(dockerHost);
    return { dockerHost, registry, base: busyboxImage };
  });
}

/** The private engine below `.image-builder`, started where it does not run. Gives its `DOCKER_HOST`. */
export async function sharedEngine(): Promise<string> {
  const directory = join(privateFolder, "engine");
  const running = await findStarted(directory);
  if (running !== undefined) {
    say("Using the private engine that was started earlier");
    return running.address;
  }
  say("Starting a private Docker engine below .image-builder/");
  await installPackages(["docker.io", "iptables", "iproute2"], "a Docker engine");
  return (await startEngine(directory)).dockerHost;
}

/** The private registry below `.image-builder`, started where it does not run. Gives its host and port. */
export async function sharedRegistry(): Promise<string> {
  const directory = join(privateFolder, "registry");
  const running = await findStarted(directory);
  if (running !== undefined) return running.address;
  await installPackages(["docker-registry"], "a registry");
  return (await startRegistry(directory)).address;
}

async function findStarted(directory: string): Promise<Started | undefined> {
  const started = (await startedProcesses()).find((candidate) => candidate.directory === directory);
  if (started === undefined) return undefined;
  const port = Number(started.address.split(":")[1]);
  const socketPath = started.address.replace("unix://", "");
  const target = started.kind === "engine" ? { socketPath, path: "/_ping" } : { port, path: "/v2/" };
  if (isAlive(started) && (await answers(target))) return started;
  await stopStarted(started);
  return undefined;
}

/** Several test files may ask at once. The kernel frees this lock when its holder ends, however it ends. */
async function exclusively<T>(action: () => Promise<T>): Promise<T> {
  const giveUp = Date.now() + 10 * 60_000;
  const lock = createServer();
  while (!(await holds(lock))) {
    if (Date.now() > giveUp)
      throw surroundings("Another process has been setting up the engine for 10 minutes.");
    await sleep(200);
  }
  try {
    return await action();
  } finally {
    lock.close();
  }
}

function holds(lock: ReturnType<typeof createServer>): Promise<boolean> {
  return new Promise((done) => {
    lock.removeAllListeners().once("error", () => done(false));
    // An abstract socket: it has no file that could be left behind.
    lock.listen(`\0image-builder-${shortHash(checkout)}`, () => done(true));
  });
}

// ---------------------------------------------------------------------------------------------- the images

/** An engine as `DOCKER_HOST` has it, or as it was found. */
type Engine = string | EngineAddress;

/** A client of the engine, for what a test has to look at or to run. */
export function dockerClient(engine: Engine): Docker {
  return engineClient(typeof engine === "string" ? { host: engine, source: "DOCKER_HOST" } : engine);
}

export async function ensureBusybox(engine: Engine): Promise<void> {
  if (await hasImage(engine, busyboxImage)) return;
  await installPackages(["busybox-static"], "a small base image");
  const { stdout } = await run("busybox", ["--list"]);
  const busybox = await readFile("/bin/busybox");
  const tree = pack();
  const common = { uid: 0, gid: 0, mtime: new Date(0) };
  for (const name of ["bin", "etc", "tmp"])
    tree.entry({ ...common, name, type: "directory", mode: name === "tmp" ? 0o1777 : 0o755 });
  tree.entry({ ...common, name: "bin/busybox", mode: 0o755 }, busybox);
  for (const name of stdout.split("\n").filter((applet) => applet !== "" && applet !== "busybox"))
    tree.entry({ ...common, name: `bin/${name}`, type: "symlink", linkname: "busybox" });
  tree.entry({ ...common, name: "etc/passwd" }, "root:x:0:0:root:/:/bin/sh\n");
  tree.entry({ ...common, name: "etc/group" }, "root:x:0:\n");
  tree.finalize();
  await importImage(engine, Readable.from(tree), busyboxImage, "/bin/sh");
}

/** Makes sure that the engine holds `debian:bookworm-slim`: pulls it, or makes it where no registry is reached. */
export async function ensureDebianBase(engine: Engine): Promise<void> {
  if (await hasImage(engine, debianImage)) return;
  say(`Pulling ${debianImage}`);
  const failure = await pull(engine, debianImage);
  if (failure === undefined) return;
  say(`Docker Hub cannot be reached (${failure}).`);
  say(`Making ${debianImage} from Debian's packages, about a minute`);
  await installPackages(["debootstrap", "debian-archive-keyring"], `making ${debianImage}`);
  await mkdir(privateFolder, { recursive: true });
  const folder = await mkdtemp(join(privateFolder, "debootstrap-"));
  try {
    const mirror = "http://deb.debian.org/debian";
    await runLogged(`${folder}.log`, "debootstrap", ["--variant=minbase", "bookworm", folder, mirror]);
    await rm(join(folder, "var/lib/apt/lists"), { recursive: true });
    await rm(join(folder, "var/cache/apt/archives"), { recursive: true });
    await mkdir(join(folder, "var/lib/apt/lists/partial"), { recursive: true });
    await mkdir(join(folder, "var/cache/apt/archives/partial"), { recursive: true });
    for (const [file, text] of Object.entries(slimSettings)) await writeFile(join(folder, file), text);
    const tar = spawn("tar", ["--numeric-owner", "--one-file-system", "-C", folder, "-c", "."], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await importImage(engine, tar.stdout, debianImage, "bash");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  await rm(`${folder}.log`, { force: true });
}

/** Those of the published image, in short: packages leave neither archives nor manuals, and are not synced one by one. */
const slimSettings = {
  "etc/apt/apt.conf.d/docker-clean": [
    'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };',
    'Dir::Cache::pkgcache "";',
    'Dir::Cache::srcpkgcache "";',
    'Acquire::Languages "none";\n',
  ].join("\n"),
  "etc/dpkg/dpkg.cfg.d/docker": [
    "force-unsafe-io",
    "path-exclude /usr/share/doc/*",
    "path-include /usr/share/doc/*/copyright",
    "path-exclude /usr/share/man/*",
    "path-exclude /usr/share/locale/*\n",
  ].join("\n"),
};

async function hasImage(engine: Engine, reference: string): Promise<boolean> {
  const found = await dockerClient(engine).listImages({ filters: { reference: [reference] } });
  return found.length > 0;
}

/** Pulls an image; says why where it cannot. A registry that is silent for 20 s counts as not reached. */
async function pull(engine: Engine, reference: string): Promise<string | undefined> {
  const stalled = new AbortController();
  let timer = setTimeout(() => stalled.abort(), 20_000);
  try {
    const client = dockerClient(engine);
    const stream = await client.pull(reference, { abortSignal: stalled.signal });
    stream.on("data", () => (timer = timer.refresh()));
    return await lastError(client, stream);
  } catch (error) {
    return stalled.signal.aborted
      ? "no answer for 20 s"
      : messageOf(error)
          .replace(/^\(HTTP code \d+\) [^-]*- /, "")
          .trim();
  } finally {
    clearTimeout(timer);
  }
}

async function importImage(
  engine: Engine,
  tree: Readable,
  reference: string,
  command: string,
): Promise<void> {
  const client = dockerClient(engine);
  const changes = `CMD ["${command}"]`;
  // Podman 4 ignores a tag of its own.
  const stream = await client.importImage(tree, { repo: reference, changes });
  const failure = await lastError(client, stream);
  if (failure !== undefined) throw surroundings(`The engine did not take ${reference}: ${failure}`);
}

/** An engine reports what failed in a line of its answer. */
async function lastError(client: Docker, stream: NodeJS.ReadableStream): Promise<string | undefined> {
  const lines = await new Promise<{ error?: string }[]>((done, fail) =>
    client.modem.followProgress(stream, (error, output) => (error === null ? done(output) : fail(error))),
  );
  return lines.find((line) => line.error !== undefined)?.error;
}

// -------------------------------------------------------------------------------------------- the packages

let listsAreFresh = false;

/** Installs what is missing of some Debian packages, after saying so. Refuses, with what to do, where it cannot. */
export async function installPackages(names: readonly string[], purpose: string): Promise<void> {
  const missing = await missingPackages(names);
  if (missing.length === 0) return;
  if (!canInstall())
    throw surroundings(
      `${purpose} needs Debian packages that are missing: ${missing.join(", ")}`,
      `on Debian or Ubuntu, as root: apt-get install -y --no-install-recommends ${missing.join(" ")}`,
    );
  say(`Installing Debian packages for ${purpose}: ${missing.join(" ")}`);
  const log = join(privateFolder, "apt.log");
  await mkdir(privateFolder, { recursive: true });
  if (!listsAreFresh) await runLogged(log, "apt-get", ["update"]);
  listsAreFresh = true;
  await runLogged(log, "apt-get", ["install", "-y", "--no-install-recommends", ...missing]);
}

/** Whether this is a Debian or Ubuntu machine, and this user root: only then can an engine be started here. */
export function canInstall(): boolean {
  return existsSync("/etc/debian_version") && process.getuid?.() === 0;
}

async function missingPackages(names: readonly string[]): Promise<string[]> {
  const query = ["-W", "-f", "${binary:Package} ${db:Status-Status}\n", ...names];
  // It fails where a package is unknown, and prints those it knows all the same.
  const answer = await run("dpkg-query", query).catch((error: { stdout?: string }) => ({
    stdout: error.stdout ?? "",
  }));
  const installed = answer.stdout.split("\n").filter((line) => line.endsWith(" installed"));
  const known = new Set(installed.map((line) => line.replace(/(:\w+)? installed$/, "")));
  return names.filter((name) => !known.has(name));
}

export async function runLogged(log: string, program: string, parameters: readonly string[]): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const child = spawn(program, parameters, { env, stdio: ["ignore", "pipe", "pipe"] });
  const output = createWriteStream(log, { flags: "a" });
  child.stderr.pipe(output, { end: false });
  const stopTelling = tellLastLine(child.stdout);
  const status = new Promise<number | null>((done, fail) => child.once("close", done).once("error", fail));
  await pipeline(child.stdout, output, { end: false });
  const code = await status;
  stopTelling();
  output.end();
  if (code !== 0)
    throw surroundings(
      `${program} ${parameters[0] ?? ""} failed (exit code ${code})`,
      `see ${log} for what it said`,
    );
}

/** Says every ten seconds what a program printed last, so that nobody takes it for stuck. Gives what ends that. */
function tellLastLine(stream: Readable): () => void {
  let last = "";
  stream.on("data", (chunk: Buffer) => {
    last = chunk.toString().trimEnd().split("\n").at(-1) ?? last;
  });
  const begun = Date.now();
  const timer = setInterval(
    () => say(`  ${Math.round((Date.now() - begun) / 1000)} s: ${last.trim()}`),
    10_000,
  );
  return () => clearInterval(timer);
}

// -------------------------------------------------------------------------------------------- small things

function answers(target: { socketPath?: string; port?: number; path: string }): Promise<boolean> {
  return new Promise((done) => {
    const options = { host: "127.0.0.1", ...target, timeout: 2000 };
    const asked = request(options, (response) => {
      response.resume();
      done(response.statusCode === 200);
    });
    asked.once("timeout", () => asked.destroy());
    asked.once("error", () => done(false));
    asked.end();
  });
}

function shortHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 10);
}

function surroundings(message: string, hint?: string): Refusal {
  return new Refusal({ kind: "surroundings", message, ...(hint === undefined ? {} : { hint }) });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function ignore(): void {}
