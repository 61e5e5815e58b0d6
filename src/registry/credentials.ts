import { spawn } from "node:child_process";
import type { Credentials } from "../model.ts";
import { Refusal } from "../problem.ts";
import { objectAt, readDockerConfiguration } from "./docker-configuration.ts";

/** In milliseconds. A helper may ask a person to unlock a keyring, but a build must not wait for ever. */
const helperTimeout = 30_000;

/** The login for a registry such as `docker.io` or `localhost:5000`; undefined for none. */
export type Logins = (registry: string) => Promise<Credentials | undefined>;

/** A credential helper that gives no answer. */
class HelperFailure extends Refusal {}

/**
 * Finds logins as `findCredentials` does, asking for each registry once: a helper program may prompt each time. Where a helper
 * does not work there is no login, as for the docker command: a registry that needs none can be used all the same. It is told.
 */
export function openCredentials(environment: NodeJS.ProcessEnv, warn: (line: string) => void): Logins {
  const known = new Map<string, Promise<Credentials | undefined>>();
  const find = async (registry: string) => {
    try {
      return await findCredentials(registry, environment);
    } catch (error) {
      if (!(error instanceof HelperFailure)) throw error;
      warn(`going on without a login for ${registry}: ${error.message}`);
      return undefined;
    }
  };
  return (registry) => {
    const found = known.get(registry) ?? find(registry);
    known.set(registry, found);
    return found;
  };
}

/**
 * The login that `docker login` left for a registry such as `docker.io` or `localhost:5000`, undefined for none. The
 * places are those of the docker command, in its order: a credential helper for that registry (`credHelpers`), the
 * credential store (`credsStore`), the file itself (`auths`); in `DOCKER_CONFIG` or `~/.docker`. Refuses a
 * configuration that cannot be read and a helper that fails. No message holds a secret.
 */
export async function findCredentials(
  registry: string,
  environment: NodeJS.ProcessEnv,
): Promise<Credentials | undefined> {
  const configuration = await readDockerConfiguration(environment);
  const own = Object.entries(objectAt(configuration, "credHelpers")).find(
    ([key]) => hostOf(key) === hostOf(registry),
  )?.[1];
  const helper = own ?? configuration.content["credsStore"];
  if (typeof helper === "string" && helper !== "") {
    const found = await askHelper(helper, serverOf(registry), environment);
    if (found !== undefined) return found;
  }
  const auths = Object.entries(objectAt(configuration, "auths"));
  const entry = auths.find(([key]) => hostOf(key) === hostOf(registry))?.[1];
  return entry === undefined ? undefined : credentialsIn(entry, registry, configuration.path);
}

/** Keys are written as `host`, `https://host` or, by old versions, `https://host/v1/`; Docker Hub has several names. */
function hostOf(key: string): string {
  const host = key.replace(/^https?:\/\//, "").split("/", 1)[0] ?? "";
  return ["docker.io", "index.docker.io", "registry-1.docker.io"].includes(host) ? "docker.io" : host;
}

/** The name that `docker login` gives the registry in a store. */
function serverOf(registry: string): string {
  return hostOf(registry) === "docker.io" ? "https://index.docker.io/v1/" : registry;
}

function credentialsIn(entry: unknown, registry: string, path: string): Credentials | undefined {
  const identityToken = textAt(entry, "identitytoken");
  if (identityToken) return { identityToken };
  const [username, password] = [textAt(entry, "username"), textAt(entry, "password")];
  if (username && password) return { username, password };
  const auth = textAt(entry, "auth");
  if (!auth) return undefined;
  // Old versions of the docker command padded the password with NULs.
  const decoded = Buffer.from(auth, "base64").toString("utf8").replace(/\0+$/, "");
  const colon = decoded.indexOf(":");
  if (colon > 0) return { username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
  throw refusal(
    `the login for ${registry} in ${path} is not the base64 of user:password`,
    `run docker login ${registry} again`,
  );
}

/** Speaks the protocol of https://github.com/docker/docker-credential-helpers: the server in, JSON out. */
async function askHelper(
  helper: string,
  server: string,
  environment: NodeJS.ProcessEnv,
): Promise<Credentials | undefined> {
  const program = `docker-credential-${helper}`;
  const late = AbortSignal.timeout(helperTimeout);
  const { status, output } = await runHelper(program, server, environment, late);
  const hint = `see that ${program} works, or take ${helper} out of the docker configuration and run docker login again`;
  if (late.aborted) throw failure(`${program} gave no answer within ${helperTimeout / 1000} s`, hint);
  if (status !== 0) {
    if (/credentials not found/i.test(output)) return undefined;
    // What a helper that failed printed could hold anything, a secret too.
    throw failure(`${program} failed for ${server} (exit code ${status ?? "unknown"})`, hint);
  }
  let answer: unknown;
  try {
    answer = JSON.parse(output);
  } catch {
    throw failure(`${program} answered for ${server} with what is not JSON`, hint);
  }
  const [username, secret] = [textAt(answer, "Username"), textAt(answer, "Secret")];
  if (!secret) return undefined;
  return username === "<token>" ? { identityToken: secret } : { username: username ?? "", password: secret };
}

function runHelper(
  program: string,
  server: string,
  environment: NodeJS.ProcessEnv,
  late: AbortSignal,
): Promise<{ status: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, ["get"], { env: environment, stdio: ["pipe", "pipe", "ignore"] });
    let output = "";
    let settled = false;
    const settle = (status: number | null) => {
      settled = true;
      late.removeEventListener("abort", stop);
      // A grandchild that a wrapper left behind would hold the pipe open, and with it this process.
      child.stdout.destroy();
      resolve({ status, output });
    };
    const stop = () => {
      child.kill("SIGKILL");
      settle(null);
    };
    late.addEventListener("abort", stop, { once: true });
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
    child.once("close", (status) => settled || settle(status));
    child.once("error", (error) => {
      late.removeEventListener("abort", stop);
      const missing = "code" in error && error.code === "ENOENT";
      const what = missing ? "is not installed" : `cannot be run: ${error.message}`;
      const hint = `the docker configuration names it: install it, or take it out there and run docker login again`;
      reject(failure(`the credential helper ${program} ${what}`, hint));
    });
    // A helper that does not read its input is its own affair.
    child.stdin.on("error", () => {});
    child.stdin.end(server);
  });
}

function propertyOf(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
}

function textAt(value: unknown, key: string): string | undefined {
  const found = propertyOf(value, key);
  return typeof found === "string" ? found : undefined;
}

function refusal(message: string, hint: string): Refusal {
  return new Refusal({ kind: "surroundings", message, hint });
}

function failure(message: string, hint: string): HelperFailure {
  return new HelperFailure({ kind: "surroundings", message, hint });
}
