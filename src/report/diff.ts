import type { Between, ComparedImage, ImageDiff, LayerBuild, LayerDiff } from "../published.ts";
import { commitText, minuteText, printable, shortDigest } from "./text.ts";

/** Enough to recognise a change; the JSON has them all. */
const most = 20;

/** Two builds of an image for people: both, then layer by layer what became of it. Ends with a line break. */
export function diffText({ from, to, layers }: ImageDiff): string {
  const lines = [imageText("from", from), imageText("to", to), ""];
  if (from.digest === to.digest) lines.push("Both are the same image.", "");
  if (layers.length === 0)
    lines.push("Their labels tell nothing of layers: image-builder has not built them.");
  const names = layers.map(nameOf);
  const width = Math.max(...names.map(({ length }) => length));
  for (const [index, layer] of layers.entries()) {
    const name = (names[index] ?? "").padEnd(width);
    lines.push(`${layer.change.padEnd(7)}  ${name}  ${buildsText(layer)}`);
    if (layer.between !== null) lines.push(...betweenLines(layer, layer.between));
  }
  return lines.map((line) => `${printable(line).trimEnd()}\n`).join("");
}

function imageText(side: string, { reference, date, digest }: ComparedImage): string {
  return `${side.padEnd(4)}  ${reference}  ${minuteText(date)}  ${shortDigest(digest)}`;
}

function nameOf({ kind, name }: LayerDiff): string {
  return `${kind === "science" ? "sci" : "rel"}/${name}`;
}

function buildsText({ from, to, change }: LayerDiff): string {
  const builds = change === "same" ? [to] : [from, to];
  return builds.flatMap((build) => (build === null ? [] : tagOf(build))).join(" → ");
}

function tagOf({ version, stamp }: LayerBuild): string {
  return `${version}-${stamp}`;
}

function betweenLines(layer: LayerDiff, between: Between): readonly string[] {
  const dirty = [layer.from, layer.to].filter((build) => build?.stamp.endsWith("-dirty") === true);
  const lines = changesText(between);
  if (dirty.length > 0) lines.push("what a dirty build has that its commit has not is not known");
  return lines.map((line) => `         ${line}`);
}

function changesText(between: Between): string[] {
  switch (between.kind) {
    case "gone":
      return ["no definition of it is known here, now or before"];
    case "unknown":
      return [
        `this clone lacks ${between.lacks.map((commit) => commit.slice(0, 7)).join(" and ")}: git fetch, or git fetch --unshallow, may bring it`,
      ];
    case "known": {
      const { commits, undone, files } = between;
      if (commits.length + undone.length + files.length === 0)
        return ["no change of its own (its base changed)"];
      return [
        ...some(commits.map(commitText), "commits"),
        ...some(
          undone.map((commit) => `undone: ${commitText(commit)}`),
          "commits undone",
        ),
        ...some(
          files.map(({ path, change }) => `${change.padEnd(8)}  ${path}`),
          "files",
        ),
      ];
    }
  }
}

function some(lines: readonly string[], what: string): readonly string[] {
  return lines.length > most ? [...lines.slice(0, most), `and ${lines.length - most} more ${what}`] : lines;
}
