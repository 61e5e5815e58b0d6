import * as fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { runSchedule } from "../../src/building/schedule.ts";

const test = suite("schedule");

const never = new AbortController().signal;
const options = { jobs: 2, keepGoing: false, signal: never };
const turn = (milliseconds = 1) => new Promise<void>((resolve) => void setTimeout(resolve, milliseconds));

test("tasks run side by side, never more than the jobs, each after what it needs", async () => {
  let running = 0;
  let most = 0;
  const order: string[] = [];
  const tasks = [
    { id: "a", needs: [] },
    { id: "b", needs: ["a"] },
    { id: "c", needs: [] },
    { id: "d", needs: [] },
    { id: "e", needs: ["b", "c"] },
  ];
  await runSchedule(
    tasks,
    async ({ id }) => {
      running += 1;
      most = Math.max(most, running);
      await turn(5);
      running -= 1;
      order.push(id);
    },
    options,
  );
  assert.is(most, 2);
  assert.ok(order.indexOf("a") < order.indexOf("b"));
  assert.ok(order.indexOf("b") < order.indexOf("e"));
  assert.ok(order.indexOf("c") < order.indexOf("e"));
});

test("after a failure the running tasks are told to stop and nothing more is started", async () => {
  const started: string[] = [];
  const endings = await runSchedule(
    [
      { id: "fails", needs: [] },
      { id: "runs", needs: [] },
      { id: "waits", needs: [] },
      { id: "stands on it", needs: ["fails"] },
    ],
    async ({ id }, signal) => {
      started.push(id);
      if (id === "fails") throw new Error("broken");
      await new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(new Error("stopped")));
      });
    },
    options,
  );
  assert.equal(started, ["fails", "runs"]);
  assert.is(endings.get("runs")?.kind, "failed");
  assert.equal(endings.get("waits"), { kind: "skipped", on: undefined });
  assert.equal(endings.get("stands on it"), { kind: "skipped", on: "fails" });
});

test("with keepGoing everything is done that does not stand on the failed task, however far up", async () => {
  const endings = await runSchedule(
    [
      { id: "fails", needs: [] },
      { id: "on it", needs: ["fails"] },
      { id: "on that", needs: ["on it"] },
      { id: "apart", needs: [] },
      { id: "on apart", needs: ["apart"] },
    ],
    async ({ id }) => {
      await turn();
      if (id === "fails") throw new Error("broken");
    },
    { ...options, keepGoing: true },
  );
  assert.equal([...endings].map(([id, { kind }]) => [id, kind]).sort(), [
    ["apart", "done"],
    ["fails", "failed"],
    ["on apart", "done"],
    ["on it", "skipped"],
    ["on that", "skipped"],
  ]);
});

test("an aborted run starts nothing, and an empty one ends", async () => {
  const aborted = AbortSignal.abort();
  const endings = await runSchedule([{ id: "a", needs: [] }], () => Promise.reject(new Error("started")), {
    ...options,
    signal: aborted,
  });
  assert.equal(endings.get("a"), { kind: "skipped", on: undefined });
  assert.is((await runSchedule([], () => Promise.resolve(), options)).size, 0);
});

test("for any graph and any failures every task has one ending, and it is the right one", async () => {
  const graph = fc.integer({ min: 0, max: 10 }).chain((count) =>
    fc.record({
      needs: fc.tuple(
        ...Array.from({ length: count }, (_, n) => fc.subarray(Array.from({ length: n }, (_each, m) => m))),
      ),
      failing: fc.subarray(Array.from({ length: count }, (_, n) => n)),
      jobs: fc.integer({ min: 1, max: 4 }),
    }),
  );
  await fc.assert(
    fc.asyncProperty(graph, async ({ needs, failing, jobs }) => {
      const tasks = needs.map((on, n) => ({ id: String(n), needs: on.map(String) }));
      const endings = await runSchedule(
        tasks,
        async ({ id }) => {
          await Promise.resolve();
          if (failing.includes(Number(id))) throw new Error("broken");
        },
        { jobs, keepGoing: true, signal: never },
      );
      const blocked = (n: number): boolean =>
        (needs[n] ?? []).some((on) => blocked(on) || failing.includes(on));
      for (const [n] of needs.entries()) {
        const expected = blocked(n) ? "skipped" : failing.includes(n) ? "failed" : "done";
        assert.is(endings.get(String(n))?.kind, expected);
      }
    }),
  );
});

test.run();
