import { setTimeout as sleep } from "node:timers/promises";
import { Readable } from "node:stream";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Refusal } from "../../src/problem.ts";
import { buildOf, connect, eventually, problemOf, runs, unique } from "../support/engine-room.ts";
import { on, startFaultProxy } from "../support/fault-proxy.ts";
import { dockerClient, testPlatform } from "../support/platform.ts";

const build = suite("build");
const platform = await testPlatform();
const { base, dockerHost } = platform;
const isBuild = ({ path }: { path: string }) => path.startsWith("/build?");

for (const builder of ["buildkit", "classic"] as const) {
  const connection = await connect(dockerHost, { builder });
  const { engine } = connection;

  build(`${builder}: an image has its id, all its tags and its labels`, async () => {
    const tags = [`test.image-builder/${unique()}:1.0-1-abc`, `test.image-builder/${unique()}:1.0`];
    const labels = { "org.example.a": 'b "c" ä', empty: "" };
    const { id } = await engine.build(buildOf(`FROM ${base}\nENV A=b\n`, { tags, labels }));
    const facts = await engine.inspect(tags[1] ?? "");
    assert.is(facts?.id, id);
    assert.match(id, /^sha256:[0-9a-f]{64}$/);
    assert.equal([...(facts?.tags ?? [])].sort(), [...tags].sort());
    assert.equal(facts?.labels, labels);
    assert.ok(facts?.environment.includes("A=b"));
    for (const tag of tags) await dockerClient(dockerHost).getImage(tag).remove();
  });

  build(`${builder}: output comes as clean lines, in order`, async () => {
    // The classic builder itself spoils a character that a program writes in two pieces.
    const [start, rest] = builder === "buildkit" ? ["m\\303", "\\244h"] : ["", "m\\303\\244h"];
    const text = `printf 'first\\n10%%\\r50%%\\r100%%\\n${start}'; sleep 1; printf '${rest}\\n\\033[31mred\\033[0m\\nlast'`;
    const request = buildOf(`FROM ${base}\nRUN echo ${unique()} > /x; ${text}\n`);
    await engine.build(request);
    const shown = request.lines.map((line) => line.replace(/^#\d+ /, ""));
    const from = shown.indexOf("first");
    assert.equal(shown.slice(from, from + 4), ["first", "100%", "mäh", "red"]);
    assert.ok(shown.slice(from).some((line) => line.startsWith("last")));
    assert.not.ok(request.lines.some((line) => /[\p{Cc}\uFFFD]/u.test(line)));
  });

  build(`${builder}: a failure names the line, the instruction and the exit code`, async () => {
    const dockerfile = [
      "# a comment",
      `FROM ${base}`,
      "ENV A=1",
      "",
      "RUN true",
      "# RUN exit 3 in a comment is no step",
      "RUN true && \\",
      "    # between",
      `    echo ${unique()}; exit 3`,
      "RUN true",
    ];
    const problem = await problemOf(engine.build(buildOf(dockerfile.join("\n"), { labels: { a: "b" } })));
    assert.is(problem.kind, "failure");
    assert.is(problem.line, 7);
    assert.match(problem.message, /^the build failed: RUN true && echo \w+; exit 3 — exit code: 3$/);
  });

  build(`${builder}: a failure in a later stage names that stage's line`, async () => {
    const dockerfile = `FROM ${base} AS one\nRUN true\nFROM one AS two\nRUN exit 4\nFROM ${base}\nCOPY --from=two /etc /e\n`;
    const { message, line } = await problemOf(engine.build(buildOf(dockerfile)));
    assert.equal([line, message], [4, "the build failed: RUN exit 4 — exit code: 4"]);
  });

  build(
    `${builder}: a Dockerfile that cannot be read, and a file that is not there, are failures with their line`,
    async () => {
      const unreadable = await problemOf(engine.build(buildOf(`FROM ${base}\n\nRUNN x\n`)));
      assert.is(unreadable.kind, "failure");
      assert.is(unreadable.line, 3);
      assert.match(unreadable.message, /^the build failed — unknown instruction: RUNN/);
      const missing = await problemOf(engine.build(buildOf(`FROM ${base}\nCOPY nothere /x\n`)));
      assert.is(missing.line, 2);
      assert.match(missing.message, /^the build failed: COPY nothere \/x — .*not ?found/);
    },
  );

  build(`${builder}: an image is cached where nothing ran for it, whatever its labels`, async () => {
    const dockerfile = `FROM ${base} AS one\nRUN echo ${unique()} > /x\nFROM ${base}\nENV A=b\nCOPY --from=one /x /x\n`;
    const made = async (text: string, label: string, fresh = false) => {
      const { cached } = await engine.build(buildOf(text, { labels: { label }, fresh }));
      return cached;
    };
    assert.is(await made(dockerfile, "1"), false);
    assert.is(await made(dockerfile, "2"), true);
    assert.is(await made(`${dockerfile}RUN true ${unique()}\n`, "2"), false, "the last step ran");
    assert.is(await made(dockerfile, "2", true), false, "without the cache everything runs");
    assert.is(await made(`FROM ${base}\nENV A=b\n`, "3"), false, "there is nothing to run");
  });

  build(`${builder}: a here-document is built, or said to be what the engine does not support`, async () => {
    const dockerfile = `FROM ${base}\nENV A=b\nRUN <<EOF\necho ${unique()}\nEOF\n`;
    const major = Number(/^Docker (\d+)/.exec(connection.description)?.[1]);
    if (builder === "buildkit" && major >= 23) {
      await engine.build(buildOf(dockerfile));
      return;
    }
    const { line, message, hint } = await problemOf(engine.build(buildOf(dockerfile)));
    assert.is(line, 3);
    assert.is(message, "the build failed: RUN <<EOF — this engine does not support here-documents (<<)");
    assert.match(hint ?? "", /Docker 23/);
    const copied = await problemOf(
      engine.build(buildOf(`FROM ${base}\nCOPY <<EOF \\\n  /a\nENV A=b\nEOF\n`)),
    );
    assert.is(copied.line, 2);
    assert.match(copied.message, /^the build failed: COPY <<EOF \/a — this engine does not support/);
  });

  build(`${builder}: a base that cannot be had is a failure that names it`, async () => {
    const { kind, line, message } = await problemOf(
      engine.build(buildOf("# x\nFROM 127.0.0.1:1/nobody/here:1\n")),
    );
    assert.is(kind, "failure");
    assert.is(line, 2);
    assert.match(message, /^the build failed: FROM 127\.0\.0\.1:1\/nobody\/here:1 — .*refused/);
  });

  build(`${builder}: an aborted build rejects at once, and its process and container are gone`, async () => {
    const client = dockerClient(dockerHost);
    const abort = new AbortController();
    const seconds = String(10_000_000 + Math.floor(Math.random() * 1e7));
    const tag = `test.image-builder/${unique()}:1`;
    const running = engine.build(
      buildOf(`FROM ${base}\nRUN sleep ${seconds}\n`, { signal: abort.signal, tags: [tag] }),
    );
    running.catch(() => {});
    await eventually(() => runs(seconds));
    const reason = new Error("told to stop");
    const begun = performance.now();
    abort.abort(reason);
    assert.is(await running.catch((error: unknown) => error), reason);
    assert.ok(performance.now() - begun < 1000);
    await eventually(async () => !(await runs(seconds)));
    await eventually(async () => {
      const containers = await client.listContainers({ all: true });
      return !containers.some(({ Command }) => Command.includes(seconds));
    });
    assert.is(await engine.inspect(tag), undefined);
  });

  build(`${builder}: a context that fails fails the build with its own refusal`, async () => {
    const refusal = new Refusal({ kind: "definition", message: "the file changed while it was read" });
    const context = Readable.from(
      (async function* () {
        yield Buffer.alloc(512);
        await sleep(200);
        throw refusal;
      })(),
    );
    const outcome = await engine
      .build(buildOf(`FROM ${base}\n`, { context }))
      .catch((error: unknown) => error);
    assert.is(outcome, refusal);
  });

  build(`${builder}: a context is let go of when the build ends before it does`, async () => {
    const abort = new AbortController();
    let asked = 0;
    const context = new Readable({ read: () => void (asked++ === 0 && context.push(Buffer.alloc(512))) });
    const running = engine.build(buildOf(`FROM ${base}\n`, { context, signal: abort.signal }));
    running.catch(() => {});
    await eventually(() => asked > 0);
    abort.abort();
    await running.catch(() => {});
    assert.ok(context.destroyed);
  });

  build(
    `${builder}: an engine whose answer breaks off, is no answer or has no result is one that failed`,
    async () => {
      const proxy = await startFaultProxy(dockerHost);
      const behind = await connect(`tcp://${proxy.address}`, { builder });
      try {
        for (const fault of [
          "cut",
          "cut-answer",
          { status: 200, body: "<html>" },
          { status: 200, body: '{"stream":"x' },
          { status: 200, body: "" },
        ] as const) {
          proxy.break(on(isBuild, fault));
          const { kind, message } = await problemOf(
            behind.engine.build(buildOf(`FROM ${base}\nRUN sleep 1; echo ${unique()}\n`)),
          );
          assert.is(kind, "surroundings", JSON.stringify(fault));
          assert.match(message, new RegExp(`^the engine at tcp://${proxy.address} failed: .`));
        }
      } finally {
        await proxy.stop();
      }
    },
  );
}

build("eight builds run side by side, each with its own output", async () => {
  const { engine } = await connect(dockerHost);
  const begun = performance.now();
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      const name = unique();
      const request = buildOf(`FROM ${base}\nRUN sleep 2; echo ${name}\n`);
      await engine.build(request);
      assert.is(request.lines.filter((line) => line.endsWith(` ${name}`) && !/ RUN /.test(line)).length, 1);
      assert.not.ok(request.lines.some((line) => /^#\d+ \w{12}$/.test(line) && !line.endsWith(name)));
    }),
  );
  assert.ok(performance.now() - begun < 12_000, "16 s of sleep, one after the other");
});

build("an engine is asked what it is: BuildKit where it has it, and its processors", async () => {
  const { builder, cpus, description } = await connect(dockerHost);
  assert.is(builder, "buildkit");
  assert.ok(cpus >= 1);
  assert.match(description, /^Docker \d+\./);
});

build("an engine that is not there is refused", async () => {
  const { kind, message } = await problemOf(connect("unix:///nowhere/docker.sock"));
  assert.is(kind, "surroundings");
  assert.match(message, /unix:\/\/\/nowhere\/docker\.sock/);
});

build.run();
