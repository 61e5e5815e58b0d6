import { isIPv4 } from "node:net";
import { Refusal } from "../problem.ts";
import { type Reference, parseReference } from "../reference.ts";
import { isDigest } from "./manifest.ts";

/** A repository in a registry. */
export interface Place {
  /** As references name it. */
  readonly registry: string;
  /** Its path there. */
  readonly repository: string;
}

/** Reads a reference. `name` is its digest, or else its tag. */
export function locate(text: string): { place: Place; name: string } {
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

/** As people write it, with a tag or digest where one is given. */
export function nameOf({ registry, repository }: Place, name?: string): string {
  if (name === undefined) return `${registry}/${repository}`;
  return `${registry}/${repository}${isDigest(name) ? "@" : ":"}${name}`;
}

/** The scope to read it (Distribution, "Token Scope Documentation"). */
export function pull({ repository }: Place): string {
  return `repository:${repository}:pull`;
}

/** The scope to read and write it. */
export function push({ repository }: Place): string {
  return `repository:${repository}:pull,push`;
}

/** Those that Docker counts as this machine, and reaches without encryption where there is none. */
export function isLoopback(host: string): boolean {
  const { hostname } = new URL(`http://${host}`);
  return (
    hostname === "localhost" || hostname === "[::1]" || (isIPv4(hostname) && hostname.startsWith("127."))
  );
}
