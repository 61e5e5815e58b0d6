import type { Contexts } from "../composing/context.ts";
import type { Engine } from "../engine/engine.ts";
import type { Catalog, Plan } from "../model.ts";
import type { TagMove } from "../moves.ts";
import type { Inputs } from "../planning/labels.ts";
import type { RegistryReader } from "../registry/registry.ts";
import { findBases } from "./bases.ts";
import type { BaseImage, Bases } from "./bases.ts";
import { inputsOf, openFiles, openInputs } from "./inputs.ts";
import type { InputsReader } from "./inputs.ts";
import { findReusable } from "./reuse.ts";
import { judgeMove } from "./rolling.ts";
import type { Judge } from "./rolling.ts";

/** What it takes to know what a run comes to before it builds. */
export interface Prospect {
  readonly root: string;
  readonly catalog: Catalog;
  readonly plan: Plan;
  /** Those that the run builds from; of its own by default. */
  readonly contexts?: Contexts;
  readonly push: boolean;
  /** Where the science images that the run does not build are looked for first. */
  readonly base: "local" | "registry";
  readonly engine: () => Promise<Engine>;
  readonly registry: RegistryReader;
}

/** What is known before the first build. */
export interface Foresight {
  /** The science images that the run takes as they are. */
  readonly taken: Bases;
  /** What goes into each step, by its id. */
  readonly inputs: ReadonlyMap<string, Inputs>;
  /** The images of the steps that need no build, since the registry has them: by id. */
  readonly reused: ReadonlyMap<string, BaseImage>;
}

/** Finds what a run is to build on, what goes into each step and what is published already. Refuses as each of these does. */
export async function lookAhead(prospect: Prospect): Promise<Foresight> {
  const { root, catalog, plan, contexts, push, base, engine, registry } = prospect;
  const taken = await findBases({ plan, catalog, engine, registry, first: base });
  const files = openFiles(root, catalog, contexts);
  if (!push) {
    const inputs = await readInputs(plan, openInputs(root, catalog, taken, files));
    return { taken, inputs, reused: new Map() };
  }
  const open = (reused: Bases) =>
    openInputs(root, catalog, (...layer) => reused(...layer) ?? taken(...layer), files);
  return { taken, ...(await findReusable(plan, open, registry)) };
}

/** The inputs of every step of a plan, by its id. */
export async function readInputs(plan: Plan, reader: InputsReader): Promise<ReadonlyMap<string, Inputs>> {
  const inputs = new Map<string, Inputs>();
  for (const step of plan.steps) inputs.set(step.id, await inputsOf(reader, step));
  return inputs;
}

/** Says of every tag of a plan what would become of it if the plan were published now; `named` as in a run. */
export async function foreseeMoves(
  {
    plan,
    named,
    judge,
  }: { readonly plan: Plan; readonly named: readonly (readonly [string, string])[]; readonly judge: Judge },
  reused: ReadonlyMap<string, BaseImage>,
): Promise<ReadonlyMap<string, readonly TagMove[]>> {
  const moves = plan.steps.map(async ({ id, tags }): Promise<[string, readonly TagMove[]]> => {
    const there = reused.get(id);
    const immutable: TagMove =
      there === undefined
        ? { tag: tags.immutable, kind: "new" }
        : { tag: there.name, kind: "same", from: there.digest };
    const further = named.flatMap(([tag, of]) => (of === tags.immutable ? [tag] : []));
    const moving = plan.build.dirty ? [] : [tags.rolling, ...further];
    const judged = moving.map(async (tag) =>
      Object.assign({ tag }, await judgeMove(judge, tag, there?.digest ?? "")),
    );
    return [id, [immutable, ...(await Promise.all(judged))]];
  });
  return new Map(await Promise.all(moves));
}
