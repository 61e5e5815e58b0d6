import fs from "node:fs";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { answer, enter } from "../support/answer.ts";
import {
  commit,
  compatFiles,
  git,
  makeRepository,
  runTool,
  scienceFiles,
  temporaryDirectory,
  writeFiles,
} from "../support/checkout.ts";

const test = suite("init");

const repo = "registry.example.org/images";
const tool = ["--tool", "https://git.example.org/image-builder.git#v1.2.0"];
const read = (root: string, file: string) => fs.readFileSync(path.join(root, file), "utf8");
const everything = (root: string) =>
  fs
    .readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((name) => !/^\.git(?:\/|$)/.test(name))
    .sort();

test("in an empty directory it writes a checkout that check finds nothing wrong with and whose first commit builds both layers", async () => {
  const directory = temporaryDirectory();
  const root = path.join(directory, "images");
  const begun = await runTool(directory, ["init", "images", "--repo", repo]);
  assert.equal([begun.code, begun.stderr], [0, ""]);
  assert.is(
    begun.stdout,
    `git init: made ${root} a git repository, on branch main
wrote image-builder.json5
wrote compat/common/Dockerfile
wrote compat/common/sciserver-image.json
wrote science/tools/Dockerfile
wrote science/tools/sciserver-image.json
wrote .gitignore

Next: commit, and build both images here; nothing is pushed:
  cd images
  git add .gitignore compat image-builder.json5 science && git commit -m "Set up image-builder"
  image-builder
`,
  );
  const checked = await runTool(root, ["check"]);
  assert.equal([checked.code, checked.stderr], [0, ""]);
  commit(root);
  assert.is(git(root, "symbolic-ref", "--short", "HEAD"), "main");
  const { stdout } = await runTool(root, ["plan", "--format", "json"]);
  const plan = JSON.parse(stdout) as { repo: string; build: { dirty: boolean }; steps: { id: string }[] };
  assert.equal(
    [plan.repo, plan.build.dirty, plan.steps.map(({ id }) => id)],
    [repo, false, ["science/tools", "compat/tools:1.0"]],
  );
  const again = await runTool(root, ["init", "--repo", repo, "--publish-from", "main"]);
  assert.equal(
    [again.code, again.stdout],
    [0, "unchanged image-builder.json5\nunchanged .gitignore\n\nNothing to do.\n"],
  );
  assert.is(git(root, "status", "--porcelain"), "");
});

test("a checkout that has layers gets the settings alone, and they rebuild nothing", async () => {
  const layers = { ...scienceFiles("essentials"), ...compatFiles("base") };
  const root = makeRepository({ ...layers, ".gitignore": "*.log" });
  const begun = await runTool(root, ["init", "--repo", repo, "--publish-from", "main", "20*"]);
  assert.equal([begun.code, begun.stderr], [0, ""]);
  assert.is(
    begun.stdout,
    `wrote image-builder.json5
wrote .gitignore

Next: commit, and compare with what is published:
  git add .gitignore image-builder.json5 && git commit -m "Set up image-builder"
  image-builder status
`,
  );
  assert.is(read(root, ".gitignore"), "*.log\n.image-builder/\n");
  assert.match(read(root, "image-builder.json5"), '"publishFrom": ["main", "20*"]');
  commit(root);
  const { stdout } = await runTool(root, ["plan", "--format", "json"]);
  assert.equal((JSON.parse(stdout) as { steps: unknown[] }).steps, []);
});

test("inside a git repository it makes no other, and what is there is kept", async () => {
  const top = makeRepository({ "README.md": "All of the platform.\n", "images/notes": "mine\n" });
  const { code, stdout, stderr } = await runTool(top, ["init", "images", "--repo", repo]);
  assert.equal([code, stderr], [0, ""]);
  assert.not.match(stdout, "git init");
  assert.not.ok(fs.existsSync(path.join(top, "images/.git")));
  assert.is(read(top, "images/notes"), "mine\n");
  assert.is((await runTool(path.join(top, "images"), ["check"])).code, 0);
});

test("the files of a CI system come with it on request, and its own directory is ignored by git", async () => {
  const root = temporaryDirectory();
  const ci = ["init", "--repo", repo, "--ci", "github", ...tool];
  const begun = await runTool(root, ci);
  assert.is(begun.code, 0, begun.stderr);
  assert.match(begun.stdout, "wrote .github/workflows/images.yml");
  assert.match(begun.stdout, "BRANCH_REGISTRY_USERNAME");
  assert.match(read(root, ".github/workflows/images.yml"), `IMAGE_REPO: "${repo}"`);
  const again = await runTool(root, ci);
  assert.match(again.stdout, "unchanged .github/workflows/images.yml");
  writeFiles(root, { ".github/workflows/images.yml": "mine: {}\n" });
  const refused = await runTool(root, ci);
  assert.equal(
    [refused.code, refused.stderr],
    [
      2,
      "ERROR:root:.github/workflows/images.yml exists and differs — image-builder new ci github --force overwrites it\n",
    ],
  );
  assert.is(read(root, ".github/workflows/images.yml"), "mine: {}\n");
});

