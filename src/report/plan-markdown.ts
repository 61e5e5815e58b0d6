import type { LayerNode } from "../layer-node.ts";
import type { Plan, Step } from "../model.ts";
import { planMermaid } from "./plan-mermaid.ts";
import { nothingToBuild, orphanLines, planTotals, uncommittedText, why } from "./plan.ts";
import { belowRepo, printable } from "./text.ts";
import { warningLines } from "./warnings.ts";

/** GitHub takes 65,536 characters in a comment; some are left for what others put around it. In bytes, which are never fewer. */
const most = 64_000;
/** What GitHub draws: the limits `maxTextSize` and `maxEdges` that Mermaid has where nobody sets them. */
const mostOfGraph = { characters: 50_000, edges: 500 };
/** Kept for the line that says what was left out. */
const forNotice = 200;

/**
 * A plan as the Markdown of a comment on GitHub: the totals, the releases with their tags, the science layers with their reasons,
 * and the nodes as a graph. What does not fit into a comment is left out, the graph first, and said so. Names are shown as they
 * are, whatever they hold. Ends with a line break.
 */
export function planMarkdown(nodes: readonly LayerNode[], plan: Plan): string {
  const notes = [
    ...orphanLines(plan, code).map((line) => `\n**${line}**\n`),
    ...warningLines(plan).map((line) => `\n${code(line)}\n`),
  ].join("");
  if (plan.steps.length === 0) return `### image-builder\n\n${nothingToBuild(plan, code)}${notes}`;
  const { uncommitted = [] } = plan;
  const dirty = `Uncommitted files go into these images: ${uncommittedText(uncommitted, code)}. Rolling tags stay.\n\n`;
  let text = `### image-builder: ${planTotals(plan, code)}\n\n${uncommitted.length > 0 ? dirty : ""}Images in ${code(plan.repo)}.\n${notes}`;
  for (const kind of ["compat", "science"] as const) {
    const steps = plan.steps.filter((step) => step.kind === kind);
    text += tableOf(kind, steps, plan, most - bytes(text) - 2 * forNotice);
  }
  return text + graph(nodes, most - bytes(text) - forNotice);
}

/** As many rows as there is room for, in bytes. */
function tableOf(kind: Step["kind"], steps: readonly Step[], plan: Plan, room: number): string {
  if (steps.length === 0) return "";
  const what = kind === "compat" ? "release" : "science layer";
  let text = `\n| ${what} | tags | because |\n| --- | --- | --- |\n`;
  for (const [index, step] of steps.entries()) {
    const row = `| ${code(step.id)} | ${tags(step, plan)} | ${why(step, code)} |\n`;
    if (bytes(text) + bytes(row) > room)
      return `${text}\n${steps.length - index} of ${steps.length} ${what}s are left out, as a comment has no room for them: ${code("image-builder plan")} has them all.\n`;
    text += row;
  }
  return text;
}

function tags({ tags: { immutable, rolling } }: Step, { repo, build }: Plan): string {
  const made = build.dirty ? [immutable] : [immutable, rolling];
  return made.map((tag) => code(belowRepo(tag, repo))).join("<br>");
}

function graph(nodes: readonly LayerNode[], room: number): string {
  const drawn = planMermaid(nodes);
  const edges = nodes.reduce((count, { on }) => count + on.length, 0);
  const text = `\n<details><summary>Graph</summary>\n\n\`\`\`mermaid\n${drawn}\`\`\`\n\n</details>\n`;
  if (bytes(text) <= room && drawn.length <= mostOfGraph.characters && edges <= mostOfGraph.edges)
    return text;
  return `\nThe graph is left out, it is too large: ${code("image-builder plan --format mermaid")} has it.\n`;
}

/** Text as code, in which neither Markdown nor a mention means anything, in a cell of a table too. */
export function code(text: string): string {
  const shown = printable(text);
  // A cell takes a backslash and a pipe for its own even in code.
  if (!/[`\\|]/.test(shown)) return `\`${shown}\``;
  const escaped = shown.replaceAll(
    /[^\p{L}\p{N}/ -]/gu,
    (character) => `&#${character.codePointAt(0) ?? 0};`,
  );
  return `<code>${escaped}</code>`;
}

function bytes(text: string): number {
  return Buffer.byteLength(text);
}
