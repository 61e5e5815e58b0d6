import { openContexts } from "../composing/context.ts";
import { composeDockerfile } from "../composing/dockerfile.ts";
import { digestFiles, digestInputs } from "../composing/inputs.ts";
import { defaultConventions } from "../conventions.ts";
import type { Catalog, ScienceLayer, Step } from "../model.ts";
import type { Inputs } from "../planning/labels.ts";
import type { Bases } from "./bases.ts";
import { formatReference, parseReference } from "../reference.ts";

/** Tells the inputs of layers and releases as the checkout has them; each is read once. */
export interface InputsReader {
  /** Of the science layer in a directory. */
  readonly science: (directory: string) => Promise<Inputs>;
  /** Of the release on the final layer in a directory. */
  readonly release: (directory: string) => Promise<Inputs>;
}

/** Tells the digests of the Dockerfile and the files of layers; each is read once. */
export interface FilesReader {
  /** Of a science layer. */
  readonly science: (layer: ScienceLayer) => Promise<string>;
  /** Of a compat layer and all it includes: the same for all releases with it, as neither the science image nor the stamp is part of it. */
  readonly stack: (compat: string) => Promise<string>;
}

/** Opens the files of a checkout. The `contexts` are those of a run that builds what is read here. */
export function openFiles(
  root: string,
  catalog: Catalog,
  contexts = openContexts(root, catalog.conventions.ignoreFiles),
): FilesReader {
  const { environmentVariable } = catalog.conventions;
  const layers = new Map<string, Promise<string>>();
  const stacks = new Map<string, Promise<string>>();
  return {
    science: ({ directory, dockerfile }) =>
      once(layers, directory, async () => digestFiles(await contexts([directory]), dockerfile)),
    stack: (compat) =>
      once(stacks, compat, async () => {
        const stack = (catalog.stacks.get(compat) ?? []).flatMap((name) => catalog.compat.get(name) ?? []);
        const fragments = stack.map(({ directory, fragment }) => ({ directory, text: fragment }));
        // The default has no part in it either: what was published before there was another stays the same.
        const usual = environmentVariable === defaultConventions.environmentVariable;
        const environment: (readonly [string, string])[] = usual ? [] : [[environmentVariable, ""]];
        const { dockerfile } = composeDockerfile({ from: "scratch", fragments, environment });
        const directories = stack.map(({ directory }) => directory);
        return digestFiles(await contexts(directories), dockerfile);
      }),
  };
}

/**
 * Opens the inputs of a checkout. `taken` knows science images that are not built but taken as they are: what is built
 * on them has their inputs, not those of this checkout.
 */
export function openInputs(
  root: string,
  catalog: Catalog,
  taken: Bases = () => undefined,
  read: FilesReader = openFiles(root, catalog),
): InputsReader {
  const { labelNamespace } = catalog.conventions;
  const layers = new Map<string, Promise<Inputs>>();

  function science(directory: string): Promise<Inputs> {
    return once(layers, directory, async () => {
      const layer = catalog.science.get(directory);
      if (layer === undefined) throw new Error(`the catalog has no layer ${directory}`);
      // One after another: reading is bound by the disk, and each open context holds a file open.
      const bases: string[] = [];
      for (const base of layer.bases)
        bases.push(
          base.layer === undefined ? inFull(base.reference) : await identity(base.layer, base.reference),
        );
      const files = await read.science(layer);
      const name = `sci/${layer.target}:${layer.version}`;
      return { files, digest: digestInputs(name, files, bases, labelNamespace) };
    });
  }

  async function release(directory: string): Promise<Inputs> {
    const layer = catalog.science.get(directory);
    if (layer === undefined) throw new Error(`the catalog has no layer ${directory}`);
    const files = await read.stack(layer.compat);
    const base = await identity(directory, undefined);
    const name = `rel/${layer.image}:${layer.version}`;
    return { files, digest: digestInputs(name, files, [base], labelNamespace) };
  }

  async function identity(directory: string, written: string | undefined): Promise<string> {
    return taken(directory, written)?.identity ?? (await science(directory)).digest;
  }

  return { science, release };
}

/** The inputs of a step. */
export function inputsOf(reader: InputsReader, step: Step): Promise<Inputs> {
  return step.kind === "science" ? reader.science(step.directory) : reader.release(step.science);
}

function inFull(text: string): string {
  const reference = parseReference(text);
  return reference === undefined ? text : formatReference(reference);
}

function once<T>(known: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const made = known.get(key) ?? make();
  known.set(key, made);
  return made;
}
