import path from "node:path";
import { definitionName } from "../conventions.ts";
import type { Base, Catalog, CompatLayer, Conventions, ScienceLayer } from "../model.ts";
import { nearest } from "../nearest.ts";
import type { Problem } from "../problem.ts";
import { parseReference } from "../reference.ts";
import { compareVersions } from "../version.ts";
import { conventionsOf, readConfigurationAt } from "./configuration.ts";
import { readCompatDefinition, readScienceDefinition } from "./definition.ts";
import type { CompatDefinition, DefinitionReading, ScienceDefinition } from "./definition.ts";
import { readDockerfile, readFragment } from "./dockerfile.ts";
import type { DockerfileReading, NamedImage } from "./dockerfile.ts";
import { findLayers } from "./layer-files.ts";
import type { FoundLayers, LayerFiles } from "./layer-files.ts";

/**
 * Reads `image-builder.json5` and every definition and Dockerfile below `science/` and `compat/` of a root. Gives every problem there is, sorted
 * by file and line, and a catalog only where there is none.
 */
export function readCatalog(root: string): { catalog: Catalog | undefined; problems: readonly Problem[] } {
  const foundScience = findLayers(root, "science");
  const foundCompat = findLayers(root, "compat");
  if (!foundScience.exists && !foundCompat.exists) {
    const hint = "say with --root which directory holds them";
    return {
      catalog: undefined,
      problems: [{ kind: "usage", message: `neither science/ nor compat/ in ${root}`, hint }],
    };
  }
  const configuration = readConfigurationAt(root);
  const science = foundScience.layers.map(draftScience);
  const compat = foundCompat.layers.map(draftCompat);
  const links = new ScienceLinks(science, foundScience);
  const problems: Problem[] = [...configuration.problems, ...foundScience.problems, ...foundCompat.problems];
  for (const { reading, dockerfile } of [...science, ...compat]) {
    problems.push(...reading.problems, ...dockerfile.problems);
  }
  problems.push(...links.problems, ...checkTargets(science), ...checkFinals(science));
  problems.push(...checkRetired(science));
  problems.push(...checkScienceCycles(science), ...checkVersions(science));
  problems.push(...checkCompatNames(science, compat, foundCompat), ...checkIncludeCycles(compat));
  problems.push(...checkFragments(compat, science));
  if (problems.length > 0) return { catalog: undefined, problems: problems.sort(byPlace) };
  const conventions = conventionsOf(configuration.values);
  return { catalog: makeCatalog(science, compat, conventions), problems };
}

/** A science layer while it is checked. */
interface ScienceDraft {
  readonly directory: string;
  readonly definitionFile: string;
  readonly dockerfileFile: string;
  readonly files: LayerFiles;
  readonly reading: DefinitionReading<ScienceDefinition>;
  readonly dockerfile: DockerfileReading;
  /** Image, version and target, where all of them are known: what others need to know of it. */
  readonly identity: Pick<ScienceDefinition, "image" | "version" | "target"> | undefined;
  /** Known bases of its own, each once. */
  readonly bases: Set<ScienceDraft>;
  /** For each image it names, the layer that is; undefined for foreign ones. */
  readonly named: Map<NamedImage, ScienceDraft>;
  /** It may build on more than `bases`, so what depends on that cannot be judged. */
  unsure: boolean;
}

interface CompatDraft {
  readonly name: string;
  readonly directory: string;
  readonly definitionFile: string;
  readonly files: LayerFiles;
  readonly reading: DefinitionReading<CompatDefinition>;
  readonly dockerfile: DockerfileReading;
}

const unread = { values: {}, problems: [], lineOf: () => 1 };
const nothing: DockerfileReading = { images: [], problems: [] };

function draftScience(files: LayerFiles): ScienceDraft {
  const { directory, definition, dockerfile } = files;
  const definitionFile = `${directory}/${definitionName}`;
  const dockerfileFile = `${directory}/Dockerfile`;
  const name = path.posix.basename(directory);
  const reading: DefinitionReading<ScienceDefinition> =
    definition === undefined ? unread : readScienceDefinition(definition, definitionFile, name);
  const read = dockerfile === undefined ? nothing : readDockerfile(dockerfile, dockerfileFile);
  const { image, version, target } = reading.values;
  const known = image !== undefined && version !== undefined && target !== undefined;
  return {
    directory,
    definitionFile,
    dockerfileFile,
    files,
    reading,
    dockerfile: read,
    identity: known ? { image, version, target } : undefined,
    bases: new Set(),
    named: new Map(),
    unsure: dockerfile === undefined || read.problems.length > 0,
  };
}

