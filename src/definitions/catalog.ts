import path from "node:path";
import { definitionName, defaultRepo } from "../conventions.ts";
import type { Base, Catalog, CompatLayer, Conventions, ScienceLayer, Warning } from "../model.ts";
import { nearest } from "../nearest.ts";
import type { Problem } from "../problem.ts";
import type { Rule } from "../rules.ts";
import { compareVersions } from "../version.ts";
import { conventionsOf, readConfigurationAt } from "./configuration.ts";
import { readCompatDefinition, readScienceDefinition } from "./definition.ts";
import type { CompatDefinition, DefinitionReading, ScienceDefinition } from "./definition.ts";
import { readDockerfile, readFragment } from "./dockerfile.ts";
import type { DockerfileReading, NamedImage } from "./dockerfile.ts";
import { findLayers } from "./layer-files.ts";
import type { FoundLayers, LayerFiles } from "./layer-files.ts";
import { looseName, ownName, versionInStamp } from "./own-name.ts";
import type { OwnName } from "./own-name.ts";

/** What was read of a root. */
export interface CatalogReading {
  /** Undefined where there is any problem. */
  readonly catalog: Catalog | undefined;
  /** Sorted by file and line. */
  readonly problems: readonly Problem[];
  /** What there is to look at further, whatever is wrong with it; undefined where the root holds no layers at all. */
  readonly found: FoundTexts | undefined;
}

/** The layers of a root as far as they could be read. */
export interface FoundTexts extends Pick<Catalog, "compat" | "stacks" | "conventions" | "warnings"> {
  /** The Dockerfiles of science layers, by directory. */
  readonly dockerfiles: ReadonlyMap<string, string>;
}

/**
 * Reads `image-builder.json5` and every definition and Dockerfile below `science/` and `compat/` of a root. `repo` is the repository that images
 * are to be named in, where that is not the one that the file says.
 */
export function readCatalog(root: string, repo?: string): CatalogReading {
  const foundScience = findLayers(root, "science");
  const foundCompat = findLayers(root, "compat");
  if (!foundScience.exists && !foundCompat.exists) {
    const hint = "say with --root which directory holds them";
    return {
      catalog: undefined,
      found: undefined,
      problems: [{ kind: "usage", message: `neither science/ nor compat/ in ${root}`, hint }],
    };
  }
  const configuration = readConfigurationAt(root);
  const science = foundScience.layers.map(draftScience);
  const compat = foundCompat.layers.map(draftCompat);
  const names: Names = {
    byTarget: groupBy(science, ({ identity }) => identity?.target),
    byImage: groupBy(science, ({ identity }) => identity?.image),
    repos: [configuration.values.repo ?? defaultRepo, ...(repo === undefined ? [] : [repo])],
  };
  const links = new ScienceLinks(science, foundScience, names);
  const fragments = checkFragments(compat, names);
  const problems = boundedByFile(
    [
      configuration.problems,
      foundScience.problems,
      foundCompat.problems,
      ...[...science, ...compat].flatMap(({ reading, dockerfile }) => [
        reading.problems,
        dockerfile.problems,
      ]),
      links.problems,
      checkTargets(science),
      checkFinals(science),
      checkRetired(science),
      checkScienceCycles(science),
      checkVersions(science),
      checkCompatNames(science, compat, foundCompat),
      checkIncludeCycles(compat),
      fragments.problems,
      checkLengths(science, names.repos),
    ].flat(),
  );
  const conventions = conventionsOf(configuration.values);
  const warnings = [
    ...links.warnings,
    ...fragments.warnings,
    ...[...foundScience.undefinedLayers, ...foundCompat.undefinedLayers].map(undefinedLayer),
  ].sort(byPlace);
  const catalog = { ...makeCatalog(science, compat, conventions), warnings };
  const dockerfiles = new Map(
    science.flatMap(({ directory, files }) =>
      files.dockerfile === undefined ? [] : [[directory, files.dockerfile]],
    ),
  );
  return {
    catalog: problems.length > 0 ? undefined : catalog,
    problems,
    found: { ...catalog, dockerfiles },
  };
}

