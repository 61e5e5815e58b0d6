import fs from "node:fs";
import path from "node:path";
import { orRefuse } from "./output.ts";

/** The directory below a root that the tool and its CI jobs write into. */
const ownFiles = ".image-builder/";

/** Adds the directory of the tool to the `.gitignore` of a root; false where it is there. */
export function ignoreOwnFiles(root: string): boolean {
  const name = ".gitignore";
  const file = path.join(root, name);
  return orRefuse(name, "written", () => {
    const text = fs.existsSync(file) ? fs.readFileSync(file, "utf8") : "";
    if (/^\/?\.image-builder\/?\s*$/m.test(text)) return false;
    const separator = text === "" || text.endsWith("\n") ? "" : "\n";
    fs.appendFileSync(file, `${separator}${ownFiles}\n`);
    return true;
  });
}
