import type { Credentials } from "../model.ts";
import { Refusal } from "../problem.ts";
import { type Answer, garbled, isRateLimit, refusalOf } from "./answer.ts";
import { type Login, openLogin } from "./login.ts";
import { type Place, isLoopback, locate, nameOf, pull, push } from "./place.ts";
import { type Request, type Retry, codeOf, openTransport } from "./transport.ts";

/** What a client of registries is given. */
export interface RegistryOptions {
  /** Finds the account for a registry as its references name it: `docker.io`, `registry.example:5000`. */
  readonly credentials: (registry: string) => Promise<Credentials | undefined>;
  /**
   * Milliseconds that an attempt at a request may take altogether, a third of it for the connection. Default 30,000.
   * There are at most five attempts, with up to a minute between them where the registry asks for that. For as long, what has
   * just been written is looked for where the registry does not have it yet.
   */
  readonly timeout?: number;
  /** The run writes below this (`registry.example/images`), and reads there with the right to write. */
  readonly writesTo?: string;
  /** Ends whatever is under way; the calls reject with its reason. */
  readonly signal?: AbortSignal;
  /** Told before each wait for a further attempt. */
  readonly onRetry?: (retry: Retry) => void;
  /** Where the docker configuration is looked for (`HOME`, `DOCKER_CONFIG`, …). Default: that of the process. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** A registry that answered, and how. */
export interface Connection {
  readonly base: URL;
  readonly login: Login;
  /** Whether what it answers to HEAD can be believed; undefined as long as nothing showed that. */
  answersHead: boolean | undefined;
}

/** A request for something in a repository. */
export interface Asked extends Pick<Request, "method" | "body" | "headers" | "limit" | "what"> {
  /** Below `/v2/{repository}/`. */
  readonly path: string;
  readonly scopes: readonly string[];
}

/** The way to what registries hold: by the right scheme, with the right login, so many requests at a time. */
export interface Access {
  /** Connects to a registry when it is first asked for. */
  readonly connect: (registry: string) => Promise<Connection>;
  readonly ask: (place: Place, asked: Asked) => Promise<Answer>;
  /**
   * Asks for what is in a repository, with the right to write where the run writes. Where that is denied to a reader, asks once
   * more as a writer: Quay answers 401 to a reader for a repository that does not exist, and 404 to who may push it.
   */
  readonly read: (place: Place, asked: Omit<Asked, "scopes">) => Promise<Answer>;
  /** Whether the run is to write there. */
  readonly isOwn: (place: Place) => boolean;
  /** What must not be seen in a message. */
  readonly secrets: ReadonlySet<string>;
}

const requestsAtOnce = 24;

/** Opens the way to registries; connections and logins are kept for what comes later. */
export function openAccess({
  credentials,
  signal,
  onRetry,
  writesTo,
  timeout,
  environment = process.env,
}: RegistryOptions & { readonly timeout: number }): Access {
  const secrets = new Set<string>();
  const send = openTransport({ connections: requestsAtOnce, timeout, signal, onRetry, environment, secrets });
  const connections = new Map<string, Promise<Connection>>();
  const inTurn = limitTo(requestsAtOnce);
  const own = writesTo === undefined ? undefined : nameOf(locate(`${writesTo}/x`).place).slice(0, -1);
  /** Repositories that denied a reader what they show a writer. */
  const readAsWriter = new Set<string>();

  async function connect(registry: string): Promise<Connection> {
    const connection = connections.get(registry) ?? greet(registry);
    connections.set(registry, connection);
    try {
      return await connection;
    } catch (error) {
      connections.delete(registry);
      throw error;
    }
  }

  /** Asks whether there is a registry, and by which scheme. Docker begins in the same way. */
  async function greet(registry: string): Promise<Connection> {
    const what = `reach the registry ${registry}`;
    const host = registry === "docker.io" ? "registry-1.docker.io" : registry;
    const hello = (scheme: string): Promise<Answer> =>
      send({ method: "GET", url: new URL(`${scheme}://${host}/v2/`), what });
    let scheme = "https";
    const answer = await hello(scheme).catch((error: unknown) => {
      if (!isLoopback(host) || !speaksNoTls(error)) throw error;
      return hello((scheme = "http"));
    });
    const login = openLogin({ registry, plain: scheme === "http", credentials, send, secrets });
    if (answer.status === 404) throw garbled(what, `${host} has no registry's API (404 for /v2/)`);
    if (answer.status !== 200 && !(answer.status === 401 && login.learn(answer)))
      throw refusalOf(answer, what, registry, secrets);
    return { base: new URL(`${scheme}://${host}`), login, answersHead: undefined };
  }

  function ask(place: Place, { path, scopes, ...asked }: Asked): Promise<Answer> {
    return inTurn(async () => {
      const { base, login } = await connect(place.registry);
      const url = new URL(`/v2/${place.repository}/${path}`, base);
      const authorization = await login.authorize(scopes);
      const answer = await send({ ...asked, url, headers: authorized(asked.headers, authorization) });
      if (answer.status !== 401 || !login.learn(answer)) return answer;
      const another = await login.authorize(scopes, authorization);
      if (another === authorization) return answer;
      return send({ ...asked, url, headers: authorized(asked.headers, another) });
    });
  }

  function isOwn(place: Place): boolean {
    return own !== undefined && nameOf(place).startsWith(own);
  }

  /**
   * Asks for what is in a repository, with the right to write where the run writes. Where that is denied to a reader, asks once
   * more as a writer: Quay answers 401 to a reader for a repository that does not exist, and 404 to who may push it.
   */
  async function read(place: Place, asked: Omit<Asked, "scopes">): Promise<Answer> {
    const name = nameOf(place);
    const asWriter = { ...asked, scopes: [push(place)] };
    if (isOwn(place) || readAsWriter.has(name)) return ask(place, asWriter);
    const answer = await ask(place, { ...asked, scopes: [pull(place)] });
    if (!isDenied(answer) || asked.method === "HEAD" || !(await connect(place.registry)).login.byToken)
      return answer;
    try {
      const another = await ask(place, asWriter);
      if (isDenied(another)) return answer;
      readAsWriter.add(name);
      return another;
    } catch (error) {
      // Not every token service names a right that the account lacks by leaving it out.
      if (error instanceof Refusal) return answer;
      throw error;
    }
  }

  return { connect, ask, read, isOwn, secrets };
}

/** Whether the registry says that the account lacks a right. */
export function isDenied(answer: Answer): boolean {
  return (answer.status === 401 || answer.status === 403) && !isRateLimit(answer);
}

/** Runs at most so many tasks at a time, in the order in which they came. */
function limitTo(most: number): <Result>(task: () => Promise<Result>) => Promise<Result> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (task) => {
    if (running < most) running += 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await task();
    } finally {
      // The place of a task that ended goes to the next in line.
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}

function authorized(
  headers: Readonly<Record<string, string>> | undefined,
  authorization: string | undefined,
): Readonly<Record<string, string>> {
  return { "user-agent": "image-builder", ...headers, ...(authorization !== undefined && { authorization }) };
}

/** Whether what was sent in answer to a TLS greeting is none. */
function speaksNoTls(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return (
    cause instanceof Error &&
    /wrong.version.number|packet.length.too.long/i.test(`${codeOf(cause)} ${cause.message}`)
  );
}
