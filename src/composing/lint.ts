import type { Finding } from "../finding.ts";
import { escapeCharacter, instructions, shellWords } from "../instructions.ts";
import type { Instruction } from "../instructions.ts";
import { nearest } from "../nearest.ts";

/** A compat layer of a stack, in the order they are laid down. */
export interface LaidLayer {
  readonly directory: string;
  /** The text of its Dockerfile fragment. */
  readonly fragment: string;
  /** The directories of all layers that it includes: to take their place is most often meant. */
  readonly includes: ReadonlySet<string>;
}

/** Of the Dockerfile reference, "Overview". */
const known: readonly string[] = [
  "ADD",
  "ARG",
  "CMD",
  "COPY",
  "ENTRYPOINT",
  "ENV",
  "EXPOSE",
  "FROM",
  "HEALTHCHECK",
  "LABEL",
  "MAINTAINER",
  "ONBUILD",
  "RUN",
  "SHELL",
  "STOPSIGNAL",
  "USER",
  "VOLUME",
  "WORKDIR",
];

/** Finds instructions that no engine knows; `# syntax=` may name a frontend that knows more. */
export function lintInstructions(directory: string, dockerfile: string): readonly Finding[] {
  if (/^\s*#\s*syntax\s*=/im.test(dockerfile)) return [];
  const unknown = [...read(dockerfile)].filter(({ keyword }) => !known.includes(keyword));
  return unknown.slice(0, mostUnknown).map(({ keyword, line }, index) => {
    const name = keyword.length > longestKeyword ? `${keyword.slice(0, longestKeyword)}…` : keyword;
    const meant = nearest(name, known);
    const more = index === mostUnknown - 1 ? unknown.length - mostUnknown : 0;
    return {
      kind: "definition",
      severity: "error",
      rule: "unknown-instruction",
      file: `${directory}/Dockerfile`,
      line,
      message: `there is no instruction ${name}${more > 0 ? `, and ${more} more lines like it follow` : ""}`,
      hint: meant === undefined ? `there are ${known.join(", ")}` : `did you mean ${meant}?`,
    };
  });
}

/** What is no Dockerfile at all can have a million of them, each as long as the file. */
const mostUnknown = 20;
const longestKeyword = 60;

/**
 * Finds what leaks from one fragment of a stack into the next: a user or directory that the next one relies on, and
 * commands that do not take effect.
 */
export function lintStack(stack: readonly LaidLayer[]): readonly Finding[] {
  const findings: Finding[] = [];
  // For each of these, where it was said last.
  const said = new Map<string, { readonly layer: LaidLayer; readonly line: number; readonly text: string }>();
  for (const layer of stack) {
    const file = `${layer.directory}/Dockerfile`;
    const reported = new Set<string>();
    const report = (
      finding: Pick<Finding, "severity" | "rule" | "line" | "message" | "hint" | "related">,
    ) => {
      if (!reported.has(finding.message)) findings.push({ kind: "definition", file, ...finding });
      reported.add(finding.message);
    };
    for (const { keyword, text, line } of read(layer.fragment)) {
      const user = keyword === "RUN" ? said.get("USER") : undefined;
      if (user !== undefined && user.layer !== layer && !/^(?:root|0)(?::|$)/.test(user.text)) {
        const related = placeOf(user);
        const message = `RUN runs as the user that ${at(related)} leaves behind: ${user.text}`;
        const hint = "say whom it runs as: USER root, and at the end the user that the release is to have";
        report({ severity: "warning", rule: "leftover-user", line, message, hint, related });
      }
      const workdir = writesRelatively(keyword, text) ? said.get("WORKDIR") : undefined;
      if (workdir !== undefined && workdir.layer !== layer) {
        const related = placeOf(workdir);
        const message = `${keyword} writes below the directory that ${at(related)} leaves behind: ${workdir.text}`;
        const hint = "write the path from / on, or begin with a WORKDIR";
        report({ severity: "warning", rule: "leftover-workdir", line, message, hint, related });
      }
      const command = keyword === "CMD" || keyword === "ENTRYPOINT" ? said.get(keyword) : undefined;
      if (command !== undefined) {
        const related = placeOf(command);
        const message = `${keyword} takes the place of that of ${at(related)}`;
        report({ ...judge(layer, command.layer), rule: "overridden-command", line, message, related });
      }
      said.set(keyword, { layer, line, text });
    }
  }
  return findings;
}

/** Finds files that take the place of others, as a context tells them. */
export function lintOverrides(
  stack: readonly LaidLayer[],
  overrides: readonly { readonly path: string; readonly by: string; readonly of: string }[],
): readonly Finding[] {
  const layers = new Map(stack.map((layer) => [layer.directory, layer]));
  return overrides.flatMap(({ path, by, of }) => {
    const [over, under] = [layers.get(by), layers.get(of)];
    if (over === undefined || under === undefined) return [];
    const related = { file: `${of}/${path}` };
    const message = `takes the place of ${at(related)}`;
    const file = `${by}/${path}`;
    return [{ kind: "definition", file, ...judge(over, under), rule: "overridden-file", message, related }];
  });
}

/** A layer that includes another one knows it; two that meet in a third may not know of each other. */
function judge(over: LaidLayer, under: LaidLayer): Pick<Finding, "severity" | "hint"> {
  if (over.includes.has(under.directory)) return { severity: "note" };
  const name = under.directory.slice("compat/".length);
  const hint =
    over === under ? "keep one of them" : `keep one of them, or let ${over.directory} include "${name}"`;
  return { severity: "warning", hint };
}

/** Whether an instruction writes to a path that depends on the WORKDIR; with a variable in it nobody knows. */
function writesRelatively(keyword: string, text: string): boolean {
  const target = keyword === "WORKDIR" ? text : copyTarget(keyword, text);
  return target !== undefined && !/^["']?(?:[/$\\]|[a-zA-Z]:)/.test(target);
}

function copyTarget(keyword: string, text: string): string | undefined {
  if (keyword !== "COPY" && keyword !== "ADD") return undefined;
  const execForm = /"([^"]*)"\s*\]$/.exec(text)?.[1];
  return execForm ?? shellWords(text, "\\").at(-1);
}

function read(dockerfile: string): Iterable<Instruction> {
  return instructions(dockerfile, escapeCharacter(dockerfile));
}

function placeOf({ layer, line }: { readonly layer: LaidLayer; readonly line: number }): {
  file: string;
  line: number;
} {
  return { file: `${layer.directory}/Dockerfile`, line };
}

function at({ file, line }: { readonly file: string; readonly line?: number }): string {
  return line === undefined ? file : `${file}:${line}`;
}
