import { readFileSync } from "node:fs";

/** What a pointer of Git LFS stands for. */
export interface Pointer {
  /** SHA-256, 64 hexadecimal digits. */
  readonly digest: string;
  /** In bytes. */
  readonly size: number;
}

/**
 * Reads a pointer of Git LFS (https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md); undefined for any other text.
 */
export function readPointer(text: string): Pointer | undefined {
  const pattern = /^version https:\/\/\S+\/spec\/v1\noid sha256:([0-9a-f]{64})\nsize (\d+)\n$/;
  const [, digest, size] = pattern.exec(text) ?? [];
  return digest === undefined ? undefined : { digest, size: Number(size) };
}

/** Whether something of a size in bytes can be a pointer; so that not every small file is read to find one. */
export function canBePointer(size: number): boolean {
  return size > 120 && size < 200;
}

/** Whether a file of some size is a pointer in place of what it stands for. What cannot be read is none. */
export function isPointer(file: string, size: number): boolean {
  if (!canBePointer(size)) return false;
  try {
    return readPointer(readFileSync(file, "utf8")) !== undefined;
  } catch {
    return false;
  }
}
