import { setMaxListeners } from "node:events";
import { Agent as HttpAgent, STATUS_CODES, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import type { SecureContext } from "node:tls";
import { Refusal } from "../problem.ts";
import { type Answer, Oversized, describeAnswer, garbled, isRateLimit, printable } from "./answer.ts";
import { parseRetryAfter } from "./headers.ts";
import { proxyFor } from "./proxy.ts";
import { findTrust } from "./trust.ts";

/** A request that is tried again. */
export interface Retry {
  /** What was to be done, e.g. `read registry.example/sci/a:1.0`. */
  readonly what: string;
  /** What went wrong with it. */
  readonly reason: string;
  /** Counts from 1: the attempt that failed. */
  readonly attempt: number;
  /** Milliseconds until the next one. */
  readonly wait: number;
}

/** A request to a registry or to its token service. All of them can be repeated without harm. */
export interface Request {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** Bytes that the answer may have; 4 MiB by default. A longer one is refused as `Oversized`. */
  readonly limit?: number;
  /** For messages, as it follows "cannot": `read registry.example/sci/a:1.0`. */
  readonly what: string;
}

/**
 * Carries a request out, follows redirects and tries again what is worth it. Rejects with a `Refusal` of kind
 * `surroundings` (its `cause` is the network's error) or with the reason of the signal.
 */
export type Send = (request: Request) => Promise<Answer>;

interface TransportOptions {
  /** How many connections a host gets at most; further requests wait for one. */
  readonly connections: number;
  /** Milliseconds that one attempt may take from start to end; a third of it for the connection. */
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
  readonly onRetry: ((retry: Retry) => void) | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What must not be seen in a message. */
  readonly secrets: ReadonlySet<string>;
}

const attempts = 5;
const firstWait = 250;
const longestWait = 60_000;
const redirects = 5;
/** Of a manifest; so much a registry has to take (OCI distribution spec, "Pushing Manifests"). All else is far smaller. */
const largestBody = 4 * 1024 * 1024;

const worthRetrying: ReadonlySet<unknown> = new Set([
  500,
  502,
  503,
  504,
  "EAI_AGAIN",
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EPIPE",
  "EPROXY",
  "ETIMEDOUT",
]);

/** How a host is reached. */
interface Way {
  readonly agent: HttpAgent;
  /** Host and port of the proxy, where there is one between. */
  readonly proxy: string | undefined;
  readonly secureContext: SecureContext | undefined;
}

/** HTTP over connections that are kept for the next request. */
export function openTransport({
  connections,
  timeout,
  onRetry,
  environment,
  secrets,
  ...options
}: TransportOptions): Send {
  // Many requests listen at the same time, which would be taken for a leak on a signal that is not this room's own.
  const signal = options.signal && AbortSignal.any([options.signal]);
  if (signal) setMaxListeners(0, signal);
  const plain = new HttpAgent({ keepAlive: true, maxSockets: connections });
  const ways = new Map<string, Promise<Way>>();

  function wayTo(url: URL): Promise<Way> {
    const way = ways.get(url.origin) ?? findWay(url);
    ways.set(url.origin, way);
    return way;
  }

  async function findWay(url: URL): Promise<Way> {
    const kept = { keepAlive: true, maxSockets: connections };
    const proxy = proxyFor(url, environment);
    const secureContext = url.protocol === "http:" ? undefined : await findTrust(url.host, environment);
    if (proxy === undefined)
      return { agent: url.protocol === "http:" ? plain : new HttpsAgent(kept), proxy, secureContext };
    const { HttpsProxyAgent } = await import("https-proxy-agent");
    const { username, password } = proxy;
    const login = [username, password].map(decodeURIComponent).join(":");
    const authorization = `Basic ${Buffer.from(login).toString("base64")}`;
    // The agent prints the address that it is given where DEBUG is set.
    [proxy.username, proxy.password] = ["", ""];
    const headers = username === "" ? {} : { "proxy-authorization": authorization };
    return { agent: new HttpsProxyAgent(proxy, { ...kept, headers }), proxy: proxy.host, secureContext };
  }

  /** One attempt, with its redirects: what came of it, and from which host. */
  async function attempt(
    request: Request,
  ): Promise<{ outcome: Answer | Error; host: string; proxy?: string }> {
    let { url, headers = {} } = request;
    let proxy: string | undefined;
    try {
      for (let hop = 0; hop <= redirects; hop += 1) {
        const way = await wayTo(url);
        ({ proxy } = way);
        const answer = await exchange({ ...request, url, headers }, way);
        const target = redirectOf(request, answer, url);
        if (target === undefined) return { outcome: answer, host: url.host };
        if (target.origin !== url.origin) headers = withoutAuthorization(headers);
        url = target;
      }
      throw garbled(request.what, `it was redirected more than ${redirects} times`);
    } catch (error) {
      const outcome = error instanceof Error ? error : new Error(String(error));
      return { outcome, host: url.host, ...(proxy !== undefined && { proxy }) };
    }
  }

  function exchange(request: Request, { agent, proxy, secureContext }: Way): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const start = request.url.protocol === "https:" ? httpsRequest : httpRequest;
      const { method, headers, limit = largestBody } = request;
      const outgoing = start(request.url, {
        method,
        headers,
        agent,
        ...(signal && { signal }),
        ...(secureContext && { secureContext }),
      });
      const timers = [giveUpAfter(timeout, "no complete answer")];

      function stop(error: Error): void {
        reject(error);
        outgoing.destroy(error);
      }
      function giveUpAfter(time: number, what: string): NodeJS.Timeout {
        const error = Object.assign(new Error(`${what} within ${time / 1000} s`), { code: "ETIMEDOUT" });
        return setTimeout(() => stop(error), time);
      }
      outgoing.once("socket", (socket) => {
        // One that was waited for has been connected for long as well.
        if (outgoing.reusedSocket || !socket.connecting) return;
        const connecting = giveUpAfter(timeout / 3, "no connection");
        timers.push(connecting);
        socket.once(start === httpsRequest ? "secureConnect" : "connect", () => clearTimeout(connecting));
      });
      // What the proxy answers in place of a connection would be taken for the registry's own answer.
      outgoing.once("proxyConnect", ({ statusCode = 0 }: { readonly statusCode?: number }) => {
        if (statusCode !== 200) stop(proxyFailure(request, proxy ?? "", statusCode));
      });
      outgoing.on("error", reject);
      outgoing.once("close", () => {
        for (const timer of timers) clearTimeout(timer);
      });
      outgoing.once("response", (incoming) => {
        const chunks: Buffer[] = [];
        let size = 0;
        incoming.on("data", (chunk: Buffer) => {
          size += chunk.length;
          chunks.push(chunk);
          if (size > limit) stop(new Oversized(request.what, limit, incoming.headers));
        });
        incoming.on("error", reject);
        incoming.once("end", () =>
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            body: Buffer.concat(chunks),
          }),
        );
      });
      outgoing.end(request.body);
    });
  }

  return async function send(request) {
    for (let tried = 1; ; tried += 1) {
      signal?.throwIfAborted();
      const { outcome, host, proxy } = await attempt(request);
      signal?.throwIfAborted();
      const failed = outcome instanceof Error;
      const retriable = failed
        ? worthRetrying.has(codeOf(outcome))
        : worthRetrying.has(outcome.status) || isRateLimit(outcome);
      if (!retriable || tried === attempts) {
        if (failed)
          throw outcome instanceof Refusal
            ? outcome
            : unreachable(request.what, { host, proxy }, outcome, tried);
        return outcome;
      }
      const wait = waitBefore(tried, failed ? undefined : outcome);
      const reason = failed ? printable(outcome.message, secrets) : describeAnswer(outcome, secrets);
      onRetry?.({ what: request.what, reason, attempt: tried, wait });
      // An abort ends the waiting early, and the loop with its own reason.
      await sleep(wait, undefined, signal && { signal }).catch(() => undefined);
    }
  };

  function unreachable(
    what: string,
    { host, proxy }: { readonly host: string; readonly proxy: string | undefined },
    error: Error,
    tried: number,
  ): Refusal {
    const reach =
      proxy === undefined
        ? `see whether ${host} is the right name, is up and can be reached from here`
        : `see whether the proxy ${proxy} is up and reaches ${host}, or name ${host} in NO_PROXY`;
    const hint = isAboutCertificate(error)
      ? `trust its authority by /etc/docker/certs.d/${host}/ca.crt, ~/.docker/certs.d/${host}/ca.crt or NODE_EXTRA_CA_CERTS`
      : reach;
    const times = tried === 1 ? "" : ` (tried ${tried} times)`;
    const message = `cannot ${what}: ${host}: ${printable(error.message, secrets)}${times}`;
    return Object.assign(new Refusal({ kind: "surroundings", message, hint }), { cause: error });
  }
}

