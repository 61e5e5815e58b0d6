import { table } from "./table.ts";
import { json } from "./text.ts";

/** A setting, and where it comes from. The JSON that `config` prints is a list of these. */
export interface Setting {
  /** The option without its dashes, or the key of `image-builder.json5`. */
  readonly name: string;
  /** Null where nothing gives it one. */
  readonly value: string | number | boolean | readonly string[] | null;
  readonly from: "option" | "environment" | "file" | "default";
  /** The variable, or the file and line; null where `from` says it all. */
  readonly at: string | null;
}

/** The settings as a table for people, with what holds where nothing is set; ends with a line break. */
export function configTable(
  settings: readonly Setting[],
  usual: (name: string) => string | undefined,
): string {
  const rows = settings.map(({ name, value, from, at }) => [
    name,
    valueText(value) ?? usual(name) ?? "none",
    at ?? (from === "option" ? `--${name}` : from),
  ]);
  return table([["SETTING", "VALUE", "FROM"], ...rows]);
}

/** The settings as data; ends with a line break. */
export function configJson(settings: readonly Setting[]): string {
  return json({ formatVersion: 1, settings });
}

function valueText(value: Setting["value"]): string | undefined {
  if (value === null) return undefined;
  if (typeof value !== "object") return String(value);
  return value.length === 0 ? undefined : value.join(", ");
}
