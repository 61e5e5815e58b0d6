/**
 * `npm run demo`: the shipped layers become images in a registry, for real. `npm run demo -- --down` stops what it
 * started, and only that.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import type { EngineAddress } from "../../src/engine/client.ts";
import { findEngine, NoEngine } from "../../src/engine/discover.ts";
import type { Plan, Step } from "../../src/model.ts";
import { exitCodes, Refusal } from "../../src/problem.ts";
import { canInstall, checkout, dockerClient, ensureDebianBase, privateFolder } from "./platform.ts";
import { registryContainer, removeRegistryContainer, sharedEngine } from "./platform.ts";
import { sharedRegistry, stopAllStarted } from "./platform.ts";

/** Carries the exit code of image-builder, which has said itself what is wrong. */
class ToolFailure extends Error {
  readonly code: number;

  constructor(code: number) {
    super(`image-builder ended with exit code ${code}`);
    this.code = code;
  }
}

const howToGetOne =
  "install and start Docker (https://docs.docker.com/engine/install/) or Podman, or set DOCKER_HOST; on Debian or Ubuntu, root gets a private engine from this command";

process.exitCode = await main(process.argv.slice(2));

async function main(parameters: readonly string[]): Promise<number> {
  try {
    if (parameters.length === 0) await up();
    else if (parameters.join(" ") === "--down") await down();
    else throw new Refusal({ kind: "usage", message: "usage: npm run demo [-- --down]" });
    return 0;
  } catch (error) {
    if (error instanceof ToolFailure) return error.code;
    if (!(error instanceof Refusal)) throw error;
    console.error(error.message);
    const [problem] = error.problems;
    return problem === undefined ? 1 : exitCodes[problem.kind];
  }
}

async function up(): Promise<void> {
  const { engine, registry } = await findPlatform();
  console.log(`Docker engine: ${engine.host}\nRegistry:      ${registry}\n`);
  await ensureDebianBase(engine);
  const repo = `${registry}/demo`;
  const everything = readPlan(["plan", "--all", "--repo", repo, "--format", "json"]);
  const rolling = everything.steps.map(({ tags }) => tags.rolling);
  // Once all are there, only what the last commit changed is built, as it would be day by day.
  const selection = (await arePublished(engine, rolling)) ? [] : ["--all"];
  run(engine, ["plan", ...selection, "--repo", repo]);
  console.log();
  const { steps, build } = readPlan(["plan", ...selection, "--repo", repo, "--format", "json"]);
  const immutable = steps.map(({ tags }) => tags.immutable);
  if (!build.dirty && (await arePublished(engine, immutable))) {
    console.log(`All of ${build.stamp} is in the registry: there is nothing to build.\n`);
  } else {
    const dirty = build.dirty ? ["--allow-dirty"] : [];
    run(engine, ["build", "-v", "--push", ...selection, ...dirty, "--repo", repo]);
    console.log();
  }
  await showImages(engine, everything);
  await showStart(engine, everything);
}

async function findPlatform(): Promise<{ engine: EngineAddress; registry: string }> {
  try {
    const engine = await findEngine(process.env);
    const local = engine.host.startsWith("unix:") && canInstall();
    return { engine, registry: local ? await sharedRegistry() : await registryContainer(engine) };
  } catch (error) {
    if (!(error instanceof NoEngine)) throw error;
    if (!canInstall())
      throw new Refusal({ kind: "surroundings", message: "no container engine answers", hint: howToGetOne });
    return { engine: { host: await sharedEngine(), source: "the demo" }, registry: await sharedRegistry() };
  }
}

/** Runs image-builder as a user would, and says so. */
function run(engine: EngineAddress, parameters: readonly string[]): void {
  console.log(`$ bin/image-builder ${parameters.join(" ")}`);
  // Where the engine was found, the tool finds it as well, certificates and all.
  const env = engine.source === "the demo" ? { ...process.env, DOCKER_HOST: engine.host } : process.env;
  const { status } = spawnSync(join(checkout, "bin/image-builder"), [...parameters, "--root", checkout], {
    env,
    stdio: "inherit",
  });
  if (status !== 0) throw new ToolFailure(status ?? 1);
}

function readPlan(parameters: readonly string[]): Plan {
  const { status, stdout } = spawnSync(
    join(checkout, "bin/image-builder"),
    [...parameters, "--root", checkout],
    {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  if (status !== 0) throw new ToolFailure(status ?? 1);
  return JSON.parse(stdout);
}

/** Asks by way of the engine, which reaches the registry even where this machine does not. */
async function arePublished(engine: EngineAddress, references: readonly string[]): Promise<boolean> {
  const images = references.map((reference) => dockerClient(engine).getImage(reference));
  const answers = await Promise.allSettled(images.map((image) => image.distribution()));
  return answers.every(({ status }) => status === "fulfilled");
}

/** The images as they stand on each other, each release with its breadcrumbs. */
async function showImages(engine: EngineAddress, { steps, repo }: Plan): Promise<void> {
  const lines: { readonly text: string; readonly step: Step | undefined }[] = [];
  function show(step: Step, indent: string, last: boolean): void {
    lines.push({ text: `${indent}${last ? "└─ " : "├─ "}${step.tags.rolling.slice(repo.length + 1)}`, step });
    showAll(`${indent}${last ? "   " : "│  "}`, (child) => child.needs.at(-1) === step.id);
  }
  function showAll(indent: string, belongs: (step: Step) => boolean): void {
    const children = steps.filter(belongs);
    for (const [index, child] of children.entries()) show(child, indent, index === children.length - 1);
  }
  console.log(`Images below ${repo}:\n\ndebian:bookworm-slim`);
  showAll("", (step) => step.needs.length === 0);
  for (const { text } of lines) console.log(text);
  console.log("\nWhat each release is made of, by the labels of its image:");
  for (const { tags, kind } of steps) {
    if (kind !== "compat") continue;
    console.log(`\n${tags.rolling}`);
    const { Config } = await dockerClient(engine).getImage(tags.rolling).inspect();
    const trail = Object.entries(Config.Labels).filter(([name]) => name.startsWith("org.sciserver."));
    for (const [name, value] of trail) console.log(`  ${name.padEnd(52)} ${value}`);
  }
}

async function showStart(engine: EngineAddress, { steps }: Plan): Promise<void> {
  const release = steps.find(({ kind, image }) => kind === "compat" && image === "sciserver-essentials");
  if (release === undefined) return;
  const host = engine.source === "the demo" ? `DOCKER_HOST=${engine.host} ` : "";
  console.log(`
To start one, and see Jupyter at http://127.0.0.1:8888/?token=demo :

  ${host}docker run --rm -p 127.0.0.1:8888:8888 -e JUPYTER_TOKEN=demo ${release.tags.rolling}

To stop and remove what the demo started: npm run demo -- --down`);
}

async function down(): Promise<void> {
  const stopped = await stopAllStarted();
  if (await removeRegistryContainer()) stopped.push("container image-builder-registry");
  for (const line of stopped) console.log(`stopped the ${line}`);
  // Their data; what else is in the folder stays.
  for (const name of ["engine", "registry", "started", "apt.log"])
    await rm(join(privateFolder, name), { recursive: true, force: true });
  if (existsSync(privateFolder)) await rmdir(privateFolder).catch(() => undefined);
  console.log(
    stopped.length === 0 ? "Nothing that the demo started is running." : "Removed what they had stored.",
  );
}
