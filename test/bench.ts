/**
 * `npm run bench`: how fast the tool is, each figure as a ratio to a baseline that is measured in the same run, so
 * that it means the same on any machine. `npm run bench -- PATTERN` measures some of them.
 */
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { table } from "../src/report/table.ts";
import {
  compatFiles,
  commit,
  makeRepository,
  scienceFiles,
  temporaryDirectory,
  tool,
} from "./support/checkout.ts";
import type { Files } from "./support/checkout.ts";
import { unique } from "./support/engine-room.ts";
import { startFaultProxy } from "./support/fault-proxy.ts";
import { checkout, runVariable, startRegistry, stopAllStarted, testPlatform } from "./support/platform.ts";

/** One line of the result. */
interface Figure {
  readonly what: string;
  readonly measured: string;
  readonly baseline: string;
  readonly ratio: number;
  readonly bound: string;
}

process.env[runVariable] = String(process.pid);
const [pattern = ""] = process.argv.slice(2);
const benches: readonly (readonly [string, () => Promise<readonly Figure[]>])[] = [
  ["preview", benchPreviews],
  ["context", benchContext],
  ["builds", benchBuilds],
  ["registry", benchRegistry],
];
spawnSync("npm", ["run", "--silent", "build"], { cwd: checkout, stdio: "inherit" });
console.log(`${os.cpus().length} processors, ${os.cpus()[0]?.model ?? "unknown"}, node ${process.version}\n`);
const figures: Figure[] = [];
for (const [name, bench] of benches) if (name.includes(pattern)) figures.push(...(await bench()));
await stopAllStarted(process.env[runVariable]);
const rows = figures.map(({ what, measured, baseline, ratio, bound }) => [
  what,
  measured,
  baseline,
  ratio.toFixed(2),
  bound,
]);
console.log(table([["WHAT", "MEASURED", "BASELINE", "RATIO", "BOUND"], ...rows]));

async function benchPreviews(): Promise<Figure[]> {
  const bounds = [
    [10, "at most 1.6"],
    [1000, "at most 4"],
  ] as const;
  const made: Figure[] = [];
  for (const [count, bound] of bounds) {
    const root = manyLayers(count);
    for (const [name, args] of [
      ["silent", ["--dryrun"]],
      ["-v", ["--dryrun", "-v"]],
    ] as const) {
      const [preview, node] = await inTurn(
        () => wall(process.execPath, [tool, ...args], root),
        () => wall(process.execPath, ["-e", "0"], root),
      );
      made.push({
        what: `preview of ${count} science layers, ${name}`,
        measured: milliseconds(preview),
        baseline: `node -e 0: ${milliseconds(node)}`,
        ratio: preview / node,
        bound,
      });
    }
  }
  return made;
}

/** In chains of ten, with one change at the bottom of the first. */
function manyLayers(count: number): string {
  const files: Record<string, string | null> = { ...compatFiles("base") };
  for (let n = 0; n < count; n += 1) {
    const base = n % 10 === 0 ? "debian:bookworm-slim" : `sci/layer-${n - 1}:1.0`;
    const install =
      "RUN apt-get update \\\n && apt-get install -y --no-install-recommends python3-numpy \\\n && rm -rf /var/lib/apt/lists/*\n";
    Object.assign(files, scienceFiles(`layer-${n}`, {}, `FROM ${base}\n${install}`));
  }
  const root = makeRepository(files);
  commit(root, { "science/layer-0/data": "1" });
  return root;
}

async function benchContext(): Promise<Figure[]> {
  const root = temporaryDirectory();
  const layer = path.join(root, "layer");
  fs.mkdirSync(layer);
  const block = Buffer.alloc(2 ** 20);
  for (let n = 0; n < 16; n += 1) {
    const file = fs.openSync(path.join(layer, `data-${n}`), "w");
    for (let written = 0; written < 64; written += 1) {
      block.fill(`${n}/${written}\n`);
      fs.writeSync(file, block);
    }
    fs.closeSync(file);
  }
  const reader = path.join(import.meta.dirname, "support/stream-context.ts");
  let peak = 0;
  const compose = async () => {
    const { seconds, report } = await contextRun(reader, root);
    peak = Math.max(peak, report.peak);
    return seconds;
  };
  const [ours, tar] = await inTurn(compose, () => wall("sh", ["-c", "tar -c layer | cat > /dev/null"], root));
  return [
    {
      what: "context of 1 GB, throughput",
      measured: `${(1024 / ours).toFixed(0)} MB/s`,
      baseline: `tar: ${(1024 / tar).toFixed(0)} MB/s`,
      ratio: tar / ours,
      bound: "at least 0.7",
    },
    {
      what: "context of 1 GB, peak memory",
      measured: `${(peak / 2 ** 20).toFixed(0)} MB`,
      baseline: "200 MB",
      ratio: peak / 2 ** 20 / 200,
      bound: "at most 1",
    },
  ];
}

/** Streams a context in a process of its own; its start-up does not count, nor does that of `tar`'s shell to speak of. */
function contextRun(reader: string, root: string): Promise<{ seconds: number; report: { peak: number } }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--import", "tsx", reader, root, "layer"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    child.once("error", reject);
    child.once("close", (code) => {
      if (code !== 0) return reject(new Error(`streaming a context ended with ${String(code)}`));
      const report = JSON.parse(text) as { seconds: number; peak: number };
      resolve({ seconds: report.seconds, report });
    });
  });
}

