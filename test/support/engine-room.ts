/** What the tests of the engine room build with: contexts made of text, and a connection to an engine. */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { pack } from "tar-stream";
import { connectDocker } from "../../src/engine/docker.ts";
import type { DockerConnection, DockerOptions } from "../../src/engine/docker.ts";
import type { BuildRequest } from "../../src/engine/engine.ts";
import type { Credentials } from "../../src/model.ts";
import { Refusal } from "../../src/problem.ts";
import type { Problem } from "../../src/problem.ts";

/** A connection to the engine at a `DOCKER_HOST`. */
export function connect(
  host: string,
  options: Partial<Omit<DockerOptions, "credentials">> & { login?: Credentials } = {},
): Promise<DockerConnection> {
  const { login, ...rest } = options;
  return connectDocker({ host, source: "the test" }, { ...rest, credentials: () => Promise.resolve(login) });
}

/** A build of a Dockerfile and files, and the lines of its output so far. */
export function buildOf(
  dockerfile: string,
  parts: Partial<BuildRequest> & { readonly files?: Readonly<Record<string, string | Buffer>> } = {},
): BuildRequest & { readonly lines: string[] } {
  const { files = {}, ...rest } = parts;
  const tar = pack();
  tar.entry({ name: "Dockerfile" }, dockerfile);
  for (const [name, content] of Object.entries(files)) tar.entry({ name, mode: 0o755 }, content);
  tar.finalize();
  const lines: string[] = [];
  return {
    context: Readable.from(tar),
    dockerfile,
    tags: [],
    labels: {},
    fresh: false,
    onLine: (line) => lines.push(line),
    signal: new AbortController().signal,
    lines,
    ...rest,
  };
}

/** A Dockerfile's beginning, and its files, for an engine that holds no image at all: a shell and `sleep`. */
export function fromBusybox(): { readonly dockerfile: string; readonly files: Record<string, Buffer> } {
  const dockerfile = "FROM scratch\nCOPY busybox /bin/sh\nCOPY busybox /bin/sleep\n";
  return { dockerfile, files: { busybox: readFileSync("/bin/busybox") } };
}

/** A name that no other test run uses. */
export function unique(): string {
  return randomBytes(6).toString("hex");
}

/** The one problem of a call that is refused; fails where it succeeds or rejects otherwise. */
export async function problemOf(call: Promise<unknown>): Promise<Problem> {
  const outcome = await call.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if (!("error" in outcome)) throw new Error(`not refused: ${JSON.stringify(outcome.value)}`);
  if (!(outcome.error instanceof Refusal)) throw outcome.error;
  const [problem] = outcome.error.problems;
  if (problem === undefined || outcome.error.problems.length > 1) throw outcome.error;
  return problem;
}

/** Waits until a condition holds; fails after `seconds`. */
export async function eventually(condition: () => boolean | Promise<boolean>, seconds = 20): Promise<void> {
  const giveUp = Date.now() + seconds * 1000;
  while (!(await condition())) {
    if (Date.now() > giveUp) throw new Error(`not within ${seconds} s: ${String(condition)}`);
    await sleep(100);
  }
}

/** Whether a process runs whose command line has this text. */
export async function runs(text: string): Promise<boolean> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name) && name !== String(process.pid));
  const lines = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")),
  );
  return lines.some((line) => line.split("\0").some((word) => word === text));
}
