import { type IncomingHttpHeaders, STATUS_CODES } from "node:http";
import { Refusal } from "../problem.ts";
import { rateLimitHint, saysRateLimit } from "../rate-limit.ts";
import { isRecord, isText, parseRecord } from "./json.ts";

/** The answer to a request, whatever its status. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** An answer that was broken off, as it is longer than anything that was asked for. */
export class Oversized extends Refusal {
  readonly headers: IncomingHttpHeaders;

  constructor(what: string, limit: number, headers: IncomingHttpHeaders) {
    const message = `cannot ${what}: the answer is larger than ${limit / 1024 / 1024} MiB`;
    super({ kind: "surroundings", message, hint: "see what is stored there: it is no image" });
    this.headers = headers;
  }
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
  const said = printable(sayings(answer).join("; "), secrets);
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
  if (isRateLimit(answer))
    return new Refusal({ kind: "surroundings", message, hint: rateLimitHint(registry) });
  if (status === 401 || status === 403) {
    const hint = `run "docker login ${registry}" with an account that may do this`;
    return new Refusal({ kind: "failure", message, hint });
  }
  if (status >= 500) {
    const hint = "the registry has a problem or is too busy: run this again later";
    return new Refusal({ kind: "surroundings", message, hint });
  }
  return new Refusal({ kind: status >= 400 ? "failure" : "surroundings", message });
}

/** Whether a registry has been asked too much: GitHub and others say that by 403, and in words. */
export function isRateLimit({ status, body }: Answer): boolean {
  return status === 429 || (status === 403 && saysRateLimit(body.toString("utf8", 0, 2048)));
}

/** An answer that no registry should give. */
export function garbled(what: string, because: string): Refusal {
  return new Refusal({ kind: "surroundings", message: `cannot ${what}: ${because}` });
}

/** The errors in the way of the OCI distribution spec ("Error Codes"), or that of a token service (RFC 6749, 5.2), or plain text. */
function sayings({ headers, body }: Answer): readonly string[] {
  const document = parseRecord(body);
  if (document === undefined)
    return headers["content-type"]?.startsWith("text/plain") === true ? [body.toString()] : [];
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
