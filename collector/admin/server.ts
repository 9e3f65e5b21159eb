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
 * port of its own (`startPageServer`). Both have limits on connections (listening.ts).
 */
import type { Clock, Random } from "../clock.ts";
import type { Current } from "../identity/rotating.ts";
import type { TlsFiles } from "../identity/tls-files.ts";
import { type Console, isOwnName } from "./console/console.ts";
import {
  ADMIN_CONNECTION_LIMITS,
  type AdminConnectionLimits,
  type AdminServer,
  type Asked,
  listenForAdmin,
  PAGE_CONNECTION_LIMITS,
  say,
} from "./listening.ts";
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
  readonly clock: Clock;
  readonly random: Random;
  readonly limits?: AdminConnectionLimits;
}

const PROMETHEUS = { "content-type": "text/plain; version=0.0.4; charset=utf-8" };
const JSON_TYPE = { "content-type": "application/json" };

/** Listens on `address` (host:port). Rejects with CollectorError `config_invalid` when that can't be had. */
export function startAdminServer(address: string, parts: AdminParts): Promise<AdminServer> {
  const { clock, random, limits = ADMIN_CONNECTION_LIMITS } = parts;
  return listenForAdmin({
    key: "admin.address",
    address,
    limits,
    clock,
    random,
    answer: (request, asked) =>
      isOwnName(hostOf(address), asked.hostname) ? answer(request, parts, asked) : anotherMachine(),
  });
}

export interface PageServerOptions {
  readonly address: string;
  /** Undefined: plaintext, on loopback. */
  readonly tls: Current<TlsFiles> | undefined;
  readonly console: Console;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits?: AdminConnectionLimits;
}

/** Shows the page alone, over HTTPS. Rejects with CollectorError `config_invalid` when the address can't be had. */
export function startPageServer(options: PageServerOptions): Promise<AdminServer> {
  const { address, tls, console, limits = PAGE_CONNECTION_LIMITS } = options;
  return listenForAdmin({
    ...options,
    key: "admin.pageAddress",
    limits,
    answer: (request, { callerAddress, hostname }) => {
      if (!isOwnName(hostOf(address), hostname)) return anotherMachine();
      if (!isReading(request)) return readOnly();
      const way = { callerAddress, isPrivate: tls !== undefined };
      return console.answer(request, way) ?? say(404, "here is the page, at /, and nothing else");
    },
  });
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(":")).replace(/^\[|\]$/g, "");
}

function isReading({ method }: Request): boolean {
  return method === "GET" || method === "HEAD";
}

function readOnly(): Response {
  return say(405, "read-only", { connection: "close" });
}

function anotherMachine(): Response {
  return say(421, "this is another machine's name");
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

function answer(request: Request, parts: AdminParts, { callerAddress, pathname }: Asked): Response | Promise<Response> {
  if (!isReading(request)) return readOnly();
  const page = PAGES[pathname];
  if (page !== undefined) return page(parts);
  const shown = parts.console();
  return (
    shown?.answer(request, { callerAddress, isPrivate: parts.isPlaintextPage }) ??
    (shown === undefined ? starting() : say(404, `try /, ${Object.keys(PAGES).join(", ")}`))
  );
}

function starting(): Response {
  return say(503, "the collector is starting: try again in a moment");
}
