import { IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type Docker from "dockerode";
import { withoutLogins } from "../logins.ts";
import type { Credentials } from "../model.ts";
import { Refusal } from "../problem.ts";
import type { Problem } from "../problem.ts";
import { formatReference, parseReference, sameReference } from "../reference.ts";
import type { TransferProgress } from "../run.ts";
import { explainBuildFailure } from "./build-failure.ts";
import { buildOutput } from "./build-output.ts";
import { engineClient, ping, within } from "./client.ts";
import type { EngineAddress } from "./client.ts";
import type { BuildRequest, BuiltImage, Engine, ImageFacts, OnProgress } from "./engine.ts";
import { textOf } from "./json.ts";
import { readMessages } from "./messages.ts";
import type { EngineMessage } from "./messages.ts";
import { standstill, transferFailure } from "./transfer-failure.ts";
import type { Transfer } from "./transfer-failure.ts";

/** What builds the images: BuildKit, or the builder that Docker had before and Podman has the like of. */
export type Builder = "buildkit" | "classic";

/** What a connection to an engine needs to be told. */
export interface DockerOptions {
  /** The login for a registry such as `docker.io` or `localhost:5000`; undefined for none. */
  readonly credentials: (registry: string) => Promise<Credentials | undefined>;
  /** What every build is given besides, such as proxies: neither the image nor its labels tell of it. */
  readonly buildArgs?: Readonly<Record<string, string>>;
  /** BuildKit where the engine has it, by default. */
  readonly builder?: Builder;
  /** How long (ms) nothing may move in a push or pull; 10 minutes by default. */
  readonly patience?: number;
  /** How long (ms) it may take the engine to answer a question from what it holds; 1 minute by default. */
  readonly questionTimeout?: number;
}

/** An engine that answers, and what it is. */
export interface DockerConnection {
  readonly engine: Engine;
  /** How many processors it has. */
  readonly cpus: number;
  readonly builder: Builder;
  /** For people: `Docker 20.10.24`, `Podman Engine 4.3.1`. */
  readonly description: string;
  /** Why it cannot build anything; undefined where it can. */
  readonly obstacle: Problem | undefined;
}

/** While an engine works, it is asked this often (ms) whether it still answers, and may be silent so many times. */
const watch = { every: 5000, timeout: 5000, silences: 3 };

/** Connects to an engine. Refuses where it does not answer, or cannot say what it is. */
export async function connectDocker(
  address: EngineAddress,
  options: DockerOptions,
): Promise<DockerConnection> {
  // It can be busy with builds.
  const { questionTimeout = 60_000 } = options;
  try {
    const brief = engineClient(address, questionTimeout);
    const [version, info] = await within(questionTimeout, Promise.all([brief.version(), brief.info()]));
    if (textOf(version, "ApiVersion") === undefined)
      throw new Error("what answers there is no container engine");
    const builder = options.builder ?? builderOf(version);
    const component = version.Components?.[0];
    const name = component === undefined || component.Name === "Engine" ? "Docker" : component.Name;
    const traits = {
      builder,
      podman: name === "Podman Engine",
      containerdStore: /io\.containerd\.snapshotter/.test(JSON.stringify(info.DriverStatus ?? [])),
    };
    const description = `${name} ${version.Version}`;
    return {
      engine: dockerEngine(address, brief, traits, options),
      cpus: Math.max(1, Number(info.NCPU) || 1),
      builder,
      description,
      obstacle: losesContexts(version, traits) ? lostContext(description) : undefined,
    };
  } catch (error) {
    throw engineFailure(address, error);
  }
}

/**
 * BuildKit is part of Docker's engine for Linux since API 1.39. The Builder-Version header of a ping is no help: it
 * says what the docker command should use by default, which is the old builder up to Docker 20.10.
 */
function builderOf({ Components, ApiVersion, Os }: Docker.DockerVersion): Builder {
  const docker = Components?.some(({ Name }) => Name === "Engine") ?? false;
  const [major = 0, minor = 0] = ApiVersion.split(".").map(Number);
  return docker && Os === "linux" && (major > 1 || minor >= 39) ? "buildkit" : "classic";
}

/** In what the engines behind one API differ. */
interface Traits {
  readonly builder: Builder;
  readonly podman: boolean;
  /** Docker keeps images in containerd's store, compressed. */
  readonly containerdStore: boolean;
}

/** With containerd's store, BuildKit of Docker before 27.5 gets no build context without a session: moby 47717. */
function losesContexts({ Version }: Docker.DockerVersion, { builder, containerdStore }: Traits): boolean {
  const [major = 0, minor = 0] = Version.split(".").map(Number);
  return builder === "buildkit" && containerdStore && (major < 27 || (major === 27 && minor < 5));
}

function lostContext(description: string): Problem {
  return {
    kind: "surroundings",
    message: `${description} with the containerd image store cannot build from a context that is sent to it`,
    hint: 'upgrade Docker to 27.5 or newer, or set "features": {"containerd-snapshotter": false} in its daemon.json',
  };
}

function dockerEngine(
  address: EngineAddress,
  brief: Docker,
  { builder, podman, containerdStore }: Traits,
  { credentials, buildArgs = {}, patience = 600_000, questionTimeout = 60_000 }: DockerOptions,
): Engine {
  const client = engineClient(address);

  async function build(request: BuildRequest): Promise<BuiltImage> {
    const { context, dockerfile, onLine, signal } = request;
    const output = buildOutput((line) => onLine(withoutLogins(line)));
    let contextError: unknown;
    // Stays on to the end: a stream that is destroyed may still report why.
    context.on("error", (error) => (contextError ??= error));
    try {
      return await attend(address, signal, async (cancel) => {
        const answer = await startBuild(client, request, { builder, buildArgs }, cancel);
        let failure: string | undefined;
        for await (const message of readMessages(answer)) {
          output.take(message);
          failure ??= message.error;
        }
        output.flush();
        if (failure !== undefined) throw buildFailure(failure, output.step, dockerfile);
        if (output.imageId === undefined) throw new Error("it ended the build without a result");
        return { id: output.imageId, cached: output.cached };
      });
    } catch (error) {
      output.flush();
      signal.throwIfAborted();
      if (contextError !== undefined) throw contextError;
      if (error instanceof Refusal) throw error;
      const refused = httpFailure(error);
      throw refused === undefined
        ? engineFailure(address, error)
        : buildFailure(refused, output.step, dockerfile);
    } finally {
      context.destroy();
    }
  }

  async function inspect(reference: string): Promise<ImageFacts | undefined> {
    try {
      const found = await within(questionTimeout, brief.getImage(reference).inspect());
      // Podman finds an image of any registry by a short name: sci/a:1.0 gives that of x.example/sci/a:1.0.
      const names = [...(found.RepoTags ?? []), ...(found.RepoDigests ?? [])];
      if (!names.some((name) => sameReference(name, withoutTag(reference)))) return undefined;
      return {
        id: found.Id,
        labels: found.Config?.Labels ?? {},
        environment: found.Config?.Env ?? [],
        tags: found.RepoTags ?? [],
        // Podman has one of its own before the first push, and a registry gets another one.
        digests: podman ? [] : (found.RepoDigests ?? []),
        size: found.Size,
        compressed: containerdStore,
        platform: [found.Os, found.Architecture, textOf(found, "Variant")]
          .filter((part) => part !== undefined && part !== "")
          .join("/"),
        created: found.Created,
      };
    } catch (error) {
      if (statusCodeOf(error) === 404) return undefined;
      throw engineFailure(address, error);
    }
  }

  async function pull(reference: string, onProgress: OnProgress, signal: AbortSignal): Promise<boolean> {
    const { registry, name, tag } = partsOf(reference);
    const login = await credentials(registry);
    const failure = await transfer("pull", reference, onProgress, signal, (cancel) =>
      client.createImage(authOf(login, registry), { fromImage: name, tag, abortSignal: cancel }),
    );
    if (failure === undefined) return true;
    // Docker Hub and its like answer so to a stranger who asks for what is not there.
    const hidden = login === undefined && /repository does not exist or may require/.test(failure);
    if (
      hidden ||
      /manifest unknown|name unknown|not found: |failed to resolve reference .*: not found$/i.test(failure)
    )
      return false;
    throw transferFailure("pull", reference, registry, failure);
  }

  async function push(reference: string, onProgress: OnProgress, signal: AbortSignal): Promise<void> {
    const { registry, name, tag } = partsOf(reference);
    const login = await credentials(registry);
    const failure = await transfer("push", reference, onProgress, signal, (cancel) =>
      client.getImage(name).push({ tag, authconfig: authOf(login, registry), abortSignal: cancel }),
    );
    if (failure !== undefined) throw transferFailure("push", reference, registry, failure);
  }

  /**
   * Follows a pull or push to its end, and gives what the engine says went wrong. The engine itself waits for ever for
   * a registry that takes a request and does not answer.
   */
  async function transfer(
    verb: Transfer,
    reference: string,
    onProgress: OnProgress,
    signal: AbortSignal,
    start: (cancel: AbortSignal) => Promise<NodeJS.ReadableStream>,
  ): Promise<string | undefined> {
    const stalled = new AbortController();
    const timer = setTimeout(() => stalled.abort(standstill(verb, reference, patience)), patience);
    try {
      return await attend(address, AbortSignal.any([signal, stalled.signal]), async (cancel) => {
        let failure: string | undefined;
        const follow = transferCounter();
        for await (const message of readMessages(bytesOf(await start(cancel)))) {
          timer.refresh();
          failure ??= message.error;
          const progress = follow(message);
          if (progress !== undefined) onProgress(progress);
        }
        return failure;
      });
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Refusal) throw error;
      const refused = httpFailure(error);
      if (refused !== undefined) return refused;
      throw engineFailure(address, error);
    } finally {
      clearTimeout(timer);
    }
  }

  return { build, inspect, pull, push };
}

