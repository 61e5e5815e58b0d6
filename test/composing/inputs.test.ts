import { suite } from "uvu";
import * as assert from "uvu/assert";
import { digestInputs } from "../../src/composing/inputs.ts";

const test = suite("inputs");

test("a build with the default namespace of labels has the digest that published images carry, one with another has its own", () => {
  const digest = (namespace: string) => digestInputs("sci/a:1.0", "sha256:f", ["sha256:b"], namespace);
  // sha256sum of ["sci/a:1.0","sha256:f",["sha256:b"]]
  const published = "sha256:d73e72075a1f8363bdbd7725bb55d5cb08916058fae46889f55e276f27519d15";
  assert.is(digest("org.sciserver"), published);
  assert.is.not(digest("org.example"), published);
});

test.run();
