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
  /** Whether the cache gave all that the build's RUN, COPY and ADD make, and there is at least one of these. */
  readonly cached: boolean;
}

/** A step that makes files, in the words of BuildKit, of Docker's classic builder or of Podman's. */
const makesFiles =
  /^(?:\[(?:[^\]]+ )?\d+\/\d+\] |Step \d+\/\d+ : |(?:\[\d+\/\d+\] )?STEP \d+\/\d+: )(?:RUN|COPY|ADD)\b/i;
const classicStep = /^(?:Step \d+\/\d+ : |(?:\[\d+\/\d+\] )?STEP \d+\/\d+: )/;

/**
 * Turns messages of either builder into lines. BuildKit's are those of `docker build --progress=plain`: each step has
 * a number, and every line begins with it, since steps run side by side.
 */
export function buildOutput(onLine: (line: string) => void): BuildOutput {
  const classic = lineSplitter((line) => {
    // Right after the step: further down it could be what a program prints.
    if (step === lastLine && /^\s*--+> Using cache\b/.test(line)) endStep(true);
    if (classicStep.test(line)) {
      endStep(false);
      step = line;
      open = makesFiles.test(line);
    }
    lastLine = line;
    onLine(line);
  });
  const showTrace = tracePrinter(onLine, {
    failed: (name) => (step ??= name),
    done: ({ name, cached }) => makesFiles.test(name) && addMade(cached),
  });
  let imageId: string | undefined;
  let step: string | undefined;
  let lastLine: string | undefined;
  /** A classic step has begun, and it is not seen yet whether it comes from the cache. */
  let open = false;
  const made = { cached: 0, anew: 0 };
  function addMade(cached: boolean): void {
    made[cached ? "cached" : "anew"] += 1;
  }
  function endStep(cached: boolean): void {
    if (open) addMade(cached);
    open = false;
  }
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
    flush() {
      classic.end();
      endStep(false);
    },
    get imageId() {
      return imageId;
    },
    get step() {
      return step;
    },
    get cached() {
      return made.anew === 0 && made.cached > 0;
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
  tell: { readonly failed: (step: string) => void; readonly done: (step: Vertex) => void },
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
      if (!vertex.error.endsWith("context canceled")) tell.failed(vertex.name);
      return;
    }
    tell.done(vertex);
    if (vertex.cached) onLine(`#${step.number} CACHED`);
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
