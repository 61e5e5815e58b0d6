/** A git host with its CI: a bare repository, and the jobs that what happens to it starts, run by their own lines. */
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { git, temporaryDirectory } from "../checkout.ts";
import { checkout } from "../platform.ts";

/** What happens at a git host; pull requests go to `main`. */
export type Happening =
  | { readonly kind: "pull request"; readonly branch: string }
  | { readonly kind: "push"; readonly branch: string }
  | { readonly kind: "release"; readonly tag: string };

/** A shell script of a job, with what it finds in its environment besides what every job has. */
export interface Script {
  /** The program and its parameters that the script's text is appended to. */
  readonly shell: readonly string[];
  readonly text: string;
  readonly environment: NodeJS.ProcessEnv;
}

/** A job that something started. */
export interface Job {
  readonly name: string;
  /** Whether it asks for a checkout with all commits. */
  readonly wholeHistory: boolean;
  /** What runs, in order, until one fails. */
  readonly scripts: readonly Script[];
  /** What runs after that in any case. */
  readonly afterwards: readonly Script[];
}

/** What a CI system tells its jobs. */
export interface JobPlace {
  /** The checkout. */
  readonly workspace: string;
  /** A directory of the job's own outside it. */
  readonly temporary: string;
  /** The login of the registry. */
  readonly username: string;
  readonly password: string;
  /** The commit that a pull request parted from. */
  readonly base: string;
}

/** How a CI system understands its file. */
export interface CiSystem {
  readonly name: "github" | "jenkins" | "gitlab";
  readonly file: string;
  /** How the branch of a pull request is checked out: merged into its target, or as it is. */
  readonly merges: boolean;
  readonly jobs: (happening: Happening, place: JobPlace) => Promise<readonly Job[]>;
}

/** How a job went. */
export interface Ran {
  readonly job: string;
  /** Everything that it printed, and what it left for people to read. */
  readonly output: string;
}

/** Runs the jobs that something starts, one after the other, in a clone of their own. Fails with the first that fails. */
export async function runJobs(
  system: CiSystem,
  happening: Happening,
  { origin, dockerHost, login }: { origin: string; dockerHost: string; login: Login },
): Promise<readonly Ran[]> {
  const workspace = clone(origin, happening, system);
  const base = git(workspace, "merge-base", "origin/main", "HEAD");
  const place = { workspace, temporary: temporaryDirectory(), base, ...login };
  const ran: Ran[] = [];
  for (const job of await system.jobs(happening, place)) {
    // What the clone here has whatever the job asks for.
    if (!job.wholeHistory) throw new Error(`the job ${job.name} asks for a part of the history only`);
    ran.push({ job: job.name, output: await runScripts(job, place, dockerHost) });
  }
  return ran;
}

/** The login that reaches jobs by its name: of branches, and, on `main` and for releases alone, of production. */
export function loginVariables(happening: Happening, { username, password }: Login): NodeJS.ProcessEnv {
  if (happening.kind === "pull request") return {};
  const prefix = isBranch(happening) ? "BRANCH_" : "";
  return { [`${prefix}REGISTRY_USERNAME`]: username, [`${prefix}REGISTRY_PASSWORD`]: password };
}

/** Whether it is a push to another branch than `main`. */
export function isBranch(happening: Happening): boolean {
  return happening.kind === "push" && happening.branch !== "main";
}

/** The account of a registry. */
export interface Login {
  readonly username: string;
  readonly password: string;
}

/** A clone as a job of the system gets it. */
function clone(origin: string, happening: Happening, { name, merges }: CiSystem): string {
  const workspace = temporaryDirectory();
  git(workspace, "clone", "--quiet", origin, ".");
  if (happening.kind === "release") {
    git(workspace, "checkout", "--quiet", "--detach", happening.tag);
    return workspace;
  }
  const branch = `origin/${happening.branch}`;
  if (happening.kind === "pull request" && merges) {
    git(workspace, "checkout", "--quiet", "--detach", "origin/main");
    git(workspace, "merge", "--quiet", "--no-ff", "--message=merge", branch);
    return workspace;
  }
  const onBranch = name === "github" ? ["-B", happening.branch] : ["--detach"];
  git(workspace, "checkout", "--quiet", ...onBranch, branch);
  return workspace;
}

async function runScripts(
  { name, scripts, afterwards }: Job,
  { workspace, temporary }: JobPlace,
  dockerHost: string,
): Promise<string> {
  const around = { PATH: process.env["PATH"], HOME: temporary };
  let output = "";
  async function run({ shell, text, environment }: Script): Promise<boolean> {
    const [program = "", ...parameters] = shell;
    const child = spawn(program, [...parameters, text], {
      cwd: workspace,
      env: { ...around, ...environment, DOCKER_HOST: dockerHost },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: 120_000,
    });
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
    const code = await new Promise((done, fail) => child.once("error", fail).once("close", done));
    if (code !== 0) output += `\n${text.trim()}\nended with ${String(code)}\n`;
    return code === 0;
  }
  let well = true;
  for (const script of scripts) {
    if (/\bnpm ci\b/.test(script.text)) installHere(workspace);
    else well = well && (await run(script));
  }
  for (const script of afterwards) well = (await run(script)) && well;
  if (!well) throw new Error(`the job ${name} failed:\n${output}`);
  return output;
}

/** What the lines that install leave, which a test of their own runs: installing for each job takes minutes. */
function installHere(workspace: string): void {
  fs.mkdirSync(path.join(workspace, ".image-builder"));
  fs.symlinkSync(path.join(checkout, "bin"), path.join(workspace, ".image-builder/bin"));
}

/** All that a registry holds below a path: digests by `PATH:TAG`, relative to it. */
export async function holdings(repo: string, login: Login): Promise<ReadonlyMap<string, string>> {
  const slash = repo.indexOf("/");
  const address = `http://${repo.slice(0, slash)}/v2`;
  const below = `${repo.slice(slash + 1)}/`;
  const authorization = `Basic ${Buffer.from(`${login.username}:${login.password}`).toString("base64")}`;
  const accept = "application/vnd.docker.distribution.manifest.v2+json";
  const ask = (place: string, method = "GET") =>
    fetch(`${address}${place}`, { method, headers: { authorization, accept } });
  const { repositories } = (await (await ask("/_catalog?n=1000")).json()) as { repositories: string[] };
  const held = new Map<string, string>();
  for (const name of repositories.filter((each) => each.startsWith(below))) {
    const { tags } = (await (await ask(`/${name}/tags/list`)).json()) as { tags: string[] | null };
    for (const tag of (tags ?? []).sort()) {
      const answer = await ask(`/${name}/manifests/${tag}`, "HEAD");
      held.set(
        `${name.slice(below.length)}:${tag}`,
        answer.headers.get("docker-content-digest") ?? String(answer.status),
      );
    }
  }
  return held;
}
