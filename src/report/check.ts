import type { Log, Result, Location } from "sarif";
import type { Finding } from "../finding.ts";
import { describeProblem } from "../problem.ts";
import { rules } from "../rules.ts";
import { counted, json } from "./text.ts";

/** A finding on one line: `file:line: warning: what — hint`; of an error without that word. */
export function findingLine(finding: Finding): string {
  const { severity, message } = finding;
  return describeProblem(severity === "error" ? finding : { ...finding, message: `${severity}: ${message}` });
}

/** How many of each severity there are: `1 warning, 2 notes`; `no problem found` of none. */
export function countFindings(findings: readonly Finding[]): string {
  const counts = (["error", "warning", "note"] as const).flatMap((severity) => {
    const number = findings.filter((finding) => finding.severity === severity).length;
    return number === 0 ? [] : [counted(number, severity)];
  });
  return counts.length === 0 ? "no problem found" : counts.join(", ");
}

/** The findings as JSON, as docs/check.schema.json has it; ends with a line break. */
export function findingsJson(findings: readonly Finding[]): string {
  const rows = findings.map(({ severity, rule, file, line, column, message, hint, related }) => {
    return { severity, rule, file, line, column, message, hint, related };
  });
  return json({ formatVersion: 1, findings: rows });
}

/** The findings as SARIF 2.1.0, which code hosts show at the lines; `version` is that of the tool. Ends with a line break. */
export function findingsSarif(findings: readonly Finding[], version: string): string {
  const ids = Object.keys(rules);
  const log: Log = {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: {
          driver: {
            name: "image-builder",
            version,
            rules: Object.entries(rules).map(([id, text]) => ({ id, shortDescription: { text } })),
          },
        },
        columnKind: "utf16CodeUnits",
        results: findings.map((finding): Result => {
          const { rule, severity, message, hint, related } = finding;
          return {
            ruleId: rule,
            ruleIndex: ids.indexOf(rule),
            level: severity,
            message: { text: hint === undefined ? message : `${message} — ${hint}` },
            locations: locate(finding),
            ...(related === undefined ? {} : { relatedLocations: locate(related) }),
          };
        }),
      },
    ],
  };
  return json(log);
}

function locate({ file, line, column }: Pick<Finding, "file" | "line" | "column">): Location[] {
  if (file === undefined) return [];
  const uri = file.split("/").map(encodeURIComponent).join("/");
  const region =
    line === undefined
      ? undefined
      : { startLine: line, ...(column === undefined ? {} : { startColumn: column }) };
  const artifactLocation = { uri, uriBaseId: "%SRCROOT%" };
  return [{ physicalLocation: { artifactLocation, ...(region === undefined ? {} : { region }) } }];
}
