import { findEngine } from "../engine/discover.ts";
import { connectDocker } from "../engine/docker.ts";
import type { DockerConnection } from "../engine/docker.ts";
import { retryingPushes } from "../engine/retry.ts";
import type { Conventions } from "../model.ts";
import { openCredentials } from "../registry/credentials.ts";
import { engineWithNamespace } from "./label-namespace.ts";

/** Gives what connects to the engine of an environment when it is first called: what needs none works without one. */
export function engineAt(
  environment: NodeJS.ProcessEnv,
  { labelNamespace }: Conventions,
  onRetry: (line: string) => void,
): () => Promise<DockerConnection> {
  let connecting: Promise<DockerConnection> | undefined;
  return () => {
    connecting ??= (async () => {
      const docker = await connectDocker(await findEngine(environment), {
        credentials: openCredentials(environment),
      });
      const engine = engineWithNamespace(docker.engine, labelNamespace);
      return { ...docker, engine: retryingPushes(engine, { onRetry }) };
    })();
    return connecting;
  };
}
