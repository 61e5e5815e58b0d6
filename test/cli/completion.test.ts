import { execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { commands } from "../../src/cli/arguments.ts";
import {
  compatFiles,
  makeRepository,
  runTool,
  scienceFiles,
  temporaryDirectory,
  tool,
  writeFiles,
} from "../support/checkout.ts";

const test = suite("completion");

const root = makeRepository({
  ...scienceFiles("alpha", { image: "alpha-image", version: "2.4" }),
  ...scienceFiles("group/beta"),
  ...compatFiles("base"),
  "notes/x": "",
});
const home = temporaryDirectory();
fs.symlinkSync(tool, path.join(home, "image-builder"));
for (const shell of ["bash", "zsh", "fish"]) {
  const { code, stdout, stderr } = await runTool(home, ["completion", shell]);
  if (code !== 0) throw new Error(stderr);
  writeFiles(home, { [`completion.${shell}`]: stdout });
}
writeFiles(home, {
  // Some distributions start every interactive shell with settings of their own, which a test must not meet.
  bashrc: `PS1='ready> '\nbind 'set bell-style none' 'set enable-bracketed-paste off'\nsource completion.bash\ncd ${root}\n`,
  ".zshrc": `PS1='ready> '\nautoload -Uz compinit && compinit -u -d ${home}/dump\nsource completion.zsh\ncd ${root}\n`,
});
const environment = {
  HOME: home,
  ZDOTDIR: home,
  TERM: "xterm",
  PATH: `${home}:${path.dirname(process.execPath)}:${process.env["PATH"] ?? ""}`,
};

/** What is left on each line after the tab key, in a shell at a terminal. */
function typed(shell: string, lines: readonly string[]): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const child = spawn("script", ["--quiet", "--return", "--command", shell, "/dev/null"], {
      cwd: home,
      env: environment,
      stdio: ["pipe", "pipe", "inherit"],
    });
    const guard = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`the shell said no more than ${said}`));
    }, 60_000);
    let said = "";
    const found: string[] = [];
    const waiting = [...lines];
    // Tab completes; then the line is made an argument (to its beginning, to its end) and printed.
    const next = () => {
      const line = waiting.shift();
      child.stdin.write(line === undefined ? "exit\n" : `${line}\t\u0001echo "[\u0005]"\n`);
    };
    let asked = false;
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      if (!asked && said.includes("ready> ")) {
        asked = true;
        next();
      }
      for (
        let line = /^\[([^\n]*)\]\r?$/m.exec(said);
        line !== null;
        line = /^\[([^\n]*)\]\r?$/m.exec(said)
      ) {
        found.push((line[1] ?? "").trimEnd());
        said = said.slice(line.index + line[0].length);
        next();
      }
    });
    child.once("error", reject);
    child.once("close", () => {
      clearTimeout(guard);
      resolve(found);
    });
  });
}

const cases = [
  ["image-builder pl", "image-builder plan"],
  ["image-builder alpha-i", "image-builder alpha-image:2.4"],
  ["image-builder plan sci/b", "image-builder plan sci/beta:1.0"],
  ["image-builder plan --show-d", "image-builder plan --show-dockerfile"],
  ["image-builder plan --format j", "image-builder plan --format json"],
  ["image-builder plan --format=j", "image-builder plan --format=json"],
  ["image-builder --include compat/base science/g", "image-builder --include compat/base science/group/beta"],
  ["image-builder history alpha-i", "image-builder history alpha-image:2.4"],
  ["image-builder history alpha-image:", "image-builder history alpha-image:2.4"],
  ["image-builder rollback sci/b", "image-builder rollback sci/beta:1.0"],
  ["image-builder new ci gith", "image-builder new ci github"],
  ["image-builder new version alpha-i", "image-builder new version alpha-image:2.4"],
  ["image-builder new science x --compat ba", "image-builder new science x --compat base"],
  ["image-builder completion z", "image-builder completion zsh"],
  ["image-builder --dryrun plan --root no", "image-builder --dryrun plan --root notes"],
  ["IMAGE_BUILDER_JOBS=2 image-builder stat", "IMAGE_BUILDER_JOBS=2 image-builder status"],
] as const;

