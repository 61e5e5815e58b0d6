import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { Refusal } from "../problem.ts";
import { isRecord, isText } from "./json.ts";

/** The configuration that the docker command keeps. */
export interface DockerConfiguration {
  /** Of its file, for messages. */
  readonly path: string;
  readonly content: Readonly<Record<string, unknown>>;
}

/** Reads the docker configuration, in `DOCKER_CONFIG` or `~/.docker`; an empty one where there is none. Refuses one that cannot be read. */
export async function readDockerConfiguration(environment: NodeJS.ProcessEnv): Promise<DockerConfiguration> {
  const folder = environment["DOCKER_CONFIG"] || join(environment["HOME"] || homedir(), ".docker");
  const path = join(folder, "config.json");
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return { path, content: {} };
    throw refusal(`${path} cannot be read (${String(code)})`, "correct its permissions");
  }
  try {
    const content: unknown = JSON.parse(text);
    if (isRecord(content)) return { path, content };
  } catch {
    // The parser's own message quotes the text, which holds secrets.
  }
  throw refusal(`${path} is not a JSON object`, "correct it, or move it away and run docker login again");
}

/** An object in the configuration, empty where it is missing. */
export function objectAt({ path, content }: DockerConfiguration, key: string): Record<string, unknown> {
  const value = content[key] ?? {};
  if (!isRecord(value))
    throw refusal(`${key} in ${path} is not an object`, "correct it, or run docker login again");
  return value;
}

/** As the docker command calls them, and what they set in a build. */
const proxyArguments = {
  httpProxy: "HTTP_PROXY",
  httpsProxy: "HTTPS_PROXY",
  ftpProxy: "FTP_PROXY",
  noProxy: "NO_PROXY",
  allProxy: "ALL_PROXY",
};

/**
 * The build arguments for the proxies of the docker configuration, in upper and lower case: those for an engine (by its
 * `DOCKER_HOST`), or the default ones. Engines know these arguments without an ARG, and keep them out of image and cache
 * (https://docs.docker.com/engine/cli/proxy/).
 */
export async function readProxyArguments(
  environment: NodeJS.ProcessEnv,
  engine: string,
): Promise<Readonly<Record<string, string>>> {
  const proxies = objectAt(await readDockerConfiguration(environment), "proxies");
  const chosen = proxies[engine] ?? proxies["default"];
  if (!isRecord(chosen)) return {};
  return Object.fromEntries(
    Object.entries(proxyArguments).flatMap(([key, name]) => {
      const value = chosen[key];
      return isText(value) && value !== "" ? [name, name.toLowerCase()].map((each) => [each, value]) : [];
    }),
  );
}

function refusal(message: string, hint: string): Refusal {
  return new Refusal({ kind: "surroundings", message, hint });
}
