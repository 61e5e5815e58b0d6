import { StringDecoder } from "node:string_decoder";
import { propertyOf, textOf } from "./json.ts";

/** One line of the engine's answer to a build, pull or push, as the Engine API has it; absent parts are undefined. */
export interface EngineMessage {
  /** What kind of `aux` it carries, or the layer that `status` is about. */
  readonly id: string | undefined;
  /** Output of the classic builder. */
  readonly stream: string | undefined;
  readonly status: string | undefined;
  /** What a status that will be repeated counts, mostly bytes; 0 for what it does not say. */
  readonly count: { readonly current: number; readonly total: number } | undefined;
  readonly error: string | undefined;
  readonly aux: unknown;
}

/**
 * Reads an answer of the engine line by line. Throws where the stream breaks, a line is not JSON, or the stream ends
 * within a line: all of these mean that the engine went away.
 */
export async function* readMessages(stream: AsyncIterable<Uint8Array>): AsyncGenerator<EngineMessage> {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.write(Buffer.from(chunk))).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") yield parseMessage(line);
  }
  if (rest.trim() !== "") yield parseMessage(rest);
}

function parseMessage(line: string): EngineMessage {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new Error(`it answered what is not JSON: ${line.slice(0, 200)}`);
  }
  const counted = propertyOf(value, "progressDetail");
  return {
    id: textOf(value, "id"),
    stream: textOf(value, "stream"),
    status: textOf(value, "status"),
    count:
      typeof counted === "object" && counted !== null && Object.keys(counted).length > 0
        ? {
            current: Number(propertyOf(counted, "current") ?? 0),
            total: Number(propertyOf(counted, "total") ?? 0),
          }
        : undefined,
    error: textOf(propertyOf(value, "errorDetail"), "message") ?? textOf(value, "error"),
    aux: propertyOf(value, "aux"),
  };
}
