import { readTrail } from "../planning/trail.ts";
import { Unreadable } from "../registry/registry.ts";
import type { RegistryReader } from "../registry/registry.ts";

/** What a reference names, as far as it can be read. */
export interface Seen {
  readonly digest: string;
  /** Empty where it cannot be read. */
  readonly labels: Readonly<Record<string, string>>;
  /** When it was made (RFC 3339), where it says so. */
  readonly created: string | undefined;
  /** What keeps it from being read as an image; null where nothing does. */
  readonly unreadable: string | null;
}

/** Looks what a reference names; undefined for nothing. That one image is broken must not hide all others. */
export async function see(registry: RegistryReader, reference: string): Promise<Seen | undefined> {
  try {
    const config = await registry.config(reference);
    if (config === undefined) return undefined;
    const { digest, labels, created } = config;
    return { digest, labels, created, unreadable: null };
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    const { digest, message } = error;
    return { digest, labels: {}, created: undefined, unreadable: message };
  }
}

/**
 * Whether a rolling reference names another image than the build that its labels tell of: somebody pushed one by hand that was
 * made from it, and inherits them. One request; what has no immutable tag is taken at its word.
 */
export async function isReplaced(
  registry: RegistryReader,
  reference: string,
  { digest, labels }: Pick<Seen, "digest" | "labels">,
): Promise<boolean> {
  const [newest] = readTrail(labels);
  if (newest === undefined || !reference.endsWith(`:${newest.version}`)) return false;
  const published = await registry.resolve(`${reference}-${newest.stamp}`);
  return published !== undefined && published.digest !== digest;
}
