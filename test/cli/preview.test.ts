import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import * as fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Plan } from "../../src/model.ts";
import {
  commit,
  compatFiles,
  fillHistory,
  git,
  makeRepository,
  runTool,
  scienceFiles,
  temporaryDirectory,
  tool,
  writeFiles,
} from "../support/checkout.ts";
import type { Files } from "../support/checkout.ts";
import { eventually } from "../support/engine-room.ts";
import { openTerminal } from "../support/terminal.ts";

const test = suite("preview");

const onBasic = "FROM sci/nist-basic:1.0\nRUN true\n";
const nist: Files = {
  ...scienceFiles("nist-basic"),
  ...scienceFiles("nist-basic-2", { image: "nist-basic", version: "2.0" }, onBasic),
  ...compatFiles("base"),
};

/** The repository of the original tool's example: 42 commits, the last of which changes nist-basic. */
function nistRepository(): { root: string; stamp: string } {
  const root = makeRepository(nist);
  fillHistory(root, 41);
  const head = commit(root, { "science/nist-basic/Dockerfile": "FROM debian:bookworm-slim\nRUN true\n" });
  return { root, stamp: `42-${head.slice(0, 7)}` };
}

async function planOf(root: string, ...args: string[]): Promise<Plan> {
  const { code, stdout, stderr } = await runTool(root, ["plan", "--format", "json", ...args]);
  assert.is(code, 0, stderr);
  return JSON.parse(stdout) as Plan;
}

const ids = (plan: Plan) => plan.steps.map(({ id }) => id);

test("-v --dryrun prints the final images and the totals as the original tool does, and nothing else", async () => {
  const { root, stamp } = nistRepository();
  const { code, stdout, stderr } = await runTool(root, ["-v", "--dryrun"]);
  assert.is(code, 0);
  assert.is(stdout, "");
  assert.is(
    stderr,
    `WARNING:root:change results in final image nist-basic => nist-basic:1.0-${stamp}, nist-basic:1.0\n` +
      `WARNING:root:change results in final image nist-basic => nist-basic:2.0-${stamp}, nist-basic:2.0\n` +
      "WARNING:root:final plan includes 2 science builds and 2 compat builds\n",
  );
});

test("-vv adds each build, its base and why it is there", async () => {
  const { root, stamp } = nistRepository();
  const { stderr } = await runTool(root, ["-vv", "--dryrun", "--repo", "localhost:5000/x"]);
  assert.equal(stderr.split("\n").slice(0, 4), [
    `INFO:root:science build science/nist-basic => nist-basic:1.0-${stamp}, nist-basic:1.0 on docker.io/library/debian:bookworm-slim: science/nist-basic/Dockerfile changed`,
    `INFO:root:science build science/nist-basic-2 => nist-basic-2:2.0-${stamp}, nist-basic-2:2.0 on localhost:5000/x/sci/nist-basic:1.0: its base science/nist-basic is rebuilt`,
    `INFO:root:compat build compat/nist-basic:1.0 => nist-basic:1.0-${stamp}, nist-basic:1.0 on localhost:5000/x/sci/nist-basic:1.0: its base science/nist-basic is rebuilt`,
    `INFO:root:compat build compat/nist-basic:2.0 => nist-basic:2.0-${stamp}, nist-basic:2.0 on localhost:5000/x/sci/nist-basic-2:2.0: its base science/nist-basic-2 is rebuilt`,
  ]);
});

test("without -v a preview that finds nothing wrong is silent", async () => {
  const { root } = nistRepository();
  const { code, stdout, stderr } = await runTool(root, ["--dryrun"]);
  assert.equal([code, stdout, stderr], [0, "", ""]);
});

