import fs from "node:fs";
import path from "node:path";
import { readCatalog } from "../definitions/catalog.ts";
import { escapeCharacter, instructions } from "../instructions.ts";
import { defaultConventions } from "../conventions.ts";
import type { Catalog, ScienceLayer } from "../model.ts";
import { nearest } from "../nearest.ts";
import { Refusal } from "../problem.ts";
import { isPathComponent, parseReference } from "../reference.ts";
import { compareVersions, isVersion } from "../version.ts";
import type { Ask } from "./ask.ts";
import { draftOfCompat, draftOfScience, nameProblem, writeDraft } from "./layer-drafts.ts";
import type { Draft } from "./layer-drafts.ts";
import { loadCatalog } from "./preview.ts";
import { refuseUnknown } from "./select.ts";
import type { Surroundings } from "./surroundings.ts";

/** The layer that is made, as the command line gives it: what is undefined is asked for, or has a default. */
export type NewLayerSettings = { readonly root: string; readonly name: string | undefined } & (
  | {
      readonly kind: "science";
      /** `IMAGE` or `IMAGE:VERSION`. */
      readonly image: string | undefined;
      /** As `FROM` names it. */
      readonly from: string | undefined;
      readonly compat: string | undefined;
    }
  | { readonly kind: "compat"; readonly includes: readonly string[] | undefined }
  /** `name` is that of the image, which gets a follow-up layer. */
  | {
      readonly kind: "version";
      /** The version of the new layer; undefined for that of the layer it follows. */
      readonly to: string | undefined;
      readonly target: string | undefined;
    }
);

/**
 * `image-builder new science|compat|version`: writes a layer that `check` finds nothing wrong with, or none. What is not
 * given is asked for at a terminal. Gives the exit code.
 */
export async function newLayer(settings: NewLayerSettings, { out, signal }: Surroundings): Promise<number> {
  const { root } = settings;
  const catalog = catalogOf(root);
  const atTerminal = process.stdin.isTTY && process.stderr.isTTY;
  const ask = atTerminal ? (await import("./ask.ts")).openAsk(signal) : undefined;
  let draft: Draft;
  try {
    draft = await draftLayer(settings, catalog, ask);
  } catch (error) {
    if (error instanceof DOMException) return 130;
    throw error;
  }
  const { made, files } = writeDraft(root, draft);
  const { problems } = readCatalog(root);
  if (problems.length > 0) {
    if (made !== undefined) fs.rmSync(made, { recursive: true });
    throw new Refusal(...problems);
  }
  for (const file of files) out(`wrote ${file}\n`);
  // Without --include it would build what the last commit changed as well.
  out(`\nNext: edit the Dockerfile. To rebuild on every save:\n`);
  out(`  image-builder --watch --include ${draft.directory}\n`);
  return 0;
}

/** The catalog that the layer joins; an empty one where there are no layers yet. */
function catalogOf(root: string): Catalog {
  const exists = ["science", "compat"].some((top) => fs.existsSync(path.join(root, top)));
  if (exists) return loadCatalog(root);
  return {
    science: new Map(),
    compat: new Map(),
    stacks: new Map(),
    finals: new Set(),
    conventions: defaultConventions,
    warnings: [],
  };
}

function draftLayer(settings: NewLayerSettings, catalog: Catalog, ask: Ask | undefined): Promise<Draft> {
  switch (settings.kind) {
    case "science":
      return draftScience(settings, catalog, ask);
    case "compat":
      return draftCompat(settings, catalog, ask);
    case "version":
      return draftVersion(settings, catalog, ask);
  }
}

type Of<Kind> = Extract<NewLayerSettings, { readonly kind: Kind }>;

