import { isIPv4 } from "node:net";
import type { Credentials } from "../model.ts";
import { Refusal } from "../problem.ts";
import { type Reference, parseReference } from "../reference.ts";
import { type Answer, garbled, refusalOf } from "./answer.ts";
import { parseLinks } from "./headers.ts";
import { isText, parseRecord } from "./json.ts";
import { type Login, openLogin } from "./login.ts";
import {
  chooseImage,
  digestOf,
  formatPlatform,
  isDigest,
  manifestTypes,
  parseConfig,
  parseManifest,
  usualPlatform,
} from "./manifest.ts";
import { Unreadable } from "./registry.ts";
import type { Descriptor, ImageIndex, ImageManifest, Manifest, Platform, Registry } from "./registry.ts";
import { type Request, type Retry, codeOf, openTransport } from "./transport.ts";

/** What a client of registries is given. */
export interface RegistryOptions {
  /** Finds the account for a registry as its references name it: `docker.io`, `registry.example:5000`. */
  readonly credentials: (registry: string) => Promise<Credentials | undefined>;
  /**
   * Milliseconds that an attempt at a request may take altogether, a third of it for the connection. Default 30,000.
   * There are at most five attempts, with up to a minute between them where the registry asks for that.
   */
  readonly timeout?: number;
  /** Ends whatever is under way; the calls reject with its reason. */
  readonly signal?: AbortSignal;
  /** Told before each wait for a further attempt. */
  readonly onRetry?: (retry: Retry) => void;
  /** Where the docker configuration is looked for (`HOME`, `DOCKER_CONFIG`, …). Default: that of the process. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** A registry that answered, and how. */
interface Connection {
  readonly base: URL;
  readonly login: Login;
}

/** A repository in a registry. */
interface Place {
  /** As references name it. */
  readonly registry: string;
  /** Its path there. */
  readonly repository: string;
}

/** A request for something in a repository. */
interface Asked extends Pick<Request, "method" | "body" | "headers" | "what"> {
  /** Below `/v2/{repository}/`. */
  readonly path: string;
  readonly scopes: readonly string[];
}

const requestsAtOnce = 24;
const tagsInPage = 1000;
const mostPages = 1000;
/** An index may name further indexes; nobody needs more of that. */
const deepestIndex = 4;

/** Connects to registries when they are first asked, and keeps connections and logins for what comes later. */
export function connectRegistry(options: RegistryOptions): Registry {
  const secrets = new Set<string>();
  const send = openTransport({
    connections: requestsAtOnce,
    timeout: options.timeout ?? 30_000,
    signal: options.signal,
    onRetry: options.onRetry,
    environment: options.environment ?? process.env,
    secrets,
  });
  const connections = new Map<string, Promise<Connection>>();
  const inTurn = limitTo(requestsAtOnce);

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
    const { credentials } = options;
    const login = openLogin({ registry, plain: scheme === "http", credentials, send, secrets });
    if (answer.status === 404) throw garbled(what, `${host} has no registry's API (404 for /v2/)`);
    if (answer.status !== 200 && !(answer.status === 401 && login.learn(answer)))
      throw refusalOf(answer, what, registry, secrets);
    return { base: new URL(`${scheme}://${host}`), login };
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

  async function fetchManifest(place: Place, name: string): Promise<Manifest | undefined> {
    const what = `read ${nameOf(place, name)}`;
    const answer = await askForManifest(place, name, "GET");
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) throw refusalOf(answer, what, place.registry, secrets);
    const expected = isDigest(name) ? name : digestIn(answer);
    const digest = digestOf(answer.body, expected);
    if (expected !== undefined && digest !== expected)
      throw garbled(what, `its bytes have the digest ${digest}, not ${expected}`);
    const parsed = parseManifest(answer.body, mediaTypeOf(answer));
    if (parsed === undefined) {
      const problem = garbled(what, "what the registry sends is no manifest of an image or index");
      // Without its digest it may be anything, such as the page of a proxy.
      throw expected === undefined ? problem : new Unreadable(digest, ...problem.problems);
    }
    return { ...parsed, digest, size: answer.body.length, bytes: answer.body };
  }

