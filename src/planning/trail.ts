/** One layer of the trail that an image's labels form. */
interface TrailLayer {
  readonly kind: "science" | "compat";
  /** The target of a science layer, the image of a release. */
  readonly name: string;
  readonly version: string;
  /** `42-f90dbd6`, with `-dirty` where it was. */
  readonly stamp: string;
  /** The beginning of the commit, 7 hexadecimal digits. */
  readonly commit: string;
  /** Seconds since the epoch; undefined where the label is missing or none. */
  readonly time: number | undefined;
}

const scienceLabel = /^org\.sciserver\.science\.(.+)\.version$/;
const stamped = /^(?:(.+):)?(\d+(?:\.\d+)*)-((\d+)-([0-9a-f]{7})(?:-dirty)?)$/;

/**
 * Reads the trail of an image from its labels (the seed, "Tracking changes"), the newest layer first: the release, then
 * its science layers by the time they were built and, where that is the same, by how far their commit is.
 */
function readTrail(labels: Readonly<Record<string, string>>): readonly TrailLayer[] {
  const layers: TrailLayer[] = [];
  for (const [label, value] of Object.entries(labels)) {
    const target = scienceLabel.exec(label)?.[1];
    const match =
      target !== undefined || label === "org.sciserver.compat.version" ? stamped.exec(value) : null;
    if (match === null) continue;
    const [, image, version = "", stamp = "", , commit = ""] = match;
    const time = Number(labels[label.replace(/version$/, "buildtime")]);
    layers.push({
      kind: target === undefined ? "compat" : "science",
      name: target ?? image ?? "",
      version,
      stamp,
      commit,
      time: Number.isFinite(time) ? time : undefined,
    });
  }
  return layers.sort(newestFirst);
}

/** The commit that an image without a revision label was built from, by the newest layer of its trail. */
export function commitOf(labels: Readonly<Record<string, string>>): string | undefined {
  return readTrail(labels)[0]?.commit;
}

function newestFirst(a: TrailLayer, b: TrailLayer): number {
  if (a.kind !== b.kind) return a.kind === "compat" ? -1 : 1;
  return (b.time ?? 0) - (a.time ?? 0) || countOf(b) - countOf(a) || (a.name < b.name ? -1 : 1);
}

function countOf({ stamp }: TrailLayer): number {
  return Number.parseInt(stamp, 10);
}
