import packageFile from "../../package.json" with { type: "json" };
import { readFragments } from "../composing/fragment.ts";
import { lintLinks } from "../composing/links.ts";
import { lintInstructions, lintOverrides, lintStack } from "../composing/lint.ts";
import { layOver, openListings } from "../composing/listing.ts";
import type { LayerListing } from "../composing/listing.ts";
import { readCatalog } from "../definitions/catalog.ts";
import type { FoundTexts } from "../definitions/catalog.ts";
import { asFinding } from "../finding.ts";
import type { Finding } from "../finding.ts";
import { exitCodeOf, exitCodes, Refusal } from "../problem.ts";
import type { Problem } from "../problem.ts";
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
  const { catalog, problems, found } = readCatalog(root, repo);
  const findings = problems
    .map(asFinding)
    .concat(found === undefined ? [] : await inspect(root, found, problems));
  findings.sort(byPlace);
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

/** Everything that is to be said of layers beyond the problems that are known. */
async function inspect(
  root: string,
  { dockerfiles, compat, stacks, conventions, warnings }: FoundTexts,
  problems: readonly Problem[],
): Promise<readonly Finding[]> {
  const known = new Set(problems.map(placeOf));
  // What two stacks share is said once, and of a place only the first mistake.
  const found = new Map<string, Finding>();
  const add = (findings: readonly Finding[]) => {
    for (const finding of findings)
      if (finding.severity !== "error" || !known.has(placeOf(finding)))
        found.set(findingLine(finding), finding);
  };
  for (const warning of warnings) add([{ ...warning, kind: "definition", severity: "warning" }]);
  const list = openListings(root, conventions.ignoreFiles);
  for (const [directory, dockerfile] of dockerfiles) {
    add(lintInstructions(directory, dockerfile));
    const { listed, problems: own } = await list(directory);
    add(own.map(asFinding));
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
    const { overrides, problems: met } = layOver(listings);
    add(met.map(asFinding));
    add(lintOverrides(stack, overrides));
  }
  return [...found.values()];
}

function placeOf({ file, line }: Problem): string {
  return `${file}:${line}`;
}

function byPlace(a: Finding, b: Finding): number {
  if (a.file !== b.file) return (a.file ?? "") < (b.file ?? "") ? -1 : 1;
  return (a.line ?? 0) - (b.line ?? 0);
}
