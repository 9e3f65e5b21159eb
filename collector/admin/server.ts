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
 */
import { CollectorError } from "../errors.ts";
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
  const at = address.lastIndexOf(":");
  const hostname = address.slice(0, at).replace(/^\[|\]$/g, "");
  try {
    const server = Bun.serve({
      hostname,
      port: Number(address.slice(at + 1)),
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
    const what = `admin.address ${address} can't be listened on (${String((cause as { code?: string }).code ?? cause)})`;
    throw new CollectorError("config_invalid", `${what}: is another collector running? Choose another address`, {
      cause,
    });
  }
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
    shown?.answer(request, callerAddress) ??
    (shown === undefined ? starting() : say(404, `try /, ${Object.keys(PAGES).join(", ")}`))
  );
}

function say(status: number, words: string): Response {
  return new Response(`${words}\n`, { status, headers: PLAIN });
}

function starting(): Response {
  return say(503, "the collector is starting: try again in a moment");
}
