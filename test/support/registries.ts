/** Registries of other makers, as far as they answer in ways of their own: rules for the proxy in front of a real one. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Decide, Fault, ProxiedRequest } from "./fault-proxy.ts";

/** The registry behind the proxy, asked past it. */
interface Behind {
  /** `127.0.0.1:PORT` */
  readonly address: string;
}

/** What a request is about: `/v2/{repository}/{kind}/{name}`. */
function subjectOf({ path }: ProxiedRequest) {
  const [, repository = "", kind = "", name = ""] =
    /^\/v2\/(.+?)\/(manifests|blobs|tags)\/([^?]*)/.exec(path) ?? [];
  return { repository, kind, name };
}

function reads({ method }: ProxiedRequest): boolean {
  return method === "GET" || method === "HEAD";
}

const anyManifest = [
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.oci.image.index.v1+json",
].join(", ");

async function holds({ address }: Behind, repository: string, name: string): Promise<boolean> {
  const url = `http://${address}/v2/${repository}/manifests/${name}`;
  return (await fetch(url, { method: "HEAD", headers: { accept: anyManifest } })).ok;
}

async function exists({ address }: Behind, repository: string): Promise<boolean> {
  return (await fetch(`http://${address}/v2/${repository}/tags/list`)).ok;
}

function refuse(status: number, code: string, message: string, headers = {}): Fault {
  return { status, headers, body: JSON.stringify({ errors: [{ code, message }] }) };
}

/** The right that a token carries, which the registry itself has given: `pull,push`. */
function rightsIn({ headers }: ProxiedRequest): string {
  const [, claims = ""] = headers.authorization?.split(".") ?? [];
  const { access = [] } = JSON.parse(Buffer.from(claims, "base64url").toString() || "{}") as {
    access?: { actions: string[] }[];
  };
  return access.flatMap(({ actions }) => actions).join(",");
}

/** What was put stays 404 for a while. */
function shownLate(time: number): Decide {
  const put = new Map<string, number>();
  return (request) => {
    const { repository, kind, name } = subjectOf(request);
    if (kind !== "manifests") return undefined;
    const key = `${repository} ${name}`;
    if (request.method === "PUT" && !put.has(key)) put.set(key, performance.now());
    const since = performance.now() - (put.get(key) ?? -Infinity);
    return reads(request) && since < time ? refuse(404, "MANIFEST_UNKNOWN", "manifest unknown") : undefined;
  };
}

/** A login by name and password, asked for as `realm`. */
function login(account: string, password: string): Decide {
  const expected = `Basic ${Buffer.from(`${account}:${password}`).toString("base64")}`;
  return ({ headers }) =>
    headers.authorization === expected
      ? undefined
      : refuse(401, "UNAUTHORIZED", "authentication required", { "www-authenticate": 'Basic realm="a"' });
}

function first(...rules: readonly Decide[]): Decide {
  return async (request, n) => {
    for (const rule of rules) {
      const fault = await rule(request, n);
      if (fault !== undefined) return fault;
    }
    return undefined;
  };
}

/** A registry of another maker. */
export interface Profile {
  /** What is in the docker configuration for it; undefined where anybody may write. */
  readonly account?: { readonly username: string; readonly password: string };
  /** It sends its clients to a token service. */
  readonly tokens?: boolean;
  /** Repositories have to be made before: those that are, or undefined. */
  readonly created?: Set<string>;
  readonly rules: (behind: Behind) => Decide;
}

const ecr = new Set<string>();
const key = JSON.stringify({ type: "service_account", private_key: "-----BEGIN\nk:e:y\n" }, undefined, 2);

export const profiles: Readonly<Record<string, Profile>> = {
  /** 401 for what is read of a repository that does not exist, unless the token may push to it. */
  quay: {
    account: { username: "reader", password: "secret-password" },
    tokens: true,
    rules: (behind) => async (request) => {
      const { repository } = subjectOf(request);
      if (repository === "" || !reads(request) || rightsIn(request).includes("push")) return undefined;
      if (await exists(behind, repository)) return undefined;
      return refuse(401, "UNAUTHORIZED", "access to the requested resource is not authorized");
    },
  },
  /** 403 for a missing tag. */
  artifactory: {
    account: { username: "ada", password: "token" },
    rules: (behind) =>
      first(login("ada", "token"), async (request) => {
        const { repository, kind, name } = subjectOf(request);
        if (kind !== "manifests" || !reads(request) || (await holds(behind, repository, name)))
          return undefined;
        return refuse(403, "DENIED", "Forbidden");
      }),
  },
  /** What was pushed shows after a second; a limit on requests is told by 403. */
  ghcr: {
    rules: () => {
      let limited = 0;
      return first(shownLate(1000), ({ method, path }) =>
        method === "GET" && path.includes("/tags/") && (limited += 1) === 1
          ? { status: 403, body: JSON.stringify({ message: "You have exceeded a secondary rate limit" }) }
          : undefined,
      );
    },
  },
  /** What was pushed shows after a second; a limit on pulls is told by 429. */
  dockerhub: {
    rules: () => {
      let limited = 0;
      return first(shownLate(1200), ({ method, path }) =>
        method === "GET" && path.includes("/manifests/") && (limited += 1) === 2
          ? refuse(429, "TOOMANYREQUESTS", "You have reached your pull rate limit", { "retry-after": "1" })
          : undefined,
      );
    },
  },
  /** Repositories are made by hand, and nothing is mounted. */
  ecr: {
    account: { username: "AWS", password: "token" },
    created: ecr,
    rules: () =>
      first(login("AWS", "token"), ({ method, path }) => {
        const [, repository] = /^\/v2\/(.+)\/(?:manifests|blobs|tags)\//.exec(path) ?? [];
        if (repository === undefined) return undefined;
        if (!ecr.has(repository))
          return refuse(404, "NAME_UNKNOWN", `The repository with name '${repository}' does not exist`);
        if (method === "DELETE") return refuse(405, "UNSUPPORTED", "unsupported");
        return method === "POST" ? { path: path.replace(/\?mount=.*/, "") } : undefined;
      }),
  },
  /** Logs in with a key that is a document of JSON, and gives up no upload. */
  gar: {
    account: { username: "_json_key", password: key },
    rules: () =>
      first(login("_json_key", key), ({ method }) =>
        method === "DELETE" ? refuse(405, "UNSUPPORTED", "unsupported") : undefined,
      ),
  },
  /** Immutable tags by its rules; some proxies before it answer HEAD not at all, and 200 to what is put. */
  harbor: {
    account: { username: "robot$images", password: "token" },
    rules: (behind) =>
      first(login("robot$images", "token"), async (request) => {
        const { repository, kind, name } = subjectOf(request);
        if (kind === "manifests" && request.method === "HEAD") return { status: 405 };
        if (kind !== "manifests" || request.method !== "PUT") return undefined;
        if (/-\d+-[0-9a-f]{7}$/.test(name) && (await holds(behind, repository, name)))
          return refuse(412, "PRECONDITION", `'${repository}:${name}' configured as immutable.`);
        await sleep(10);
        return { answer: 200 };
      }),
  },
};
