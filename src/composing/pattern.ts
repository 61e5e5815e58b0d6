/**
 * Patterns of `.dockerignore`, matched as Docker does (moby/patternmatcher): each becomes a regular expression in the syntax
 * of Go, which matches in linear time. JavaScript's expressions backtrack, for ever over `*a*a*a*b`.
 */

/** Whether a pattern matches a path, or a directory that it lies in; `/` between its parts. */
export type Matcher = (path: string) => boolean;

/** The longest line (in characters) that Docker reads. */
const longest = 65_536;

/** Compiles a cleaned pattern, without its `!`. Throws a `SyntaxError` for one that Docker refuses. */
export function compilePattern(pattern: string): Matcher {
  if (pattern.length > longest || !isWellFormed(pattern)) throw new SyntaxError(pattern);
  const { kind, expression } = translate(pattern);
  switch (kind) {
    case "exact":
      return (path) => path === pattern || path.startsWith(`${pattern}/`);
    case "prefix": {
      const prefix = pattern.slice(0, -2);
      return (path) => path.startsWith(prefix);
    }
    case "suffix": {
      const suffix = pattern.slice(2);
      // `**/foo` is also a `foo` that stands at the top.
      const top = suffix.startsWith("/") ? "/" : "";
      return (path) => `${top}${path}/`.includes(`${suffix}/`);
    }
    case "expression":
      return follow(readExpression(expression));
  }
}

/** What Go's `path.Match` accepts. */
function isWellFormed(pattern: string): boolean {
  let at = 0;
  /** Goes over one character of a class; false where there is none. */
  const classCharacter = (): boolean => {
    if (at >= pattern.length || pattern[at] === "-" || pattern[at] === "]") return false;
    if (pattern[at] === "\\") at += 1;
    at += 1;
    return at < pattern.length;
  };
  while (at < pattern.length) {
    if (pattern[at] === "\\") {
      at += 2;
      if (at > pattern.length) return false;
    } else if (pattern[at] === "[") {
      at += pattern[at + 1] === "^" ? 2 : 1;
      for (let ranges = 0; ranges === 0 || pattern[at] !== "]"; ranges += 1) {
        if (!classCharacter()) return false;
        if (pattern[at] !== "-") continue;
        at += 1;
        if (!classCharacter()) return false;
      }
      at += 1;
    } else at += 1;
  }
  return true;
}

/** How a pattern is looked for, decided as Docker does, and the expression, which only some need. */
function translate(pattern: string): {
  readonly kind: "exact" | "prefix" | "suffix" | "expression";
  readonly expression: string;
} {
  let kind: ReturnType<typeof translate>["kind"] = "exact";
  const pieces: string[] = [];
  for (let at = 0; at < pattern.length; at += 1) {
    const character = pattern[at] ?? "";
    const isFirst = at === 0;
    if (character === "*" && pattern[at + 1] === "*") {
      at += 1;
      if (pattern[at + 1] === "/") at += 1;
      if (at + 1 < pattern.length) {
        // A run of them means what one does.
        if (pieces.at(-1) !== directories) pieces.push(directories);
        kind = "expression";
      } else if (kind === "exact") kind = "prefix";
      else {
        pieces.push(rest);
        kind = "expression";
      }
      // Holds if nothing special follows.
      if (isFirst) kind = "suffix";
    } else if (character === "*") {
      pieces.push("[^/]*");
      kind = "expression";
    } else if (character === "?") {
      pieces.push("[^/]");
      kind = "expression";
    } else if (character === "\\") {
      at += 1;
      pieces.push(`\\${pattern[at] ?? ""}`);
      kind = "expression";
    } else if (".+()|{}$".includes(character)) pieces.push(`\\${character}`);
    else {
      pieces.push(character);
      if (character === "[" || character === "]") kind = "expression";
    }
  }
  return { kind, expression: pieces.join("") };
}

/** What `**` becomes in the middle of a pattern, and at its end. */
const directories = "(.*/)?";
const rest = ".*";

/** A step of an expression. From `skip` the next one can be left out; `through` goes on to a `/`. */
type Step =
  | { readonly kind: "one" | "many"; readonly has: (character: string) => boolean }
  | { readonly kind: "start" | "skip" | "through" };

const anything = (character: string) => character !== "\n";

