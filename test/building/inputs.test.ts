import fs from "node:fs";
import path from "node:path";
import * as fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openInputs } from "../../src/building/inputs.ts";
import { readCatalog } from "../../src/definitions/catalog.ts";
import { compatFiles, scienceFiles, temporaryDirectory, writeFiles } from "../support/checkout.ts";

const test = suite("the inputs digest");

/** A file of a layer. */
interface Content {
  readonly bytes: Uint8Array;
  readonly executable: boolean;
}

/** The files of each layer, by its directory and then by name. */
type Platform = Readonly<Record<string, ReadonlyMap<string, Content>>>;

const layers = ["science/one", "science/two", "compat/base", "compat/top"] as const;
type Layer = (typeof layers)[number];

/** What stands on a layer, or is it. */
const affected: Readonly<Record<Layer, readonly string[]>> = {
  "science/one": ["sci/one", "sci/two", "rel/one", "rel/two"],
  "science/two": ["sci/two", "rel/two"],
  "compat/base": ["rel/one", "rel/two"],
  "compat/top": ["rel/two"],
};

const definitions = {
  ...scienceFiles("one", { compat: "base" }, "FROM debian:bookworm-slim\nCOPY . /one\n"),
  ...scienceFiles("two", { compat: "top" }, "FROM sci/one:1.0\nCOPY . /two\n"),
  ...compatFiles("base", [], "COPY . /compat\n"),
  ...compatFiles("top", ["base"], "RUN true\n"),
};

const content = fc.record({
  bytes: fc.uint8Array({ minLength: 1, maxLength: 2000 }),
  executable: fc.boolean(),
});
// Beside the files of a definition, and no name of one layer in another, where it would override or be overridden.
const names = (prefix: string) =>
  fc.stringMatching(/^[a-z é]{1,12}$/).map((name) => `${prefix}-${name.trim()}.dat`);
const filesOf = (prefix: string) =>
  fc
    .uniqueArray(names(prefix), { minLength: 1, maxLength: 4 })
    .chain((all) =>
      fc
        .array(content, { minLength: all.length, maxLength: all.length })
        .map((contents) => new Map(all.map((name, n) => [name, contents[n] as Content]))),
    );
const platforms: fc.Arbitrary<Platform> = fc.record(
  Object.fromEntries(layers.map((layer) => [layer, filesOf(layer.replace("/", "-"))])),
);

/** Writes a platform somewhere, and reads its digests. */
async function digestsOf(
  platform: Platform,
  how: {
    readonly reversed: boolean;
    readonly mode: number;
    readonly text?: Readonly<Record<string, string>>;
  },
): Promise<Readonly<Record<string, string>>> {
  const root = temporaryDirectory();
  const written = Object.entries({ ...definitions, ...how.text });
  writeFiles(root, Object.fromEntries(how.reversed ? written.toReversed() : written));
  for (const [layer, files] of Object.entries(platform)) {
    const ordered = [...files];
    for (const [name, { bytes, executable }] of how.reversed ? ordered.toReversed() : ordered) {
      const file = path.join(root, layer, name);
      fs.writeFileSync(file, bytes);
      fs.chmodSync(file, executable ? how.mode | 0o100 : how.mode);
      fs.utimesSync(file, how.mode, how.mode);
    }
  }
  const { catalog, problems } = readCatalog(root);
  if (catalog === undefined) throw new Error(JSON.stringify(problems));
  const inputs = openInputs(root, catalog);
  const digests: Record<string, string> = {};
  for (const name of ["one", "two"]) {
    digests[`sci/${name}`] = (await inputs.science(`science/${name}`)).digest;
    digests[`rel/${name}`] = (await inputs.release(`science/${name}`)).digest;
  }
  fs.rmSync(root, { recursive: true });
  return digests;
}

const asWritten = { reversed: false, mode: 0o644 };

test("is the same wherever, whenever and in whatever order the same files were written", () =>
  fc.assert(
    fc.asyncProperty(platforms, async (platform) => {
      assert.equal(
        await digestsOf(platform, asWritten),
        await digestsOf(platform, { reversed: true, mode: 0o600 }),
      );
    }),
    { numRuns: 25 },
  ));

