import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Inspection } from "../../src/published.ts";
import type { Status } from "../../src/status.ts";
import { commit, compatFiles, git, makeRepository, scienceFiles } from "../support/checkout.ts";
import { testPlatform } from "../support/platform.ts";
import { onBusybox, openWorkplace } from "../support/released.ts";

const test = suite("conventions");

const { base } = await testPlatform();
const files = {
  ...onBusybox("basic", base, "echo one > /one"),
  ...scienceFiles("top", { version: "2.0" }, "FROM sci/basic:1.0\nCOPY . /top\n"),
  "science/top/README.md": "what it is\n",
  "science/top/data": "1\n",
  ...compatFiles("base"),
};
const own = {
  "image-builder.json5": `{ labelNamespace: "org.example", environmentVariable: "EXAMPLE_IMAGE", ignoreFiles: ["**/*.md"] }\n`,
};

test("labels, the environment variable and what is kept out are as image-builder.json5 says, and are read back so", async () => {
  const place = await openWorkplace();
  // The build itself looks at what is there.
  const looking = "FROM sci/basic:1.0\nCOPY . /top\nRUN test -f /top/data && ! test -e /top/README.md\n";
  const root = makeRepository({ ...files, ...own, "science/top/Dockerfile": looking });
  const stamp = `1-${git(root, "rev-parse", "--short=7", "HEAD")}`;
  const first = await place.run(root, ["--all", "--push"]);
  assert.is(first.code, 0, first.stderr);

  const release = place.inspect(`${place.repo}/rel/top:2.0`);
  const names = Object.keys(release?.Config.Labels ?? {}).filter((name) => !name.startsWith("org.openc"));
  assert.equal(names.sort(), [
    "org.example.build.files",
    "org.example.build.inputs",
    "org.example.compat.buildtime",
    "org.example.compat.version",
    "org.example.science.basic.buildtime",
    "org.example.science.basic.version",
    "org.example.science.top.buildtime",
    "org.example.science.top.version",
  ]);
  assert.ok(release?.Config.Env.includes(`EXAMPLE_IMAGE=top:2.0-${stamp}`));
  assert.not.ok(release?.Config.Env.some((each) => each.startsWith("SCISERVER_IMAGE=")));

  for (const args of [[], ["--local"]]) {
    const shown = await place.run(root, ["inspect", "top:2.0", "--format", "json", ...args]);
    assert.is(shown.code, 0, shown.stderr);
    const { layers, checkout } = JSON.parse(shown.stdout) as Inspection;
    assert.equal(
      layers.map(({ name }) => name),
      ["top", "top", "basic"],
    );
    assert.is(checkout?.inputs.image, checkout?.inputs.checkout);
  }
  const status = await place.run(root, ["status", "--check", "--format", "json"]);
  assert.is(status.code, 0, status.stdout);
  const again = await place.run(root, ["--all", "--push"]);
  assert.match(again.stdout, "4 were published already.");
});

test("what was published before there was an image-builder.json5 is the same with one that says the defaults, and other with another", async () => {
  const place = await openWorkplace();
  const root = makeRepository(files);
  const first = await place.run(root, ["--all", "--push"]);
  assert.is(first.code, 0, first.stderr);
  const states = async () => {
    const { stdout } = await place.run(root, ["status", "--format", "json"]);
    const { images } = JSON.parse(stdout) as Status;
    return Object.fromEntries(images.map(({ id, state }) => [id, state]));
  };
  const current = {
    "compat/basic:1.0": "current",
    "compat/top:2.0": "current",
    "science/basic": "current",
    "science/top": "current",
  };
  commit(root, {
    "image-builder.json5": `{ labelNamespace: "org.sciserver", environmentVariable: "SCISERVER_IMAGE", ignoreFiles: [] }\n`,
  });
  assert.equal(await states(), current);
  commit(root, { "image-builder.json5": `{ environmentVariable: "EXAMPLE_IMAGE" }\n` });
  assert.equal(await states(), {
    ...current,
    "compat/basic:1.0": "behind",
    "compat/top:2.0": "behind",
  });
  commit(root, { "image-builder.json5": `{ ignoreFiles: ["**/*.md"] }\n` });
  assert.equal(await states(), { ...current, "compat/top:2.0": "behind", "science/top": "behind" });
  commit(root, { "image-builder.json5": `{ labelNamespace: "org.example" }\n` });
  assert.equal(
    Object.values(await states()).filter((state) => state === "current"),
    [],
  );
});

test.run();
