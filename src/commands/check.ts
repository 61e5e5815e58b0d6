import packageFile from "../../package.json" with { type: "json" };
import { readFragments } from "../composing/fragment.ts";
import { lintLinks } from "../composing/links.ts";
import { lintInstructions, lintOverrides, lintStack } from "../composing/lint.ts";
import { layOver, openListings } from "../composing/listing.ts";
import type { LayerListing } from "../composing/listing.ts";
import { readCatalog } from "../definitions/catalog.ts";
import { asFinding } from "../finding.ts";
import type { Finding } from "../finding.ts";
import type { Catalog } from "../model.ts";
import { exitCodeOf, exitCodes, Refusal } from "../problem.ts";
import { countFindings, findingLine, findingsJson, findingsSarif } from "../report/check.ts";
import { counted } from "../report/text.ts";
import { annotate } from "./annotate.ts";
import type { Surroundings } from "./surroundings.ts";

/** What is checked and how it is told, as the command line gives it. */
export interface CheckSettings {
  readonly root: string;
  readonly repo: string;
  readonly format: "text" | "json" | "sarif";
}

/**
 * `image-builder check`: reads every definition, composes every compat layer with what it includes, and lists what would
 * go into each build. Needs neither git nor an engine. Gives the exit code: 0 where nothing worse than a warning is found.
 */
export async function check(
  { root, repo, format }: CheckSettings,
  surroundings: Surroundings,
): Promise<number> {
  const { catalog, problems } = readCatalog(root, repo);
  const findings = catalog === undefined ? problems.map(asFinding) : await inspect(root, catalog);
  const errors = findings.filter(({ severity }) => severity === "error");
  const [first] = errors;
  const code = exitCodeOf(errors);
  // What cannot be read at all is no finding, but a mistake of the command line.
  if (format !== "text" && code !== exitCodes.usage) {
    surroundings.out(
      format === "json" ? findingsJson(findings) : findingsSarif(findings, packageFile.version),
    );
    return code;
  }
  const remarks = findings.filter(({ severity }) => severity !== "error");
  for (const remark of remarks) surroundings.progress(`${findingLine(remark)}\n`);
  await annotate(remarks, root, surroundings);
  if (catalog === undefined || first !== undefined) throw new Refusal(...errors);
  const { science, compat, finals } = catalog;
  const releases = [...finals].filter((directory) => science.get(directory)?.retired === false);
  const counts = [
    counted(science.size, "science layer"),
    counted(compat.size, "compat layer"),
    counted(releases.length, "release"),
  ];
  surroundings.out(`${counts.join(", ")}: ${countFindings(findings)}\n`);
  return 0;
}

/** Everything that is to be said of a valid catalog, by file and line. */
async function inspect(root: string, catalog: Catalog): Promise<readonly Finding[]> {
  const { science, compat, stacks, conventions, warnings } = catalog;
  // What two stacks share is said once.
  const found = new Map<string, Finding>();
  const add = (findings: readonly Finding[]) => {
    for (const finding of findings) found.set(findingLine(finding), finding);
  };
  for (const warning of warnings) add([{ ...warning, kind: "definition", severity: "warning" }]);
  const list = openListings(root, conventions.ignoreFiles);
  for (const { directory, dockerfile } of science.values()) {
    add(lintInstructions(directory, dockerfile));
    const { listed, problems } = await list(directory);
    add(problems.map(asFinding));
    add(lintLinks(listed));
  }
  for (const { directory, fragment } of compat.values()) {
    add(lintInstructions(directory, fragment));
    add(lintLinks((await list(directory)).listed));
  }
  for (const names of stacks.values()) {
    const stack = names.flatMap((name) => {
      const { directory, fragment } = compat.get(name) ?? {};
      if (directory === undefined || fragment === undefined) return [];
      const includes = (stacks.get(name) ?? []).filter((other) => other !== name);
      return { directory, fragment, includes: new Set(includes.map((other) => `compat/${other}`)) };
    });
    const fragments = stack.map(({ directory, fragment: text }) => ({ directory, text }));
    add(readFragments(fragments).problems.map(asFinding));
    add(lintStack(stack));
    const listings: LayerListing[] = [];
    for (const { directory } of stack) listings.push(await list(directory));
    const { overrides, problems } = layOver(listings);
    add(problems.map(asFinding));
    add(lintOverrides(stack, overrides));
  }
  return [...found.values()].sort(byPlace);
}

function byPlace(a: Finding, b: Finding): number {
  if (a.file !== b.file) return (a.file ?? "") < (b.file ?? "") ? -1 : 1;
  return (a.line ?? 0) - (b.line ?? 0);
}
