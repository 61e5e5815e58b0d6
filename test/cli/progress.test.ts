/** What is seen of a run, in a real terminal and without one. */
import { setTimeout as sleep } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compatFiles, makeRepository, tool } from "../support/checkout.ts";
import type { Files } from "../support/checkout.ts";
import { eventually, unique } from "../support/engine-room.ts";
import { startFaultProxy } from "../support/fault-proxy.ts";
import { testPlatform } from "../support/platform.ts";
import { onBusybox, openWorkplace } from "../support/released.ts";
import type { Workplace } from "../support/released.ts";
import { openTerminal } from "../support/terminal.ts";
import type { Terminal } from "../support/terminal.ts";

const test = suite("progress");
const { base, registry } = await testPlatform();

/** Prints a line five times a second; the comment keeps the engine from taking it from its cache. */
function noisy(line: string, seconds: number): string {
  const count = seconds * 5;
  return `i=0; while [ $i -lt ${count} ]; do i=$((i+1)); printf '%b\\n' "${line} $i"; sleep 0.2; done # ${unique()}`;
}

function layers(commands: Readonly<Record<string, string>>): string {
  const science = Object.entries(commands).map(([name, command]): Files => onBusybox(name, base, command));
  return makeRepository(Object.assign({}, ...science, compatFiles("base", [], "")));
}

/** Runs the tool in a terminal, like a person who has set nothing; `code N` follows what it prints. */
function runInTerminal(
  { repo, dockerHost }: Workplace,
  root: string,
  options: string,
  { columns = 80, rows = 24, set = "" } = {},
): Terminal {
  const environment = `-u CI -u NO_COLOR -u FORCE_COLOR DOCKER_HOST=${dockerHost} DOCKER_CONFIG=/nonexistent ${set}`;
  const call = `env ${environment} ${process.execPath} ${tool} --repo ${repo} --all ${options}`;
  return openTerminal(`${call}; echo code $?`, { cwd: root, columns, rows });
}

async function withTerminal(terminal: Terminal, look: () => Promise<void>): Promise<void> {
  try {
    await look();
  } catch (error) {
    console.log(terminal.all());
    throw error;
  } finally {
    terminal.close();
  }
}

function matches(text: string, pattern: RegExp): number {
  return [...text.matchAll(new RegExp(pattern.source, "gm"))].length;
}

const longName = "a-layer-with-a-name-that-is-much-too-long-for-a-narrow-terminal";
const counts = /^\d+:\d\d {2}\d of \d images done/;

// A minute is long: what says something only then begins with the file.
const silent = layers({ quiet: `echo at work; sleep 62 # ${unique()}` });
const silentBuild = openWorkplace().then((place) => place.run(silent, ["--all"]));
const slowProxy = await startFaultProxy(registry);
const silentPush = openWorkplace(`${slowProxy.address}/test-${unique()}`).then((place) => {
  let first = true;
  slowProxy.break(async ({ method }) => {
    if (method === "PATCH" && first) {
      first = false;
      await sleep(62_000);
    }
    return undefined;
  });
  return place.run(layers({ big: "head -c 9000000 /dev/urandom > /noise" }), ["--all", "--push"]);
});

test("each running build has one line in the terminal, however that is resized, and only what was done stays", async () => {
  const place = await openWorkplace();
  const root = layers({ one: noisy("first", 12), [longName]: noisy("second", 14) });
  const terminal = runInTerminal(place, root, "--jobs 2");
  await withTerminal(terminal, async () => {
    await eventually(() => /second \d+\n.*first \d+\n/.test(terminal.screen().join("\n")));
    const narrow = terminal.screen();
    assert.match(
      narrow.at(-3) ?? "",
      /^building {2}science\/a-layer…narrow-terminal {2}2\/2 {3}0:\d\d {2}second \d+$/,
    );
    assert.match(narrow.at(-2) ?? "", /^building {2}science\/one {22}2\/2 {3}0:\d\d {2}first \d+$/);
    assert.match(narrow.at(-1) ?? "", /^0:\d\d {2}0 of 4 images done, 2 running, 2 waiting$/);
    for (const columns of [200, 47, 120, 30, 200]) {
      terminal.resize(columns, 24);
      await sleep(450);
      // On a busy machine the next drawing can be late.
      await eventually(
        () => matches(terminal.all(), /^building/) === 2 && matches(terminal.all(), counts) === 1,
      );
    }
    assert.match(terminal.screen().at(-3) ?? "", `building  science/${longName}  2/2   0:`);
    await eventually(() => terminal.all().includes("code 0"), 60);
    const all = terminal.all();
    assert.is(matches(all, /^building|images done|first|second/), 0);
    const done = all.split("\n").filter((line) => /: built in \d+\.\d s$/.test(line));
    assert.is(done.length, 4);
    assert.match(done[0] ?? "", /^science\/one: built/);
    assert.match(all, /^Built 4 of 4 images/m);
    assert.ok(terminal.cursorIsShown());
  });
});