/** Sums up what the messages of a pull or push tell layer by layer; gives undefined where there is nothing new. */
function transferCounter(): (message: EngineMessage) => TransferProgress | undefined {
  const layers = new Map<string, { bytes: number; total: number }>();
  return ({ id = "", status, count }) => {
    if (status === undefined || status === "Preparing" || status === "Waiting") return undefined;
    const layer = layers.get(id);
    // The rest of what an engine counts is its own work, such as unpacking.
    if (count !== undefined && (status === "Pushing" || status === "Downloading")) {
      const total = Math.max(count.total, layer?.total ?? 0);
      layers.set(id, { bytes: Math.min(count.current, total), total });
    } else if (layer !== undefined) layer.bytes = layer.total;
    const progress = { bytes: 0, total: 0 };
    for (const { bytes, total } of layers.values()) {
      progress.bytes += bytes;
      progress.total += total;
    }
    const line = id === "" ? status : `${id}: ${status}`;
    return { line: count === undefined ? line : undefined, ...progress };
  };
}

/**
 * Sends a build straight through dockerode's modem. Its `buildImage` would open a BuildKit session, which lets any
 * registry that a build asks have the same login, and which stays open when the build is aborted. A session is not
 * needed: base images are pulled beforehand.
 */
async function startBuild(
  client: Docker,
  { context, tags, labels, fresh }: BuildRequest,
  { builder, buildArgs }: Required<Pick<DockerOptions, "builder" | "buildArgs">>,
  abortSignal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const options = {
    version: builder === "buildkit" ? "2" : "1",
    t: tags,
    labels,
    nocache: fresh,
    buildargs: buildArgs,
    rm: true,
    forcerm: true,
  };
  const call = { path: "/build?", method: "POST", options, file: context, isStream: true, abortSignal };
  return new Promise((resolve, reject) => {
    client.modem.dial({ ...call, statusCodes: { 200: true } }, (error, answer) => {
      if (error === null && answer instanceof IncomingMessage) resolve(answer);
      else reject(error ?? new Error("it gave no answer"));
    });
  });
}

