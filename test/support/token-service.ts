/** A token service as registries send their clients to, and certificates: for it, and for registries with TLS. */
import { execFile } from "node:child_process";
import { sign } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { listenOnLoopback } from "./loopback.ts";

const run = promisify(execFile);

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
    ? ["-addext", "subjectAltName=IP:127.0.0.1,DNS:registry.test", "-addext", "basicConstraints=CA:FALSE"]
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

  const server = createServer((request, response) => void answer(request, response));
  const port = await listenOnLoopback(server);
  server.unref();
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
