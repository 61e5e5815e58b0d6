import { instance } from "@viz-js/viz";
import type { TemplateDelegate } from "handlebars";
import { readTemplate } from "../templates.ts";
import type { Card, Drawing, Line } from "./drawing.ts";
import { planDot } from "./plan-dot.ts";

/** What an SVG is made with besides the drawing. */
export interface SvgOptions {
  /** What the picture is called. */
  readonly title: string;
  /** Whether it brings its style along, to stand alone. */
  readonly standalone: boolean;
}

/** A drawing, laid out by Graphviz, as SVG; ends with a line break. */
export async function planSvg(drawing: Drawing, { title, standalone }: SvgOptions): Promise<string> {
  const [{ default: Handlebars }, placed] = await Promise.all([import("handlebars"), layOut(drawing)]);
  const render: TemplateDelegate = Handlebars.compile(readTemplate("graph/graph.svg.hbs"), { strict: true });
  const style = standalone ? readTemplate("graph/graph.css") : undefined;
  return render({ title, style, empty: drawing.cards.length === 0, ...placed });
}

interface Point {
  readonly x: number;
  readonly y: number;
}

interface PlacedFamily {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly cards: readonly DrawnCard[];
  readonly lines: readonly (Line & { readonly path: string; readonly ends: readonly [string, string] })[];
}

interface DrawnCard {
  readonly card: Card;
  readonly left: number;
  readonly top: number;
  readonly label: string;
  /** Where its note ends, from its left. */
  readonly noteEnd: number;
}

/** Where everything is, in points from the top left. */
interface Placed {
  readonly width: number;
  readonly height: number;
  readonly families: readonly PlacedFamily[];
}

/** What Graphviz tells of a layout (https://graphviz.org/docs/outputs/json/), as far as it is read. */
interface Layout {
  /** `0,0,WIDTH,HEIGHT`, from the bottom left. */
  readonly bb: string;
  readonly objects?: readonly { readonly id?: string; readonly pos: string }[];
  readonly edges?: readonly { readonly id: string; readonly pos: string }[];
}

const margin = 12;

async function layOut(drawing: Drawing): Promise<Placed> {
  const { cards, lines } = drawing;
  if (cards.length === 0) return { width: 320, height: 60, families: [] };
  const graphviz = await instance();
  const layout: Layout = JSON.parse(graphviz.renderString(planDot(drawing), { format: "json" }));
  const [, , width = 0, height = 0] = layout.bb.split(",").map(Number);
  const pointsOf = (pos: string) => pos.split(" ").map((pair) => readPoint(pair, height));
  const centres = new Map((layout.objects ?? []).map(({ id, pos }) => [id, pointsOf(pos)[0]]));
  const curves = new Map((layout.edges ?? []).map(({ id, pos }) => [id, pointsOf(pos)]));

  const byName = new Map(cards.map((card) => [card.name, card]));
  const members = new Map<number, { cards: PlacedCard[]; lines: PlacedLine[] }>();
  for (const [index, card] of cards.entries()) {
    const family = members.get(card.family) ?? { cards: [], lines: [] };
    members.set(card.family, family);
    family.cards.push({ card, centre: centres.get(`card${index}`) ?? { x: 0, y: 0 } });
  }
  for (const [index, line] of lines.entries())
    members
      .get(byName.get(line.to)?.family ?? 0)
      ?.lines.push({ line, ids: idsOf(line, byName), points: curves.get(`line${index}`) ?? [] });
  const families = [...members]
    .sort(([a], [b]) => a - b)
    .map(([, family]) => placeFamily(family.cards, family.lines));
  return { width: width + 2 * margin, height: height + 2 * margin, families };
}

interface PlacedCard {
  readonly card: Card;
  readonly centre: Point;
}

interface PlacedLine {
  readonly line: Line;
  /** The ids of the nodes at its ends. */
  readonly ids: readonly [string, string];
  readonly points: readonly Point[];
}

function idsOf({ from, to }: Line, byName: ReadonlyMap<string, Card>): readonly [string, string] {
  return [byName.get(from)?.id ?? from, byName.get(to)?.id ?? to];
}

/** A family with its own origin, so that a page can move it as a whole. */
function placeFamily(cards: readonly PlacedCard[], lines: readonly PlacedLine[]): PlacedFamily {
  const corners = cards.map(({ card, centre }) => ({
    card,
    left: centre.x - card.width / 2,
    top: centre.y - card.height / 2,
  }));
  const curves = lines.flatMap(({ points }) => points);
  const lanes = new Map(
    corners.toSorted((a, b) => a.top - b.top).map(({ card }, index) => [card.name, index]),
  );
  const x = Math.min(...corners.map(({ left }) => left));
  const y = Math.min(...corners.map(({ top }) => top), ...curves.map((point) => point.y));
  const right = Math.max(...corners.map(({ card, left }) => left + card.width));
  const bottom = Math.max(
    ...corners.map(({ card, top }) => top + card.height),
    ...curves.map((point) => point.y),
  );
  return {
    x: round(x + margin),
    y: round(y + margin),
    width: round(right - x),
    height: round(bottom - y),
    cards: corners
      .toSorted((a, b) => a.left - b.left || a.top - b.top)
      .map(({ card, left, top }) => ({
        card,
        left: round(left - x),
        top: round(top - y),
        label: labelOf(card),
        noteEnd: card.width - 12,
      })),
    lines: lines.map(({ line, ids, points }) => ({
      ...line,
      ends: ids,
      path: pathOf(
        points.map((point) => ({ x: round(point.x - x), y: round(point.y - y) })),
        lanes.get(line.from) ?? 0,
      ),
    })),
  };
}

/** A card in words: first what is on it, then what it is in full. */
function labelOf({ id, kind, title, subtitle, note }: Card): string {
  const seen = [title, subtitle, note].filter((part) => part !== "").join(", ");
  if (kind === "foreign") return `${id}, foreign image`;
  if (kind === "more") return id;
  return kind === "science" ? `${seen} (science layer ${id})` : `${seen} (${id})`;
}

/** The farthest that cards of neighbouring ranks are apart: a card between them would need more. */
const rankGap = 160;

/**
 * Between neighbouring ranks, where nothing is in the way, two bends and an upright between them, in one of three lanes:
 * a hundred of them are still a tree. Further than that the Béziers of Graphviz, which know their way around the cards.
 */
function pathOf(points: readonly Point[], lane: number): string {
  const [start = { x: 0, y: 0 }, ...rest] = points;
  const end = rest.at(-1) ?? start;
  if (end.x - start.x > rankGap)
    return `M${start.x} ${start.y}C${rest.map(({ x, y }) => `${x} ${y}`).join(" ")}`;
  const rise = end.y - start.y;
  if (Math.abs(rise) < 1) return `M${start.x} ${start.y}H${end.x}`;
  const upright = round(end.x - 14 - (lane % 3) * 7);
  const radius = Math.min(7, Math.abs(rise) / 2);
  const turn = round(Math.sign(rise) * radius);
  return (
    `M${start.x} ${start.y}H${upright - radius}q${radius} 0 ${radius} ${turn}` +
    `V${round(end.y - turn)}q0 ${turn} ${radius} ${turn}H${end.x}`
  );
}

function readPoint(pair: string, height: number): Point {
  const [x = 0, y = 0] = pair.split(",").map(Number);
  return { x, y: height - y };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
