import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Plan, Step } from "../../src/model.ts";
import { tagCount, watchActivities } from "../../src/report/activities.ts";
import type { StepResult } from "../../src/run.ts";

const test = suite("activities");

function step(id: string, needs: readonly string[] = []): Step {
  const tags = { immutable: `repo/${id}:1.0-1-abcdef0`, rolling: `repo/${id}:1.0` };
  const common = { id, image: id, version: "1.0", needs, bases: [], tags, because: [] };
  return { ...common, kind: "science", directory: id, target: id, final: true };
}

function planOf(dirty: boolean, ...steps: readonly Step[]): Plan {
  const build = { commit: "abcdef0".padEnd(40, "0"), count: 1, stamp: "1-abcdef0", dirty };
  return { formatVersion: 1, repo: "repo", ref: null, build, steps };
}

const [low, middle, high, other] = [
  step("low"),
  step("middle", ["low"]),
  step("high", ["middle"]),
  step("other"),
];

test("the counts add up to the steps: what cannot be built any more is skipped, not waiting", () => {
  const { follow, counts } = watchActivities(planOf(false, low, middle, high, other), 0);
  const end = (result: StepResult) => follow({ kind: "ended", result });
  assert.is(counts(), "0 of 4 images done, 4 waiting");
  follow({ kind: "started", step: low });
  follow({ kind: "started", step: other });
  assert.is(counts(), "0 of 4 images done, 2 running, 2 waiting");
  end({ kind: "failed", step: low, problems: [], seconds: 1, tail: [] });
  assert.is(counts(), "0 of 4 images done, 1 failed, 2 skipped, 1 running");
  end({ kind: "built", step: other, id: "sha256:0", cached: false, seconds: 1 });
  assert.is(counts(), "1 of 4 images done, 1 failed, 2 skipped");
});

test("what the registry has already is done and published", () => {
  const { follow, counts } = watchActivities(planOf(false, low, other), 4);
  follow({ kind: "ended", result: { kind: "reused", step: low, digest: "sha256:0" } });
  assert.is(counts(), "1 of 2 images done, 1 waiting, 1 of 4 tags published");
});

test("a run publishes two tags for each step and the named ones, of a dirty tree only the immutable ones", () => {
  const named = [["repo/low:dr1", "repo/low:1.0-1-abcdef0"]] as const;
  assert.is(tagCount({ plan: planOf(false, low, other), named }), 5);
  assert.is(tagCount({ plan: planOf(true, low, other), named }), 2);
});

for (const [builder, line, instruction, shown] of [
  ["BuildKit", "#5 [2/4] RUN make", "2/4", "RUN make"],
  ["BuildKit with stages", "#7 [stage-1 3/4] COPY . /", "3/4", "COPY . /"],
  ["the classic builder", "Step 2/4 : RUN make", "2/4", "RUN make"],
] as const)
  test(`an activity knows from ${builder} which instruction is at work, and its last line of output`, () => {
    const { follow, running } = watchActivities(planOf(false, low), 0);
    follow({ kind: "started", step: low });
    const output = (text: string) => {
      follow({ kind: "output", step: low, line: text });
      const [activity] = running();
      return [activity?.instruction, activity?.line];
    };
    assert.equal(output(line), [instruction, shown]);
    assert.equal(output("#5 gcc -c a.c"), [instruction, "gcc -c a.c"]);
    assert.equal(output("#5 DONE 0.3s"), [instruction, "gcc -c a.c"]);
    assert.equal(output("#5  "), [instruction, "gcc -c a.c"]);
  });

test("a pull and a push last from their first news to their end", () => {
  const { follow, running } = watchActivities(planOf(false, low), 2);
  const kinds = () => running().map(({ kind, name, bytes, total }) => [kind, name, bytes, total]);
  follow({ kind: "pulling", reference: "debian", line: "Pulling", bytes: 0, total: 0 });
  follow({ kind: "pulling", reference: "debian", line: undefined, bytes: 5, total: 9 });
  assert.equal(kinds(), [["pulling", "debian", 5, 9]]);
  assert.is(running()[0]?.line, "Pulling");
  follow({ kind: "pulled", reference: "debian" });
  assert.equal(kinds(), []);
  follow({ kind: "uploading", reference: "repo/low:1.0" });
  assert.equal(kinds(), [["pushing", "repo/low:1.0", 0, 0]]);
  follow({ kind: "published", result: { kind: "pushed", reference: "repo/low:1.0", digest: "sha256:0" } });
  assert.equal(kinds(), []);
});

test.run();
