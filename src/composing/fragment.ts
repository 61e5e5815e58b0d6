import { posix } from "node:path";
import { instructions } from "../instructions.ts";
import type { Instruction } from "../instructions.ts";
import type { Problem } from "../problem.ts";

/** A parser directive at the top of a Dockerfile ("Dockerfile reference", Parser directives). */
export interface Directive {
  readonly name: "escape" | "syntax" | "check";
  readonly value: string;
  readonly line: number;
}

/** The Dockerfile of a compat layer. */
export interface WrittenFragment {
  readonly directory: string;
  readonly text: string;
}

/** A fragment of a Dockerfile, made ready to have others before and after it. */
export interface Fragment {
  readonly directory: string;
  readonly directives: readonly Directive[];
  /** Its instructions and comments, without directives, each complete. */
  readonly body: string;
  /** The escape character that its meaning depends on; undefined where it means the same with either. */
  readonly escape: string | undefined;
  readonly problems: readonly Problem[];
}

/**
 * Reads the fragments that become one Dockerfile, in their order. The problems are directives that contradict each other
 * and heredocs that are not ended; with any of them the Dockerfile must not be built.
 */
export function readFragments(written: readonly WrittenFragment[]): {
  readonly fragments: readonly Fragment[];
  readonly problems: readonly Problem[];
} {
  const fragments = written.map(({ directory, text }) => readFragment(directory, text));
  return {
    fragments,
    problems: [...fragments.flatMap(({ problems }) => problems), ...contradictions(fragments)],
  };
}

/**
 * Reads a fragment as BuildKit's Dockerfile parser does, line by line. An instruction that its last line leaves
 * open is ended there; a heredoc without its end is a problem.
 */
function readFragment(directory: string, written: string): Fragment {
  const file = posix.join(directory, "Dockerfile");
  const text = written.replace(/^\uFEFF/, "");
  const problems: Problem[] = [];
  const directives = readDirectives(file, text.split("\n"), problems);
  const declared = directives.find(({ name }) => name === "escape")?.value;
  // Directives are the first lines of the text.
  let at = directives.reduce((offset) => text.indexOf("\n", offset) + 1 || text.length, 0);
  let body = "";
  let dependsOnEscape = false;
  for (const each of instructions(text, declared ?? "\\")) {
    const lineEnd = text.indexOf("\n", each.end) + 1 || text.length;
    const head = each.open ? text.slice(at, each.start) + endInstruction(each) : text.slice(at, lineEnd);
    const heredocs = each.open ? "" : text.slice(lineEnd, each.next);
    body += unixLines(head) + heredocs;
    at = each.next;
    const lines = text.slice(each.start, each.end).split("\n");
    dependsOnEscape ||= /[\\`]/.test(lines.filter((line) => !/^\s*#/.test(line)).join("") + heredocs);
    if (each.unterminated === undefined) continue;
    const message = `the heredoc ${each.unterminated} is not ended`;
    const hint = `add a line that holds ${each.unterminated} and nothing else`;
    problems.push({
      kind: "definition",
      rule: "unterminated-heredoc",
      file,
      line: each.line,
      message,
      hint,
    });
  }
  body += unixLines(text.slice(at));
  return {
    directory,
    directives,
    body: body.trimEnd(),
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
        rule: "parser-directive",
        file,
        line,
        message: `${value} cannot be the escape character`,
        hint,
      });
    }
    const earlier = directives.find((directive) => directive.name === name);
    if (earlier !== undefined) {
      const message = `a second # ${name} directive; the first is in line ${earlier.line}`;
      const hint = "keep one of them";
      problems.push({ kind: "definition", rule: "parser-directive", file, line, message, hint });
    }
    directives.push({ name, value, line });
  }
  return directives;
}

/** What a last line leaves open is most often a chain whose last command was taken out: `apt-get update && \`. */
function endInstruction({ keyword, text }: Instruction): string {
  return `${keyword} ${text}`.trim().replace(/\s*&&$/, "");
}

function unixLines(text: string): string {
  return text.replaceAll("\r\n", "\n");
}

function contradictions(fragments: readonly Fragment[]): Problem[] {
  return (["escape", "syntax", "check"] as const).flatMap((name) => {
    const stated = fragments.flatMap((fragment) => statements(fragment, name));
    const [first] = stated;
    const other = stated.find(({ value }) => value !== first?.value);
    if (first === undefined || other === undefined) return [];
    return [
      {
        kind: "definition",
        rule: "parser-directive",
        file: other.file,
        ...(other.line === undefined ? {} : { line: other.line }),
        message: `needs # ${name}=${other.value}, but ${first.file} needs # ${name}=${first.value}`,
        hint: "they become one Dockerfile: let both say the same",
      },
    ];
  });
}

interface Statement {
  readonly file: string;
  readonly value: string;
  readonly line: number | undefined;
}

/** The value of a directive that a fragment states or, for the escape character, takes for granted. */
function statements({ directory, directives, escape }: Fragment, name: Directive["name"]): Statement[] {
  const directive = directives.find((found) => found.name === name);
  const value = name === "escape" ? escape : directive?.value;
  const file = posix.join(directory, "Dockerfile");
  return value === undefined ? [] : [{ file, value, line: directive?.line }];
}
