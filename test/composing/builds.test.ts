import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openContexts, readContext } from "../../src/composing/context.ts";
import { composeDockerfile } from "../../src/composing/dockerfile.ts";
import { digestFiles } from "../../src/composing/inputs.ts";
import { buildOf, connect, problemOf, unique } from "../support/engine-room.ts";
import { dockerClient, testPlatform } from "../support/platform.ts";

const builds = suite("what is composed builds");
const { dockerHost, base } = await testPlatform();
const engine = dockerClient(dockerHost);
const root = mkdtempSync(join(tmpdir(), "builds-"));
const major = Number((await engine.version()).Version.split(".")[0]);

function write(path: string, content: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
}

/** Builds fragments with their directories as context, and gives the image's environment. */
async function build(version: "1" | "2", fragments: Record<string, string>): Promise<string[]> {
  const directories = Object.keys(fragments);
  for (const directory of directories) write(`${directory}/Dockerfile`, fragments[directory] ?? "");
  const { dockerfile, problems } = composeDockerfile({
    from: base,
    fragments: Object.entries(fragments).map(([directory, text]) => ({ directory, text })),
    environment: [["SCISERVER_IMAGE", "x:1.0-42-f90dbd6"]],
  });
  assert.equal(problems, []);
  const tag = `image-builder.test/composing-${process.pid}:${version}`;
  const { stream } = await readContext(root, directories);
  const answer = await engine.buildImage(stream(dockerfile), {
    version,
    t: tag,
    nocache: true,
    forcerm: true,
  });
  let output = "";
  for await (const chunk of Readable.from(answer)) output += String(chunk);
  assert.not.match(output, /"error/, `${dockerfile}\n${output}`);
  const image = engine.getImage(tag);
  const { Config } = await image.inspect();
  await image.remove();
  return Config.Env ?? [];
}

for (const version of ["1", "2"] as const) {
  const builder = version === "1" ? "the classic builder" : "BuildKit";

  builds(`with ${builder}, whatever a fragment ends with, all of the next are carried out`, async () => {
    const environment = await build(version, {
      "ends/a": "RUN echo a > /a && \\",
      "ends/b": "\uFEFFRUN echo b > /b \\\r\n  && echo c > /c\r\n",
      "ends/c": "",
      "ends/d": "# only comments \\\n# escape=`\nRUN echo d > /d \\\n\n# more\n",
      "ends/e": "ENV E=e",
      "ends/f": "RUN test -f /a && test -f /b && test -f /c && test -f /d && test $E = e\n".replace(
        "escape=`",
        "",
      ),
    });
    assert.ok(environment.includes("E=e"));
    assert.ok(environment.includes("SCISERVER_IMAGE=x:1.0-42-f90dbd6"));
  });

  builds(`with ${builder}, a hoisted escape directive is obeyed`, async () => {
    await build(version, {
      "escape/a": "# escape=`\nRUN echo a > /a `\n  && echo 'c:\\d' > /b\n",
      "escape/b": "RUN test -f /a && test -f /b\n",
    });
  });

  builds(`with ${builder}, a doubled backslash at the end of a fragment leaves the next alone`, async () => {
    const environment = await build(version, { "double/a": "RUN echo a\\\\\n", "double/b": "ENV E=e\n" });
    assert.ok(environment.includes("E=e"));
  });

  builds(`with ${builder}, the context arrives as the layers have it`, async () => {
    write("context/a/x", "a");
    write("context/a/kept.txt", "a");
    write("context/a/dropped.log", "a");
    write("context/a/.dockerignore", "*.log\n*.txt\n!kept.txt\n");
    write("context/b/x", "b");
    write("context/b/mine.log", "b");
    write("context/b/start", "#!/bin/sh\necho started > /started\n");
    chmodSync(join(root, "context/b/start"), 0o755);
    write("context/b/ünï çödé/line\nbreak", "odd");
    write(`context/b/${"l".repeat(120)}/${"m".repeat(200)}`, "long");
    mkdirSync(join(root, "context/b/empty"), { recursive: true });
    const links = { link: "x", zone: "/usr/share/zoneinfo/UTC", up: "../../../elsewhere", dangling: "gone" };
    for (const [name, target] of Object.entries(links)) {
      rmSync(join(root, "context/b", name), { force: true });
      symlinkSync(target, join(root, "context/b", name));
    }
    await build(version, {
      "context/a": "COPY . /all\nRUN test -f /all/kept.txt && test ! -e /all/dropped.log\n",
      "context/b": `WORKDIR /all
RUN test "$(cat x)" = b && test -f mine.log && ./start && test -f /started && test ! -x x
RUN test -L link && test "$(cat link)" = b && test -d empty
RUN test "$(readlink zone) $(readlink up) $(readlink dangling)" = "/usr/share/zoneinfo/UTC ../../../elsewhere gone"
RUN test "$(cat 'ünï çödé'/line*)" = odd && test "$(cat lll*/mmm*)" = long
RUN test "$(stat -c '%u:%g %a %Y' x)" = "0:0 644 315619200"
`,
    });
  });
}

for (const builder of ["classic", "buildkit"] as const) {
  builds(`${builder}: a file that is edited unseen after its digest comes into no image`, async () => {
    const { engine: connected } = await connect(dockerHost, { builder });
    const file = "unseen/data";
    const size = 4 * 1024 * 1024;
    for (const dockerfile of [`FROM ${base}\nCOPY . /\n`, `FROM ${base}\nENV A=${unique()}\n`]) {
      write(file, "a".repeat(size));
      const { mtime } = statSync(join(root, file));
      const context = await openContexts(root)(["unseen"]);
      await digestFiles(context, dockerfile);
      write(file, "b".repeat(size));
      utimesSync(join(root, file), mtime, mtime);
      const tag = `image-builder.test/${unique()}:1`;
      const request = buildOf(dockerfile, { tags: [tag], context: context.stream(dockerfile) });
      const problem = await problemOf(connected.build(request));
      assert.equal([problem.file, problem.message], [file, "changed while the layer was read"]);
      assert.is(await connected.inspect(tag), undefined);
    }
  });
}

// Docker 23 brought the first BuildKit that knows them without a frontend from the network.
if (major >= 23) {
  builds("with BuildKit, heredocs are carried out and end where they say", async () => {
    const environment = await build("2", {
      "here/a": "RUN <<EOF\necho a > /a\n# \\\nEOF\nCOPY <<-'X' /x\n\tFROM $y \\\n\tX\n",
      "here/b": "ENV E=e\nRUN test -f /a && test \"$(cat /x)\" = 'FROM $y \\'\n",
    });
    assert.ok(environment.includes("E=e"));
  });
}

builds.after(() => rmSync(root, { recursive: true }));
builds.run();
