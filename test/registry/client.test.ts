import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Refusal } from "../../src/problem.ts";
import type { RegistryOptions } from "../../src/registry/access.ts";
import { connectRegistry } from "../../src/registry/client.ts";
import { openCredentials } from "../../src/registry/credentials.ts";
import { howToCreate } from "../../src/registry/hosts.ts";
import type { Credentials } from "../../src/model.ts";
import { type Registry, Unreadable } from "../../src/registry/registry.ts";
import type { Retry } from "../../src/registry/transport.ts";
import { type ProxiedRequest, startFaultProxy } from "../support/fault-proxy.ts";
import { listenOnLoopback } from "../support/loopback.ts";
import { startRegistry } from "../support/platform.ts";
import { putImage, putIndex } from "../support/stored-images.ts";
import { makeCertificate, startTokenService } from "../support/token-service.ts";

const home = await mkdtemp(join(tmpdir(), "registry-client-"));
const environment = { HOME: home };
const nobody = async (): Promise<undefined> => undefined;
const reader = { username: "reader", password: "secret-password" };

const open = await startRegistry(join(home, "open"));
const proxy = await startFaultProxy(open.address);
const locked = await startRegistry(join(home, "locked"), { login: reader });
const tokens = await startTokenService(join(home, "tokens"));
const guarded = await startRegistry(join(home, "guarded"), {
  auth: tokens.auth,
  // What is put into the open one without a login is there as well.
  store: join(home, "open/store"),
});
const guardedProxy = await startFaultProxy(guarded.address);

function client(options: Partial<RegistryOptions> = {}): Registry {
  return connectRegistry({ credentials: nobody, environment, ...options });
}

function as(credentials: Credentials): Registry {
  return client({ credentials: async () => credentials });
}

/** What a call is refused with. It holds no secret, and is one line that a terminal can show. */
async function refusal(call: Promise<unknown>): Promise<{ kind: string; text: string }> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Refusal)) throw error ?? new Error("the call was not refused");
  const [problem] = error.problems;
  const text = error.message;
  assert.not.match(text, /secret|eyJ|Bearer [^r]|Basic [^*]|cmVhZGVy/);
  assert.not.match(text, /\p{Cc}/u);
  assert.ok(text.length < 700, text);
  return { kind: problem?.kind ?? "", text };
}

const registry = suite("a registry");

registry.before.each(() => {
  proxy.heal();
  guardedProxy.heal();
  tokens.asked.length = tokens.next.length = 0;
});

registry.after(async () => {
  tokens.stop();
  await Promise.all([proxy, guardedProxy, open, locked, guarded].map((server) => server.stop()));
  await rm(home, { recursive: true });
});

// ------------------------------------------------------------------------------------------------ reading

for (const kind of ["docker", "oci"] as const) {
  registry(`tells what a tag names, for an image in the way of ${kind}`, async () => {
    const image = await putImage(open.address, `read/${kind}`, "1.0", { kind });
    const reference = `${open.address}/read/${kind}:1.0`;
    const { mediaType, digest, size } = image;
    assert.equal(await client().resolve(reference), { mediaType, digest, size });
    assert.equal(await client().resolve(`${open.address}/read/${kind}@${digest}`), {
      mediaType,
      digest,
      size,
    });
    const manifest = await client().manifest(reference);
    assert.is(Buffer.from(manifest?.bytes ?? []).toString(), image.text);
    assert.is(manifest?.content.kind, "image");
    const config = await client().config(reference);
    assert.equal(config?.labels, { "org.sciserver.science.a.version": "1.0-42-f90dbd6" });
    assert.equal(config?.environment, ["PATH=/bin", "NAME=a=b"]);
    assert.equal(config?.platform, { os: "linux", architecture: "amd64" });
    assert.is(config?.created, "2026-01-02T03:04:05Z");
    assert.is(config?.digest, digest);
    const { content } = manifest ?? {};
    assert.ok(content?.kind === "image");
    assert.is(config?.size, content.config.size + content.layers.reduce((sum, layer) => sum + layer.size, 0));
  });
}

registry(
  "chooses the image for linux/amd64, or a platform that is named, and never an attestation",
  async () => {
    const index = await putIndex(open.address, "read/index", "1.0");
    const reference = `${open.address}/read/index:1.0`;
    const { content, digest } = (await client().manifest(reference)) ?? {};
    assert.is(digest, index.digest);
    assert.ok(content?.kind === "index");
    assert.equal(
      content.entries.map((entry) => entry.attestation),
      [true, true, false, false],
    );
    assert.is((await client().config(reference))?.platform.architecture, "amd64");
    const arm = { os: "linux", architecture: "arm64" };
    assert.equal((await client().config(reference, arm))?.platform, arm);
    assert.is((await client().config(reference))?.digest, index.digest);
    const none = await refusal(client().config(reference, { os: "linux", architecture: "s390x" }));
    assert.is(none.kind, "failure");
    assert.match(none.text, /not there for linux\/s390x — it is there for linux\/arm64, linux\/amd64/);
  },
);

registry("gives the only image of an index, whatever it is for", async () => {
  await putIndex(open.address, "read/arm", "1.0", ["arm64"]);
  assert.is((await client().config(`${open.address}/read/arm:1.0`))?.platform.architecture, "arm64");
});

registry("is asked for a configuration in two requests, and once for how it is reached", async () => {
  await putImage(open.address, "read/docker", "1.0");
  await client().config(`${proxy.address}/read/docker:1.0`);
  assert.equal(
    proxy.requests.map(({ method, path }) => `${method} ${path.replace(/sha256.*/, "…")}`),
    ["GET /v2/", "GET /v2/read/docker/manifests/1.0", "GET /v2/read/docker/blobs/…"],
  );
});