test("plan prints a tree for people, with the reason for each step", async () => {
  const { root, stamp } = nistRepository();
  const { stdout, stderr } = await runTool(root, ["plan", "--repo", "localhost:5000/x"]);
  assert.is(stderr, "");
  assert.is(
    stdout,
    [
      "debian:bookworm-slim",
      "└─ * science/nist-basic — science/nist-basic/Dockerfile changed",
      "   ├─ * science/nist-basic-2 — its base science/nist-basic is rebuilt",
      "   │  └─ * compat/nist-basic:2.0 — its base science/nist-basic-2 is rebuilt",
      "   └─ * compat/nist-basic:1.0 — its base science/nist-basic is rebuilt",
      "",
      `* to build: 2 science builds and 2 compat builds for ${stamp}, changes since`,
      "HEAD^",
      `Tags: VERSION-${stamp} and VERSION, in localhost:5000/x`,
      "",
    ].join("\n"),
  );
});

test("on a terminal the tree is as wide as that", async () => {
  const { root } = nistRepository();
  const long = `science/nist-basic/${"x".repeat(60)}`;
  commit(root, { [long]: "1" });
  const call = `${process.execPath} ${tool} plan`;
  const terminal = openTerminal(call, { cwd: root, columns: 140, rows: 24 });
  try {
    await eventually(() => terminal.all().includes("Tags: "));
    assert.match(terminal.all(), `└─ * science/nist-basic — ${long} changed\n`);
  } finally {
    terminal.close();
  }
});

test("plan prints what a pull request and a page take: Markdown, and a chart of Mermaid of what is built and what it stands on", async () => {
  const { root, stamp } = nistRepository();
  const args = ["plan", "--include", "science/nist-basic-2", "--format"];
  const markdown = await runTool(root, [...args, "markdown"]);
  assert.equal([markdown.code, markdown.stderr], [0, ""]);
  assert.match(markdown.stdout, `### image-builder: 1 science build and 1 compat build for \`${stamp}\`\n`);
  const mermaid = await runTool(root, [...args, "mermaid"]);
  assert.match(mermaid.stdout, /^flowchart LR\n/);
  assert.ok(markdown.stdout.includes(`\`\`\`mermaid\n${mermaid.stdout}\`\`\``));
  assert.equal(mermaid.stdout.match(/"[^"]+"/g), [
    '"debian:bookworm-slim"',
    '"science/nist-basic"',
    '"science/nist-basic-2"',
    '"compat/nist-basic:2.0"',
  ]);
});

test("the JSON of a plan is valid by its published schema, whatever led to it", async () => {
  const schema = JSON.parse(
    fs.readFileSync(path.join(import.meta.dirname, "../../docs/plan.schema.json"), "utf8"),
  ) as object;
  const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(schema);
  const { root } = nistRepository();
  for (const args of [[], ["--all"], ["--include", "compat/base"], ["--ref", "HEAD"]]) {
    const plan = await planOf(root, ...args);
    assert.ok(validate(plan), JSON.stringify(validate.errors));
  }
  assert.not(validate({ ...(await planOf(root)), surprise: 1 }));
});

test("the documented example of the JSON is valid by the schema too, but for what it leaves out", () => {
  const page = fs.readFileSync(path.join(import.meta.dirname, "../../docs/plan-json.md"), "utf8");
  const example = JSON.parse(
    (/```json\n([\s\S]*?)```/.exec(page)?.[1] ?? "")
      .replace("f90dbd6…", "f90dbd6".padEnd(40, "0"))
      .replaceAll(/sha256:([0-9a-f]{8})…/g, (_, first: string) => `sha256:${first.padEnd(64, "0")}`),
  ) as object;
  const schema = JSON.parse(
    fs.readFileSync(path.join(import.meta.dirname, "../../docs/plan.schema.json"), "utf8"),
  ) as object;
  const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(schema);
  assert.ok(validate(example), JSON.stringify(validate.errors));
});

test("a preview needs no engine and no network, and writes nothing", async () => {
  const { root } = nistRepository();
  const listing = () => fs.readdirSync(root, { recursive: true, encoding: "utf8" }).sort().join("\n");
  const before = listing();
  const nowhere = { DOCKER_HOST: "unix:///nonexistent/docker.sock", DOCKER_CONFIG: "/nonexistent" };
  const { code } = await runTool(root, ["-v", "--dryrun"], nowhere);
  assert.is(code, 0);
  assert.is(listing(), before);
});

