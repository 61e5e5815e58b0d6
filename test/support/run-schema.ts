import fs from "node:fs";
import path from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import type { RunReport } from "../../src/report/run-report.ts";

const schema: object = JSON.parse(
  fs.readFileSync(path.join(import.meta.dirname, "../../docs/run.schema.json"), "utf8"),
);
const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(schema);

/** Reads a `--report` in JSON; throws where its published schema does not allow it. */
export function readReport(file: string): RunReport {
  const report: RunReport = JSON.parse(fs.readFileSync(file, "utf8"));
  if (!validate(report)) throw new Error(JSON.stringify(validate.errors));
  return report;
}
