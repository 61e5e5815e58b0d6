import { defaultConventions } from "../conventions.ts";
import type { Engine } from "../engine/engine.ts";
import type { Registry } from "../registry/registry.ts";

type Labels = Readonly<Record<string, string>>;

const { labelNamespace: usual } = defaultConventions;

/**
 * The engine, with images whose labels are below another namespace than the default one. Everything else goes on speaking
 * of the default one: labels are renamed on their way out and in.
 */
export function engineWithNamespace(engine: Engine, namespace: string): Engine {
  if (namespace === usual) return engine;
  return {
    ...engine,
    build: (request) => engine.build({ ...request, labels: rename(request.labels, usual, namespace) }),
    inspect: async (reference) => {
      const facts = await engine.inspect(reference);
      return facts && { ...facts, labels: readLabels(facts.labels, namespace) };
    },
  };
}

/** The registry, likewise. */
export function registryWithNamespace(registry: Registry, namespace: string): Registry {
  if (namespace === usual) return registry;
  return {
    ...registry,
    config: async (reference, platform) => {
      const config = await registry.config(reference, platform);
      return config && { ...config, labels: readLabels(config.labels, namespace) };
    },
  };
}

/** Labels of the default namespace are those of another platform then, whose image this one stands on. */
function readLabels(labels: Labels, namespace: string): Labels {
  const foreign = ([label]: readonly [string, string]) =>
    label.startsWith(`${usual}.`) && !label.startsWith(`${namespace}.`);
  const own = Object.entries(labels).filter((entry) => !foreign(entry));
  return rename(Object.fromEntries(own), namespace, usual);
}

function rename(labels: Labels, from: string, to: string): Labels {
  return Object.fromEntries(
    Object.entries(labels).map(([label, value]) => [
      label.startsWith(`${from}.`) ? `${to}${label.slice(from.length)}` : label,
      value,
    ]),
  );
}
