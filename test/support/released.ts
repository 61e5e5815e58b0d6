/** What the tests of whole runs need: definitions that stand on busybox, and what an engine and a registry hold. */
import { execFileSync } from "node:child_process";
import { testPlatform } from "./platform.ts";
import { compatFiles, runTool, scienceFiles, startTool } from "./checkout.ts";
import type { Files, RunningTool, ToolResult } from "./checkout.ts";
import { unique } from "./engine-room.ts";
import { runInProcess } from "./in-process.ts";

/** A place of one test's own in the shared engine and registry, and the tool set to work there. */
export interface Workplace {
  /** `127.0.0.1:PORT/NAME`, as `--repo` takes it. */
  readonly repo: string;
  /** The shared registry's address. */
  readonly registry: string;
  readonly dockerHost: string;
  readonly run: (
    root: string,
    args: readonly string[],
    environment?: NodeJS.ProcessEnv,
  ) => Promise<ToolResult>;
  /** Runs the tool in this process, as `runInProcess` does. */
  readonly runHere: (
    root: string,
    args: readonly string[],
    environment?: NodeJS.ProcessEnv,
    signal?: AbortSignal,
  ) => Promise<ToolResult>;
  readonly start: (root: string, args: readonly string[], environment?: NodeJS.ProcessEnv) => RunningTool;
  /** A local image as the engine tells it; undefined where there is none. */
  readonly inspect: (reference: string) => LocalImage | undefined;
}

/** The parts of an inspected image that tests look at. */
export interface LocalImage {
  readonly Id: string;
  readonly Config: {
    readonly Labels: Readonly<Record<string, string>> | null;
    readonly Env: readonly string[];
  };
}

/** Opens a workplace; `repo` replaces the shared registry's, e.g. by one behind a proxy, `engine` the shared engine. */
export async function openWorkplace(repo?: string, engine?: string): Promise<Workplace> {
  const { dockerHost: shared, registry } = await testPlatform();
  const dockerHost = engine ?? shared;
  const place = repo ?? `${registry}/test-${unique()}`;
  const environment = { DOCKER_HOST: dockerHost, DOCKER_CONFIG: "/nonexistent" };
  const all = (args: readonly string[]) => [...args, "--repo", place];
  return {
    repo: place,
    registry,
    dockerHost,
    run: (root, args, more) => runTool(root, all(args), { ...environment, ...more }),
    runHere: (root, args, more, signal) => runInProcess(root, all(args), { ...environment, ...more }, signal),
    start: (root, args, more) => startTool(root, all(args), { ...environment, ...more }),
    inspect: (reference) => {
      try {
        const text = execFileSync("docker", ["image", "inspect", reference], {
          env: { ...process.env, DOCKER_HOST: dockerHost },
          encoding: "utf8",
          stdio: ["ignore", "pipe", "ignore"],
        });
        return (JSON.parse(text) as LocalImage[])[0];
      } catch {
        return undefined;
      }
    },
  };
}

/** The digest that a registry has for `HOST:PORT/NAME:TAG`; undefined where it has none. */
export async function digestAt(reference: string): Promise<string | undefined> {
  const slash = reference.indexOf("/");
  const colon = reference.lastIndexOf(":");
  const url = `http://${reference.slice(0, slash)}/v2/${reference.slice(slash + 1, colon)}/manifests/${reference.slice(colon + 1)}`;
  const headers = { accept: "application/vnd.docker.distribution.manifest.v2+json" };
  const answer = await fetch(url, { method: "HEAD", headers });
  if (answer.status === 404) return undefined;
  if (!answer.ok) throw new Error(`${url}: ${String(answer.status)}`);
  return answer.headers.get("docker-content-digest") ?? undefined;
}

/** A science layer on the tests' busybox that runs a command. */
export function onBusybox(directory: string, base: string, command: string): Files {
  return scienceFiles(directory, {}, `FROM ${base}\nRUN ${command}\n`);
}

/** Two versions of an image, the second on the first, with a compat layer of one file. */
export function twoVersions(base: string): Files {
  return {
    ...onBusybox("nist-basic", base, "echo one > /one"),
    ...scienceFiles(
      "nist-basic-2",
      { image: "nist-basic", version: "2.0" },
      "FROM sci/nist-basic:1.0\nRUN echo two > /two\n",
    ),
    ...compatFiles("base", [], "COPY motd /motd\n"),
    "compat/base/motd": "welcome\n",
  };
}
