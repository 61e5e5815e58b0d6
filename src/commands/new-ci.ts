import fs from "node:fs";
import path from "node:path";
import Handlebars from "handlebars";
import { readCheckout, readSource } from "../git/checkout.ts";
import { nearest } from "../nearest.ts";
import { Refusal } from "../problem.ts";
import { parseReference } from "../reference.ts";
import { isLoopback } from "../registry/place.ts";
import { readTemplate, toolDirectory } from "../templates.ts";
import { ignoreOwnFiles } from "./git-ignore.ts";
import { orRefuse } from "./output.ts";
import type { Surroundings } from "./surroundings.ts";

/** Which CI files are written, as the command line gives it. */
export interface NewCiSettings {
  readonly root: string;
  readonly repo: string;
  readonly system: string | undefined;
  /** `URL#VERSION` that jobs install the tool from; undefined for the checkout itself or the clone that runs. */
  readonly tool: string | undefined;
  /** Overwrite files that are there. */
  readonly force: boolean;
}

/** The files of each CI system, from the templates of the same names below `templates/ci/SYSTEM/`. */
const systems = {
  github: [".github/workflows/images.yml", ".github/workflows/machinery.yml"],
  jenkins: ["Jenkinsfile"],
  gitlab: [".gitlab-ci.yml"],
} as const;

/** Only for a checkout that holds the tool as well. */
const testsOfTheTool: ReadonlySet<string> = new Set([".github/workflows/machinery.yml"]);

/** `image-builder new ci`: writes the files of a CI system into the checkout. Gives the exit code. */
export async function newCi(settings: NewCiSettings, { out }: Surroundings): Promise<number> {
  const { root, repo, force } = settings;
  const ci = await readCi(settings);
  if (!fs.existsSync(path.join(root, ".git"))) {
    throw new Refusal({
      kind: "surroundings",
      message: `${root} is not the top of a git repository, where CI systems read their files`,
      hint: "git init there, or name the top with --root",
    });
  }
  const files = ciFiles(ci, root, repo);
  const others = files.filter(({ state }) => state === "differs");
  if (others.length > 0 && !force) {
    throw new Refusal(
      ...others.map(({ name }) => ({
        kind: "usage" as const,
        message: `${name} exists and differs`,
        hint: "--force overwrites it",
      })),
    );
  }
  for (const file of files) {
    writeCiFile(root, file);
    out(`${file.state === "same" ? "unchanged" : "wrote"} ${file.name}\n`);
  }
  if (ci.tool !== undefined && ignoreOwnFiles(root)) out("wrote .gitignore\n");
  out(`\n${ciText(ci, repo)}`);
  return 0;
}

/** A CI system, and how its jobs get the tool. */
export interface Ci {
  readonly system: System;
  /** Undefined where the checkout holds it. */
  readonly tool: { readonly source: string; readonly version: string } | undefined;
  /** The checkout has files in Git LFS. */
  readonly lfs: boolean;
  readonly submodules: boolean;
}

/** Reads which CI system is meant, where its jobs get the tool, and what else they fetch. Refuses what is none, or not to be found. */
export async function readCi(settings: Pick<NewCiSettings, "root" | "system" | "tool">): Promise<Ci> {
  const { root } = settings;
  return {
    system: readSystem(settings.system),
    tool: await findTool(settings),
    lfs: usesLfs(root),
    submodules: fs.existsSync(path.join(root, ".gitmodules")),
  };
}

/** A file of a CI system, and how it compares with what the checkout has by its name. */
export interface CiFile {
  readonly name: string;
  readonly text: string;
  readonly state: "missing" | "same" | "differs";
}

/** The files of a CI system for a checkout. */
export function ciFiles(ci: Ci, root: string, repo: string): readonly CiFile[] {
  const values = valuesOf(ci, repo);
  return systems[ci.system]
    .filter((name) => ci.tool === undefined || !testsOfTheTool.has(name))
    .map((name) => {
      const text = render(`${ci.system}/${path.basename(name)}`, values);
      const present = orRefuse(name, "read", () => readIfThere(path.join(root, name)));
      const state = present === undefined ? "missing" : present === text ? "same" : "differs";
      return { name, text, state };
    });
}

