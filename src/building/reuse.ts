import type { Step } from "../model.ts";
import { inputsLabel } from "../planning/labels.ts";
import type { Inputs } from "../planning/labels.ts";
import { Refusal } from "../problem.ts";
import type { Problem } from "../problem.ts";
import type { RegistryReader } from "../registry/registry.ts";
import { see } from "./seen.ts";

/**
 * The steps whose immutable tag is in the registry already and was made from the same inputs: by id, the digest there.
 * Refuses with every immutable tag that holds something else, since those never change.
 */
export async function findReusable(
  steps: readonly Step[],
  inputs: ReadonlyMap<string, Inputs>,
  registry: RegistryReader,
): Promise<ReadonlyMap<string, string>> {
  const problems: Problem[] = [];
  const reusable = new Map<string, string>();
  await Promise.all(
    steps.map(async ({ id, tags }) => {
      const there = await see(registry, tags.immutable);
      if (there === undefined) return;
      const found = there.labels[inputsLabel];
      if (found !== undefined && found === inputs.get(id)?.digest) reusable.set(id, there.digest);
      else problems.push(occupied(id, tags.immutable, found));
    }),
  );
  if (problems.length > 0) throw new Refusal(...problems);
  return reusable;
}

function occupied(id: string, reference: string, found: string | undefined): Problem {
  const holds =
    found === undefined
      ? "an image whose inputs nobody knows"
      : `an image of other inputs (${found.slice(0, 19)}…)`;
  return {
    kind: "failure",
    message: `${id}: ${reference} is in the registry and holds ${holds}; an immutable tag is never overwritten`,
    hint: reference.endsWith("-dirty")
      ? "commit what was changed: a new commit gives a new tag"
      : "a new commit gives a new tag: git commit --allow-empty",
  };
}
