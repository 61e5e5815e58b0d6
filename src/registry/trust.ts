import { readFile, readdir } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { type SecureContext, createSecureContext, rootCertificates } from "node:tls";
import { Refusal } from "../problem.ts";

/**
 * The private authorities and the client certificate for a host (`registry.example:5000`), kept where Docker has them:
 * a directory named as the host in `/etc/docker/certs.d`, in `certs.d` of the docker configuration (`DOCKER_CONFIG`,
 * `~/.docker`) or in that of a rootless engine (`~/.config/docker`). `*.crt` are authorities, trusted besides the
 * public ones; `NAME.cert` with `NAME.key` is shown to the host
 * (https://docs.docker.com/engine/security/certificates/). Undefined where there is none of these.
 */
export async function findTrust(
  host: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<SecureContext | undefined> {
  const home = environment["HOME"] || homedir();
  const directories = [
    "/etc/docker",
    environment["DOCKER_CONFIG"] || join(home, ".docker"),
    join(environment["XDG_CONFIG_HOME"] || join(home, ".config"), "docker"),
  ].map((directory) => join(directory, "certs.d", host));
  try {
    const files = (await Promise.all(directories.map(listFiles))).flat();
    const authorities = files.filter((file) => file.endsWith(".crt"));
    const clients = files.filter((file) => file.endsWith(".cert"));
    if (authorities.length === 0 && clients.length === 0) return undefined;
    // Authorities that are named replace Node's own, and those of NODE_EXTRA_CA_CERTS as well.
    const extra = environment["NODE_EXTRA_CA_CERTS"];
    const named = extra === undefined || extra === "" ? authorities : [extra, ...authorities];
    return createSecureContext({
      ca: [...rootCertificates, ...(await Promise.all(named.map((file) => readFile(file))))],
      cert: await Promise.all(clients.map((file) => readFile(file))),
      key: await Promise.all(clients.map((file) => readFile(file.replace(/\.cert$/, ".key")))),
    });
  } catch (error) {
    throw new Refusal({
      kind: "surroundings",
      message: `the certificates for ${host} cannot be used: ${error instanceof Error ? error.message : ""}`,
      hint: `put them right in ${directories.join(" or ")}: authorities as *.crt, a client's as NAME.cert and NAME.key`,
    });
  }
}

async function listFiles(directory: string): Promise<readonly string[]> {
  try {
    return (await readdir(directory)).sort().map((name) => join(directory, name));
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR"))
      return [];
    throw error;
  }
}