/** Reads an expression as Go does. `[*]` becomes `[[^/]*]`: a class of three characters, a star, and a bracket. */
function readExpression(expression: string): readonly Step[] {
  const steps: Step[] = [];
  let at = 0;
  while (at < expression.length) {
    if (expression.startsWith(directories, at)) {
      steps.push({ kind: "skip" }, { kind: "through" });
      at += directories.length;
    } else if (expression.startsWith(rest, at)) {
      steps.push({ kind: "many", has: anything });
      at += rest.length;
    } else if (expression[at] === "^") {
      steps.push({ kind: "start" });
      at += 1;
    } else {
      const { has, end } = expression[at] === "[" ? readClass(expression, at + 1) : readOne(expression, at);
      const isMany = expression[end] === "*";
      steps.push({ kind: isMany ? "many" : "one", has });
      at = isMany ? end + 1 : end;
    }
  }
  return steps;
}

function readOne(expression: string, at: number): { has: (character: string) => boolean; end: number } {
  const { character, end } = readCharacter(expression, at);
  return { has: (other) => other === character, end };
}

/** Reads a character or an escaped one. Go refuses most escaped letters, and reads the others as classes or controls. */
function readCharacter(expression: string, at: number): { character: string; end: number } {
  const isEscaped = expression[at] === "\\";
  const start = isEscaped ? at + 1 : at;
  const code = expression.codePointAt(start);
  if (code === undefined) throw new SyntaxError(expression);
  const character = String.fromCodePoint(code);
  if (isEscaped && /[^\0-\x7f]|[a-z0-9]/iu.test(character)) throw new SyntaxError(expression);
  return { character, end: start + character.length };
}

/** A class from behind its `[` on. */
function readClass(expression: string, start: number): { has: (character: string) => boolean; end: number } {
  const isNegated = expression[start] === "^";
  const ranges: (readonly [number, number])[] = [];
  let at = isNegated ? start + 1 : start;
  while (ranges.length === 0 || expression[at] !== "]") {
    // Go reads `[[:alpha:]]` as the letters, and the documentation of patterns knows no such class.
    if (expression.startsWith("[:", at)) throw new SyntaxError(expression);
    const low = readCharacter(expression, at);
    const isRange = expression[low.end] === "-" && expression[low.end + 1] !== "]";
    const high = isRange ? readCharacter(expression, low.end + 1) : low;
    const range = [low, high].map(({ character }) => character.codePointAt(0) ?? 0);
    const [from = 0, to = 0] = range;
    if (to < from) throw new SyntaxError(expression);
    ranges.push([from, to]);
    at = high.end;
  }
  const has = (character: string) => {
    const code = character.codePointAt(0) ?? 0;
    return ranges.some(([from, to]) => from <= code && code <= to) !== isNegated;
  };
  return { has, end: at + 1 };
}

/** Follows all ways through the steps at once, character by character. */
function follow(steps: readonly Step[]): Matcher {
  const end = steps.length;
  /** The turn in which each step was last reached, so that it is followed once in it; each character is a turn. */
  const reached = new Float64Array(end + 1);
  let turn = 0;
  let active: number[] = [];
  let next: number[] = [];
  const reach = (from: number, isStart: boolean): void => {
    for (let at = from; reached[at] !== turn; at += 1) {
      reached[at] = turn;
      next.push(at);
      const kind = steps[at]?.kind;
      if (kind === "skip") reach(at + 2, isStart);
      else if (kind !== "many" && (kind !== "start" || !isStart)) return;
    }
  };
  return (path) => {
    turn += 1;
    next.length = 0;
    reach(0, true);
    for (const character of path) {
      // A directory that it lies in.
      if (character === "/" && reached[end] === turn) return true;
      [active, next] = [next, active];
      next.length = 0;
      turn += 1;
      for (const at of active) {
        const step = steps[at];
        if (step?.kind === "one" && step.has(character)) reach(at + 1, false);
        else if (step?.kind === "many" && step.has(character)) reach(at, false);
        else if (step?.kind === "through" && anything(character)) {
          if (reached[at] !== turn) next.push(at);
          reached[at] = turn;
          if (character === "/") reach(at + 1, false);
        }
      }
      if (next.length === 0) return false;
    }
    return reached[end] === turn;
  };
}