for (const [shell, call] of [
  ["bash", "bash --noprofile --rcfile bashrc -i"],
  ["zsh", "zsh -d -i"],
] as const)
  test(`${shell} completes commands, options, choices, layers, images and directories`, async () => {
    const left = await typed(
      call,
      cases.map(([line]) => line),
    );
    assert.equal(
      left.map((line) => line.replace(/\/$/, "")),
      cases.map(([, completed]) => completed),
    );
  });

test("bash puts a directory on the line as the name that it is, and never as a command", async () => {
  writeFiles(root, { ...scienceFiles("odd $(touch hit)", { image: "odd", target: "odd" }) });
  const [left] = await typed("bash --noprofile --rcfile bashrc -i", [
    "image-builder plan --include science/o",
  ]);
  writeFiles(root, { "science/odd $(touch hit)": null });
  // Between double quotes, `\\$` is a dollar.
  assert.is(left, String.raw`image-builder plan --include science/odd\ $\(touch\ hit\)`);
});

const fish = (line: string) =>
  execFileSync("fish", ["--no-config", "-c", `source ${home}/completion.fish; complete -C '${line}'`], {
    cwd: root,
    env: environment,
    encoding: "utf8",
  }).trimEnd();

test("fish completes the same, and says what each is", () => {
  for (const [line, completed] of cases) {
    const [word] = fish(line)
      .replace(/\/?\t.*$/, "")
      .split("\n");
    assert.is(word, completed.split(" ").at(-1), line);
  }
  assert.is(fish("image-builder che"), "check\tread every definition, without git history or an engine");
});

const asked = async (...words: string[]) => {
  const { code, stdout, stderr } = await runTool(root, ["__complete", ...words]);
  assert.equal([code, stderr], [0, ""]);
  const [kind, ...lines] = stdout.trimEnd().split("\n");
  return { kind, words: lines.map((line) => line.replace(/\t.*/, "")) };
};

test("every command is completed, and every option of each", async () => {
  assert.equal(
    (await asked("")).words,
    commands.map(({ name }) => name),
  );
  for (const { name, options } of commands) {
    const { words } = await asked(name, "--");
    assert.equal(words, [...Object.keys(options).map((option) => `--${option}`), "--help"]);
  }
});

test("what is given once is not offered again, and after a value comes no value", async () => {
  assert.not.ok((await asked("--push", "--jobs", "2", "--")).words.includes("--push"));
  assert.ok((await asked("promote", "--to", "a", "--to", "b", "--")).words.includes("--to"));
  assert.equal((await asked("plan", "--ref", "")).words, []);
  assert.equal((await asked("rollback", "alpha-image:2.4", "")).words, []);
  assert.equal((await asked("promote", "alpha-image:2.4", "")).words, ["alpha-image:2.4", "beta:1.0"]);
  assert.is((await asked("--logs", "")).kind, "directories");
  assert.equal((await asked("new", "ci", "")).words, ["github", "jenkins", "gitlab"]);
  assert.equal((await asked("new", "science", "")).words, []);
  assert.equal((await asked("new", "compat", "x", "--includes", "")).words, ["base"]);
});

test("without a checkout, and in one with mistakes, commands and options are completed all the same", async () => {
  const nowhere = temporaryDirectory();
  assert.is((await runTool(nowhere, ["__complete", "plan", "--include", ""])).stdout, "words\n");
  assert.match((await runTool(nowhere, ["__complete", "pl"])).stdout, /^plan\t/m);
  const there = await runTool(nowhere, ["__complete", "plan", "--root", root, "--include", "science/a"]);
  assert.is(there.stdout, "words\nscience/alpha\tlayer\n");
  const broken = makeRepository({ ...scienceFiles("a"), "science/b/sciserver-image.json": "{" });
  assert.match((await runTool(broken, ["__complete", "plan", "--include", ""])).stdout, /^science\/b\t/m);
  assert.is((await runTool(broken, ["__complete", "history", ""])).stdout, "words\n");
});

test.run();
