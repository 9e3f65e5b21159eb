/**
 * What can be asked over HTTP, read-only, on loopback unless configured otherwise. It listens before anything else is built, so
 * that a slow start can be watched, and until the last has stopped.
 *
 * | path | answers |
 * |---|---|
 * | `/livez` | 200 while progress is being made, 503 with what stands still (telemetry/watchdog.ts) |
 * | `/readyz` | 200 when a write would be accepted |
 * | `/startupz` | 200 once everything has been started |
 * | `/status` | the status as JSON |
 * | `/metrics` | metrics in Prometheus's text format |
 * | `/` | the page, and below `/console` what it asks for (console/console.ts) |
 *
 * It is plaintext, since probes and scrapers come here: the page's data goes to callers on this machine, or over HTTPS, from a
 * port of its own (`startPageServer`).
 */
import { CollectorError } from "../errors.ts";
import { serveFollowing } from "../identity/following-server.ts";
import type { Current } from "../identity/rotating.ts";
import type { TlsFiles } from "../identity/tls-files.ts";
import type { Log } from "../log.ts";
import { type Console, isOwnName } from "./console/console.ts";
import { type CollectorStatus, toJson } from "./status.ts";
import type { Telemetry } from "./telemetry/telemetry.ts";

export interface AdminParts {
  /** Undefined until everything has been built. */
  readonly status: () => CollectorStatus | undefined;
  readonly phase: () => "starting" | "running" | "draining" | "stopping";
  readonly telemetry: Pick<Telemetry, "problems" | "prometheus">;
  /** Undefined until everything has been built. */
  readonly console: () => Console | undefined;
  /** Whether others on the network may see logs in plaintext: asked for by name. */
  readonly isPlaintextPage: boolean;
}

export interface AdminServer {
  readonly port: number;
  stop(): Promise<void>;
}

const PLAIN = { "content-type": "text/plain; charset=utf-8" };
const PROMETHEUS = { "content-type": "text/plain; version=0.0.4; charset=utf-8" };
const JSON_TYPE = { "content-type": "application/json" };

/** Listens on `address` (host:port). Throws CollectorError `config_invalid` when that can't be had. */
export function startAdminServer(address: string, parts: AdminParts): AdminServer {
  const { hostname, port } = split(address);
  try {
    const server = Bun.serve({
      hostname,
      port,
      // Bun would otherwise share the port with whoever has it, in silence.
      reusePort: false,
      fetch: (request, bun) => {
        const { hostname: asked, pathname } = new URL(request.url);
        if (!isOwnName(hostname, asked)) return say(421, "this is another machine's name");
        // A stream of events may be silent for longer than Bun waits.
        if (pathname.startsWith("/console/")) bun.timeout(request, 0);
        return answer(request, parts, bun.requestIP(request)?.address ?? "");
      },
      error: () => say(500, "this can't be told now"),
    });
    return { port: server.port as number, stop: () => server.stop(true) };
  } catch (cause) {
    throw cannotListen("admin.address", address, cause);
  }
}

export interface PageServerOptions {
  readonly address: string;
  /** Undefined: plaintext, on loopback. */
  readonly tls: Current<TlsFiles> | undefined;
  readonly console: Console;
  readonly log: Log;
}

/** Shows the page alone, over HTTPS. Throws CollectorError `config_invalid` when the address can't be had. */
export function startPageServer({ address, tls, console, log }: PageServerOptions): AdminServer {
  const { hostname, port } = split(address);
  const serve = (at: number) => {
    try {
      return Bun.serve({
        hostname,
        port: at,
        reusePort: false,
        ...(tls === undefined ? {} : { tls: { cert: tls.value.certificate, key: tls.value.key } }),
        fetch: (request, bun) => {
          const { hostname: asked, pathname } = new URL(request.url);
          if (!isOwnName(hostname, asked)) return say(421, "this is another machine's name");
          if (request.method !== "GET" && request.method !== "HEAD") return say(405, "read-only");
          if (pathname.startsWith("/console/")) bun.timeout(request, 0);
          const way = { callerAddress: bun.requestIP(request)?.address ?? "", isPrivate: tls !== undefined };
          return console.answer(request, way) ?? say(404, "here is the page, at /, and nothing else");
        },
        error: () => say(500, "this can't be told now"),
      });
    } catch (cause) {
      throw cannotListen("admin.pageAddress", address, cause);
    }
  };
  const server = serveFollowing(tls, port, serve, (reason) => {
    log.error({ err: reason }, "the page could not be offered again with the new certificate: restart the collector");
  });
  return { port: server.port, stop: () => server.stop(true) };
}

function split(address: string): { hostname: string; port: number } {
  const at = address.lastIndexOf(":");
  return { hostname: address.slice(0, at).replace(/^\[|\]$/g, ""), port: Number(address.slice(at + 1)) };
}

function cannotListen(key: string, address: string, cause: unknown): CollectorError {
  const what = `${key} ${address} can't be listened on (${String((cause as { code?: string }).code ?? cause)})`;
  return new CollectorError("config_invalid", `${what}: is another collector running? Choose another address`, {
    cause,
  });
}

type Page = (parts: AdminParts) => Response | Promise<Response>;

const PAGES: Readonly<Record<string, Page>> = {
  "/livez": ({ telemetry: { problems } }) => {
    return problems.length === 0 ? say(200, "alive") : say(503, `no progress:\n${problems.join("\n")}`);
  },
  "/readyz": ({ status, phase }) => {
    if (phase() !== "running") return say(503, phase());
    return status()?.journal.isFull === true ? say(503, "the journal is full") : say(200, "ready");
  },
  "/startupz": ({ phase }) => (phase() === "starting" ? say(503, "starting") : say(200, "started")),
  "/status": ({ status }) => {
    const now = status();
    return now === undefined ? starting() : new Response(`${toJson(now)}\n`, { headers: JSON_TYPE });
  },
  "/metrics": async ({ telemetry }) => {
    const text = await telemetry.prometheus();
    return text === undefined ? starting() : new Response(text, { headers: PROMETHEUS });
  },
};

function answer(request: Request, parts: AdminParts, callerAddress: string): Response | Promise<Response> {
  if (request.method !== "GET" && request.method !== "HEAD") return say(405, "read-only");
  const page = PAGES[new URL(request.url).pathname];
  if (page !== undefined) return page(parts);
  const shown = parts.console();
  return (
    shown?.answer(request, { callerAddress, isPrivate: parts.isPlaintextPage }) ??
    (shown === undefined ? starting() : say(404, `try /, ${Object.keys(PAGES).join(", ")}`))
  );
}

function say(status: number, words: string): Response {
  return new Response(`${words}\n`, { status, headers: PLAIN });
}

function starting(): Response {
  return say(503, "the collector is starting: try again in a moment");
}
