import { execFileSync } from "node:child_process";

/** A case as junitparser of Debian's python3-junitparser reads it. */
export interface ReadCase {
  readonly classname: string;
  readonly name: string;
  readonly seconds: number;
  /** `Failure`, `Error` or `Skipped`; none of a case that passed. */
  readonly results: readonly {
    readonly kind: string;
    readonly message: string | null;
    readonly text: string | null;
  }[];
  readonly output: string | null;
}

/** A JUnit file as that reader has it: the counts that its only suite claims, and its cases. */
export interface ReadSuite {
  readonly tests: number;
  readonly failures: number;
  readonly errors: number;
  readonly skipped: number;
  readonly properties: Readonly<Record<string, string>>;
  readonly cases: readonly ReadCase[];
}

const script = `
import json, sys
from junitparser import JUnitXml
[suite] = JUnitXml.fromfile(sys.argv[1])
print(json.dumps({
  "tests": suite.tests, "failures": suite.failures, "errors": suite.errors, "skipped": suite.skipped,
  "properties": {p.name: p.value for p in suite.properties()},
  "cases": [{
    "classname": case.classname, "name": case.name, "seconds": case.time, "output": case.system_out,
    "results": [{"kind": type(r).__name__, "message": r.message, "text": r.text} for r in case.result],
  } for case in suite],
}))`;

/** Reads a JUnit file; throws where it is none. */
export function readJunit(file: string): ReadSuite {
  // That of Debian, which its packages are for.
  return JSON.parse(execFileSync("/usr/bin/python3", ["-c", script, file], { encoding: "utf8" }));
}