async function benchBuilds(): Promise<Figure[]> {
  const { dockerHost, base } = await testPlatform();
  const environment = { ...process.env, DOCKER_HOST: dockerHost };
  const build = (...layers: readonly Files[]) => {
    const root = makeRepository(Object.assign({}, ...layers, compatFiles("base")) as Files);
    const repo = `image-builder.test/bench-${unique()}`;
    return wall(process.execPath, [tool, "--all", "--repo", repo], root, environment);
  };
  const [all, chain] = await inTurn(
    () => build(rowOfFour("left", base), rowOfFour("right", base)),
    // One image: four science layers, and the release on the last of them.
    () => build(rowOfFour("alone", base, "alone")),
    3,
  );
  return [
    {
      what: "16 builds in two rows of four",
      measured: `${all.toFixed(1)} s`,
      baseline: `the longest chain alone: ${chain.toFixed(1)} s`,
      ratio: all / chain,
      bound: "at most 2",
    },
  ];
}

/** Science layers on each other that take a second each, by a command that no other run has in its cache. */
function rowOfFour(row: string, base: string, image?: string): Files {
  const files = [0, 1, 2, 3].map((n) => {
    const from = n === 0 ? base : `sci/${row}-${n - 1}:1.0`;
    const definition = image === undefined ? {} : { image };
    return scienceFiles(`${row}-${n}`, definition, `FROM ${from}\nRUN sleep 1 && echo ${unique()}\n`);
  });
  return Object.assign({}, ...files) as Files;
}

/** With 200 science layers and their releases in a registry of their own, as a first run publishes them. */
async function benchRegistry(): Promise<Figure[]> {
  const { dockerHost } = await testPlatform();
  const registry = await startRegistry(temporaryDirectory());
  const [registryProxy, engineProxy] = [
    await startFaultProxy(registry.address),
    await startFaultProxy(dockerHost),
  ];
  const root = smallLayers(200);
  const steps = 400;
  const run = (address: string, args: readonly string[], host = dockerHost) => {
    const environment = { ...process.env, DOCKER_HOST: host, DOCKER_CONFIG: "/nonexistent" };
    return wall(process.execPath, [tool, ...args, "--repo", `${address}/bench`], root, environment);
  };
  try {
    await run(registry.address, ["--all", "--push"]);
    const [stale, again] = await inTurn(
      () => run(registry.address, ["plan", "--stale"]),
      () => run(registry.address, ["--all", "--push"]),
      5,
    );
    // What is counted is not timed, and goes by way of the proxies.
    await run(registryProxy.address, ["plan", "--stale"]);
    const asked = registryProxy.requests.length;
    await run(registry.address, ["--all", "--push"], `tcp://${engineProxy.address}`);
    const builds = engineProxy.requests.filter(({ path: at }) => at.includes("/build")).length;
    registryProxy.heal();
    const images = Array.from({ length: 100 }, (_, n) => `layer-${n}`);
    const promoted = await run(registryProxy.address, ["promote", ...images, "--to", "stable"]);
    const moves = registryProxy.requests.filter(({ method }) => method === "PUT").length;
    if (moves !== 2 * images.length) throw new Error(`${moves} tags of ${images.length} images were put`);
    const moved = registryProxy.requests
      .filter(({ path: at }) => at.includes("/blobs/"))
      .reduce((bytes, { sent }) => bytes + sent, 0);
    return [
      {
        what: "plan --stale on 200 published layers and releases",
        measured: `${stale.toFixed(2)} s`,
        baseline: "3 s",
        ratio: stale / 3,
        bound: "at most 1",
      },
      {
        what: "requests for each of them",
        measured: (asked / steps).toFixed(2),
        baseline: "3",
        ratio: asked / steps / 3,
        bound: "at most 1",
      },
      {
        what: "build --push again after success",
        measured: `${again.toFixed(2)} s, ${builds} builds by the engine`,
        baseline: `plan --stale: ${stale.toFixed(2)} s`,
        ratio: again / stale,
        bound: "0 builds",
      },
      {
        what: `promote of ${images.length} images, in ${promoted.toFixed(2)} s`,
        measured: `${moved} bytes of layers moved`,
        baseline: "none",
        ratio: moved,
        bound: "0",
      },
    ];
  } finally {
    await Promise.all([registryProxy.stop(), engineProxy.stop()]);
    await registry.stop();
  }
}

/** Layers on nothing, of one small file each. */
function smallLayers(count: number): string {
  const files = Array.from({ length: count }, (_, n): Files => ({
    ...scienceFiles(`layer-${n}`, {}, "FROM scratch\nCOPY file /\n"),
    [`science/layer-${n}/file`]: unique(),
  }));
  return makeRepository(Object.assign({}, ...files, compatFiles("base", [], "ENV BASE=1\n")) as Files);
}

/** The medians of two measures that are taken in turn, so that a machine that gets slower does so for both. */
async function inTurn(
  one: () => Promise<number>,
  other: () => Promise<number>,
  times = 11,
): Promise<readonly [number, number]> {
  const measured: [number, number][] = [];
  await one();
  await other();
  for (let n = 0; n < times; n += 1) measured.push([await one(), await other()]);
  const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
  return [median(measured.map(([first]) => first)), median(measured.map(([, second]) => second))];
}

/** The seconds that a command takes, which has to succeed. */
function wall(command: string, args: readonly string[], cwd: string, env = process.env): Promise<number> {
  return new Promise((resolve, reject) => {
    const begun = performance.now();
    const child = spawn(command, args, { cwd, env, stdio: "ignore" });
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve((performance.now() - begun) / 1000);
      else reject(new Error(`${command} ${args.join(" ")} ended with ${String(code)}`));
    });
  });
}

function milliseconds(seconds: number): string {
  return `${(seconds * 1000).toFixed(0)} ms`;
}
