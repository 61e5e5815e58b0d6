import { closeSync, constants, existsSync, openSync } from "node:fs";
import { join, posix } from "node:path";

/** Where Linux shows each open file; a directory there can be opened further from, whatever its path leads to by now. */
const descriptors = "/proc/self/fd";
const hasDescriptors = existsSync(descriptors);

/**
 * Opens files below a root without following any link on the way, so that no directory of a layer can be exchanged for
 * a link to elsewhere. Where a system shows no descriptors (macOS), only the file itself may be no link.
 */
export class LayerReader {
  readonly #root: string;
  /** The directory that the last file was in: files come directory by directory. */
  #current: { readonly directory: string; readonly descriptor: number } | undefined;

  constructor(root: string) {
    this.#root = root;
  }

  /** The descriptor of a file, open for reading; throws as `openSync` does. Whoever asks for it closes it. */
  open(file: string): number {
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
    // Whatever has taken the file's place is neither followed nor waited for.
    return openSync(
      join(this.#pathOf(posix.dirname(file)), posix.basename(file)),
      O_RDONLY | O_NOFOLLOW | O_NONBLOCK,
    );
  }

  close(): void {
    if (this.#current !== undefined) closeSync(this.#current.descriptor);
    this.#current = undefined;
  }

  #pathOf(directory: string): string {
    if (!hasDescriptors) return join(this.#root, directory);
    if (this.#current?.directory !== directory) {
      this.close();
      this.#current = { directory, descriptor: this.#openDirectory(directory) };
    }
    return `${descriptors}/${this.#current.descriptor}`;
  }

  #openDirectory(directory: string): number {
    const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
    let descriptor = openSync(this.#root, O_RDONLY | O_DIRECTORY);
    for (const part of directory.split("/")) {
      const above = descriptor;
      try {
        descriptor = openSync(`${descriptors}/${above}/${part}`, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      } finally {
        closeSync(above);
      }
    }
    return descriptor;
  }
}
