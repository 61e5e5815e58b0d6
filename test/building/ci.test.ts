import fs from "node:fs";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  commit,
  compatFiles,
  git,
  makeRepository,
  runTool,
  temporaryDirectory,
} from "../support/checkout.ts";
import { holdings, runJobs } from "../support/ci/forge.ts";
import type { CiSystem, Happening, Ran } from "../support/ci/forge.ts";
import { github } from "../support/ci/github.ts";
import { gitlab } from "../support/ci/gitlab.ts";
import { jenkins } from "../support/ci/jenkins.ts";
import { startRegistry, testPlatform } from "../support/platform.ts";
import { onBusybox } from "../support/released.ts";

const test = suite("CI files");

const { base, dockerHost } = await testPlatform();
const login = { username: "robot", password: "pa$$ word" };
const registry = await startRegistry(temporaryDirectory(), { login });

const toolSource = "https://git.example.org/image-builder.git#v1";
const files = {
  ...onBusybox("tools", base, "echo tools > /tools"),
  ...onBusybox("other", base, "echo other > /other"),
  ...compatFiles("base", [], "RUN true\n"),
  "README.md": "Images.\n",
};

async function liveThrough(system: CiSystem): Promise<void> {
  const repo = `${registry.address}/${system.name}`;
  const root = makeRepository(files);
  const made = await runTool(root, ["new", "ci", system.name, "--repo", repo, "--tool", toolSource]);
  assert.is(made.code, 0, made.stderr);
  const origin = path.join(temporaryDirectory(), "origin.git");
  fs.mkdirSync(origin);
  git(origin, "init", "--quiet", "--bare", "--initial-branch=main");
  git(root, "remote", "add", "origin", origin);

  const push = (branch: string) => git(root, "push", "--quiet", "origin", branch);
  const happens = async (happening: Happening): Promise<readonly Ran[]> => {
    const ran = await runJobs(system, happening, { origin, dockerHost, login });
    for (const { output } of ran) assert.not(output.includes(login.password), output);
    return ran;
  };
  const held = async () => [...(await holdings(repo, login))];
  const named = async (name: string) => (await holdings(repo, login)).get(name);
  const stamp = () =>
    `${git(root, "rev-list", "--count", "HEAD")}-${git(root, "rev-parse", "HEAD").slice(0, 7)}`;

  // main, for the first time: everything is missing.
  commit(root);
  push("main");
  const first = stamp();
  assert.is((await happens({ kind: "push", branch: "main" })).length, 1);
  const published = await held();
  const namesOf = (image: string) =>
    [`rel/${image}:1.0`, `rel/${image}:1.0-${first}`, `rel/${image}:1.0-main`, `rel/${image}:main`].concat([
      `sci/${image}:1.0`,
      `sci/${image}:1.0-${first}`,
    ]);
  assert.equal(published.map(([name]) => name).sort(), [...namesOf("tools"), ...namesOf("other")].sort());

  // A pull request, of a change and one more commit: previewed, by jobs without a login.
  git(root, "switch", "--quiet", "--create", "feature/x");
  commit(root, onBusybox("tools", base, "echo better tools > /tools"));
  commit(root, { "README.md": "Images, and how to use them.\n" });
  push("feature/x");
  const [preview, ...more] = await happens({ kind: "pull request", branch: "feature/x" });
  assert.is(more.length, 0);
  assert.match(preview?.output ?? "", /2 science layers, 1 compat layer, 2 releases: no problem found/);
  assert.match(preview?.output ?? "", /\| .*rel\/tools:1\.0-/);
  assert.not.match(preview?.output ?? "", /\| .*rel\/other:/);
  assert.equal(await held(), published);

  // The push of the branch: built and published apart, what main has stays.
  await happens({ kind: "push", branch: "feature/x" });
  const apart = (await held()).filter(([name]) => !name.startsWith("branches/"));
  assert.equal(apart, published);
  const branch = await holdings(`${repo}/branches`, login);
  assert.ok(branch.get("rel/tools:1.0-feature-x"));
  assert.is(branch.get("rel/tools:feature-x"), branch.get("rel/tools:1.0-feature-x"));
  assert.is(branch.get(`rel/tools:1.0-${stamp()}`), branch.get("rel/tools:1.0-feature-x"));

  // Another branch, that does not lead to that one, and whose name a shell must not read.
  const hostile = "y$(touch${IFS}harm)";
  git(root, "switch", "--quiet", "--create", hostile, "main");
  commit(root, onBusybox("other", base, "echo another > /other"));
  push(hostile);
  await happens({ kind: "push", branch: hostile });
  assert.ok((await holdings(`${repo}/branches`, login)).get("rel/other:1.0-y-touch-IFS-harm-"));

  // Documentation only: nothing is built, on a pull request, on the branch or on main.
  const before = await held();
  git(root, "switch", "--quiet", "--create", "docs", "main");
  commit(root, { "README.md": "Images of the platform.\n", "docs/usage.md": "Pull them.\n" });
  push("docs");
  const [documented] = await happens({ kind: "pull request", branch: "docs" });
  assert.not.match(documented?.output ?? "", /rel\/\w+:1\.0/);
  const [unchanged] = await happens({ kind: "push", branch: "docs" });
  assert.match(unchanged?.output ?? "", /This branch changes no image/);
  git(root, "switch", "--quiet", "main");
  git(root, "merge", "--quiet", "--ff-only", "docs");
  push("main");
  const [quiet] = await happens({ kind: "push", branch: "main" });
  assert.match(quiet?.output ?? "", /nothing to build/i);
  assert.equal(await held(), before);

  // The branch is merged: main builds what it changed, and nothing else.
  git(root, "merge", "--quiet", "--no-ff", "--strategy-option=theirs", "--message=merge", "feature/x");
  push("main");
  await happens({ kind: "push", branch: "main" });
  const merged = new Map(await held());
  const was = new Map(published);
  assert.is.not(merged.get("rel/tools:1.0"), was.get("rel/tools:1.0"));
  assert.is(merged.get(`rel/tools:1.0-${stamp()}`), merged.get("rel/tools:1.0"));
  assert.is(merged.get("rel/tools:main"), merged.get("rel/tools:1.0"));
  assert.is(merged.get(`rel/other:1.0-${stamp()}`), undefined);
  for (const name of namesOf("other")) assert.is(merged.get(name), was.get(name), name);
  // The same job once more finds nothing to do.
  await happens({ kind: "push", branch: "main" });
  assert.equal(await held(), [...merged]);

  // A release: names for what main has, and nothing built.
  git(root, "tag", "v1.0");
  push("v1.0");
  await happens({ kind: "release", tag: "v1.0" });
  for (const image of ["tools", "other"])
    for (const tag of ["1.0-v1.0", "1.0-stable", "v1.0", "stable"])
      assert.is(await named(`rel/${image}:${tag}`), merged.get(`rel/${image}:1.0-main`), `${image}:${tag}`);
  assert.is((await held()).length, merged.size + 8);
}

// Each system has a repository of its own in the registry, and waits more than it works.
const lives = [github, jenkins, gitlab].map((system) => {
  const life = liveThrough(system);
  life.catch(() => undefined);
  return [system.name, life] as const;
});

for (const [name, life] of lives)
  test(`the jobs of ${name} preview a pull request, publish branches apart, then main, and release what main has`, () =>
    life);

test("a job fails with the tool, and publishes nothing", async () => {
  const repo = `${registry.address}/broken`;
  const root = makeRepository({ ...files, ...onBusybox("tools", base, "false") });
  await runTool(root, ["new", "ci", "github", "--repo", repo, "--tool", toolSource]);
  commit(root);
  const happening = { kind: "push", branch: "main" } as const;
  const origin = path.join(root, ".git");
  const failure = await runJobs(github, happening, { origin, dockerHost, login }).then(
    () => "",
    (error: unknown) => String(error),
  );
  assert.match(failure, /the job publish failed/);
  assert.equal([...(await holdings(repo, login))], []);
});

test.after(() => registry.stop());
test.run();
