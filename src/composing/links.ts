import { posix } from "node:path";
import type { Finding } from "../finding.ts";
import type { Listed } from "./listing.ts";

/** Finds the links of a layer that lead out of it. They go into the image as they are, which is most often meant. */
export function lintLinks(listed: readonly Listed[]): readonly Finding[] {
  const targets = new Map(
    listed.flatMap((entry) => (entry.kind === "symlink" ? [[entry.path, entry.target]] : [])),
  );
  return listed.flatMap((entry): Finding[] => {
    if (entry.kind !== "symlink" || !leadsOutside(entry.path, entry.target, targets)) return [];
    return [
      {
        kind: "definition",
        severity: "note",
        rule: "outside-link",
        file: posix.join(entry.layer, entry.path),
        message: `links to ${entry.target}, which is outside ${entry.layer}: the link goes into the image, not what it leads to`,
        hint: "if the file itself is meant, put a copy of it here",
      },
    ];
  });
}

/** Whether a link leads out of its layer, followed part by part as an operating system does. */
function leadsOutside(link: string, target: string, links: ReadonlyMap<string, string>): boolean {
  const at = link.split("/").slice(0, -1);
  // The parts still to go, the next one last.
  const ahead: string[] = [];
  let onward: string | undefined = target;
  // Linux gives up after 40 links as well; by then it has gone in a circle, inside.
  for (let followed = 0; followed < 40;) {
    if (onward !== undefined) {
      if (onward.startsWith("/")) return true;
      ahead.push(...onward.split("/").toReversed());
      followed += 1;
      onward = undefined;
    }
    const part = ahead.pop();
    if (part === undefined) return false;
    if (part === "" || part === ".") continue;
    if (part === "..") {
      if (at.pop() === undefined) return true;
      continue;
    }
    onward = links.get([...at, part].join("/"));
    if (onward === undefined) at.push(part);
  }
  return false;
}
