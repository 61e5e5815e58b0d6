import * as fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { isDirty, parseImmutableTag, sameStamp, stampOf } from "../../src/planning/names.ts";
import { readTrail } from "../../src/planning/trail.ts";

const test = suite("a stamp");

const commit = fc.stringMatching(/^[0-9a-f]{40}$/);
const count = fc.integer({ min: 0, max: 2_000_000 });
const digits = fc.integer({ min: 7, max: 40 });
const version = fc.constantFrom("1.0", "2.10", "2026", "0.0.1");
const suffix = fc.constantFrom("", "-dirty");

test("is read with 7 to 40 digits of the commit, from tags and from labels", () =>
  fc.assert(
    fc.property(commit, count, digits, version, suffix, (of, n, length, wanted, end) => {
      const stamp = `${n}-${of.slice(0, length)}${end}`;
      const tag = { version: wanted, stamp, commit: of.slice(0, length) };
      assert.equal(parseImmutableTag(`${wanted}-${stamp}`), tag);
      assert.is(isDirty(stamp), end !== "");
      const labels = {
        "org.sciserver.science.one.version": `${wanted}-${stamp}`,
        "org.sciserver.compat.version": `one:${wanted}-${stamp}`,
      };
      for (const layer of readTrail(labels)) assert.equal({ ...layer, ...tag }, layer);
      assert.is(readTrail(labels).length, 2);
    }),
  ));

test("is written with 7, and is the same with however many", () =>
  fc.assert(
    fc.property(commit, count, digits, digits, (of, n, one, other) => {
      assert.is(stampOf(of, n), `${n}-${of.slice(0, 7)}`);
      assert.ok(sameStamp(`${n}-${of.slice(0, one)}`, `${n}-${of.slice(0, other)}`));
      assert.not(sameStamp(`${n}-${of.slice(0, one)}`, `${n + 1}-${of.slice(0, other)}`));
      assert.not(sameStamp(`${n}-${of.slice(0, one)}`, `${n}-${of.slice(0, other)}-dirty`));
      const another = (of.startsWith("0") ? "1" : "0") + of.slice(1, other);
      assert.not(sameStamp(`${n}-${of.slice(0, one)}`, `${n}-${another}`));
    }),
  ));

test("of fewer or more digits is none, nor is what else follows a version", () => {
  const hex = "0123456789abcdef0123456789abcdef012345678";
  for (const text of [hex.slice(0, 6), hex, "f90dbdg", "F90DBD6", "f90dbd6-", ""]) {
    assert.is(parseImmutableTag(`1.0-42-${text}`), undefined, text);
    assert.not(sameStamp(`42-${text}`, `42-${text}`));
  }
});

test.run();