test("errors appear above what still runs, and what others print cannot move the cursor or fill two lines", async () => {
  const place = await openWorkplace();
  const root = layers({
    broken: "echo broken; sleep 1; exit 3",
    wide: noisy(
      "\\\\r\\\\033[2J\\\\007\\\\b天\\\\xc2\\\\x9b2J文学者の出力はとても長いので一行には入りきらないことがあります",
      6,
    ),
  });
  const terminal = runInTerminal(place, root, "--jobs 2 --keep-going");
  await withTerminal(terminal, async () => {
    await eventually(() => terminal.all().includes("ERROR:root:"));
    await sleep(300);
    const screen = terminal.screen();
    assert.is(
      screen.findIndex((line) => line.startsWith("ERROR:root:science/broken/Dockerfile:2: ")) >= 0,
      true,
    );
    assert.match(
      screen.at(-2) ?? "",
      /^building {2}science\/wide {2}2\/2 {3}0:0\d {2}�.*天.*文学者の出力は.*…$/,
    );
    assert.match(screen.at(-1) ?? "", /0 of 4 images done, 1 failed, 1 skipped, 1 running, 1 waiting$/);
    assert.is(matches(terminal.all(), /^building/), 1);
    await eventually(() => terminal.all().includes("code 1"), 30);
    const all = terminal.all();
    assert.ok(all.indexOf("ERROR:root:") < all.indexOf("science/wide: built"));
    assert.ok(all.indexOf("broken | ") < all.indexOf("ERROR:root:"));
  });
});

test("Ctrl-C leaves a clean terminal with what became of each build", async () => {
  const place = await openWorkplace();
  const terminal = runInTerminal(place, layers({ slow: noisy("slow", 60) }), "");
  await withTerminal(terminal, async () => {
    await eventually(() => terminal.all().includes("slow 3"));
    terminal.press("C-c");
    await eventually(() => terminal.all().includes("code 130"));
    const all = terminal.all();
    assert.match(
      all,
      /^Cancelling; press Ctrl-C again to quit at once\.\nscience\/slow: cancelled after \d+\.\d s\nSTEP/m,
    );
    assert.is(matches(all, /^building|images done|\^C/), 0);
    assert.ok(terminal.cursorIsShown());
  });
});

test("a push shows how many bytes have gone of how many, and how many tags there are", async () => {
  const proxy = await startFaultProxy(registry);
  const place = await openWorkplace(`${proxy.address}/test-${unique()}`);
  proxy.break(async ({ method }) => {
    if (method === "PATCH") await sleep(1500);
    return undefined;
  });
  const root = layers({ big: `head -c 9000000 /dev/urandom > /noise # ${unique()}` });
  const terminal = runInTerminal(place, root, "--push", { columns: 100 });
  await withTerminal(terminal, async () => {
    await eventually(() => /pushing .* MB of /.test(terminal.all()));
    const [pushing = "", total = ""] = terminal.screen().slice(-2);
    assert.match(
      pushing,
      /^pushing {2}sci\/big:1\.0-1-[0-9a-f]{7} +0:\d\d {2}\d+\.\d [kM]B of (?:9|1\d)\.\d MB$/,
    );
    assert.match(total, /2 of 2 images done, 0 of 4 tags published$/);
    await eventually(() => terminal.all().includes("code 0"), 60);
    assert.is(matches(terminal.all(), /^pushing|images done/), 0);
    assert.is(matches(terminal.all(), /^pushed .* sha256:/), 4);
  });
  await proxy.stop();
});