/** A proxy that makes no connection. One that fails (5xx) may do so at the next attempt. */
function proxyFailure({ what, url }: Request, proxy: string, status: number): Error {
  const message = `the proxy ${proxy} answers ${status} ${STATUS_CODES[status] ?? ""}`.trim();
  if (status >= 500) return Object.assign(new Error(message), { code: "EPROXY" });
  const hint =
    status === 407
      ? "give its login in HTTPS_PROXY: http://USER:PASSWORD@HOST:PORT"
      : `let it connect to ${url.host}, or name ${url.hostname} in NO_PROXY`;
  return new Refusal({ kind: "surroundings", message: `cannot ${what}: ${message}`, hint });
}

/** The code of a network error: `ECONNRESET`, `EPROTO`, …; undefined where it has none. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** Half of the wait is left to chance, so that many who failed together do not come back together. */
function waitBefore(tried: number, answer: Answer | undefined): number {
  const backoff = firstWait * 2 ** (tried - 1) * (0.5 + Math.random() / 2);
  const asked = parseRetryAfter(answer?.headers["retry-after"], Date.now()) ?? 0;
  return Math.round(Math.min(longestWait, Math.max(backoff, asked)));
}

/** Where an answer sends the reader of a blob or manifest; never from an encrypted connection to a plain one. */
function redirectOf(request: Request, answer: Answer, url: URL): URL | undefined {
  const { location } = answer.headers;
  if (![301, 302, 303, 307, 308].includes(answer.status) || location === undefined) return undefined;
  if (request.method !== "GET" && request.method !== "HEAD") return undefined;
  const target = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
  if (target?.protocol === "https:" || (target?.protocol === "http:" && url.protocol === "http:"))
    return target;
  throw garbled(request.what, `${url.host} redirects to a place that is not safe to follow`);
}

function withoutAuthorization(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name !== "authorization"));
}

function isAboutCertificate(error: Error): boolean {
  return /CERT|ALTNAME|ISSUER|SIGNATURE|CA_|_CA|SELF_SIGNED/.test(codeOf(error) ?? "");
}
