/** Where collectors are: what was configured, and the addresses that names stand for. */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { ClientError } from "../errors.ts";

export interface Endpoint {
  /** A name or an IP address. */
  readonly host: string;
  readonly port: number;
  readonly isSecure: boolean;
}

/** One replica. */
export interface Address extends Endpoint {
  readonly ip: string;
}

/** All IP addresses of a name. */
export type Resolve = (host: string) => Promise<readonly string[]>;

const PORT_DEFAULT = 4317;

/** `host`, `host:port`, `http://host:port` or `https://host:port`. Throws ClientError `invalid_options`. */
export function parseEndpoint(text: string): Endpoint {
  const withScheme = /^[a-z]+:\/\//i.test(text) ? text : `http://${text}`;
  let url: URL;
  try {
    url = new URL(withScheme);
  } catch (cause) {
    throw invalid(text, cause);
  }
  const isPlain = url.pathname === "/" || url.pathname === "";
  if (!/^https?:$/.test(url.protocol) || !isPlain || url.search !== "" || url.username !== "" || url.hostname === "") {
    throw invalid(text);
  }
  // URL leaves the scheme's own port out: 80 and 443 are then written, all else is OTLP's.
  const port = url.port !== "" ? Number(url.port) : Number(/:(80|443)\/?$/.exec(withScheme)?.[1]) || PORT_DEFAULT;
  return { host: url.hostname.replace(/^\[|\]$/g, ""), port, isSecure: url.protocol === "https:" };
}

function invalid(text: string, cause?: unknown): ClientError {
  return new ClientError(
    "invalid_options",
    `endpoint must be host:port, http://host:port or https://host:port, and is "${text}"`,
    { cause },
  );
}

/** As the system resolves names (Kubernetes: a headless service has an address for each ready pod). */
export const systemResolve: Resolve = async (host) =>
  (await lookup(host, { all: true, verbatim: true })).map(({ address }) => address);

/** Rejects with what the first failing resolution said only when no endpoint could be resolved. */
export async function resolveAll(endpoints: readonly Endpoint[], resolve: Resolve): Promise<Address[]> {
  const results = await Promise.allSettled(
    endpoints.map(async (endpoint) => {
      const ips = isIP(endpoint.host) > 0 ? [endpoint.host] : await resolve(endpoint.host);
      return ips.map((ip): Address => ({ ...endpoint, ip }));
    }),
  );
  const addresses = new Map<string, Address>();
  for (const result of results) {
    if (result.status === "rejected") continue;
    for (const address of result.value) addresses.set(nameOf(address), address);
  }
  const failed = results.find((result) => result.status === "rejected");
  if (addresses.size === 0 && failed !== undefined) throw failed.reason;
  return [...addresses.values()];
}

/** `ip:port`. */
export function nameOf({ ip, port }: Address): string {
  return isIP(ip) === 6 ? `[${ip}]:${port}` : `${ip}:${port}`;
}