registry("says that something is not there only where it says 404", async () => {
  const there = client();
  const reference = `${proxy.address}/read/docker:nothing`;
  assert.is(await there.resolve(reference), undefined);
  assert.is(await there.manifest(reference), undefined);
  assert.is(await there.config(reference), undefined);
  assert.is(await there.resolve(`${proxy.address}/no/such/repository:1.0`), undefined);
  assert.equal(await there.tags(`${proxy.address}/no/such/repository`), []);
  for (const status of [400, 401, 403, 405, 451]) {
    proxy.break(() => ({ status }));
    const calls = [there.resolve(reference), there.manifest(reference), there.tags(`${proxy.address}/a`)];
    for (const { text } of await Promise.all(calls.map(refusal))) assert.match(text, String(status));
  }
});

registry("is read whole where it tells no digest of what a tag names", async () => {
  const { digest } = await putImage(open.address, "read/docker", "1.0");
  proxy.break(() => ({ without: "docker-content-digest" }));
  assert.is((await client().resolve(`${proxy.address}/read/docker:1.0`))?.digest, digest);
  assert.equal(
    proxy.requests.map(({ method }) => method),
    ["GET", "HEAD", "GET"],
  );
});

registry("is not believed where bytes and digest differ", async () => {
  const image = await putImage(open.address, "read/docker", "1.0");
  const other = `sha256:${"0".repeat(64)}`;
  proxy.break(() => ({ with: { "docker-content-digest": other } }));
  const byTag = await refusal(client().manifest(`${proxy.address}/read/docker:1.0`));
  assert.is(byTag.kind, "surroundings");
  assert.match(byTag.text, /have the digest sha256:/);
  assert.match((await refusal(client().resolve(`${proxy.address}/read/docker@${image.digest}`))).text, other);
  const body = "{}";
  proxy.break(({ path }) => (path.includes("/blobs/") ? { status: 200, body } : undefined));
  assert.match(
    (await refusal(client().config(`${proxy.address}/read/docker:1.0`))).text,
    /bytes are not those/,
  );
  proxy.break(({ path }) => (path.includes("/manifests/") ? { status: 200, body } : undefined));
  assert.match(
    (await refusal(client().manifest(`${proxy.address}/read/docker@${image.digest}`))).text,
    /have the digest/,
  );
});

