import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readHistory } from "../../src/building/history.ts";
import type { RegistryReader } from "../../src/registry/registry.ts";

const test = suite("a history");

/** A registry of many builds and names of one version, which answers at once: what takes time is the history itself. */
function registryOf(builds: number): RegistryReader {
  const stamped = Array.from({ length: builds }, (_, n) => `1.0-${n}-${(0x1000000 + n).toString(16)}`);
  const named = stamped.map((_, n) => `1.0-name-${n}`);
  const digests = new Map([stamped, named].flatMap((tags) => tags.map((tag, n) => [tag, `sha256:${n}`])));
  const digestOf = (reference: string) => digests.get(reference.slice(reference.lastIndexOf(":") + 1)) ?? "";
  return {
    tags: () => Promise.resolve([...digests.keys()]),
    resolve: (reference) => Promise.resolve({ mediaType: "", digest: digestOf(reference), size: 1 }),
    manifest: () => Promise.resolve(undefined),
    config: (reference) =>
      Promise.resolve({
        digest: digestOf(reference),
        platform: { os: "linux", architecture: "amd64" },
        labels: {},
        environment: [],
        created: undefined,
        size: 1,
      }),
  };
}

test("of ten times the builds takes no more than some ten times as long", async () => {
  const seconds = async (builds: number) => {
    const registry = registryOf(builds);
    const start = performance.now();
    const history = await readHistory(registry, "registry.example/rel/one", "1.0");
    const took = performance.now() - start;
    assert.is(history.length, builds);
    assert.equal(
      history.slice(0, 2).map(({ stamp, tags }) => [stamp.split("-")[0], tags]),
      [builds - 1, builds - 2].map((n) => [String(n), [`1.0-name-${n}`]]),
    );
    return took;
  };
  await seconds(1000);
  const [few, many] = [await seconds(1000), await seconds(10_000)];
  assert.ok(many < 40 * few + 2000, `${few} ms for 1,000 and ${many} ms for 10,000`);
});

test.run();
