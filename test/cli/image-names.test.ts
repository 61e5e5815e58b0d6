import { suite } from "uvu";
import * as assert from "uvu/assert";
import { commit, compatFiles, makeRepository, runTool, scienceFiles } from "../support/checkout.ts";

const test = suite("image names");

const root = makeRepository({
  ...scienceFiles("essentials", { image: "sky-essentials", version: "2.4" }),
  ...scienceFiles("more", { image: "sky-essentials", version: "2.5" }, "FROM sci/essentials:2.4\n"),
  ...scienceFiles("plans"),
  ...scienceFiles("old", { retired: true }),
  ...compatFiles("base"),
});
commit(root, { "science/more/data": "1\n", "science/plans/data": "1\n", "science/old/data": "1\n" });

const planned = async (...args: string[]) => {
  const { code, stdout, stderr } = await runTool(root, ["plan", "--format", "json", ...args]);
  assert.is(code, 0, stderr);
  const { steps, images } = JSON.parse(stdout) as { steps: { id: string }[]; images?: string[] };
  return { ids: steps.map(({ id }) => id), images, stderr };
};

test("plan takes images: those of a plan's steps that they need, every version of one that is named without", async () => {
  assert.equal((await planned("sky-essentials")).ids, ["science/more", "compat/sky-essentials:2.5"]);
  assert.equal((await planned("sky-essentials", "--all")).ids, [
    "science/essentials",
    "science/more",
    "compat/sky-essentials:2.4",
    "compat/sky-essentials:2.5",
  ]);
  const { ids, images } = await planned("rel/plans:1.0", "sci/more", "--ref", "HEAD^");
  assert.equal(ids, ["science/more", "science/plans", "compat/plans:1.0"]);
  assert.equal(images, ["rel/plans:1.0", "sci/more"]);
  assert.match(
    (await runTool(root, ["plan", "plans"])).stdout.replaceAll(/\s+/g, " "),
    "changes since HEAD^, limited to plans",
  );
  for (const name of ["science/more", "science/more/", "sci/more:2.5"])
    assert.equal((await planned(name, "--include", "science/essentials")).ids, [
      "science/essentials",
      "science/more",
    ]);
});

test("an image that is named and not planned is said, with the reason; nothing is built by naming it", async () => {
  const { ids, stderr } = await planned("sky-essentials:2.4", "old");
  assert.equal(ids, []);
  assert.is(
    stderr,
    "compat/sky-essentials:2.4 is not in the plan: nothing that it is made of changed since HEAD^.\n" +
      "compat/old:1.0 is not in the plan: science/old/sciserver-image.json says that it is retired.\n",
  );
  const built = await runTool(root, ["build", "sky-essentials:2.4"]);
  assert.equal([built.code, built.stdout], [0, "Nothing to build for sky-essentials:2.4.\n"]);
});

test("the command may be left out before an image; one that is mistyped is still said", async () => {
  const { code, stderr } = await runTool(root, ["sky-essentials", "-v", "--dryrun"]);
  assert.is(code, 0);
  assert.match(
    stderr,
    /^WARNING:root:change results in final image sky-essentials => sky-essentials:2\.5-2-/,
  );
  assert.match(stderr, "final plan includes 1 science builds and 1 compat builds");
  // It is like a command, and an image.
  assert.match(
    (await runTool(root, ["plans", "-v", "--dryrun"])).stderr,
    "final image plans => plans:1.0-2-",
  );
  for (const [word, said] of [
    ["plna", "unknown command: plna — did you mean plan?"],
    ["sky-esentials", "no layer makes an image sky-esentials — did you mean sky-essentials?"],
  ] as const) {
    const refused = await runTool(root, [word, "--dryrun"]);
    assert.equal([refused.code, refused.stderr], [2, `ERROR:root:${said}\n`]);
  }
});

test("every name that status, plan or build does not know is said at once", async () => {
  for (const command of ["status", "plan", "build"]) {
    const { code, stderr } = await runTool(root, [command, "sky", "sky-essentials", "plns"]);
    assert.equal(
      [code, stderr],
      [
        2,
        "ERROR:root:no layer makes an image sky — image-builder plan --all lists them\n" +
          "ERROR:root:no layer makes an image plns — did you mean plans?\n",
      ],
    );
  }
});

test.run();
