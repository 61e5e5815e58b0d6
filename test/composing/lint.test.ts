import { suite } from "uvu";
import * as assert from "uvu/assert";
import { lintInstructions } from "../../src/composing/lint.ts";

const test = suite("a Dockerfile with unknown instructions");

test("that is none at all is told by its first lines, and by how many follow", () => {
  const found = lintInstructions("science/a", `FROM debian\n${"1,2,3\n".repeat(200_000)}`);
  assert.is(found.length, 20);
  assert.is(found[0]?.message, "there is no instruction 1,2,3");
  assert.is(found[19]?.message, "there is no instruction 1,2,3, and 199980 more lines like it follow");
  assert.is(
    lintInstructions("science/a", "FROM debian\nRUNN\n".repeat(20)).at(-1)?.message,
    "there is no instruction RUNN",
  );
});

test("names no more of a long line than people read", () => {
  const [finding] = lintInstructions("science/a", `${"x".repeat(4_000_000)}\n`);
  assert.is(finding?.message, `there is no instruction ${"X".repeat(60)}…`);
});

test.run();
