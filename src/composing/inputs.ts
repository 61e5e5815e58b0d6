import { createHash } from "node:crypto";
import { pipeline } from "node:stream/promises";
import { defaultConventions, definitionName } from "../conventions.ts";
import type { Context } from "./context.ts";

/**
 * The digest of a build's Dockerfile and files: names, modes and contents, as they stand in its context's tar. The
 * definition is not part of it: what it says of a build is in the name, the Dockerfile and the bases, and to retire a
 * layer must not build anew what stands on it.
 */
export async function digestFiles(context: Context, dockerfile: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(context.stream(dockerfile, definitionName), hash);
  return `sha256:${hash.digest("hex")}`;
}

/**
 * The digest of all that goes into a build: what it is called, its files, and the identity of each image that it
 * takes from, in the order that its Dockerfile names them. A namespace of labels counts where it is not the default, so
 * that what was published before there was another stays the same.
 */
export function digestInputs(
  name: string,
  files: string,
  bases: readonly string[],
  labelNamespace: string,
): string {
  const namespaces = labelNamespace === defaultConventions.labelNamespace ? [] : [labelNamespace];
  const parts = JSON.stringify([name, files, bases, ...namespaces]);
  return `sha256:${createHash("sha256").update(parts).digest("hex")}`;
}
