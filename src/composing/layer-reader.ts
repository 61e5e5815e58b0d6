import { closeSync, constants, existsSync, openSync } from "node:fs";
import { join, posix } from "node:path";

/** Where Linux has a name for each open descriptor: paths below that of a directory stay in it, even if it is moved. */
const descriptors = "/proc/self/fd";
const hasDescriptors = existsSync(descriptors);

/**
 * Opens files below a root without following a link, neither as the file nor as a directory on the way to it. On systems
 * without `/proc` (macOS) only the file itself is checked.
 */
export class LayerReader {
  readonly #root: string;
  /** The directory that the last file was in: files come directory by directory. */
  #current: { readonly directory: string; readonly descriptor: number } | undefined;

  constructor(root: string) {
    this.#root = root;
  }

  /** Opens a file for reading and gives its descriptor, which the caller closes; throws as `openSync` does. */
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
