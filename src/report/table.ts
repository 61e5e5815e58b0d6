import { printable } from "../problem.ts";

/** Rows as columns that line up, two spaces apart, {@link printable}; no line ends in spaces, and the last has its line break. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, text] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, text.length);
  }
  return rows
    .map((row) => row.map((text, column) => text.padEnd(widths[column] ?? 0)).join("  "))
    .map((line) => `${printable(line).trimEnd()}\n`)
    .join("");
}