test("the same commit has the same plan in another clone", async () => {
  const { root } = nistRepository();
  const clone = path.join(temporaryDirectory(), "clone");
  git(root, "clone", "--quiet", root, clone);
  assert.equal(await planOf(clone), await planOf(root));
});

test("it runs from a directory below, from elsewhere with --root, and through a symlink", async () => {
  const { root } = nistRepository();
  const expected = await planOf(root);
  assert.equal(await planOf(path.join(root, "science/nist-basic")), expected);
  assert.equal(await planOf(temporaryDirectory(), "--root", root), expected);
  const link = path.join(temporaryDirectory(), "image-builder");
  fs.symlinkSync(tool, link);
  const { execFileSync } = await import("node:child_process");
  const text = execFileSync(link, ["plan", "--format", "json"], { cwd: root, encoding: "utf8" });
  assert.equal(JSON.parse(text), expected);
});

test("--all takes every layer as changed, --include exactly what it names, --ignore takes some away", async () => {
  const root = makeRepository({ ...nist, ...scienceFiles("group/one"), ...scienceFiles("group/two") });
  commit(root, { "science/group/one/Dockerfile": "FROM debian\n" });
  const everything = ids(await planOf(root, "--all"));
  assert.is(everything.length, 8);
  assert.equal(ids(await planOf(root, "--include", "science/nist-basic-2")), [
    "science/nist-basic-2",
    "compat/nist-basic:2.0",
  ]);
  assert.equal(
    ids(
      await planOf(
        root,
        "--include",
        "science/group/",
        "compat/base",
        "--ignore",
        "compat/base",
        "./science/group/one",
      ),
    ),
    ["science/group/two", "compat/two:1.0"],
  );
  assert.equal(ids(await planOf(root, "--ignore", "science/group/one")), []);
  assert.equal((await planOf(root, "--all")).ref, null);
});

test("--untracked counts files that git does not know yet; without it they make the build dirty but trigger nothing", async () => {
  const { root, stamp } = nistRepository();
  writeFiles(root, { "science/nist-basic-2/new.txt": "1" });
  assert.equal(ids(await planOf(root, "--ref", "HEAD")), []);
  const plan = await planOf(root, "--ref", "HEAD", "--untracked");
  assert.equal(ids(plan), ["science/nist-basic-2", "compat/nist-basic:2.0"]);
  assert.is(plan.build.dirty, true);
  assert.is(plan.steps[1]?.tags.immutable.endsWith(`rel/nist-basic:2.0-${stamp}-dirty`), true);
});

test("a layer that git does not know yet is named, and no other file is", async () => {
  const { root } = nistRepository();
  writeFiles(root, { "notes.txt": "1" });
  assert.is((await runTool(root, ["plan"])).stderr, "");
  writeFiles(root, scienceFiles("new"));
  const said = /^Left out, because untracked: science\/new\. Run git add, or pass --untracked\.\n$/;
  assert.match((await runTool(root, ["plan"])).stderr, said);
  assert.match((await runTool(root, ["--dryrun"])).stderr, said);
  assert.is((await runTool(root, ["plan", "--untracked"])).stderr, "");
});

test("a science layer that git does not know yet is left out with its release, whatever changes below or on top of it", async () => {
  const { root } = nistRepository();
  commit(root, { "compat/base/Dockerfile": "RUN true again\n", "science/nist-basic/new": "1" });
  const before = ids(await planOf(root));
  writeFiles(root, scienceFiles("mars", {}, "FROM sci/nist-basic:1.0\n"));
  assert.equal(ids(await planOf(root)), before);
  const counted = ids(await planOf(root, "--untracked"));
  assert.equal(
    counted.filter((id) => !before.includes(id)),
    ["science/mars", "compat/mars:1.0"],
  );
  const { stdout } = await runTool(root, ["why", "mars"]);
  assert.match(stdout, /^compat\/mars:1\.0 is not built: untracked: science\/mars\/Dockerfile, /);
});

