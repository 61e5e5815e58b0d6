import * as fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { isBranchPattern, matchesBranch } from "../../src/definitions/branch-patterns.ts";

const test = suite("patterns of branches");

test("* is any text without a slash, ** any text, and everything else is itself", () => {
  const cases: readonly (readonly [pattern: string, branch: string, matches: boolean])[] = [
    ["main", "main", true],
    ["main", "mains", false],
    ["main", "origin/main", false],
    ["20*", "2026.1", true],
    ["20*", "20", true],
    ["20*", "2026.1/fix", false],
    ["release/*", "release/1", true],
    ["release/*", "release/1/fix", false],
    ["release/**", "release/1/fix", true],
    ["**", "a/b", true],
    ["**/fix", "a/b/fix", true],
    ["a.c", "abc", false],
    ["*ü", "grün/ü", false],
    ["*ü", "ü", true],
  ];
  for (const [pattern, branch, matches] of cases)
    assert.is(matchesBranch([pattern], branch), matches, `${pattern} of ${branch}`);
  assert.is(matchesBranch(["main", "20*"], "2026.1"), true);
});

test("a pattern means what the regular expression means that says the same", () => {
  const letters = (...more: readonly string[]) =>
    fc.string({ unit: fc.constantFrom("a", "b", "/", ...more), maxLength: 8 });
  fc.assert(
    fc.property(letters("*"), letters(), (pattern, branch) => {
      const source = pattern.replaceAll(/\*+/g, (star) => (star === "*" ? "[^/]*" : ".*"));
      assert.is(matchesBranch([pattern], branch), new RegExp(`^${source}$`).test(branch));
    }),
  );
});

test("no pattern takes long", () => {
  const started = performance.now();
  assert.is(matchesBranch([`${"*a".repeat(100)}b`], "a".repeat(250)), false);
  assert.is(matchesBranch([`${"**a".repeat(100)}b`], "a".repeat(250)), false);
  assert.ok(performance.now() - started < 500);
});

test("what no branch is called, and a negation, is no pattern", () => {
  for (const text of ["main", "20*", "feature/**", "grün"]) assert.is(isBranchPattern(text), true, text);
  for (const text of ["", "!main", "-x", "/x", "a b", "a~1", "a?", "[ab]", "a\\b", "a\u0007"])
    assert.is(isBranchPattern(text), false, text);
});

test.run();
