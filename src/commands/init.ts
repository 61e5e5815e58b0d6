import fs from "node:fs";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import Handlebars from "handlebars";
import { configurationName, defaultConventions, defaultRepo } from "../conventions.ts";
import { readConfiguration, readConfigurationAt } from "../definitions/configuration.ts";
import type { Configuration } from "../definitions/configuration.ts";
import { findLayers } from "../definitions/layer-files.ts";
import { readBranch } from "../git/checkout.ts";
import { findRepository, initRepository } from "../git/init.ts";
import { Refusal } from "../problem.ts";
import type { Problem } from "../problem.ts";
import { readTemplate } from "../templates.ts";
import type { Ask } from "./ask.ts";
import { ignoreOwnFiles } from "./git-ignore.ts";
import { draftOfCompat, draftOfScience, nameProblem, writeDraft } from "./layer-drafts.ts";
import type { Draft } from "./layer-drafts.ts";
import { ciFiles, ciText, readCi, writeCiFile } from "./new-ci.ts";
import type { Ci } from "./new-ci.ts";
import { orRefuse } from "./output.ts";
import { loadCatalog } from "./preview.ts";
import type { Surroundings } from "./surroundings.ts";

/** The checkout that begins, as the command line gives it: what is undefined is asked for, or has a default. */
export interface InitSettings {
  /** In full; it need not exist yet. */
  readonly root: string;
  readonly repo: string | undefined;
  readonly publishFrom: readonly string[] | undefined;
  readonly labelNamespace: string | undefined;
  /** The names of the first two layers. */
  readonly compat: string | undefined;
  readonly science: string | undefined;
  /** The CI system whose files are written; undefined for none. */
  readonly ci: string | undefined;
  /** As `new ci` takes it. */
  readonly tool: string | undefined;
}

/** What `image-builder.json5` is to say. */
type Said = Pick<Configuration, "repo" | "publishFrom" | "labelNamespace">;

/** What a directory has of a checkout. */
interface Found {
  /** What `image-builder.json5` says; undefined where there is none. */
  readonly configuration: Partial<Configuration> | undefined;
  readonly hasLayers: boolean;
  /** The top of the git repository around; undefined where there is none. */
  readonly repository: string | undefined;
}

/** The names of the first two layers. */
interface Names {
  readonly compat: string;
  readonly science: string;
}

/** The branch that a repository begins with, and that publishes, where nothing else is said. */
const usualBranch = "main";

/**
 * `image-builder init`: makes a directory a checkout of definitions that builds as it is, or adds what one lacks. It overwrites
 * nothing, and refuses before it asks or writes. Gives the exit code.
 */
export async function init(settings: InitSettings, surroundings: Surroundings): Promise<number> {
  const { root } = settings;
  const { out, signal } = surroundings;
  const found = await lookAround(root);
  const { configuration, repository } = found;
  const ci = settings.ci === undefined ? undefined : await readCi({ ...settings, system: settings.ci });
  const atTerminal = process.stdin.isTTY && process.stderr.isTTY;
  refuseGiven(settings, found, { ci, atTerminal });
  const ask = atTerminal ? (await import("./ask.ts")).openAsk(signal) : undefined;
  let said: Said | undefined;
  let names: Names | undefined;
  try {
    if (configuration === undefined) said = await settleConfiguration(settings, repository, ask);
    if (!found.hasLayers) names = await settleNames(settings, ask);
  } catch (error) {
    if (error instanceof DOMException) return 130;
    throw error;
  }

  orRefuse(root, "made", () => fs.mkdirSync(root, { recursive: true }));
  if (repository === undefined) {
    const branch = said?.publishFrom.find((pattern) => !pattern.includes("*")) ?? usualBranch;
    await initRepository(root, branch);
    out(`git init: made ${root} a git repository, on branch ${branch}\n`);
  }
  const written: string[] = [];
  const tell = (name: string, isNew: boolean) => {
    if (isNew) written.push(name);
    out(`${isNew ? "wrote" : "unchanged"} ${name}\n`);
  };
  if (said !== undefined) writeConfiguration(root, said);
  tell(configurationName, said !== undefined);
  for (const draft of names === undefined ? [] : draftLayers(names))
    for (const name of writeDraft(root, draft).files) tell(name, true);
  tell(".gitignore", ignoreOwnFiles(root));
  const repo = said?.repo ?? configuration?.repo ?? defaultRepo;
  if (ci !== undefined)
    for (const file of ciFiles(ci, root, repo)) {
      if (file.state === "missing") writeCiFile(root, file);
      tell(file.name, file.state === "missing");
    }
  if (ci !== undefined) out(`\n${ciText(ci, repo)}`);
  out(nextSteps(root, written, names));
  return 0;
}