type Change = (files: Map<string, Content>, name: string, file: Content, n: number) => void;

/** Every way in which a file can differ. */
const changes: Readonly<Record<string, Change>> = {
  "a bit is turned over": (files, name, file, n) => {
    const bytes = Uint8Array.from(file.bytes);
    const bit = n % (bytes.length * 8);
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    files.set(name, { ...file, bytes });
  },
  "its executable bit is": (files, name, file) => files.set(name, { ...file, executable: !file.executable }),
  "it has another name": (files, name, file) => {
    files.delete(name);
    files.set(`${name}x`, file);
  },
  "it is gone": (files, name) => files.delete(name),
  "there is one more": (files, name, file) => files.set(`${name}x`, file),
  "its last byte is gone": (files, name, file) =>
    files.set(name, { ...file, bytes: file.bytes.slice(0, -1) }),
};

const change = fc.record({
  layer: fc.constantFrom(...layers),
  kind: fc.constantFrom(...Object.keys(changes)),
  which: fc.nat(),
  bit: fc.nat(),
});

test("differs for what a changed file is part of, to the last bit and mode, and for nothing else", () =>
  fc.assert(
    fc.asyncProperty(platforms, change, async (platform, { layer, kind, which, bit }) => {
      const before = await digestsOf(platform, asWritten);
      const files = new Map(platform[layer]);
      const [name, file] = [...files][which % files.size] as [string, Content];
      changes[kind]?.(files, name, file, bit);
      const after = await digestsOf({ ...platform, [layer]: files }, asWritten);
      const differing = Object.keys(before).filter((image) => before[image] !== after[image]);
      assert.equal(differing.toSorted(), affected[layer].toSorted(), `${layer}: ${kind}`);
    }),
    { numRuns: 80 },
  ));

const texts: readonly (readonly [string, Layer, Readonly<Record<string, string>>])[] = [
  [
    "a comment in a Dockerfile",
    "science/two",
    { "science/two/Dockerfile": "FROM sci/one:1.0\nCOPY . /two\n#\n" },
  ],
  [
    "another foreign base",
    "science/one",
    { "science/one/Dockerfile": "FROM debian:bookworm\nCOPY . /one\n" },
  ],
  [
    "the default of an ARG",
    "science/one",
    { "science/one/Dockerfile": "ARG V=bookworm-slim\nFROM debian:$V\nCOPY . /one\n" },
  ],
  ["an instruction of a fragment", "compat/base", { "compat/base/Dockerfile": "COPY . /compat/\n" }],
  [
    "an included layer's fragment, seen from the top",
    "compat/top",
    { "compat/top/Dockerfile": "RUN false\n" },
  ],
];
for (const [what, layer, text] of texts)
  test(`differs with ${what}`, async () => {
    const before = await digestsOf({}, asWritten);
    const after = await digestsOf({}, { ...asWritten, text });
    const differing = Object.keys(before).filter((image) => before[image] !== after[image]);
    assert.equal(differing.toSorted(), affected[layer].toSorted());
  });

test("is that of no file that .dockerignore keeps out, and of no definition that says the same", async () => {
  const ignoring = { "science/one/.dockerignore": "notes\n" };
  const before = await digestsOf({}, { ...asWritten, text: ignoring });
  const retired = '{ "image": "two", "version": "1.0", "compat": "top", "retired": true }';
  const text = { ...ignoring, "science/one/notes": "of no use", "science/two/sciserver-image.json": retired };
  assert.equal(await digestsOf({}, { ...asWritten, text }), before);
});

/**
 * These are on published images. Another digest for the same tree would build all science of every platform anew with
 * the upgrade of the tool: where this fails, mend the tool, not the numbers.
 */
