/** Readers of JSON that came from outside, and may be anything. */

/** No manifest, configuration or answer of a registry comes near this. */
const deepest = 100;
const [quote, backslash, openBracket, closeBracket, openBrace, closeBrace] = Buffer.from('"\\[]{}');

/** Bytes as a JSON object; undefined where they are none, or nested so deep that nobody means it. */
export function parseRecord(bytes: Uint8Array): Record<string, unknown> | undefined {
  if (isDeep(bytes)) return undefined;
  try {
    const document: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return isRecord(document) ? document : undefined;
  } catch {
    return undefined;
  }
}

/** JSON.parse takes a hundred times the memory of a text that is nothing but opening brackets. */
function isDeep(bytes: Uint8Array): boolean {
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === quote) quoted = !quoted;
    else if (quoted) at += byte === backslash ? 1 : 0;
    else if (byte === openBracket || byte === openBrace) depth += 1;
    else if (byte === closeBracket || byte === closeBrace) depth -= 1;
    if (depth > deepest) return true;
  }
  return false;
}

/** Whether a value is a JSON object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a value is a JSON string. */
export function isText(value: unknown): value is string {
  return typeof value === "string";
}
