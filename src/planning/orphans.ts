import { definitionFile } from "../conventions.ts";
import type { Catalog, Orphaned, ScienceLayer } from "../model.ts";
import type { Problem } from "../problem.ts";
import { releaseId } from "./plan.ts";

/** What the definition of a science layer says or, at another commit, said. */
export type Definition = Pick<
  ScienceLayer,
  "directory" | "image" | "version" | "target" | "compat" | "retired"
>;

/** What a change orphans, and what is to be said where that must not be. */
interface FoundOrphan {
  readonly orphan: Orphaned;
  readonly problem: Problem;
}

/** The references of the images that each layer, by its directory, takes from. */
export type TakenFrom = ReadonlyMap<string, readonly string[]>;

/** The layers that made an image and version together which no layer makes any more: one of them is the final one. */
export function vanishedTogether(before: readonly Definition[], catalog: Catalog): readonly Definition[] {
  const made = releasesOf(catalog);
  const vanishing = before.filter((each) => !made.has(releaseId(each)));
  return vanishing.filter((each) =>
    vanishing.some((other) => other !== each && releaseId(other) === releaseId(each)),
  );
}

/**
 * What a change would leave behind in the registry, for good: images and versions, and targets, that no layer makes any
 * more. `before` has the changed definitions as they were, `changed` the directories of all that changed, `taken` what those of
 * {@link vanishedTogether} took from. What was retired may go.
 */
export function findOrphans(
  before: readonly Definition[],
  changed: ReadonlySet<string>,
  catalog: Catalog,
  taken: TakenFrom,
): readonly FoundOrphan[] {
  const made = releasesOf(catalog);
  const retired = new Set(before.filter((each) => each.retired).map(releaseId));
  const found = new Map<string, FoundOrphan>();
  for (const old of before) {
    const id = releaseId(old);
    if (made.has(id)) {
      const renamed = renamedTarget(old, before, changed, catalog);
      if (renamed !== undefined) found.set(old.directory, renamed);
    } else if (!retired.has(id) && !found.has(id)) {
      const together = before.filter((each) => releaseId(each) === id);
      found.set(id, vanished(finalOf(together, taken) ?? old, catalog));
    }
  }
  return [...found.values()];
}

/** The definition files that a change only gives `"retired": true`, which changes nothing in what the layer makes. */
export function onlyRetired(before: readonly Definition[], catalog: Catalog): ReadonlySet<string> {
  const files = new Set<string>();
  for (const old of before) {
    const now = catalog.science.get(old.directory);
    if (now === undefined || old.retired || !now.retired) continue;
    if (now.target === old.target && now.compat === old.compat && releaseId(now) === releaseId(old))
      files.add(definitionFile(old.directory));
  }
  return files;
}

/** An image and version that the catalog had once. */
export interface FormerRelease {
  readonly image: string;
  readonly version: string;
  /** The file that defined it last. */
  readonly definition: string;
  /** The commit that ended it. */
  readonly commit: string;
  /** It was retired when it went. */
  readonly retired: boolean;
}

/** The images and versions of past definitions, newest first, that the catalog lacks; by the id of their release. */
export function formerReleases(
  past: readonly (Definition & { readonly commit: string })[],
  catalog: Catalog,
): ReadonlyMap<string, FormerRelease> {
  const made = releasesOf(catalog);
  const former = new Map<string, FormerRelease>();
  for (const old of past) {
    const id = releaseId(old);
    const { image, version, commit, retired } = old;
    const known = former.get(id);
    // Of several layers that went at once, it is the final one that says whether it was retired.
    const first = known === undefined || (known.commit === commit && retired);
    if (first && !made.has(id))
      former.set(id, { image, version, definition: definitionFile(old.directory), commit, retired });
  }
  return former;
}

/** The ids of all releases of a catalog, retired ones too. */
export function releasesOf(catalog: Catalog): ReadonlySet<string> {
  return new Set([...catalog.science.values()].map(releaseId));
}

/** Of the layers of one image and version, the one that no other of them is built on. */
function finalOf(layers: readonly Definition[], taken: TakenFrom): Definition | undefined {
  const bases = layers.flatMap(({ directory }) => taken.get(directory) ?? []);
  return layers.find(({ target, version }) => {
    const name = `sci/${target}:${version}`;
    return !bases.some((base) => base === name || base.endsWith(`/${name}`));
  });
}

function vanished(old: Definition, catalog: Catalog): FoundOrphan {
  const { directory, image, version, target } = old;
  const now = catalog.science.get(directory);
  const how =
    now === undefined
      ? "the layer is gone"
      : now.image === image
        ? `its version became ${now.version}`
        : `its image became ${now.image}`;
  const file = definitionFile(old.directory);
  const hint = [
    "keep it, retire it, or give --allow-orphans",
    "as it is: this will result in an orphaned image, which will no longer receive compat updates (must ensure that version is deprecated and no longer used)",
    `add without changing version: a new science layer FROM sci/${target}:${version} with the same "image" and "version"`,
    `add and change version: the same with a higher "version", and ${version} still gets compat updates`,
    "change in place: without a change of image or version",
    `give ${version} up: keep its definition, with "retired": true`,
  ].join("\n  ");
  return {
    orphan: { kind: "release", name: `${image} ${version}`, definition: file },
    problem: {
      kind: "definition",
      file,
      message: `no layer makes ${image} ${version} any more, ${how}`,
      hint,
    },
  };
}

/** A layer that came under another target for one that went: what builds on the old one stays behind. */
function renamedTarget(
  old: Definition,
  before: readonly Definition[],
  changed: ReadonlySet<string>,
  catalog: Catalog,
): FoundOrphan | undefined {
  const layers = [...catalog.science.values()];
  if (layers.some(({ target }) => target === old.target)) return undefined;
  const heir = layers.find(
    (layer) =>
      changed.has(layer.directory) &&
      releaseId(layer) === releaseId(old) &&
      !before.some(({ target }) => target === layer.target),
  );
  if (heir === undefined || heir.retired) return undefined;
  const { image, version, target } = old;
  const orphan = `sci/${target}:${version}`;
  const file = definitionFile(heir.directory);
  const hint = [
    `keep the name: "target": "${target}"`,
    `as it is: this will result in an orphaned image, ${orphan}, which will no longer receive updates`,
    "if nothing builds on it any more: give --allow-orphans",
  ].join("\n  ");
  return {
    orphan: { kind: "science", name: orphan, definition: file },
    problem: {
      kind: "definition",
      file,
      message: `the target of ${image} ${version} was renamed from ${target} to ${heir.target}`,
      hint,
    },
  };
}
