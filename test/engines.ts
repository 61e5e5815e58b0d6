/**
 * Runs the whole flow, and on Docker the engine and publish tests, on other engines than the one of `npm test`: Docker and
 * Podman of newer Debian releases, each with what it needs in a root directory below `.image-builder/`. Ends with a table. It needs root.
 */
import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { startEngineOf } from "./support/engines.ts";
import type { EngineKind } from "./support/engines.ts";
import {
  busyboxImage as base,
  checkout,
  ensureBusybox,
  engineVariable,
  installPackages,
  platformVariable,
  privateFolder,
  runVariable,
  sharedRegistry,
  stopAllStarted,
} from "./support/platform.ts";

const kinds: Readonly<Record<string, EngineKind>> = {
  "docker-26": { release: "trixie", program: "docker" },
  "docker-28": { release: "sid", program: "docker" },
  "docker-28-containerd": { release: "sid", program: "docker", store: "containerd" },
  "podman-4": { program: "podman" },
  "podman-5.4": { release: "trixie", program: "podman" },
  "podman-5.8": { release: "sid", program: "podman" },
  "docker-26-containerd": { release: "trixie", program: "docker", store: "containerd" },
};
/** Of all files, those that build and push on the shared engine; Podman's builder has its own words for much of that. */
const files = {
  docker: ["engine/whole-flow", "engine/build", "engine/push", "building/run", "building/publish-faults"],
  podman: ["engine/whole-flow", "building/run"],
};

process.chdir(checkout);
process.env[runVariable] = String(process.pid);
process.exitCode = await main(process.argv.slice(2));

async function main(names: readonly string[]): Promise<number> {
  const unknown = names.filter((name) => !(name in kinds));
  if (unknown.length > 0) {
    console.log(`Unknown: ${unknown.join(", ")}. The engines: ${Object.keys(kinds).join(", ")}`);
    return 2;
  }
  await installPackages(["docker-registry", "busybox-static", "git", "iproute2", "iptables"], "the tests");
  if (spawnSync("npm", ["run", "--silent", "build"], { stdio: "inherit" }).status !== 0) return 1;
  const rows: string[] = [];
  let failed = 0;
  for (const [name, kind] of Object.entries(kinds)) {
    if (names.length > 0 && !names.includes(name)) continue;
    for (const [file, passed, total] of await testOn(name, kind)) {
      if (passed < total || total === 0) failed += 1;
      rows.push(`${name.padEnd(22)} ${file.padEnd(26)} ${passed} of ${total}`);
    }
  }
  console.log(`\n${rows.join("\n")}`);
  return failed === 0 ? 0 : 1;
}

/** Runs the files on one engine; gives how many tests of each passed. */
async function testOn(
  name: string,
  kind: EngineKind,
): Promise<[file: string, passed: number, total: number][]> {
  console.log(`\n== ${name}`);
  await mkdir(join(privateFolder, "engines"), { recursive: true });
  const directory = await mkdtemp(join(privateFolder, "engines", "e"));
  const registry = await sharedRegistry();
  const engine = await startEngineOf(kind, directory);
  await ensureBusybox(engine.dockerHost);
  const { dockerHost } = engine;
  const env = {
    ...process.env,
    NO_COLOR: "1",
    DOCKER_HOST: dockerHost,
    [platformVariable]: JSON.stringify({ dockerHost, registry, base }),
    [engineVariable]: JSON.stringify(kind),
  };
  try {
    // Docker 26 with containerd's store builds nothing: the first file says so.
    const lost = kind.release === "trixie" && kind.store === "containerd";
    return files[kind.program].slice(0, lost ? 1 : undefined).map((file) => {
      const command = ["--import", "tsx", `test/${file}.test.ts`];
      const { stdout, stderr } = spawnSync(process.execPath, command, { env, encoding: "utf8" });
      const [, total = 0, passed = 0] =
        /^ {2}Total: +(\d+)\n {2}Passed: +(\d+)\n/m.exec(stdout)?.map(Number) ?? [];
      console.log(`${passed === total && total > 0 ? "ok  " : "FAIL"} ${passed}/${total} ${file}`);
      if (passed < total || total === 0) console.log(stdout + stderr);
      return [file, passed, total];
    });
  } finally {
    await engine.stop();
    await rm(directory, { recursive: true, force: true });
    await stopAllStarted(process.env[runVariable]);
  }
}
