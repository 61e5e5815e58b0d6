import { Refusal } from "../problem.ts";
import { type RegistryOptions, isDenied, openAccess } from "./access.ts";
import { type Answer, Oversized, garbled, isRateLimit, refusalOf } from "./answer.ts";
import { parseLinks } from "./headers.ts";
import { isText, parseRecord } from "./json.ts";
import { hintOnWriting, withHint } from "./hosts.ts";
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
import { type Place, locate, nameOf, pull, push } from "./place.ts";
import { Unreadable } from "./registry.ts";
import type { Descriptor, ImageIndex, ImageManifest, Manifest, Platform, Registry } from "./registry.ts";
import { openWritten } from "./written.ts";

const tagsInPage = 1000;
const mostPages = 1000;
/** Not every registry sends pages. */
const largestPage = 16 * 1024 * 1024;
/** No engine stacks more than 127 layers, each of which adds a few. */
const mostLabels = 1000;
const mostTags = 500_000;
/** The OCI distribution spec, "Pulling manifests". */
const tagPattern = /^\w[\w.-]{0,127}$/;
/** The spec has 201 alone; registries and the proxies before them answer the others as well. */
const taken: ReadonlySet<number> = new Set([200, 201, 202]);
/** An index may name further indexes; nobody needs more of that. */
const deepestIndex = 4;

