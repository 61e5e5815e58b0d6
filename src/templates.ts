import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** The directory that the tool is in: the one with `templates/` above this code, be it the source or the built file. */
export function toolDirectory(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, "templates")) && folder !== dirname(folder)) folder = dirname(folder);
  return folder;
}

/** The text of a file below `templates/`. */
export function readTemplate(name: string): string {
  return readFileSync(join(toolDirectory(), "templates", name), "utf8");
}
