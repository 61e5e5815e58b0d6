import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { array, assert as check, asyncProperty, constantFrom, dictionary, string } from "fast-check";
import { extract } from "tar-stream";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openContexts, readContext } from "../../src/composing/context.ts";
import { digestFiles } from "../../src/composing/inputs.ts";
import { lintLinks } from "../../src/composing/links.ts";
import { listLayer } from "../../src/composing/listing.ts";
import { Refusal } from "../../src/problem.ts";

const context = suite("the build context");
const roots: string[] = [];

function newRoot(): string {
  const root = mkdtempSync(join(tmpdir(), "context-"));
  roots.push(root);
  return root;
}

function write(root: string, path: string, content: string | Buffer = path): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
}

function rootWith(...paths: string[]): string {
  const root = newRoot();
  for (const path of paths) write(root, path);
  return root;
}

async function tarOf(root: string, ...directories: string[]): Promise<Buffer> {
  const { stream } = await readContext(root, directories);
  return buffer(stream("FROM scratch\n"));
}

interface Read {
  name: string;
  type: string;
  mode: number;
  link: string | null;
  content: string;
}

async function entriesOf(tar: Buffer): Promise<Read[]> {
  const read: Read[] = [];
  const reader = extract();
  reader.end(tar);
  for await (const entry of reader) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
    const { name, type, mode, linkname, uid, gid, uname, gname, mtime } = entry.header;
    assert.equal([uid, gid, uname, gname], [0, 0, "", ""]);
    assert.is(mtime.toISOString(), "1980-01-02T00:00:00.000Z");
    read.push({ name, type, mode, link: linkname, content: Buffer.concat(chunks).toString() });
  }
  return read;
}

async function namesOf(root: string, ...directories: string[]): Promise<string[]> {
  return (await entriesOf(await tarOf(root, ...directories))).map(({ name }) => name);
}