/** Looks at what is there. Refuses where that is no directory, or has mistakes in its definitions. */
async function lookAround(root: string): Promise<Found> {
  const there = fs.statSync(root, { throwIfNoEntry: false });
  if (there !== undefined && !there.isDirectory()) throw usage(`${root} is not a directory`, "name another");
  const hasLayers = (["science", "compat"] as const).some((top) => findLayers(root, top).layers.length > 0);
  if (hasLayers) loadCatalog(root);
  const { values, problems } = readConfigurationAt(root);
  if (problems.length > 0) throw new Refusal(...problems);
  const configured = fs.existsSync(path.join(root, configurationName));
  return {
    configuration: configured ? values : undefined,
    hasLayers,
    repository: await findRepository(root),
  };
}

/** Refuses what is given and cannot be, or contradicts what is there; and what is not given where nobody can be asked. */
function refuseGiven(
  settings: InitSettings,
  { configuration, hasLayers }: Found,
  { ci, atTerminal }: { readonly ci: Ci | undefined; readonly atTerminal: boolean },
): void {
  const { root, repo, publishFrom, labelNamespace } = settings;
  const problems: Problem[] = [];
  const refuse = (message: string, hint: string) => problems.push({ kind: "usage", message, hint });
  for (const [key, value] of Object.entries({ repo, publishFrom, labelNamespace })) {
    if (value === undefined) continue;
    const wrong = problemOf(key, value);
    const present = Object.entries(configuration ?? {}).find(([name]) => name === key)?.[1];
    if (wrong !== undefined) refuse(`invalid ${optionOf(key)} ${[value].flat().join(" ")}`, wrong);
    else if (configuration !== undefined && !isDeepStrictEqual(present, value))
      refuse(`${configurationName} exists and says otherwise than ${optionOf(key)}`, `change "${key}" in it`);
  }
  if (configuration === undefined && repo === undefined && !atTerminal)
    refuse("init: the repository is missing", `--repo REGISTRY/PATH, e.g. --repo ${exampleRepo}`);
  for (const kind of ["compat", "science"] as const) {
    const given = settings[kind];
    const name = given ?? usualNames[kind];
    const exists = fs.existsSync(path.join(root, kind, name));
    if (given !== undefined && nameProblem(given) !== undefined)
      refuse(`invalid --${kind} ${JSON.stringify(given)}`, String(nameProblem(given)));
    else if (hasLayers && given !== undefined && !exists)
      refuse(`--${kind} ${given}: there are layers already`, `image-builder new ${kind} ${given}`);
    else if (!hasLayers && exists) refuse(`${kind}/${name} exists`, `choose another name: --${kind} NAME`);
  }
  // As long as the repository is not known, whatever is there differs.
  for (const file of ci === undefined ? [] : ciFiles(ci, root, configuration?.repo ?? repo ?? ""))
    if (file.state === "differs")
      refuse(`${file.name} exists and differs`, `image-builder new ci ${settings.ci} --force overwrites it`);
  if (problems.length > 0) throw new Refusal(...problems);
}

const exampleRepo = "registry.example.org/images";
const usualNames: Names = { compat: "common", science: "tools" };

