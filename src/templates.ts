import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** The text of a file below `templates/`, which stands beside the folder this code is in, be it the source or the built file. */
export function readTemplate(name: string): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, "templates", name)) && folder !== dirname(folder)) folder = dirname(folder);
  return readFileSync(join(folder, "templates", name), "utf8");
}