const refused: readonly (readonly [string[], RegExp])[] = [
  [["--repo", "https://x.org/y"], /^ERROR:root:invalid --repo https:\/\/x\.org\/y — HOST/m],
  [
    ["--repo", repo, "--label-namespace", "example"],
    /^ERROR:root:invalid --label-namespace example — the rev/m,
  ],
  [["--repo", repo, "--publish-from", "!main"], /^ERROR:root:invalid --publish-from !main — /m],
  [["--repo", repo, "--science", "Tools"], /^ERROR:root:invalid --science "Tools" — lowercase letters/m],
  [["--repo", repo, "--ci", "github", "--tool", "x"], /^ERROR:root:--tool is not the address/m],
  [["file", "--repo", repo], /^ERROR:root:.*\/file is not a directory/m],
];

test("what cannot be is refused before anything is asked or written", async () => {
  const directory = temporaryDirectory();
  writeFiles(directory, { file: "", "taken/compat/common/notes": "", "taken/science/x/notes": "" });
  const before = everything(directory);
  for (const [args, message] of refused) {
    const { code, stdout, stderr } = await runTool(directory, ["init", ...args]);
    assert.equal([code, stdout], [2, ""], args.join(" "));
    assert.match(stderr, message);
  }
  assert.is(await answer(directory, ["init", "--science", "Tools"], []), 2);
  const nothing = await runTool(directory, ["init"]);
  assert.is(
    nothing.stderr,
    `ERROR:root:init: the repository is missing — --repo REGISTRY/PATH, e.g. --repo ${repo}\n`,
  );
  const taken = await runTool(directory, ["init", "taken", "--repo", repo, "--science", "x"]);
  assert.match(taken.stderr, /compat\/common exists — .*\n.*science\/x exists — /);
  const inside = await runTool(path.join(directory, "taken/science"), ["init", "--repo", repo]);
  assert.match(inside.stderr, /taken\/science is inside .*\/taken, which has science\/ or compat\/ in it/);
  assert.equal(everything(directory), before);
  assert.not.ok(fs.existsSync(path.join(directory, ".git")));
});

test("settings that contradict the file that is there, and layers beside those that are there, are refused", async () => {
  const root = makeRepository({
    ...scienceFiles("essentials"),
    ...compatFiles("base"),
    "image-builder.json5": '{ "repo": "example.org/other" }\n',
  });
  const { code, stderr } = await runTool(root, ["init", "--repo", repo, "--science", "tools"]);
  assert.equal(
    [code, stderr],
    [
      2,
      'ERROR:root:image-builder.json5 exists and says otherwise than --repo — change "repo" in it\n' +
        "ERROR:root:--science tools: there are layers already — image-builder new science tools\n",
    ],
  );
  writeFiles(root, { "image-builder.json5": "{ rep: 1 }\n" });
  assert.is((await runTool(root, ["init"])).code, 3);
});

test("at a terminal it asks for what is not given; the usual answer is sent by return alone", async () => {
  const root = temporaryDirectory();
  const code = await answer(
    root,
    ["init", "--compat", "users"],
    [
      ["Repository", enter],
      ["HOST[:PORT]/PATH", `${repo}${enter}`],
      ["Branches that publish", `main, 20*${enter}`],
      ["Label namespace", enter],
      ["first science layer", `sky${enter}`],
    ],
  );
  assert.is(code, 0);
  assert.match(read(root, "image-builder.json5"), '"publishFrom": ["main", "20*"]');
  assert.match(read(root, "image-builder.json5"), '"labelNamespace": "org.sciserver"');
  assert.match(read(root, "science/sky/sciserver-image.json"), '"compat": "users"');
});

test("Ctrl-C at a question ends with 130, and nothing is written", async () => {
  const root = temporaryDirectory();
  assert.is(await answer(root, ["init", "--repo", repo], [["Branches that publish", "\u0003"]]), 130);
  assert.equal(fs.readdirSync(root), []);
});

test("a push that no repository is named for says where it goes; with the file that init writes there is nothing to say", async () => {
  const root = makeRepository({ ...scienceFiles("essentials"), ...compatFiles("base") });
  commit(root);
  const said =
    "Publishing to containers.repo.sciserver.org/compute-images, the default: neither --repo nor image-builder.json5 names a repository.\n";
  // Nothing changed, so that no registry is asked.
  assert.ok((await runTool(root, ["--push"])).stderr.startsWith(said));
  await runTool(root, ["init", "--repo", repo]);
  commit(root);
  assert.not.match((await runTool(root, ["--push"])).stderr, "the default");
});

test.run();
