import { createRequire } from "node:module";
import { clearScreenDown, moveCursor } from "node:readline";
import type { WriteStream } from "node:tty";
import type * as CliTruncate from "cli-truncate";
import type * as LogUpdate from "log-update";
import stringWidth from "string-width";
import type { Activities, Activity } from "./activities.ts";
import type { LiveArea } from "./log.ts";
import { coloured, printable, transferText } from "./text.ts";

/** How often (ms) the area is drawn anew at most. */
const drawEvery = 100;

/** What goes on in a run, kept up to date at the bottom of a terminal until it is ended; `repo` is left out of names. */
export function openLiveArea(stream: WriteStream, activities: Activities, repo: string): LiveArea {
  // Not import(): with V8's code cache, the bundle cannot.
  const require = createRequire(import.meta.url);
  const { createLogUpdate }: typeof LogUpdate = require("log-update");
  const { default: cut }: typeof CliTruncate = require("cli-truncate");
  const begun = performance.now();
  // The cursor stays visible, below the area: whatever ends or stops the process, there is nothing to restore.
  const update = createLogUpdate(stream, { showCursor: true });
  let drawn: readonly string[] = [];
  let columns = stream.columns;
  let above = "";
  let turn: NodeJS.Immediate | undefined;

  const erase = () => {
    update.clear();
    // A terminal that became narrower has broken lines in two (xterm has not), which log-update does not know.
    const broken = drawn.reduce((sum, line) => sum + Math.ceil(stringWidth(line) / stream.columns) - 1, 0);
    if (broken > 0) {
      moveCursor(stream, 0, -broken);
      clearScreenDown(stream);
    }
    drawn = [];
  };
  const flush = () => {
    erase();
    stream.write(above);
    above = "";
  };
  const draw = () => {
    turn = undefined;
    if (above !== "" || columns !== stream.columns) flush();
    columns = stream.columns;
    drawn = areaLines(activities, repo, { columns, rows: stream.rows, begun, cut });
    update(drawn.join("\n"));
  };
  // Only after the input of this turn, in which Node hears of a new size: what is erased must be of the present one.
  const schedule = () => {
    turn ??= setImmediate(draw);
  };
  const timer = setInterval(schedule, drawEvery);
  stream.on("resize", schedule);
  schedule();
  return {
    above(text) {
      // A first line break is there to leave the line with the `^C` on it, which goes with the area.
      above += text.replace(/^\n/, "");
      schedule();
    },
    end() {
      clearInterval(timer);
      clearImmediate(turn);
      stream.off("resize", schedule);
      flush();
    },
  };
}

/** Cuts text to so many columns of a terminal. */
type Cut = typeof CliTruncate.default;

interface Area {
  readonly cut: Cut;
  readonly columns: number;
  readonly rows: number;
  /** When the run began. */
  readonly begun: number;
}

/** A line for each activity as far as there is room, and one with the counts. */
function areaLines(
  activities: Activities,
  repo: string,
  { columns, rows, begun, cut }: Area,
): readonly string[] {
  const now = performance.now();
  // The last column stays empty: terminals do not agree on what comes after it.
  const width = Math.max(1, columns - 1);
  const counts = cut(`${clock(now - begun)}  ${activities.counts()}`, width);
  const running = activities.running();
  // One for the counts, one for the cursor.
  const room = Math.max(0, rows - 2);
  const shown = running.length > room ? running.slice(0, Math.max(0, room - 1)) : running;
  const names = shown.map(({ name }) =>
    cut(
      printable(name.startsWith(`${repo}/`) ? name.slice(repo.length + 1) : name),
      Math.max(8, Math.floor(width * 0.4)),
      { position: "middle" },
    ),
  );
  const heads = columnsOf(
    shown.map(({ kind, instruction, since }, index) => [
      kind,
      names[index] ?? "",
      instruction,
      clock(now - since).padStart(5),
    ]),
  );
  const lines = shown.map((activity, index) => lineOf(heads[index] ?? "", activity, width, cut));
  const more = running.length - shown.length;
  return [...lines, ...(more > 0 && room > 0 ? [`… and ${more} more`] : []), coloured("bold", counts)];
}

function lineOf(whole: string, activity: Activity, width: number, cut: Cut): string {
  const head = cut(whole, width);
  const left = width - stringWidth(head) - 2;
  const told = activity.kind === "building" ? activity.line : transferText(activity);
  const detail = left < 4 ? "" : cut(printable(told), left);
  return detail === "" ? head.trimEnd() : `${head}  ${coloured("dim", detail)}`;
}

/** Rows as lines whose columns stand below each other, as wide as a terminal shows them; one that is empty is left out. */
function columnsOf(rows: readonly (readonly string[])[]): readonly string[] {
  const widths: number[] = [];
  for (const row of rows)
    for (const [column, text] of row.entries())
      widths[column] = Math.max(widths[column] ?? 0, stringWidth(text));
  return rows.map((row) =>
    row
      .flatMap((text, column) => {
        const wide = widths[column] ?? 0;
        return wide === 0 ? [] : [text + " ".repeat(wide - stringWidth(text))];
      })
      .join("  "),
  );
}

/** `1:05`, `2:00:00` */
function clock(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  const parts = [Math.floor(seconds / 60) % 60, seconds % 60];
  if (seconds >= 3600) parts.unshift(Math.floor(seconds / 3600));
  return parts.map((part, index) => (index === 0 ? String(part) : String(part).padStart(2, "0"))).join(":");
}
