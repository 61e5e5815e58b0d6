import type { Readable } from "node:stream";
import { Refusal } from "../problem.ts";
import type { TransferProgress } from "../run.ts";

/** What an engine knows of an image that it holds. */
export interface ImageFacts {
  /** The engine's own identity of it: `sha256:…` of its configuration. */
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `NAME=value`, in order. */
  readonly environment: readonly string[];
  /** Every `repository:tag` it carries. */
  readonly tags: readonly string[];
  /** Every `repository@sha256:…` it was pulled from or pushed to; empty where the engine does not know. */
  readonly digests: readonly string[];
  /** In bytes. */
  readonly size: number;
  /** Whether that is the size of the packed layers. */
  readonly compressed: boolean;
  /** `linux/amd64`, `linux/arm64/v8` */
  readonly platform: string;
  /** When it was made (RFC 3339). */
  readonly created: string;
}

/** One build: a tar stream with a `Dockerfile` at its top. */
export interface BuildRequest {
  readonly context: Readable;
  /** The same Dockerfile as text, so that a failure can name its line. */
  readonly dockerfile: string;
  /** The references that the image gets. */
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Take nothing from the build cache. */
  readonly fresh: boolean;
  /** Called with each line of the build's output, without its line end. */
  readonly onLine: (line: string) => void;
  readonly signal: AbortSignal;
}

/** What a build made. */
export interface BuiltImage {
  readonly id: string;
  /** Whether the build cache gave all that its instructions make: nothing ran. */
  readonly cached: boolean;
}

/** A refusal that another try of the same call may not meet: an overloaded registry, a dropped connection. */
export class TransientFailure extends Refusal {}

/** Is told each time that a pull or push has come further. */
export type OnProgress = (progress: TransferProgress) => void;

/**
 * A container engine. Each method rejects with a `Refusal` whose problem says what the engine said: kind
 * `failure` where the build or push failed, `surroundings` where the engine did, or the registry of a pull. None waits for ever: an
 * engine that goes away fails the call. An aborted signal cancels it there, and rejects with the signal's reason.
 */
export interface Engine {
  /** Builds and tags. */
  build(request: BuildRequest): Promise<BuiltImage>;
  /** The facts of a local image that carries this very reference; undefined where the engine holds none. */
  inspect(reference: string): Promise<ImageFacts | undefined>;
  /**
   * Pulls a reference, with the credentials for its registry, so that `inspect` knows it and `FROM` finds it. False
   * where the registry says that it holds no such image.
   */
  pull(reference: string, onProgress: OnProgress, signal: AbortSignal): Promise<boolean>;
  /** Pushes a reference. What digest it has then is the registry's to say: not every engine tells one. */
  push(reference: string, onProgress: OnProgress, signal: AbortSignal): Promise<void>;
}
