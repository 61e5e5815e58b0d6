import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Refusal } from "../../src/problem.ts";
import type { Problem } from "../../src/problem.ts";
import { findCredentials, openCredentials } from "../../src/registry/credentials.ts";

const credentials = suite("credentials");
const secret = "hunter2:ä";
const ada = { username: "ada", password: secret };
const auth = Buffer.from(`ada:${secret}`).toString("base64");

/** A docker configuration, and credential helpers as shell scripts, in a home of their own. */
async function withDocker(
  config: object | string,
  test: (environment: NodeJS.ProcessEnv, home: string) => Promise<void>,
  helpers: Readonly<Record<string, string>> = {},
): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), "home-"));
  try {
    await mkdir(join(home, ".docker"));
    await writeFile(
      join(home, ".docker/config.json"),
      typeof config === "string" ? config : JSON.stringify(config),
    );
    for (const [name, script] of Object.entries(helpers)) {
      await writeFile(join(home, `docker-credential-${name}`), `#!/bin/sh\n${script}\n`);
      await chmod(join(home, `docker-credential-${name}`), 0o755);
    }
    await test({ HOME: home, PATH: `${home}:/usr/bin:/bin` }, home);
  } finally {
    await rm(home, { recursive: true });
  }
}

async function refusalOf(call: Promise<unknown>): Promise<Problem> {
  const error = await call.then(
    (value) => new Error(`not refused: ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  );
  if (!(error instanceof Refusal) || error.problems[0] === undefined) throw error;
  assert.not.match(error.message, /hunter2/);
  return error.problems[0];
}

credentials("without a docker configuration there is no login", async () => {
  assert.is(await findCredentials("example.org", { HOME: "/nowhere" }), undefined);
});

for (const [key, registry] of [
  ["example.org", "example.org"],
  ["localhost:5000", "localhost:5000"],
  ["https://example.org", "example.org"],
  ["https://example.org/v1/", "example.org"],
  ["http://example.org:80/v2/", "example.org:80"],
  ["https://index.docker.io/v1/", "docker.io"],
  ["docker.io", "index.docker.io"],
] as const) {
  credentials(`the login under ${key} is the one for ${registry}`, () =>
    withDocker({ auths: { "other.org": { auth: "eDp5" }, [key]: { auth } } }, async (environment) => {
      assert.equal(await findCredentials(registry, environment), ada);
      assert.is(await findCredentials("example.org.evil.net", environment), undefined);
      assert.is(await findCredentials("example.org:81", environment), undefined);
    }),
  );
}

credentials("a login is read as base64, as username and password, and as an identity token", () => {
  const auths = {
    "a.org": { auth },
    "b.org": { username: "ada", password: secret },
    "c.org": { auth: Buffer.from("ada:").toString("base64"), identitytoken: "token" },
    "d.org": {},
    "e.org": { auth: Buffer.from(`ada:${secret}\0\0`).toString("base64") },
  };
  return withDocker({ auths }, async (environment) => {
    assert.equal(await findCredentials("a.org", environment), ada);
    assert.equal(await findCredentials("b.org", environment), ada);
    assert.equal(await findCredentials("c.org", environment), { identityToken: "token" });
    assert.is(await findCredentials("d.org", environment), undefined);
    assert.equal(await findCredentials("e.org", environment), ada);
  });
});

credentials("DOCKER_CONFIG says where the configuration is", () =>
  withDocker({ auths: { "a.org": { auth } } }, async (_, home) => {
    const environment = { HOME: "/nowhere", DOCKER_CONFIG: join(home, ".docker") };
    assert.equal(await findCredentials("a.org", environment), ada);
  }),
);

const helpers = {
  // Answers with the server it was asked for, so that the test sees the protocol kept.
  echo: 'read -r server; test "$1" = get && printf \'{"Username":"%s","Secret":"hunter2"}\' "$server"',
  token: 'printf \'{"Username":"<token>","Secret":"idtoken"}\'',
  empty: 'echo "credentials not found in native keychain"; exit 1',
  broken: "echo hunter2; exit 3",
  noise: "echo hunter2 is not JSON",
  deaf: 'exec <&-; sleep 0.2; printf \'{"Username":"u","Secret":"s"}\'',
};

credentials("a registry's own helper goes before the store, and both are asked by the docker protocol", () =>
  withDocker(
    { credHelpers: { "a.org": "token", "https://b.org": "empty" }, credsStore: "echo" },
    async (environment) => {
      assert.equal(await findCredentials("a.org", environment), { identityToken: "idtoken" });
      assert.is(await findCredentials("b.org", environment), undefined);
      assert.equal(await findCredentials("c.org:5000", environment), {
        username: "c.org:5000",
        password: "hunter2",
      });
      assert.equal(await findCredentials("docker.io", environment), {
        username: "https://index.docker.io/v1/",
        password: "hunter2",
      });
    },
    helpers,
  ),
);

credentials("a login in the file counts where the store has none", () =>
  withDocker(
    { credsStore: "empty", auths: { "a.org": { auth }, "b.org": {} } },
    async (environment) => {
      assert.equal(await findCredentials("a.org", environment), ada);
      assert.is(await findCredentials("b.org", environment), undefined);
    },
    helpers,
  ),
);

credentials("a helper that does not read its input is heard all the same", () =>
  withDocker(
    { credsStore: "deaf" },
    async (environment) => {
      assert.equal(await findCredentials("a.org", environment), { username: "u", password: "s" });
    },
    helpers,
  ),
);

for (const [helper, message] of [
  ["broken", /^docker-credential-broken failed for a\.org \(exit code 3\)$/],
  ["noise", /^docker-credential-noise answered for a\.org with what is not JSON$/],
  ["missing", /^the credential helper docker-credential-missing is not installed$/],
] as const) {
  credentials(`the helper ${helper} is refused with what to do, and without what it printed`, () =>
    withDocker(
      { credsStore: helper },
      async (environment) => {
        const problem = await refusalOf(findCredentials("a.org", environment));
        assert.is(problem.kind, "surroundings");
        assert.match(problem.message, message);
        assert.match(problem.hint ?? "", /docker login/);
      },
      helpers,
    ),
  );
}

credentials("where a helper does not work there is no login, which is told once", () =>
  withDocker(
    { credsStore: "missing", credHelpers: { "b.org": "broken" }, auths: { "c.org": { auth } } },
    async (environment) => {
      const lines: string[] = [];
      const logins = openCredentials(environment, (line) => lines.push(line));
      for (const registry of ["a.org", "b.org", "a.org"]) assert.is(await logins(registry), undefined);
      assert.is(lines.length, 2);
      assert.match(
        lines[0] ?? "",
        /^going on without a login for a\.org: the credential helper docker-credential-missing is not installed — /,
      );
      assert.match(lines[1] ?? "", /^going on without a login for b\.org: docker-credential-broken failed/);
    },
    helpers,
  ),
);

for (const [what, text, message] of [
  ["is not JSON", `{"auths": {"a.org": {"auth": "hunter2`, /config\.json is not a JSON object$/],
  ["is a list", "[]", /config\.json is not a JSON object$/],
  ["has auths that are a text", '{"auths": "hunter2"}', /^auths in .*config\.json is not an object$/],
  [
    "has a login that is not base64",
    '{"auths": {"a.org": {"auth": "hunter2"}}}',
    /^the login for a\.org in /,
  ],
] as const) {
  credentials(`a configuration that ${what} is refused by name`, () =>
    withDocker(text, async (environment) => {
      const problem = await refusalOf(findCredentials("a.org", environment));
      assert.is(problem.kind, "surroundings");
      assert.match(problem.message, message);
    }),
  );
}

credentials.run();
