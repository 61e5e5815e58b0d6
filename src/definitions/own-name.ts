import { formatReference, parseReference } from "../reference.ts";

/** A reference to one of our own products: `[anything/]sci/{target}…` or `[anything/]rel/{image}…`. */
export interface OwnName {
  /** What stands before `sci/` or `rel/`, its slash included. */
  readonly before: string;
  readonly room: "sci" | "rel";
  readonly name: string;
  readonly tag: string | undefined;
}

/** Reads a reference as that of a product of ours. One with a digest is not: it names one build for good, whatever becomes of the layer. */
export function ownName(reference: string): OwnName | undefined {
  const parsed = parseReference(reference);
  if (parsed === undefined || parsed.digest !== undefined) return undefined;
  const parts = parsed.repository.split("/");
  const name = parts.pop();
  const room = parts.pop();
  if (name === undefined || (room !== "sci" && room !== "rel")) return undefined;
  const before = [...(parsed.registry === undefined ? [] : [parsed.registry]), ...parts]
    .map((part) => `${part}/`)
    .join("");
  return { before, room, name, tag: parsed.tag };
}

/** `2.4` of `2.4-42-f90dbd6`: the version in an immutable tag. */
export function versionInStamp(tag: string): string | undefined {
  return /^(\d+(?:\.\d+)*)-\d+-[0-9a-z]+(?:-dirty)?$/.exec(tag)?.[1];
}

/** A reference that could mean a layer, though it is not written as one. */
export interface LooseName {
  /** The last part of its path. */
  readonly name: string;
  /** Undefined where it means the newest build, whatever its version. */
  readonly version: string | undefined;
  /** It is where our own images are, or where Docker looks for an image of that name alone. */
  readonly near: boolean;
  /** The same reference, so that nobody takes it for a layer. */
  readonly explicit: string;
}

/**
 * Reads a reference as a loose name of a layer; undefined where a digest or `docker.io/library/` says that it is none. `repos` are the
 * repositories that our own images are named in.
 */
export function looseName(text: string, repos: readonly string[]): LooseName | undefined {
  const reference = parseReference(text);
  if (reference === undefined || reference.digest !== undefined) return undefined;
  const { registry, repository, tag } = reference;
  const full = formatReference({ ...reference, tag: undefined });
  if (
    registry !== undefined &&
    /^(?:index\.)?docker\.io\/(?:library\/)?[^/]+$/.test(`${registry}/${repository}`)
  )
    return undefined;
  const ours = repos.some((repo) => full.startsWith(`${inFull(repo)}/`));
  const alone = registry === undefined && !repository.includes("/");
  const suffix = tag === undefined ? "" : `:${tag}`;
  const official = registry === undefined && /^(?:library\/)?[^/]+$/.test(repository);
  return {
    name: repository.slice(repository.lastIndexOf("/") + 1),
    version: tag === undefined || tag === "latest" ? undefined : (versionInStamp(tag) ?? tag),
    near: ours || alone,
    explicit: official
      ? `docker.io/library/${repository.replace("library/", "")}${suffix}`
      : `${text}@sha256:…`,
  };
}

/** A repository with the registry that Docker takes for granted. */
function inFull(repo: string): string {
  const parsed = parseReference(repo);
  return parsed?.registry === undefined ? `docker.io/${repo}` : repo;
}
