/** The two sides of a `--ref`, as `git diff` takes them. */
export interface Sides {
  readonly older: string;
  /** Undefined where the older side is compared with the working tree. */
  readonly newer: string | undefined;
  /** `...`: the older side is where the two lines of commits parted. */
  readonly dots: ".." | "...";
}

/**
 * The sides of a ref: `A..B` and `A...B` have two, of which a missing one is `HEAD`; any other ref is one revision (`git help revisions`). A
 * message that a revision looks for can hold dots of its own: `:/text`, `HEAD^{/text}`.
 */
export function sidesOf(ref: string): Sides {
  const bare = ref.startsWith(":/")
    ? ""
    : ref.replaceAll(/\{[^}]*\}/g, (braces) => " ".repeat(braces.length));
  const { index, 0: found } = /\.{2,3}/.exec(bare) ?? { index: -1, 0: "" };
  if (index < 0) return { older: ref, newer: undefined, dots: ".." };
  return {
    older: ref.slice(0, index) || "HEAD",
    newer: ref.slice(index + found.length) || "HEAD",
    dots: found === "..." ? "..." : "..",
  };
}

/** `A^!` and `A^-` as the range that they stand for, one commit; `A^-2` is what a merge brought to its second parent. */
export function asRange(ref: string): string {
  const [, commit, shorthand = ""] = /^(?!:\/)(.*)\^(!|-\d*)$/.exec(ref) ?? [];
  return commit === undefined ? ref : `${commit}^${shorthand.slice(1)}..${commit}`;
}

/** Whether a ref has two sides, so that the working tree does not count. */
export function isRange(ref: string): boolean {
  return sidesOf(ref).newer !== undefined;
}
