import { createHash } from "node:crypto";
import type { ContextFiles, LayerDetail, LayerDetails } from "../layer-details.ts";
import type { LayerNode } from "../layer-node.ts";
import type { Catalog, Plan, Reason } from "../model.ts";
import type { PublishedImage } from "../status.ts";
import { readTemplate } from "../templates.ts";
import { drawLayers, stateOf } from "./drawing.ts";
import { nothingToBuild, orphanLines, planTotals, since, staleText } from "./plan.ts";
import { planSvg } from "./plan-svg.ts";
import { minuteText, printable, printableLines, shortDigest } from "./text.ts";
import { obstacleText } from "./why.ts";

/** What a page is made of. */
export interface PageInput {
  readonly nodes: readonly LayerNode[];
  readonly catalog: Catalog;
  readonly plan: Plan;
  readonly details: LayerDetails;
  /** What the page is called. */
  readonly title: string;
}

/**
 * Nodes as a page for a browser, in one file that needs nothing else: the graph, and what is known of each layer. Nothing in
 * it can become markup or script, whatever a Dockerfile holds; its Content-Security-Policy allows its own script alone.
 */
export async function planPage(input: PageInput): Promise<string> {
  const { nodes, catalog, plan, title } = input;
  const { default: Handlebars } = await import("handlebars");
  const style = readTemplate("graph/graph.css") + readTemplate("graph/page.css");
  const script = readTemplate("graph/page.js");
  const svg = await planSvg(drawLayers(nodes, catalog), { title, standalone: false });
  const data = pageData(input);
  const render: (page: unknown) => string = Handlebars.compile(readTemplate("graph/page.html"), {
    strict: true,
  });
  return render({
    title,
    summary: printable((plan.steps.length === 0 ? nothingToBuild(plan) : planTotals(plan)).trimEnd()),
    orphans: orphanLines(plan).map(printable),
    repo: plan.repo,
    svg,
    style,
    styleHash: hash(style),
    script,
    scriptHash: hash(script),
    images: [...new Set(data.layers.map(([, { image }]) => image))].filter((image) => image !== "").sort(),
    data: escapeJson(
      JSON.stringify(data, (_, value: unknown) =>
        typeof value === "string" ? printableLines(value) : value,
      ),
    ),
  });
}

/** As a source expression of a Content-Security-Policy (https://www.w3.org/TR/CSP3/#grammardef-hash-source). */
function hash(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}

/** JSON in which nothing can end the script element that it stands in, nor open a comment there. */
function escapeJson(json: string): string {
  return json.replaceAll("<", String.raw`\u003c`);
}

/** What the page's script reads. */
interface PageData {
  /** By id, made printable as in the graph; in pairs, since an id can be any text. */
  readonly layers: readonly (readonly [string, PageLayer])[];
  readonly stacks: readonly (readonly [string, ContextFiles])[];
}

interface PageLayer {
  readonly kind: LayerNode["kind"];
  readonly about: string;
  /** What the filter looks in. */
  readonly image: string;
  readonly state: string;
  readonly note: string;
  readonly on: readonly string[];
  /** Why it is built, or that it is not. */
  readonly why: readonly PageReason[];
  readonly tags: PageTags | undefined;
  readonly detail?: LayerDetail;
}

interface PageReason {
  readonly text: string;
  readonly paths?: readonly string[];
  /** The layer that the text ends with. */
  readonly layer?: string;
}

interface PageTags {
  readonly rolling: string;
  /** What the rolling tag names in the registry; null where that was not asked. */
  readonly before: string | null;
  readonly after: string;
  /** The one that the plan makes; null where it makes none. */
  readonly immutable: string | null;
}

function pageData(input: PageInput): PageData {
  const { nodes, catalog, plan, details } = input;
  const layers = nodes.map((node): [string, PageLayer] => {
    const detail = details.layers.get(node.id);
    const { id, kind, on, step } = node;
    return [
      printable(id),
      {
        kind,
        ...describeNode(node, catalog),
        ...stateOf(step),
        on: on.map(printable),
        why: whyOf(node, input),
        tags: tagsOf(node, plan, details.published),
        ...(detail === undefined ? {} : { detail }),
      },
    ];
  });
  return { layers, stacks: [...details.stacks] };
}

function describeNode({ id, kind, on }: LayerNode, catalog: Catalog): Pick<PageLayer, "about" | "image"> {
  if (kind === "foreign") return { about: "Foreign image: not built here", image: "" };
  if (kind === "more")
    return { about: "Left out here; image-builder graph --format json has them", image: "" };
  const layer = catalog.science.get(kind === "science" ? id : (on[0] ?? ""));
  if (layer === undefined) return { about: "", image: "" };
  const { image, version, target, compat, retired } = layer;
  if (kind === "science") {
    const about = `Science layer of ${image} ${version}, target ${target}${retired ? ", retired" : ""}`;
    return { about, image };
  }
  const stack = catalog.stacks.get(compat) ?? [];
  return { about: `Release of ${image} ${version} with ${stack.join(", ")}`, image };
}

function whyOf({ id, kind, step }: LayerNode, { catalog, plan, details }: PageInput): readonly PageReason[] {
  if (kind === "foreign" || kind === "more") return [];
  if (step !== undefined) return step.because.map(reasonOf);
  if (catalog.science.get(id)?.retired === true) return [{ text: "Not built: it is retired." }];
  if (plan.ref !== null)
    return [{ text: `Not built: no changes ${since(plan.ref)} touch what it is made of.` }];
  return details.published === undefined
    ? [{ text: "Not built: neither it nor anything that it is made of was requested." }]
    : [{ text: `Not built: ${obstacleText(details.published.get(id)?.left ?? { kind: "current" }, null)}.` }];
}

function reasonOf(reason: Reason): PageReason {
  switch (reason.kind) {
    case "changed":
      return { text: "Files of it changed:", paths: reason.paths };
    case "base":
      return { text: "Its base is rebuilt:", layer: printable(reason.step) };
    case "compat":
      return { text: `Files of the compat layer ${reason.compat} changed:`, paths: reason.paths };
    case "requested":
      return { text: "Requested." };
    case "unpublished":
      return { text: "The registry does not have it." };
    case "stale":
      return { text: `${staleText(reason).replace(/^p/, "P")}.` };
  }
}

/** What happens to the tags of a layer or release. */
function tagsOf(
  { id, rolling, step }: LayerNode,
  { build }: Plan,
  published: LayerDetails["published"],
): PageTags | undefined {
  if (rolling === undefined) return undefined;
  const before = published === undefined ? null : publishedText(published.get(id)?.image ?? null);
  if (step === undefined) return { rolling, before, after: "not moved", immutable: null };
  const { immutable } = step.tags;
  const after = build.dirty
    ? "not moved: uncommitted files go into the image"
    : `moves to ${immutable.slice(immutable.lastIndexOf(":") + 1)}`;
  return { rolling, before, after, immutable };
}

function publishedText(published: PublishedImage | null): string {
  if (published === null) return "not in the registry";
  const { stamp, date, digest } = published;
  const built = date === null ? "" : `, built ${minuteText(date)}`;
  return `${stamp ?? "a build without a stamp"}${built}, ${shortDigest(digest)}`;
}
