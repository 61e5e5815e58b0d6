import type { Catalog } from "../model.ts";
import { buildOrder } from "./graph.ts";
import { createdLabel, filesLabel, inputsLabel, readBase, revisionLabel, titleLabel } from "./labels.ts";
import type { Inputs } from "./labels.ts";
import { parseImmutableTag } from "./names.ts";

/** One layer of the trail that an image's labels form. */
export interface TrailLayer {
  readonly kind: "science" | "compat";
  /** The target of a science layer, the image of a release. */
  readonly name: string;
  readonly version: string;
  /** `42-f90dbd6`, with `-dirty` where it was. */
  readonly stamp: string;
  /** The beginning of the commit, 7 to 40 hexadecimal digits. */
  readonly commit: string;
  /** Seconds since the epoch; undefined where the label is missing or none. */
  readonly time: number | undefined;
}

const scienceLabel = /^org\.sciserver\.science\.(.+)\.version$/;
const compatLabel = "org.sciserver.compat.version";

/** Whether a label is of the trail, and so inherited. */
export function isTrailLabel(label: string): boolean {
  return scienceLabel.test(label) || label === compatLabel;
}

/**
 * Reads the trail of an image from its labels the newest layer first: the release, then
 * its science layers by the time they were built. Where that is the same, as for all layers of one run, the image tells
 * the upper ones by its own name and that of its base, and the catalog which of the others stands on which. A layer that
 * the catalog lacks goes above those that it has, as none of these can stand on it; the rest is in order of commit and name.
 */
export function readTrail(
  labels: Readonly<Record<string, string>>,
  catalog?: Catalog,
): readonly TrailLayer[] {
  const layers: TrailLayer[] = [];
  for (const [label, value] of Object.entries(labels)) {
    const target = scienceLabel.exec(label)?.[1];
    if (target === undefined && label !== compatLabel) continue;
    const colon = value.lastIndexOf(":");
    const tag = parseImmutableTag(value.slice(colon + 1));
    if (tag === undefined) continue;
    layers.push({
      kind: target === undefined ? "compat" : "science",
      name: target ?? value.slice(0, Math.max(colon, 0)),
      version: tag.version,
      stamp: tag.stamp,
      commit: tag.commit,
      time: readTime(labels[label.replace(/version$/, "buildtime")]),
    });
  }
  const height = heights(labels, catalog);
  return layers.sort(
    (a, b) =>
      Number(b.kind === "compat") - Number(a.kind === "compat") ||
      (b.time ?? 0) - (a.time ?? 0) ||
      height(b.name) - height(a.name) ||
      countOf(b) - countOf(a) ||
      (a.name < b.name ? -1 : 1),
  );
}

/** How far above others a science layer stands in an image, by its target. */
function heights(
  labels: Readonly<Record<string, string>>,
  catalog: Catalog | undefined,
): (target: string) => number {
  const order = catalog === undefined ? [] : buildOrder(catalog).map(({ target }) => target);
  const known = new Map(order.map((target, position) => [target, position]));
  const base = /\/sci\/([^/:@]+)[:@]/.exec(readBase(labels)?.name ?? "")?.[1];
  const own = compatLabel in labels ? undefined : labels[titleLabel];
  return (target) => {
    if (target === own) return order.length + 2;
    if (target === base) return order.length + 1;
    return known.get(target) ?? order.length;
  };
}

/** The commit that begins so: in full where an image tells it, otherwise the beginning. */
export function commitInFull(labels: Readonly<Record<string, string>>, beginning: string): string {
  const revision = labels[revisionLabel] ?? "";
  return /^[0-9a-f]{40,64}$/.test(revision) && revision.startsWith(beginning) ? revision : beginning;
}

/**
 * The commit that an image was built from. The trail decides, since an image of the original tool inherits the revision of
 * its foreign base. Undefined for an image that does not tell it.
 */
export function commitOf(
  labels: Readonly<Record<string, string>>,
  newest: TrailLayer | undefined = readTrail(labels)[0],
): string | undefined {
  const commit = commitInFull(labels, newest?.commit ?? "");
  return commit === "" ? undefined : commit;
}

/**
 * What an image was made from, by its labels. Undefined for one of the original tool; where that built it on an image of this
 * one, it has the labels of its base, which were set at another time than its own trail tells.
 */
export function inputsIn(
  labels: Readonly<Record<string, string>>,
  newest: TrailLayer | undefined = readTrail(labels)[0],
): Inputs | undefined {
  const digest = labels[inputsLabel];
  const created = labels[createdLabel];
  if (digest === undefined) return undefined;
  if (newest?.time !== undefined && created !== undefined && builtAt(newest.time, undefined) !== created)
    return undefined;
  return { digest, files: labels[filesLabel] ?? "" };
}

/** When an image was built, by its trail (seconds since the epoch) or else by its configuration (RFC 3339): RFC 3339, UTC. */
export function builtAt(seconds: number | undefined, created: string | undefined): string | null {
  const time = seconds === undefined ? Date.parse(created ?? "") : seconds * 1000;
  return Number.isNaN(time) ? null : new Date(time).toISOString();
}

function countOf({ stamp }: TrailLayer): number {
  return Number.parseInt(stamp, 10);
}

/** A time that no calendar has is none. */
function readTime(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,11}(?:\.\d+)?$/.test(text) ? Number(text) : undefined;
}