function draftCompat(files: LayerFiles): CompatDraft {
  const { directory, definition, dockerfile } = files;
  const definitionFile = `${directory}/${definitionName}`;
  return {
    name: directory.slice("compat/".length),
    directory,
    definitionFile,
    files,
    reading: definition === undefined ? unread : readCompatDefinition(definition, definitionFile),
    dockerfile: dockerfile === undefined ? nothing : readFragment(dockerfile, `${directory}/Dockerfile`),
  };
}

// ---- What science layers build on

/** A reference to one of our own products: `[anything/]sci/{target}…` or `[anything/]rel/{image}…`. */
interface OwnName {
  /** What stands before `sci/` or `rel/`, its slash included. */
  readonly before: string;
  readonly room: "sci" | "rel";
  readonly name: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

function ownName(reference: string): OwnName | undefined {
  const parsed = parseReference(reference);
  if (parsed === undefined) return undefined;
  const parts = parsed.repository.split("/");
  const name = parts.pop();
  const room = parts.pop();
  if (name === undefined || (room !== "sci" && room !== "rel")) return undefined;
  const before = [...(parsed.registry === undefined ? [] : [parsed.registry]), ...parts]
    .map((part) => `${part}/`)
    .join("");
  return { before, room, name, tag: parsed.tag, digest: parsed.digest };
}

/** `2.4` of `2.4-42-f90dbd6`: the version in an immutable tag. */
function versionInStamp(tag: string): string | undefined {
  return /^(\d+(?:\.\d+)*)-\d+-[0-9a-z]+(?:-dirty)?$/.exec(tag)?.[1];
}

/** Finds the layers that Dockerfiles name, and notes them in the drafts. */
class ScienceLinks {
  readonly problems: Problem[] = [];
  readonly #byTarget: ReadonlyMap<string, readonly ScienceDraft[]>;
  readonly #byImage: ReadonlyMap<string, readonly ScienceDraft[]>;
  readonly #vague: readonly ScienceDraft[];
  readonly #refused: ReadonlySet<string>;
  readonly #partial: boolean;

  constructor(science: readonly ScienceDraft[], found: FoundLayers) {
    this.#byTarget = groupBy(science, ({ identity }) => identity?.target);
    this.#byImage = groupBy(science, ({ identity }) => identity?.image);
    this.#vague = science.filter(({ identity }) => identity === undefined);
    this.#refused = new Set(found.refused.map((directory) => path.posix.basename(directory)));
    this.#partial = found.partial;
    for (const draft of science) for (const image of draft.dockerfile.images) this.#link(draft, image);
  }

  #link(draft: ScienceDraft, image: NamedImage): void {
    const own = ownName(image.reference);
    if (own === undefined) return;
    const wrong = own.room === "rel" ? this.#checkRelease(own) : this.#findLayer(draft, image, own);
    if (wrong === undefined) return;
    draft.unsure = true;
    const [message, hint] = wrong;
    this.problems.push(problem(draft.dockerfileFile, image.line, `${image.reference} ${message}`, hint));
  }

  #checkRelease({ before, name, tag }: OwnName): readonly [string, string] | undefined {
    const layers = this.#byImage.get(name);
    if (layers === undefined) return undefined;
    const version = tag === undefined ? undefined : (versionInStamp(tag) ?? tag);
    const same = layers.filter(({ identity }) => identity?.version === version);
    const choices = (same.length > 0 ? same : layers).map((layer) => scienceReference(before, layer));
    return ["is a release, with a compat layer in it", `build on the science layer: ${choices.join(" or ")}`];
  }

  #findLayer(draft: ScienceDraft, image: NamedImage, own: OwnName): readonly [string, string] | undefined {
    // A digest names one build for good, whatever becomes of the layer.
    if (own.digest !== undefined) return undefined;
    const layers = this.#byTarget.get(own.name) ?? [];
    const layer = layers.find(({ identity }) => identity?.version === own.tag);
    if (layer === draft) return ["is the layer itself", "build on another one, or on a foreign image"];
    if (layer !== undefined) {
      draft.bases.add(layer);
      draft.named.set(image, layer);
      return undefined;
    }
    if (this.#mayExist(own.name)) {
      draft.unsure = true;
      return undefined;
    }
    return this.#explainMiss(own, layers);
  }

  /** Whether a layer that could not be read might be the one that is meant. */
  #mayExist(name: string): boolean {
    if (this.#partial || this.#refused.has(name)) return true;
    return this.#vague.some(({ directory, files }) => {
      return path.posix.basename(directory) === name || files.definition?.includes(name) === true;
    });
  }

  #explainMiss({ before, name, tag }: OwnName, layers: readonly ScienceDraft[]): readonly [string, string] {
    const [layer] = layers;
    if (layer !== undefined) {
      const written = `write ${layers.map((each) => scienceReference(before, each)).join(" or ")}`;
      if (tag === undefined) return ["names no version", written];
      const { version } = layer.identity ?? {};
      if (versionInStamp(tag) === version)
        return ["names one build of the layer", `${written}, the plain version`];
      return [`matches no layer: ${layer.directory} has version ${version}`, written];
    }
    const ofImage = this.#byImage.get(name);
    if (ofImage !== undefined) {
      const choices = ofImage.map((each) => scienceReference(before, each)).join(" or ");
      return ["matches no layer", `${name} is an image; name the target of one of its layers: ${choices}`];
    }
    const [near] = this.#byTarget.get(nearest(name, this.#byTarget.keys()) ?? "") ?? [];
    const hint = "below sci/ stand the targets of science layers; a digest makes it a foreign image";
    return [
      "matches no layer",
      near === undefined ? hint : `did you mean ${scienceReference(before, near)}?`,
    ];
  }
}

