import { execFile } from "node:child_process";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { Container, ContainerCreateOptions } from "dockerode";
import { chromium } from "playwright-core";
import type { Page } from "playwright-core";
import { extract, pack } from "tar-stream";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { commit, makeRepository, tool } from "./support/checkout.ts";
import {
  checkout,
  dockerClient,
  ensureDebianBase,
  installPackages,
  testPlatform,
} from "./support/platform.ts";

const repo = "image-builder.test/shipped";
const notebooks = `${repo}/rel/sciserver-essentials:2.4`;
const terminal = `${repo}/rel/sciserver-shell-tools:1.0`;
const workspace = "/home/idies/workspace";
const { dockerHost } = await testPlatform();
const docker = dockerClient(dockerHost);

const shipped = suite("the shipped layers");

shipped("all build, and each release carries the trail of its layers", async () => {
  await ensureDebianBase(dockerHost);
  const root = makeRepository({});
  for (const folder of ["science", "compat"])
    cpSync(join(checkout, folder), join(root, folder), { recursive: true });
  commit(root);
  const parameters = [tool, "--all", "--repo", repo];
  const env = { ...process.env, DOCKER_HOST: dockerHost };
  await promisify(execFile)(process.execPath, parameters, { cwd: root, env, timeout: 8 * 60_000 });

  const trail = Object.keys(await labels(notebooks)).filter((name) =>
    /^org\.sciserver\..*\.version$/.test(name),
  );
  assert.equal(trail.sort(), [
    "org.sciserver.compat.version",
    "org.sciserver.science.essentials-hdf5.version",
    "org.sciserver.science.essentials.version",
  ]);
  const next = await labels(`${repo}/rel/sciserver-essentials:2.5`);
  assert.match(next["org.sciserver.science.essentials-2.5.version"] ?? "", /^2\.5-/);
  const astronomy = await labels(`${repo}/rel/sciserver-astronomy:1.0`);
  assert.match(astronomy["org.sciserver.science.essentials.version"] ?? "", /^2\.4-/);
});

shipped(
  "an essentials container serves Jupyter below its base URL, with the files of the workspace",
  async () => {
    const server = { Cmd: ["start", "/some/where/"], Env: ["JUPYTER_TOKEN=open-sesame"] };
    const title = await browse(notebooks, server, async (page, origin) => {
      await page.goto(`${origin}/some/where/tree`);
      assert.match(page.url(), /\/some\/where\/login/, "without the token, Jupyter asks for it");
      await page.goto(`${origin}/some/where/tree?token=open-sesame`);
      await page.getByText("orbits.ipynb").waitFor();
      return page.title();
    });
    assert.is(title, "Home Page - Select or create a notebook");
  },
);

shipped("the base URL may come from the environment as well", async () => {
  const server = { Env: ["JUPYTER_TOKEN=open-sesame", "BASE_URL=/else/where"] };
  const status = await browse(notebooks, server, async (page, origin) => {
    return (await page.goto(`${origin}/else/where/tree?token=open-sesame`))?.status();
  });
  assert.is(status, 200);
});

shipped(
  "a notebook job runs as idies with the image's software, and leaves its results in the workspace",
  async () => {
    const source = [
      "import getpass, numpy, scipy, matplotlib, pandas, h5py",
      "print(getpass.getuser(), int(numpy.arange(8).sum()))",
    ];
    const job = await runJob("orbits.ipynb", notebook(source.join("\n")));
    assert.is(job.exitCode, 0, job.output);
    assert.match(job.result, "idies 28");
  },
);

shipped("a notebook that fails ends its container with an exit code other than 0", async () => {
  const job = await runJob("wrong.ipynb", notebook("1 / 0"));
  assert.is(job.exitCode, 1);
  assert.match(job.output, "ZeroDivisionError");
});

shipped(
  "a file of commands runs in the workspace as a user other than root, and its exit code is the container's",
  async () => {
    const job = await runJob("commands.sh", "id -u; pwd; exit 7\n");
    assert.is(job.exitCode, 7);
    assert.match(job.output, `1000\n${workspace}\n`);
  },
);

