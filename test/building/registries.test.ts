/** Publish, re-run, status, promote and rollback, against registries that answer as those of other makers do. */
import fs from "node:fs";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  commit,
  compatFiles,
  makeRepository,
  scienceFiles,
  temporaryDirectory,
} from "../support/checkout.ts";
import type { Files, ToolResult } from "../support/checkout.ts";
import { unique } from "../support/engine-room.ts";
import { startFaultProxy } from "../support/fault-proxy.ts";
import { startRegistry } from "../support/platform.ts";
import { profiles } from "../support/registries.ts";
import type { Profile } from "../support/registries.ts";
import { digestAt, openWorkplace } from "../support/released.ts";
import { startTokenService } from "../support/token-service.ts";

const test = suite("registries");

const directory = temporaryDirectory();
const store = path.join(directory, "store");
const open = await startRegistry(directory);
const tokens = await startTokenService(temporaryDirectory());
const guarded = await startRegistry(temporaryDirectory(), { auth: tokens.auth, store });

/** A science layer of one small file. */
function layer(name: string): Files {
  return {
    ...scienceFiles(name, {}, `FROM scratch\nCOPY file /${name}\n`),
    [`science/${name}/file`]: unique(),
  };
}

function done({ code, stdout, stderr }: ToolResult): string {
  assert.is(code, 0, stdout + stderr);
  return stdout;
}

/** A docker configuration with a login. */
function loggedIn(registry: string, { account }: Profile): NodeJS.ProcessEnv {
  if (account === undefined) return {};
  const configuration = temporaryDirectory();
  const auth = Buffer.from(`${account.username}:${account.password}`).toString("base64");
  fs.writeFileSync(
    path.join(configuration, "config.json"),
    JSON.stringify({ auths: { [registry]: { auth } } }),
  );
  return { DOCKER_CONFIG: configuration };
}

async function live(name: string, profile: Profile): Promise<void> {
  const proxy = await startFaultProxy((profile.tokens === true ? guarded : open).address);
  try {
    proxy.break(profile.rules(open));
    const place = await openWorkplace(`${proxy.address}/${name}`);
    const environment = loggedIn(proxy.address, profile);
    const run = (...args: string[]) => place.run(root, args, environment);
    const digests = (tag: string) =>
      Promise.all(["sci/one", "rel/one"].map((at) => digestAt(`${open.address}/${name}/${at}:${tag}`)));
    const root = makeRepository({ ...layer("one"), ...compatFiles("base", [], `ENV BASE=${unique()}\n`) });
    if (profile.created !== undefined) {
      const { code, stderr } = await run("--all", "--push");
      assert.is(code, 1, stderr);
      for (const repository of ["sci/one", "rel/one", "sci/two", "rel/two"]) {
        if (repository.endsWith("one"))
          assert.match(stderr, `create ${name}/${repository} in ${proxy.address}`);
        profile.created.add(`${name}/${repository}`);
      }
      assert.not.match(stderr, "building");
    }
    done(await run("--all", "--push"));
    const published = await digests("1.0");
    assert.not.ok(published.includes(undefined));
    const before = proxy.requests.length;
    done(await run("--all", "--push"));
    done(await run("status", "--check"));
    assert.not.ok(
      proxy.requests.slice(before).some(({ method }) => method === "PUT"),
      "a re-run writes nothing",
    );
    // A layer that is not there yet, of which some registries say nothing to a reader.
    commit(root, { ...layer("one"), ...layer("two") });
    assert.match(done(await run("status")), "two");
    done(await run("--push"));
    const newer = await digests("1.0");
    assert.not.ok(newer.some((digest) => digest === undefined || published.includes(digest)));
    done(await run("promote", "--to", "stable"));
    assert.is((await digests("1.0-stable"))[1], newer[1]);
    done(await run("rollback", "one:1.0"));
    assert.is((await digests("1.0"))[1], published[1]);
  } finally {
    await proxy.stop();
  }
}

// They wait more than they work.
const lives = Object.entries(profiles).map(([name, profile]) => [name, live(name, profile)] as const);

for (const [name, living] of lives) {
  living.catch(() => undefined);
  test(`like ${name} are published to, read, promoted in and rolled back in`, () => living);
}

test.after(async () => {
  tokens.stop();
  await Promise.all([open.stop(), guarded.stop()]);
});

test.run();
