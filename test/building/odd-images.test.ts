/** What a registry can hold besides the tool's own whole builds: nothing of it hides the rest, or passes for a build. */
import { execFileSync } from "node:child_process";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Status } from "../../src/status.ts";
import { commit, compatFiles, git, makeRepository, scienceFiles } from "../support/checkout.ts";
import { testPlatform } from "../support/platform.ts";
import { digestAt, onBusybox, openWorkplace } from "../support/released.ts";
import type { Workplace } from "../support/released.ts";
import { putImage, putIndex } from "../support/stored-images.ts";

const test = suite("an odd image");

const { base, dockerHost } = await testPlatform();
const layers = {
  ...onBusybox("one", base, "true"),
  ...scienceFiles("two", {}, "FROM sci/one:1.0\nRUN true\n"),
  ...compatFiles("base", [], "RUN true\n"),
};

async function published() {
  const place = await openWorkplace();
  const root = makeRepository(layers);
  const { code, stderr } = await place.run(root, ["--push"]);
  assert.is(code, 0, stderr);
  const [, name = ""] = place.repo.split("/");
  return { place, root, name, stamp: `1-${git(root, "rev-parse", "--short=7", "HEAD")}` };
}

async function stateOf(place: Workplace, root: string, id: string): Promise<string | undefined> {
  const { code, stdout, stderr } = await place.run(root, ["status", "--format", "json"]);
  assert.is(code, 0, stderr);
  return (JSON.parse(stdout) as Status).images.find((image) => image.id === id)?.state;
}

test("that is no whole image is said so, where all others are told of; it can be rolled back and moved on from", async () => {
  const { place, root, name, stamp } = await published();
  const good = await digestAt(`${place.repo}/rel/two:1.0`);
  const odd = ["arm64", "s390x"];
  // Under the rolling tag, an immutable one, and that of a version which no layer makes.
  for (const tag of ["1.0", "1.0-9-abcdef1", "9.0"])
    await putIndex(place.registry, `${name}/rel/two`, tag, odd);

  const status = await place.run(root, ["status"]);
  assert.is(status.code, 0, status.stderr);
  assert.match(
    status.stdout,
    /^rel\/two:1\.0 +sha256:\S+ +- +cannot read .* it is not there for linux\/amd64/m,
  );
  assert.match(status.stdout, /^rel\/two:9\.0 +sha256:/m);
  assert.match(status.stdout, /^rel\/one:1\.0 .*up to date$/m);
  assert.match(status.stdout, "3 up to date, 1 unreadable, 1 orphaned in ");
  assert.is((await place.run(root, ["status", "--check"])).code, 1);
  const history = await place.run(root, ["history", "two:1.0"]);
  assert.match(history.stdout, /^9-abcdef1 .* cannot be read$/m);
  assert.match(history.stdout, new RegExp(`^${stamp} `, "m"));

  const stays = await place.run(root, ["plan", "--push", "--include", "compat"]);
  assert.match(
    stays.stdout,
    /rel\/two:1\.0 +stays: the image there, sha256:\w{12}…, cannot be read; --force-rolling replaces it/,
  );
  assert.is((await place.run(root, ["rollback", "two:1.0", "--to", "9-abcdef1"])).code, 2);
  const back = await place.run(root, ["rollback", "two:1.0", "--to", stamp]);
  assert.is(back.code, 0, back.stderr);
  assert.is(await digestAt(`${place.repo}/rel/two:1.0`), good);

  await putIndex(place.registry, `${name}/rel/two`, "1.0", odd);
  const forced = await place.run(root, ["--push", "--force-rolling", "--include", "compat"]);
  assert.is(forced.code, 0, forced.stderr);
  assert.is(await digestAt(`${place.repo}/rel/two:1.0`), good);
});

test("that was made by hand from a release does not pass for it, and a run mends the tag", async () => {
  const { place, root } = await published();
  const reference = `${place.repo}/rel/two:1.0`;
  const good = await digestAt(reference);
  const docker = (args: readonly string[], input = "") =>
    execFileSync("docker", args, { env: { ...process.env, DOCKER_HOST: dockerHost }, input, stdio: "pipe" });
  docker(["build", "--tag", reference, "-"], `FROM ${reference}\nRUN echo patched > /patched\n`);
  docker(["push", reference]);
  assert.is.not(await digestAt(reference), good);
  assert.is(await stateOf(place, root, "compat/two:1.0"), "replaced");
  const stale = await place.run(root, ["plan", "--stale"]);
  assert.match(stale.stdout, "compat/two:1.0");
  assert.match(stale.stdout, "published image is not the build that its labels name");
  assert.is((await place.run(root, ["--stale", "--push"])).code, 0);
  assert.is(await digestAt(reference), good);
  assert.is(await stateOf(place, root, "compat/two:1.0"), "current");
});

test("of the original tool is judged by its trail, and not by the revision that its foreign base left", async () => {
  const { place, root, name, stamp } = await published();
  const labels = {
    "org.sciserver.science.two.version": `1.0-${stamp}`,
    "org.opencontainers.image.revision": "f".repeat(40),
  };
  await putImage(place.registry, `${name}/sci/two`, "1.0", { labels });
  commit(root, { "science/two/Dockerfile": "FROM sci/one:1.0\nRUN true 2\n" });
  const { stdout } = await place.run(root, ["plan", "--push"]);
  assert.match(stdout, new RegExp(`^sci/two:1\\.0 +moves from ${stamp} to 2-`, "m"));
  const inspected = await place.run(root, ["inspect", "sci/two", "--format", "json"]);
  const { revision, layers: made } = JSON.parse(inspected.stdout) as {
    revision: unknown;
    layers: { commit: string }[];
  };
  assert.equal([revision, made[0]?.commit], [null, stamp.slice(2)]);
});

