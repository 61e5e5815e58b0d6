import type { Commit } from "../model.ts";

/** `2021-12-09 19:11 UTC`, of a time in RFC 3339; `unknown` of null. */
export function minuteText(time: string | null): string {
  return time === null ? "unknown" : `${time.slice(0, 16).replace("T", " ")} UTC`;
}

/** Enough of a digest to recognise it: `sha256:0123456789ab`. */
export function shortDigest(digest: string): string {
  return digest.slice(0, digest.indexOf(":") + 13);
}

/** `1.2 MB`, in powers of 1000. */
export function sizeText(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1);
  return `${(bytes / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power] ?? ""}`;
}

/** What others wrote into an image, fit for a terminal: control characters could move its cursor. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, "\u{FFFD}");
}

/** Words in lines of at most so many characters; a word that is longer has a line of its own. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** `1a2b3c4 2024-05-06 Mend the data (A. Scientist)` */
export function commitText({ commit, date, subject, author }: Commit): string {
  return printable(`${commit.slice(0, 7)} ${date.slice(0, 10)} ${subject} (${author})`);
}