function scienceReference(before: string, { identity }: ScienceDraft): string {
  return `${before}sci/${identity?.target}:${identity?.version}`;
}

// ---- What must hold among science layers

function checkTargets(science: readonly ScienceDraft[]): readonly Problem[] {
  const problems: Problem[] = [];
  for (const [target, [first, ...others]] of groupBy(science, ({ reading }) => reading.values.target)) {
    for (const other of others) {
      if (first === undefined) continue;
      const message = `target "${target}" is also that of ${placeOf(first, "target")}`;
      const hint = 'a target names one layer; give one of them another "target"';
      problems.push(problemAt(other, "target", message, hint));
      // Which of the two a FROM means cannot be told.
      for (const draft of science) if (draft.bases.has(first) || draft.bases.has(other)) draft.unsure = true;
    }
  }
  return problems;
}

/** The layers of one image and version that no other of them builds on, directly or through others. */
function finalsOf(group: readonly ScienceDraft[]): { finals: readonly ScienceDraft[]; unsure: boolean } {
  const [only, ...others] = group;
  if (only !== undefined && others.length === 0) return { finals: [only], unsure: false };
  const members = new Set(group);
  const builtOn = new Set<ScienceDraft>();
  let unsure = false;
  const seen = new Set<ScienceDraft>();
  const waiting: ScienceDraft[] = [...group];
  for (let draft = waiting.pop(); draft !== undefined; draft = waiting.pop()) {
    if (seen.has(draft)) continue;
    seen.add(draft);
    unsure ||= draft.unsure;
    for (const base of draft.bases) {
      if (members.has(base)) builtOn.add(base);
      waiting.push(base);
    }
  }
  return { finals: group.filter((draft) => !builtOn.has(draft)), unsure };
}

function groupsOf(science: readonly ScienceDraft[]): ReadonlyMap<string, readonly ScienceDraft[]> {
  return groupBy(science, ({ identity }) =>
    identity === undefined ? undefined : `${identity.image} ${identity.version}`,
  );
}

function checkFinals(science: readonly ScienceDraft[]): readonly Problem[] {
  const problems: Problem[] = [];
  for (const [name, group] of groupsOf(science)) {
    const { finals, unsure } = finalsOf(group);
    const [first] = finals.length === 0 ? group : finals;
    if (unsure || finals.length === 1 || first === undefined) continue;
    const places = (finals.length === 0 ? group : finals).map((draft) => placeOf(draft, "image")).join(", ");
    const message =
      finals.length === 0
        ? `${name} has no final layer: each of its layers builds on another: ${places}`
        : `${name} has ${finals.length} final layers, of which none builds on another: ${places}`;
    const hint =
      finals.length === 0
        ? "let one of them build on a foreign image"
        : `let one build on the other (FROM ${scienceReference("", first)}), or give one another "version" or "image"`;
    problems.push(problemAt(first, "image", message, hint));
  }
  return problems;
}

/** A layer that comes on top of a retired one must not take that back unseen. */
function checkRetired(science: readonly ScienceDraft[]): readonly Problem[] {
  const problems: Problem[] = [];
  for (const [name, group] of groupsOf(science)) {
    if (!group.some(({ reading }) => reading.values.retired)) continue;
    const { finals, unsure } = finalsOf(group);
    const [final] = finals;
    if (unsure || finals.length !== 1 || final === undefined || final.reading.values.retired) continue;
    const message = `"retired" counts in the final layer of ${name} alone, which is ${final.definitionFile}`;
    for (const draft of group)
      if (draft.reading.values.retired)
        problems.push(problemAt(draft, "retired", message, "move it there, or take it out"));
  }
  return problems;
}

