/** Stands in the bundle for what yargs checks its own code with, which loads a part of Node for nothing. */
import { createRequire } from "node:module";
import type assert from "node:assert";

const require = createRequire(import.meta.url);

export const strictEqual: typeof assert.strictEqual = (...values) => load().strictEqual(...values);

export const notStrictEqual: typeof assert.notStrictEqual = (...values) => load().notStrictEqual(...values);

function load(): typeof assert {
  const loaded: typeof assert = require("node:assert");
  return loaded;
}
