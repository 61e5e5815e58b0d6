import type { Card, Drawing, Line } from "./drawing.ts";

/**
 * A drawing in the language of Graphviz (https://graphviz.org/doc/info/lang.html); ends with a line break. Cards and lines
 * have the ids `card0`, `line0` and so on, in their order.
 */
export function planDot(drawing: Drawing): string {
  const { cards, lines } = drawing;
  const settings = [
    "graph [rankdir=LR, nodesep=0.17, ranksep=0.6, pack=28, packmode=array_uct1, bgcolor=transparent]",
    'node [shape=box, style="rounded,filled", fillcolor="#ffffff", color="#8a94a3", fontname="Helvetica", fontsize=11, fixedsize=true]',
    'edge [tailport=e, headport=w, arrowhead=none, color="#8a94a3"]',
  ];
  const fans = new Map<string, number>();
  for (const { from } of lines) fans.set(from, (fans.get(from) ?? 0) + 1);
  const edges = lines.map((line, index) => edgeStatement(line, index, fans.get(line.from) ?? 1));
  // Each family is packed above those before it.
  const nodes = cards
    .map((card, index) => ({ family: card.family, statement: nodeStatement(card, index) }))
    .sort((a, b) => b.family - a.family)
    .map(({ statement }) => statement);
  const statements = [...settings, ...nodes, ...edges];
  return `digraph layers {\n${statements.map((statement) => `  ${statement};\n`).join("")}}\n`;
}

function nodeStatement(card: Card, index: number): string {
  const { name, id, kind, title, subtitle, state, note, width, height } = card;
  const second = [subtitle, note].filter((part) => part !== "").join(" · ");
  const attributes = [
    `id="card${index}"`,
    `label=${quoteLabel(second === "" ? [title] : [title, second])}`,
    `tooltip=${quoteLabel([id])}`,
    `class="${kind} ${state}"`,
    `width=${inches(width)}`,
    `height=${inches(height)}`,
    ...(kind === "foreign" || kind === "more" ? ['style="rounded,dashed"'] : []),
    ...(state === "stays" ? [] : [`color="#0b66c3"`, `penwidth=${state === "changed" ? 2 : 1}`]),
  ];
  return `${quote(name)} [${attributes.join(", ")}]`;
}

/** `fan` is how many lines leave the same card: where few do they are to be straight. */
function edgeStatement({ from, to, base }: Line, index: number, fan: number): string {
  const weight = Math.max(1, Math.round(12 / fan));
  return `${quote(from)} -> ${quote(to)} [id="line${index}", weight=${weight}${base ? "" : ", style=dashed"}]`;
}

/** Graphviz counts in inches of 72 points. */
function inches(points: number): string {
  return (points / 72).toFixed(3);
}

function quote(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', String.raw`\"`)}"`;
}

/** In labels, unlike in names, `&lt;` and its like are read as well. */
function quoteLabel(lines: readonly string[]): string {
  const escaped = lines.map((line) => quote(line.replaceAll("&", "&amp;")).slice(1, -1));
  return `"${escaped.join(String.raw`\n`)}"`;
}