async function draftScience(given: Of<"science">, catalog: Catalog, ask: Ask | undefined): Promise<Draft> {
  const names = [...catalog.compat.keys()];
  const [first] = names;
  if (first === undefined)
    throw usage("there is no compat layer to make releases with", "run image-builder new compat NAME first");
  // What is given is looked at before anything is asked.
  if (given.image !== undefined) refuse("--image", given.image, imageProblem);
  if (given.from !== undefined) refuse("--from", given.from, baseProblem);
  if (given.compat !== undefined) checkCompat("--compat", given.compat, catalog);
  const name = await nameOf(given, ask);
  const target = path.posix.basename(name);
  const named =
    given.image ??
    (await ask?.text("Image and version that it is a layer of", { usual: `${target}:1.0` }, imageProblem)) ??
    target;
  const [image = "", version = "1.0"] = named.split(":");
  const from = given.from ?? (await askBase(catalog, ask)) ?? usualBase;
  const compat =
    given.compat ??
    (names.length === 1
      ? first
      : await ask?.choice(
          "Compat layer that makes releases of it",
          names.map((each) => [each]),
        ));
  if (compat === undefined)
    throw usage("new science: which compat layer makes releases of it?", `--compat ${names.join(", or ")}`);
  const about = `users see it as {repo}/rel/${image}:${version}`;
  return draftOfScience(name, { about, image, version, target, compat, from });
}

const usualBase = "debian:bookworm-slim";

/** A foreign image, or the layer that is to be built on. */
async function askBase({ science }: Catalog, ask: Ask | undefined): Promise<string | undefined> {
  if (ask === undefined) return undefined;
  const foreign = "another image";
  const layers = [...science.values()].map((layer): [string, string] => [
    ownReference(layer),
    layer.directory,
  ]);
  const base =
    layers.length === 0
      ? foreign
      : await ask.choice("Layer or image that it is built on", [[foreign], ...layers]);
  return base === foreign ? ask.text("Image that it is built on", { usual: usualBase }, baseProblem) : base;
}

async function draftCompat(given: Of<"compat">, catalog: Catalog, ask: Ask | undefined): Promise<Draft> {
  for (const included of given.includes ?? []) checkCompat("--includes", included, catalog);
  const name = await nameOf(given, ask);
  const others = [...catalog.compat.keys()];
  const includes =
    given.includes ??
    (others.length === 0
      ? []
      : await ask?.choices("Compat layers that it includes: space selects, return goes on", others)) ??
    [];
  const below = includes.flatMap((each) => catalog.stacks.get(each) ?? []);
  const users = below.flatMap((each) => {
    const { fragment = "" } = catalog.compat.get(each) ?? {};
    return [...instructions(fragment, escapeCharacter(fragment))].filter(({ keyword }) => keyword === "USER");
  });
  return draftOfCompat(name, includes, users.at(-1)?.text);
}

/** "Add without changing version" and "add and change version": the layer that follows the final one of an image. */
async function draftVersion(
  { root, name, to, target: given }: Of<"version">,
  catalog: Catalog,
  ask: Ask | undefined,
): Promise<Draft> {
  const finals = [...catalog.science.values()].filter(({ directory }) => catalog.finals.has(directory));
  const images = [...new Set(finals.map(({ image }) => image))];
  const [onlyImage] = images;
  if (onlyImage === undefined)
    throw usage("there is no science layer to add to", "run image-builder new science NAME first");
  const wanted =
    name ??
    (await ask?.choice(
      "Image to add to",
      images.map((image) => [image]),
    ));
  if (wanted === undefined) throw usage("new version: of which image?", images.join(", "));
  const last = lastLayer(catalog, finals, wanted);

  const { image, compat } = last;
  const beside = path.posix.dirname(last.directory);
  const targets = new Set([...catalog.science.values()].map(({ target }) => target));
  const isTaken = (each: string) => targets.has(each) || fs.existsSync(path.join(root, beside, each));
  if (to !== undefined) refuseVersion(to, last);
  if (given !== undefined) refuseName("--target", given, root, beside);
  const version = to ?? (await askVersion(last, ask)) ?? last.version;
  const changed = version !== last.version;
  // Each of them is one more of the same image: the day tells them apart, and on one day a number.
  const first = `${image}-${changed ? version : new Date().toISOString().slice(0, 10)}`;
  let usual = first;
  for (let number = 2; isTaken(usual); number += 1) usual = `${first}-${number}`;
  const target =
    given ?? (await ask?.text("Name of the new layer", { usual }, newNameProblem(root, beside))) ?? usual;
  const about = changed
    ? `Added and the version changed: ${version} has what ${last.version} has, and more. Both go on getting compat updates.`
    : `Added without changing the version: what was in ${version} stays as it was built, and ${version} is now made from this layer.`;
  const directory = path.posix.join(beside, target).slice("science/".length);
  return draftOfScience(directory, {
    about,
    image,
    version,
    target: path.posix.basename(target),
    compat,
    from: ownReference(last),
  });
}

