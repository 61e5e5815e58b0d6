import { Refusal } from "../problem.ts";
import { type Answer, garbled, refusalOf } from "./answer.ts";
import { type Challenge, parseChallenges } from "./headers.ts";
import { isText, parseRecord } from "./json.ts";
import type { Credentials } from "../model.ts";
import type { Request, Send } from "./transport.ts";

/** Logging in to one registry, by name and password or at a token service, as it asks for. */
export interface Login {
  /** Takes from an answer 401 how to log in; false where it offers no way that is known. */
  learn(answer: Answer): boolean;
  /** Whether what may be done depends on the scopes that are asked for. */
  readonly byToken: boolean;
  /**
   * The `Authorization` header for these scopes, another one than `refused` where there is one; undefined as long as
   * the registry did not ask for any.
   */
  authorize(scopes: readonly string[], refused?: string): Promise<string | undefined>;
}

interface LoginOptions {
  /** As it is given to `docker login`. */
  readonly registry: string;
  /** Whether the registry is reached without encryption, and its token service may be. */
  readonly plain: boolean;
  readonly credentials: (registry: string) => Promise<Credentials | undefined>;
  readonly send: Send;
  /** Where what must not be seen in a message is added. */
  readonly secrets: Set<string>;
}

interface Token {
  readonly value: string;
  /** On the clock of `performance.now()`. */
  readonly expires: number;
}

/** Seconds that a token counts for when nothing is said (Distribution, "Token Authentication Specification"). */
const defaultLifetime = 60;
/** A token that is nearly over would be so on its way. */
const usefulPart = 0.9;

/** Prepares the login to a registry; asks for nothing yet. */
export function openLogin({ registry, plain, credentials, send, secrets }: LoginOptions): Login {
  const tokens = new Map<string, Promise<Token>>();
  let challenge: Challenge | undefined;
  let account: Promise<Credentials | undefined> | undefined;

  async function findAccount(): Promise<Credentials | undefined> {
    account ??= credentials(registry);
    const found = await account;
    if (found === undefined) return undefined;
    if ("identityToken" in found) secrets.add(found.identityToken);
    else secrets.add(found.password).add(encode(found));
    secrets.delete("");
    return found;
  }

  async function basic(): Promise<string> {
    const found = await findAccount();
    if (found !== undefined && "password" in found) return `Basic ${encode(found)}`;
    throw new Refusal({
      kind: "failure",
      message: `registry ${registry} asks for a login with name and password, and none is known`,
      hint: `run "docker login ${registry}"`,
    });
  }

  /** Asked for once by all that need it at the same time. */
  async function token(scopes: readonly string[], from: Challenge, refused?: string): Promise<string> {
    const key = [from.parameters.get("realm"), from.parameters.get("service"), ...scopes].join(" ");
    const held = tokens.get(key);
    if (held !== undefined) {
      const { value, expires } = await held;
      if (`Bearer ${value}` !== refused && performance.now() < expires) return `Bearer ${value}`;
      if (tokens.get(key) !== held) return token(scopes, from, refused);
    }
    const fresh = requestToken(scopes, from);
    tokens.set(key, fresh);
    try {
      return `Bearer ${(await fresh).value}`;
    } catch (error) {
      tokens.delete(key);
      throw error;
    }
  }

  async function requestToken(scopes: readonly string[], from: Challenge): Promise<Token> {
    const what = `log in to ${registry}`;
    const url = realmOf(from, what, plain);
    const found = await findAccount();
    const asked = performance.now();
    const answer = await send({ what, ...tokenRequest(url, from.parameters.get("service"), scopes, found) });
    if (answer.status !== 200) throw refusalOf(answer, what, registry, secrets);
    const document = parseRecord(answer.body);
    const value = [document?.["token"], document?.["access_token"]].find(
      (text) => isText(text) && text !== "",
    );
    if (!isText(value) || !/^[\x21-\x7e]+$/.test(value))
      throw garbled(what, `its token service ${url.host} gives no token`);
    secrets.add(value);
    const lifetime = document?.["expires_in"];
    const seconds = typeof lifetime === "number" && lifetime > 0 ? lifetime : defaultLifetime;
    return { value, expires: asked + seconds * 1000 * usefulPart };
  }

  return {
    learn(answer) {
      const offers = parseChallenges(answer.headers["www-authenticate"] ?? "");
      const bearer = offers.find((offer) => offer.scheme === "bearer" && offer.parameters.has("realm"));
      const known = bearer ?? offers.find((offer) => offer.scheme === "basic");
      // Not every 401 repeats it.
      challenge = known ?? challenge;
      return known !== undefined;
    },
    get byToken() {
      return challenge?.scheme === "bearer";
    },
    async authorize(scopes, refused) {
      if (challenge === undefined) return undefined;
      return challenge.scheme === "basic" ? basic() : token(scopes, challenge, refused);
    },
  };
}

function encode({ username, password }: { username: string; password: string }): string {
  return Buffer.from(`${username}:${password}`).toString("base64");
}

/** A login is not sent unencrypted, unless the registry itself is on this machine. */
function realmOf(challenge: Challenge, what: string, plain: boolean): URL {
  const realm = challenge.parameters.get("realm") ?? "";
  const url = URL.canParse(realm) ? new URL(realm) : undefined;
  if (url?.protocol === "https:" || (url?.protocol === "http:" && plain)) return url;
  throw garbled(what, "it names a token service that is not reached by https");
}

/** By `GET` with the account or without one; an identity token goes by `POST` (OAuth 2.0, RFC 6749, section 6). */
function tokenRequest(
  realm: URL,
  service: string | undefined,
  scopes: readonly string[],
  account: Credentials | undefined,
): Omit<Request, "what"> {
  if (account !== undefined && "identityToken" in account) {
    const form = new URLSearchParams({
      grant_type: "refresh_token",
      client_id: "image-builder",
      refresh_token: account.identityToken,
      scope: scopes.join(" "),
      ...(service !== undefined && { service }),
    });
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    return { method: "POST", url: realm, headers, body: form.toString() };
  }
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set("service", service);
  for (const scope of scopes) url.searchParams.append("scope", scope);
  if (account === undefined) return { method: "GET", url };
  url.searchParams.set("account", account.username);
  return { method: "GET", url, headers: { authorization: `Basic ${encode(account)}` } };
}
