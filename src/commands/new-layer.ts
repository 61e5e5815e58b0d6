import fs from "node:fs";
import path from "node:path";
import Handlebars from "handlebars";
import { readCatalog } from "../definitions/catalog.ts";
import { escapeCharacter, instructions } from "../instructions.ts";
import { defaultConventions, definitionFile, definitionName } from "../conventions.ts";
import type { Catalog, ScienceLayer } from "../model.ts";
import { nearest } from "../nearest.ts";
import { Refusal } from "../problem.ts";
import { isPathComponent, parseReference } from "../reference.ts";
import { readTemplate } from "../templates.ts";
import { compareVersions, isVersion } from "../version.ts";
import type { Ask } from "./ask.ts";
import { orRefuse } from "./output.ts";
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

/** The text of the files of a layer that is to be. */
interface Draft {
  readonly directory: string;
  readonly dockerfile: string;
  readonly definition: string;
}

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
  const { directory, dockerfile, definition } = draft;
  const absolute = path.join(root, directory);
  if (fs.existsSync(absolute)) throw usage(`${directory} is there already`, "choose another name");
  const made = orRefuse(directory, "written", () => {
    const first = fs.mkdirSync(absolute, { recursive: true });
    fs.writeFileSync(path.join(absolute, "Dockerfile"), dockerfile);
    fs.writeFileSync(path.join(absolute, definitionName), definition);
    return first;
  });
  const { problems } = readCatalog(root);
  if (problems.length > 0) {
    if (made !== undefined) fs.rmSync(made, { recursive: true });
    throw new Refusal(...problems);
  }
  out(`wrote ${directory}/Dockerfile\nwrote ${definitionFile(directory)}\n`);
  // Without --include it would build what the last commit changed as well.
  out(`\nNow say in the Dockerfile what it adds. This builds it whenever you save:\n`);
  out(`  image-builder --watch --include ${directory}\n`);
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
  const [first] = catalog.compat.keys();
  if (first === undefined)
    throw usage(
      "there is no compat layer that could make a release of it",
      "make one: image-builder new compat NAME",
    );
  const name = await nameOf("science", given.name, ask);
  const target = path.posix.basename(name);
  const named =
    given.image ??
    (await ask?.text("Which image, and version, is it a layer of?", `${target}:1.0`, imageProblem));
  const [image = "", version = "1.0"] = (named ?? target).split(":");
  refuse("--image", named ?? target, imageProblem);

  const from = given.from ?? (await askBase(catalog, ask)) ?? "debian:bookworm-slim";
  refuse("--from", from, baseProblem);

  const names = [...catalog.compat.keys()];
  const asked =
    names.length === 1
      ? first
      : await ask?.choice(
          "Which compat layer makes releases of it?",
          names.map((each) => [each]),
        );
  const compat = given.compat ?? asked;
  if (compat === undefined)
    throw usage("new science: which compat layer makes releases of it?", `--compat ${names.join(", or ")}`);
  checkCompat("--compat", compat, catalog);
  const about = `users see it as {repo}/rel/${image}:${version}`;
  return renderScience(name, { about, image, version, target, compat, from });
}

/** A foreign image, or the layer that is to be built on. */
async function askBase({ science }: Catalog, ask: Ask | undefined): Promise<string | undefined> {
  if (ask === undefined) return undefined;
  const foreign = "another image";
  const layers = [...science.values()].map((layer): [string, string] => [
    ownReference(layer),
    layer.directory,
  ]);
  const base =
    layers.length === 0 ? foreign : await ask.choice("What is it built on?", [[foreign], ...layers]);
  return base === foreign
    ? ask.text("Which image is it built on?", "debian:bookworm-slim", baseProblem)
    : base;
}