test("a release that a layer new to git takes over is named as left out with it", async () => {
  const { root } = nistRepository();
  const added = { image: "nist-basic", version: "2.0" };
  writeFiles(root, scienceFiles("added", added, "FROM sci/nist-basic-2:2.0\n"));
  const { stderr } = await runTool(root, ["plan", "--ref", "HEAD"]);
  assert.is(
    stderr,
    "Left out, because untracked: science/added (and the release nist-basic:2.0, which it now makes). Run git add, or pass --untracked.\n",
  );
});

test("only what is built makes a build dirty", async () => {
  const root = makeRepository({ ...nist, ".gitignore": "*.pyc\n" });
  writeFiles(root, { "science/nist-basic-2/sciserver-image.json": null });
  git(root, "checkout", "--", ".");
  commit(root, { "science/nist-basic-2/.dockerignore": "*.md\n" });
  writeFiles(root, { "README.md": "1", "science/nist-basic/x": "1", "science/nist-basic-2/notes.md": "1" });
  assert.is((await planOf(root)).build.dirty, false);
  writeFiles(root, { "science/nist-basic-2/module.pyc": "1" });
  assert.is((await planOf(root)).build.dirty, true);
});

test("a file that .dockerignore keeps out triggers nothing; the Dockerfile, the definition and .dockerignore do", async () => {
  const ignoring = {
    "science/nist-basic/.dockerignore": "**/*.md\nDockerfile\nsciserver-image.json\n.dockerignore\n",
  };
  const root = makeRepository({ ...nist, ...ignoring });
  commit(root, { "science/nist-basic/docs/README.md": "1" });
  assert.equal(ids(await planOf(root)), []);
  for (const name of ["Dockerfile", "sciserver-image.json", ".dockerignore"]) {
    const file = path.join(root, "science/nist-basic", name);
    commit(root, { [`science/nist-basic/${name}`]: `${fs.readFileSync(file, "utf8")}\n` });
    assert.is(ids(await planOf(root)).length, 4, name);
  }
});

