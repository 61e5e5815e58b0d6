import type { Build, Step } from "../model.ts";
import type { NamedBase } from "../published.ts";
import { immutableTag } from "./names.ts";

/** What went into a build, as digests (`sha256:…`): the same input gives the same digest on every machine. */
export interface Inputs {
  /** Its Dockerfile and its files. */
  readonly files: string;
  /** Those and all that it stands on. */
  readonly digest: string;
}

/** The labels that hold the inputs. */
export const inputsLabel = "org.sciserver.build.inputs";
export const filesLabel = "org.sciserver.build.files";
export const revisionLabel = "org.opencontainers.image.revision";
export const createdLabel = "org.opencontainers.image.created";

/** The target of a science layer's image, the name of a release's. */
export const titleLabel = "org.opencontainers.image.title";
const baseNameLabel = "org.opencontainers.image.base.name";
const baseDigestLabel = "org.opencontainers.image.base.digest";

/** What an image was built on, by its labels; null where they do not tell it, as those of the original tool. */
export function readBase(labels: Readonly<Record<string, string>>): NamedBase | null {
  const name = labels[baseNameLabel];
  if (name === undefined || name === "") return null;
  const digest = labels[baseDigestLabel];
  return { name, digest: digest === undefined || digest === "" ? null : digest };
}

/** What a build stands on, as far as it is known when the build starts. */
export interface BaseIdentity {
  readonly name: string;
  /** Empty where nothing tells it; it is written all the same, so that the base's own value is not inherited. */
  readonly digest: string;
}

/** The facts of a run that labels tell besides the step itself. */
export interface Provenance {
  readonly build: Build;
  /** Where the definitions are kept, e.g. the URL of the git remote; empty where there is none. */
  readonly source: string;
  /** Seconds since the epoch: one reading of the clock for the whole run. */
  readonly time: number;
}

/**
 * The labels of one build. Those below `org.sciserver` are inherited and so form the trail of layers; the OCI ones (image-spec, annotations.md) are set anew at every layer.
 */
export function labelsOf(
  step: Step,
  base: BaseIdentity,
  inputs: Inputs,
  { build, source, time }: Provenance,
): Record<string, string> {
  const name = step.kind === "science" ? `science.${step.target}` : "compat";
  const tag = immutableTag(step.version, build);
  return {
    [`org.sciserver.${name}.version`]: step.kind === "science" ? tag : `${step.image}:${tag}`,
    [`org.sciserver.${name}.buildtime`]: String(time),
    [inputsLabel]: inputs.digest,
    [filesLabel]: inputs.files,
    [titleLabel]: step.kind === "science" ? step.target : step.image,
    "org.opencontainers.image.version": step.version,
    [revisionLabel]: build.commit,
    [createdLabel]: new Date(time * 1000).toISOString(),
    "org.opencontainers.image.source": source,
    [baseNameLabel]: base.name,
    [baseDigestLabel]: base.digest,
  };
}
