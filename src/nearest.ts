import { closest, distance } from "fastest-levenshtein";

/** The known name that is most like a mistyped one; undefined where none is like it. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  const names = [...known];
  if (names.length === 0) return undefined;
  const candidate = closest(name, names);
  return distance(name, candidate) <= Math.ceil(name.length / 3) ? candidate : undefined;
}