function checkScienceCycles(science: readonly ScienceDraft[]): readonly Problem[] {
  const cycles = findCycles(
    science,
    ({ bases }) => bases,
    (draft) => draft.directory,
  );
  return cycles.map(([first, second, ...rest]) => {
    const names = [first, second, ...rest, first].map((draft) => draft?.directory).join(" -> ");
    const image = first?.dockerfile.images.find((each) => first.named.get(each) === second);
    const message = `science layers build on each other in a circle: ${names}`;
    const hint = "let one of them build on something else";
    return problem(first?.dockerfileFile, image?.line, message, hint);
  });
}

function checkVersions(science: readonly ScienceDraft[]): readonly Problem[] {
  const problems: Problem[] = [];
  for (const draft of science) {
    const { identity } = draft;
    if (identity === undefined) continue;
    const seen = new Set<ScienceDraft>([draft]);
    const waiting = [...draft.bases];
    for (let base = waiting.pop(); base !== undefined; base = waiting.pop()) {
      if (seen.has(base)) continue;
      seen.add(base);
      // What lies below a layer of the same image is that layer's matter.
      if (base.identity?.image !== identity.image) waiting.push(...base.bases);
      else if (compareVersions(identity.version, base.identity.version) < 0) {
        const message = `version ${identity.version} of ${identity.image} builds on the higher ${base.identity.version} of ${placeOf(base, "version")}`;
        problems.push(
          problemAt(draft, "version", message, `give it version "${base.identity.version}" or a higher one`),
        );
      }
    }
  }
  return problems;
}

// ---- What must hold of compat layers

