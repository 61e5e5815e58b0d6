import Builder from "fast-xml-builder";
import { describeProblem } from "../problem.ts";
import { stampOf } from "./plan.ts";
import { tagFailures } from "./run-report.ts";
import type { RunReport, StepReport } from "./run-report.ts";

/**
 * A report as JUnit XML, as Jenkins and GitLab read it: a case for each step, and one for the run where that itself has
 * problems.
 */
export function junit(report: RunReport): string {
  const xml = new Builder({
    ignoreAttributes: false,
    attributeNamePrefix: "@",
    format: true,
    suppressEmptyNode: true,
    attributeValueProcessor: (_, value) => legal(String(value)),
    tagValueProcessor: (_, value) => legal(String(value)),
  });
  return xml.build(document(report));
}

function document(report: RunReport): unknown {
  const { steps, problems, repo, build, ref } = report;
  const cases = [...steps.map(stepCase), ...(problems.length > 0 ? [runCase(report)] : [])];
  const counts = {
    "@tests": cases.length,
    "@failures": cases.filter((each) => "failure" in each).length,
    "@errors": cases.filter((each) => "error" in each).length,
    "@time": report.seconds.toFixed(3),
  };
  const facts = {
    repo,
    commit: build?.commit,
    stamp: build === null ? null : stampOf({ build }),
    ref,
    result: report.result,
  };
  const properties = Object.entries(facts).flatMap(([name, value]) =>
    value === undefined || value === null ? [] : [{ "@name": name, "@value": value }],
  );
  return {
    "?xml": { "@version": "1.0", "@encoding": "UTF-8" },
    testsuites: {
      "@name": "image-builder",
      ...counts,
      testsuite: {
        "@name": "image-builder",
        ...counts,
        "@skipped": cases.filter((each) => "skipped" in each).length,
        // Without a time zone, as the format has it: UTC.
        "@timestamp": report.started.slice(0, 19),
        properties: { property: properties },
        testcase: cases,
      },
    },
  };
}

/** Readers take what stands before the last dot of a class name for its package. */
function stepCase(step: StepReport): object {
  return {
    "@classname": `image-builder.${step.kind}`,
    "@name": step.id,
    "@time": (step.seconds ?? 0).toFixed(3),
    ...outcome(step),
    ...made(step),
  };
}

function outcome(step: StepReport): object {
  const { result, output } = step;
  if (result === "skipped" || result === "cancelled" || result === "planned") {
    const why = step.blockedBy === null ? "" : `: needs ${step.blockedBy}`;
    return { skipped: { "@message": `${result}${why}` } };
  }
  const problems = [...step.problems.map(describeProblem), ...tagFailures(step)];
  if (result !== "failed" && problems.length === 0) return {};
  const text = [...problems, ...(output.length > 0 ? ["", ...output] : [])].join("\n");
  return {
    failure: { "@type": result === "failed" ? "build" : "tags", "@message": problems[0], "#text": text },
  };
}

function made({ tags, cached }: StepReport): object {
  const cache = cached === true ? ["built from the cache: nothing ran"] : [];
  const lines = tags.flatMap(({ reference, state, digest }) =>
    state === "published" || state === "local" ? [`${state} ${reference} ${digest ?? ""}`.trimEnd()] : [],
  );
  const all = cache.concat(lines);
  return all.length === 0 ? {} : { "system-out": all.join("\n") };
}

function runCase({ result, problems }: RunReport): object {
  const lines = problems.map(describeProblem);
  return {
    "@classname": "image-builder.run",
    "@name": "run",
    "@time": "0.000",
    error: { "@type": result, "@message": lines[0], "#text": lines.join("\n") },
  };
}

/** Without the characters that XML 1.0 has no way to write (section 2.2, production 2). */
function legal(text: string): string {
  return text.replaceAll(/[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu, "");
}
