import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compatFiles, makeRepository, runTool, scienceFiles } from "../support/checkout.ts";
import { unique } from "../support/engine-room.ts";
import { testPlatform } from "../support/platform.ts";
import { putImage } from "../support/stored-images.ts";

const test = suite("the page of a graph, with a registry");

const { registry } = await testPlatform();

interface PageData {
  readonly layers: readonly (readonly [
    string,
    { readonly tags?: { before: string; after: string }; readonly why?: readonly object[] },
  ])[];
}

test("with --stale the page tells what each rolling tag names before and after", async () => {
  const name = `page-${unique()}`;
  const { digest } = await putImage(registry, `${name}/sci/a`, "1.0");
  const root = makeRepository({ ...scienceFiles("a"), ...compatFiles("base") });
  const args = ["--stale", "--format", "html", "--repo", `${registry}/${name}`];
  const { code, stdout, stderr } = await runTool(root, ["graph", ...args]);
  assert.is(code, 0, stderr);
  const data = /<script type="application\/json" id="data">(.*)<\/script>/.exec(stdout)?.[1] ?? "";
  const layers = new Map((JSON.parse(data) as PageData).layers);
  const short = digest.slice(0, "sha256:".length + 12);
  const science = layers.get("science/a");
  assert.is(science?.tags?.before, `42-f90dbd6, built 2026-01-02 03:04 UTC, ${short}`);
  assert.is(science?.tags?.after, "not moved");
  assert.equal(science?.why, [
    { text: "Not built: cannot be compared: commit f90dbd6 is not in this clone (git fetch)." },
  ]);
  const release = layers.get("compat/a:1.0")?.tags;
  assert.is(release?.before, "not in the registry");
  assert.match(release?.after ?? "", /^moves to 1\.0-1-[0-9a-f]{7}$/);
});

test.run();
