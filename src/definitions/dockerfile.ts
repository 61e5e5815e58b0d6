import { createRequire } from "node:module";
import type * as DockerfileAst from "dockerfile-ast";
import { continued, escapeCharacter, instructions, shellWords } from "../instructions.ts";
import type { Instruction } from "../instructions.ts";
import type { Base } from "../model.ts";
import type { Problem } from "../problem.ts";
import { parseReference } from "../reference.ts";
import type { Rule } from "../rules.ts";

const require = createRequire(import.meta.url);

/** A place in a Dockerfile that names an image, before it is known whose image that is. */
export type NamedImage = Omit<Base, "layer">;

/** What a Dockerfile, or a fragment of one, takes from other images, and all that is wrong with how it says so. */
export interface DockerfileReading {
  readonly images: readonly NamedImage[];
  readonly problems: readonly Problem[];
}

/**
 * Reads what a Dockerfile builds on: `FROM`, `COPY --from=` and `RUN --mount=…,from=`, with `ARG`s resolved and
 * stages told from images as the Dockerfile reference has it. `file` is only for the problems.
 */
export function readDockerfile(text: string, file: string): DockerfileReading {
  const escape = escapeCharacter(text);
  const reader = new ImageReader(text, escape, file);
  const args = new Map<string, Expansion>();
  let early: Instruction | undefined;
  for (const instruction of instructions(text, escape)) {
    reader.checkEnd(instruction);
    if (instruction.keyword === "FROM") reader.readFrom(instruction, args);
    else if (reader.stages > 0) reader.readSources(instruction);
    else if (instruction.keyword === "ARG") reader.readArgs(instruction, args);
    else early ??= instruction;
  }
  if (reader.stages === 0) {
    reader.report(
      "invalid-from",
      1,
      "has no FROM",
      "begin with the image it builds on, e.g. FROM debian:bookworm-slim",
    );
  } else if (early !== undefined) {
    reader.report(
      "invalid-from",
      early.line,
      `${early.keyword} stands before the first FROM`,
      "only ARG may stand there; move it below",
    );
  }
  return reader.result();
}

/** Reads what a compat fragment takes from images. It stands on its science layer, so a `FROM` in it is a problem. */
export function readFragment(text: string, file: string): DockerfileReading {
  const escape = escapeCharacter(text);
  const reader = new ImageReader(text, escape, file);
  for (const instruction of instructions(text, escape)) {
    reader.checkEnd(instruction);
    if (instruction.keyword === "FROM") {
      const hint = "take it out: a compat layer is laid on the science layers that name it";
      reader.report("fragment-source", instruction.line, "FROM in a compat fragment", hint);
    } else reader.readSources(instruction);
  }
  return reader.result();
}

// ---- Variables

/** What a word with variables in it comes to. */
interface Expansion {
  /** Undefined for an `ARG` without a default. */
  readonly value: string | undefined;
  /** Why it has no value that could be known before the build. */
  readonly failure?: string;
  /** It takes more than is good for whoever expands it. */
  readonly excessive?: true;
  /** The variables in it that have no value, which Docker takes for empty. */
  readonly unset: readonly string[];
}

const platformArgs = /^(?:BUILD|TARGET)(?:PLATFORM|OS|ARCH|VARIANT|STAGE)$/;

/** More than a name can hold, and less than what doubles with every ARG could fill memory with. */
const longestValue = 16_384;
const deepestSubstitution = 100;
const tooLong = `its value is longer than ${longestValue} characters`;

