/** A real HTTP proxy in front of a registry or an engine, for what those do not do on demand: to fail. */
import { createServer, request as forward } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";

/** What a client gets instead of the answer. */
export type Fault =
  /** This answer, at once. */
  | { readonly status: number; readonly body?: string }
  /** The connection is closed before any answer. */
  | "cut"
  /** The true answer begins, and the connection is closed after its first bytes. */
  | "cut-answer";

/** A request that went through, or was to go through, the proxy. */
export interface ProxiedRequest {
  readonly method: string;
  readonly path: string;
}

/** Which requests a fault is for. */
export interface FaultScope {
  /** How many requests get the fault, from now on; all by default. */
  readonly times?: number;
  /** Requests that pass without counting up to the fault; none by default. */
  readonly after?: number;
  /** All requests by default. */
  readonly when?: (request: ProxiedRequest) => boolean;
}

/** A proxy that runs. */
export interface FaultProxy {
  /** `127.0.0.1:PORT`, to be used in place of the target's address. */
  readonly address: string;
  /** Every request so far, in order, faulty or not. */
  readonly requests: readonly ProxiedRequest[];
  /** Adds a fault; the first that fits a request counts. */
  inject(fault: Fault, scope?: FaultScope): void;
  /** Takes all faults away. */
  heal(): void;
  /** Ends it and its connections. */
  stop(): Promise<void>;
}

/** Starts a proxy in front of `HOST:PORT` or `unix:///PATH`. */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const upstream = targetOf(target);
  const requests: ProxiedRequest[] = [];
  let faults: { fault: Fault; left: number; passing: number; when: (request: ProxiedRequest) => boolean }[] =
    [];

  function faultFor(request: ProxiedRequest): Fault | undefined {
    for (const rule of faults) {
      if (rule.left === 0 || !rule.when(request)) continue;
      if (rule.passing > 0) {
        rule.passing--;
        continue;
      }
      rule.left--;
      return rule.fault;
    }
    return undefined;
  }

  function pass(request: IncomingMessage, response: ServerResponse, cut: boolean): void {
    const onward = forward({
      ...upstream,
      method: request.method,
      path: request.url,
      headers: request.headers,
      agent: false,
    });
    onward.on("response", (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      // The status line says that it was received, whether or not a body follows soon.
      response.flushHeaders();
      answer.on("error", () => response.destroy());
      if (cut) answer.once("data", (chunk) => response.write(chunk, () => response.destroy()));
      else answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    request.on("error", () => onward.destroy());
    response.on("close", () => onward.destroy());
    request.pipe(onward);
  }

  const server = createServer((request, response) => {
    const seen = { method: request.method ?? "", path: request.url ?? "" };
    requests.push(seen);
    const fault = faultFor(seen);
    if (fault === undefined || fault === "cut-answer") pass(request, response, fault !== undefined);
    else if (fault === "cut") request.socket.destroy();
    else {
      request.resume();
      response.writeHead(fault.status, { "content-type": "application/json" }).end(fault.body ?? "{}");
    }
  });
  await new Promise<void>((done, fail) => server.once("error", fail).listen(0, "127.0.0.1", done));
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : 0;
  return {
    address: `127.0.0.1:${port}`,
    requests,
    inject(fault, { times = Number.POSITIVE_INFINITY, after = 0, when = () => true } = {}) {
      faults.push({ fault, left: times, passing: after, when });
    },
    heal() {
      faults = [];
    },
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
