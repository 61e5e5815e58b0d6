/** Real registries (Debian's docker-registry) with every kind of login, and what is put into them over their API. */
import { execFile, spawn } from "node:child_process";
import { createHash, sign } from "node:crypto";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import { type Server, connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

interface Distribution {
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  stop(): Promise<void>;
}

interface DistributionOptions {
  /** As they stand in Distribution's configuration. */
  readonly auth?: Record<string, unknown>;
  readonly tls?: Record<string, unknown>;
  /** Where it keeps its content; several registries can have one store. */
  readonly store?: string;
}

/** Starts a registry below a directory. */
export async function startDistribution(
  directory: string,
  { auth, tls, store = join(directory, "store") }: DistributionOptions = {},
): Promise<Distribution> {
  await mkdir(directory, { recursive: true });
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const config = {
    version: "0.1",
    log: { level: "error", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: store }, delete: { enabled: true } },
    http: { addr: address, ...(tls && { tls }) },
    ...(auth && { auth }),
  };
  const file = join(directory, "config.yml");
  await writeFile(file, JSON.stringify(config));
  const registry = spawn("docker-registry", ["serve", file], { stdio: "ignore" });
  const kill = (): boolean => registry.kill("SIGKILL");
  process.once("exit", kill);
  const until = Date.now() + 20_000;
  while (!(await listens(port))) {
    if (registry.exitCode !== null || Date.now() > until)
      throw new Error(`the registry in ${directory} does not start`);
    await sleep(20);
  }
  return {
    address,
    async stop() {
      process.off("exit", kill);
      if (registry.exitCode === null && kill()) await once(registry, "exit");
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const port = portOf(server);
  server.close();
  return port;
}

/** The port that a server listens at. */
export function portOf(server: Server): number {
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("the server has no port");
  return address.port;
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

/** Distribution's configuration of a login by name and password. */
export async function htpasswd(
  directory: string,
  username: string,
  password: string,
): Promise<Record<string, unknown>> {
  await mkdir(directory, { recursive: true });
  const path = join(directory, "htpasswd");
  await run("htpasswd", ["-cbB", path, username, password]);
  return { htpasswd: { realm: "a registry, for tests", path } };
}

/** A certificate and its key, as files: signed by `authority`, or an authority itself. */
interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

export async function makeCertificate(
  directory: string,
  name: string,
  authority?: Certificate,
): Promise<Certificate> {
  await mkdir(directory, { recursive: true });
  const made = { certificate: join(directory, `${name}.crt`), key: join(directory, `${name}.key`) };
  const parent = authority && ["-CA", authority.certificate, "-CAkey", authority.key];
  const use = authority
    ? ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=CA:FALSE"]
    : [];
  await run("openssl", [
    ..."req -x509 -newkey rsa:2048 -nodes -days 2 -subj".split(" "),
    `/CN=${name}`,
    "-out",
    made.certificate,
    "-keyout",
    made.key,
    ...(parent ?? []),
    ...use,
  ]);
  return made;
}

/** A token service as Distribution's "Token Authentication Specification" has it. */
interface TokenService {
  /** For Distribution's configuration. */
  readonly auth: Record<string, unknown>;
  /** What was asked, in order: `GET repository:a:pull`. */
  readonly asked: string[];
  /** What the next tokens are like, where that differs from a good one for five minutes. */
  readonly next: TokenTraits[];
  stop(): void;
}

interface TokenTraits {
  /** The name of the field that carries it. */
  readonly field?: "token" | "access_token";
  /** Seconds that it is said to be good for. */
  readonly said?: number;
  /** It is over when it is given. */
  readonly over?: boolean;
  /** The whole answer. */
  readonly body?: string;
}

/** One account, `reader` with `secret-password`, or the identity token `secret-identity`. Anybody may pull `open/…`. */
export async function startTokenService(directory: string): Promise<TokenService> {
  const { certificate, key } = await makeCertificate(directory, "token-service");
  const pem = await readFile(certificate, "utf8");
  const privateKey = await readFile(key, "utf8");
  const x5c = [pem.replaceAll(/-----[A-Z ]+-----|\s/g, "")];
  const asked: string[] = [];
  const next: TokenTraits[] = [];

  function jwt(access: readonly unknown[], over: boolean): string {
    const now = Math.floor(Date.now() / 1000) - (over ? 3600 : 0);
    const header = { typ: "JWT", alg: "RS256", x5c };
    const times = { iat: now, nbf: now - 10, exp: now + 300 };
    const claims = {
      iss: "tests",
      aud: "registry, for tests",
      sub: "reader",
      jti: String(Math.random()),
      access,
      ...times,
    };
    const signed = [header, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
      .join(".");
    return `${signed}.${sign("sha256", Buffer.from(signed), privateKey).toString("base64url")}`;
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const query = new URL(request.url ?? "", "http://tokens.invalid").searchParams;
    const form = new URLSearchParams(await text(request));
    const scopes = (form.get("scope") ?? query.getAll("scope").join(" ")).split(" ").filter(Boolean);
    asked.push(`${request.method} ${scopes.join(" ")}`);
    const basic = `Basic ${Buffer.from("reader:secret-password").toString("base64")}`;
    const { authorization } = request.headers;
    const known =
      request.method === "POST"
        ? form.get("grant_type") === "refresh_token" && form.get("refresh_token") === "secret-identity"
        : authorization === basic;
    if (!known && (authorization !== undefined || request.method === "POST")) {
      response.writeHead(401).end(JSON.stringify({ details: `incorrect login ${authorization}` }));
      return;
    }
    const access = scopes.flatMap((scope) => {
      const [type, name = "", actions = ""] = scope.split(":");
      if (known) return [{ type, name, actions: actions.split(",") }];
      return name.startsWith("open/") ? [{ type, name, actions: ["pull"] }] : [];
    });
    const traits = next.shift() ?? {};
    const token = jwt(access, traits.over ?? false);
    const given = { [traits.field ?? "token"]: token, expires_in: traits.said ?? 300 };
    response.end(traits.body ?? JSON.stringify(given));
  }

  const server = createServer((request, response) => void answer(request, response)).listen(0, "127.0.0.1");
  await once(server, "listening");
  server.unref();
  const port = portOf(server);
  return {
    auth: {
      token: {
        realm: `http://127.0.0.1:${port}/token`,
        service: "registry, for tests",
        issuer: "tests",
        rootcertbundle: certificate,
      },
    },
    asked,
    next,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Something that a registry keeps, and what it is known by. */
interface Stored {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** Puts a blob into a repository, in one upload. */
async function putBlob(
  address: string,
  repository: string,
  content: string,
  mediaType: string,
): Promise<Stored> {
  const digest = `sha256:${createHash("sha256").update(content).digest("hex")}`;
  const begun = await fetch(`http://${address}/v2/${repository}/blobs/uploads/`, { method: "POST" });
  const url = new URL(begun.headers.get("location") ?? "");
  url.searchParams.set("digest", digest);
  const done = await fetch(url, { method: "PUT", body: content });
  if (done.status !== 201) throw new Error(`blob: ${done.status}`);
  return { mediaType, digest, size: Buffer.byteLength(content) };
}

/** Puts a manifest into a repository. */
async function putManifest(
  address: string,
  repository: string,
  name: string,
  content: Readonly<Record<string, unknown>> & { readonly mediaType: string },
): Promise<Stored & { readonly text: string }> {
  const body = JSON.stringify(content, undefined, 3);
  const { mediaType } = content;
  const url = `http://${address}/v2/${repository}/manifests/${name}`;
  const answer = await fetch(url, { method: "PUT", headers: { "content-type": mediaType }, body });
  if (answer.status !== 201) throw new Error(`manifest: ${answer.status} ${await answer.text()}`);
  const digest = `sha256:${createHash("sha256").update(body).digest("hex")}`;
  return { mediaType, digest, size: body.length, text: body };
}

/** Puts an image of two layers into a repository: as Docker 20 pushes it, or as newer engines do. */
export async function putImage(
  address: string,
  repository: string,
  name: string,
  { kind = "docker", architecture = "amd64" }: { kind?: "docker" | "oci"; architecture?: string } = {},
): Promise<Stored & { readonly text: string; readonly layers: readonly Stored[] }> {
  const oci = kind === "oci";
  const layerType = oci
    ? "application/vnd.oci.image.layer.v1.tar+gzip"
    : "application/vnd.docker.image.rootfs.diff.tar.gzip";
  const layers = [];
  for (const layer of ["base", "top"])
    layers.push(await putBlob(address, repository, `${layer} of ${repository}`, layerType));
  const configuration = {
    architecture,
    os: "linux",
    created: "2026-01-02T03:04:05Z",
    config: {
      Env: ["PATH=/bin", "NAME=a=b"],
      Labels: { "org.sciserver.science.a.version": "1.0-42-f90dbd6" },
    },
    rootfs: { type: "layers", diff_ids: [] },
  };
  const configType = oci
    ? "application/vnd.oci.image.config.v1+json"
    : "application/vnd.docker.container.image.v1+json";
  const config = await putBlob(address, repository, JSON.stringify(configuration), configType);
  const mediaType = oci
    ? "application/vnd.oci.image.manifest.v1+json"
    : "application/vnd.docker.distribution.manifest.v2+json";
  return {
    ...(await putManifest(address, repository, name, {
      schemaVersion: 2,
      mediaType,
      config,
      layers,
    })),
    layers,
  };
}

/** Puts an index as BuildKit pushes it: an image for arm64, one for amd64, and how each was made. */
export async function putIndex(
  address: string,
  repository: string,
  tag: string,
  architectures: readonly string[] = ["arm64", "amd64"],
): Promise<Stored & { readonly text: string }> {
  const manifests: unknown[] = [];
  for (const architecture of architectures) {
    const image = await putImage(address, repository, `made-${architecture}`, { kind: "oci", architecture });
    const attestation = await putManifest(address, repository, `attested-${architecture}`, {
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: await putBlob(
        address,
        repository,
        `{"${architecture}":1}`,
        "application/vnd.oci.image.config.v1+json",
      ),
      layers: [
        await putBlob(address, repository, `{"of":"${architecture}"}`, "application/vnd.in-toto+json"),
      ],
    });
    const { mediaType, digest, size } = image;
    manifests.push({ mediaType, digest, size, platform: { os: "linux", architecture } });
    manifests.unshift({
      mediaType,
      digest: attestation.digest,
      size: attestation.size,
      platform: { os: "unknown", architecture: "unknown" },
      annotations: {
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": digest,
      },
    });
  }
  const mediaType = "application/vnd.oci.image.index.v1+json";
  return putManifest(address, repository, tag, { schemaVersion: 2, mediaType, manifests });
}
