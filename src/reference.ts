/**
 * An image reference in its parts, as the OCI distribution spec and Docker's reference grammar have it.
 * `registry` is undefined where the text names none (Docker then means docker.io).
 */
export interface Reference {
  readonly registry: string | undefined;
  /** The path without the registry, e.g. `library/debian`. */
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

/** Of a name without tag and digest, as Docker's reference grammar has it. */
const longestName = 255;
const component = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const repositoryPattern = new RegExp(`^${component}(?:/${component})*$`);
const componentPattern = new RegExp(`^${component}$`);
const registryPattern = /^(?:\[[0-9a-fA-F:]+\]|[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?)(?::[0-9]{1,5})?$/;
const tagPattern = /^\w[\w.-]{0,127}$/;
const digestPattern = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-fA-F]{32,}$/;

/** Whether a name can be one part of a repository's path (OCI distribution spec, "Pulling manifests"). */
export function isPathComponent(name: string): boolean {
  return componentPattern.test(name);
}

/** Whether a text can be the repository that images are named in: `HOST[:PORT]/PATH` without a tag or digest. */
export function isRepository(text: string): boolean {
  const reference = parseReference(`${text}/sci/x`);
  return reference !== undefined && reference.tag === undefined && !text.includes("@");
}

/** What such a repository looks like, in words. */
export const repositoryRule =
  "HOST[:PORT]/PATH in lower case, without a tag, scheme or slash at the end, e.g. localhost:5000/test";

/** Reads a reference as Docker does: the first part is a registry if it holds `.` or `:` or is `localhost`. */
export function parseReference(text: string): Reference | undefined {
  const at = text.indexOf("@");
  const digest = at < 0 ? undefined : text.slice(at + 1);
  const named = at < 0 ? text : text.slice(0, at);
  const slash = named.indexOf("/");
  const first = slash < 0 ? "" : named.slice(0, slash);
  const hasRegistry = /[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase();
  const registry = hasRegistry ? first : undefined;
  const rest = hasRegistry ? named.slice(slash + 1) : named;
  const colon = rest.lastIndexOf(":");
  const repository = colon < 0 ? rest : rest.slice(0, colon);
  const tag = colon < 0 ? undefined : rest.slice(colon + 1);
  const valid =
    named.length - (tag?.length ?? 0) <= longestName &&
    repositoryPattern.test(repository) &&
    (registry === undefined || registryPattern.test(registry)) &&
    (tag === undefined || tagPattern.test(tag)) &&
    (digest === undefined || digestPattern.test(digest));
  return valid ? { registry, repository, tag, digest } : undefined;
}

/** A reference in full, with what Docker takes for granted written out: `docker.io/library/debian:latest`. */
export function formatReference({ registry, repository, tag, digest }: Reference): string {
  const host = registry ?? "docker.io";
  const path = host === "docker.io" && !repository.includes("/") ? `library/${repository}` : repository;
  const suffix = tag !== undefined ? `:${tag}` : digest === undefined ? ":latest" : "";
  return `${host}/${path}${suffix}${digest === undefined ? "" : `@${digest}`}`;
}

/** Whether two texts name the same thing, however much of what Docker takes for granted each writes out. */
export function sameReference(a: string, b: string): boolean {
  const [left, right] = [parseReference(a), parseReference(b)];
  return left !== undefined && right !== undefined && formatReference(left) === formatReference(right);
}
