import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { Refusal } from "../problem.ts";
import { ping } from "./client.ts";
import type { EngineAddress, EngineTls } from "./client.ts";
import { propertyOf, textOf } from "./json.ts";

/** Says that no engine was named and none answered at the usual places: one could be started. */
export class NoEngine extends Refusal {}

/** In milliseconds; an engine on the same machine answers within a few, and ssh may go through other machines. */
const pingTimeout = { near: 3000, ssh: 40_000 };

/**
 * Finds the engine as the docker command does: `DOCKER_HOST`, then the docker context (`DOCKER_CONTEXT`, or
 * `currentContext` of the docker configuration), then the first of the usual sockets of Docker and Podman that
 * answers. An engine that is named and does not answer is refused, never replaced by another one.
 */
export async function findEngine(environment: NodeJS.ProcessEnv): Promise<EngineAddress> {
  const named = (await fromHostVariable(environment)) ?? (await fromContext(environment));
  if (named !== undefined) {
    const failure = await tryEngine(named);
    if (failure === undefined) return named;
    throw unusable(
      `the engine at ${named.host} (from ${named.source}) cannot be used: ${failure}`,
      named.host.startsWith("ssh:") ? sshHint(named) : `start it, or correct ${named.source}`,
    );
  }
  const tried: string[] = [];
  for (const path of usualSockets(environment)) {
    const address = { host: `unix://${path}`, source: "the usual sockets" };
    const failure = await tryEngine(address);
    if (failure === undefined) return address;
    tried.push(`${path} (${failure})`);
  }
  throw new NoEngine({
    kind: "surroundings",
    message: `no container engine answers; tried ${tried.join(", ")}`,
    hint: "start Docker or Podman, or set DOCKER_HOST; `npm run demo` can start a private engine",
  });
}

/** What keeps an engine from being used; undefined where it answers. */
async function tryEngine(address: EngineAddress): Promise<string | undefined> {
  try {
    await ping(address, address.host.startsWith("ssh:") ? pingTimeout.ssh : pingTimeout.near);
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}

/** The command to see for oneself what ssh does; without the questions it cannot ask here. */
function sshHint({ host, source }: EngineAddress): string {
  const { hostname, port, username } = new URL(host);
  const place = `${username === "" ? "" : `${decodeURIComponent(username)}@`}${hostname}`;
  return `make this work: ssh ${port === "" ? "" : `-p ${port} `}${place} docker version; or correct ${source}`;
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return "there is no such socket";
  if (code === "EACCES") return "permission denied: is this user in the socket's group?";
  if (code === "ECONNREFUSED") return "nobody listens there";
  return error instanceof Error ? error.message.trim() : String(error);
}

function usualSockets(environment: NodeJS.ProcessEnv): string[] {
  const runtime = environment["XDG_RUNTIME_DIR"];
  const home = homeOf(environment);
  return [
    "/var/run/docker.sock",
    ...(runtime ? [join(runtime, "docker.sock")] : []),
    join(home, ".docker/run/docker.sock"),
    join(home, ".docker/desktop/docker.sock"),
    ...(runtime ? [join(runtime, "podman/podman.sock")] : []),
    "/run/podman/podman.sock",
  ];
}

async function fromHostVariable(environment: NodeJS.ProcessEnv): Promise<EngineAddress | undefined> {
  const host = environment["DOCKER_HOST"];
  if (!host) return undefined;
  const address = { host: checkedHost(host, "DOCKER_HOST"), source: "DOCKER_HOST" };
  const verify = Boolean(environment["DOCKER_TLS_VERIFY"]);
  const certificates = environment["DOCKER_CERT_PATH"];
  if (!host.startsWith("tcp:") || !(verify || certificates)) return address;
  const folder = certificates || join(homeOf(environment), ".docker");
  return { ...address, tls: await readTls(folder, verify, "DOCKER_CERT_PATH") };
}

/** The context's files are as the docker command keeps them: `contexts/{meta,tls}/<sha256 of the name>/`. */
async function fromContext(environment: NodeJS.ProcessEnv): Promise<EngineAddress | undefined> {
  const folder = environment["DOCKER_CONFIG"] || join(homeOf(environment), ".docker");
  const configuration = join(folder, "config.json");
  const variable = environment["DOCKER_CONTEXT"];
  const name = variable || textOf(await readJson(configuration), "currentContext");
  if (!name || name === "default") return undefined;
  const source = variable ? `DOCKER_CONTEXT=${name}` : `the docker context ${name}`;
  const id = createHash("sha256").update(name).digest("hex");
  const meta = await readJson(join(folder, "contexts/meta", id, "meta.json"));
  if (meta === undefined) {
    const place = variable ? "DOCKER_CONTEXT" : configuration;
    throw unusable(
      `${place} names the docker context ${name}, which does not exist`,
      "see: docker context ls",
    );
  }
  const endpoint = propertyOf(propertyOf(meta, "Endpoints"), "docker");
  const host = textOf(endpoint, "Host");
  if (!host) throw unusable(`${source} names no engine`, `see: docker context inspect ${name}`);
  const address = { host: checkedHost(host, source), source };
  const tls = await readTls(
    join(folder, "contexts/tls", id, "docker"),
    propertyOf(endpoint, "SkipTLSVerify") !== true,
    source,
    "optional",
  );
  return host.startsWith("tcp:") && (tls.ca ?? tls.cert) !== undefined ? { ...address, tls } : address;
}

function checkedHost(host: string, source: string): string {
  if (/^unix:\/\/\/./.test(host)) return host;
  if (/^ssh:\/\/[^/]*:[^/]*@/.test(host))
    throw unusable(
      `${source} holds a password, which an ssh:// address cannot have`,
      "log in with a key: ssh-copy-id USER@HOST",
    );
  if (/^(?:tcp|ssh):\/\//.test(host) && URL.canParse(host) && new URL(host).hostname !== "") return host;
  throw unusable(
    `${source} is ${host}, which is not an engine's address`,
    "it reads unix:///PATH, tcp://HOST:PORT or ssh://USER@HOST",
  );
}

async function readTls(
  folder: string,
  verify: boolean,
  source: string,
  presence: "required" | "optional" = "required",
): Promise<EngineTls> {
  const paths = ["ca.pem", "cert.pem", "key.pem"].map((name) => join(folder, name));
  const texts = await Promise.all(paths.map(readText));
  const missing = paths.find((_, index) => texts[index] === undefined);
  if (missing !== undefined && presence === "required")
    throw unusable(`${missing} does not exist`, `correct ${source}`);
  const [ca, cert, key] = texts;
  return { ca, cert, key, verify };
}

async function readJson(path: string): Promise<unknown> {
  const text = await readText(path);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw unusable(`${path} is not JSON`, "correct it, or move it away");
  }
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR"))
      return undefined;
    throw unusable(`${path} cannot be read: ${reasonOf(error)}`, "correct its permissions");
  }
}

function homeOf(environment: NodeJS.ProcessEnv): string {
  return environment["HOME"] || homedir();
}

function unusable(message: string, hint: string): Refusal {
  return new Refusal({ kind: "surroundings", message, hint });
}
