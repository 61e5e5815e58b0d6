import { spawn } from "node:child_process";
import { Refusal } from "../problem.ts";
import type { Problem } from "../problem.ts";

/**
 * The environment without what git sets for its hooks, which would name another repository than the root's. Replaced objects and
 * grafts are of this clone alone: with them a commit would have other files and another count than everywhere else.
 */
function gitEnvironment(): NodeJS.ProcessEnv {
  const foreign = /^GIT_(?:DIR|WORK_TREE|INDEX_FILE|PREFIX|COMMON_DIR|(?:ICASE|GLOB|NOGLOB)_PATHSPECS)$/;
  const ours = Object.entries(process.env).filter(([name]) => !foreign.test(name));
  return {
    ...Object.fromEntries(ours),
    // Its messages are read here, so they have to be in one language.
    LC_ALL: "C",
    GIT_LITERAL_PATHSPECS: "1",
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_GRAFT_FILE: "/dev/null",
  };
}

/** Makes git look at the files themselves, and say what it finds in one form, whatever is configured. */
const settled = [
  "core.fsmonitor=",
  "core.untrackedCache=false",
  "core.trustctime=true",
  "core.checkStat=default",
  "i18n.logOutputEncoding=UTF-8",
  "log.showRoot=true",
].flatMap((setting) => ["-c", setting]);

/** How a run of git ended. */
export interface Answer {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** An answer of git that nothing led to expect. */
export function unexpected({ stderr, code }: Answer): Problem {
  const said = stderr.trim().split("\n")[0] ?? "";
  return {
    kind: "surroundings",
    message: said === "" ? `git ended with exit code ${code ?? "none"}` : `git says: ${said}`,
    hint: "git status in the same directory shows whether the repository is in order",
  };
}

/** The paths of an answer that git was asked for with `-z`. */
export function split(text: string): string[] {
  return text.split("\0").filter((path) => path !== "");
}

/**
 * Runs git at the root of a checkout, without writing anything. `input` is what it reads; with `bytes` each character of
 * the answer stands for one byte. Refuses where there is no git.
 */
export function git(
  root: string,
  command: readonly string[],
  { input, bytes = false }: { readonly input?: string; readonly bytes?: boolean } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const child = spawn("git", ["--no-optional-locks", "-C", root, ...settled, ...command], {
      stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
      env: gitEnvironment(),
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout?.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr?.on("data", (chunk: Buffer) => stderr.push(chunk));
    // A git that ends before it has read all says why in its answer.
    child.stdin?.on("error", () => undefined).end(input);
    child.once("error", (error: NodeJS.ErrnoException) => {
      reject(
        new Refusal({
          kind: "surroundings",
          message:
            error.code === "ENOENT" ? "git was not found" : `git could not be started: ${error.message}`,
          hint: "install git 2.30 or newer and have it on the PATH",
        }),
      );
    });
    child.once("close", (code) => {
      resolve({
        code,
        stdout: Buffer.concat(stdout).toString(bytes ? "latin1" : "utf8"),
        stderr: Buffer.concat(stderr).toString(),
      });
    });
  });
}
