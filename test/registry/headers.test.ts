import * as fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseChallenges, parseLinks, parseRetryAfter } from "../../src/registry/headers.ts";

const headers = suite("the headers of a registry's answers");

const token = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}$/);
/** Anything that can stand between quotes: commas, equal signs, quotes and backslashes among it. */
const text = fc.string({ unit: fc.constantFrom(...'ab/:,;= "\\<>é'.split("")), maxLength: 20 });
const space = fc.constantFrom("", " ", "  ", "\t");

function quote(value: string): string {
  return `"${value.replaceAll(/["\\]/g, "\\$&")}"`;
}

headers("are challenges with whatever is in their quotes", () => {
  const parameters = fc.uniqueArray(fc.tuple(token, text, space), {
    minLength: 1,
    maxLength: 5,
    selector: ([name]) => name.toLowerCase(),
  });
  const challenges = fc.array(fc.tuple(token, parameters), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(challenges, (wanted) => {
      const header = wanted
        .map(
          ([scheme, pairs]) =>
            `${scheme} ${pairs.map(([name, value, gap]) => `${name}${gap}=${gap}${quote(value)}`).join(`${pairs[0]?.[2]}, `)}`,
        )
        .join(", ");
      const found = parseChallenges(header).map((one) => [one.scheme, [...one.parameters]]);
      const expected = wanted.map(([scheme, pairs]) => [
        scheme.toLowerCase(),
        pairs.map(([name, value]) => [name.toLowerCase(), value]),
      ]);
      assert.equal(found, expected);
    }),
  );
});

headers("are read as registries write them", () => {
  const hub =
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"';
  const [bearer] = parseChallenges(hub);
  assert.is(bearer?.scheme, "bearer");
  assert.is(bearer?.parameters.get("scope"), "repository:a/b:pull,push");
  const several = parseChallenges('Negotiate, NTLM abc==, Basic realm="a, b", Bearer realm=https');
  assert.equal(
    several.map((one) => [one.scheme, one.parameters.get("realm")]),
    [
      ["negotiate", undefined],
      ["ntlm", undefined],
      ["basic", "a, b"],
      ["bearer", "https"],
    ],
  );
});

headers("are links with their relations, wherever the commas are", () => {
  const target = fc.string({ unit: fc.constantFrom(...'ab/?&=,;:"%'.split("")), maxLength: 20 });
  const relations = fc.array(fc.constantFrom("next", "prev", "Last", "x"), { minLength: 1, maxLength: 3 });
  const links = fc.array(fc.tuple(target, relations, text, space), { maxLength: 4 });
  fc.assert(
    fc.property(links, (wanted) => {
      const header = wanted
        .map(
          ([to, names, title, gap]) =>
            `<${to}>${gap};${gap}title${gap}=${gap}${quote(title)}${gap};REL=${quote(names.join(" "))};rel=no`,
        )
        .join(`${wanted[0]?.[3] ?? ""},`);
      const expected = wanted.map(([to, names]) => ({
        target: to,
        relations: names.map((name) => name.toLowerCase()),
      }));
      assert.equal(parseLinks(header), expected);
    }),
  );
});

headers("are refused as links where one could get lost", () => {
  assert.equal(parseLinks(""), []);
  assert.equal(parseLinks("</v2/a/tags/list?last=b&n=2>; rel=next"), [
    { target: "/v2/a/tags/list?last=b&n=2", relations: ["next"] },
  ]);
  for (const header of ["/v2/a/tags/list", "</v2/a", '<a>; rel="next', "<a> rel=next", "<a>; rel=next <b>"])
    assert.is(parseLinks(header), undefined, header);
});

headers("may be anything without a throw, and are read in no time", () => {
  const bits = fc.constantFrom(
    "<",
    ">",
    '"',
    "\\",
    ",",
    ";",
    "=",
    " ",
    "a",
    "rel",
    "Bearer ",
    "realm=",
    "\n",
  );
  fc.assert(
    fc.property(fc.string({ unit: bits, maxLength: 60 }), (header) => {
      parseChallenges(header);
      parseLinks(header);
      parseRetryAfter(header, 0);
    }),
    { numRuns: 2000 },
  );
  const begun = performance.now();
  for (const bit of ['"', "\\", "a=", ";a ", "; ", "<a>;", "<a>", " ", ", ", 'a="\\"']) {
    parseChallenges(`Bearer ${bit.repeat(16_384 / bit.length)}`);
    parseLinks(`<a>; rel="${bit.repeat(16_384 / bit.length)}`);
    // With an end that fits nothing, every way to read what comes before it would be tried.
    for (const end of ["", "x", '"']) parseLinks(`<a>${bit.repeat(16_384 / bit.length)}${end}`);
  }
  assert.ok(performance.now() - begun < 1000);
});

headers("say how long to wait, in seconds or as a date", () => {
  assert.is(parseRetryAfter("120", 0), 120_000);
  assert.is(parseRetryAfter("Thu, 01 Jan 1970 00:01:00 GMT", 15_000), 45_000);
  assert.is(parseRetryAfter("Thu, 01 Jan 1970 00:00:00 GMT", 15_000), 0);
  assert.is(parseRetryAfter("soon", 0), undefined);
  assert.is(parseRetryAfter(undefined, 0), undefined);
});

headers.run();
