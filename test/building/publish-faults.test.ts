/** A publish whose registry fails it, at every request and in every way: what users pull is never half a publish. */
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  commit,
  compatFiles,
  git,
  makeRepository,
  scienceFiles,
  temporaryDirectory,
} from "../support/checkout.ts";
import type { Files, RunningTool, ToolResult } from "../support/checkout.ts";
import { unique } from "../support/engine-room.ts";
import { putsManifest, startFaultProxy } from "../support/fault-proxy.ts";
import type { Decide, Fault, FaultProxy, ProxiedRequest } from "../support/fault-proxy.ts";
import { startEngine, startRegistry } from "../support/platform.ts";
import type { RegistryProcess } from "../support/platform.ts";
import { digestAt, openWorkplace } from "../support/released.ts";
import type { Workplace } from "../support/released.ts";
import { startTokenService } from "../support/token-service.ts";

const test = suite("a publish");

const names = ["sci/lower", "sci/upper", "rel/lower", "rel/upper"] as const;

/** Two science layers of one small file, one on the other, and their releases. */
const root = makeRepository(definitions());
const older = cloneOf(root);
commit(root, definitions());
const stamp = stampOf(root);

/** Other ones each time. */
function definitions(): Files {
  return {
    ...scienceFiles("lower", {}, "FROM scratch\nCOPY file /lower\n"),
    "science/lower/file": unique(),
    ...scienceFiles("upper", {}, "FROM sci/lower:1.0\nCOPY file /upper\n"),
    "science/upper/file": unique(),
    ...compatFiles("base", [], `ENV BASE=${unique()}\n`),
  };
}

function cloneOf(source: string): string {
  const clone = path.join(temporaryDirectory(), "clone");
  git(source, "clone", "--quiet", source, clone);
  return clone;
}

function stampOf(checkout: string): string {
  return `${git(checkout, "rev-list", "--count", "HEAD")}-${git(checkout, "rev-parse", "--short=7", "HEAD")}`;
}

/** With it the engine has the same images each time, and builds them once. */
const once = { SOURCE_DATE_EPOCH: "1639077082" };

/** A registry of one test's own, behind a proxy, in which the older commit is published. */
interface Site {
  readonly registry: RegistryProcess;
  readonly proxy: FaultProxy;
  readonly place: Workplace;
  /** The digests that the rolling tags have from the older commit. */
  readonly before: readonly (string | undefined)[];
  /** Publishes the newer commit, with a login where one is given. */
  readonly publish: (environment?: NodeJS.ProcessEnv) => Promise<ToolResult>;
  /** Brings back the registry as it was, with the older commit alone. */
  readonly restore: () => void;
}

/** A further proxy before a site's registry, and what publishes by way of it. */
async function withProxy(
  { address }: RegistryProcess,
  action: (proxy: FaultProxy, place: Workplace) => Promise<void>,
): Promise<void> {
  const proxy = await startFaultProxy(address);
  try {
    await action(proxy, await openWorkplace(`${proxy.address}/images`));
  } finally {
    await proxy.stop();
  }
}

async function withSite(action: (site: Site) => Promise<void>): Promise<void> {
  const directory = temporaryDirectory();
  const registry = await startRegistry(directory);
  const proxy = await startFaultProxy(registry.address);
  try {
    const place = await openWorkplace(`${proxy.address}/images`);
    succeeded(await place.run(older, ["--all", "--push"], once));
    const [store, copy] = [path.join(directory, "store"), path.join(directory, "copy")];
    fs.cpSync(store, copy, { recursive: true });
    await action({
      registry,
      proxy,
      place,
      before: await wholeDigests(registry, "1.0"),
      publish: (environment) => place.run(root, ["--all", "--push"], environment),
      restore() {
        fs.rmSync(store, { recursive: true });
        fs.cpSync(copy, store, { recursive: true });
      },
    });
  } finally {
    await proxy.stop();
    await registry.stop();
  }
}

function succeeded({ code, stderr }: ToolResult): void {
  assert.is(code, 0, stderr);
}

