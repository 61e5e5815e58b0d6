import { copyFile, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Refusal } from "../../src/problem.ts";
import { connectRegistry } from "../../src/registry/client.ts";
import { proxyFor } from "../../src/registry/proxy.ts";
import type { Registry } from "../../src/registry/registry.ts";
import { startRegistry } from "../support/platform.ts";
import { startSquid } from "../support/squid.ts";
import { makeCertificate } from "../support/token-service.ts";

const proxy = suite("a proxy");

proxy("is taken from the environment in upper or lower case, by the scheme of what is asked", () => {
  const environment = { HTTPS_PROXY: "http://secure:3128", http_proxy: "plain:80", HTTP_PROXY: "" };
  const hosts = (url: string) => proxyFor(new URL(url), environment)?.host;
  assert.is(hosts("https://registry.example/v2/"), "secure:3128");
  assert.is(hosts("http://registry.example/v2/"), "plain");
  assert.is(proxyFor(new URL("https://registry.example"), {}), undefined);
});

for (const [noProxy, direct, proxied] of [
  ["", "localhost 127.0.0.1:5000 127.9.9.9 [::1]:5000", "registry.example 10.0.0.1 localhost.example"],
  ["*", "registry.example 10.0.0.1", ""],
  ["example.org", "example.org a.example.org:5000", "notexample.org example.org.net"],
  [".example.org, *.example.net", "a.example.org a.b.example.net", "example.org example.net"],
  ["EXAMPLE.org:5000 , other", "example.org:5000 other:1", "example.org example.org:443"],
  [
    "10.0.0.0/8,192.168.1.1,fd00::/8",
    "10.1.2.3:5000 192.168.1.1 [fd12::1]:443",
    "11.0.0.1 192.168.1.2 [fe80::1]",
  ],
  ["192.168.1.1:5000,[fd00::1]:5000", "192.168.1.1:5000 [fd00::1]:5000", "192.168.1.1 [fd00::1]"],
  [",:,/8,10.0.0.0/99,[", "", "registry.example 10.0.0.1"],
] as const) {
  proxy(`is passed by for what NO_PROXY=${noProxy} names, as Docker reads it`, () => {
    for (const name of ["NO_PROXY", "no_proxy"]) {
      const environment = { HTTPS_PROXY: "proxy:3128", [name]: noProxy };
      const by = (host: string) => proxyFor(new URL(`https://${host}`), environment)?.host;
      for (const host of direct.split(" ").filter(Boolean)) assert.is(by(host), undefined, host);
      for (const host of proxied.split(" ").filter(Boolean)) assert.is(by(host), "proxy:3128", host);
    }
  });
}

proxy("that cannot be one is refused by the name of its variable, and its login is not shown", () => {
  const unfit = ["socks5://u:secret@proxy:1080", "http://u:%secret@proxy", "http://u:%ecsecret@proxy"];
  for (const value of [...unfit, "http://", "::"]) {
    const ask = () => proxyFor(new URL("https://registry.example"), { https_proxy: value });
    assert.throws(ask, (error: unknown) => error instanceof Refusal && !/secret/.test(error.message));
    assert.throws(ask, /^HTTPS_PROXY names no proxy that can be used — write it as http:/);
  }
});

proxy("carries what is asked of a registry, with its login, which is shown nowhere", async () => {
  const home = await mkdtemp(join(tmpdir(), "proxy-"));
  const login = { username: "ada", password: "secret @:/%" };
  const authority = await makeCertificate(home, "authority");
  const { certificate, key } = await makeCertificate(home, "server", authority);
  const registry = await startRegistry(join(home, "registry"), { tls: { certificate, key } });
  // Only the proxy knows the name: what arrives has come by it.
  const host = registry.address.replace("127.0.0.1", "registry.test");
  const squid = await startSquid(home, { ...login, names: ["registry.test", "forbidden.test"] });
  try {
    const trust = join(home, ".docker/certs.d", host);
    await mkdir(trust, { recursive: true });
    await copyFile(authority.certificate, join(trust, "ca.crt"));
    const by = (password: string, more: Readonly<Record<string, string>> = {}): Registry =>
      connectRegistry({
        credentials: () => Promise.resolve(undefined),
        timeout: 3000,
        environment: {
          HOME: home,
          HTTPS_PROXY: `http://${login.username}:${encodeURIComponent(password)}@${squid.address}`,
          ...more,
        },
      });
    const there = by(login.password);
    const asked = ["1", "2", "3"].map((tag) => there.resolve(`${host}/a/b:${tag}`));
    assert.equal(await Promise.all(asked), [undefined, undefined, undefined]);
    await there.requireWrite(`${host}/a/b`);
    const refused = async (call: Promise<unknown>) => {
      const error = await call.catch((reason: unknown) => reason);
      assert.instance(error, Refusal);
      assert.not.match(String(error), "secret");
      return (error as Refusal).message;
    };
    const [stranger, forbidden, direct, gone] = await Promise.all([
      refused(by("secret-wrong").resolve(`${host}/a:1`)),
      refused(there.resolve("forbidden.test/a:1")),
      refused(by(login.password, { NO_PROXY: "registry.test" }).resolve(`${host}/a:1`)),
      refused(by("secret", { HTTPS_PROXY: "http://u:secret@127.0.0.1:1" }).resolve(`${host}/a:1`)),
    ]);
    assert.match(
      stranger,
      `the proxy ${squid.address} answers 407 Proxy Authentication Required — give its login`,
    );
    assert.match(
      forbidden,
      `the proxy ${squid.address} answers 403 Forbidden — let it connect to forbidden.test`,
    );
    assert.match(direct, `${host}: getaddrinfo`);
    assert.match(gone, /ECONNREFUSED .*see whether the proxy 127\.0\.0\.1:1 is up/);
  } finally {
    await Promise.all([squid.stop(), registry.stop()]);
    await rm(home, { recursive: true });
  }
});

proxy.run();