/** Writes a file of a CI system, whatever the checkout has by its name. */
export function writeCiFile(root: string, { name, text }: CiFile): void {
  orRefuse(name, "written", () => {
    fs.mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    fs.writeFileSync(path.join(root, name), text);
  });
}

/** What has to be set and done before the jobs of a CI system can run, for people. */
export function ciText(ci: Ci, repo: string): string {
  const values = valuesOf(ci, repo);
  return `${render(`${ci.system}/needs.txt`, values)}${render("next.txt", values)}`;
}

function valuesOf({ tool, lfs, submodules }: Ci, repo: string) {
  const registry = parseReference(`${repo}/x`)?.registry ?? "docker.io";
  const command = `${tool === undefined ? "" : ".image-builder/"}bin/image-builder`;
  const ghcr = registry === "ghcr.io";
  return { repo, registry, ghcr, loopback: isLoopback(registry), tool, command, lfs, submodules };
}

/** Whether some file of the checkout is kept in Git LFS, by the `.gitattributes` at its top and those of the layers. */
function usesLfs(root: string): boolean {
  const name = ".gitattributes";
  const below = ["science", "compat"].flatMap((top) =>
    fs.existsSync(path.join(root, top))
      ? fs
          .readdirSync(path.join(root, top), { recursive: true, encoding: "utf8" })
          .filter((file) => path.basename(file) === name)
          .map((file) => path.join(top, file))
      : [],
  );
  return [name, ...below].some((file) => {
    const text = orRefuse(file, "read", () => readIfThere(path.join(root, file)));
    return text !== undefined && /^[^#\n]*\sfilter=lfs(?:\s|$)/m.test(text);
  });
}

type System = keyof typeof systems;

function readSystem(given: string | undefined): System {
  if (given !== undefined && isSystem(given)) return given;
  const names = Object.keys(systems);
  const meant = given === undefined ? undefined : nearest(given, names);
  throw new Refusal({
    kind: "usage",
    message:
      given === undefined ? "new ci: for which CI system?" : `unknown CI system ${JSON.stringify(given)}`,
    hint: meant === undefined ? "one of github, jenkins, gitlab" : `did you mean ${meant}?`,
  });
}

function isSystem(name: string): name is System {
  return Object.hasOwn(systems, name);
}

/** A git repository that anybody's job can name without a login in it, and what of it is checked out. */
const toolPattern = /^((?:https:\/\/|ssh:\/\/git@|file:\/\/)[\w.~:/+-]+)#(\w[\w./-]*)$/;

/** Where jobs get the tool from; undefined where the checkout holds it. */
async function findTool({ root, tool: given }: Pick<NewCiSettings, "root" | "tool">): Promise<Ci["tool"]> {
  if (given === undefined && holdsTool(root)) return undefined;
  const own = toolDirectory();
  const wanted = given ?? (await describeClone(own));
  const [, source, version] = toolPattern.exec(wanted) ?? [];
  if (source !== undefined && version !== undefined) return { source, version };
  throw new Refusal({
    kind: "usage",
    message:
      given === undefined
        ? `cannot tell where CI jobs should get image-builder: ${own} has no public remote`
        : "--tool is not the address of a git repository, without a login in it, and a version",
    hint: "--tool https://HOST/PATH/image-builder.git#COMMIT, with a commit or a tag",
  });
}

/** `URL#COMMIT` of the clone that runs; empty where it is none. */
async function describeClone(directory: string): Promise<string> {
  if (!fs.existsSync(path.join(directory, ".git"))) return "";
  const [source, { commit }] = await Promise.all([
    readSource(directory),
    readCheckout(directory, null, { shallow: true }),
  ]);
  return `${source}#${commit}`;
}

function holdsTool(root: string): boolean {
  const text = readIfThere(path.join(root, "package.json"));
  return text !== undefined && /^\s*"name": "image-builder"/m.test(text);
}

function readIfThere(file: string): string | undefined {
  return fs.existsSync(file) ? fs.readFileSync(file, "utf8") : undefined;
}

function render(name: string, values: object): string {
  return Handlebars.compile(readTemplate(`ci/${name}.hbs`), { noEscape: true, strict: true })(values);
}
