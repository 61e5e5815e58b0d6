/** A proxy before a registry that breaks what it is told to break. */
import { once } from "node:events";
import {
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
  createServer,
  request,
} from "node:http";
import { portOf } from "./distribution.ts";

/** What the proxy does in place of passing a request on. */
type Fault =
  /** It cuts the connection. */
  | "reset"
  /** It never answers. */
  | "silence"
  /** It announces more than it sends, and cuts the connection then, or keeps it. */
  | "half"
  | "stall"
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string }
  /** It passes the request on, changed, or changes the answer's headers. */
  | { readonly path?: string; readonly without?: string; readonly with?: Record<string, string> };

/** A request that came to the proxy. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** The other end of its connection. */
  readonly port: number | undefined;
  /** When it came, in milliseconds. */
  readonly at: number;
}

interface FaultyProxy {
  readonly address: string;
  readonly seen: Seen[];
  /** The most requests that were there at the same time. */
  most(): number;
  /** Bytes of bodies that were sent to the registry. */
  sent(): number;
  /** Decides for each request what goes wrong with it; `n` counts from 1 since `break` was called. */
  break(fault: (request: Seen, n: number) => Fault | undefined): void;
  stop(): void;
}

export async function startFaultyProxy(target: string): Promise<FaultyProxy> {
  const seen: Seen[] = [];
  let decide: ((request: Seen, n: number) => Fault | undefined) | undefined;
  let count = 0;
  let [present, most, sent] = [0, 0, 0];

  function pass(from: IncomingMessage, to: ServerResponse, fault: Exclude<Fault, string>): void {
    const change = "status" in fault ? {} : fault;
    const options = { method: from.method, headers: from.headers, agent: false };
    const onward = request(`http://${target}${change.path ?? from.url}`, options, (answer) => {
      const headers = { ...answer.headers, ...change.with };
      if (change.without !== undefined) delete headers[change.without];
      to.writeHead(answer.statusCode ?? 502, headers);
      answer.pipe(to);
    });
    onward.on("error", () => to.destroy());
    from.on("data", (chunk: Buffer) => (sent += chunk.length)).pipe(onward);
  }

  const server = createServer((incoming, response) => {
    most = Math.max(most, (present += 1));
    response.once("close", () => (present -= 1));
    const { method = "", url: path = "", headers } = incoming;
    const one = { method, path, headers, port: incoming.socket.remotePort, at: performance.now() };
    seen.push(one);
    const fault = decide?.(one, (count += 1));
    if (fault === "silence") return;
    if (fault === "reset") incoming.socket.resetAndDestroy();
    else if (fault === "half" || fault === "stall") {
      response.writeHead(200, { "content-length": "100" }).write("half");
      if (fault === "half") setTimeout(() => incoming.socket.destroy(), 20);
    } else if (fault !== undefined && "status" in fault) {
      incoming.resume();
      response.writeHead(fault.status, fault.headers).end(fault.body);
    } else pass(incoming, response, fault ?? {});
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  server.unref();
  return {
    address: `127.0.0.1:${portOf(server)}`,
    seen,
    most: () => most,
    sent: () => sent,
    break(fault) {
      seen.length = count = most = sent = 0;
      decide = fault;
    },
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}
