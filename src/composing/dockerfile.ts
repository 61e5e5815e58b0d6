import { posix } from "node:path";
import Handlebars from "handlebars";
import type { ScienceLayer } from "../model.ts";
import type { Problem } from "../problem.ts";
import { readTemplate } from "../templates.ts";
import { readFragment } from "./fragment.ts";
import type { Directive, Fragment } from "./fragment.ts";

/** The Dockerfile of a layer with the place of each base that is in `pins` (by directory) taken by its reference. */
export function pinBases(layer: ScienceLayer, pins: ReadonlyMap<string, string>): string {
  // From the last to the first, so that the places still to come stay where they are.
  return layer.bases
    .toSorted((a, b) => b.start - a.start)
    .reduce((text, { start, end, layer: directory }) => {
      const pin = directory === undefined ? undefined : pins.get(directory);
      return pin === undefined ? text : text.slice(0, start) + pin + text.slice(end);
    }, layer.dockerfile);
}

/** What a release is built from. */
export interface Composition {
  /** The reference of the science image. */
  readonly from: string;
  /** The Dockerfiles of the compat layers, in the order they are laid down. */
  readonly fragments: readonly { readonly directory: string; readonly text: string }[];
  /** Names and values, written as they are after all fragments. */
  readonly environment: readonly (readonly [name: string, value: string])[];
}

/**
 * Composes the Dockerfile of a release: the parser directives of all fragments, `FROM`, each fragment under a
 * comment that names it, the environment. The problems are directives that contradict each other and heredocs
 * that are not ended; with any of them the Dockerfile must not be built.
 */
export function composeDockerfile(composition: Composition): {
  dockerfile: string;
  problems: readonly Problem[];
} {
  const parts = composition.fragments.map(({ directory, text }) => ({
    directory,
    ...readFragment(directory, text),
  }));
  const problems = [...parts.flatMap((part) => part.problems), ...contradictions(parts)];
  // An engine that does not know `check` takes what comes after it for comments.
  const directives = (["escape", "syntax", "check"] as const).flatMap((name) =>
    parts.flatMap((part) => part.directives.filter((directive) => directive.name === name)).slice(0, 1),
  );
  const render = Handlebars.compile(readTemplate("compat.Dockerfile.hbs"), { noEscape: true, strict: true });
  const environment = composition.environment.map(([name, value]) => ({ name, value }));
  const fragments = parts.map(({ directory, body }) => ({ directory, body }));
  return { dockerfile: render({ directives, from: composition.from, fragments, environment }), problems };
}

type Part = Fragment & { readonly directory: string };

function contradictions(parts: readonly Part[]): Problem[] {
  return (["escape", "syntax", "check"] as const).flatMap((name) => {
    const stated = parts.flatMap((part) => statements(part, name));
    const [first] = stated;
    const other = stated.find(({ value }) => value !== first?.value);
    if (first === undefined || other === undefined) return [];
    return [
      {
        kind: "definition",
        file: other.file,
        ...(other.line === undefined ? {} : { line: other.line }),
        message: `needs # ${name}=${other.value}, but ${first.file} needs # ${name}=${first.value}`,
        hint: "they become one Dockerfile: let both say the same",
      },
    ];
  });
}

interface Statement {
  readonly file: string;
  readonly value: string;
  readonly line: number | undefined;
}

/** The value of a directive that a fragment states or, for the escape character, takes for granted. */
function statements(part: Part, name: Directive["name"]): Statement[] {
  const directive = part.directives.find((found) => found.name === name);
  const value = name === "escape" ? part.escape : directive?.value;
  const file = posix.join(part.directory, "Dockerfile");
  return value === undefined ? [] : [{ file, value, line: directive?.line }];
}
