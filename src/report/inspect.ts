import type {
  Comparison,
  Foundation,
  InspectedLayer,
  Inspection,
  LayerSince,
  NamedBase,
} from "../published.ts";
import { table } from "./table.ts";
import { counted, minuteText, missingCommit, printable, sizeText } from "./text.ts";

/**
 * An inspection for people: the facts of the image, then its layers as a tree. `namespace` is that of the labels which were
 * read. Ends with a line break.
 */
export function inspectionText(inspection: Inspection, namespace: string): string {
  const { reference, digest, size, compressed, platform, base, checkout, layers } = inspection;
  const facts = [
    ["digest", digest],
    ["size", `${sizeText(size)}, ${compressed ? "compressed" : "unpacked"}`],
    ["platform", platform],
    ["built on", builtOnText(base)],
    ...(checkout === null ? [] : [["checkout", comparisonText(checkout)]]),
  ];
  return `${reference}\n\n${table(facts)}\n${layers.length === 0 ? untold(namespace) : tree(inspection)}`;
}

function untold(namespace: string): string {
  return `No labels below ${namespace}: built by something else, or under another labelNamespace.\n`;
}

function builtOnText(base: NamedBase | null): string {
  if (base === null) return "unknown: the image does not say";
  return base.digest === null ? `${baseText(base)} (digest not recorded)` : baseText(base);
}

function baseText({ name, digest }: NamedBase): string {
  return printable(digest === null ? name : `${name} ${digest}`);
}

function comparisonText({ verdict, lacks }: Comparison): string {
  switch (verdict) {
    case null:
      return "the catalog has no such image and version";
    case "same":
      return "up to date";
    case "differs":
      return "out of date: this checkout would build it differently";
    case "unknown":
      return missingCommit(lacks ?? "");
  }
}

function tree({ layers, foundation, checkout }: Inspection): string {
  const head = ["LAYER", "VERSION", "STAMP", "BUILT", ...(checkout === null ? [] : ["SINCE THEN"])];
  const rows = layers.map((layer, depth) => [
    branch(depth, `${layer.kind === "science" ? "sci" : "rel"}/${printable(layer.name)}`),
    layer.version,
    layer.stamp,
    minuteText(layer.time),
    ...(layer.checkout === null ? [] : [sinceText(layer.version, layer.checkout)]),
  ]);
  // No row of the table: a long reference would move every column.
  const last = foundation === null ? "" : `${branch(layers.length, foundationText(foundation))}\n`;
  return table([head, ...rows]) + last + missingCommits(layers);
}

function branch(depth: number, text: string): string {
  return depth === 0 ? text : `${"   ".repeat(depth - 1)}└─ ${text}`;
}

function foundationText({ from, ...base }: Foundation): string {
  return from === "image" ? baseText(base) : `${baseText(base)} (as this checkout has it)`;
}

function sinceText(version: string, since: LayerSince): string {
  switch (since.kind) {
    case "gone":
      return "not in the catalog any more";
    case "unknown":
      return "this clone lacks the commit";
    case "known": {
      const changes = changesText(since);
      return since.version === version ? changes : `version ${since.version} now; ${changes}`;
    }
  }
}

function changesText({ commits, differing, paths, leadsHere }: LayerSince & { kind: "known" }): string {
  const elsewhere = leadsHere ? "" : "; its commit does not lead to the one checked out";
  if (commits === 0 && differing === 0) return `unchanged${elsewhere}`;
  const count = commits === 0 ? "no commit" : counted(commits, "commit");
  return `${count}, ${differingText(differing, paths)}${elsewhere}`;
}

/** Enough to recognise the change; the JSON has more. */
function differingText(differing: number, paths: readonly string[]): string {
  const shown = paths.slice(0, 3).map(printable).join(", ");
  if (differing === 0) return "no file differs";
  if (differing > 3) return `${shown} and ${differing - 3} more differ`;
  return `${shown} ${differing === 1 ? "differs" : "differ"}`;
}

function missingCommits(layers: readonly InspectedLayer[]): string {
  const missing = layers.flatMap(({ commit, checkout }) =>
    checkout?.kind === "unknown" ? [commit.slice(0, 7)] : [],
  );
  if (missing.length === 0) return "";
  const names = [...new Set(missing)].join(", ");
  return `\nThis clone lacks ${names}; git fetch, or git fetch --unshallow in a shallow clone, may bring it.\n`;
}
