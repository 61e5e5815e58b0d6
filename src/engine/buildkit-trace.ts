/**
 * Reads `moby.buildkit.trace`: the protobuf message `StatusResponse` of BuildKit's api/services/control/control.proto.
 * Only the fields that a log needs; others, older or newer, are skipped as protobuf has it.
 */

/** A step of a build, as far as it has come. Times are in seconds since the epoch. */
export interface Vertex {
  readonly digest: string;
  readonly name: string;
  readonly cached: boolean;
  readonly started: number | undefined;
  readonly completed: number | undefined;
  readonly error: string;
}

/** A part of a step, such as a layer that is pulled. */
export interface VertexStatus {
  readonly id: string;
  readonly vertex: string;
  readonly completed: boolean;
}

/** A piece of a step's output; it can end anywhere, within a character too. */
export interface VertexLog {
  readonly vertex: string;
  readonly bytes: Uint8Array;
}

/** What happened in a build since the trace before. */
export interface Trace {
  readonly vertexes: readonly Vertex[];
  readonly statuses: readonly VertexStatus[];
  readonly logs: readonly VertexLog[];
}

/** Decodes a trace; throws a RangeError for bytes that are not one. */
export function decodeTrace(bytes: Uint8Array): Trace {
  const { messages } = readFields(bytes);
  return {
    vertexes: (messages.get(1) ?? []).map(vertexOf),
    statuses: (messages.get(2) ?? []).map(statusOf),
    logs: (messages.get(3) ?? []).map(logOf),
  };
}

function vertexOf(bytes: Uint8Array): Vertex {
  const fields = readFields(bytes);
  return {
    digest: text(fields, 1),
    name: text(fields, 3),
    cached: fields.numbers.get(4) === 1,
    started: time(fields, 5),
    completed: time(fields, 6),
    error: text(fields, 7),
  };
}

function statusOf(bytes: Uint8Array): VertexStatus {
  const fields = readFields(bytes);
  return { id: text(fields, 1), vertex: text(fields, 2), completed: fields.messages.has(8) };
}

function logOf(bytes: Uint8Array): VertexLog {
  const fields = readFields(bytes);
  return { vertex: text(fields, 1), bytes: fields.messages.get(4)?.at(-1) ?? new Uint8Array() };
}

function text({ messages }: Fields, field: number): string {
  return Buffer.from(messages.get(field)?.at(-1) ?? []).toString("utf8");
}

function time({ messages }: Fields, field: number): number | undefined {
  const stamp = messages.get(field)?.at(-1);
  if (stamp === undefined) return undefined;
  const { numbers } = readFields(stamp);
  return (numbers.get(1) ?? 0) + (numbers.get(2) ?? 0) / 1e9;
}

interface Fields {
  readonly numbers: ReadonlyMap<number, number>;
  /** Texts, bytes and messages, which look the same on the wire; every occurrence of each. */
  readonly messages: ReadonlyMap<number, readonly Uint8Array[]>;
}

/** The wire format, see https://protobuf.dev/programming-guides/encoding. */
function readFields(bytes: Uint8Array): Fields {
  const numbers = new Map<number, number>();
  const messages = new Map<number, Uint8Array[]>();
  let position = 0;
  const varint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[position++];
      if (byte === undefined) throw new RangeError("the trace is cut off");
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (position < bytes.length) {
    const key = varint();
    const field = Math.floor(key / 8);
    switch (key % 8) {
      case 0:
        numbers.set(field, varint());
        break;
      case 1:
        position += 8;
        break;
      case 2: {
        const length = varint();
        if (position + length > bytes.length) throw new RangeError("the trace is cut off");
        const occurrences = messages.get(field) ?? [];
        occurrences.push(bytes.subarray(position, position + length));
        messages.set(field, occurrences);
        position += length;
        break;
      }
      case 5:
        position += 4;
        break;
      default:
        throw new RangeError("the trace has an unknown wire type");
    }
  }
  return { numbers, messages };
}
