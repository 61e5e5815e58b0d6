import { createHash } from "node:crypto";
import { isRecord, isText, parseRecord } from "./json.ts";
import type {
  Descriptor,
  ImageConfig,
  ImageIndex,
  ImageManifest,
  IndexEntry,
  Manifest,
  Platform,
} from "./registry.ts";

/** The kinds of manifest that are asked for: those of OCI and of Docker's schema 2. */
export const manifestTypes: readonly string[] = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];

/** What an image is taken to be for where nothing is said. */
export const usualPlatform: Platform = { os: "linux", architecture: "amd64" };

const digestPattern = /^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

/** Whether a text is a digest that can be checked. */
export function isDigest(text: string | undefined): text is string {
  return text !== undefined && digestPattern.test(text);
}

/** The digest of some bytes, by the algorithm that `like` uses. */
export function digestOf(bytes: Uint8Array, like: string = "sha256:"): string {
  const algorithm = like.startsWith("sha512:") ? "sha512" : "sha256";
  return `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;
}

/**
 * Reads a manifest. The media type in it and the one it was sent with must not contradict each other, and it must
 * not be an image and an index at once (CVE-2021-41190). Undefined where it is no manifest of a kind that is known.
 */
export function parseManifest(
  bytes: Uint8Array,
  contentType: string | undefined,
): Pick<Manifest, "mediaType" | "content"> | undefined {
  const document = parseRecord(bytes);
  if (document === undefined) return undefined;
  const sent = manifestTypes.find((type) => type === contentType);
  const written = typeof document["mediaType"] === "string" ? document["mediaType"] : undefined;
  const mediaType = written ?? sent;
  if (mediaType === undefined || !manifestTypes.includes(mediaType)) return undefined;
  if (sent !== undefined && sent !== mediaType) return undefined;
  const isIndex = /index|list/.test(mediaType);
  if ((isIndex ? document["layers"] : document["manifests"]) !== undefined) return undefined;
  const content = isIndex ? parseIndex(document) : parseImage(document);
  return content && { mediaType, content };
}

/** What the configuration of an image says; undefined where it is none. */
export function parseConfig(bytes: Uint8Array): Omit<ImageConfig, "digest" | "size"> | undefined {
  const document = parseRecord(bytes);
  const platform = parsePlatform(document);
  if (document === undefined || platform === undefined) return undefined;
  const config = isRecord(document["config"]) ? document["config"] : {};
  const labels = isRecord(config["Labels"]) ? Object.entries(config["Labels"]) : [];
  const created = document["created"];
  return {
    platform,
    labels: Object.fromEntries(labels.filter((label): label is [string, string] => isText(label[1]))),
    environment: Array.isArray(config["Env"]) ? config["Env"].filter(isText) : [],
    created: isText(created) ? created : undefined,
  };
}

/** The image of an index for a platform; without one for linux/amd64, or else the only image there is. */
export function chooseImage(index: ImageIndex, platform: Platform | undefined): IndexEntry | undefined {
  const images = index.entries.filter((entry) => !entry.attestation);
  const { os, architecture, variant } = platform ?? usualPlatform;
  const found = images.find(
    (image) =>
      image.platform?.os === os &&
      image.platform.architecture === architecture &&
      (variant === undefined || image.platform.variant === variant),
  );
  return found ?? (platform === undefined && images.length === 1 ? images[0] : undefined);
}

/** `linux/arm64/v8`. */
export function formatPlatform({ os, architecture, variant }: Platform): string {
  return [os, architecture, variant].filter((part) => part !== undefined).join("/");
}

function parseImage(document: Record<string, unknown>): ImageManifest | undefined {
  const config = parseDescriptor(document["config"]);
  const layers = parseList(document["layers"], parseDescriptor);
  return config && layers && { kind: "image", config, layers };
}

function parseIndex(document: Record<string, unknown>): ImageIndex | undefined {
  const entries = parseList(document["manifests"], parseEntry);
  return entries && { kind: "index", entries };
}

function parseEntry(value: unknown): IndexEntry | undefined {
  const descriptor = parseDescriptor(value);
  if (descriptor === undefined || !isRecord(value)) return undefined;
  const platform = parsePlatform(value["platform"]);
  const annotations = isRecord(value["annotations"]) ? value["annotations"] : {};
  const attestation = platform?.os === "unknown" || "vnd.docker.reference.type" in annotations;
  return { ...descriptor, platform, attestation };
}

function parseDescriptor(value: unknown): Descriptor | undefined {
  if (!isRecord(value)) return undefined;
  const { mediaType, digest, size } = value;
  const valid = isText(mediaType) && isText(digest) && isDigest(digest) && isSize(size);
  return valid ? { mediaType, digest, size } : undefined;
}

function parsePlatform(value: unknown): Platform | undefined {
  if (!isRecord(value)) return undefined;
  const { os, architecture, variant } = value;
  if (!isText(os) || !isText(architecture)) return undefined;
  return isText(variant) && variant !== "" ? { os, architecture, variant } : { os, architecture };
}

function parseList<Item>(
  value: unknown,
  parse: (value: unknown) => Item | undefined,
): readonly Item[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const items = value.map(parse).filter((item) => item !== undefined);
  return items.length === value.length ? items : undefined;
}

function isSize(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