/**
 * Runs a task of the engine's, whose signal is aborted when `signal` is, and also when the engine stops answering:
 * a connection to an engine that hangs stays open for ever. Rejects at once with the reason of either.
 */
async function attend<T>(
  address: EngineAddress,
  signal: AbortSignal,
  task: (cancel: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const lost = new AbortController();
  const ended = new AbortController();
  const cancel = AbortSignal.any([signal, lost.signal]);
  const cancelled = new Promise<never>((_, reject) => {
    cancel.addEventListener("abort", () => reject(cancel.reason), { once: true });
  });
  const watching = watchEngine(address, ended.signal).then((refusal) => lost.abort(refusal));
  watching.catch(() => {});
  try {
    return await Promise.race([task(cancel), cancelled]);
  } catch (error) {
    cancel.throwIfAborted();
    throw error;
  } finally {
    ended.abort();
  }
}

/** Resolves when the engine has been silent too often in a row; rejects when told to end. */
async function watchEngine(address: EngineAddress, ended: AbortSignal): Promise<Refusal> {
  for (let silences = 0; silences < watch.silences;) {
    await sleep(watch.every, undefined, { signal: ended });
    try {
      await ping(address, watch.timeout);
      silences = 0;
    } catch {
      silences++;
    }
  }
  return engineFailure(
    address,
    `it has not answered for ${(watch.silences * (watch.every + watch.timeout)) / 1000} s`,
  );
}

function buildFailure(error: string, step: string | undefined, dockerfile: string): Refusal {
  const { line, instruction, cause, hint } = explainBuildFailure(error, step, dockerfile);
  const what = instruction === undefined ? "" : `: ${shorten(withoutLogins(instruction))}`;
  const message = `the build failed${what} — ${withoutLogins(cause)}`;
  return new Refusal({
    kind: "failure",
    message,
    ...(line === undefined ? {} : { line }),
    ...(hint === undefined ? {} : { hint }),
  });
}

function shorten(text: string): string {
  return text.length <= 200 ? text : `${text.slice(0, 199)}…`;
}

interface ReferenceParts {
  readonly registry: string;
  /** Registry and repository, as they are written. */
  readonly name: string;
  readonly tag: string;
}

/** A digest takes the place of the tag, as the Engine API wants it. */
function partsOf(text: string): ReferenceParts {
  const reference = parseReference(text);
  if (reference === undefined)
    throw new Refusal({ kind: "failure", message: `${text} is not an image reference` });
  const { registry, repository, tag, digest } = reference;
  return {
    registry: registry ?? "docker.io",
    name: registry === undefined ? repository : `${registry}/${repository}`,
    tag: digest ?? tag ?? "latest",
  };
}

/** `debian:12@sha256:…` is the same as `debian@sha256:…`: beside a digest, a tag says nothing. */
function withoutTag(text: string): string {
  const reference = parseReference(text);
  if (reference?.digest === undefined) return text;
  return formatReference({ ...reference, tag: undefined });
}

/** The engine wants the header even where there is no login. */
function authOf(login: Credentials | undefined, registry: string): Record<string, string> {
  if (login === undefined) return {};
  const serveraddress = registry === "docker.io" ? "https://index.docker.io/v1/" : registry;
  if ("identityToken" in login) return { identitytoken: login.identityToken, serveraddress };
  return { username: login.username, password: login.password, serveraddress };
}

async function* bytesOf(stream: NodeJS.ReadableStream): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) yield typeof chunk === "string" ? Buffer.from(chunk) : chunk;
}

function statusCodeOf(error: unknown): number | undefined {
  const code: unknown = error instanceof Error && "statusCode" in error ? error.statusCode : undefined;
  return typeof code === "number" ? code : undefined;
}

/** What the engine said where it refused a request; undefined where it said nothing. */
function httpFailure(error: unknown): string | undefined {
  if (!(error instanceof Error) || statusCodeOf(error) === undefined) return undefined;
  return error.message.replace(/^\(HTTP code \d+\) .*? - /s, "").trim();
}

function engineFailure(address: EngineAddress, error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  const said = error instanceof Error ? error.message : String(error);
  return new Refusal({
    kind: "surroundings",
    message: `the engine at ${address.host} failed: ${httpFailure(error) ?? said}`,
    hint: "see its log, and whether it still runs: docker info",
  });
}
