import { BlockList, isIP, isIPv4 } from "node:net";
import { Refusal } from "../problem.ts";

/**
 * The proxy by which a URL is reached; undefined for none. `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, in upper or lower case, mean
 * what they mean to Docker and all else in Go (https://pkg.go.dev/golang.org/x/net/http/httpproxy): this machine is always
 * reached directly, and so is what `NO_PROXY` names: `*`, `example.org` and all below it, `.example.org` for what is below
 * alone, an address, `10.0.0.0/8`; all of these for one port with `:PORT`.
 */
export function proxyFor(
  { protocol, hostname, port }: Pick<URL, "protocol" | "hostname" | "port">,
  environment: Readonly<Record<string, string | undefined>>,
): URL | undefined {
  const setting = (name: string) => environment[name] || environment[name.toLowerCase()];
  const name = protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  const proxy = setting(name);
  if (proxy === undefined) return undefined;
  const host = hostname.replace(/^\[|\]$/g, "").toLowerCase();
  if (host === "localhost" || (isIP(host) > 0 && thisMachine.check(host, family(host)))) return undefined;
  const place = { host, port: port || (protocol === "https:" ? "443" : "80") };
  if (
    setting("NO_PROXY")
      ?.split(",")
      .some((entry) => isNamed(place, entry.trim().toLowerCase())) === true
  )
    return undefined;
  const text = proxy.includes("://") ? proxy : `http://${proxy}`;
  const url = URL.canParse(text) && /^https?:/i.test(text) ? new URL(text) : undefined;
  if (url !== undefined && isDecodable(url.username) && isDecodable(url.password)) return url;
  throw new Refusal({
    kind: "surroundings",
    message: `${name} names no proxy that can be used`,
    hint: "write it as http://HOST:PORT or https://HOST:PORT",
  });
}

/** Whether a part of a login is percent-encoded UTF-8. */
function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

const thisMachine = new BlockList();
thisMachine.addSubnet("127.0.0.0", 8, "ipv4");
thisMachine.addAddress("::1", "ipv6");

/** Whether an entry of `NO_PROXY` names a host and port. */
function isNamed({ host, port }: { readonly host: string; readonly port: string }, entry: string): boolean {
  if (entry === "*") return true;
  const [, network = "", bits] = /^(.+)\/(\d{1,3})$/.exec(entry) ?? [];
  if (isIP(network) > 0 && isIP(host) > 0 && Number(bits) <= (isIPv4(network) ? 32 : 128)) {
    const range = new BlockList();
    range.addSubnet(network, Number(bits), family(network));
    return range.check(host, family(host));
  }
  const [, bracketed, plain = bracketed ?? entry, only] =
    /^(?:\[(.+)\]|([^:]+))(?::(\d+))?$/.exec(entry) ?? [];
  if (only !== undefined && only !== port) return false;
  if (plain === "") return false;
  const domain = plain.replace(/^\*(?=\.)/, "");
  return host === domain || host.endsWith(domain.startsWith(".") ? domain : `.${domain}`);
}

function family(address: string): "ipv4" | "ipv6" {
  return isIPv4(address) ? "ipv4" : "ipv6";
}
