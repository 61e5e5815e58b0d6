import { execFile } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { gitEnvironment, temporaryDirectory, tool } from "../support/checkout.ts";
import { dockerClient, testPlatform } from "../support/platform.ts";

const test = suite("a checkout that begins");

const { base, dockerHost } = await testPlatform();

test("what init writes is built by the commands that it prints, and named in the repository that it was given", async () => {
  const directory = temporaryDirectory();
  fs.symlinkSync(tool, path.join(directory, "image-builder"));
  const env = { ...gitEnvironment, DOCKER_HOST: dockerHost, PATH: `${directory}:${process.env["PATH"]}` };
  const sh = (script: string) => promisify(execFile)("sh", ["-ec", script], { cwd: directory, env });
  const { stdout: begun } = await sh("image-builder init images --repo image-builder.test/begun");
  // Smaller than Debian, and there.
  const dockerfile = path.join(directory, "images/science/tools/Dockerfile");
  fs.writeFileSync(dockerfile, fs.readFileSync(dockerfile, "utf8").replace("debian:bookworm-slim", base));
  const [, commands = ""] = /^Next: .*\n([^]*)$/m.exec(begun) ?? [];
  const { stdout: built } = await sh(commands);
  assert.match(built, /^Built 2 of 2 images? /m);
  const { Config } = await dockerClient(dockerHost)
    .getImage("image-builder.test/begun/rel/tools:1.0")
    .inspect();
  assert.match(Config.Labels["org.sciserver.compat.version"] ?? "", /^tools:1\.0-1-[0-9a-f]{7}$/);
});

test.run();
