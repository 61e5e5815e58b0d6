/** What `"publishFrom"` may hold: the name of a branch, which git allows no blank or `~^:?[\` in, with `*` in it. */
export const branchPatternRule =
  'names of branches, in which * is any text without / and ** any text: ["main", "20*"]';

/** Whether a text can be the pattern of a branch. A `!` at its beginning means "not" to GitHub, and nothing here. */
export function isBranchPattern(text: string): boolean {
  return /^(?![-!/])[^\s~^:?[\\\p{Cc}]+$/u.test(text);
}

/** Whether one of the patterns names a branch. The time it takes grows with both lengths alone, whatever the patterns. */
export function matchesBranch(patterns: readonly string[], branch: string): boolean {
  return patterns.some((pattern) => matches(pattern, branch));
}

function matches(pattern: string, branch: string): boolean {
  const parts = pattern.match(/\*+|[^*]/gu) ?? [];
  // By the number of parts: whether these match what is read of the branch so far.
  let reached = [true];
  for (const part of parts) reached.push(isStar(part) && reached.at(-1) === true);
  for (const letter of branch) {
    const next = [false];
    for (const [index, part] of parts.entries()) {
      const stays = reached[index + 1] === true && (letter !== "/" || part !== "*");
      next.push(isStar(part) ? next[index] === true || stays : reached[index] === true && part === letter);
    }
    reached = next;
  }
  return reached.at(-1) === true;
}

function isStar(part: string): boolean {
  return part.startsWith("*");
}
