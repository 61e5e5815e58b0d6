import { Agent } from "node:http";
import { Agent as SecureAgent } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import Docker from "dockerode";
import { SshAgent } from "./ssh.ts";

/** Where an engine listens, and who said so. */
export interface EngineAddress {
  /** As `DOCKER_HOST` has it: `unix://PATH`, `tcp://HOST:PORT` or `ssh://USER@HOST[:PORT][/SOCKET]`. */
  readonly host: string;
  /** For people: what named it. */
  readonly source: string;
  /** PEM texts, for an engine that is spoken to by TLS. */
  readonly tls?: EngineTls;
}

/** The certificates for an engine; what is undefined is left to Node's defaults. */
export interface EngineTls {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** False to accept any certificate of the engine. */
  readonly verify: boolean;
}

/** All clients of an address share its connections: each is an ssh login. */
const sshAgents = new Map<string, SshAgent>();

/** A client for an address; `timeout` (ms) ends each of its requests on which nothing moves for so long. */
export function engineClient({ host, tls }: EngineAddress, timeout?: number): Docker {
  const url = new URL(host);
  // What is left out here, docker-modem would take from DOCKER_HOST; a host even goes before a socket.
  const common = { host: undefined, port: undefined, timeout };
  if (url.protocol === "unix:") {
    const options = { ...common, protocol: "http" as const, agent: new Agent() };
    return new Docker({ ...options, socketPath: decodeURIComponent(url.pathname) });
  }
  if (url.protocol === "ssh:") {
    const agent = sshAgents.get(host) ?? new SshAgent(url);
    sshAgents.set(host, agent);
    const options = { ...common, protocol: "http" as const, host: "engine", port: 80, agent };
    return new Docker(options);
  }
  const place = { ...common, host: url.hostname, port: url.port || (tls === undefined ? 2375 : 2376) };
  if (tls === undefined) {
    const options = { ...place, protocol: "http" as const, agent: new Agent() };
    return new Docker(options);
  }
  const { ca, cert, key, verify } = tls;
  const agent = new SecureAgent({ ca, cert, key, rejectUnauthorized: verify });
  const options = { ...place, protocol: "https" as const, agent };
  return new Docker(options);
}

/** Resolves when the engine answers, and rejects with what came instead: an error, or nothing for `timeout` (ms). */
export async function ping(address: EngineAddress, timeout: number): Promise<void> {
  await within(timeout, engineClient(address, timeout + 1000).ping());
}

/**
 * What a question to an engine gives, and rejects when that takes longer than `timeout` (ms). The client's own time-out
 * only ends the connection: it knows nothing of one that is still being made, nor of an answer that breaks off.
 */
export async function within<T>(timeout: number, question: Promise<T>): Promise<T> {
  const answered = new AbortController();
  const late = sleep(timeout, undefined, { signal: answered.signal }).then(() => {
    throw new Error(`no answer within ${timeout / 1000} s`);
  });
  try {
    return await Promise.race([question, late]);
  } finally {
    answered.abort();
  }
}
