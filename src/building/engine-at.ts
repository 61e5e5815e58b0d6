import { findEngine } from "../engine/discover.ts";
import { connectDocker } from "../engine/docker.ts";
import type { DockerConnection } from "../engine/docker.ts";
import { retryingPushes } from "../engine/retry.ts";
import { openCredentials } from "../registry/credentials.ts";

/** Gives what connects to the engine of an environment when it is first called: what needs none works without one. */
export function engineAt(
  environment: NodeJS.ProcessEnv,
  onRetry: (line: string) => void,
): () => Promise<DockerConnection> {
  let connecting: Promise<DockerConnection> | undefined;
  return () => {
    connecting ??= (async () => {
      const docker = await connectDocker(await findEngine(environment), {
        credentials: openCredentials(environment),
      });
      return { ...docker, engine: retryingPushes(docker.engine, { onRetry }) };
    })();
    return connecting;
  };
}
