/** Whether a text is a version: dotted numbers. */
export function isVersion(text: string): boolean {
  return /^\d+(?:\.\d+)*$/.test(text);
}

/** Orders versions by their numbers, so that 2.10 comes after 2.9; a missing number counts as 0. */
export function compareVersions(a: string, b: string): number {
  const left = a.split(".");
  const right = b.split(".");
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const difference = BigInt(left[index] ?? 0) - BigInt(right[index] ?? 0);
    if (difference !== 0n) return difference < 0n ? -1 : 1;
  }
  return 0;
}
