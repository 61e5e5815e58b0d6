import type { Logins } from "../registry/credentials.ts";
import type { Registry } from "../registry/registry.ts";
import type { Surroundings } from "./surroundings.ts";

/** The logins of the docker configuration, each asked for once. Loaded when a command asks for them. */
export async function openLogins({ environment, progress }: Surroundings): Promise<Logins> {
  const { openCredentials } = await import("../registry/credentials.ts");
  return openCredentials(environment, (line) => progress(`${line}\n`));
}

/**
 * Opens the registries; `writesTo` is what the command writes below, if it does, and `logins` those that it uses elsewhere as
 * well. Loaded when a command asks for it.
 */
export async function openRegistry(
  surroundings: Surroundings,
  { writesTo, logins }: { readonly writesTo?: string | undefined; readonly logins?: Logins } = {},
): Promise<Registry> {
  const { conventions, environment, progress, signal } = surroundings;
  const [{ registryWithNamespace }, { connectRegistry }] = await Promise.all([
    import("../building/label-namespace.ts"),
    import("../registry/client.ts"),
  ]);
  const registry = connectRegistry({
    credentials: logins ?? (await openLogins(surroundings)),
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
