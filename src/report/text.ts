import { styleText } from "node:util";
import type { Commit } from "../model.ts";
import { printable } from "../problem.ts";
import type { TransferProgress } from "../run.ts";

export { printable };

/** Text of several lines, {@link printable} but for its line breaks and tabs. */
export function printableLines(text: string): string {
  return text
    .split(/([\n\t])/)
    .map((part, index) => (index % 2 === 1 ? part : printable(part)))
    .join("");
}

/** `2021-12-09 19:11 UTC`, of a time in RFC 3339; `unknown` of null. */
export function minuteText(time: string | null): string {
  return time === null ? "unknown" : `${time.slice(0, 16).replace("T", " ")} UTC`;
}

/** Enough of a digest to recognise it: `sha256:0123456789ab`. */
export function shortDigest(digest: string): string {
  return digest.slice(0, digest.indexOf(":") + 13);
}

/** A reference without the repository that images are named in, which is the same for all: `rel/essentials:2.4`. */
export function belowRepo(reference: string, repo: string): string {
  return reference.startsWith(`${repo}/`) ? reference.slice(repo.length + 1) : reference;
}

/** `1 warning`, `2 warnings`. */
export function counted(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** Data as JSON; ends with a line break. */
export function json(data: object): string {
  return `${JSON.stringify(data, undefined, 2)}\n`;
}

/** `1.2 MB`, in powers of 1000. */
export function sizeText(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1);
  return `${(bytes / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power] ?? ""}`;
}

/** `12.3 s`, `2 min 5 s` */
export function durationText(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** `12.3 MB of 1.8 GB`, or as long as nothing is counted the last line of news. */
export function transferText({ bytes, total, line = "" }: TransferProgress): string {
  return total === 0 ? line : `${sizeText(bytes)} of ${sizeText(total)}`;
}

/** Why an image that goes by its trail cannot be compared with a checkout. */
export function missingCommit(commit: string): string {
  return `cannot be compared: commit ${commit.slice(0, 7)} is not in this clone (git fetch)`;
}

/** Text in a colour where standard error shows colours, as `NO_COLOR` and `FORCE_COLOR` have it. */
export function coloured(colour: "bold" | "dim" | "green" | "yellow", text: string): string {
  return styleText(colour, text, { stream: process.stderr });
}

/** A line of at most so many characters; what is cut off leaves an `…`. */
export function cut(line: string, width: number): string {
  return line.length <= width ? line : `${line.slice(0, Math.max(0, width - 1))}…`;
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
