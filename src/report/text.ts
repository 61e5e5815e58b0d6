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