/** What the tag of each image names; undefined where there is none. Fails where a part of it is not there. */
function wholeDigests(registry: RegistryProcess, tag: string): Promise<readonly (string | undefined)[]> {
  const type = "application/vnd.docker.distribution.manifest.v2+json";
  return Promise.all(
    names.map(async (name) => {
      const url = `http://${registry.address}/v2/images/${name}`;
      const ask = () => fetch(`${url}/manifests/${tag}`, { headers: { accept: type } });
      let answer = await ask();
      // A request that was cut off may still be at work, and a tag that is being written reads as a 500.
      for (let n = 0; answer.status === 500 && n < 50; n += 1) {
        await sleep(20);
        answer = await ask();
      }
      if (answer.status === 404) return undefined;
      assert.is(answer.status, 200);
      const manifest = (await answer.json()) as Record<"config" | "layers", unknown>;
      for (const { digest } of [manifest.config, manifest.layers].flat() as { digest: string }[])
        assert.is(
          (await fetch(`${url}/blobs/${digest}`, { method: "HEAD" })).status,
          200,
          `${name} ${digest}`,
        );
      return answer.headers.get("docker-content-digest") ?? undefined;
    }),
  );
}

/** No rolling tag names anything but what it named before or the newer commit, and that only when all of it is there. */
async function assertSafe({ registry, before }: Site, when: string): Promise<void> {
  const now = await wholeDigests(registry, "1.0");
  if (now.every((digest, n) => digest === before[n])) return;
  const published = await wholeDigests(registry, `1.0-${stamp}`);
  assert.not.ok(published.includes(undefined), `${when}: a tag moved before all was published`);
  for (const [n, digest] of now.entries())
    assert.ok(digest === before[n] || digest === published[n], `${when}: ${names[n] ?? ""}`);
}

/** All of the newer commit is there, and every rolling tag names it. */
async function assertPublished({ registry, before }: Site, when: string): Promise<void> {
  const now = await wholeDigests(registry, "1.0");
  const immutable = names.map((name) => `${registry.address}/images/${name}:1.0-${stamp}`);
  assert.equal(now, await Promise.all(immutable.map(digestAt)), when);
  assert.not.ok(
    now.some((digest) => digest === undefined || before.includes(digest)),
    when,
  );
}

const movesTag = (request: ProxiedRequest) => putsManifest(request) && request.path.endsWith("/1.0");
const looksAtTag = ({ method, path: at }: ProxiedRequest) =>
  method === "GET" && at.endsWith("/manifests/1.0");
const looksAtRollback = ({ method, path: at }: ProxiedRequest) =>
  method === "GET" && at.includes("-rollback");
/** A run looks at its rolling tags before it builds, too: this is when it has pushed, of one run. */
const oncePushed = (fits: (request: ProxiedRequest) => boolean) => {
  let pushed = false;
  return (request: ProxiedRequest) => (pushed ||= putsManifest(request)) && fits(request);
};
/** Before it builds, a run looks for what is published; and again before it pushes. */
const looked = new Set<string>();
const looksAgain = ({ method, path: at }: ProxiedRequest) =>
  method === "GET" && at.endsWith(`/manifests/1.0-${stamp}`) && looked.size === looked.add(at).size;
const pushesManifest = (request: ProxiedRequest) => putsManifest(request) && !movesTag(request);
const uploads = ({ method }: ProxiedRequest) => method === "PATCH";

/** How many requests a publish of the newer commit takes, which is a few more or less each time. */
let requests = 0;
await withSite(async ({ proxy, publish, restore }) => {
  for (let n = 0; n < 2; n += 1) {
    restore();
    proxy.heal();
    succeeded(await publish());
    requests = proxy.requests.length;
  }
});

