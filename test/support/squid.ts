/** Debian's squid: a proxy that connects to any port, and knows names that nobody else does. */
import { execFile, spawn } from "node:child_process";
import { chmod, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { eventually } from "./engine-room.ts";
import { listenOnLoopback } from "./loopback.ts";

/** A proxy that runs. */
interface Squid {
  /** `127.0.0.1:PORT` */
  readonly address: string;
  stop(): Promise<void>;
}

/** Starts one in a directory of its own, for one account and with further names for 127.0.0.1. */
export async function startSquid(
  directory: string,
  { username, password, names }: { username: string; password: string; names: readonly string[] },
): Promise<Squid> {
  const server = createServer();
  const port = await listenOnLoopback(server);
  await new Promise((done) => server.close(done));
  // It gives up root, and still has to read its files.
  await chmod(directory, 0o755);
  const [passwords, hosts, configuration] = ["passwords", "hosts", "squid.conf"].map((file) =>
    join(directory, file),
  ) as [string, string, string];
  await promisify(execFile)("htpasswd", ["-bc", passwords, username, password]);
  await writeFile(hosts, `127.0.0.1 ${names.join(" ")}\n`);
  const lines = [
    `http_port 127.0.0.1:${port}`,
    `hosts_file ${hosts}`,
    `auth_param basic program /usr/lib/squid/basic_ncsa_auth ${passwords}`,
    "auth_param basic children 1",
    "acl known proxy_auth REQUIRED",
    "acl forbidden dstdomain forbidden.test",
    "http_access deny forbidden",
    "http_access allow known",
    "http_access deny all",
    "cache deny all",
    "pid_filename none",
    "cache_log /dev/null",
    "access_log none",
    "pinger_enable off",
    "netdb_filename none",
    "shutdown_lifetime 0 seconds",
  ];
  await writeFile(configuration, `${lines.join("\n")}\n`);
  const squid = spawn("/usr/sbin/squid", ["-N", "-f", configuration], { stdio: "ignore" });
  const ended = new Promise<void>((done) => squid.once("exit", () => done()));
  await eventually(() =>
    fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    ),
  );
  return {
    address: `127.0.0.1:${port}`,
    async stop() {
      squid.kill();
      await ended;
    },
  };
}
