import Handlebars from "handlebars";
import type { ScienceLayer } from "../model.ts";
import type { Problem } from "../problem.ts";
import { readTemplate } from "../templates.ts";
import { readFragments } from "./fragment.ts";
import type { WrittenFragment } from "./fragment.ts";

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
  readonly fragments: readonly WrittenFragment[];
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
  const { fragments: parts, problems } = readFragments(composition.fragments);
  // An engine that does not know `check` takes what comes after it for comments.
  const directives = (["escape", "syntax", "check"] as const).flatMap((name) =>
    parts.flatMap((part) => part.directives.filter((directive) => directive.name === name)).slice(0, 1),
  );
  const render = Handlebars.compile(readTemplate("compat.Dockerfile.hbs"), { noEscape: true, strict: true });
  const environment = composition.environment.map(([name, value]) => ({ name, value }));
  const fragments = parts.map(({ directory, body }) => ({ directory, body }));
  return { dockerfile: render({ directives, from: composition.from, fragments, environment }), problems };
}
