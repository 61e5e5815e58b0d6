import type { Registry } from "../registry/registry.ts";
import type { Surroundings } from "./surroundings.ts";

/**
 * Opens the registries, with the logins of the docker configuration; `writesTo` is what the command writes below, if it does.
 * Loaded when a command asks for it.
 */
export async function openRegistry(surroundings: Surroundings, writesTo?: string): Promise<Registry> {
  const { conventions, environment, progress, signal } = surroundings;
  const [{ registryWithNamespace }, { connectRegistry }, { openCredentials }] = await Promise.all([
    import("../building/label-namespace.ts"),
    import("../registry/client.ts"),
    import("../registry/credentials.ts"),
  ]);
  const registry = connectRegistry({
    credentials: openCredentials(environment),
    environment,
    signal,
    ...(writesTo !== undefined && { writesTo }),
    onRetry: ({ what, reason, attempt, wait }) =>
      progress(
        `could not ${what}: ${reason}; trying again in ${(wait / 1000).toFixed(1)} s (attempt ${attempt + 1})\n`,
      ),
  });
  return registryWithNamespace(registry, conventions.labelNamespace);
}