/** Cuts a publish off at each of its requests, and runs it again; gives how many were cut before they had ended. */
async function cutEverywhere(): Promise<number> {
  let next = 1;
  let cuts = 0;
  const cutInTurn = async (site: Site) => {
    for (let at = next++; at <= requests; at = next++) {
      site.restore();
      const stop = new AbortController();
      const stopped = site.place.runHere(root, ["--all", "--push"], once, stop.signal);
      site.proxy.break((_, n) => {
        if (n < at) return undefined;
        if (n === at) cuts += 1;
        // Whatever it would do from now on, it cannot reach the registry.
        stop.abort();
        return "cut";
      });
      await stopped;
      await assertSafe(site, `cut at request ${at}`);
      // As long as nothing was written, running again is running for the first time.
      if (site.proxy.requests.slice(0, at - 1).every(({ method }) => method === "GET" || method === "HEAD"))
        continue;
      site.proxy.heal();
      succeeded(await site.place.runHere(root, ["--all", "--push"], once));
      await assertPublished(site, `cut at request ${at}, and run again`);
    }
  };
  await Promise.all([withSite(cutInTurn), withSite(cutInTurn), withSite(cutInTurn)]);
  return cuts;
}

// It goes on beside the other tests, which wait more than they work.
const cutting = cutEverywhere();
cutting.catch(() => undefined);

const phases: readonly (readonly [string, (request: ProxiedRequest) => boolean, number, string])[] = [
  ["before its first request", () => true, 4, ""],
  ["at its first manifest", pushesManifest, 1, "0 tags pushed, 0 unchanged, 4 not pushed"],
  [
    "between the immutable and the rolling tags",
    oncePushed(looksAtTag),
    4,
    "4 tags pushed, 0 unchanged, 4 not",
  ],
  ["at its first rolling tag", movesTag, 4, "4 tags pushed, 0 unchanged, 4 not pushed"],
  ["when all is done", () => false, 0, "8 tags pushed, 0 unchanged in"],
];

test("whose registry is killed before, in, between or after its phases says so and exits, and one re-run completes it", async () => {
  await Promise.all(
    phases.map(([phase, fits, exit, published]) =>
      withSite(async (site) => {
        const { registry, proxy, publish } = site;
        let killed: Promise<void> | undefined;
        proxy.break(async (request) => {
          if (killed === undefined && !fits(request)) return undefined;
          await (killed ??= registry.kill());
          return undefined;
        });
        const { code, stdout, stderr } = await publish();
        assert.is(code, exit, `${phase}: ${stderr}`);
        assert.match(stdout, published, phase);
        assert.is(/^ERROR:root:.*127\.0\.0\.1/m.test(stderr), exit !== 0, phase);
        assert.not.match(stderr, /^\s+at /m, phase);
        proxy.heal();
        await registry.kill();
        await registry.restart();
        await assertSafe(site, phase);
        succeeded(await publish());
        await assertPublished(site, phase);
      }),
    ),
  );
});

/** Lets requests through until one fits, and holds those that fit from then on. */
function gate(fits: (request: ProxiedRequest) => boolean) {
  let [hold, open] = [() => {}, () => {}];
  const held = new Promise<void>((done) => (hold = done));
  const opened = new Promise<void>((done) => (open = done));
  const decide: Decide = async (request) => {
    if (!fits(request)) return undefined;
    hold();
    await opened;
    return undefined;
  };
  /** Settles when a run is held; rejects if it ends before. */
  const holds = ({ ended }: RunningTool) =>
    Promise.race([
      held,
      ended.then(({ stderr }) => {
        throw new Error(`the run ended before:\n${stderr}`);
      }),
    ]);
  return { decide, holds, open };
}

for (const [when, fits, fetched] of [
  ["comes to its rolling tags after", oncePushed(looksAtTag), true],
  ["has looked at its rolling tags when they are moved by", oncePushed(looksAtRollback), false],
] as const) {
  test(`of an older commit that ${when} a newer one leaves them there and says so: ${fetched ? "it is newer, exit 0" : "git fetch, exit 1"}`, () =>
    withSite(async ({ registry, proxy, place }) => {
      const newer = cloneOf(root);
      commit(newer, definitions());
      const { decide, holds, open } = gate(fits);
      proxy.break(decide);
      const late = place.start(root, ["--all", "--push"]);
      await holds(late);
      await withProxy(registry, async (_, elsewhere) => {
        succeeded(await elsewhere.run(newer, ["--all", "--push"]));
      });
      const published = await wholeDigests(registry, `1.0-${stampOf(newer)}`);
      assert.equal(await wholeDigests(registry, "1.0"), published);
      if (fetched) git(root, "fetch", "--quiet", newer);
      open();
      const { code, stderr } = await late.ended;
      assert.is(code, fetched ? 0 : 1, stderr);
      const [, hash = ""] = stampOf(newer).split("-");
      const why = fetched
        ? `it is newer (${stampOf(newer)}): nothing to do`
        : `its commit ${hash} is not in this clone: git fetch`;
      for (const name of names) assert.match(stderr, `${name}:1.0 stays where it is: ${why}\n`);
      assert.equal(await wholeDigests(registry, "1.0"), published);
      assert.not.ok((await wholeDigests(registry, `1.0-${stamp}`)).includes(undefined));
    }));
}