  /** The image that a manifest is, or that an index has for a platform. */
  async function imageIn(
    place: Place,
    { content, digest }: Manifest,
    platform: Platform | undefined,
    what: string,
  ): Promise<ImageManifest> {
    if (content.kind === "image") return content;
    const unreadable = ({ problems }: Refusal) => new Unreadable(digest, ...problems);
    const chosen = chooseImage(content, platform);
    if (chosen === undefined) throw unreadable(notFor(platform, content, what));
    const image = await fetchManifest(place, chosen.digest);
    if (image === undefined) throw unreadable(missing(nameOf(place, chosen.digest)));
    if (image.content.kind === "image") return image.content;
    throw unreadable(garbled(what, "its index has another index where an image should be"));
  }

  function askForManifest(place: Place, name: string, method: "GET" | "HEAD"): Promise<Answer> {
    const headers = { accept: manifestTypes.join(", ") };
    const what = `read ${nameOf(place, name)}`;
    return ask(place, { method, path: `manifests/${name}`, headers, what, scopes: [pull(place)] });
  }

  async function putManifest(
    place: Place,
    name: string,
    { bytes, mediaType }: Pick<Manifest, "bytes" | "mediaType">,
  ): Promise<Descriptor> {
    const what = `write ${nameOf(place, name)}`;
    const headers = { "content-type": mediaType };
    const scopes = [push(place)];
    const answer = await ask(place, {
      method: "PUT",
      path: `manifests/${name}`,
      headers,
      body: bytes,
      what,
      scopes,
    });
    if (answer.status !== 201) throw refusalOf(answer, what, place.registry, secrets);
    const said = digestIn(answer);
    const digest = digestOf(bytes, said);
    if (said !== undefined && said !== digest)
      throw garbled(what, `the registry has ${said} now, and was sent ${digest}`);
    return { mediaType, digest, size: bytes.length };
  }

  /**
   * Makes all that a manifest names available in another repository, and then the manifest itself by its digest. `mounts` has
   * what was mounted before: images of an index share blobs, and Distribution loses sight of one that is mounted again.
   */
  async function copyContent(
    from: Place,
    to: Place,
    manifest: Manifest,
    mounts: Map<string, Promise<void>>,
    depth = 0,
  ): Promise<void> {
    const what = `copy ${nameOf(from, manifest.digest)}`;
    const there = await askForManifest(to, manifest.digest, "HEAD");
    if (there.status === 200) return;
    if (there.status !== 404) throw refusalOf(there, what, to.registry, secrets);
    if (depth > deepestIndex) throw garbled(what, `its indexes are nested deeper than ${deepestIndex}`);
    const { content } = manifest;
    if (content.kind === "image") {
      const blobs = new Set([content.config, ...content.layers].map((blob) => blob.digest));
      await Promise.all(
        [...blobs].map((digest) => {
          const mounted = mounts.get(digest) ?? mount(from, to, digest);
          mounts.set(digest, mounted);
          return mounted;
        }),
      );
    } else {
      const children = new Set(content.entries.map((entry) => entry.digest));
      await Promise.all(
        [...children].map(async (digest) => {
          const child = await fetchManifest(from, digest);
          if (child === undefined) throw missing(nameOf(from, digest));
          await copyContent(from, to, child, mounts, depth + 1);
        }),
      );
    }
    await putManifest(to, manifest.digest, manifest);
  }

  /** Makes a blob of one repository available in another (OCI distribution spec, "Mounting a blob"). */
  async function mount(from: Place, to: Place, digest: string): Promise<void> {
    const what = `mount ${digest} of ${nameOf(from)} in ${nameOf(to)}`;
    const query = new URLSearchParams({ mount: digest, from: from.repository });
    const path = `blobs/uploads/?${query.toString()}`;
    const answer = await ask(to, { method: "POST", path, what, scopes: [pull(from), push(to)] });
    if (answer.status === 201) return;
    if (answer.status !== 202) throw refusalOf(answer, what, to.registry, secrets);
    // It began an upload, which it drops when nothing comes; the blob may be there all the same.
    const blob = await ask(to, { method: "HEAD", path: `blobs/${digest}`, what, scopes: [pull(to)] });
    if (blob.status === 200) return;
    if (blob.status !== 404) throw refusalOf(blob, what, to.registry, secrets);
    throw new Refusal({
      kind: "failure",
      message: `cannot ${what}: the registry wants it to be uploaded`,
      hint: `pull ${nameOf(from)} and push it to ${nameOf(to)} with docker, or push where the images are`,
    });
  }