async function refusalOf(action: Promise<unknown>): Promise<Refusal> {
  try {
    await action;
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error("not refused");
}

function sameTree(paths: string[], mode: number, when: number, owner: number): string {
  const root = newRoot();
  for (const path of paths) {
    if (path.endsWith("/")) mkdirSync(join(root, "x", path), { recursive: true });
    else write(root, `x/${path}`, path);
  }
  for (const path of paths) {
    chmodSync(join(root, "x", path), path.endsWith("/") ? mode | 0o100 : mode);
    utimesSync(join(root, "x", path), when, when);
  }
  if (process.getuid?.() === 0) execFileSync("chown", ["-R", `${owner}:${owner}`, join(root, "x")]);
  return root;
}

/** Runs a program of its own process, to which `readContext` is known, and gives what it printed. */
function runProgram(text: string, ...argv: string[]): string {
  const module = new URL("../../src/composing/context.ts", import.meta.url).href;
  const program = `import { readContext } from ${JSON.stringify(module)};\n${text}`;
  const options = { cwd: new URL("../..", import.meta.url), encoding: "utf8" } as const;
  return execFileSync(
    process.execPath,
    ["--import", "tsx", "--input-type=module", "-e", program, ...argv],
    options,
  );
}

/** What this process has open below a directory. */
function openBelow(root: string): string[] {
  return readdirSync("/proc/self/fd").flatMap((descriptor) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${descriptor}`);
      return target.startsWith(root) ? [target] : [];
    } catch {
      return [];
    }
  });
}

context(
  "a later layer's file wins, the others stay, and the given Dockerfile takes the place of each",
  async () => {
    const root = rootWith(
      "a/Dockerfile",
      "a/x",
      "a/d/y",
      "b/Dockerfile",
      "b/d/y",
      "b/d/z",
      "b/sciserver-image.json",
    );
    write(root, "a/sciserver-image.json");
    const { overrides } = await readContext(root, ["a", "b"]);
    assert.equal(overrides, [{ path: "d/y", by: "b", of: "a" }]);
    const read = await entriesOf(await tarOf(root, "a", "b"));
    assert.equal(
      read.map(({ name, content }) => [name, content]),
      [
        ["Dockerfile", "FROM scratch\n"],
        ["d/", ""],
        ["d/y", "b/d/y"],
        ["d/z", "b/d/z"],
        ["sciserver-image.json", "b/sciserver-image.json"],
        ["x", "a/x"],
      ],
    );
  },
);

context("of three layers each override is told, next to next", async () => {
  const root = rootWith("a/x", "b/x", "c/x");
  const { overrides } = await readContext(root, ["a", "b", "c"]);
  assert.equal(overrides, [
    { path: "x", by: "b", of: "a" },
    { path: "x", by: "c", of: "b" },
  ]);
});

context(
  "a layer's .dockerignore counts for its own files alone, and is not sent with those of others",
  async () => {
    const root = rootWith("a/one.txt", "b/two.txt", "b/Dockerfile");
    write(root, "a/.dockerignore", "*.txt\n");
    assert.equal(await namesOf(root, "a", "b"), ["Dockerfile", "two.txt"]);
    assert.equal(await namesOf(root, "a"), [".dockerignore", "Dockerfile"]);
  },
);

context("the Dockerfile is there even where .dockerignore names it", async () => {
  const root = rootWith("a/x");
  write(root, "a/.dockerignore", "*\n");
  assert.equal(await namesOf(root, "a"), ["Dockerfile"]);
});

context("a file that ! brings back has its directories, and the empty ones beside it are gone", async () => {
  const root = rootWith("a/d/e/keep", "a/d/e/drop", "a/d/f/drop");
  write(root, "a/.dockerignore", "d\n!d/e/keep\n.dockerignore\n");
  assert.equal(await namesOf(root, "a"), ["Dockerfile", "d/", "d/e/", "d/e/keep"]);
});

context("empty directories, links, executable bits and hard links come out as what they are", async () => {
  const root = rootWith("a/run", "a/plain");
  mkdirSync(join(root, "a/empty"));
  chmodSync(join(root, "a/empty"), 0o700);
  chmodSync(join(root, "a/run"), 0o4711);
  chmodSync(join(root, "a/plain"), 0o600);
  linkSync(join(root, "a/plain"), join(root, "a/same"));
  symlinkSync("plain", join(root, "a/link"));
  symlinkSync("not/there", join(root, "a/dangling"));
  symlinkSync("empty/../run", join(root, "a/round"));
  write(root, "a/nothing", "");
  const read = await entriesOf(await tarOf(root, "a"));
  assert.equal(
    read.map(({ name, type, mode, link }) => [name, type, mode.toString(8), link ?? ""]),
    [
      ["Dockerfile", "file", "644", ""],
      ["dangling", "symlink", "777", "not/there"],
      ["empty/", "directory", "755", ""],
      ["link", "symlink", "777", "plain"],
      ["nothing", "file", "644", ""],
      ["plain", "file", "644", ""],
      ["round", "symlink", "777", "empty/../run"],
      ["run", "file", "755", ""],
      ["same", "file", "644", ""],
    ],
  );
  assert.is(read.find(({ name }) => name === "same")?.content, "a/plain");
});

context(
  "two trees of the same files, made in another order, at another time, by another owner, give the same bytes",
  async () => {
    const files = ["d/b", "d/a", "a-b", "a/b", "é", "Z", "\uFF5E", "\u{1F642}", "empty/"];
    const one = await tarOf(sameTree(files, 0o640, 1_000_000_000, 0), "x");
    const other = await tarOf(sameTree(files.toReversed(), 0o604, 1_500_000_000, 1234), "x");
    assert.ok(one.equals(other));
    const names = (await entriesOf(one)).map(({ name }) => name);
    // UTF-16 would put the last two the other way round.
    assert.equal(names, "Dockerfile,Z,a/,a-b,a/b,d/,d/a,d/b,empty/,é,\uFF5E,\u{1F642}".split(","));
  },
);

context("tar itself reads long and odd names, and all of it", async () => {
  const long = `${"l".repeat(120)}/${"m".repeat(120)}/${"n".repeat(200)}`;
  const names = [
    long,
    "with space",
    "ünï/çödé",
    "line\nbreak",
    "back\\slash",
    "-dash",
    "quote'\"",
    "tail ",
    "🙂",
  ];
  const root = rootWith(...names.map((name) => `a/${name}`));
  symlinkSync("ünï/çödé", join(root, "a/to-ünï"));
  symlinkSync(long, join(root, "a/to-long"));
  const out = newRoot();
  const run = spawnSync("tar", ["-x", "-v", "-C", out], { input: await tarOf(root, "a") });
  assert.is(run.status, 0, run.stderr.toString());
  const compared = spawnSync("diff", ["-r", "--no-dereference", "-x", "Dockerfile", join(root, "a"), out]);
  assert.is(compared.stdout.toString(), "");
  assert.is(compared.status, 0);
});

context("a file of more than 8 GiB has its size in the header that tar understands", async () => {
  const root = newRoot();
  write(root, "a/huge", "");
  truncateSync(join(root, "a/huge"), 9 * 1024 ** 3);
  const stream = (await readContext(root, ["a"])).stream("FROM scratch\n");
  const head = await new Promise<Buffer>((resolve) => stream.once("data", resolve));
  stream.destroy();
  await once(stream, "close");
  assert.match(head.toString("latin1"), / size=9663676416\n/);
  const listed = spawnSync("tar", ["-tv"], { input: head, encoding: "utf8" });
  assert.match(listed.stdout, / 9663676416 1980-01-02 .* huge/);
});

context("a sparse gigabyte flows through little memory, byte for byte", async () => {
  const root = newRoot();
  write(root, "a/sparse", "");
  truncateSync(join(root, "a/sparse"), 1024 ** 3);
  const printed = runProgram(
    `let size = 0;
    for await (const block of (await readContext(process.argv[1], ["a"])).stream("FROM scratch")) size += block.length;
    process.stdout.write(size + " " + process.resourceUsage().maxRSS);`,
    root,
  );
  const [size = 0, peak = Infinity] = printed.split(" ").map(Number);
  // Two headers, the Dockerfile in a block, the file, the end.
  assert.is(size, 512 * 2 + 512 + 1024 ** 3 + 1024);
  assert.ok(peak < 200 * 1024, `${peak} KiB`);
});

context(
  "links are carried as they are, wherever they lead, and those that lead out of their layer are noted",
  async () => {
    const root = rootWith("s/a/d/e/x", "s/b/x");
    const link = (path: string, target: string): void => symlinkSync(target, join(root, "s/a", path));
    link("absolute", "/etc/passwd");
    link("up", "../b/x");
    link("d/up", "../../b/x");
    link("deep", "d/e");
    // By its letters it stays inside; by way of `self`, it does not.
    link("d/self", "..");
    link("d/sly", "self/../b/x");
    // By its letters it leads out; by way of `deep`, it does not.
    link("fine", "deep/../../d/e/x");
    link("slashes", "d//e/./x");
    link("circle", "circle");
    const notes = lintLinks((await listLayer(root, "s/a")).listed);
    assert.equal(notes.map(({ file, message }) => `${file} ${message.replace(/:.*/, "")}`).sort(), [
      "s/a/absolute links to /etc/passwd, which is outside s/a",
      "s/a/d/sly links to self/../b/x, which is outside s/a",
      "s/a/d/up links to ../../b/x, which is outside s/a",
      "s/a/up links to ../b/x, which is outside s/a",
    ]);
    assert.ok(notes.every(({ severity, rule }) => severity === "note" && rule === "outside-link"));
    const links = (await entriesOf(await tarOf(root, "s/a"))).filter(({ type }) => type === "symlink");
    assert.equal(Object.fromEntries(links.map(({ name, link: target }) => [name, target])), {
      absolute: "/etc/passwd",
      circle: "circle",
      "d/self": "..",
      "d/sly": "self/../b/x",
      "d/up": "../../b/x",
      deep: "d/e",
      fine: "deep/../../d/e/x",
      slashes: "d//e/./x",
      up: "../b/x",
    });
  },
);

context("a directory that meets a file or a link of the same name is refused with both places", async () => {
  const root = rootWith(
    "a/one",
    "b/one/x",
    "a/two/x",
    "b/two",
    "a/three/x",
    "b/target/x",
    "a/same/x",
    "b/same/y",
  );
  symlinkSync("target", join(root, "b/three"));
  const { problems } = await refusalOf(readContext(root, ["a", "b"]));
  assert.equal(problems.map(({ file, message }) => `${file} ${message}`).sort(), [
    "b/one is a directory, but a/one, which it is laid over, is a file",
    "b/three is a symlink, but a/three, which it is laid over, is a directory",
    "b/two is a file, but a/two, which it is laid over, is a directory",
  ]);
});

context(
  "sockets, fifos and names that are not UTF-8 are refused by name, unless they are ignored",
  async () => {
    const root = rootWith("a/x");
    execFileSync("mkfifo", [join(root, "a/pipe")]);
    writeFileSync(Buffer.concat([Buffer.from(join(root, "a/bad-")), Buffer.from([0xff])]), "");
    symlinkSync(Buffer.from([0xfe]), join(root, "a/odd"));
    const listener = spawn(process.execPath, [
      "-e",
      `require("net").createServer().listen(process.argv[1], () => console.log("up"))`,
      join(root, "a/socket"),
    ]);
    try {
      await once(listener.stdout, "data");
      const { problems } = await refusalOf(readContext(root, ["a"]));
      assert.equal(problems.map(({ file, message }) => `${file} ${message}`).sort(), [
        "a/bad-\uFFFD has a name that is not UTF-8",
        "a/odd links to a name that is not UTF-8",
        "a/pipe is a fifo, which no context can hold",
        "a/socket is a socket, which no context can hold",
      ]);
      write(root, "a/.dockerignore", "bad-*\nodd\npipe\nsocket\n");
      assert.equal(await namesOf(root, "a"), [".dockerignore", "Dockerfile", "x"]);
    } finally {
      listener.kill();
      await once(listener, "close");
    }
  },
);

context("what cannot be read is refused by name, all at once", () => {
  const root = rootWith("a/secret", "a/closed/x", "a/fine");
  chmodSync(join(root, "a/secret"), 0);
  chmodSync(join(root, "a/closed"), 0);
  chmodSync(root, 0o755);
  // Root can read everything, so it becomes somebody else, once the code is loaded.
  const refused = runProgram(
    `if (process.getuid() === 0) process.setuid(65534);
    await readContext(process.argv[1], ["a", "none"]).catch(({ message }) => process.stdout.write(message));`,
    root,
  );
  chmodSync(join(root, "a/closed"), 0o755);
  assert.equal(
    refused.split("\n").map((line) => line.replace(/ — .*/, "")),
    [
      "a/closed: cannot be read (EACCES)",
      "a/secret: cannot be read (EACCES)",
      "none: cannot be read (ENOENT)",
    ],
  );
});

const megabytes = 8 * 1024 * 1024;
const disturbances: [what: string, disturb: (file: string) => void, message: RegExp][] = [
  ["vanishes", unlinkSync, /a\/z: vanished while/],
  ["shrinks", (file) => truncateSync(file, 10), /a\/z: changed while/],
  ["grows", (file) => appendFileSync(file, "x"), /a\/z: changed while/],
  [
    "is written anew with as many bytes",
    (file) => {
      writeFileSync(file, Buffer.alloc(megabytes, "b"));
      utimesSync(file, 1, 1);
    },
    /a\/z: changed while/,
  ],
  [
    "becomes a link",
    (file) => {
      unlinkSync(file);
      symlinkSync("y", file);
    },
    /a\/z: changed while/,
  ],
  [
    "becomes a fifo",
    (file) => {
      unlinkSync(file);
      execFileSync("mkfifo", [file]);
    },
    /a\/z: changed while/,
  ],
];
for (const [what, disturb, message] of disturbances) {
  context(`a file that ${what} before it is read fails the stream`, async () => {
    const root = newRoot();
    write(root, "a/y", Buffer.alloc(megabytes));
    write(root, "a/z", Buffer.alloc(megabytes));
    const { stream } = await readContext(root, ["a"]);
    disturb(join(root, "a/z"));
    const refusal = await refusalOf(buffer(stream("FROM scratch\n")));
    assert.match(refusal.message, message);
    assert.is(refusal.problems[0]?.kind, "surroundings");
    assert.equal(openBelow(root), []);
  });
}

for (const [what, disturb] of [
  ["shrinks", (file: string) => truncateSync(file, megabytes / 2)],
  ["grows", (file: string) => appendFileSync(file, "x")],
] as const) {
  context(`a file that ${what} while it is read fails the stream`, async () => {
    const root = newRoot();
    write(root, "a/z", Buffer.alloc(megabytes));
    const stream = (await readContext(root, ["a"])).stream("FROM scratch\n");
    let disturbed = false;
    const refusal = await refusalOf(
      (async () => {
        for await (const block of stream) {
          assert.ok(Buffer.isBuffer(block));
          if (!disturbed) disturb(join(root, "a/z"));
          disturbed = true;
        }
      })(),
    );
    assert.match(refusal.message, /a\/z: changed while/);
    assert.equal(openBelow(root), []);
  });
}

/** Puts other bytes into a file, with its size and time as they were. */
function editUnseen(file: string, content: Buffer): void {
  execFileSync("touch", ["-r", file, `${file}.time`]);
  writeFileSync(file, content);
  execFileSync("touch", ["-r", `${file}.time`, file]);
  unlinkSync(`${file}.time`);
}

context("a file that is edited unseen between its digest and its build fails the stream", async () => {
  const root = newRoot();
  write(root, "a/y", Buffer.alloc(megabytes));
  write(root, "a/z", Buffer.alloc(megabytes));
  const contexts = openContexts(root);
  await digestFiles(await contexts(["a"]), "FROM scratch\n");
  const { stream } = await contexts(["a"]);
  await buffer(stream("FROM scratch\n# as often as it stays what it was\n"));
  editUnseen(join(root, "a/z"), Buffer.alloc(megabytes, "b"));
  const refusal = await refusalOf(buffer(stream("FROM scratch\n")));
  assert.match(refusal.message, /a\/z: changed while/);
  assert.equal(openBelow(root), []);
});

context("a file that is edited unseen between its listing and its digest fails the digest", async () => {
  const root = rootWith("a/z");
  const contexts = openContexts(root);
  const found = await contexts(["a"]);
  // The clock that stamps files ticks every few milliseconds.
  await sleep(20);
  editUnseen(join(root, "a/z"), Buffer.from("zzz"));
  const refusal = await refusalOf(digestFiles(found, "FROM scratch\n"));
  assert.match(refusal.message, /a\/z: changed while/);
});

context("a layer that several contexts share is held to one content in all of them", async () => {
  const root = rootWith("a/x", "b/y");
  const contexts = openContexts(root);
  const [alone, both] = [await contexts(["a"]), await contexts(["a", "b"])];
  await buffer(alone.stream("FROM scratch\n"));
  editUnseen(join(root, "a/x"), Buffer.from("b/x"));
  assert.match((await refusalOf(buffer(both.stream("FROM scratch\n")))).message, /a\/x: changed while/);
});

for (const [what, at] of [
  ["a directory of a layer", "a/d/e"],
  ["the layer itself", "a"],
] as const) {
  context(`where a link takes the place of ${what}, no foreign file comes in`, async () => {
    const root = rootWith("a/d/e/x", "a/first");
    const { stream } = await readContext(root, ["a"]);
    const file = join(root, "a/d/e/x");
    const outside = newRoot();
    execFileSync("cp", ["-a", `${join(root, "a")}/.`, outside]);
    writeFileSync(join(outside, "d/e/x"), "SECRET!");
    const { atime, mtime } = statSync(file);
    utimesSync(join(outside, "d/e/x"), atime, mtime);
    rmSync(join(root, at), { recursive: true });
    symlinkSync(join(outside, at.slice(2)), join(root, at));
    assert.is(statSync(file).size, "a/d/e/x".length);
    const refusal = await refusalOf(buffer(stream("FROM scratch\n")));
    assert.match(refusal.message, /a\/(first|d\/e\/x): changed while/);
    assert.equal(openBelow(root).concat(openBelow(outside)), []);
  });
}

context(
  "a layer of hundreds of directories in each other, with names as long as they can be, goes through whole",
  async () => {
    const root = newRoot();
    const deep = Array(600).fill("d").join("/");
    const longest = "é".repeat(127) + "x";
    assert.is(Buffer.byteLength(longest), 255);
    write(root, `a/${deep}/${longest}`, "deep");
    const read = await entriesOf(await tarOf(root, "a"));
    assert.equal(read.at(-1), {
      name: `${deep}/${longest}`,
      type: "file",
      mode: 0o644,
      link: null,
      content: "deep",
    });
    assert.is(read.length, 602);
  },
);

context("a stream can be destroyed at any time and leaves nothing open", async () => {
  const root = newRoot();
  for (const name of ["x", "y", "z"]) write(root, `a/${name}`, Buffer.alloc(megabytes));
  const { stream } = await readContext(root, ["a"]);
  for (const blocks of [0, 1, 2, 20, 40]) {
    const tar = stream("FROM scratch\n");
    let taken = 0;
    if (blocks === 0) tar.destroy();
    else tar.on("data", () => (taken += 1) === blocks && tar.destroy());
    await once(tar, "close");
    assert.is(taken, blocks);
    assert.equal(openBelow(root), []);
  }
  const failing = stream("FROM scratch\n");
  failing.once("data", () => failing.destroy(new Error("engine gone")));
  const ended = await once(failing, "end").catch(String);
  assert.is(ended, "Error: engine gone");
  if (!failing.closed) await once(failing, "close");
  assert.equal(openBelow(root), []);
});

context("a reader that takes its time is waited for, and gets the same bytes", async () => {
  const root = newRoot();
  write(root, "a/x", Buffer.alloc(megabytes, "x"));
  for (let index = 0; index < 100; index += 1) write(root, `a/small/${index}`);
  const { stream } = await readContext(root, ["a"]);
  const blocks: Buffer[] = [];
  for await (const block of stream("FROM scratch\n")) {
    if (Buffer.isBuffer(block)) blocks.push(block);
    await sleep(5);
  }
  assert.ok(Buffer.concat(blocks).equals(await buffer(stream("FROM scratch\n"))));
});

context("any layers laid over each other are what the last of them to have each file says", async () => {
  const name = constantFrom("a", "b", "c", "a.x", "é", "\u{10000}", "\uFFFC");
  const path = array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));
  const layers = array(dictionary(path, string({ maxLength: 20 }), { maxKeys: 8 }), {
    minLength: 1,
    maxLength: 4,
  });
  await check(
    asyncProperty(layers, async (trees) => {
      const root = newRoot();
      const files = new Map<string, string>();
      const folders = new Set<string>();
      const directories = trees.map((tree, index) => {
        mkdirSync(join(root, `l${index}`));
        const own = Object.entries(tree).filter(
          ([one]) => !Object.keys(tree).some((other) => other.startsWith(`${one}/`)),
        );
        for (const [file, content] of own) {
          write(root, `l${index}/${file}`, content);
          files.set(file, content);
          for (let up = dirname(file); up !== "."; up = dirname(up)) folders.add(up);
        }
        return `l${index}`;
      });
      const contradicts = [...files.keys()].some((file) => folders.has(file));
      if (contradicts) {
        await refusalOf(readContext(root, directories));
      } else {
        files.set("Dockerfile", "FROM scratch\n");
        const read = await entriesOf(await tarOf(root, ...directories));
        const plain = read
          .filter(({ type }) => type === "file")
          .map((entry) => [entry.name, entry.content] as const);
        assert.equal(new Map(plain), files);
        assert.equal(
          new Set(read.filter(({ type }) => type === "directory").map((entry) => entry.name.slice(0, -1))),
          folders,
        );
        const bytes = read.map((entry) => Buffer.from(entry.name.replace(/\/$/, "")));
        assert.equal(
          bytes,
          bytes.toSorted((a, b) => Buffer.compare(a, b)),
        );
      }
      rmSync(root, { recursive: true });
    }),
    { numRuns: 60 },
  );
});

context.after(() => {
  for (const root of roots) rmSync(root, { recursive: true, force: true });
});
context.run();