shipped("a job without a file is told how jobs are started", async () => {
  const job = await runJob("", "");
  assert.is(job.exitCode, 2);
  assert.match(job.output, "usage: start job FILE");
});

shipped("a container of the terminal images serves a shell in the browser", async () => {
  const prompt = await browse(terminal, { Cmd: ["start", "/shell"] }, async (page, origin) => {
    await page.goto(`${origin}/shell/`);
    const line = page.getByText("idies@").first();
    await line.waitFor();
    return line.textContent();
  });
  assert.match(prompt ?? "", "~/workspace");
});

shipped.run();

async function labels(image: string): Promise<Record<string, string>> {
  return (await docker.getImage(image).inspect()).Config.Labels;
}

/** Starts a container with a notebook in its workspace, and looks at what it serves. */
async function browse<T>(
  image: string,
  options: ContainerCreateOptions,
  look: (page: Page, origin: string) => Promise<T>,
): Promise<T> {
  await installPackages(["chromium"], "a browser");
  const HostConfig = { PortBindings: { "8888/tcp": [{ HostIp: "127.0.0.1", HostPort: "" }] } };
  return withContainer({ ...options, Image: image, HostConfig }, async (container) => {
    await putFile(container, "orbits.ipynb", notebook("1 + 1"));
    await container.start();
    const ports = (await container.inspect()).NetworkSettings.Ports["8888/tcp"];
    const origin = `http://127.0.0.1:${ports?.[0]?.HostPort}`;
    await waitForAnswer(origin, container);
    const browser = await chromium.launch({
      executablePath: "/usr/bin/chromium",
      args: [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    });
    try {
      return await look(await browser.newPage(), origin);
    } finally {
      await browser.close();
    }
  });
}

interface Job {
  readonly exitCode: number;
  readonly output: string;
  /** The file after the job: a notebook has its results in it. */
  readonly result: string;
}

async function runJob(file: string, content: string): Promise<Job> {
  const options = { Image: notebooks, Cmd: ["start", "job", ...(file === "" ? [] : [file])], Tty: true };
  return withContainer(options, async (container) => {
    if (file !== "") await putFile(container, file, content);
    await container.start();
    const { StatusCode: exitCode } = await container.wait({ abortSignal: AbortSignal.timeout(60_000) });
    const output = (await container.logs({ stdout: true, stderr: true })).toString().replaceAll("\r", "");
    return { exitCode, output, result: file === "" ? "" : await readFile(container, file) };
  });
}

async function withContainer<T>(
  options: ContainerCreateOptions,
  use: (container: Container) => Promise<T>,
): Promise<T> {
  const container = await docker.createContainer(options);
  try {
    return await use(container);
  } finally {
    await container.remove({ force: true });
  }
}

async function putFile(container: Container, name: string, content: string): Promise<void> {
  const files = pack();
  files.entry({ name, uid: 1000, gid: 1000, mode: 0o644 }, content);
  files.finalize();
  await container.putArchive(await buffer(files), { path: workspace });
}

async function readFile(container: Container, name: string): Promise<string> {
  const archive = await container.getArchive({ path: `${workspace}/${name}` });
  const files = Readable.from(archive).pipe(extract());
  for await (const file of files) return text(file);
  throw new Error(`The container has no ${name}.`);
}

async function waitForAnswer(origin: string, container: Container): Promise<void> {
  for (const giveUp = Date.now() + 60_000; Date.now() < giveUp; await sleep(200)) {
    const answered = await fetch(origin, { redirect: "manual" }).catch(() => undefined);
    if (answered !== undefined) return;
  }
  throw new Error(`Nothing answers: ${(await container.logs({ stdout: true, stderr: true })).toString()}`);
}

function notebook(source: string): string {
  const cell = { cell_type: "code", execution_count: null, metadata: {}, outputs: [], source };
  return JSON.stringify({ cells: [cell], metadata: {}, nbformat: 4, nbformat_minor: 4 });
}