function undefinedLayer(directory: string): Warning {
  return {
    rule: "missing-definition",
    file: `${directory}/Dockerfile`,
    message: `has no ${definitionName} beside it, so it is not built`,
    hint: "add one, or move the Dockerfile away; see docs/definitions.md",
  };
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

/** The layers that a reference can mean. */
interface Names {
  readonly byTarget: ReadonlyMap<string, readonly ScienceDraft[]>;
  readonly byImage: ReadonlyMap<string, readonly ScienceDraft[]>;
  /** The repositories that our own images are named in. */
  readonly repos: readonly string[];
}

/** What may be meant by a reference that is not written as that of a layer. */
interface Unlinked {
  /** It must not stay as it is: nobody would mean another image by it. */
  readonly refused: boolean;
  readonly layers: readonly ScienceDraft[];
  /** How to write it so that it means another image for sure. */
  readonly explicit: string;
}

/**
 * Whether a reference that is not written as that of a layer may mean one, in a Dockerfile of the layer `user`. A layer that names its own target
 * or image means the image from elsewhere: it cannot stand on itself.
 */
function findUnlinked(
  reference: string,
  { byTarget, byImage, repos }: Names,
  user: ScienceDraft | undefined,
): Unlinked | undefined {
  const loose = looseName(reference, repos);
  if (loose === undefined || user?.identity?.target === loose.name) return undefined;
  const targets = byTarget.get(loose.name);
  const images = user?.identity?.image === loose.name ? undefined : byImage.get(loose.name);
  const layers = targets ?? images;
  if (layers === undefined) return undefined;
  const { version, near, explicit } = loose;
  const same =
    version === undefined ? layers : layers.filter(({ identity }) => identity?.version === version);
  return { refused: near && same.length > 0, layers: same.length > 0 ? same : layers, explicit };
}

/** What follows the reference, and what to do about it. */
function explainUnlinked(
  { layers, explicit }: Unlinked,
  toLink: (choices: string) => string,
): readonly [string, string] {
  const choices = layers.slice(0, 3).map((layer) => scienceReference("", layer));
  return [
    `is an image from elsewhere, not the layer ${layers[0]?.directory}`,
    `for the layer, ${toLink(choices.join(" or "))}; for another image, write ${explicit}`,
  ];
}

/** What is wrong with a reference: the rule, what follows the reference, and a hint. */
type Wrong = readonly [rule: Rule, what: string, hint: string];

/** Finds the layers that Dockerfiles name, and notes them in the drafts. */
class ScienceLinks {
  readonly problems: Problem[] = [];
  readonly warnings: Warning[] = [];
  readonly #names: Names;
  readonly #vague: readonly ScienceDraft[];
  readonly #refused: ReadonlySet<string>;
  readonly #undefined: ReadonlyMap<string, string>;
  readonly #partial: boolean;

  constructor(science: readonly ScienceDraft[], found: FoundLayers, names: Names) {
    this.#names = names;
    this.#vague = science.filter(({ identity }) => identity === undefined);
    this.#refused = new Set(found.refused.map((directory) => path.posix.basename(directory)));
    this.#undefined = new Map(
      found.undefinedLayers.map((directory) => [path.posix.basename(directory), directory]),
    );
    this.#partial = found.partial;
    for (const draft of science) for (const image of draft.dockerfile.images) this.#link(draft, image);
  }

  #link(draft: ScienceDraft, image: NamedImage): void {
    const { reference, line } = image;
    const own = ownName(reference);
    const wrong =
      own?.room === "sci"
        ? this.#findLayer(draft, image, own)
        : own !== undefined && this.#names.byImage.has(own.name)
          ? this.#checkRelease(own)
          : this.#checkUnlinked(draft, image);
    if (wrong === undefined) return;
    draft.unsure = true;
    const [rule, message, hint] = wrong;
    this.problems.push(problem(rule, draft.dockerfileFile, line, `${reference} ${message}`, hint));
  }

  #checkUnlinked(draft: ScienceDraft, { reference, line }: NamedImage): Wrong | undefined {
    const unlinked = findUnlinked(reference, this.#names, draft);
    if (unlinked === undefined) return undefined;
    const [what, hint] = explainUnlinked(unlinked, (choices) => `write ${choices}`);
    const rule = "unlinked-base";
    if (unlinked.refused) return [rule, what, hint];
    this.warnings.push({ rule, file: draft.dockerfileFile, line, message: `${reference} ${what}`, hint });
    return undefined;
  }

  #checkRelease({ before, name, tag }: OwnName): Wrong {
    const layers = this.#names.byImage.get(name) ?? [];
    const version = tag === undefined ? undefined : (versionInStamp(tag) ?? tag);
    const same = layers.filter(({ identity }) => identity?.version === version);
    const choices = (same.length > 0 ? same : layers).map((layer) => scienceReference(before, layer));
    const hint = `build on the science layer: ${choices.join(" or ")}`;
    return ["release-as-base", "is a release, with a compat layer in it", hint];
  }

  #findLayer(draft: ScienceDraft, image: NamedImage, own: OwnName): Wrong | undefined {
    const layers = this.#names.byTarget.get(own.name) ?? [];
    const layer = layers.find(({ identity }) => identity?.version === own.tag);
    if (layer === draft)
      return ["base-cycle", "is the layer itself", "build on another one, or on a foreign image"];
    if (layer !== undefined) {
      draft.bases.add(layer);
      draft.named.set(image, layer);
      return undefined;
    }
    if (this.#mayExist(own.name)) {
      draft.unsure = true;
      return undefined;
    }
    return ["unknown-layer", ...this.#explainMiss(draft, own, layers)];
  }

  /** Whether a layer that could not be read might be the one that is meant. */
  #mayExist(name: string): boolean {
    if (this.#partial || this.#refused.has(name)) return true;
    return this.#vague.some(({ directory, files }) => {
      return path.posix.basename(directory) === name || files.definition?.includes(name) === true;
    });
  }

  #explainMiss(
    draft: ScienceDraft,
    { before, name, tag }: OwnName,
    layers: readonly ScienceDraft[],
  ): readonly [string, string] {
    const [layer] = layers;
    if (layer !== undefined) {
      const written = `write ${layers.map((each) => scienceReference(before, each)).join(" or ")}`;
      if (tag === undefined) return ["names no version", written];
      const { version } = layer.identity ?? {};
      if (versionInStamp(tag) === version)
        return [
          "names one build of the layer",
          `${written}, the plain version; to keep this build, add its digest`,
        ];
      return [`matches no layer: ${layer.directory} has version ${version}`, written];
    }
    const directory = this.#undefined.get(name);
    if (directory !== undefined)
      return ["matches no layer", `${directory} has a Dockerfile and no ${definitionName}; add one`];
    const ofImage = this.#names.byImage.get(name);
    if (ofImage !== undefined) {
      const choices = ofImage.map((each) => scienceReference(before, each)).join(" or ");
      return ["matches no layer", `${name} is an image; name the target of one of its layers: ${choices}`];
    }
    const near = this.#nearest(draft, name);
    const hint = "sci/… names a science layer of this checkout; add a digest to use an image from elsewhere";
    return [
      "matches no layer",
      near === undefined ? hint : `did you mean ${scienceReference(before, near)}?`,
    ];
  }

  /** The layer whose target is most like a name: one of the same image where any is like it. */
  #nearest(draft: ScienceDraft, name: string): ScienceDraft | undefined {
    const { byTarget, byImage } = this.#names;
    const siblings = (byImage.get(draft.identity?.image ?? "") ?? []).filter((layer) => layer !== draft);
    const targets = siblings.flatMap(({ identity }) => identity?.target ?? []);
    return byTarget.get(nearest(name, targets) ?? nearest(name, byTarget.keys()) ?? "")?.[0];
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
      problems.push(problemAt("duplicate-target", other, "target", message, hint));
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
    problems.push(problemAt("final-layers", first, "image", message, hint));
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
        problems.push(problemAt("retired-layer", draft, "retired", message, "move it there, or take it out"));
  }
  return problems;
}

