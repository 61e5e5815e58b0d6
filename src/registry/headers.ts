/** Readers of the HTTP headers that a registry's answers are steered by. They take anything and never throw. */

/** One way to log in that a server offers (RFC 9110, section 11.6.1). Scheme and names are in lower case. */
export interface Challenge {
  readonly scheme: string;
  readonly parameters: ReadonlyMap<string, string>;
}

/** A link to another resource (RFC 8288). Relations and names are in lower case. */
interface Link {
  readonly target: string;
  readonly relations: readonly string[];
}

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const value = `(?:"((?:[^"\\\\]|\\\\.)*)"|(${token}))`;
const token68 = "[A-Za-z0-9._~+/-]+=*";

/** The challenges of a `WWW-Authenticate` header, up to where it can be read; parameters may hold quoted commas. */
export function parseChallenges(header: string): readonly Challenge[] {
  const item = new RegExp(
    `[\\s,]*(${token})(?:[ \\t]*=[ \\t]*${value}|(?: +${token68}(?=[ \\t]*(?:,|$)))?)`,
    "sy",
  );
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  for (let match = item.exec(header); match !== null; match = item.exec(header)) {
    const name = (match[1] ?? "").toLowerCase();
    const text = valueOf(match[2], match[3]);
    const parameters = challenges.at(-1)?.parameters;
    if (text === undefined) challenges.push({ scheme: name, parameters: new Map() });
    else if (parameters?.has(name) === false) parameters.set(name, text);
  }
  return challenges;
}

/** The links of a `Link` header; undefined where it is not written as one, since a page would be lost then. */
export function parseLinks(header: string): readonly Link[] | undefined {
  // Blanks can be read in one way only: otherwise a header of 60 bytes takes the regular expression minutes.
  const parameter = `;[ \\t]*(?:(?:${token})(?:[ \\t]*=[ \\t]*${value})?[ \\t]*)?`;
  const item = new RegExp(`[\\s,]*<([^>]*)>[ \\t]*((?:${parameter})*)(?=,|$)`, "sy");
  const links: Link[] = [];
  let end = 0;
  for (let match = item.exec(header); match !== null; match = item.exec(header)) {
    end = item.lastIndex;
    links.push({ target: match[1] ?? "", relations: relationsIn(match[2] ?? "") });
  }
  return /^[\s,]*$/.test(header.slice(end)) ? links : undefined;
}

/** How many milliseconds from `now` a `Retry-After` header asks to wait: it holds seconds, or a date (RFC 9110, 10.2.3). */
export function parseRetryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\s*\d+\s*$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** What the first `rel` of a link's parameters says; a later one counts for nothing (RFC 8288, section 3.3). */
function relationsIn(parameters: string): readonly string[] {
  for (const [, name, quoted, plain] of parameters.matchAll(
    new RegExp(`(${token})(?:[ \\t]*=[ \\t]*${value})?`, "gs"),
  )) {
    if (name?.toLowerCase() === "rel") return valueOf(quoted, plain)?.toLowerCase().split(/\s+/) ?? [];
  }
  return [];
}

function valueOf(quoted: string | undefined, plain: string | undefined): string | undefined {
  return quoted?.replaceAll(/\\(.)/gs, "$1") ?? plain;
}
