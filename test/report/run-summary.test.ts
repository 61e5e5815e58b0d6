import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Plan, Step } from "../../src/model.ts";
import { makePlan } from "../../src/planning/plan.ts";
import { summary } from "../../src/report/run-summary.ts";
import type { PushResult, RunResult, StepResult } from "../../src/run.ts";
import { makeCatalog } from "../support/catalog.ts";

const test = suite("the summary of a run");

const repo = "registry.example.org/images";
const digest = `sha256:${"0".repeat(64)}`;

function planned(names: readonly string[]): Plan {
  const catalog = makeCatalog(Object.fromEntries(names.map((name) => [name, {}])));
  const build = { commit: "f90dbd6".padEnd(40, "0"), count: 42, stamp: "42-f90dbd6", dirty: false };
  const changes = new Map(names.map((name) => [`science/${name}`, ["Dockerfile"]]));
  return makePlan({ catalog, changes, reasons: new Map(), repo, ref: "HEAD^", build });
}

function ended(
  plan: Plan,
  result: (step: Step) => StepResult,
  pushes: readonly PushResult[] = [],
): RunResult {
  return { plan, steps: plan.steps.map(result), named: [], push: pushes.length > 0, pushes, seconds: 75 };
}

const built = (step: Step): StepResult => ({ kind: "built", step, id: digest, cached: false, seconds: 1.25 });
const shown = (run: RunResult, width?: number) =>
  summary(run, { hint: true, width, logOf: ({ id }) => `logs/${id.replace(":", "-")}.log` });

test("has one row for each step, with references without the repository, which is named once", () => {
  assert.is(
    shown(ended(planned(["a"]), built)),
    `STEP          RESULT  TIME   IMAGE IN ${repo}\n` +
      "science/a     built   1.3 s  sci/a:1.0-42-f90dbd6\n" +
      "compat/a:1.0  built   1.3 s  rel/a:1.0-42-f90dbd6\n" +
      `\nBuilt 2 of 2 images for 42-f90dbd6 in 1 min 15 s. Nothing was pushed; --push publishes to ${repo}.\n`,
  );
});

test("does not say of a dirty build that is published already that something was not built", () => {
  const plan = planned(["a"]);
  const reused = (step: Step): StepResult => ({ kind: "reused", step, digest });
  const end = (result: (step: Step) => StepResult) => shown({ ...ended(plan, result), push: true });
  assert.match(end(reused), " 2 were published already. Nothing is left to push.\n");
  const skipped = (step: Step): StepResult => ({ kind: "skipped", step, on: undefined });
  assert.match(end(skipped), " Nothing was pushed, since not everything was built.\n");
});

test("is cut to the terminal in its rows, and in nothing else", () => {
  const lines = shown(ended(planned(["a-layer-of-a-long-name"]), built), 60).split("\n");
  assert.equal(
    lines.slice(0, 3).map(({ length }) => length),
    [60, 60, 60],
  );
  assert.ok(lines.slice(0, 3).every((line) => line.endsWith("…")));
  assert.match(lines.at(-2) ?? "", `--push publishes to ${repo}.`);
});

test("tells what was pushed from what was unchanged and what stays, by the names of the tags", () => {
  const plan = planned(["a"]);
  const [science, release] = plan.steps;
  if (science === undefined || release === undefined) throw new Error("nothing planned");
  const pushes: readonly PushResult[] = [
    { kind: "unchanged", reference: science.tags.immutable, digest },
    { kind: "pushed", reference: release.tags.immutable, digest },
    { kind: "unchanged", reference: science.tags.rolling, digest },
    {
      kind: "newer",
      reference: release.tags.rolling,
      digest,
      why: "it is newer (43-abcdef0): nothing to do",
    },
  ];
  const text = shown(ended(plan, built, pushes));
  assert.match(text, / 1\.0 unchanged +sci\/a:1\.0-42-f90dbd6\n/);
  assert.match(text, / 1\.0 newer already +rel\/a:1\.0-42-f90dbd6\n/);
  assert.ok(text.endsWith(` 1 tag pushed, 2 unchanged, 1 newer already in ${repo}.\n`), text);
});

test("ends with what failed: its file and line, and where its output is", () => {
  const names = Array.from({ length: 40 }, (_, index) => `l-${index}`);
  const plan = planned(names);
  const problem = {
    kind: "failure",
    file: "science/l-7/Dockerfile",
    line: 3,
    message: "RUN make: exit code 2",
  } as const;
  const text = shown(
    ended(plan, (step) =>
      step.id === "science/l-7"
        ? { kind: "failed", step, problems: [problem], seconds: 1, tail: ["make: no rule"] }
        : { kind: "skipped", step, on: "science/l-7" },
    ),
  );
  assert.ok(
    text.endsWith(
      "\n\nFailed:\n  science/l-7/Dockerfile:3: RUN make: exit code 2\n    its output is in logs/science/l-7.log\n",
    ),
    text,
  );
  assert.match(text, /^science\/l-7 +failed +1\.0 s$/m);
  assert.is(text.split("\n").length, 1 + plan.steps.length + 2 + 5);
});

test("repeats a tag that must not move, and one that could not be pushed", () => {
  const plan = planned(["a"]);
  const [science, release] = plan.steps;
  if (science === undefined || release === undefined) throw new Error("nothing planned");
  const why =
    'it was built on another branch (082432f, "try \u202Esomething"); --force-rolling moves it all the same';
  const text = shown(
    ended(plan, built, [
      { kind: "kept", reference: science.tags.rolling, digest, why },
      {
        kind: "unpushed",
        reference: release.tags.rolling,
        problems: [{ kind: "failure", message: "503 of the registry" }],
      },
    ]),
  );
  assert.match(text, " 0 tags pushed, 0 unchanged, 1 not moved, 1 not pushed in ");
  assert.ok(
    text.endsWith(
      `Failed:\n  sci/a:1.0 stays where it is: ${why.replace("\u202E", "\u{FFFD}")}\n  503 of the registry\n`,
    ),
    text,
  );
});

test.run();