/** Of what Docker's reference grammar takes, which counts the registry as well. */
const longestName = 255;

function checkLengths(science: readonly ScienceDraft[], repos: readonly string[]): readonly Problem[] {
  const repo = repos.reduce((longest, each) => (each.length > longest.length ? each : longest));
  return science.flatMap((draft) => {
    const { image, target } = draft.reading.values;
    const names = [
      ["image", `${repo}/rel/${image ?? ""}`],
      ["target", `${repo}/sci/${target ?? ""}`],
    ] as const;
    return names.flatMap(([key, name]) => {
      if (name.length <= longestName) return [];
      const message = `the name of its image has ${name.length} characters: ${name.slice(0, 60)}…`;
      const hint = `shorten "${key}": registries and engines take ${longestName}, with the repository`;
      return [problemAt("long-name", draft, key, message, hint)];
    });
  });
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
    return problem("base-cycle", first?.dockerfileFile, image?.line, message, hint);
  });
}

/** A matter of the layer that the last stage builds on: what else a Dockerfile takes from, and what lies below, can have any version. */
function checkVersions(science: readonly ScienceDraft[]): readonly Problem[] {
  const problems: Problem[] = [];
  for (const draft of science) {
    const final = draft.dockerfile.images.find((image) => image.final);
    const base = final === undefined ? undefined : draft.named.get(final);
    const [own, below] = [draft.identity, base?.identity];
    if (base === undefined || own === undefined || below === undefined || own.image !== below.image) continue;
    if (compareVersions(own.version, below.version) >= 0) continue;
    const message = `version ${own.version} of ${own.image} builds on the higher ${below.version} of ${placeOf(base, "version")}`;
    const hint = `give it version "${below.version}" or a higher one`;
    problems.push(problemAt("lower-version", draft, "version", message, hint));
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
  const withoutDefinition = new Set(found.undefinedLayers);
  // What was refused is there all the same, and so may be what lies below a directory that could not be looked into.
  const mayExist = (name: string) => {
    return (
      names.has(name) || found.refused.some((directory) => `compat/${name}/`.startsWith(`${directory}/`))
    );
  };
  const hintFor = (name: string) => {
    if (withoutDefinition.has(`compat/${name}`))
      return `compat/${name} has a Dockerfile and no ${definitionName}; add one`;
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
    const message = `there is no compat layer "${name}"`;
    problems.push(problemAt("unknown-compat", draft, "compat", message, hintFor(name)));
  }
  for (const draft of compat) {
    for (const name of draft.reading.values.includes ?? []) {
      if (mayExist(name)) continue;
      const message = `includes "${name}", which is no compat layer`;
      problems.push(problemAt("unknown-compat", draft, "includes", message, hintFor(name)));
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
    const hint = 'take one of these names out of its "includes"';
    return problem("include-cycle", first?.definitionFile, line, message, hint);
  });
}

/** A fragment stands on its science layer alone, so it takes nothing from our own products: no plan orders that. */
function checkFragments(
  compat: readonly CompatDraft[],
  names: Names,
): { readonly problems: readonly Problem[]; readonly warnings: readonly Warning[] } {
  const problems: Problem[] = [];
  const warnings: Warning[] = [];
  for (const { directory, dockerfile } of compat) {
    const file = `${directory}/Dockerfile`;
    for (const { reference, line } of dockerfile.images) {
      const own = ownName(reference);
      if (own?.room === "sci" || (own !== undefined && names.byImage.has(own.name))) {
        const message = `${reference} is taken from in a compat fragment`;
        const hint =
          "a compat layer stands on its science layer alone; let that one bring the files, or pin a digest";
        problems.push(problem("fragment-source", file, line, message, hint));
        continue;
      }
      const unlinked = findUnlinked(reference, names, undefined);
      if (unlinked === undefined) continue;
      const [what, hint] = explainUnlinked(unlinked, bringInstead);
      const message = `${reference} ${what}`;
      if (unlinked.refused) problems.push(problem("unlinked-base", file, line, message, hint));
      else warnings.push({ rule: "unlinked-base", file, line, message, hint });
    }
  }
  return { problems, warnings };
}

function bringInstead(): string {
  return "let the science layer bring the files";
}

// ---- The catalog

function makeCatalog(
  science: readonly ScienceDraft[],
  compat: readonly CompatDraft[],
  conventions: Conventions,
): Omit<Catalog, "warnings"> {
  const scienceLayers = new Map<string, ScienceLayer>();
  for (const { directory, files, reading, dockerfile, named } of science) {
    const { image, version, target, compat: compatName, retired = false } = reading.values;
    const text = files.dockerfile;
    // None of these is missing where no problem was found.
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
  const stack: string[] = [];
  const entered = new Set<string>();
  const lay = (layer: string): void => {
    if (entered.has(layer)) return;
    entered.add(layer);
    for (const included of layers.get(layer)?.includes ?? []) lay(included);
    stack.push(layer);
  };
  lay(name);
  return stack;
}

// ---- Graphs and problems

/** How many problems of one file are told; what is no Dockerfile at all can have a million. */
const mostOfFile = 50;

/** The problems by their place, of each file the first ones. */
function boundedByFile(problems: readonly Problem[]): readonly Problem[] {
  const files = groupBy([...problems].sort(byPlace), ({ file }) => file ?? "");
  return [...files.values()].flatMap((all) => {
    const told = all.slice(0, mostOfFile);
    const last = told.pop();
    if (last === undefined || all.length <= mostOfFile) return all;
    const more = all.length - mostOfFile;
    return told.concat({ ...last, message: `${last.message} (and ${more} more in this file)` });
  });
}

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
  rule: Rule,
  { definitionFile, reading }: Defined,
  key: string,
  message: string,
  hint: string,
): Problem {
  return problem(rule, definitionFile, reading.lineOf(key), message, hint);
}

function problem(
  rule: Rule,
  file: string | undefined,
  line: number | undefined,
  message: string,
  hint: string,
): Problem {
  const place = { ...(file === undefined ? {} : { file }), ...(line === undefined ? {} : { line }) };
  return { kind: "definition", rule, ...place, message, hint };
}

function byPlace(a: Placed, b: Placed): number {
  if (a.file !== b.file) return (a.file ?? "") < (b.file ?? "") ? -1 : 1;
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}

type Placed = Pick<Problem, "file" | "line" | "column">;
