import { suite } from "uvu";
import * as assert from "uvu/assert";
import { nameWithVersion } from "../../src/commands/found-image.ts";
import { compatFiles, makeRepository, scienceFiles } from "../support/checkout.ts";

const test = suite("names of images");

const root = makeRepository({
  ...scienceFiles("tools", { version: "1.1" }),
  ...scienceFiles("two-1", { image: "two" }),
  ...scienceFiles("two-2", { image: "two", version: "2.0" }),
  ...compatFiles("base"),
});
const named = (name: string) => nameWithVersion(name, root, "example.org/images");

test("get the version that the definitions around have, where they have one", () => {
  assert.is(named("tools"), "rel/tools:1.1");
  assert.is(named("sci/two-2"), "sci/two-2:2.0");
  assert.throws(() => named("two"), /two has several versions — name one: two:1\.0, two:2\.0/);
  assert.throws(() => named("tool"), /no layer makes an image tool — did you mean tools/);
});

test("stay as they are with a version, and where nothing is around", () => {
  for (const name of ["gone:0.9", "tools:1.1-4-f90dbd6"]) assert.is(named(name), name);
  assert.is(nameWithVersion("tools", undefined, "example.org/images"), "tools");
});

test.run();
