import { listLayer } from "../composing/listing.ts";
import { configurationName } from "../conventions.ts";
import { conventionsOf, readConfiguration } from "../definitions/configuration.ts";
import { textBefore } from "../git/past.ts";
import type { Catalog, Conventions } from "../model.ts";
import type { Changes } from "../planning/changes.ts";
import { layerDirectories } from "../planning/changes.ts";

/**
 * The layers whose images are others because `image-builder.json5` differs between the two sides of a ref. What it said
 * before counts as far as it was right.
 */
export async function changedByConventions(root: string, ref: string, catalog: Catalog): Promise<Changes> {
  const text = await textBefore(root, ref, configurationName);
  const before = conventionsOf(text === undefined ? {} : readConfiguration(text).values);
  const now = catalog.conventions;
  const changes = new Map<string, readonly string[]>();
  for (const directory of layerDirectories(catalog)) {
    const differs =
      before.labelNamespace !== now.labelNamespace ||
      (before.environmentVariable !== now.environmentVariable && directory.startsWith("compat/")) ||
      (await differsInFiles(root, directory, before, now));
    if (differs) changes.set(directory, [configurationName]);
  }
  return changes;
}

/** Whether the patterns keep other files out of a layer's context than they did. */
async function differsInFiles(
  root: string,
  directory: string,
  before: Conventions,
  now: Conventions,
): Promise<boolean> {
  const patterns = [before, now].map(({ ignoreFiles }) => ignoreFiles);
  const texts = patterns.map((each) => each.map(({ text }) => text).join("\n"));
  if (texts[0] === texts[1]) return false;
  const listings = await Promise.all(patterns.map((each) => listLayer(root, directory, each)));
  const [was, is] = listings.map(({ listed }) => listed.map(({ path }) => path).join("\0"));
  return was !== is;
}
