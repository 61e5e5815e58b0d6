/** Readers of JSON that came from outside, and may be anything. */

/** Bytes as a JSON object; undefined where they are none. */
export function parseRecord(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const document: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return isRecord(document) ? document : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a value is a JSON object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a value is a JSON string. */
export function isText(value: unknown): value is string {
  return typeof value === "string";
}
