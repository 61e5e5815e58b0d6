import type { LayerNode } from "../layer-node.ts";
import { printable } from "./text.ts";

const shapes = {
  foreign: ["([", "])"],
  science: ["[", "]"],
  release: ["[[", "]]"],
  more: ["[", "]"],
} as const;

/**
 * Nodes as a flowchart of Mermaid, from the foreign images to the releases: what is built has a thick border, and what a
 * layer takes from besides the base of its final stage is tied to it by a dotted line. Ends with a line break.
 */
export function planMermaid(nodes: readonly LayerNode[]): string {
  const names = new Map(nodes.map(({ id }, index) => [id, `n${index}`]));
  const lines = ["flowchart LR"];
  for (const [index, { id, kind, on, step }] of nodes.entries()) {
    const [open, close] = shapes[kind];
    lines.push(`n${index}${open}"${label(id)}"${close}${step === undefined ? "" : ":::built"}`);
    for (const [place, base] of on.entries())
      lines.push(`${names.get(base) ?? ""} ${place === 0 ? "-->" : "-.->"} n${index}`);
  }
  // A colour that both a light and a dark page leave visible.
  lines.push("classDef built stroke:#d97706,stroke-width:4px");
  return `${lines.join("\n  ")}\n`;
}

/** Mermaid writes any character as `#NUMBER;` ("Entity codes to escape characters"). */
function label(text: string): string {
  return printable(text).replaceAll(
    /[^A-Za-z0-9/.:_-]/gu,
    (character) => `#${character.codePointAt(0) ?? 0};`,
  );
}
