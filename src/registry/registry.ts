import { Refusal } from "../problem.ts";
import type { Problem } from "../problem.ts";

/** What a blob or manifest is, where it is kept by content (OCI image spec, "Descriptors"). */
export interface Descriptor {
  readonly mediaType: string;
  /** `sha256:…` (or `sha512:…`) of its bytes. */
  readonly digest: string;
  /** In bytes. */
  readonly size: number;
}

/** What an image runs on, in Go's words: `linux`, `amd64`. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

/** One image: its configuration and the layers it is made of, the base first. */
export interface ImageManifest {
  readonly kind: "image";
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** One manifest of an index. */
export interface IndexEntry extends Descriptor {
  readonly platform: Platform | undefined;
  /** It tells how an image was made, and is none itself (BuildKit's provenance and bills of materials). */
  readonly attestation: boolean;
}

/** Several manifests under one name: an OCI index, or Docker's manifest list. */
export interface ImageIndex {
  readonly kind: "index";
  readonly entries: readonly IndexEntry[];
}

/** A manifest as the registry holds it, byte for byte, and what it says. */
export interface Manifest extends Descriptor {
  readonly bytes: Uint8Array;
  readonly content: ImageManifest | ImageIndex;
}

/** What an image says of itself, without its layers. */
export interface ImageConfig {
  /** Of what the reference names: the index where it names one, otherwise the image's manifest. */
  readonly digest: string;
  readonly platform: Platform;
  readonly labels: Readonly<Record<string, string>>;
  /** `NAME=value`, in order. */
  readonly environment: readonly string[];
  /** When it was made (RFC 3339), where it says so. */
  readonly created: string | undefined;
  /** The bytes of its configuration and its layers as the registry keeps them, compressed. */
  readonly size: number;
}

/**
 * The registry works, but what is there under a name is not a whole image that can be read: an artifact of another kind, an
 * index without an image for the platform, or one of which a part is gone.
 */
export class Unreadable extends Refusal {
  /** Of what the reference names. */
  readonly digest: string;

  constructor(digest: string, ...problems: readonly Problem[]) {
    super(...problems);
    this.digest = digest;
  }
}

/**
 * What can be asked of registries. References and repositories are written as Docker reads them
 * (`debian` is `docker.io/library/debian:latest`).
 *
 * Each method rejects with a `Refusal` where the answer cannot be known: kind `failure` where the registry turned
 * the request down, `surroundings` where it could not be reached or does not answer as a registry does, `usage` where
 * the reference is none. Something is not there where the registry says 404, or 401 or 403 and lists the repository's tags without it.
 */
export interface RegistryReader {
  /** What a reference names at this moment; undefined where there is nothing by that name. One request. */
  resolve(reference: string): Promise<Descriptor | undefined>;
  /** The manifest or index by that name; undefined where there is none. One request. */
  manifest(reference: string): Promise<Manifest | undefined>;
  /**
   * The configuration of an image; undefined where there is none by that name. Two small requests, three where it is
   * one of an index: the image for `platform` is taken then; without it the one for linux/amd64, or the only one.
   * Rejects with `Unreadable` where there is something else.
   */
  config(reference: string, platform?: Platform): Promise<ImageConfig | undefined>;
  /** All tags of a repository, sorted; none where it does not exist. One request, or one for each 1,000 of them. */
  tags(repository: string): Promise<readonly string[]>;
}

/** Registries that can be written to as well. Layers are never moved: what has to be elsewhere is mounted there. */
export interface Registry extends RegistryReader {
  /** Rejects where the registry does not take uploads for a repository. Two requests: an upload is begun and given up. */
  requireWrite(repository: string): Promise<void>;
  /** Says that an engine has just pushed a reference: a registry that does not show it yet is asked again for a while. */
  wrote(reference: string): void;
  /** Puts a manifest, whose parts the repository holds, under a tag: moves the tag where there is one. */
  putTag(
    repository: string,
    tag: string,
    manifest: Pick<Manifest, "bytes" | "mediaType">,
  ): Promise<Descriptor>;
  /**
   * Gives an image or an index with all it names a further reference in the same registry: blobs are mounted, manifests
   * are put, children first and the tag last. Rejects where the source is missing and where the registry cannot mount.
   */
  copy(from: string, to: string): Promise<Descriptor>;
}