  return {
    async resolve(text) {
      const { place, name } = locate(text);
      const answer = await askForManifest(place, name, "HEAD");
      if (answer.status === 404) return undefined;
      if (answer.status !== 200) throw refusalOf(answer, `read ${text}`, place.registry, secrets);
      const digest = digestIn(answer);
      const mediaType = mediaTypeOf(answer) ?? "";
      const size = Number(answer.headers["content-length"] ?? Number.NaN);
      if (isDigest(name) && digest !== undefined && digest !== name)
        throw garbled(`read ${text}`, `the registry says that it is ${digest}`);
      if (digest !== undefined && manifestTypes.includes(mediaType) && Number.isSafeInteger(size))
        return { mediaType, digest, size };
      const manifest = await fetchManifest(place, name);
      return manifest && { mediaType: manifest.mediaType, digest: manifest.digest, size: manifest.size };
    },

    async manifest(text) {
      const { place, name } = locate(text);
      return fetchManifest(place, name);
    },

    async config(text, platform) {
      const { place, name } = locate(text);
      const what = `read the configuration of ${text}`;
      const named = await fetchManifest(place, name);
      if (named === undefined) return undefined;
      const unreadable = ({ problems }: Refusal) => new Unreadable(named.digest, ...problems);
      const { config, layers } = await imageIn(place, named, platform, what).catch((error: unknown) => {
        throw error instanceof Unreadable ? unreadable(error) : error;
      });
      const path = `blobs/${config.digest}`;
      const answer = await ask(place, { method: "GET", path, what, scopes: [pull(place)] });
      if (answer.status === 404) throw unreadable(missing(nameOf(place, config.digest)));
      if (answer.status !== 200) throw refusalOf(answer, what, place.registry, secrets);
      if (digestOf(answer.body, config.digest) !== config.digest)
        throw garbled(what, `the bytes are not those of ${config.digest}`);
      const parsed = parseConfig(answer.body);
      if (parsed === undefined) throw unreadable(garbled(what, "it is not the configuration of an image"));
      const size = layers.reduce((sum, layer) => sum + layer.size, config.size);
      return { ...parsed, digest: named.digest, size };
    },

    async tags(text) {
      const { place } = locate(text);
      const what = `list the tags of ${nameOf(place)}`;
      const tags = new Set<string>();
      const seen = new Set<string>();
      let path: string | undefined = `tags/list?n=${tagsInPage}`;
      while (path !== undefined) {
        if (seen.has(path) || seen.size === mostPages) throw garbled(what, "the list has no end");
        seen.add(path);
        const answer = await ask(place, { method: "GET", path, what, scopes: [pull(place)] });
        if (answer.status === 404 && seen.size === 1) return [];
        if (answer.status !== 200) throw refusalOf(answer, what, place.registry, secrets);
        // Distribution says null for a repository whose tags were all deleted.
        const listed = parseRecord(answer.body)?.["tags"];
        const page: unknown = listed === null ? [] : listed;
        if (!Array.isArray(page) || !page.every(isText))
          throw garbled(what, "the registry sends no list of tags");
        for (const tag of page) tags.add(tag);
        path = nextPage(place, answer, path, what);
      }
      return [...tags].sort();
    },

    async requireWrite(text) {
      const { place } = locate(text);
      const what = `write to ${nameOf(place)}`;
      const scopes = [push(place)];
      const answer = await ask(place, { method: "POST", path: "blobs/uploads/", what, scopes });
      if (answer.status !== 202) throw refusalOf(answer, what, place.registry, secrets);
      const path = placeOfUpload(place, answer);
      // A registry drops uploads to which nothing comes; not every one lets them be given up.
      if (path !== undefined)
        await ask(place, { method: "DELETE", path, what, scopes }).catch(() =>
          options.signal?.throwIfAborted(),
        );
    },

    async putTag(repository, tag, manifest) {
      const { place, name } = locate(`${repository}:${tag}`);
      return putManifest(place, name, manifest);
    },

    async copy(fromText, toText) {
      const { place: from, name } = locate(fromText);
      const { place: to, name: tag } = locate(toText);
      if (from.registry !== to.registry) {
        throw new Refusal({
          kind: "usage",
          message: `cannot copy ${fromText} to ${toText}: they are not in one registry`,
        });
      }
      const manifest = await fetchManifest(from, name);
      if (manifest === undefined) throw missing(nameOf(from, name));
      if (from.repository !== to.repository) await copyContent(from, to, manifest, new Map());
      return putManifest(to, tag, manifest);
    },
  };
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

/** Reads a reference. `name` is its digest, or else its tag. */
function locate(text: string): { place: Place; name: string } {
  const reference = parseReference(text);
  const digest = reference?.digest;
  if (
    reference === undefined ||
    (digest !== undefined && !isDigest(digest)) ||
    !URL.canParse(`https://${reference.registry ?? "docker.io"}`)
  )
    throw new Refusal({ kind: "usage", message: `"${text}" is not a reference of an image` });
  return { place: placeOf(reference), name: digest ?? reference.tag ?? "latest" };
}

function placeOf({ registry = "docker.io", repository }: Reference): Place {
  if (registry !== "docker.io" && registry !== "index.docker.io") return { registry, repository };
  const path = repository.includes("/") ? repository : `library/${repository}`;
  return { registry: "docker.io", repository: path };
}

function nameOf({ registry, repository }: Place, name?: string): string {
  if (name === undefined) return `${registry}/${repository}`;
  return `${registry}/${repository}${isDigest(name) ? "@" : ":"}${name}`;
}

function pull({ repository }: Place): string {
  return `repository:${repository}:pull`;
}

function push({ repository }: Place): string {
  return `repository:${repository}:pull,push`;
}

function authorized(
  headers: Readonly<Record<string, string>> | undefined,
  authorization: string | undefined,
): Readonly<Record<string, string>> {
  return { "user-agent": "image-builder", ...headers, ...(authorization !== undefined && { authorization }) };
}

function digestIn({ headers }: Answer): string | undefined {
  const digest = headers["docker-content-digest"];
  return isText(digest) && isDigest(digest) ? digest : undefined;
}

function mediaTypeOf({ headers }: Answer): string | undefined {
  return headers["content-type"]?.split(";", 1)[0]?.trim().toLowerCase();
}

/** The path of the next page of tags. */
function nextPage(place: Place, answer: Answer, path: string, what: string): string | undefined {
  const links = parseLinks([answer.headers.link ?? []].flat().join(", "));
  const next = links?.find(({ relations }) => relations.includes("next"));
  if (links !== undefined && next === undefined) return undefined;
  const found = next && pathIn(place, path, next.target);
  if (found === undefined) throw garbled(what, "the registry's link to the next page cannot be read");
  return found;
}

function placeOfUpload(place: Place, { headers: { location } }: Answer): string | undefined {
  return location === undefined ? undefined : pathIn(place, "blobs/uploads/", location);
}

/** Where a link in the answer for a path leads below the repository; the registry may know its own address by another name. */
function pathIn({ repository }: Place, path: string, target: string): string | undefined {
  const start = `/v2/${repository}/`;
  const base = `http://registry.invalid${start}${path}`;
  if (!URL.canParse(target, base)) return undefined;
  const { pathname, search } = new URL(target, base);
  return pathname.startsWith(start) ? pathname.slice(start.length) + search : undefined;
}

/** Those that Docker counts as this machine, and reaches without encryption where there is none. */
export function isLoopback(host: string): boolean {
  const { hostname } = new URL(`http://${host}`);
  return (
    hostname === "localhost" || hostname === "[::1]" || (isIPv4(hostname) && hostname.startsWith("127."))
  );
}

/** Whether what was sent in answer to a TLS greeting is none. */
function speaksNoTls(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return (
    cause instanceof Error &&
    /wrong.version.number|packet.length.too.long/i.test(`${codeOf(cause)} ${cause.message}`)
  );
}

function missing(name: string): Refusal {
  return new Refusal({ kind: "failure", message: `${name} is not in the registry` });
}

function notFor(platform: Platform | undefined, index: ImageIndex, what: string): Refusal {
  const images = index.entries.filter((entry) => !entry.attestation);
  const platforms = images.map((image) =>
    image.platform ? formatPlatform(image.platform) : "an unnamed one",
  );
  const wanted = formatPlatform(platform ?? usualPlatform);
  return new Refusal({
    kind: "failure",
    message: `cannot ${what}: it is not there for ${wanted}`,
    hint: platforms.length === 0 ? "its index has no image" : `it is there for ${platforms.join(", ")}`,
  });
}