test("by two runs of one commit on one engine goes well or says why not, and one re-run completes what did not", () =>
  withSite(async (site) => {
    for (const { code, stderr } of await Promise.all([site.publish(), site.publish()])) {
      if (code === 0) continue;
      assert.is(code, 1, stderr);
      assert.match(stderr, /another run on the same engine may have taken its tags: run again/);
    }
    await assertSafe(site, "both ended");
    succeeded(await site.publish());
    await assertPublished(site, "both ended, and run again");
  }));

for (const [when, fits] of [
  ["one builds while the other publishes", looksAgain],
  ["one overwrites what the other has just pushed, and moves its tags first", pushesManifest],
] as const) {
  test(`by two runs of one commit on two engines, of which ${when}, goes well for both, and all tags name one image`, () =>
    withSite(async (site) => {
      const engine = await startEngine(temporaryDirectory());
      try {
        const [first, second] = [gate(oncePushed(looksAtTag)), gate(fits)];
        await withProxy(site.registry, async (proxy, elsewhere) => {
          proxy.break(second.decide);
          const late = elsewhere.start(root, ["--all", "--push"], { DOCKER_HOST: engine.dockerHost });
          await second.holds(late);
          site.proxy.break(first.decide);
          const early = site.place.start(root, ["--all", "--push"]);
          await first.holds(early);
          second.open();
          succeeded(await late.ended);
          first.open();
          succeeded(await early.ended);
        });
        await assertPublished(site, "both ended");
      } finally {
        await engine.stop();
      }
    }));
}

test("whose process is killed in the middle leaves every rolling tag on a whole image, and one re-run completes it", () =>
  withSite(async (site) => {
    const running = site.place.start(root, ["--all", "--push"]);
    site.proxy.break((request) => {
      if (pushesManifest(request)) running.process.kill("SIGKILL");
      return undefined;
    });
    assert.is((await running.ended).signal, "SIGKILL");
    site.proxy.heal();
    await assertSafe(site, "killed");
    succeeded(await site.publish());
    await assertPublished(site, "killed, and run again");
  }));

const passing: readonly (readonly [string, Fault])[] = [
  ["answers 500", { status: 500 }],
  ["answers 429 and asks to wait a second", { status: 429, headers: { "retry-after": "1" } }],
  ["drops the connection in the middle of an upload", "cut-upload"],
  ["does what it is asked and drops the connection in mid-answer", "cut-answer"],
];

test("whose registry fails each kind of request once goes well: 500, 429, connections that break in upload and answer", async () => {
  await Promise.all(
    passing.map(([name, fault]) =>
      withSite(async (site) => {
        const kinds = new Set([uploads, pushesManifest, looksAtTag, movesTag]);
        const failed: ProxiedRequest[] = [];
        site.proxy.break((request) => {
          const kind = [...kinds].find((fits) => fits(request));
          if (kind === undefined || !kinds.delete(kind)) return undefined;
          failed.push(request);
          return fault;
        });
        const { code, stderr } = await site.publish();
        assert.is(code, 0, `${name}: ${stderr}`);
        assert.is(failed.length, 4, name);
        assert.match(stderr, /trying again in /, name);
        await assertPublished(site, name);
        const looks = site.proxy.requests.filter(({ path: at }) => at === failed[2]?.path);
        if (typeof fault === "object" && "headers" in fault)
          assert.ok((looks[1]?.at ?? 0) - (looks[0]?.at ?? 0) >= 990, "Retry-After");
      }),
    ),
  );
});

