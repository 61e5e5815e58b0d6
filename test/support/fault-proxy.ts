/** A real HTTP proxy in front of a registry or an engine, for what those do not do on demand: to fail. */
import { createServer, request as forward } from "node:http";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { listenOnLoopback } from "./loopback.ts";

/** What a client gets instead of the true answer to its request. */
export type Fault =
  /** The connection is reset before any answer. */
  | "cut"
  /** The request is passed on, and the connection reset after the first bytes of its body. */
  | "cut-upload"
  /** The request is carried out; the connection is closed in the middle of the answer. */
  | "cut-answer"
  /** The request is carried out; the answer stops in its middle, and the connection stays. */
  | "stall"
  /** There is never an answer. */
  | "silence"
  /** This answer, at once. */
  | {
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    }
  /** The request is passed on to another path, or the answer's status or headers are changed. */
  | {
      readonly path?: string;
      readonly answer?: number;
      readonly without?: string;
      readonly with?: Readonly<Record<string, string>>;
    };

/** A request that came to the proxy. */
export interface ProxiedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** The client's port: the same for all requests over one connection. */
  readonly port: number | undefined;
  /** When it came, in milliseconds on the clock of `performance.now()`. */
  readonly at: number;
  /** The bytes of its body that were passed on so far. */
  readonly sent: number;
}

/** Decides what goes wrong with a request, which waits for a promise; `n` counts from 1. */
export type Decide = (request: ProxiedRequest, n: number) => Fault | undefined | Promise<Fault | undefined>;

/** A proxy that runs. */
export interface FaultProxy {
  /** `127.0.0.1:PORT`, to be used in place of the target's address. */
  readonly address: string;
  /** Every request since the last `break` or `heal`, in order, faulty or not. */
  readonly requests: readonly ProxiedRequest[];
  /** The most requests since then that were there at the same time. */
  readonly mostAtOnce: number;
  /** From now on every request is decided upon. */
  break(decide: Decide): void;
  /** From now on every request goes well. */
  heal(): void;
  /** Ends it and its connections. */
  stop(): Promise<void>;
}

/** The fault for the requests that fit: for all of them, or for the first few. */
export function on(fits: (request: ProxiedRequest) => boolean, fault: Fault, times = Infinity): Decide {
  let left = times;
  return (request) => (fits(request) && left-- > 0 ? fault : undefined);
}

/** Whether a request puts a manifest, be it under a tag or its digest. */
export function putsManifest({ method, path }: ProxiedRequest): boolean {
  return method === "PUT" && path.includes("/manifests/");
}

/** Starts a proxy in front of `HOST:PORT` or `unix:///PATH`. */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const upstream = targetOf(target);
  let requests: ProxiedRequest[] = [];
  let decide: Decide = () => undefined;
  let [present, mostAtOnce] = [0, 0];

  async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    mostAtOnce = Math.max(mostAtOnce, (present += 1));
    response.once("close", () => (present -= 1));
    const { method = "", url: path = "", headers, socket } = incoming;
    const request = { method, path, headers, port: socket.remotePort, at: performance.now(), sent: 0 };
    const fault = await decide(request, requests.push(request));
    // The client may be gone, after a wait.
    if (fault === "silence" || socket.destroyed) return;
    if (fault === "cut") socket.resetAndDestroy();
    else if (typeof fault === "object" && "status" in fault) {
      incoming.resume();
      response.writeHead(fault.status, fault.headers).end(fault.body);
    } else pass(incoming, response, request, fault);
  }

  function pass(
    incoming: IncomingMessage,
    response: ServerResponse,
    request: ProxiedRequest & { sent: number },
    fault: Exclude<Fault, { status: number }> | undefined,
  ): void {
    const change = typeof fault === "object" ? fault : {};
    const path = change.path ?? request.path;
    const { method, headers } = request;
    const onward = forward({ ...upstream, method, path, headers, agent: false });
    onward.once("response", (answer) => {
      const changed = { ...answer.headers, ...change.with };
      if (change.without !== undefined) delete changed[change.without];
      const begin = () => response.writeHead(change.answer ?? answer.statusCode ?? 502, changed);
      answer.on("error", () => response.destroy());
      if (fault === "cut-answer" || fault === "stall") {
        const leave = () => fault === "cut-answer" && response.destroy();
        answer.once("data", (chunk: Buffer) => begin().write(chunk.subarray(0, chunk.length / 2), leave));
        answer.once("end", leave);
        return;
      }
      // The status line says that the request was received, whether or not a body follows soon.
      begin().flushHeaders();
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    incoming.on("error", () => onward.destroy());
    response.on("close", () => onward.destroy());
    if (fault === "cut-upload") {
      const leave = () => incoming.socket.resetAndDestroy();
      incoming.once("data", (chunk: Buffer) => onward.write(chunk.subarray(0, chunk.length / 2), leave));
      incoming.once("end", leave);
      return;
    }
    incoming.on("data", (chunk: Buffer) => (request.sent += chunk.length)).pipe(onward);
  }

  const server = createServer((incoming, response) => void serve(incoming, response));
  // A client may keep its connections as long as a registry lets it.
  server.keepAliveTimeout = 60_000;
  const port = await listenOnLoopback(server);
  server.unref();
  const begin = (next: Decide) => {
    requests = [];
    mostAtOnce = 0;
    decide = next;
  };
  return {
    address: `127.0.0.1:${port}`,
    get requests() {
      return requests;
    },
    get mostAtOnce() {
      return mostAtOnce;
    },
    break: begin,
    heal: () => begin(() => undefined),
    async stop() {
      const closed = new Promise((done) => server.close(done));
      server.closeAllConnections();
      await closed;
    },
  };
}

function targetOf(target: string): { socketPath: string } | { host: string; port: number } {
  if (target.startsWith("unix://")) return { socketPath: target.slice("unix://".length) };
  const url = new URL(`http://${target}`);
  return { host: url.hostname, port: Number(url.port) };
}