/** The final layer of `IMAGE:VERSION`, or of the highest version of `IMAGE`. */
function lastLayer(catalog: Catalog, finals: readonly ScienceLayer[], wanted: string): ScienceLayer {
  const found = finals.filter(({ image, version }) => image === wanted || `${image}:${version}` === wanted);
  const [last] = found.toSorted((a, b) => compareVersions(b.version, a.version));
  return last ?? refuseUnknown(catalog, wanted, "release");
}

async function askVersion(last: ScienceLayer, ask: Ask | undefined): Promise<string | undefined> {
  const { version } = last;
  const same = `${version} again`;
  const answer = await ask?.choice("Which version does it make?", [
    [same, `users of ${version} get the addition`],
    ["a new one", `${version} stays as it is, and goes on getting compat updates`],
  ]);
  if (answer === undefined || answer === same) return undefined;
  const next = version.replace(/\d+$/, (number) => String(BigInt(number) + 1n));
  return ask?.text("Version", { usual: next }, (typed) => versionProblem(typed, last));
}

// ---- What cannot be

function ownReference({ target, version }: ScienceLayer): string {
  return `sci/${target}:${version}`;
}

/** The name of a layer that is not there yet. */
async function nameOf({ root, kind, name }: NewLayerSettings, ask: Ask | undefined): Promise<string> {
  // A shell completes it so.
  const given = name?.replace(new RegExp(`^${kind}/`), "");
  if (given !== undefined) refuseName("name", given, root, kind);
  const chosen = given ?? (await ask?.text(`Name of the ${kind} layer`, {}, newNameProblem(root, kind)));
  if (chosen === undefined) throw usage(`new ${kind}: the name is missing`, `image-builder new ${kind} NAME`);
  return chosen;
}

/** What is wrong with a name that a new layer is to have below a directory. */
function newNameProblem(root: string, below: string): (name: string) => string | undefined {
  return (name) => nameProblem(name) ?? existing(root, below, name);
}

function refuseName(what: string, name: string, root: string, below: string): void {
  refuse(what, name, nameProblem);
  const there = existing(root, below, name);
  if (there !== undefined) throw usage(there, "choose another name");
}

function existing(root: string, below: string, name: string): string | undefined {
  return fs.existsSync(path.join(root, below, name)) ? `${below}/${name} exists` : undefined;
}

function imageProblem(named: string): string | undefined {
  const [image = "", version = "1.0", ...more] = named.split(":");
  const valid = isPathComponent(image) && isVersion(version) && more.length === 0;
  return valid
    ? undefined
    : "write IMAGE or IMAGE:VERSION, the version as dotted numbers, e.g. sciserver-essentials:2.4";
}

function baseProblem(reference: string): string | undefined {
  return parseReference(reference) === undefined && reference !== "scratch"
    ? "write [registry/]name[:tag][@digest], the name in lower case"
    : undefined;
}

function versionProblem(version: string, last: ScienceLayer): string | undefined {
  if (!isVersion(version)) return "write numbers with dots between them, e.g. 2.4";
  return isTooLow(version, last) ? `${last.image} has ${last.version} already` : undefined;
}

function isTooLow(version: string, last: ScienceLayer): boolean {
  return compareVersions(version, last.version) < 0;
}

function refuseVersion(to: string, last: ScienceLayer): void {
  if (isVersion(to) && isTooLow(to, last))
    throw usage(`--to ${to} is too low`, `${last.image} has ${last.version} already`);
  refuse("--to", to, (version) => versionProblem(version, last));
}

function checkCompat(option: string, name: string, { compat }: Catalog): void {
  if (compat.has(name)) return;
  const meant = nearest(name, compat.keys());
  const names = [...compat.keys()].join(", ");
  throw usage(
    `${option}: there is no compat layer ${name}`,
    meant === undefined ? `there are: ${names}` : `did you mean ${meant}?`,
  );
}

function refuse(what: string, value: string, problem: (value: string) => string | undefined): void {
  const wrong = problem(value);
  if (wrong !== undefined) throw usage(`invalid ${what} ${JSON.stringify(value)}`, wrong);
}

function usage(message: string, hint: string): Refusal {
  return new Refusal({ kind: "usage", message, hint });
}