test("whose registry is killed in mid-upload and started again goes on by itself", () =>
  withSite(async (site) => {
    const { proxy, registry, publish } = site;
    let killed: Promise<void> | undefined;
    proxy.break(async (request) => {
      if (uploads(request)) await (killed ??= registry.kill().then(() => registry.restart()));
      return undefined;
    });
    succeeded(await publish());
    assert.ok(killed);
    await assertPublished(site, "killed and started again");
  }));

test("with a login that may not write is refused before anything is built", async () => {
  const tokens = await startTokenService(temporaryDirectory());
  const registry = await startRegistry(temporaryDirectory(), { auth: tokens.auth });
  try {
    // There everybody may read.
    const place = await openWorkplace(`${registry.address}/open/${unique()}`);
    const { code, stdout, stderr } = await place.run(root, ["--all", "--push"]);
    assert.is(code, 1);
    assert.is(stdout, "");
    for (const name of names)
      assert.match(stderr, `cannot write to ${place.repo}/${name}: the registry says 401 Unauthorized`);
    assert.match(stderr, `docker login ${registry.address}`);
    assert.not.match(stderr, "building");
  } finally {
    await registry.stop();
    tokens.stop();
  }
});

test("with a login never shows it, at -vvv, in an error or in an image, be it right or wrong, Basic or by tokens", async () => {
  const tokens = await startTokenService(temporaryDirectory());
  const password = "secret-password";
  const login = { username: "reader", password };
  const auth = (right: string) => Buffer.from(`${login.username}:${right}`).toString("base64");
  const source = cloneOf(root);
  git(source, "remote", "set-url", "origin", `https://robot:${password}@example.org/images.git`);
  try {
    for (const options of [{ login }, { auth: tokens.auth }]) {
      const directory = temporaryDirectory();
      const registry = await startRegistry(directory, options);
      try {
        const place = await openWorkplace(`${registry.address}/images`);
        const publish = (given: string) => {
          const configuration = temporaryDirectory();
          const auths = { [registry.address]: { auth: auth(given) } };
          fs.writeFileSync(path.join(configuration, "config.json"), JSON.stringify({ auths }));
          return place.run(source, ["--all", "--push", "-vvv"], { DOCKER_CONFIG: configuration });
        };
        const wrong = await publish("secret-wrong");
        assert.is(wrong.code, 1, wrong.stderr);
        assert.match(wrong.stderr, `docker login ${registry.address}`);
        // The first token is over when it comes. Left to the other round, one more would make it two in a row.
        if ("auth" in options) tokens.next.push({ over: true });
        const right = await publish(password);
        succeeded(right);
        const said = [wrong, right].flatMap(({ stdout, stderr }) => [stdout, stderr]);
        for (const text of [...said, ...stored(path.join(directory, "store"))])
          assert.not.match(
            text,
            new RegExp(`secret-|${auth(password)}|${auth("secret-wrong")}|eyJ[\\w-]+\\.`),
          );
      } finally {
        await registry.stop();
      }
    }
  } finally {
    tokens.stop();
  }
});

/** All that a registry keeps: manifests, configurations with their history, and layers. */
function stored(store: string): readonly string[] {
  const files = fs.readdirSync(store, { recursive: true, withFileTypes: true });
  const blobs = files.flatMap((file) =>
    file.name === "data" ? [fs.readFileSync(path.join(file.parentPath, file.name))] : [],
  );
  assert.ok(blobs.length >= 10, "2 layers, 4 configurations and 4 manifests");
  return blobs.map((blob) => (blob[0] === 0x1f ? gunzipSync(blob) : blob).toString("latin1"));
}

test(`that is cut off at any of its ${requests} requests leaves every rolling tag on a whole image, and one re-run completes it`, async () => {
  const cuts = await cutting;
  // Some took fewer requests than the others.
  assert.ok(cuts >= requests * 0.9, `${cuts} of ${requests}`);
});

test.run();