function checkCompatNames(
  science: readonly ScienceDraft[],
  compat: readonly CompatDraft[],
  found: FoundLayers,
): readonly Problem[] {
  const names = new Set(compat.map(({ name }) => name));
  // What was refused is there all the same, and so may be what lies below a directory that could not be looked into.
  const mayExist = (name: string) => {
    return (
      names.has(name) || found.refused.some((directory) => `compat/${name}/`.startsWith(`${directory}/`))
    );
  };
  const hintFor = (name: string) => {
    const meant = nearest(name.replace(/^compat\//, ""), names);
    if (meant !== undefined) return `did you mean "${meant}"?`;
    return names.size === 0
      ? "there is no compat layer; add one below compat/"
      : `there are: ${[...names].sort().join(", ")}`;
  };
  const problems: Problem[] = [];
  for (const draft of science) {
    const { compat: name } = draft.reading.values;
    if (name === undefined || mayExist(name)) continue;
    problems.push(problemAt(draft, "compat", `there is no compat layer "${name}"`, hintFor(name)));
  }
  for (const draft of compat) {
    for (const name of draft.reading.values.includes ?? []) {
      if (mayExist(name)) continue;
      problems.push(
        problemAt(draft, "includes", `includes "${name}", which is no compat layer`, hintFor(name)),
      );
    }
  }
  return problems;
}

function checkIncludeCycles(compat: readonly CompatDraft[]): readonly Problem[] {
  const byName = new Map(compat.map((draft) => [draft.name, draft]));
  const included = ({ reading }: CompatDraft) => {
    return (reading.values.includes ?? []).flatMap((name) => byName.get(name) ?? []);
  };
  return findCycles(compat, included, ({ name }) => name).map((cycle) => {
    const [first] = cycle;
    const names = [...cycle, first].map((draft) => draft?.name).join(" -> ");
    const message = `compat layers include each other in a circle: ${names}`;
    const line = first?.reading.lineOf("includes");
    return problem(first?.definitionFile, line, message, 'take one of these names out of its "includes"');
  });
}

/** A fragment stands on its science layer alone, so it takes nothing from our own products: no plan orders that. */
function checkFragments(
  compat: readonly CompatDraft[],
  science: readonly ScienceDraft[],
): readonly Problem[] {
  const images = new Set(science.flatMap(({ reading }) => reading.values.image ?? []));
  const problems: Problem[] = [];
  for (const { directory, dockerfile } of compat) {
    for (const { reference, line } of dockerfile.images) {
      const own = ownName(reference);
      if (own === undefined || (own.room === "sci" ? own.digest !== undefined : !images.has(own.name)))
        continue;
      const message = `${reference} is taken from in a compat fragment`;
      const hint =
        "a compat layer stands on its science layer alone; let that one bring the files, or pin a digest";
      problems.push(problem(`${directory}/Dockerfile`, line, message, hint));
    }
  }
  return problems;
}

// ---- The catalog

function makeCatalog(
  science: readonly ScienceDraft[],
  compat: readonly CompatDraft[],
  conventions: Conventions,
): Catalog {
  const scienceLayers = new Map<string, ScienceLayer>();
  for (const { directory, files, reading, dockerfile, named } of science) {
    const { image, version, target, compat: compatName, retired = false } = reading.values;
    const text = files.dockerfile;
    // No problem was found, so none of these is missing.
    if (image === undefined || version === undefined || target === undefined) continue;
    if (compatName === undefined || text === undefined) continue;
    const bases: Base[] = [];
    for (const each of dockerfile.images) bases.push({ ...each, layer: named.get(each)?.directory });
    scienceLayers.set(directory, {
      directory,
      image,
      version,
      target,
      compat: compatName,
      retired,
      dockerfile: text,
      bases,
    });
  }
  const compatLayers = new Map<string, CompatLayer>();
  for (const { name, directory, files, reading } of compat) {
    const { includes = [] } = reading.values;
    compatLayers.set(name, { name, directory, includes, fragment: files.dockerfile ?? "" });
  }
  const stacks = new Map<string, readonly string[]>();
  for (const name of compatLayers.keys()) stacks.set(name, stackOf(name, compatLayers));
  const finals = new Set<string>();
  for (const group of groupsOf(science).values())
    for (const { directory } of finalsOf(group).finals) finals.add(directory);
  return { science: scienceLayers, compat: compatLayers, stacks, finals, conventions };
}

/** A compat layer after all it includes: depth first, in order, each once. */
function stackOf(name: string, layers: ReadonlyMap<string, CompatLayer>): readonly string[] {
  const stack = new Set<string>();
  const lay = (layer: string): void => {
    if (stack.has(layer)) return;
    for (const included of layers.get(layer)?.includes ?? []) lay(included);
    stack.add(layer);
  };
  lay(name);
  return [...stack];
}

// ---- Graphs and problems

/** Every cycle met on a walk through a graph, each from the node of the first name on. */
function findCycles<Node>(
  nodes: readonly Node[],
  next: (node: Node) => Iterable<Node>,
  nameOf: (node: Node) => string,
): readonly (readonly Node[])[] {
  const cycles: Node[][] = [];
  const done = new Set<Node>();
  // A chain of layers can be longer than the stack of calls, so the way down is kept by hand.
  for (const start of nodes) {
    if (done.has(start)) continue;
    const way = [{ node: start, rest: [...next(start)] }];
    const depths = new Map<Node, number>([[start, 0]]);
    for (let top = way.at(-1); top !== undefined; top = way.at(-1)) {
      const child = top.rest.shift();
      if (child === undefined) {
        done.add(top.node);
        depths.delete(top.node);
        way.pop();
        continue;
      }
      const depth = depths.get(child);
      if (depth !== undefined) cycles.push(way.slice(depth).map(({ node }) => node));
      else if (!done.has(child)) {
        depths.set(child, way.length);
        way.push({ node: child, rest: [...next(child)] });
      }
    }
  }
  return cycles.map((cycle) => {
    const names = cycle.map(nameOf);
    const first = names.reduce((least, name, index) => (name < (names[least] ?? "") ? index : least), 0);
    return cycle.slice(first).concat(cycle.slice(0, first));
  });
}

function groupBy<Item>(
  items: readonly Item[],
  keyOf: (item: Item) => string | undefined,
): ReadonlyMap<string, readonly Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    if (key === undefined) continue;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

type Defined = Pick<ScienceDraft | CompatDraft, "definitionFile"> & {
  readonly reading: { lineOf: (key: string) => number };
};

function placeOf({ definitionFile, reading }: Defined, key: string): string {
  return `${definitionFile}:${reading.lineOf(key)}`;
}

function problemAt(
  { definitionFile, reading }: Defined,
  key: string,
  message: string,
  hint: string,
): Problem {
  return problem(definitionFile, reading.lineOf(key), message, hint);
}

function problem(file: string | undefined, line: number | undefined, message: string, hint: string): Problem {
  const place = { ...(file === undefined ? {} : { file }), ...(line === undefined ? {} : { line }) };
  return { kind: "definition", ...place, message, hint };
}

function byPlace(a: Problem, b: Problem): number {
  if (a.file !== b.file) return (a.file ?? "") < (b.file ?? "") ? -1 : 1;
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}