async function draftCompat(given: Of<"compat">, catalog: Catalog, ask: Ask | undefined): Promise<Draft> {
  const name = await nameOf("compat", given.name, ask);
  const others = [...catalog.compat.keys()];
  const asked =
    others.length === 0
      ? []
      : await ask?.choices("Which layers does it include? (none: press return)", others);
  const includes = given.includes ?? asked ?? [];
  for (const included of includes) checkCompat("--includes", included, catalog);
  const below = includes.flatMap((each) => catalog.stacks.get(each) ?? []);
  const users = below.flatMap((each) => {
    const { fragment = "" } = catalog.compat.get(each) ?? {};
    return [...instructions(fragment, escapeCharacter(fragment))].filter(({ keyword }) => keyword === "USER");
  });
  return {
    directory: `compat/${name}`,
    dockerfile: render("compat.Dockerfile", { user: users.at(-1)?.text ?? "" }),
    definition: render("compat.json", { includes }),
  };
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
    throw usage("there is no science layer yet to follow", "make one: image-builder new science NAME");
  const wanted =
    name ??
    (await ask?.choice(
      "Which image is added to?",
      images.map((image) => [image]),
    ));
  if (wanted === undefined) throw usage("new version: of which image?", images.join(", "));
  const last = lastLayer(catalog, finals, wanted);

  const { image, compat } = last;
  const version = to ?? (await askVersion(last, ask)) ?? last.version;
  refuse("--to", version, versionProblem(last));
  const changed = version !== last.version;
  const beside = path.posix.dirname(last.directory);
  const targets = new Set([...catalog.science.values()].map(({ target }) => target));
  const isTaken = (each: string) => targets.has(each) || fs.existsSync(path.join(root, beside, each));
  // Each of them is one more of the same image: the day tells them apart, and on one day a number.
  const first = `${image}-${changed ? version : new Date().toISOString().slice(0, 10)}`;
  let usual = first;
  for (let number = 2; isTaken(usual); number += 1) usual = `${first}-${number}`;
  const target = given ?? (await ask?.text("What is the new layer called?", usual, nameProblem)) ?? usual;
  refuse("--target", target, nameProblem);
  const about = changed
    ? `Added and the version changed: ${version} has what ${last.version} has, and more. Both go on getting compat updates.`
    : `Added without changing the version: what was in ${version} stays as it was built, and ${version} is now made from this layer.`;
  const directory = path.posix.join(beside, target).slice("science/".length);
  return renderScience(directory, {
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
  const keep = `keep ${version}`;
  const answer = await ask?.choice(`What becomes of the version of ${last.image}?`, [
    [keep, `${version} has it from its next build on`],
    ["raise it", `${version} stays as it is, and goes on getting compat updates`],
  ]);
  if (answer === undefined || answer === keep) return undefined;
  const next = version.replace(/\d+$/, (number) => String(BigInt(number) + 1n));
  return ask?.text("Which version is it?", next, versionProblem(last));
}

// ---- What is made, and what cannot be

function renderScience(
  name: string,
  values: Readonly<Record<"about" | "image" | "version" | "target" | "compat" | "from", string>>,
): Draft {
  return {
    directory: `science/${name}`,
    dockerfile: render("science.Dockerfile", values),
    definition: render("science.json", values),
  };
}

function render(name: string, values: object): string {
  return Handlebars.compile(readTemplate(`layer/${name}.hbs`), { noEscape: true, strict: true })(values);
}

function ownReference({ target, version }: ScienceLayer): string {
  return `sci/${target}:${version}`;
}

async function nameOf(
  top: "science" | "compat",
  given: string | undefined,
  ask: Ask | undefined,
): Promise<string> {
  const name = given ?? (await ask?.text(`What is the ${top} layer called?`, undefined, nameProblem));
  if (name === undefined)
    throw usage(`new ${top}: what is the layer called?`, `image-builder new ${top} NAME`);
  // A shell completes it so.
  const bare = name.replace(new RegExp(`^${top}/`), "");
  refuse(`new ${top}`, bare, nameProblem);
  return bare;
}

function nameProblem(name: string): string | undefined {
  if (name.split("/").every(isPathComponent)) return undefined;
  return "lowercase letters and digits, with single . or _ or with - between them";
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

function versionProblem(last: ScienceLayer): (version: string) => string | undefined {
  return (version) => {
    if (!isVersion(version)) return "write numbers with dots between them, e.g. 2.4";
    return compareVersions(version, last.version) < 0
      ? `the last version of ${last.image} is ${last.version}`
      : undefined;
  };
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
  if (wrong !== undefined) throw usage(`${what} ${JSON.stringify(value)} cannot be`, wrong);
}

function usage(message: string, hint: string): Refusal {
  return new Refusal({ kind: "usage", message, hint });
}
