import type { Catalog, Difference, Reason } from "../model.ts";
import type { Left } from "../why.ts";
import { withBases } from "./graph.ts";
import { releaseId } from "./plan.ts";
import type { Finding } from "./status.ts";

/** What the registry lacks or holds otherwise than the checkout would make it. */
export interface Staleness {
  /** By the id of the step that would mend it. */
  readonly reasons: ReadonlyMap<string, Reason>;
  /** Rolling tags that somebody took back: they are left as they are. */
  readonly held: readonly string[];
  /** Rolling tags that are left as they are since this clone lacks a commit that they were built from, with that commit. */
  readonly unknown: ReadonlyMap<string, string>;
}

/** Judges what a survey of the registry has found: what is to be built, and what is to be left. */
export function judgeStale(findings: readonly Finding[], catalog: Catalog): Staleness {
  const reasons = new Map<string, Reason>();
  const held = new Map<string, string>();
  const unknown = new Map<string, string>();
  for (const finding of findings) {
    const { kind, layer, reference, published, verdict } = finding;
    if (finding.retired) continue;
    const id = kind === "science" ? layer.directory : releaseId(layer);
    if (published === null || verdict === null) reasons.set(id, { kind: "unpublished" });
    else if (verdict.kind === "same" && !finding.replaced) continue;
    else if (finding.held) held.set(id, reference);
    else if (finding.replaced) reasons.set(id, stale("image"));
    else if (verdict.kind === "unknown") unknown.set(reference, verdict.commit);
    else if (verdict.kind === "differs") reasons.set(id, stale(verdict.in));
  }
  for (const id of onHeld(catalog, reasons, held)) reasons.delete(id);
  return { reasons, held: [...held.values()].sort(), unknown };
}

/** Why a rolling tag is left as it is; undefined where it is as the checkout would make it. */
export function whyLeft(reference: string, { held, unknown }: Staleness): Left | undefined {
  const commit = unknown.get(reference);
  if (commit !== undefined) return { kind: "unknown", commit };
  return held.includes(reference) ? { kind: "rolled-back" } : undefined;
}

function stale(differs: Difference): Reason {
  return { kind: "stale", differs: [differs] };
}

/** What differs in nothing but a base that was rolled back: built again, it would stand on the same one. */
function onHeld(
  catalog: Catalog,
  reasons: ReadonlyMap<string, Reason>,
  held: ReadonlyMap<string, string>,
): readonly string[] {
  const standsOnHeld = (directory: string) =>
    [...withBases(catalog, [directory])].some((below) => held.has(below));
  const directories = new Map(
    [...catalog.science.values()].flatMap((layer) => [
      [layer.directory, layer.directory] as const,
      [releaseId(layer), layer.directory] as const,
    ]),
  );
  return [...reasons].flatMap(([id, reason]) => {
    const inBaseAlone = reason.kind === "stale" && reason.differs.every((what) => what === "base");
    return inBaseAlone && standsOnHeld(directories.get(id) ?? "") ? [id] : [];
  });
}
