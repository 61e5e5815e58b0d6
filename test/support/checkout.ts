import { execFileSync, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

/** The tool as users call it. */
export const tool = path.resolve(import.meta.dirname, "../../bin/image-builder");

/** Files by their path; null stands for a file that is taken away. */
export type Files = Readonly<Record<string, string | null>>;

const directories: string[] = [];
process.on("exit", () => {
  for (const directory of directories) fs.rmSync(directory, { recursive: true, force: true });
});

/** An empty directory of its own, gone when the process ends. */
export function temporaryDirectory(): string {
  const directory = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), "image-builder-test-"));
  directories.push(directory);
  return directory;
}

/** Writes files below a directory. */
export function writeFiles(root: string, files: Files): void {
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(root, name);
    if (text === null) {
      fs.rmSync(file, { recursive: true, force: true });
      continue;
    }
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
  }
}

/** Runs git with an identity, and with nothing of this machine's configuration. */
export function git(root: string, ...command: string[]): string {
  return execFileSync("git", command, {
    cwd: root,
    encoding: "utf8",
    env: gitEnvironment,
    stdio: ["ignore", "pipe", "pipe"],
  }).trim();
}

/** With an identity, and with nothing of this machine's configuration of git. */
export const gitEnvironment = {
  ...process.env,
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_SYSTEM: "/dev/null",
  GIT_AUTHOR_NAME: "A. Scientist",
  GIT_AUTHOR_EMAIL: "scientist@example.org",
  GIT_COMMITTER_NAME: "A. Scientist",
  GIT_COMMITTER_EMAIL: "scientist@example.org",
  GIT_AUTHOR_DATE: "2024-05-06T07:08:09Z",
  GIT_COMMITTER_DATE: "2024-05-06T07:08:09Z",
};

/** A git repository in a directory of its own, with the files as its first commit. */
export function makeRepository(files: Files): string {
  const root = temporaryDirectory();
  git(root, "init", "--quiet", "--initial-branch=main");
  commit(root, files);
  return root;
}

/** Writes files and commits everything; gives the commit. */
export function commit(root: string, files: Files = {}): string {
  writeFiles(root, files);
  git(root, "add", "--all");
  git(root, "commit", "--quiet", "--allow-empty", "--message=change");
  return git(root, "rev-parse", "HEAD");
}

/** Commits without changes, until the repository has so many. */
export function fillHistory(root: string, count: number): void {
  for (let made = Number(git(root, "rev-list", "--count", "HEAD")); made < count; made += 1) commit(root);
}

/** The files of a science layer: `FROM` the base (or a whole Dockerfile) and a definition. */
export function scienceFiles(
  directory: string,
  definition: {
    image?: string;
    version?: string;
    target?: string;
    compat?: string;
    retired?: boolean;
  } = {},
  dockerfile = "FROM debian:bookworm-slim\n",
): Files {
  const image = definition.image ?? path.basename(directory);
  return {
    [`science/${directory}/Dockerfile`]: dockerfile,
    [`science/${directory}/sciserver-image.json`]: `${JSON.stringify({ image, compat: "base", ...definition }, undefined, 2)}\n`,
  };
}

/** The files of a compat layer. */
export function compatFiles(
  name: string,
  includes: readonly string[] = [],
  fragment = `RUN true ${name}\n`,
): Files {
  return {
    [`compat/${name}/Dockerfile`]: fragment,
    [`compat/${name}/sciserver-image.json`]: `${JSON.stringify({ includes })}\n`,
  };
}

/** How a run of the tool ended. */
export interface ToolResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A run of the tool that goes on. */
export interface RunningTool {
  readonly process: ChildProcess;
  /** What it has said on standard error so far. */
  readonly said: () => string;
  /** Settles as soon as standard error matches; rejects if the tool ends first. */
  readonly says: (pattern: RegExp) => Promise<void>;
  readonly ended: Promise<ToolResult>;
}

/** Starts the tool in a directory. It is killed when the test file ends, or after two minutes. */
export function startTool(
  cwd: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): RunningTool {
  const child = spawn(process.execPath, [tool, ...args], {
    cwd,
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const guard = setTimeout(() => child.kill("SIGKILL"), 120_000);
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  let stdout = "";
  let stderr = "";
  const listeners = new Set<() => void>();
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    for (const listener of listeners) listener();
  });
  const ended = new Promise<ToolResult>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      clearTimeout(guard);
      process.off("exit", kill);
      resolve({ code, signal, stdout, stderr });
    });
  });
  const says = (pattern: RegExp) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (!pattern.test(stderr)) return;
        listeners.delete(look);
        resolve();
      };
      listeners.add(look);
      look();
      void ended.then(() =>
        reject(new Error(`the tool ended without saying ${String(pattern)}:\n${stderr}`)),
      );
    });
  return { process: child, said: () => stderr, says, ended };
}

/** Runs the tool in a directory to its end. */
export function runTool(
  cwd: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): Promise<ToolResult> {
  return startTool(cwd, args, environment).ended;
}