registry("is refused where it sends anything but manifests", async () => {
  await putImage(open.address, "read/docker", "1.0");
  const type = "application/vnd.oci.image.index.v1+json";
  const oci = "application/vnd.oci.image.manifest.v1+json";
  const bad = { mediaType: oci, digest: "sha256:short", size: 1 };
  const bodies = [
    "<html>",
    "[]",
    "{}",
    "{",
    JSON.stringify({ mediaType: type, manifests: [], layers: [] }),
    JSON.stringify({ mediaType: type, manifests: [bad] }),
    JSON.stringify({ mediaType: oci, manifests: [] }),
    JSON.stringify({ mediaType: "application/vnd.docker.distribution.manifest.v1+prettyjws" }),
    '{"manifests":"\xff"}',
  ];
  for (const body of bodies) {
    proxy.break(({ path }) =>
      path.includes("/manifests/") ? { status: 200, headers: { "content-type": type }, body } : undefined,
    );
    const { kind, text } = await refusal(client().manifest(`${proxy.address}/read/docker:1.0`));
    assert.is(kind, "surroundings");
    assert.match(text, /no manifest of an image/, body);
  }
  proxy.break(() => ({ status: 404 }));
  assert.match((await refusal(client().resolve(`${proxy.address}/a:1`))).text, /has no registry's API/);
});

registry("is asked nothing where a reference is none", async () => {
  for (const reference of [
    "",
    "UPPER",
    "a:b:c",
    "a@sha256:12",
    "127.0.0.1:99999/a:1",
    `a@md5:${"0".repeat(32)}`,
  ]) {
    const calls = [client().resolve(reference), client().tags(reference), client().copy("a:1", reference)];
    for (const call of calls) assert.is((await refusal(call)).kind, "usage");
  }
  assert.is(
    (await refusal(client().putTag("a/b", "not a tag", { bytes: Buffer.of(), mediaType: "" }))).kind,
    "usage",
  );
});

// ------------------------------------------------------------------------------------------------ tags

registry("reads no image with more labels than one can have, and says how many there are", async () => {
  const labelled = (count: number) => ({
    labels: Object.fromEntries(
      Array.from({ length: count }, (_, n) => [`org.sciserver.science.layer-${n}.version`, "1.0-42-f90dbd6"]),
    ),
  });
  await putImage(open.address, "read/labels", "many", labelled(1000));
  await putImage(open.address, "read/labels", "endless", labelled(5000));
  const many = await client().config(`${open.address}/read/labels:many`);
  assert.is(Object.keys(many?.labels ?? {}).length, 1000);
  assert.match(
    (await refusal(client().config(`${open.address}/read/labels:endless`))).text,
    /it has 5000 labels/,
  );
});

registry("lists all tags, sorted", async () => {
  const image = await putImage(open.address, "many/tags", "0");
  const there = client();
  const repository = `${open.address}/many/tags`;
  const manifest = { bytes: Buffer.from(image.text), mediaType: image.mediaType };
  const names = Array.from({ length: 60 }, (_, n) => String(n));
  await Promise.all(names.map((name) => there.putTag(repository, name, manifest)));
  assert.equal(await there.tags(repository), names.toSorted());
});

registry("lists tags page after page, also where it knows its own address by another name", async () => {
  const links = [
    '</v2/many/tags/tags/list?last=b&n=2>; rel="next"',
    '<http://internal:1/v2/many/tags/tags/list?last=d&n=2>; title="a, b"; rel="next", <x>; rel=prev',
    "<list?last=f&n=2>; rel=next",
    undefined,
  ];
  const pages = [
    ["a", "b"],
    ["c", "d"],
    ["e", "f"],
    ["f", "g"],
  ];
  proxy.break(({ path }, n) => {
    if (path === "/v2/") return undefined;
    const link = links[n - 2];
    return {
      status: 200,
      headers: link === undefined ? {} : { link },
      body: JSON.stringify({ tags: pages[n - 2] }),
    };
  });
  assert.equal(await client().tags(`${proxy.address}/many/tags`), ["a", "b", "c", "d", "e", "f", "g"]);
  assert.equal(
    proxy.requests.map(({ path, headers }) => [path, headers.host]),
    [
      "/v2/",
      ..."?n=1000 ?last=b&n=2 ?last=d&n=2 ?last=f&n=2"
        .split(" ")
        .map((query) => `/v2/many/tags/tags/list${query}`),
    ].map((path) => [path, proxy.address]),
  );
});

registry("is left where its list of tags has no end or no sense", async () => {
  await putImage(open.address, "read/docker", "1.0");
  const links = [
    '</v2/read/docker/tags/list?n=1000>; rel="next"',
    "nonsense",
    '</v2/other/tags/list>; rel="next"',
  ];
  for (const link of links) {
    proxy.break(() => ({ with: { link } }));
    assert.is((await refusal(client().tags(`${proxy.address}/read/docker`))).kind, "surroundings");
  }
  let page = 0;
  proxy.break(() => ({ with: { link: `</v2/read/docker/tags/list?n=1&last=${(page += 1)}>; rel="next"` } }));
  assert.match((await refusal(client().tags(`${proxy.address}/read/docker`))).text, /has no end/);
  for (const body of ['{"tags":[1]}', "{}", "[]", "", '{"tags":"a"}']) {
    proxy.break(({ path }) => (path.includes("/tags/") ? { status: 200, body } : undefined));
    assert.match((await refusal(client().tags(`${proxy.address}/read/docker`))).text, /no list of tags/);
  }
  proxy.break(({ path }) => (path.includes("/tags/") ? { status: 200, body: '{"tags":null}' } : undefined));
  assert.equal(await client().tags(`${proxy.address}/read/docker`), []);
});

// ------------------------------------------------------------------------------------------------ writing

registry("gets a manifest under a further tag, byte for byte", async () => {
  for (const put of [putImage, putIndex]) {
    const { digest, mediaType, size } = await put(open.address, "write/tag", "1.0-1-abcdef0");
    const there = client();
    const manifest = await there.manifest(`${open.address}/write/tag:1.0-1-abcdef0`);
    assert.ok(manifest);
    assert.equal(await there.putTag(`${open.address}/write/tag`, "1.0", manifest), {
      digest,
      mediaType,
      size,
    });
    assert.is((await there.resolve(`${open.address}/write/tag:1.0`))?.digest, digest);
  }
});

registry("refuses a manifest of what it does not hold, and says so", async () => {
  const image = await putImage(open.address, "write/whole", "1.0");
  const manifest = { bytes: Buffer.from(image.text), mediaType: image.mediaType };
  const { kind, text } = await refusal(client().putTag(`${open.address}/write/empty`, "1.0", manifest));
  assert.is(kind, "failure");
  assert.match(text, /write\/empty:1\.0: .*400 Bad Request: MANIFEST_BLOB_UNKNOWN/);
  proxy.break(({ method }) =>
    method === "PUT" ? { with: { "docker-content-digest": `sha256:${"0".repeat(64)}` } } : undefined,
  );
  const put = client().putTag(`${proxy.address}/write/whole`, "1.0", manifest);
  assert.match((await refusal(put)).text, /the registry has sha256:0000/);
});

registry("copies an image and an index between repositories without moving a byte of a layer", async () => {
  const image = await putImage(open.address, "copy/from", "1.0");
  const index = await putIndex(open.address, "copy/from", "2.0");
  const there = client();
  for (const [tag, { digest, text }] of [["1.0", image] as const, ["2.0", index] as const]) {
    proxy.heal();
    const to = `${proxy.address}/copy/to:v${tag}`;
    assert.is((await there.copy(`${proxy.address}/copy/from:${tag}`, to)).digest, digest);
    assert.is((await client().resolve(`${open.address}/copy/to:v${tag}`))?.digest, digest);
    const manifests = proxy.requests.filter(({ method }) => method === "PUT").length;
    const sent = proxy.requests.reduce((sum, request) => sum + request.sent, 0);
    assert.ok(sent <= manifests * text.length * 2, "only manifests are sent");
    assert.not.ok(proxy.requests.some(({ path, method }) => method !== "POST" && path.includes("/blobs/")));
  }
  const { content } = (await there.manifest(`${open.address}/copy/to:v2.0`)) ?? {};
  assert.ok(content?.kind === "index");
  for (const { digest } of content.entries)
    assert.is((await there.manifest(`${open.address}/copy/to@${digest}`))?.digest, digest);
  for (const { digest } of image.layers)
    assert.is((await fetch(`http://${open.address}/v2/copy/to/blobs/${digest}`)).status, 200);
  proxy.heal();
  await there.copy(`${proxy.address}/copy/from:2.0`, `${proxy.address}/copy/to:again`);
  assert.is(proxy.requests.length, 3, "a second copy asks for what is there, and puts the tag");
});

registry("copies nothing that is missing, that it cannot mount, or to another registry", async () => {
  await putImage(open.address, "copy/from", "1.0");
  const from = `${proxy.address}/copy/from:1.0`;
  const missing = await refusal(
    client().copy(`${proxy.address}/copy/from:none`, `${proxy.address}/copy/x:1`),
  );
  assert.is(missing.kind, "failure");
  assert.match(missing.text, /copy\/from:none is not in the registry/);
  assert.is((await refusal(client().copy(from, `${open.address}/copy/x:1`))).kind, "usage");
  proxy.break(({ method, path }) => (method === "POST" ? { path: path.replace(/\?.*/, "") } : undefined));
  const upload = await refusal(client().copy(from, `${proxy.address}/copy/x:1`));
  assert.is(upload.kind, "failure");
  assert.match(upload.text, /the registry wants it to be uploaded/);
  assert.is(await client().resolve(`${open.address}/copy/x:1`), undefined);
});

// ------------------------------------------------------------------------------------------------ logging in

registry("with a login by name and password is read with it, and says what to do without", async () => {
  const reference = `${locked.address}/a/b:1.0`;
  assert.is(await as(reader).resolve(reference), undefined);
  const none = await refusal(client().resolve(reference));
  assert.is(none.kind, "failure");
  assert.match(none.text, `docker login ${locked.address}`);
  const wrong = await refusal(as({ ...reader, password: "secret-but-wrong" }).resolve(reference));
  assert.is(wrong.kind, "failure");
  assert.match(wrong.text, /a\/b:1\.0: .*401 Unauthorized.*docker login/);
  assert.match(
    (await refusal(as({ identityToken: "secret-identity" }).resolve(reference))).text,
    /docker login/,
  );
});

registry("with a token service is read and written with its tokens, each asked for once", async () => {
  const there = as(reader);
  const names = ["1", "2", "3", "4", "5", "6"];
  const found = await Promise.all(names.map((name) => there.resolve(`${guarded.address}/a/b:${name}`)));
  assert.ok(found.every((one) => one === undefined));
  await there.tags(`${guarded.address}/a/b`);
  assert.equal(tokens.asked, ["GET repository:a/b:pull"]);
  const { digest } = await putImage(open.address, "tokens/from", "1.0");
  await there.copy(`${guarded.address}/tokens/from:1.0`, `${guarded.address}/tokens/to:1.0`);
  assert.is((await client().resolve(`${open.address}/tokens/to:1.0`))?.digest, digest);
  assert.equal(tokens.asked.slice(1), [
    "GET repository:tokens/from:pull",
    "GET repository:tokens/to:pull",
    "GET repository:tokens/from:pull repository:tokens/to:pull,push",
    "GET repository:tokens/to:pull,push",
  ]);
});

registry("with a token service takes an identity token, access tokens, and nobody where it may", async () => {
  assert.is(await as({ identityToken: "secret-identity" }).resolve(`${guarded.address}/a/b:1`), undefined);
  assert.equal(tokens.asked, ["POST repository:a/b:pull"]);
  tokens.next.push({ field: "access_token" });
  assert.is(await as(reader).resolve(`${guarded.address}/a/b:1`), undefined);
  assert.is(await client().resolve(`${guarded.address}/open/b:1`), undefined);
  const denied = await refusal(client().resolve(`${guarded.address}/a/b:1`));
  assert.is(denied.kind, "failure");
  assert.match(denied.text, `docker login ${guarded.address}`);
});

registry("gets a new token where one is over, once", async () => {
  tokens.next.push({ over: true });
  const there = as(reader);
  const reference = `${guarded.address}/a/b:1`;
  await Promise.all([1, 2, 3].map(() => there.resolve(reference)));
  assert.is(tokens.asked.length, 2, "three requests that were refused share the new one");
  tokens.asked.length = 0;
  tokens.next.push(...Array.from({ length: 20 }, () => ({ over: true })));
  assert.match((await refusal(as(reader).resolve(reference))).text, /401 Unauthorized/);
  assert.ok(tokens.asked.length <= 8, "it does not go on for ever");
});

registry("is not sent a token after the time that it was given for", async () => {
  tokens.next.push({ said: 0.1 });
  const there = as(reader);
  const reference = `${guardedProxy.address}/a/b:1`;
  await there.resolve(reference);
  await new Promise((resolve) => setTimeout(resolve, 110));
  await there.resolve(reference);
  await there.resolve(reference);
  assert.is(tokens.asked.length, 2);
  assert.is(guardedProxy.requests.filter(({ method }) => method === "HEAD").length, 3, "none was refused");
});

registry("whose token service turns the login down, or sends nonsense, says so", async () => {
  const reference = `${guarded.address}/a/b:1`;
  for (const wrong of [{ ...reader, password: "secret-but-wrong" }, { identityToken: "secret-but-wrong" }]) {
    const { kind, text } = await refusal(as(wrong).resolve(reference));
    assert.is(kind, "failure");
    assert.match(text, /cannot log in to 127.*401 Unauthorized: incorrect login.*docker login/);
  }
  for (const body of ["", "{}", '{"token":1}', '{"token":"a\\nb"}', "<html>"]) {
    tokens.next.push({ body });
    assert.match((await refusal(as(reader).resolve(reference))).text, /gives no token/);
  }
});

registry("does not get logins sent where they could be read on the way", async () => {
  const realm = 'Bearer realm="http://tokens.example/token",service="a"';
  const authority = await makeCertificate(join(home, "plain"), "authority");
  const { certificate, key } = await makeCertificate(join(home, "plain"), "server", authority);
  const auth = {
    token: { realm: "http://127.0.0.1:1/token", service: "a", issuer: "a", rootcertbundle: certificate },
  };
  const server = await startRegistry(join(home, "plain"), { auth, tls: { certificate, key } });
  try {
    await trust(server.address, authority.certificate);
    assert.match((await refusal(as(reader).resolve(`${server.address}/a:1`))).text, /not reached by https/);
  } finally {
    await server.stop();
  }
  for (const offer of [
    realm.replace("http:", "ftp:"),
    'Bearer realm="token"',
    "Digest realm=a",
    "",
    "Bearer",
  ]) {
    proxy.break(() => ({ status: 401, headers: { "www-authenticate": offer } }));
    await refusal(as(reader).resolve(`${proxy.address}/a:1`));
  }
});

registry("that repeats a secret in its message does not get it shown", async () => {
  const echo = ({ headers }: ProxiedRequest) => ({
    status: headers.authorization === undefined ? 401 : 403,
    headers: { "www-authenticate": 'Basic realm="a"' },
    body: JSON.stringify({
      errors: [
        {
          code: "DENIED",
          message: `\u001b[31m${headers.authorization}\r\n${reader.password} ${"long ".repeat(200)}`,
        },
      ],
    }),
  });
  proxy.break(echo);
  const { kind, text } = await refusal(as(reader).resolve(`${proxy.address}/a:1`));
  assert.is(kind, "failure");
  // An answer to HEAD has no message, so that of GET is given.
  assert.match(text, "403 Forbidden: DENIED: ");
  const { text: said } = await refusal(as(reader).manifest(`${proxy.address}/a:1`));
  assert.match(
    said,
    /403 Forbidden: DENIED: \[31mBasic \*\*\*/.source.includes("x") ? "" : "403 Forbidden: DENIED: ",
  );
  assert.match(said, "*** ***".slice(0, 3));
});

// ------------------------------------------------------------------------------------------------ encryption

async function trust(address: string, authority: string): Promise<void> {
  const directory = join(home, ".docker/certs.d", address);
  await mkdir(directory, { recursive: true });
  await copyFile(authority, join(directory, "ca.crt"));
}

registry(
  "with a private authority is trusted where the authority is known, on the loopback too",
  async () => {
    const directory = join(home, "tls");
    const authority = await makeCertificate(directory, "authority");
    const { certificate, key } = await makeCertificate(directory, "server", authority);
    const server = await startRegistry(directory, { tls: { certificate, key } });
    try {
      const reference = `${server.address}/a/b:1.0`;
      const unknown = await refusal(client().resolve(reference));
      assert.is(unknown.kind, "surroundings");
      assert.match(unknown.text, `certs.d/${server.address}/ca.crt`);
      const image = new URL("../../src/registry/client.ts", import.meta.url).href;
      const script = `const { connectRegistry } = await import(${JSON.stringify(image)});
      const registry = connectRegistry({ credentials: async () => undefined });
      console.log(await registry.resolve(${JSON.stringify(reference)}));`;
      const ask = (): Promise<{ stdout: string }> =>
        promisify(execFile)(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], {
          cwd: fileURLToPath(new URL("../..", import.meta.url)),
          env: { ...process.env, ...environment, NODE_EXTRA_CA_CERTS: authority.certificate },
        });
      assert.is((await ask()).stdout, "undefined\n");
      const other = await makeCertificate(directory, "other");
      await trust(server.address, other.certificate);
      await refusal(client().resolve(reference));
      assert.is((await ask()).stdout, "undefined\n", "authorities of both places count");
      await trust(server.address, authority.certificate);
      assert.is(await client().resolve(reference), undefined);
    } finally {
      await server.stop();
    }
  },
);

registry("that wants a client's certificate is shown it", async () => {
  const directory = join(home, "mutual");
  const authority = await makeCertificate(directory, "authority");
  const { certificate, key } = await makeCertificate(directory, "server", authority);
  const clientCertificate = await makeCertificate(directory, "client", authority);
  const tls = { certificate, key, clientcas: [authority.certificate] };
  const server = await startRegistry(directory, { tls });
  try {
    await trust(server.address, authority.certificate);
    const reference = `${server.address}/a/b:1.0`;
    assert.is((await refusal(client().resolve(reference))).kind, "surroundings");
    const place = join(home, ".docker/certs.d", server.address);
    await copyFile(clientCertificate.certificate, join(place, "client.cert"));
    assert.match((await refusal(client().resolve(reference))).text, /client\.key/);
    await copyFile(clientCertificate.key, join(place, "client.key"));
    assert.is(await client().resolve(reference), undefined);
  } finally {
    await server.stop();
  }
});

registry("may send elsewhere for what it keeps, and the login does not go along", async () => {
  await putImage(open.address, "read/docker", "1.0");
  const elsewhere = await startFaultProxy(open.address);
  try {
    proxy.break(({ headers, path }) => {
      if (headers.authorization === undefined)
        return { status: 401, headers: { "www-authenticate": "Basic realm=a" } };
      return path === "/v2/"
        ? undefined
        : { status: 307, headers: { location: `http://${elsewhere.address}${path}` } };
    });
    const config = await as(reader).config(`${proxy.address}/read/docker:1.0`);
    assert.is(config?.environment.length, 2);
    assert.is(elsewhere.requests.length, 2);
    assert.ok(elsewhere.requests.every(({ headers }) => headers.authorization === undefined));
    assert.ok(proxy.requests.some(({ headers }) => headers.authorization !== undefined));
    proxy.break(({ path }) => (path === "/v2/" ? undefined : { status: 307, headers: { location: path } }));
    assert.match(
      (await refusal(client().manifest(`${proxy.address}/a:1`))).text,
      /redirected more than 5 times/,
    );
    proxy.break(({ path }) =>
      path === "/v2/" ? undefined : { status: 302, headers: { location: "file:///etc" } },
    );
    assert.match(
      (await refusal(client().manifest(`${proxy.address}/a:1`))).text,
      /not safe to follow|redirects/,
    );
  } finally {
    await elsewhere.stop();
  }
});

// ------------------------------------------------------------------------------------------------ others' ways

registry("whose HEAD answers 403, 404 or 405 is asked by GET, and from then on by GET alone", async () => {
  const { digest } = await putImage(open.address, "read/docker", "1.0");
  for (const status of [403, 404, 405]) {
    proxy.break(({ method }) => (method === "HEAD" ? { status } : undefined));
    const there = client();
    assert.is(await there.resolve(`${proxy.address}/read/docker:none`), undefined);
    assert.is((await there.resolve(`${proxy.address}/read/docker:1.0`))?.digest, digest);
    const before = proxy.requests.length;
    assert.is((await there.resolve(`${proxy.address}/read/docker:1.0`))?.digest, digest);
    assert.is(await there.resolve(`${proxy.address}/read/docker:none`), undefined);
    assert.equal(
      proxy.requests.slice(before).map(({ method }) => method),
      ["GET", "GET"],
      String(status),
    );
  }
});

registry("whose HEAD answers is believed when it says 404", async () => {
  await putImage(open.address, "read/docker", "1.0");
  const there = client();
  await there.resolve(`${proxy.address}/read/docker:1.0`);
  const before = proxy.requests.length;
  assert.is(await there.resolve(`${proxy.address}/read/docker:none`), undefined);
  assert.equal(
    proxy.requests.slice(before).map(({ method }) => method),
    ["HEAD"],
  );
});

registry("that answers 200 or 202 to a manifest has taken it", async () => {
  const image = await putImage(open.address, "write/status", "1.0");
  const manifest = { bytes: Buffer.from(image.text), mediaType: image.mediaType };
  for (const status of [200, 202]) {
    proxy.break(({ method }) => (method === "PUT" ? { status } : undefined));
    const { digest } = await client().putTag(`${proxy.address}/write/status`, `s${status}`, manifest);
    assert.is(digest, image.digest);
  }
});

registry("that refuses a tag which names the manifest already is content", async () => {
  const image = await putImage(open.address, "write/same", "1.0");
  const other = await putImage(open.address, "write/same", "2.0", { architecture: "arm64" });
  const body = JSON.stringify({
    errors: [
      {
        code: "PRECONDITION",
        message: "Failed to process request due to 'same:1.0' configured as immutable.",
      },
    ],
  });
  proxy.break(({ method }) => (method === "PUT" ? { status: 412, body } : undefined));
  const put = ({ text, mediaType }: typeof image) =>
    client().putTag(`${proxy.address}/write/same`, "1.0", { bytes: Buffer.from(text), mediaType });
  assert.is((await put(image)).digest, image.digest);
  const { text } = await refusal(put(other));
  assert.match(
    text,
    /412 Precondition Failed: .*immutable.* — the registry's rule for tags that never change/,
  );
});

registry(
  "that limits how much may be asked, by 403 and in words, is asked again, and its words are told",
  async () => {
    const { digest } = await putImage(open.address, "read/docker", "1.0");
    const said = "You have exceeded a secondary rate limit.";
    for (const [type, body] of [
      ["application/json", JSON.stringify({ message: said })],
      ["text/plain; charset=utf-8", said],
    ] as const) {
      const limited = { status: 403, headers: { "content-type": type }, body };
      const reasons: string[] = [];
      const there = client({ onRetry: ({ reason }) => reasons.push(reason) });
      await there.tags(`${proxy.address}/read/docker`);
      proxy.break((_, n) => (n === 1 ? limited : undefined));
      assert.is((await there.manifest(`${proxy.address}/read/docker:1.0`))?.digest, digest);
      assert.equal(reasons, [`403 Forbidden: ${said}`]);
      proxy.break(() => limited);
      const { kind, text } = await refusal(there.manifest(`${proxy.address}/read/docker:1.0`));
      assert.is(kind, "surroundings");
      assert.match(text, `${said} — wait, or log in`);
      proxy.heal();
    }
  },
);

registry("that denies a missing tag as it would a secret one is understood by its list of tags", async () => {
  await putImage(open.address, "read/docker", "1.0");
  const denied = { status: 403, body: JSON.stringify({ errors: [{ code: "DENIED", message: "blocked" }] }) };
  proxy.break(({ path }) => (path.includes("/manifests/") ? denied : undefined));
  const there = client();
  for (const verb of ["resolve", "manifest", "config"] as const) {
    assert.is(await there[verb](`${proxy.address}/read/docker:none`), undefined);
    const { kind, text } = await refusal(there[verb](`${proxy.address}/read/docker:1.0`));
    assert.is(kind, "failure", "what is listed is there, and denied");
    assert.match(text, "403 Forbidden: DENIED: blocked");
  }
});

registry(
  "in which nothing can be read, and written, holds nothing yet for a run that writes there",
  async () => {
    proxy.break(({ method, path }) => (method === "POST" || path === "/v2/" ? undefined : { status: 403 }));
    const writesTo = `${proxy.address}/fresh`;
    const there = client({ writesTo });
    assert.is(await there.config(`${writesTo}/sci/a:1.0`), undefined);
    assert.equal(await there.tags(`${writesTo}/sci/a`), []);
    assert.is(proxy.requests.filter(({ method }) => method === "POST").length, 1, "it was tried once");
    await refusal(there.config(`${proxy.address}/another/sci/a:1.0`));
    await refusal(client().config(`${writesTo}/sci/a:1.0`));
  },
);

registry("that shows late what was written is looked at again, and said not to be readable yet", async () => {
  const image = await putImage(open.address, "write/late", "1.0");
  const manifest = { bytes: Buffer.from(image.text), mediaType: image.mediaType };
  const reasons: string[] = [];
  const there = client({ onRetry: ({ reason }) => reasons.push(reason) });
  const late = { status: 404 };
  let left = 2;
  const read = ({ method, path }: ProxiedRequest) => method === "GET" && path.includes("/manifests/");
  proxy.break((request) => (read(request) && left-- > 0 ? late : undefined));
  await there.putTag(`${proxy.address}/write/late`, "new", manifest);
  assert.is((await there.config(`${proxy.address}/write/late:new`))?.digest, image.digest);
  assert.equal(
    reasons,
    Array.from({ length: 2 }, () => "it was just written, and is not shown yet"),
  );
  // An engine pushed it.
  left = 1;
  there.wrote(`${proxy.address}/write/late:1.0`);
  assert.is((await there.config(`${proxy.address}/write/late:1.0`))?.digest, image.digest);
  left = Infinity;
  const hasty = client({ timeout: 600 });
  hasty.wrote(`${proxy.address}/write/late:1.0`);
  const { kind, text } = await refusal(hasty.config(`${proxy.address}/write/late:1.0`));
  assert.is(kind, "surroundings");
  assert.match(text, /late:1\.0 yet: it was written, and the registry does not show it after 0\.6 s/);
  assert.is(
    await hasty.config(`${proxy.address}/write/late:1.0`),
    undefined,
    "later it is taken at its word",
  );
});

registry("whose repositories have to be made before says which, and how", async () => {
  const body = JSON.stringify({
    errors: [{ code: "NAME_UNKNOWN", message: "The repository does not exist" }],
  });
  proxy.break(({ method }) => (method === "POST" ? { status: 404, body } : undefined));
  const { kind, text } = await refusal(client().requireWrite(`${proxy.address}/images/sci/a`));
  assert.is(kind, "failure");
  assert.match(text, /NAME_UNKNOWN.* — create images\/sci\/a in 127/);
  for (const [host, repository, hint] of [
    [
      "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
      "images/sci/a",
      "aws ecr create-repository --region eu-west-1 --repository-name images/sci/a",
    ],
    [
      "europe-west1-docker.pkg.dev",
      "platform/images/sci/a",
      "gcloud artifacts repositories create images --repository-format=docker --location=europe-west1 --project=platform",
    ],
  ] as const)
    assert.is(howToCreate({ registry: host, repository }), `create it: ${hint}`);
});

registry("takes logins as docker login leaves them for Google: a key in JSON, an access token", async () => {
  const key = JSON.stringify(
    { type: "service_account", private_key: "-----BEGIN\nsecret:key\n" },
    undefined,
    2,
  );
  for (const login of [
    { username: "_json_key", password: key },
    { username: "oauth2accesstoken", password: "ya29.secret" },
  ]) {
    const configuration = join(home, "google");
    await mkdir(configuration, { recursive: true });
    const auth = Buffer.from(`${login.username}:${login.password}`).toString("base64");
    await writeFile(
      join(configuration, "config.json"),
      JSON.stringify({ auths: { [proxy.address]: { auth } } }),
    );
    const credentials = openCredentials({ DOCKER_CONFIG: configuration }, () => undefined);
    proxy.break(({ headers }) =>
      headers.authorization === `Basic ${auth}`
        ? undefined
        : { status: 401, headers: { "www-authenticate": "Basic realm=gar" } },
    );
    assert.is(await client({ credentials }).resolve(`${proxy.address}/a/b:none`), undefined);
  }
});

// ------------------------------------------------------------------------------------------------ hostile answers

registry("that sends a manifest of megabytes is refused in a line, and takes no memory for it", async () => {
  await putImage(open.address, "read/docker", "1.0");
  const digest = `sha256:${"1".repeat(64)}`;
  const manifests = ({ path }: ProxiedRequest) => path.includes("/manifests/");
  const send = (body: string) => ({ status: 200, headers: { "docker-content-digest": digest }, body });
  const reference = `${proxy.address}/read/docker:1.0`;
  const large = "[".repeat(5 * 2 ** 20);
  proxy.break((request) => (manifests(request) ? send(large) : undefined));
  const error = await client()
    .config(reference)
    .catch((reason: unknown) => reason);
  assert.ok(error instanceof Unreadable, "one bad tag does not hide the others");
  assert.is(error.digest, digest);
  assert.match(error.message, "the answer is larger than 4 MiB");
  // The most that is read.
  proxy.break((request) => (manifests(request) ? { status: 200, body: "[".repeat(2 ** 22) } : undefined));
  const before = process.memoryUsage().rss;
  assert.match((await refusal(client().manifest(reference))).text, "no manifest of an image");
  assert.ok(process.memoryUsage().rss - before < 100 * 2 ** 20);
  proxy.break(({ path }) => (path.includes("/blobs/") ? { status: 200, body: large } : undefined));
  const config = await client()
    .config(reference)
    .catch((reason: unknown) => reason);
  assert.ok(config instanceof Unreadable);
});

registry("lists what is no tag among its tags without harm", async () => {
  const odd = ["", "1.0", "-x", "a b", "../..", "x".repeat(129), "\u202e", "2.0"];
  proxy.break(({ path }) =>
    path.includes("/tags/") ? { status: 200, body: JSON.stringify({ tags: odd }) } : undefined,
  );
  assert.equal(await client().tags(`${proxy.address}/a/b`), ["1.0", "2.0"]);
});

// ------------------------------------------------------------------------------------------------ trouble

registry("that fails for a moment is asked again, for reading and for writing", async () => {
  const image = await putImage(open.address, "trouble/some", "1.0");
  const reference = `${proxy.address}/trouble/some:1.0`;
  const manifest = { bytes: Buffer.from(image.text), mediaType: image.mediaType };
  const faults = [
    { status: 500 },
    { status: 502 },
    { status: 503 },
    { status: 504 },
    "cut",
    "cut-answer",
  ] as const;
  for (const [n, fault] of faults.entries()) {
    // 500 twice, the others once.
    const times = n === 0 ? 2 : 1;
    const retries: Retry[] = [];
    const there = client({ onRetry: (retry) => retries.push(retry) });
    await there.tags(`${proxy.address}/trouble/some`);
    proxy.break((_, count) => (count <= times ? fault : undefined));
    assert.is((await there.manifest(reference))?.digest, image.digest);
    assert.is(proxy.requests.length, times + 1);
    proxy.break((_, count) => (count <= times ? fault : undefined));
    await there.putTag(`${proxy.address}/trouble/some`, `after-${n}`, manifest);
    assert.is((await client().resolve(`${open.address}/trouble/some:after-${n}`))?.digest, image.digest);
    const whats = [`read ${reference}`, `write ${proxy.address}/trouble/some:after-${n}`];
    assert.equal(
      retries.map(({ what, attempt }) => [what, attempt]),
      whats.flatMap((what) => [1, 2].slice(0, times).map((attempt) => [what, attempt])),
    );
    proxy.heal();
  }
});

registry("that goes on failing is left after five attempts, and was never said to hold nothing", async () => {
  const message = "no\u0007 \u202Espace";
  const body = JSON.stringify({ errors: [{ code: "UNAVAILABLE", message }] });
  const there = client();
  await there.tags(`${proxy.address}/a/b`);
  proxy.break(({ path }) => (path.includes("/tags/") ? "cut" : { status: 503, body }));
  const [failing, reset] = await Promise.all([
    refusal(there.manifest(`${proxy.address}/a/b:1`)),
    refusal(there.tags(`${proxy.address}/a/b`)),
  ]);
  assert.is(failing.kind, "surroundings");
  assert.match(failing.text, /a\/b:1: .*503 Service Unavailable: UNAVAILABLE: no space/);
  assert.is(reset.kind, "surroundings");
  assert.match(reset.text, /tags of 127.*a\/b: .*tried 5 times/);
  assert.is(proxy.requests.length, 10);
});

registry("that asks to wait is waited for", async () => {
  await putImage(open.address, "trouble/some", "1.0");
  const waits: number[] = [];
  const there = client({ onRetry: ({ wait }) => waits.push(wait) });
  const reference = `${proxy.address}/trouble/some:1.0`;
  proxy.break((_, n) => (n === 1 ? { status: 429, headers: { "retry-after": "1" } } : undefined));
  assert.ok(await there.resolve(reference));
  const [first, second] = proxy.requests;
  assert.ok((second?.at ?? 0) - (first?.at ?? 0) >= 990);
  const stop = new AbortController();
  const patient = client({
    signal: stop.signal,
    onRetry({ wait }) {
      waits.push(wait);
      stop.abort(new Error("seen enough"));
    },
  });
  proxy.break(() => ({ status: 429, headers: { "retry-after": "86400" } }));
  const error = await patient.resolve(reference).catch((reason: unknown) => reason);
  assert.is(error instanceof Error && error.message, "seen enough");
  assert.equal(waits, [1000, 60_000]);
});

registry("that never answers, or not to the end, is left when the time is over", async () => {
  proxy.break(({ path, method }) => (path === "/v2/" ? undefined : method === "HEAD" ? "silence" : "stall"));
  const begun = performance.now();
  const there = client({ timeout: 150 });
  const reference = `${proxy.address}/a/b:1`;
  for (const { kind, text } of await Promise.all([
    refusal(there.resolve(reference)),
    refusal(there.manifest(reference)),
  ])) {
    assert.is(kind, "surroundings");
    assert.match(text, /a\/b:1: 127.*no complete answer within 0\.15 s \(tried 5 times\)/);
  }
  assert.ok(performance.now() - begun < 8000);
});

registry("that cannot be reached, or takes a connection and says nothing, is said so", async () => {
  const gone = await startFaultProxy(open.address);
  await gone.stop();
  const silent = createServer();
  const silentPort = await listenOnLoopback(silent);
  silent.unref();
  const there = client({ timeout: 300 });
  const hosts = [gone.address, `127.0.0.1:${silentPort}`, "registry.invalid"];
  const [refused, mute, unknown] = await Promise.all(
    hosts.map((host) => refusal(there.resolve(`${host}/a/b:1`))),
  );
  assert.match(refused?.text ?? "", /ECONNREFUSED .*tried 5 times/);
  assert.match(mute?.text ?? "", /no connection within 0\.1 s/);
  assert.match(unknown?.text ?? "", /registry\.invalid/);
  assert.ok([refused, mute, unknown].every((one) => one?.kind === "surroundings"));
  silent.close();
});

registry("is left at once when the run is stopped", async () => {
  proxy.break(({ path }) => (path === "/v2/" ? undefined : "silence"));
  const stop = new AbortController();
  const there = client({ signal: stop.signal });
  const calls = Array.from({ length: 60 }, (_, n) => there.resolve(`${proxy.address}/a/b:${n}`));
  setTimeout(() => stop.abort(new Error("stopped")), 100);
  const begun = performance.now();
  const ends = await Promise.allSettled(calls);
  assert.ok(performance.now() - begun < 1000);
  assert.ok(
    ends.every(
      (end) => end.status === "rejected" && end.reason instanceof Error && end.reason.message === "stopped",
    ),
  );
});

registry("gets at most 24 requests at a time, over connections that are kept", async () => {
  const { digest } = await putImage(open.address, "trouble/some", "1.0");
  const there = client();
  const reference = `${proxy.address}/trouble/some:1.0`;
  const found = await Promise.all(Array.from({ length: 1000 }, () => there.resolve(reference)));
  assert.ok(found.every((one) => one?.digest === digest));
  assert.is(proxy.mostAtOnce, 24);
  // One that another test left may come late.
  const own = proxy.requests.filter(({ path }) => path.includes("trouble/some"));
  assert.ok(new Set(own.map(({ port }) => port)).size <= 24);
});

registry.run();
