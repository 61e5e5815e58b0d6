import { engineAt } from "../building/engine-at.ts";
import { openInputs } from "../building/inputs.ts";
import { foreseeMoves, lookAhead, readInputs } from "../building/look-ahead.ts";
import { readAncestry } from "../git/ancestry.ts";
import type { Outlook } from "../moves.ts";
import type { Inputs } from "../planning/labels.ts";
import type { Preview } from "./preview.ts";
import { openLogins, openRegistry } from "./registry.ts";
import type { Surroundings } from "./surroundings.ts";

/** How a plan is to be published, as far as it can be told before. */
export interface Publishing {
  readonly root: string;
  /** Where science images that are not built are looked for first. */
  readonly base: "local" | "registry";
  readonly forceRolling: boolean;
  /** Further tags for the releases, as pairs of a tag and the immutable tag whose image it gets. */
  readonly named: readonly (readonly [tag: string, immutable: string])[];
}

/** What goes into each step of a plan, as this checkout has it, whatever a registry holds. Reads every file of it. */
export async function inputsOutlook({ catalog, plan }: Preview, root: string): Promise<Outlook> {
  return { inputs: digestsOf(await readInputs(plan, openInputs(root, catalog))), moves: undefined };
}

/** What a plan would come to if it were published now. Asks the registry; writes nothing. Refuses where a run would. */
export async function publishOutlook(
  { catalog, plan }: Preview,
  { root, base, forceRolling, named }: Publishing,
  surroundings: Surroundings,
): Promise<Outlook> {
  const logins = await openLogins(surroundings);
  const registry = await openRegistry(surroundings, { logins });
  const docker = engineAt(surroundings.environment, catalog.conventions, logins, () => undefined);
  const engine = async () => (await docker()).engine;
  const { inputs, reused } = await lookAhead({ root, catalog, plan, push: true, base, engine, registry });
  const judge = {
    registry,
    force: forceRolling,
    ancestry: readAncestry(root, plan.build.commit),
  };
  return { inputs: digestsOf(inputs), moves: await foreseeMoves({ plan, named, judge }, reused) };
}

function digestsOf(inputs: ReadonlyMap<string, Inputs>): ReadonlyMap<string, string> {
  return new Map([...inputs].map(([id, { digest }]) => [id, digest]));
}
