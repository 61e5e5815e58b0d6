import fs from "node:fs";
import path from "node:path";
import Handlebars from "handlebars";
import { definitionFile } from "../conventions.ts";
import { isPathComponent } from "../reference.ts";
import { readTemplate } from "../templates.ts";
import { orRefuse } from "./output.ts";

/** The text of the files of a layer that is to be. */
export interface Draft {
  readonly directory: string;
  readonly dockerfile: string;
  readonly definition: string;
}

/** A science layer `science/NAME`; `about` is the comment that its definition begins with. */
export function draftOfScience(
  name: string,
  values: Readonly<Record<"about" | "image" | "version" | "target" | "compat" | "from", string>>,
): Draft {
  return {
    directory: `science/${name}`,
    dockerfile: render("science.Dockerfile", values),
    definition: render("science.json", values),
  };
}

/** A compat layer `compat/NAME`; `user` is the one that the layers it includes leave behind, if any. */
export function draftOfCompat(name: string, includes: readonly string[], user = ""): Draft {
  return {
    directory: `compat/${name}`,
    dockerfile: render("compat.Dockerfile", { user }),
    definition: render("compat.json", { includes }),
  };
}

function render(name: string, values: object): string {
  return Handlebars.compile(readTemplate(`layer/${name}.hbs`), { noEscape: true, strict: true })(values);
}

/** Writes a layer that is not there yet. Gives the first directory that it made, and the files. */
export function writeDraft(
  root: string,
  { directory, dockerfile, definition }: Draft,
): { readonly made: string | undefined; readonly files: readonly string[] } {
  return orRefuse(directory, "written", () => {
    const absolute = path.join(root, directory);
    const made = fs.mkdirSync(absolute, { recursive: true });
    const files = { [`${directory}/Dockerfile`]: dockerfile, [definitionFile(directory)]: definition };
    for (const [name, text] of Object.entries(files))
      fs.writeFileSync(path.join(root, name), text, { flag: "wx" });
    return { made, files: Object.keys(files) };
  });
}

/** What is wrong with the name of a layer, a path below `science/` or `compat/`, if anything. */
export function nameProblem(name: string): string | undefined {
  if (name.split("/").every(isPathComponent)) return undefined;
  return "lowercase letters and digits, with single . or _ or with - between them";
}
