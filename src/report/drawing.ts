import type { LayerNode } from "../layer-node.ts";
import type { Catalog, Step } from "../model.ts";
import { printable } from "./text.ts";

/** What the drawn forms of a plan show. */
export interface Drawing {
  readonly cards: readonly Card[];
  readonly lines: readonly Line[];
}

/** A layer, a release or a foreign image as it is drawn. */
export interface Card {
  /** Unlike the node's own id not shared: a foreign image has a card in each family. */
  readonly name: string;
  /** That of the {@link LayerNode}, made {@link printable}. */
  readonly id: string;
  readonly kind: LayerNode["kind"];
  /** The number of the family, from 0. */
  readonly family: number;
  readonly title: string;
  readonly subtitle: string;
  readonly state: CardState;
  /** The state in a word or two; empty for what stays. */
  readonly note: string;
  /** In points. */
  readonly width: number;
  readonly height: number;
}

/** `changed`: the plan has it for a reason of its own; `follows`: only for what it stands on. */
export type CardState = "changed" | "follows" | "stays";

/** From what is stood on to what stands on it, by the names of their cards. */
export interface Line {
  readonly from: string;
  readonly to: string;
  /** False where files are only copied from it. */
  readonly base: boolean;
}

/**
 * Makes a drawing of nodes. What builds on each other is a family, and has its own card of every foreign image that it
 * stands on: one card of a distribution that all stand on would have a line to everywhere, which nobody can follow.
 */
export function drawLayers(nodes: readonly LayerNode[], catalog: Catalog): Drawing {
  const families = findFamilies(nodes);
  const cards = new Map<string, Card>();
  const lines: Line[] = [];
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const widths = widthsOf(nodes, catalog);
  const add = (node: LayerNode, family: number): string => {
    const { kind } = node;
    const id = printable(node.id);
    const name = kind === "foreign" && family > 0 ? `${id} #${family + 1}` : id;
    if (cards.has(name)) return name;
    const { title, subtitle, ...state } = contentOf(node, catalog);
    const width = widths[kind];
    const [letter, small] = letterWidths;
    const shownTitle = shorten(title, (width - padding) / letter);
    const noteWidth = state.note === "" ? 0 : (state.note.length + 2) * small;
    const shownSubtitle = shorten(subtitle, (width - padding - noteWidth) / small);
    cards.set(name, {
      name,
      id,
      kind,
      family,
      ...state,
      title: shownTitle,
      subtitle: shownSubtitle,
      width,
      height: kind === "foreign" || kind === "more" ? 32 : 48,
    });
    return name;
  };
  for (const node of nodes) {
    const family = families.get(node.id);
    if (family === undefined) continue;
    const final = catalog.science.get(node.id)?.bases.find((base) => base.final);
    const to = add(node, family);
    for (const id of node.on) {
      const on = byId.get(id);
      if (on === undefined) continue;
      const base = node.kind !== "science" || id === (final?.layer ?? final?.reference);
      lines.push({ from: add(on, family), to, base });
    }
  }
  return { cards: [...cards.values()], lines };
}

/** The number of the family of each science layer and release: first those in which something is built, then as the nodes. */
function findFamilies(nodes: readonly LayerNode[]): ReadonlyMap<string, number> {
  const ours = nodes.filter(({ kind }) => kind !== "foreign");
  const neighbours = new Map(ours.map(({ id }) => [id, new Set<string>()]));
  for (const { id, on } of ours)
    for (const base of on) {
      if (!neighbours.has(base)) continue;
      neighbours.get(id)?.add(base);
      neighbours.get(base)?.add(id);
    }
  const families = new Map<string, number>();
  let count = 0;
  for (const { id } of ours) {
    if (families.has(id)) continue;
    const waiting = [id];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (families.has(next)) continue;
      families.set(next, count);
      waiting.push(...(neighbours.get(next) ?? []));
    }
    count += 1;
  }
  const built = new Set(ours.flatMap(({ id, step }) => (step === undefined ? [] : [families.get(id)])));
  const numbers = [...new Set(families.values())].sort((a, b) => Number(built.has(b)) - Number(built.has(a)));
  const places = new Map(numbers.map((number, place) => [number, place]));
  return new Map([...families].map(([id, number]) => [id, places.get(number) ?? 0]));
}

type Content = Pick<Card, "title" | "subtitle" | "state" | "note">;

function contentOf({ id, kind, on, step }: LayerNode, catalog: Catalog): Content {
  if (kind === "foreign") {
    const title = printable(id.replace(/^docker\.io\/(?:library\/)?/, "").replace(/(@\w+:\w{12})\w+$/, "$1"));
    return { title, subtitle: "", state: "stays", note: "" };
  }
  if (kind === "more") return { title: id.replace(/ on .*/s, ""), subtitle: "", state: "stays", note: "" };
  const layer = catalog.science.get(kind === "science" ? id : (on[0] ?? ""));
  const { image = "", version = "", compat = "" } = layer ?? {};
  const state = stateOf(step);
  const retired = kind === "science" && layer?.retired === true;
  const note = retired && state.note === "" ? "retired" : state.note;
  return kind === "science"
    ? { title: printable(id.replace(/^science\//, "")), subtitle: `${image} ${version}`, ...state, note }
    : { title: `${image}:${version}`, subtitle: `release, ${printable(compat)}`, ...state };
}

/** The state of a step, and what it is called: by the first reason of its own. */
export function stateOf(step: Step | undefined): Pick<Card, "state" | "note"> {
  if (step === undefined) return { state: "stays", note: "" };
  const own = step.because.find(({ kind }) => kind !== "base");
  return own === undefined
    ? { state: "follows", note: notes.base }
    : { state: "changed", note: notes[own.kind] };
}

const notes = {
  base: "follows",
  changed: "changed",
  compat: "compat changed",
  requested: "requested",
  stale: "stale",
  unpublished: "unpublished",
} as const;

/** The widths, in points, that a letter of a title and of the rest is given: fonts differ, and none is measured here. */
const letterWidths = [7.6, 6] as const;
const padding = 28;
const widest = 280;

/** The same for all cards of ours, so that those of a column line up. */
function widthsOf(nodes: readonly LayerNode[], catalog: Catalog): Readonly<Record<Card["kind"], number>> {
  const widths = { foreign: 100, layer: 140 };
  const [letter, small] = letterWidths;
  for (const node of nodes) {
    const { title, subtitle, note } = contentOf(node, catalog);
    const rest = note === "" ? subtitle.length : subtitle.length + note.length + 2;
    const needed = Math.ceil(Math.max(title.length * letter, rest * small)) + padding;
    const kind = node.kind === "foreign" ? "foreign" : "layer";
    widths[kind] = Math.min(widest, Math.max(widths[kind], needed));
  }
  return { foreign: widths.foreign, science: widths.layer, release: widths.layer, more: widths.layer };
}

/** Takes the middle out of what is too long: names mostly differ at their ends. */
function shorten(text: string, room: number): string {
  const letters = Array.from(text);
  const most = Math.max(2, Math.floor(room));
  if (letters.length <= most) return text;
  const head = Math.ceil((most - 1) / 2);
  return `${letters.slice(0, head).join("")}…${letters.slice(letters.length - (most - 1 - head)).join("")}`;
}