test("the composed Dockerfile of any release is printed, in the plan or not", async () => {
  const { root, stamp } = nistRepository();
  const shown = await runTool(root, [
    "plan",
    "--show-dockerfile",
    "nist-basic:2.0",
    "--repo",
    "localhost:5000/x",
  ]);
  assert.is(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, new RegExp(`^FROM localhost:5000/x/sci/nist-basic-2:2.0-${stamp}$`, "m"));
  assert.match(shown.stdout, /^# compat\/base$/m);
  assert.match(shown.stdout, new RegExp(`^ENV SCISERVER_IMAGE="?nist-basic:2.0-${stamp}"?$`, "m"));
  const several = await runTool(root, ["plan", "--show-dockerfile", "nist-basic"]);
  assert.equal(
    [several.code, several.stderr],
    [2, "ERROR:root:nist-basic has several versions — name one: nist-basic:1.0, nist-basic:2.0\n"],
  );
  const unknown = await runTool(root, ["plan", "--show-dockerfile", "nist-basik:2.0"]);
  assert.equal(
    [unknown.code, unknown.stderr],
    [2, "ERROR:root:no layer makes an image nist-basik:2.0 — did you mean nist-basic:2.0?\n"],
  );
});

test("check reads every definition without git and without an engine", async () => {
  const root = temporaryDirectory();
  writeFiles(root, nist);
  const good = await runTool(root, ["check"], {
    PATH: path.dirname(process.execPath),
    DOCKER_HOST: "unix:///nonexistent",
  });
  assert.equal(
    [good.code, good.stdout, good.stderr],
    [0, "2 science layers, 1 compat layer, 2 releases: no problem found\n", ""],
  );
});

test("all mistakes in the definitions are printed at once, one line each, and nothing is done", async () => {
  const { root } = nistRepository();
  writeFiles(root, {
    "science/nist-basic/sciserver-image.json": '{\n  "imag": "nist-basic",\n  "compat": "base"\n}\n',
    "science/nist-basic-2/sciserver-image.json":
      '{\n  "image": "nist-basic",\n  "version": 2.0,\n  "compat": "bse"\n}\n',
  });
  for (const args of [["check"], ["-v", "--dryrun"], ["plan"], []]) {
    const { code, stdout, stderr } = await runTool(root, args);
    assert.is(code, 3);
    assert.is(stdout, "");
    const lines = stderr.trimEnd().split("\n");
    assert.ok(
      lines.includes('science/nist-basic/sciserver-image.json:2: unknown key "imag" — did you mean "image"?'),
    );
    assert.ok(lines.some((line) => line.startsWith("science/nist-basic-2/sciserver-image.json:3")));
    assert.ok(lines.some((line) => line.startsWith("science/nist-basic-2/sciserver-image.json:4")));
    assert.match(lines.at(-1) ?? "", /^ERROR:root:\d+ problems found$/);
    assert.not.match(stderr, /^\s+at /m);
  }
});

test("a mistake on the command line says what was meant and exits with 2", async () => {
  const { root } = nistRepository();
  for (const [args, expected] of [
    [["--dryrn"], /^ERROR:root:unknown argument: --dryrn — did you mean --dryrun\?\n$/],
    [["plna"], /^ERROR:root:unknown command: plna — did you mean plan\?\n$/],
    [["--push=yes"], /^ERROR:root:--push=yes is neither true nor false/],
    [["--no-ref"], /^ERROR:root:unknown argument/],
    [["--include", ""], /^ERROR:root:--include "": no layer/],
    [["--", "plan"], /^ERROR:root:nothing may follow --/],
    [["--jbs", "2"], /^ERROR:root:unknown argument: --jbs — did you mean --jobs\?\n$/],
    [["--format", "yaml"], /^ERROR:root:unknown argument: --format — it is an option of plan, /],
    [
      ["--include", "science/nist-basik"],
      /^ERROR:root:--include science\/nist-basik: .* — did you mean science\/nist-basic\?\n$/,
    ],
    [["--include"], /^ERROR:root:--include needs a value — see image-builder --help/],
    [["--ref", "nowhere"], /^ERROR:root:--ref nowhere: git knows no revision "nowhere" here — /],
    [
      ["--repo", "https://example.org/x"],
      /^ERROR:root:--repo "https:\/\/example\.org\/x" is not the name of a repository — /,
    ],
    [["--repo", "example.org/x:1"], /^ERROR:root:--repo .* is not the name of a repository — /],
    [["--jobs", "0"], /^ERROR:root:--jobs "0" is not a whole number above 0/],
    [["--jobs", "many"], /^ERROR:root:--jobs is not a whole number above 0/],
    [["--all", "--include", "science"], /^ERROR:root:--all and --include cannot be combined/],
    [["--root", "nowhere"], /^ERROR:root:--root nowhere is not a directory — /],
  ] as const) {
    const { code, stdout, stderr } = await runTool(root, ["--dryrun", ...args]);
    assert.is(code, 2, `${args.join(" ")}: ${stderr}`);
    assert.is(stdout, "");
    assert.match(stderr, expected);
  }
});

test("outside a checkout it says to name one", async () => {
  const { code, stderr } = await runTool(temporaryDirectory(), ["-v", "--dryrun"]);
  assert.is(code, 2);
  assert.match(stderr, /^ERROR:root:there is no science\/ or compat\/ in .* or above — .*--root/);
});

test("a shallow clone is refused with exit code 4, never an empty plan", async () => {
  const { root } = nistRepository();
  const clone = path.join(temporaryDirectory(), "clone");
  git(root, "clone", "--quiet", "--depth=1", `file://${root}`, clone);
  const { code, stdout, stderr } = await runTool(clone, ["plan"]);
  assert.is(code, 4);
  assert.is(stdout, "");
  assert.match(stderr, /shallow clone.*git fetch --unshallow/);
});

test("help has an example and the exit codes, and --version the version", async () => {
  const help = await runTool(temporaryDirectory(), ["--help"]);
  assert.is(help.code, 0);
  assert.match(help.stdout, "image-builder -v --dryrun");
  assert.match(help.stdout, "Exit codes");
  for (const command of ["plan", "check"]) {
    assert.match((await runTool(temporaryDirectory(), [command, "--help"])).stdout, "--root");
  }
  const { version } = JSON.parse(
    fs.readFileSync(path.join(import.meta.dirname, "../../package.json"), "utf8"),
  ) as { version: string };
  assert.is((await runTool(temporaryDirectory(), ["--version"])).stdout, `${version}\n`);
});

test("for random repositories and changes the plan is exactly what changed and what can be reached from it", async () => {
  const world = fc.integer({ min: 1, max: 7 }).chain((count) => {
    const numbers = Array.from({ length: count }, (_, n) => n);
    return fc.record({
      on: fc.tuple(...numbers.map((n) => fc.subarray(numbers.slice(0, n)))),
      compat: fc.array(fc.constantFrom("common", "jupyter", "terminal"), {
        minLength: count,
        maxLength: count,
      }),
      changed: fc.subarray(numbers),
      removedFile: fc.option(fc.constantFrom(...numbers)),
      changedCompat: fc.subarray(["common", "jupyter", "terminal"]),
    });
  });
  await fc.assert(
    fc.asyncProperty(world, async ({ on, compat, changed, removedFile, changedCompat }) => {
      const files: Record<string, string | null> = {
        ...compatFiles("common"),
        ...compatFiles("jupyter", ["common"]),
        ...compatFiles("terminal", ["common"]),
      };
      for (const [n, bases] of on.entries()) {
        const lines = bases.map((base, index) =>
          index % 2 === 0
            ? `FROM example.org/x/sci/l${String(base)}:1.0`
            : `COPY --from=sci/l${String(base)}:1.0 /bin /bin`,
        );
        if (lines.length === 0) lines.push("FROM debian:bookworm-slim");
        Object.assign(
          files,
          scienceFiles(`l${String(n)}`, { compat: compat[n] ?? "" }, `${lines.join("\n")}\n`),
          {
            [`science/l${String(n)}/data`]: "1",
            [`science/l${String(n)}/more`]: "1",
          },
        );
      }
      const root = makeRepository(files);
      commit(root, {
        ...Object.fromEntries(changed.map((n) => [`science/l${String(n)}/data`, "2"])),
        ...Object.fromEntries(changedCompat.map((name) => [`compat/${name}/new file`, "1"])),
        ...(removedFile === null ? {} : { [`science/l${String(removedFile)}/more`]: null }),
      });
      const own = new Set(removedFile === null ? changed : [...changed, removedFile]);
      const built = (n: number): boolean => own.has(n) || (on[n] ?? []).some(built);
      const released = (n: number) =>
        built(n) || changedCompat.includes("common") || changedCompat.includes(compat[n] ?? "");
      const numbers = [...on.keys()];
      const plan = await planOf(root);
      assert.equal(
        ids(plan).toSorted(),
        [
          ...numbers.filter(built).map((n) => `science/l${String(n)}`),
          ...numbers.filter(released).map((n) => `compat/l${String(n)}:1.0`),
        ].toSorted(),
      );
      const before = new Set<string>();
      for (const step of plan.steps) {
        for (const need of step.needs) assert.ok(before.has(need));
        before.add(step.id);
      }
      fs.rmSync(root, { recursive: true });
    }),
    { numRuns: 25 },
  );
});

test("a reader that leaves takes nothing from the exit code, and a full disk is said", () => {
  const { root } = nistRepository();
  const bash = (script: string) =>
    spawnSync("bash", ["-c", script], { cwd: root, encoding: "utf8", env: { ...process.env, TOOL: tool } });
  writeFiles(root, { "science/broken/sciserver-image.json": "{" });
  assert.is(bash('"$TOOL" check --format json | true; echo ${PIPESTATUS[0]}').stdout, "3\n");
  const full = bash('"$TOOL" config > /dev/full');
  assert.is(full.status, 4);
  assert.is(full.stderr, "ERROR:root:standard output cannot be written: ENOSPC\n");
});

test.run();