async function settleConfiguration(
  { repo, publishFrom, labelNamespace }: InitSettings,
  repository: string | undefined,
  ask: Ask | undefined,
): Promise<Said> {
  // Many older repositories have it; the name of any other branch tells nothing of where publishing begins.
  const branch = repository === undefined ? undefined : await readBranch(repository);
  const usual = { usual: branch === "master" ? branch : usualBranch };
  const namespace = { usual: defaultConventions.labelNamespace };
  return {
    repo:
      repo ??
      (await ask?.text("Repository: registry and path that images get", { example: exampleRepo }, (typed) =>
        problemOf("repo", typed),
      )) ??
      "",
    publishFrom:
      publishFrom ??
      splitNames(
        (await ask?.text("Branches that publish there", usual, (typed) =>
          problemOf("publishFrom", splitNames(typed)),
        )) ?? usual.usual,
      ),
    labelNamespace:
      labelNamespace ??
      (await ask?.text("Label namespace: a domain of yours, reversed", namespace, (typed) =>
        problemOf("labelNamespace", typed),
      )) ??
      namespace.usual,
  };
}

async function settleNames({ root, compat, science }: InitSettings, ask: Ask | undefined): Promise<Names> {
  const name = (kind: keyof Names) =>
    ask?.text(
      `Name of the first ${kind} layer`,
      { usual: usualNames[kind] },
      (typed) =>
        nameProblem(typed) ??
        (fs.existsSync(path.join(root, kind, typed)) ? `${kind}/${typed} exists` : undefined),
    );
  return {
    compat: compat ?? (await name("compat")) ?? usualNames.compat,
    science: science ?? (await name("science")) ?? usualNames.science,
  };
}

function splitNames(text: string): readonly string[] {
  return text.split(/[\s,]+/).filter((name) => name !== "");
}

/** What is wrong with a value of `image-builder.json5`, if anything. */
function problemOf(key: string, value: unknown): string | undefined {
  const [problem] = readConfiguration(JSON.stringify({ [key]: value })).problems;
  return problem === undefined ? undefined : (problem.hint ?? problem.message);
}

function optionOf(key: string): string {
  return `--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function writeConfiguration(root: string, { repo, publishFrom, labelNamespace }: Said): void {
  const listed = publishFrom.map((name) => JSON.stringify(name)).join(", ");
  const values = {
    repo: JSON.stringify(repo),
    publishFrom: `[${listed}]`,
    labelNamespace: JSON.stringify(labelNamespace),
  };
  const template = readTemplate(`init/${configurationName}.hbs`);
  const text = Handlebars.compile(template, { noEscape: true, strict: true })(values);
  orRefuse(configurationName, "written", () =>
    fs.writeFileSync(path.join(root, configurationName), text, { flag: "wx" }),
  );
}

function draftLayers({ compat, science }: Names): readonly Draft[] {
  const target = path.posix.basename(science);
  const about = `users see it as {repo}/rel/${target}:1.0`;
  const values = { about, image: target, version: "1.0", target, compat, from: "debian:bookworm-slim" };
  return [draftOfCompat(compat, []), draftOfScience(science, values)];
}

/** What to run next; `written` are the files that were not there. */
function nextSteps(root: string, written: readonly string[], names: Names | undefined): string {
  if (written.length === 0) return "\nNothing to do.\n";
  const places = [...new Set(written.map((name) => name.split("/")[0] ?? name))].sort();
  const there = path.relative(process.cwd(), root);
  const lines = [
    ...(there === "" ? [] : [`cd ${quoted(there)}`]),
    `git add ${places.join(" ")} && git commit -m "Set up image-builder"`,
    names === undefined ? "image-builder status" : "image-builder",
  ];
  const what =
    names === undefined
      ? "Next: commit, and compare with what is published"
      : "Next: commit, and build both images here; nothing is pushed";
  return `\n${what}:\n${lines.map((line) => `  ${line}\n`).join("")}`;
}

function quoted(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function usage(message: string, hint: string): Refusal {
  return new Refusal({ kind: "usage", message, hint });
}