test("of a tree is byte for byte what every earlier version of the tool made of it", async () => {
  const root = temporaryDirectory();
  writeFiles(root, {
    ...scienceFiles(
      "nist-basic",
      {},
      "ARG V=bookworm-slim\nFROM debian:$V AS made\nRUN make\nFROM debian@sha256:" +
        `${"0".repeat(64)}\nCOPY --from=made /made /made\nCOPY . /data\n`,
    ),
    ...scienceFiles(
      "nist-basic-2",
      { image: "nist-basic", version: "2.0", compat: "jupyter" },
      "FROM sci/nist-basic:1.0\nRUN true\n",
    ),
    "science/nist-basic/.dockerignore": "*.pyc\n",
    "science/nist-basic/run.pyc": "kept out",
    "science/nist-basic/data/é.txt": "text\n",
    "science/nist-basic/run.sh": "#!/bin/sh\n",
    ...compatFiles("base", [], "COPY motd /etc/motd\nRUN true\n"),
    "compat/base/motd": "welcome\n",
    ...compatFiles("jupyter", ["base"], "USER idies\n"),
    "compat/jupyter/motd": "hello\n",
  });
  fs.chmodSync(path.join(root, "science/nist-basic/run.sh"), 0o755);
  fs.symlinkSync("run.sh", path.join(root, "science/nist-basic/link"));
  const { catalog, problems } = readCatalog(root);
  if (catalog === undefined) throw new Error(JSON.stringify(problems));
  const inputs = openInputs(root, catalog);
  const legacy = { name: "x", pin: "x", digest: `sha256:${"1".repeat(64)}` };
  const onLegacy = openInputs(root, catalog, () => ({ ...legacy, identity: legacy.digest }));
  assert.equal(
    {
      "sci/nist-basic:1.0": await inputs.science("science/nist-basic"),
      "sci/nist-basic-2:2.0": await inputs.science("science/nist-basic-2"),
      "rel/nist-basic:1.0": await inputs.release("science/nist-basic"),
      "rel/nist-basic:2.0": await inputs.release("science/nist-basic-2"),
      "sci/nist-basic-2:2.0 on an image without inputs": await onLegacy.science("science/nist-basic-2"),
      "rel/nist-basic:1.0 on an image without inputs": await onLegacy.release("science/nist-basic"),
    },
    {
      "sci/nist-basic:1.0": {
        files: "sha256:e229c7fce5d5811f8b9c3f30fa2c07c2e78049ceb172461faf287ff83f983949",
        digest: "sha256:06c547280527c7f1f63eb806ed627c7f6ab709574e259c21e248404f4d978b01",
      },
      "sci/nist-basic-2:2.0": {
        files: "sha256:06a5192bfcc5babc9f8b4e03c7355448edfb915d3a5042c273f25bb5a45a8f9a",
        digest: "sha256:24e0ac0cb344c594a8de5d430ff3e456c3ddb61a3ea421fd395adb71c0b642e4",
      },
      "rel/nist-basic:1.0": {
        files: "sha256:71821c61ff0863deb76f5a9e60ed8da5c43e807637d9b41b0266d0d0fffe7289",
        digest: "sha256:a76f4112e50cc617318d15ae0eabba0ffad833946f0e3644c87c90388d8eaa60",
      },
      "rel/nist-basic:2.0": {
        files: "sha256:973de628ee83c09ec97cfbee40160c18b0adf6c9c57a939effe348a8ab07aa6d",
        digest: "sha256:dc57db040b5e9e04c46cd402b8b3e530c52eeb8d9bbb05567730888bd767ecc6",
      },
      "sci/nist-basic-2:2.0 on an image without inputs": {
        files: "sha256:06a5192bfcc5babc9f8b4e03c7355448edfb915d3a5042c273f25bb5a45a8f9a",
        digest: "sha256:7a96fc721f5b405dbc3a1f6c0fe299a06b522d31d27c2fcc3c6d41816dffb879",
      },
      "rel/nist-basic:1.0 on an image without inputs": {
        files: "sha256:71821c61ff0863deb76f5a9e60ed8da5c43e807637d9b41b0266d0d0fffe7289",
        digest: "sha256:483f5b062a4418c0c19069629c096cad8e6eb3896cb6dd03a8910f23488c2cda",
      },
    },
  );
});

test.run();
