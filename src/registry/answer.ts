import { type IncomingHttpHeaders, STATUS_CODES } from "node:http";
import { Refusal } from "../problem.ts";
import { isRecord, isText, parseRecord } from "./json.ts";

/** The answer to a request, whatever its status. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

const longestText = 300;

/** A text from outside on one line: no control characters, no secret, at most 300 characters. */
export function printable(text: string, secrets: ReadonlySet<string>): string {
  let clean = text;
  for (const secret of secrets) clean = clean.replaceAll(secret, "***");
  clean = clean.replaceAll(/[\p{C}\p{Z}]+/gu, " ").trim();
  return clean.length > longestText ? `${clean.slice(0, longestText)}…` : clean;
}

/** The status of an answer and what the registry says of it: `403 Forbidden: DENIED: access is denied`. */
export function describeAnswer(answer: Answer, secrets: ReadonlySet<string>): string {
  const status = `${answer.status} ${STATUS_CODES[answer.status] ?? ""}`.trim();
  const said = printable(sayings(answer.body).join("; "), secrets);
  return said === "" ? status : `${status}: ${said}`;
}

/** What becomes of an answer that is not the one that was asked for. `registry` is the one to log in to. */
export function refusalOf(
  answer: Answer,
  what: string,
  registry: string,
  secrets: ReadonlySet<string>,
): Refusal {
  const { status } = answer;
  const message = `cannot ${what}: the registry says ${describeAnswer(answer, secrets)}`;
  if (status === 401 || status === 403) {
    const hint = `run "docker login ${registry}" with an account that may do this`;
    return new Refusal({ kind: "failure", message, hint });
  }
  if (status >= 500 || status === 429) {
    const hint = "the registry has a problem or is too busy: run this again later";
    return new Refusal({ kind: "surroundings", message, hint });
  }
  return new Refusal({ kind: status >= 400 ? "failure" : "surroundings", message });
}

/** An answer that no registry should give. */
export function garbled(what: string, because: string): Refusal {
  return new Refusal({ kind: "surroundings", message: `cannot ${what}: ${because}` });
}

/** The errors in the way of the OCI distribution spec ("Error Codes"), or that of a token service (RFC 6749, 5.2). */
function sayings(body: Buffer): readonly string[] {
  const document = parseRecord(body);
  if (document === undefined) return [];
  const errors = Array.isArray(document["errors"]) ? document["errors"].filter(isRecord) : [document];
  return errors.flatMap((error) => {
    const parts = [
      error["code"],
      error["error"],
      error["message"],
      error["details"],
      error["error_description"],
    ];
    const text = parts.filter((part) => isText(part) && part !== "").join(": ");
    return text === "" ? [] : [text];
  });
}