/** Connects to registries when they are first asked, and keeps connections and logins for what comes later. */
export function connectRegistry(options: RegistryOptions): Registry {
  const { signal, onRetry, timeout = 30_000 } = options;
  const { connect, ask, read, isOwn, secrets } = openAccess({ ...options, timeout });
  const { remember, alias, settled } = openWritten({ patience: timeout, signal, onRetry });
  const probes = new Map<string, Promise<void>>();
  const listed = new Map<string, Promise<ReadonlySet<string>>>();

  /**
   * Whether a manifest that was denied is missing: Artifactory answers 403 for a missing tag. The list of tags decides; where
   * that is denied as well, whether the run may write there.
   */
  async function hides(place: Place, name: string): Promise<boolean> {
    const key = nameOf(place);
    const tags = listed.get(key) ?? listTags(place);
    listed.set(key, tags);
    try {
      return !(await tags).has(name);
    } catch (error) {
      if (error instanceof Refusal) return false;
      throw error;
    }
  }

  /** Whether the run may write to a repository, where it is to. */
  async function isWritable(place: Place): Promise<boolean> {
    if (!isOwn(place)) return false;
    try {
      await (probes.get(nameOf(place)) ?? probe(place));
      return true;
    } catch (error) {
      if (error instanceof Refusal) return false;
      throw error;
    }
  }

  function fetchManifest(place: Place, name: string): Promise<Manifest | undefined> {
    return settled(nameOf(place, name), async () => {
      const manifest = await fetchManifestNow(place, name);
      if (manifest) alias(nameOf(place, name), nameOf(place, manifest.digest));
      return manifest;
    });
  }

  async function fetchManifestNow(place: Place, name: string): Promise<Manifest | undefined> {
    const what = `read ${nameOf(place, name)}`;
    const answer = await askForManifest(place, name, "GET").catch((error: unknown) => {
      const digest = error instanceof Oversized ? (isDigest(name) ? name : digestIn(error)) : undefined;
      throw error instanceof Oversized && digest !== undefined
        ? new Unreadable(digest, ...error.problems)
        : error;
    });
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

  /** 404 also where the registry says that in other words. */
  async function askForManifest(place: Place, name: string, method: "GET" | "HEAD"): Promise<Answer> {
    const headers = { accept: manifestTypes.join(", ") };
    const what = `read ${nameOf(place, name)}`;
    const answer = await read(place, { method, path: `manifests/${name}`, headers, what });
    const absent = method === "GET" && isDenied(answer) && (await hides(place, name));
    return absent ? { ...answer, status: 404 } : answer;
  }

  /**
   * What a name stands for, by HEAD where the registry answers that as it does GET. Some answer 403, 404 or 405 whatever is
   * there: until one was seen to answer, GET has the last word.
   */
  async function describe(place: Place, name: string): Promise<Descriptor | undefined> {
    const what = `read ${nameOf(place, name)}`;
    const connection = await connect(place.registry);
    const doubtful = connection.answersHead === undefined;
    if (connection.answersHead !== false) {
      const answer = await askForManifest(place, name, "HEAD");
      if (answer.status >= 500 || isRateLimit(answer)) throw refusalOf(answer, what, place.registry, secrets);
      if (answer.status === 404 && !doubtful) return undefined;
      const digest = digestIn(answer);
      const mediaType = mediaTypeOf(answer) ?? "";
      const size = Number(answer.headers["content-length"] ?? Number.NaN);
      if (answer.status === 200) {
        connection.answersHead = true;
        if (isDigest(name) && digest !== undefined && digest !== name)
          throw garbled(what, `the registry says that it is ${digest}`);
        if (digest !== undefined && manifestTypes.includes(mediaType) && Number.isSafeInteger(size))
          return { mediaType, digest, size };
      }
    }
    const manifest = await fetchManifestNow(place, name);
    if (manifest === undefined) return undefined;
    if (doubtful) connection.answersHead ??= false;
    return { mediaType: manifest.mediaType, digest: manifest.digest, size: manifest.size };
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
    const said = digestIn(answer);
    const digest = digestOf(bytes, said);
    if (!taken.has(answer.status)) {
      // An answer can be wrong about what was done, and one whose tags never change refuses also what it holds already.
      const there = isDenied(answer) ? undefined : await describe(place, name);
      if (there?.digest !== digest) {
        const refusal = refusalOf(answer, what, place.registry, secrets);
        throw withHint(refusal, hintOnWriting(place, answer));
      }
    } else if (said !== undefined && said !== digest)
      throw garbled(what, `the registry has ${said} now, and was sent ${digest}`);
    remember(nameOf(place, name), nameOf(place, digest));
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
    if ((await describe(to, manifest.digest)) !== undefined) return;
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

  async function listTags(place: Place): Promise<ReadonlySet<string>> {
    const what = `list the tags of ${nameOf(place)}`;
    const tags = new Set<string>();
    const seen = new Set<string>();
    let path: string | undefined = `tags/list?n=${tagsInPage}`;
    while (path !== undefined) {
      if (seen.has(path) || seen.size === mostPages || tags.size > mostTags)
        throw garbled(what, "the list has no end");
      seen.add(path);
      const answer = await read(place, { method: "GET", path, what, limit: largestPage });
      const first = seen.size === 1;
      if (first && (answer.status === 404 || (isDenied(answer) && (await isWritable(place))))) return tags;
      if (answer.status !== 200) throw refusalOf(answer, what, place.registry, secrets);
      // Distribution says null for a repository whose tags were all deleted.
      const sent = parseRecord(answer.body)?.["tags"];
      const page: unknown = sent === null ? [] : sent;
      if (!Array.isArray(page) || !page.every(isText))
        throw garbled(what, "the registry sends no list of tags");
      // Nobody can ask for what is no tag.
      for (const tag of page) if (tagPattern.test(tag)) tags.add(tag);
      path = nextPage(place, answer, path, what);
    }
    return tags;
  }

  /** Begins an upload and gives it up: rejects where the registry takes none. */
  function probe(place: Place): Promise<void> {
    const what = `write to ${nameOf(place)}`;
    const scopes = [push(place)];
    const probing = (async () => {
      const answer = await ask(place, { method: "POST", path: "blobs/uploads/", what, scopes });
      if (answer.status !== 202)
        throw withHint(refusalOf(answer, what, place.registry, secrets), hintOnWriting(place, answer));
      const path = placeOfUpload(place, answer);
      // A registry drops uploads to which nothing comes; not every one lets them be given up.
      if (path !== undefined)
        await ask(place, { method: "DELETE", path, what, scopes }).catch(() => signal?.throwIfAborted());
    })();
    probes.set(nameOf(place), probing);
    return probing;
  }

  return {
    async resolve(text) {
      const { place, name } = locate(text);
      return settled(nameOf(place, name), () => describe(place, name));
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
      const answer = await settled(nameOf(place, name), async () => {
        const blob = await read(place, { method: "GET", path, what });
        return blob.status === 404 ? undefined : blob;
      }).catch((error: unknown) => {
        throw error instanceof Oversized ? unreadable(error) : error;
      });
      if (answer === undefined) throw unreadable(missing(nameOf(place, config.digest)));
      if (answer.status !== 200) throw refusalOf(answer, what, place.registry, secrets);
      if (digestOf(answer.body, config.digest) !== config.digest)
        throw garbled(what, `the bytes are not those of ${config.digest}`);
      const parsed = parseConfig(answer.body);
      if (parsed === undefined) throw unreadable(garbled(what, "it is not the configuration of an image"));
      const labels = Object.keys(parsed.labels).length;
      if (labels > mostLabels) throw unreadable(garbled(what, `it has ${labels} labels`));
      const size = layers.reduce((sum, layer) => sum + layer.size, config.size);
      return { ...parsed, digest: named.digest, size };
    },

    async tags(text) {
      return [...(await listTags(locate(text).place))].sort();
    },

    async requireWrite(text) {
      await probe(locate(text).place);
    },

    wrote(text) {
      const { place, name } = locate(text);
      remember(nameOf(place, name));
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

function digestIn({ headers }: Pick<Answer, "headers">): string | undefined {
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
