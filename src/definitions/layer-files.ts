import fs from "node:fs";
import type { Dirent } from "node:fs";
import path from "node:path";
import { definitionName } from "../conventions.ts";
import type { Problem } from "../problem.ts";
import { isWithin, readLayerText, reasonOf, resolveLink } from "../layer-text.ts";
import type { Refuse } from "../layer-text.ts";
import type { Rule } from "../rules.ts";

/** The files of one layer; undefined where one is missing or unreadable, of which the problems tell. */
export interface LayerFiles {
  /** Relative to the root, e.g. `science/nist-basic`. */
  readonly directory: string;
  readonly definition: string | undefined;
  readonly dockerfile: string | undefined;
}

/** What was found below `science/` or `compat/`. */
export interface FoundLayers {
  /** Sorted by directory. */
  readonly layers: readonly LayerFiles[];
  /** Directories that look like layers but are refused, so that nothing else is wrong for naming them. */
  readonly refused: readonly string[];
  /** Directories with a Dockerfile and no definition, which are no layers. */
  readonly undefinedLayers: readonly string[];
  /** Some directory could not be looked into, so there may be layers that nobody knows of. */
  readonly partial: boolean;
  readonly problems: readonly Problem[];
  /** False where there is no such directory at all. */
  readonly exists: boolean;
}

/** Controls, which terminals and logs obey, and what only changes how other characters are shown. */
const invisible = /[\p{Cc}\p{Cf}\u2028\u2029]/gu;

/** In quotes, with `\n` for a line break and the like. */
function escaped(text: string): string {
  return JSON.stringify(text).replaceAll(
    invisible,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

/**
 * Finds the layers below `science/` or `compat/` of a root, at any depth, and reads their files. Hidden directories
 * are passed over; symbolic links are never followed out of a layer.
 */
export function findLayers(root: string, top: "science" | "compat"): FoundLayers {
  const layers: LayerFiles[] = [];
  const refused: string[] = [];
  const undefinedLayers: string[] = [];
  const problems: Problem[] = [];
  let partial = false;
  const refuseFor =
    (rule: Rule): Refuse =>
    (file, message, hint, line) => {
      problems.push({
        kind: "definition",
        rule,
        file,
        message,
        hint,
        ...(line === undefined ? {} : { line }),
      });
    };
  const refuseFile = refuseFor("unreadable-file");
  const refusePlace = refuseFor("misplaced-layer");
  const refuseLink = refuseFor("layer-link");

  const walk = (directory: string, outer: string | undefined): void => {
    let entries: Dirent[];
    try {
      entries = fs.readdirSync(path.join(root, directory), { withFileTypes: true });
    } catch (error) {
      refused.push(directory);
      partial = true;
      refuseFile(
        directory,
        `cannot be read: ${reasonOf(error)}`,
        "make it readable for the user who runs this",
      );
      return;
    }
    const definition = entries.find(({ name }) => name === definitionName);
    const dockerfile = entries.find(({ name }) => name === "Dockerfile");
    const inside = outer ?? (definition === undefined ? undefined : directory);
    if (directory === top && (definition ?? dockerfile) !== undefined) {
      const name = definition === undefined ? "Dockerfile" : definitionName;
      refusePlace(
        `${directory}/${name}`,
        `stands directly in ${top}/`,
        `move it to a directory of its own below ${top}/`,
      );
    } else if (outer !== undefined && definition !== undefined) {
      refused.push(directory);
      const hint = `move it out of ${outer}: a layer has no layers inside it`;
      refusePlace(`${directory}/${definitionName}`, `a layer inside the layer ${outer}`, hint);
    } else if (outer === undefined && definition !== undefined) {
      layers.push({
        directory,
        definition: readLayerText(root, directory, definition.name, definition, refuseFile),
        dockerfile:
          dockerfile === undefined
            ? missing(directory)
            : readLayerText(root, directory, dockerfile.name, dockerfile, refuseFile),
      });
    } else if (outer === undefined && dockerfile !== undefined) undefinedLayers.push(directory);
    if (definition !== undefined && directory.search(invisible) >= 0) {
      const hint = "rename the directory: terminals and logs take such characters for commands";
      const message = `its path has invisible characters: ${escaped(directory)}`;
      refuseFor("invisible-name")(`${directory}/${definition.name}`, message, hint);
    }
    for (const entry of entries) {
      const below = `${directory}/${entry.name}`;
      if (entry.name.startsWith(".")) continue;
      if (entry.isDirectory()) walk(below, directory === top ? undefined : inside);
      else if (entry.isSymbolicLink() && inside === undefined) checkLink(root, below, refused, refuseLink);
    }
  };
  const missing = (directory: string): undefined => {
    const hint = "every layer has a Dockerfile; add one";
    refuseFor("missing-dockerfile")(`${directory}/Dockerfile`, "is missing", hint);
  };

  const found = fs.lstatSync(path.join(root, top), { throwIfNoEntry: false });
  if (found === undefined) return { layers, refused, undefinedLayers, partial, problems, exists: false };
  if (found.isSymbolicLink()) checkLink(root, top, refused, refuseLink);
  else if (!found.isDirectory()) refusePlace(top, "is not a directory", `${top}/ holds the ${top} layers`);
  else walk(top, undefined);
  layers.sort((a, b) => (a.directory < b.directory ? -1 : 1));
  return { layers, refused, undefinedLayers, partial, problems, exists: true };
}

/** A link that stands where a layer could: to a file it means nothing, to a directory it would hide changes from git. */
function checkLink(root: string, link: string, refused: string[], refuse: Refuse): void {
  const target = resolveLink(root, link, refuse);
  if (target === undefined) refused.push(link);
  else if (fs.statSync(target).isDirectory()) {
    refused.push(link);
    const where = isWithin(fs.realpathSync(root), target) ? "" : " out of the checkout";
    refuse(
      link,
      `is a symbolic link${where}`,
      "put the directory itself there: git does not see what changes behind a link",
    );
  }
}
