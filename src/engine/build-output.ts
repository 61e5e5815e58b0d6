import { StringDecoder } from "node:string_decoder";
import { stripVTControlCharacters } from "node:util";
import { decodeTrace } from "./buildkit-trace.ts";
import type { Trace, Vertex } from "./buildkit-trace.ts";
import { textOf } from "./json.ts";
import type { EngineMessage } from "./messages.ts";

/** The output of a build, on its way from the engine's messages to lines for people. */
export interface BuildOutput {
  /** Throws where the message holds what cannot be read. */
  take(message: EngineMessage): void;
  /** Gives the lines that had no end yet. */
  flush(): void;
  /** The image's id, as soon as the engine has said it. */
  readonly imageId: string | undefined;
  /** The step that failed or, for the classic builder, the last one begun: `[2/3] RUN …` or `Step 2/3 : RUN …`. */
  readonly step: string | undefined;
}

/**
 * Turns messages of either builder into lines. BuildKit's are those of `docker build --progress=plain`: each step has
 * a number, and every line begins with it, since steps run side by side.
 */
export function buildOutput(onLine: (line: string) => void): BuildOutput {
  const classic = lineSplitter((line) => {
    if (/^Step \d+\/\d+ : /.test(line)) step = line;
    onLine(line);
  });
  const showTrace = tracePrinter(onLine, (name) => (step ??= name));
  let imageId: string | undefined;
  let step: string | undefined;
  return {
    take({ id, stream, status, count, aux }) {
      if (id === "moby.buildkit.trace" && typeof aux === "string") {
        showTrace(decodeTrace(Buffer.from(aux, "base64")));
        return;
      }
      if (aux !== undefined) imageId = textOf(aux, "ID") ?? imageId;
      if (stream !== undefined) classic.write(stream);
      if (status !== undefined && count === undefined) onLine(id === undefined ? status : `${id}: ${status}`);
    },
    flush: classic.end,
    get imageId() {
      return imageId;
    },
    get step() {
      return step;
    },
  };
}

interface Shown {
  readonly number: number;
  readonly output: LineSplitter;
  readonly decoder: StringDecoder;
  readonly parts: Set<string>;
  completed: boolean;
}

function tracePrinter(
  onLine: (line: string) => void,
  onFailure: (step: string) => void,
): (trace: Trace) => void {
  const shown = new Map<string, Shown>();

  function begin({ digest, name }: Vertex): Shown {
    const number = shown.size + 1;
    const output = lineSplitter((line) => onLine(`#${number} ${line}`));
    const begun = {
      number,
      output,
      decoder: new StringDecoder("utf8"),
      parts: new Set<string>(),
      completed: false,
    };
    shown.set(digest, begun);
    // The text of a heredoc comes with its line ends.
    onLine(`#${number} ${name.split("\n", 1)[0] ?? ""}`);
    return begun;
  }

  function complete(step: Shown, vertex: Vertex): void {
    step.output.write(step.decoder.end());
    step.output.end();
    step.completed = true;
    if (vertex.error !== "") {
      onLine(`#${step.number} ERROR: ${vertex.error}`);
      // What was stopped because another step failed is not the one to look at.
      if (!vertex.error.endsWith("context canceled")) onFailure(vertex.name);
    } else if (vertex.cached) onLine(`#${step.number} CACHED`);
    else onLine(`#${step.number} DONE ${((vertex.completed ?? 0) - (vertex.started ?? 0)).toFixed(1)}s`);
  }

  return ({ vertexes, statuses, logs }) => {
    for (const vertex of vertexes)
      if (vertex.started !== undefined && !shown.has(vertex.digest)) begin(vertex);
    for (const { vertex, id, completed } of statuses) {
      const step = shown.get(vertex);
      if (step === undefined || !completed || step.parts.has(id)) continue;
      step.parts.add(id);
      onLine(`#${step.number} ${id} done`);
    }
    for (const { vertex, bytes } of logs) {
      const step = shown.get(vertex);
      step?.output.write(step.decoder.write(Buffer.from(bytes)));
    }
    for (const vertex of vertexes) {
      const step = shown.get(vertex.digest);
      if (step !== undefined && vertex.completed !== undefined && !step.completed) complete(step, vertex);
    }
  };
}

interface LineSplitter {
  readonly write: (text: string) => void;
  readonly end: () => void;
}

/** A program that never ends its line must not fill the memory. In characters. */
const longestLine = 64 * 1024;

/** Cuts text into lines as a terminal would show them in the end: what a carriage return overwrote is left out. */
function lineSplitter(onLine: (line: string) => void): LineSplitter {
  let rest = "";
  const give = (line: string) => {
    const visible = line.replace(/\r+$/, "");
    onLine(stripVTControlCharacters(visible.slice(visible.lastIndexOf("\r") + 1)));
  };
  return {
    write(text) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) give(line);
      const returned = rest.replace(/\r+$/, "").lastIndexOf("\r");
      if (returned >= 0) rest = rest.slice(returned + 1);
      if (rest.length > longestLine) {
        give(rest);
        rest = "";
      }
    },
    end() {
      if (rest !== "") give(rest);
      rest = "";
    },
  };
}
