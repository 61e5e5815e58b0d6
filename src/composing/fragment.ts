import { posix } from "node:path";
import type { Problem } from "../problem.ts";

/** A parser directive at the top of a Dockerfile ("Dockerfile reference", Parser directives). */
export interface Directive {
  readonly name: "escape" | "syntax" | "check";
  readonly value: string;
  readonly line: number;
}

/** A fragment of a Dockerfile, made ready to have others before and after it. */
export interface Fragment {
  readonly directives: readonly Directive[];
  /** Its instructions and comments, without directives, each complete. */
  readonly body: string;
  /** The escape character that its meaning depends on; undefined where it means the same with either. */
  readonly escape: string | undefined;
  readonly problems: readonly Problem[];
}

/**
 * Reads a fragment as BuildKit's Dockerfile parser does, line by line. An instruction that its last line leaves
 * open is ended there; a heredoc without its end is a problem.
 */
export function readFragment(directory: string, text: string): Fragment {
  const file = posix.join(directory, "Dockerfile");
  const lines = text.replace(/^\uFEFF/, "").split("\n");
  const problems: Problem[] = [];
  const directives = readDirectives(file, lines, problems);
  const declared = directives.find(({ name }) => name === "escape")?.value;
  const body: string[] = [];
  const meaningful: string[] = [];
  const hoisted = new Set(directives.map(({ line }) => line));
  for (let next = 0; next < lines.length;) {
    const first = next;
    const { instruction, written, end, open } = readInstruction(lines, first, declared ?? "\\");
    next = end;
    if (hoisted.has(first + 1)) continue;
    body.push(...(open ? endInstruction(instruction) : written));
    meaningful.push(...written.filter((line) => !comment.test(line)));
    for (const heredoc of heredocsOf(instruction)) {
      const last = lines.findIndex((line, at) => at >= next && endsHeredoc(line, heredoc));
      if (last < 0) {
        const message = `the heredoc ${heredoc.name} is not ended`;
        const hint = `add a line that holds ${heredoc.name} and nothing else`;
        problems.push({ kind: "definition", file, line: first + 1, message, hint });
        break;
      }
      body.push(...lines.slice(next, last + 1));
      meaningful.push(...lines.slice(next, last));
      next = last + 1;
    }
  }
  const dependsOnEscape = meaningful.some((line) => /[\\`]/.test(line));
  return {
    directives,
    body: body.join("\n").trimEnd(),
    escape: declared ?? (dependsOnEscape ? "\\" : undefined),
    problems,
  };
}

const directivePattern = /^\s*#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$/;

function readDirectives(file: string, lines: readonly string[], problems: Problem[]): Directive[] {
  const directives: Directive[] = [];
  for (const [index, text] of lines.entries()) {
    const [, key, value = ""] = directivePattern.exec(text) ?? [];
    if (key === undefined) break;
    const name = key.toLowerCase();
    // "Due to the unknown directive", the reference says, what comes after it is a comment.
    if (name !== "escape" && name !== "syntax" && name !== "check") break;
    const line = index + 1;
    if (name === "escape" && value !== "\\" && value !== "`") {
      const hint = "use # escape=\\ or # escape=`";
      problems.push({
        kind: "definition",
        file,
        line,
        message: `${value} cannot be the escape character`,
        hint,
      });
    }
    const earlier = directives.find((directive) => directive.name === name);
    if (earlier !== undefined) {
      const message = `a second # ${name} directive; the first is in line ${earlier.line}`;
      problems.push({ kind: "definition", file, line, message, hint: "keep one of them" });
    }
    directives.push({ name, value, line });
  }
  return directives;
}

/** A comment or a blank line: nothing to the parser, even in the middle of an instruction. */
const comment = /^\s*(?:#.*)?$/;

interface Instruction {
  /** On one line, as the parser joins it; empty for a comment or a blank line. */
  readonly instruction: string;
  /** As it stands in the text. */
  readonly written: readonly string[];
  /** The index of the line after it. */
  readonly end: number;
  /** The text is over, but its last line says that it goes on. */
  readonly open: boolean;
}

function readInstruction(lines: readonly string[], first: number, escape: string): Instruction {
  const continued = escape === "`" ? /(?:^|(?<=[^`]))`[ \t]*$/ : /(?:^|(?<=[^\\]))\\[ \t]*$/;
  const written: string[] = [];
  let instruction = "";
  let open = true;
  let end = first;
  while (open && end < lines.length) {
    const line = (lines[end] ?? "").replace(/\r$/, "");
    end += 1;
    written.push(line);
    const isComment = comment.test(line);
    if (isComment && written.length > 1) continue;
    open = !isComment && continued.test(line);
    if (!isComment) instruction += line.replace(continued, "");
  }
  return { instruction, written, end, open };
}

/** What a last line leaves open is most often a chain whose last command was taken out: `apt-get update && \`. */
function endInstruction(instruction: string): string[] {
  const ended = instruction.trimEnd().replace(/\s*&&$/, "");
  return ended === "" ? [] : [ended];
}

interface Heredoc {
  readonly name: string;
  /** `<<-`: its lines may be indented by tabs. */
  readonly indented: boolean;
}

function heredocsOf(instruction: string): Heredoc[] {
  const [, rest] = /^\s*(?:ONBUILD\s+)?(?:RUN|COPY|ADD)\s+(?:--\S+\s+)*(.*)$/is.exec(instruction) ?? [];
  if (rest === undefined || isExecForm(rest)) return [];
  const words = rest.match(/(?:\\.|'[^']*'|"(?:\\.|[^"\\])*"|[^\s'"\\])+/gs) ?? [];
  return words.flatMap((word) => {
    const [, dash, name] = /^\d*<<(-?)([^<]+)$/.exec(word) ?? [];
    return name === undefined ? [] : [{ name: name.replaceAll(/['"\\]/g, ""), indented: dash === "-" }];
  });
}

function isExecForm(rest: string): boolean {
  try {
    return Array.isArray(JSON.parse(rest));
  } catch {
    return false;
  }
}

function endsHeredoc(line: string, { name, indented }: Heredoc): boolean {
  const bare = line.replace(/\r$/, "");
  return (indented ? bare.replace(/^\t+/, "") : bare) === name;
}