/** Expands a word as BuildKit's shell lexer does: quotes, escapes, `$x`, `${x}` and `${x:-y}` with its kin. */
function expand(word: string, args: ReadonlyMap<string, Expansion>, escape: string): Expansion {
  let at = 0;
  let failure: string | undefined;
  let excessive = false;
  let depth = 0;
  const unset = new Set<string>();

  const fail = (reason: string): string => {
    failure ??= reason;
    at = word.length;
    return "";
  };
  const exceed = (reason: string): string => {
    excessive ||= failure === undefined;
    return fail(reason);
  };
  const lookUp = (name: string): string | undefined => {
    if (platformArgs.test(name)) return fail(`${name} depends on the platform it is built for`);
    const found = args.get(name);
    if (found?.failure !== undefined) return fail(found.failure);
    found?.unset.forEach((other) => unset.add(other));
    return found?.value;
  };
  const readName = (): string => {
    const name = /[a-zA-Z_]\w*|\d+/y;
    name.lastIndex = at;
    const match = name.exec(word)?.[0] ?? "";
    at += match.length;
    return match;
  };
  const variable = (): string => {
    at += 1;
    if (word[at] !== "{") {
      const name = readName();
      if (name === "") return "$";
      const value = lookUp(name);
      if (value === undefined) unset.add(name);
      return value ?? "";
    }
    at += 1;
    const name = readName();
    const operator = /:?[-+?]|\}/y;
    operator.lastIndex = at;
    const sign = operator.exec(word)?.[0];
    if (name === "" || sign === undefined)
      return fail(`"${word}" uses a substitution that is not understood`);
    at += sign.length;
    const value = lookUp(name);
    if (sign === "}") {
      if (value === undefined) unset.add(name);
      return value ?? "";
    }
    // What the alternative leaves unset only matters where the alternative is taken.
    const before = new Set(unset);
    depth += 1;
    const alternative =
      depth > deepestSubstitution
        ? exceed(`it nests substitutions more than ${deepestSubstitution} deep`)
        : run("}");
    depth -= 1;
    const given = value !== undefined && !(sign.startsWith(":") && value === "");
    const taken = sign.endsWith("+") ? given : !given;
    if (!taken) {
      unset.clear();
      before.forEach((other) => unset.add(other));
    }
    if (sign.endsWith("+")) return given ? alternative : "";
    if (given) return value;
    return sign.endsWith("?")
      ? fail(`${name}: ${alternative === "" ? "is not set" : alternative}`)
      : alternative;
  };
  const quoted = (quote: string): string => {
    let inner = "";
    at += 1;
    while (at < word.length && word[at] !== quote) {
      const next = word[at + 1] ?? "";
      if (quote === '"' && word[at] === "$") inner += variable();
      else if (quote === '"' && word[at] === escape && (next === '"' || next === "$" || next === escape)) {
        inner += next;
        at += 2;
      } else {
        inner += word[at] ?? "";
        at += 1;
      }
    }
    if (at >= word.length) return fail(`${word} leaves a quote open`);
    at += 1;
    return inner;
  };
  const run = (stop: string): string => {
    let result = "";
    while (at < word.length && word[at] !== stop) {
      const character = word[at] ?? "";
      if (result.length > longestValue) return exceed(tooLong);
      if (character === "$") result += variable();
      else if (character === '"' || character === "'") result += quoted(character);
      else {
        if (character === escape) at += 1;
        result += word[at] ?? "";
        at += 1;
      }
    }
    if (stop !== "") {
      if (at >= word.length) return fail(`"${word}" lacks a closing brace`);
      at += 1;
    }
    return result;
  };

  const value = run("");
  if (value.length > longestValue) exceed(tooLong);
  if (failure === undefined) return { value, unset: [...unset] };
  return { value: "", failure, unset: [], ...(excessive ? { excessive } : {}) };
}

// ---- Images

/** A stage: its name in lower case, and the image it finally stands on, if it is one. */
interface Stage {
  readonly name: string | undefined;
  readonly image: number | undefined;
}

/** A name without a tag that is taken for an image, as no stage before has it. */
interface PlainName {
  readonly place: string;
  readonly text: string;
  readonly line: number;
  /** How many stages there were. */
  readonly stages: number;
}

/** Collects the images that a Dockerfile names. A class since every instruction adds to stages, images and problems. */
class ImageReader {
  readonly #text: string;
  readonly #escape: string;
  readonly #file: string;
  readonly #stages: Stage[] = [];
  /** By its name, the last stage that has it. */
  readonly #named = new Map<string, number>();
  readonly #plainNames: PlainName[] = [];
  readonly #images: NamedImage[] = [];
  readonly #problems: Problem[] = [];

  constructor(text: string, escape: string, file: string) {
    this.#text = text;
    this.#escape = escape;
    this.#file = file;
  }

  get stages(): number {
    return this.#stages.length;
  }