test("a terminal with few lines shows some of the builds, and how many more run", async () => {
  const place = await openWorkplace();
  const names = ["one", "two", "three", "four", "five"];
  const root = layers(Object.fromEntries(names.map((name) => [name, noisy(name, 3)])));
  const terminal = runInTerminal(place, root, "--jobs 5", { rows: 5 });
  await withTerminal(terminal, async () => {
    await eventually(() => terminal.all().includes("5 running"));
    const screen = terminal.screen();
    assert.is(screen.filter((line) => line.startsWith("building")).length, 2);
    assert.equal(screen.at(-2), "… and 3 more");
    await eventually(() => terminal.all().includes("code 0"), 60);
    assert.is(matches(terminal.all(), /^building|images done|more$/), 0);
  });
});

test("--progress plain, CI, TERM=dumb and a pipe give lines alone; tty needs a terminal", async () => {
  const place = await openWorkplace();
  const root = layers({ one: "true" });
  const forms = [
    ["--progress plain", ""],
    ["", "CI=true"],
    ["", "TERM=dumb"],
  ] as const;
  for (const [options, set] of forms) {
    const terminal = runInTerminal(place, root, options, { set });
    await withTerminal(terminal, async () => {
      await eventually(() => terminal.all().includes("code 0"));
      assert.match(terminal.all(), /^\[1\/2\] science\/one: building .*\nscience\/one: built in /m);
    });
  }
  const piped = await place.run(root, ["--all"]);
  assert.match(piped.stderr, /^\[1\/2\] science\/one: building .*\nscience\/one: built in /m);
  const forced = await place.run(root, ["--all", "--progress", "tty"]);
  assert.is(forced.code, 2);
  assert.match(
    forced.stderr,
    /^ERROR:root:--progress tty: standard error is not a terminal with a size — .*--progress plain$/m,
  );
  const wrong = await place.run(root, ["--all", "--progress", "loud"]);
  assert.is(wrong.code, 2);
  assert.match(wrong.stderr, /invalid --progress "loud" — one of auto, plain, tty/);
});

test("a terminal shows colours unless NO_COLOR is set, a pipe none unless FORCE_COLOR is; log lines have none", async () => {
  const place = await openWorkplace();
  const root = layers({ one: "true", broken: "exit 1" });
  for (const [set, colours] of [
    ["", true],
    ["NO_COLOR=1", false],
  ] as const) {
    const terminal = runInTerminal(place, root, "--keep-going", { set, rows: 50 });
    await withTerminal(terminal, async () => {
      await eventually(() => terminal.all().includes("code 1"));
      assert.is(terminal.coloured().includes("\u{1B}["), colours);
    });
  }
  const plain = await place.run(root, ["--all", "--keep-going"], { NO_COLOR: "" });
  assert.not.match(plain.stderr, "\u{1B}");
  const forced = await place.run(root, ["--all", "--keep-going"], { NO_COLOR: "", FORCE_COLOR: "1" });
  assert.match(forced.stderr, "science/one: \u{1B}[32mbuilt\u{1B}[39m in ");
  assert.match(forced.stderr, /^ERROR:root:science\/broken\/Dockerfile:2: the build failed/m);
});

test("without a terminal a long build and a long push say once a minute that they still run, and how far they are", async () => {
  const [build, push] = await Promise.all([silentBuild, silentPush]);
  await slowProxy.stop();
  assert.is(build.code, 0, build.stderr);
  assert.match(build.stderr, /^science\/quiet: still building after 1 min [0-3] s: at work$/m);
  assert.is(push.code, 0, push.stderr);
  assert.match(
    push.stderr,
    /^127\.0\.0\.1:\d+\/test-[0-9a-f]+\/sci\/big:1\.0-1-[0-9a-f]{7}: still pushing after 1 min [0-3] s: \d+\.\d [kM]B of (?:9|1\d)\.\d MB$/m,
  );
});

test.run();
