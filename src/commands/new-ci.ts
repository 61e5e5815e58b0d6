import fs from "node:fs";
import path from "node:path";
import Handlebars from "handlebars";
import { readCheckout, readSource } from "../git/checkout.ts";
import { nearest } from "../nearest.ts";
import { Refusal } from "../problem.ts";
import { parseReference } from "../reference.ts";
import { isLoopback } from "../registry/place.ts";
import { readTemplate, toolDirectory } from "../templates.ts";
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
  const system = readSystem(settings.system);
  if (!fs.existsSync(path.join(root, ".git"))) {
    throw new Refusal({
      kind: "surroundings",
      message: `${root} is not the top of a git repository, where CI systems read their files`,
      hint: "git init there, or name the top with --root",
    });
  }
  const tool = await findTool(settings);
  const registry = parseReference(`${repo}/x`)?.registry ?? "docker.io";
  const command = `${tool === undefined ? "" : ".image-builder/"}bin/image-builder`;
  const loopback = isLoopback(registry);
  const values = { repo, registry, ghcr: registry === "ghcr.io", loopback, tool, command };
  const files = systems[system]
    .filter((name) => tool === undefined || !testsOfTheTool.has(name))
    .map((name) => ({ name, text: render(`${system}/${path.basename(name)}`, values) }));

  const present = new Map(
    files.map(({ name }) => [name, orRefuse(name, "read", () => readIfThere(path.join(root, name)))]),
  );
  const others = files.filter(({ name, text }) => (present.get(name) ?? text) !== text);
  if (others.length > 0 && !force) {
    throw new Refusal(
      ...others.map(({ name }) => ({
        kind: "usage" as const,
        message: `${name} is there already, and is another file`,
        hint: "--force overwrites it",
      })),
    );
  }
  for (const { name, text } of files) {
    orRefuse(name, "written", () => {
      fs.mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
      fs.writeFileSync(path.join(root, name), text);
    });
    out(`${present.get(name) === text ? "unchanged" : "wrote"} ${name}\n`);
  }
  out(`\n${render(`${system}/needs.txt`, values)}${render("next.txt", values)}`);
  return 0;
}

type System = keyof typeof systems;

function readSystem(given: string | undefined): System {
  if (given !== undefined && isSystem(given)) return given;
  const names = Object.keys(systems);
  const meant = given === undefined ? undefined : nearest(given, names);
  throw new Refusal({
    kind: "usage",
    message:
      given === undefined ? "new ci: for which CI system?" : `there are no files for a CI system ${given}`,
    hint: meant === undefined ? "github, jenkins or gitlab" : `did you mean ${meant}?`,
  });
}

function isSystem(name: string): name is System {
  return Object.hasOwn(systems, name);
}

/** A git repository that anybody's job can name without a login in it, and what of it is checked out. */
const toolPattern = /^((?:https:\/\/|ssh:\/\/git@|file:\/\/)[\w.~:/+-]+)#(\w[\w./-]*)$/;

/** Where jobs get the tool from; undefined where the checkout holds it. */
async function findTool({
  root,
  tool: given,
}: NewCiSettings): Promise<{ source: string; version: string } | undefined> {
  if (given === undefined && holdsTool(root)) return undefined;
  const own = toolDirectory();
  const wanted = given ?? (await describeClone(own));
  const [, source, version] = toolPattern.exec(wanted) ?? [];
  if (source !== undefined && version !== undefined) return { source, version };
  throw new Refusal({
    kind: "usage",
    message:
      given === undefined
        ? `where jobs get image-builder from is not to be seen: ${own} is no clone of a public address`
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
