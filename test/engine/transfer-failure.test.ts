import { suite } from "uvu";
import * as assert from "uvu/assert";
import { TransientFailure } from "../../src/engine/engine.ts";
import { transferFailure } from "../../src/engine/transfer-failure.ts";
import { hintOnWords } from "../../src/registry/hosts.ts";

const test = suite("what an engine says of a transfer that failed");

const failureOf = (said: string) => transferFailure("push", "ghcr.io/me/sci/a:1.0", "ghcr.io", said);

test("a rate limit is tried again and told as that, also where it reads like a missing right or a full registry", () => {
  for (const said of [
    "denied: You have exceeded a secondary rate limit",
    "unexpected status: 403 Forbidden: Rate exceeded",
    "toomanyrequests: You have reached your pull rate limit",
  ]) {
    const failure = failureOf(said);
    assert.instance(failure, TransientFailure, said);
    assert.match(failure.problems[0]?.hint ?? "", "docker login ghcr.io", said);
    assert.is(hintOnWords(failure.message), undefined, said);
  }
});

test("a missing right and a full registry are not tried again", () => {
  for (const said of [
    "denied: requested access to the resource is denied",
    "denied: quota exceeded, limit 5 GB",
  ])
    assert.not.instance(failureOf(said), TransientFailure, said);
  assert.match(hintOnWords("quota exceeded, limit 5 GB") ?? "", "free space there");
});

test.run();