  result(): DockerfileReading {
    for (const { place, text, line, stages } of this.#plainNames) {
      if ((this.#named.get(text) ?? -1) < stages) continue;
      const hint = `move that stage up, or write docker.io/library/${text} for the image`;
      this.report("invalid-stage", line, `${place}${text} names a later stage`, hint);
    }
    const last = this.#stages.at(-1)?.image;
    const images = this.#images.map((image, index) => (index === last ? { ...image, final: true } : image));
    return { images, problems: this.#problems };
  }

  report(rule: Rule, line: number, message: string, hint: string): void {
    this.#problems.push({ kind: "definition", rule, file: this.#file, line, message, hint });
  }

  checkEnd({ unterminated, line }: Instruction): void {
    if (unterminated === undefined) return;
    this.report(
      "unterminated-heredoc",
      line,
      `the here-document <<${unterminated} has no end`,
      `add a line that holds only ${unterminated}`,
    );
  }

  /** Adds the `ARG`s of one instruction to those before it, which its defaults may use. */
  readArgs({ text, line }: Instruction, args: Map<string, Expansion>): void {
    for (const word of shellWords(text, this.#escape)) {
      const equals = word.indexOf("=");
      const name = equals < 0 ? word : word.slice(0, equals);
      const read = equals < 0 ? undefined : expand(word.slice(equals + 1), args, this.#escape);
      args.set(name, read ?? { value: undefined, unset: [] });
      if (read?.excessive === true)
        this.report("unresolved-base", line, `ARG ${name}: ${read.failure}`, "write a shorter default");
    }
  }

  readFrom(instruction: Instruction, args: ReadonlyMap<string, Expansion>): void {
    const { words } = this.#parse(instruction);
    const [image, as, name] = words;
    const named = words.length === 3 && as?.text.toLowerCase() === "as";
    if (image === undefined || (words.length !== 1 && !named)) {
      this.report(
        "invalid-from",
        instruction.line,
        "FROM takes one image",
        "write FROM image, or FROM image AS name",
      );
      this.#stages.push({ name: undefined, image: undefined });
      return;
    }
    const base = this.#resolveFrom(image, args);
    const stage = named ? name?.text.toLowerCase() : undefined;
    if (stage !== undefined && !/^[a-z][a-z0-9_.-]*$/.test(stage)) {
      const hint = "begin it with a letter; then letters, digits, _ . and -";
      this.report("invalid-stage", instruction.line, `a stage cannot be named ${name?.text}`, hint);
    }
    if (stage !== undefined) this.#named.set(stage, this.#stages.length);
    this.#stages.push({ name: stage, image: base });
  }

  /** Reads `COPY --from=` and `RUN --mount=…,from=`. */
  readSources(instruction: Instruction): void {
    const { keyword, text, line } = instruction;
    if (keyword === "ONBUILD" && /^COPY\s+[^]*--from=|^RUN\s+[^]*--mount=\S*\bfrom=/i.test(text)) {
      const hint = "put it into the Dockerfiles of those layers, where its source can be followed";
      this.report("onbuild-source", line, "ONBUILD takes from an image in the builds of other layers", hint);
    }
    if (!text.startsWith("--") || (keyword !== "COPY" && keyword !== "RUN")) return;
    for (const { name, start, end, line: at } of this.#parse(instruction).flags) {
      const value = this.#unfoldWithPlaces(start, end);
      const word = (part: string, index: number): Word => {
        const [from, to] = [value.placeOf(index), value.placeOf(index + part.length - 1) + 1];
        return { text: part, start: from, end: to, line: at };
      };
      if (keyword === "COPY" && name === "from") {
        const bare = /^(["']?)([^]*)\1$/.exec(value.text)?.[2] ?? value.text;
        this.#addSource("COPY --from=", word(bare, (value.text.length - bare.length) / 2));
      }
      if (keyword === "RUN" && name === "mount") {
        this.#checkMount(value.text, at);
        for (const match of value.text.matchAll(/(?<=^|[,"'])(from=)([^,"'\s]*)/gi))
          this.#addSource("RUN --mount from=", word(match[2] ?? "", match.index + "from=".length));
      }
    }
  }

  /** A build gets neither: the engine would end it at this line. */
  #checkMount(value: string, line: number): void {
    const type = /(?:^|[,"'])type=(secret|ssh)(?=$|[,"'])/i.exec(value)?.[1]?.toLowerCase();
    if (type === undefined) return;
    const what = type === "ssh" ? "no ssh agent" : "no secrets";
    const hint = "fetch what needs it before the build, and COPY the files";
    this.report("unsupported-mount", line, `RUN --mount=type=${type}: builds get ${what}`, hint);
  }

  #resolveFrom(word: Word, args: ReadonlyMap<string, Expansion>): number | undefined {
    const { value = "", failure, unset } = expand(word.text, args, this.#escape);
    if (failure !== undefined) {
      const hint =
        "name the image itself, or give the ARG before FROM a default that can be known before the build";
      this.report("unresolved-base", word.line, `the base ${word.text} cannot be resolved: ${failure}`, hint);
      return undefined;
    }
    const lower = value.toLowerCase();
    const stage = this.#stages[this.#named.get(lower) ?? -1];
    if (stage !== undefined) {
      // BuildKit takes a base for a stage only where it is written as it keeps the names of stages.
      if (value !== lower) {
        const message = `FROM ${value} is not the stage ${lower}: after FROM the names of stages are in lower case`;
        this.report("invalid-stage", word.line, message, `write FROM ${lower}`);
      }
      return stage.image;
    }
    if (value === "scratch") return undefined;
    if (parseReference(value) === undefined) {
      const [name] = unset;
      if (name === undefined) this.#reportReference(word.line, value);
      else {
        const why = args.has(name)
          ? `ARG ${name} has no default`
          : `no ARG ${name} stands before the first FROM`;
        const hint = `give it one before FROM: ARG ${name}=…`;
        this.report("unresolved-base", word.line, `the base ${word.text} cannot be resolved: ${why}`, hint);
      }
      return undefined;
    }
    this.#plainNames.push({
      place: "FROM ",
      text: value,
      line: word.line,
      stages: this.#stages.length + 1,
    });
    return this.#add(word, value);
  }

  #addSource(place: string, word: Word): void {
    const { text, line } = word;
    if (text === "" || text === "scratch") return;
    if (text.includes("$")) {
      const hint = `make a stage for it: FROM ${text} AS source, and name that`;
      this.report("invalid-reference", line, `${place}${text}: a variable cannot stand there`, hint);
      return;
    }
    // The last stage is the one being built; only those before it can be taken from.
    const current = this.#stages.length - 1;
    if (/^\d+$/.test(text)) {
      if (place.startsWith("COPY") && Number(text) < current) return;
      const hint = "name the stage: FROM … AS name";
      this.report("invalid-stage", line, `${place}${text} is the number of no earlier stage`, hint);
      return;
    }
    const stage = this.#named.get(text.toLowerCase());
    if (stage !== undefined && stage === current) {
      const hint = `name an earlier stage, or write docker.io/library/${text.toLowerCase()} for the image`;
      this.report("invalid-stage", line, `${place}${text} names its own stage`, hint);
    } else if (stage === undefined) {
      if (parseReference(text) === undefined) this.#reportReference(line, text);
      else {
        this.#plainNames.push({ place, text, line, stages: this.#stages.length });
        this.#add(word, text);
      }
    }
  }

  #reportReference(line: number, text: string): void {
    const hint = "write [registry/]name[:tag][@digest], the name in lower case";
    this.report("invalid-reference", line, `"${text}" is no image reference`, hint);
  }

  #add({ start, end, line }: Word, reference: string): number {
    return this.#images.push({ start, end, line, reference, final: false }) - 1;
  }

  /** The flags and the other words of one instruction, by dockerfile-ast, with their places in the whole text. */
  #parse({ start, end, line }: Instruction): { flags: readonly Flag[]; words: readonly Word[] } {
    const written = this.#text.slice(start, end);
    // Nearly every FROM is as plain as this, and read without the parser a thousand of them take half the time.
    const plain = /^(FROM[ \t]+)((?!-)[\w./:@-]+)(?:([ \t]+)(AS)([ \t]+)([\w.-]+))?$/i.exec(written);
    if (plain !== null) {
      const words: Word[] = [];
      let offset = start;
      for (const [index, text = ""] of plain.slice(1).entries()) {
        if (index % 2 === 1 && text !== "")
          words.push({ text, start: offset, end: offset + text.length, line });
        offset += text.length;
      }
      return { flags: [], words };
    }
    const directive = this.#escape === "`" ? "# escape=`\n" : "";
    // dockerfile-ast splits at blanks inside quotes, and takes a lone carriage return for a line end.
    const source = written
      .replaceAll(/\r(?!\n)/g, " ")
      .replaceAll(/"[^"]*"|'[^']*'/g, (quoted) => quoted.replaceAll(/[ \t](?![ \t]*\r?\n)/g, "_"));
    // Loaded when a Dockerfile needs it: most have neither flags nor variables where images are named.
    const { DockerfileParser }: typeof DockerfileAst = require("dockerfile-ast");
    const [parsed] = DockerfileParser.parse(directive + source).getInstructions();
    const lineStarts = [0];
    for (const match of source.matchAll(/\n/g)) lineStarts.push(match.index + 1);
    const linesBefore = directive === "" ? 0 : 1;
    const place = (range: AstRange) => {
      const offsetOf = (at: AstPosition) => start + (lineStarts[at.line - linesBefore] ?? 0) + at.character;
      return {
        start: offsetOf(range.start),
        end: offsetOf(range.end),
        line: line + range.start.line - linesBefore,
      };
    };
    const flags: Flag[] = [];
    const words: Word[] = [];
    let flagsEnd = start;
    for (const flag of hasFlags(parsed) ? parsed.getFlags() : []) {
      const whole = place(flag.getRange());
      // It goes on past the first word that is no flag; Docker does not.
      const between = this.#unfold(this.#text.slice(flagsEnd, whole.start)).trim();
      if (flagsEnd === start ? /\s/.test(between) : between !== "") break;
      flagsEnd = whole.end;
      const value = flag.getValueRange();
      if (value !== null) flags.push({ name: flag.getName(), ...place(value) });
    }
    for (const argument of parsed?.getArguments() ?? []) {
      const at = place(argument.getRange());
      words.push({ text: this.#unfold(this.#text.slice(at.start, at.end)), ...at });
    }
    return { flags, words };
  }

  /** Takes continuations, and the comments and empty lines between them, out of a piece of an instruction. */
  #unfold(piece: string): string {
    if (!piece.includes("\n")) return piece;
    const lines = piece.split("\n").filter((line, index) => index === 0 || !/^\s*(?:#|$)/.test(line));
    return lines.map((line) => continued(line, this.#escape) ?? line).join("");
  }

  /** The same of a place in the text, and where each character of the result stands. */
  #unfoldWithPlaces(start: number, end: number): { text: string; placeOf: (index: number) => number } {
    const piece = this.#text.slice(start, end);
    if (!piece.includes("\n")) return { text: piece, placeOf: (index) => start + index };
    const places: number[] = [];
    let text = "";
    let at = start;
    for (const line of piece.split("\n")) {
      const kept = at > start && /^\s*(?:#|$)/.test(line) ? "" : (continued(line, this.#escape) ?? line);
      for (let index = 0; index < kept.length; index += 1) places.push(at + index);
      text += kept;
      at += line.length + 1;
    }
    return { text, placeOf: (index) => places[index] ?? end };
  }
}

interface Place {
  readonly start: number;
  readonly end: number;
  readonly line: number;
}

interface Word extends Place {
  readonly text: string;
}

/** A flag with the place of its value. */
interface Flag extends Place {
  readonly name: string;
}

type ParsedInstruction = ReturnType<
  ReturnType<typeof DockerfileAst.DockerfileParser.parse>["getInstructions"]
>[number];
type AstRange = ReturnType<ParsedInstruction["getRange"]>;
type AstPosition = AstRange["start"];

interface ParsedFlag {
  getName(): string;
  getRange(): AstRange;
  getValueRange(): AstRange | null;
}

function hasFlags(
  parsed: ParsedInstruction | undefined,
): parsed is ParsedInstruction & { getFlags(): ParsedFlag[] } {
  return parsed !== undefined && "getFlags" in parsed;
}
