/** An instruction with its continuation lines, without the here-documents that follow it. */
export interface Instruction {
  /** In capitals. */
  readonly keyword: string;
  /** Offsets of its first character and of the one after its last. */
  readonly start: number;
  readonly end: number;
  readonly line: number;
  /** What follows the keyword, as one line, without continuations and comments. */
  readonly text: string;
  /** The text is over, but its last line says that it goes on. */
  readonly open: boolean;
  /** The word that a here-document waits for in vain. */
  readonly unterminated: string | undefined;
  /** The offset of the line after it and its here-documents. */
  readonly next: number;
}

/** The escape directive's character; directives are the first lines, and end with the first other line. */
export function escapeCharacter(text: string): string {
  const directive = /[ \t]*#[ \t]*([a-zA-Z][a-zA-Z0-9]*)[ \t]*=[ \t]*(\S[^\r\n]*?)[ \t]*(?:\r?\n|$)/y;
  directive.lastIndex = text.startsWith("\uFEFF") ? 1 : 0;
  for (let match = directive.exec(text); match !== null; match = directive.exec(text)) {
    const name = match[1]?.toLowerCase();
    if (name === "escape") return match[2] === "`" ? "`" : "\\";
    if (name !== "syntax" && name !== "check") break;
  }
  return "\\";
}

/**
 * The instructions of a Dockerfile, split as BuildKit splits them. dockerfile-ast is not asked for this: it takes
 * `<<EOF` inside quotes for a here-document and so swallows what follows, misses `3<<EOF`, and reads every argument
 * of every `RUN`, which is most of the time a thousand Dockerfiles take.
 */
export function* instructions(text: string, escape: string): Generator<Instruction> {
  let at = text.startsWith("\uFEFF") ? 1 : 0;
  let line = 0;
  const nextLine = (): string => {
    const newline = text.indexOf("\n", at);
    const content = text.slice(at, newline < 0 ? text.length : newline);
    at = newline < 0 ? text.length : newline + 1;
    line += 1;
    return content;
  };
  while (at < text.length) {
    const lineStart = at;
    let content = nextLine();
    const first = content.trimStart();
    if (first === "" || first.startsWith("#")) continue;
    const start = lineStart + content.length - first.length;
    const startLine = line;
    const pieces: string[] = [];
    let end = lineStart + content.trimEnd().length;
    let open = false;
    for (;;) {
      const piece = continued(content, escape);
      pieces.push(piece ?? content);
      if (piece === undefined) break;
      open = true;
      while (at < text.length) {
        const from = at;
        content = nextLine();
        const trimmed = content.trim();
        if (trimmed === "" || trimmed.startsWith("#")) continue;
        end = from + content.trimEnd().length;
        open = false;
        break;
      }
      if (open) break;
    }
    const { keyword, rest } = splitKeyword(pieces.join("").trim());
    let unterminated: string | undefined;
    for (const { word, tabs } of hereDocuments(keyword, rest, escape)) {
      let body: string | undefined;
      while (at < text.length && body !== word) {
        body = nextLine().replace(/\r$/, "");
        if (tabs) body = body.replace(/^\t+/, "");
      }
      if (body !== word) unterminated ??= word;
    }
    yield {
      keyword,
      start,
      end,
      line: startLine,
      text: rest,
      open,
      unterminated,
      next: at,
    };
  }
}

/**
 * What a line holds before the escape character that continues it; undefined for one that ends. Only blanks and tabs may follow that character:
 * after any other white space it continues nothing. Doubled it stands for itself.
 */
export function continued(line: string, escape: string): string | undefined {
  let last = line.length - 1;
  if (line[last] === "\r") last -= 1;
  while (line[last] === " " || line[last] === "\t") last -= 1;
  return line[last] === escape && line[last - 1] !== escape ? line.slice(0, last) : undefined;
}

/** White space of other alphabets ends no keyword. */
function splitKeyword(instruction: string): { readonly keyword: string; readonly rest: string } {
  const [keyword = ""] = /^[^\t\v\f\r ]*/.exec(instruction) ?? [];
  return { keyword: keyword.toUpperCase(), rest: instruction.slice(keyword.length).trim() };
}

/** The here-documents that an instruction opens, by BuildKit's rule: a word of its own, outside quotes. */
function hereDocuments(keyword: string, text: string, escape: string): { word: string; tabs: boolean }[] {
  if (!text.includes("<<")) return [];
  if (keyword === "ONBUILD") {
    const inner = splitKeyword(text);
    return hereDocuments(inner.keyword, inner.rest, escape);
  }
  if (keyword !== "RUN" && keyword !== "COPY" && keyword !== "ADD") return [];
  const opened = [];
  for (const word of shellWords(text, escape)) {
    const [, dash = "", end = ""] = /^\d*<<(-?)([^<]*)$/.exec(word) ?? [];
    if (end !== "") opened.push({ word: end.replaceAll(/["'\\]/g, ""), tabs: dash === "-" });
  }
  return opened;
}

/** Splits at blanks outside quotes, quotes kept; gives nothing where a quote is left open. */
export function shellWords(text: string, escape: string): readonly string[] {
  const pattern =
    escape === "`"
      ? /(?:[^\s"'`]|`[^]|"(?:[^"`]|`[^])*"|'[^']*')+/g
      : /(?:[^\s"'\\]|\\[^]|"(?:[^"\\]|\\[^])*"|'[^']*')+/g;
  const between = text.replaceAll(pattern, "");
  return /["']/.test(between) ? [] : (text.match(pattern) ?? []);
}