test("whose label has the name of a branch instead of a commit, or escapes of a terminal, is neither up to date nor printed raw", async () => {
  const { place, root, name } = await published();
  git(root, "branch", "abcdef1");
  await putImage(place.registry, `${name}/rel/one`, "1.0", {
    labels: { "org.opencontainers.image.revision": "abcdef1" },
  });
  await putImage(place.registry, `${name}/rel/two`, "1.0", {
    labels: {
      "org.opencontainers.image.revision": "\u001B[31mX",
      "org.sciserver.compat.version": "two:1.0-1-aaaaaaa",
    },
  });
  const { stdout } = await place.run(root, ["status"]);
  assert.match(stdout, /^rel\/one:1\.0 .*its labels do not say what it was built from$/m);
  assert.match(
    stdout,
    /^rel\/two:1\.0 .*cannot be compared: commit aaaaaaa is not in this clone \(git fetch\)$/m,
  );
  const moves = await place.run(root, ["plan", "--push", "--include", "compat"]);
  assert.match(moves.stdout, /rel\/one:1\.0 +stays: the image there, sha256:/);
  for (const text of [stdout, moves.stdout]) assert.not.match(text, "\u001B");
});

test("that is newer than the checkout, or of another branch, is not called behind", async () => {
  const { place, root } = await published();
  commit(root, { "compat/base/Dockerfile": "RUN true 2\n" });
  assert.is((await place.run(root, ["--push"])).code, 0);
  const newer = git(root, "rev-parse", "--short=7", "HEAD");
  git(root, "checkout", "--quiet", "HEAD^");
  assert.is(await stateOf(place, root, "compat/one:1.0"), "diverged");
  const { stdout } = await place.run(root, ["status"]);
  assert.match(stdout, `built from ${newer}, newer or on another branch`);
});

test("of the same inputs to which somebody rolled back counts as rolled back", async () => {
  const { place, root } = await published();
  commit(root);
  assert.is((await place.run(root, ["--push", "--all"])).code, 0);
  assert.is((await place.run(root, ["rollback", "one:1.0"])).code, 0);
  assert.is(await stateOf(place, root, "compat/one:1.0"), "rolled-back");
  assert.is((await place.run(root, ["status", "--check"])).code, 1);
});

test("on a science layer that was rolled back is told of, and not built again and again for it", async () => {
  const { place, root } = await published();
  commit(root, { "science/one/Dockerfile": `FROM ${base}\nRUN true 2\n` });
  assert.is((await place.run(root, ["--push"])).code, 0);
  assert.is((await place.run(root, ["rollback", "sci/one:1.0"])).code, 0);
  commit(root, { "compat/base/Dockerfile": "RUN true 2\n" });
  assert.is((await place.run(root, ["--push"])).code, 0);
  assert.match(
    (await place.run(root, ["status"])).stdout,
    /^rel\/one:1\.0 .*stands on sci\/one:1\.0, which was rolled back; behind: science\/one by 1 commit$/m,
  );
  const stale = await place.run(root, ["plan", "--stale"]);
  assert.not.match(stale.stdout, "compat/one:1.0");
  assert.match(stale.stderr, /sci\/one:1\.0 was rolled back and is left as it is\./);
});

test("that a tag was moved to by force is moved on by the next run, though somebody once took the tag back to it", async () => {
  const { place, root } = await published();
  const first = git(root, "rev-parse", "HEAD");
  const digest = await digestAt(`${place.repo}/rel/one:1.0`);
  const change = (n: number) => commit(root, { "compat/base/Dockerfile": `RUN true ${n}\n` });
  change(2);
  assert.is((await place.run(root, ["--push"])).code, 0);
  assert.is((await place.run(root, ["rollback", "one:1.0"])).code, 0);
  change(3);
  assert.is((await place.run(root, ["--push", "--force-rolling"])).code, 0);
  git(root, "checkout", "--quiet", first);
  assert.is((await place.run(root, ["--push", "--force-rolling", "--include", "compat"])).code, 0);
  assert.is(await digestAt(`${place.repo}/rel/one:1.0`), digest);
  git(root, "checkout", "--quiet", "main");
  change(4);
  const { code, stderr } = await place.run(root, ["--push"]);
  assert.is(code, 0, stderr);
});

test("that the definitions have forgotten, one build, or one digest is inspected by the name that the tool prints", async () => {
  const { place, root, stamp } = await published();
  commit(root, {
    "science/two/sciserver-image.json": null,
    "science/two/Dockerfile": null,
  });
  const digest = (await digestAt(`${place.repo}/rel/two:1.0`)) ?? "";
  for (const image of ["two:1.0", "rel/two:1.0", `two:1.0-${stamp}`, `rel/two@${digest}`]) {
    const { code, stdout, stderr } = await place.run(root, ["inspect", image, "--format", "json"]);
    assert.is(code, 0, stderr);
    assert.is((JSON.parse(stdout) as { digest: string }).digest, digest);
  }
  assert.match((await place.run(root, ["history", "rel/two:1.0"])).stdout, stamp);
  const typed = await place.run(root, ["history", "ome:1.0"]);
  assert.is(typed.code, 2);
  assert.match(typed.stderr, "did you mean one:1.0?");
  assert.is((await place.run(root, ["rollback", "two:1.0", "--to", `1.0-${stamp}`])).code, 0);
});

test.run();
