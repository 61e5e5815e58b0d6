import { findEngine } from "../engine/discover.ts";
import { connectDocker } from "../engine/docker.ts";
import type { DockerConnection } from "../engine/docker.ts";
import { retryingPulls } from "../engine/retry.ts";
import type { Conventions } from "../model.ts";
import type { Logins } from "../registry/credentials.ts";
import { readProxyArguments } from "../registry/docker-configuration.ts";
import { engineWithNamespace } from "./label-namespace.ts";

/** Gives what connects to the engine of an environment when it is first called: what needs none works without one. */
export function engineAt(
  environment: NodeJS.ProcessEnv,
  { labelNamespace }: Conventions,
  credentials: Logins,
  onRetry: (line: string) => void,
): () => Promise<DockerConnection> {
  let connecting: Promise<DockerConnection> | undefined;
  return () => {
    connecting ??= (async () => {
      const address = await findEngine(environment);
      const buildArgs = await readProxyArguments(environment, address.host);
      const docker = await connectDocker(address, { credentials, buildArgs });
      const engine = engineWithNamespace(docker.engine, labelNamespace);
      return { ...docker, engine: retryingPulls(engine, { onRetry }) };
    })();
    return connecting;
  };
}
