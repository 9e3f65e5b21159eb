/**
 * The page of the admin port and what it asks for. Read-only: nothing here changes anything.
 *
 * | path | answers |
 * |---|---|
 * | `/` | the page: one file, made by `bun run generate` from app/ |
 * | `/console/events` | events `history` once, then `view` every second |
 * | `/console/tail?route=&filter=` | events `lines`; `problem` where the filter can't be understood |
 * | `/console/quarantine?route=&after=` | log records in quarantine with their reasons: 50, or fewer of long ones |
 *
 * Who may: with `admin.tokens` whoever shows one of them, as for the admin service; without, anybody on this machine (a port that
 * is forwarded counts as such). From elsewhere neither logs nor tokens are to go in plaintext: that is refused before a token is
 * looked at, so that no page asks for one. The page itself holds no data, and is shown to everybody.
 *
 * A web site elsewhere must not read logs through the browser of an operator whose loopback we listen on: on loopback only names
 * that mean this machine are answered, which a name that was pointed here is not.
 */
import type { RouteConfig } from "../../config/config.ts";
import { CollectorError } from "../../errors.ts";
import type { Authenticator } from "../../identity/authenticator.ts";
import type { QuarantineEntry } from "../../journal/port.ts";
import { describeEntry } from "../../journal/quarantine.ts";
import type { SegmentFacts } from "../../journal/segments.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import type { QuarantineRow } from "./shapes.ts";
import { toSnapshot } from "./snapshot.ts";
import { createEventStreams } from "./streams.ts";
import type { Tail } from "./tail.ts";

export interface ConsoleParts {
  /** Knows the operators' tokens; open where there are none. */
  readonly authenticator: Pick<Authenticator, "isOpen" | "takesTokens" | "authenticate">;
  readonly telemetry: Pick<Telemetry, "history" | "view" | "watch">;
  readonly tail: Tail;
  readonly routes: () => readonly RouteConfig[];
  readonly segments: () => readonly SegmentFacts[];
  readonly quarantine: {
    list(route: string, limit: number, after?: bigint): Promise<QuarantineEntry[]>;
  };
}

/** How a request has come. */
export interface Way {
  /** An IP address. */
  readonly callerAddress: string;
  /** Whether nobody in between can read it, or that has been asked for by name. */
  readonly isPrivate: boolean;
}

export interface Console {
  /** Undefined where the path is not one of its. */
  answer(request: Request, way: Way): Promise<Response> | undefined;
  close(): void;
}

const EVENT_STREAMS_MAX = 16;
const TAILS_MAX = 4;
const QUARANTINE_ROWS_MAX = 50;

/** Log records of one answer come to so much at most, and one more. */
const QUARANTINE_BYTES_MAX = 2_097_152;

/** What of a long log record the page gets. */
const LOG_CHARACTERS_MAX = 20_000;

export function createConsole({ authenticator, telemetry, tail, routes, segments, quarantine }: ConsoleParts): Console {
  const events = createEventStreams(EVENT_STREAMS_MAX);
  const tails = createEventStreams(TAILS_MAX);
  const pages: Readonly<Record<string, (url: URL) => Promise<Response> | Response>> = {
    "/": async () => {
      const { PAGE, PAGE_POLICY } = await import("./page.generated.ts");
      return new Response(PAGE, {
        headers: {
          "content-type": "text/html; charset=utf-8",
          "content-security-policy": PAGE_POLICY,
          "referrer-policy": "no-referrer",
          "x-content-type-options": "nosniff",
        },
      });
    },
    "/console/events": () =>
      events.open((send) => {
        send("history", JSON.stringify(telemetry.history.samples));
        const view = telemetry.view();
        if (view !== undefined) send("view", JSON.stringify(toSnapshot(view, segments())));
        return telemetry.watch((now) => {
          const sample = telemetry.history.samples.at(-1);
          if (sample !== undefined) send("sample", JSON.stringify(sample));
          send("view", JSON.stringify(toSnapshot(now, segments())));
        });
      }),
    "/console/tail": ({ searchParams }) => {
      const filter = searchParams.get("filter")?.trim();
      return tails.open((send) => {
        let unsent = 0;
        try {
          return tail.watch(searchParams.get("route") ?? undefined, filter === "" ? undefined : filter, (piece) => {
            const skipped = piece.skipped + unsent;
            unsent = send("lines", JSON.stringify({ ...piece, skipped })) ? 0 : skipped + piece.lines.length;
          });
        } catch (reason) {
          if (!(reason instanceof CollectorError)) throw reason;
          send("problem", reason.message);
          return () => undefined;
        }
      });
    },
    "/console/quarantine": async ({ searchParams }) => {
      const route = searchParams.get("route") ?? routes()[0]?.name ?? "";
      const last = searchParams.get("after") ?? "";
      const beyond = /^\d{1,19}$/.test(last) ? BigInt(last) : undefined;
      const rows: QuarantineRow[] = [];
      let after = beyond;
      let bytes = 0;
      // One by one: log records in quarantine are often the largest there are.
      while (rows.length < QUARANTINE_ROWS_MAX && bytes < QUARANTINE_BYTES_MAX) {
        const [entry] = await quarantine.list(route, 1, after);
        if (entry === undefined) break;
        rows.push(toRow(entry));
        after = entry.ordinal;
        bytes += entry.request.byteLength;
      }
      return Response.json(rows);
    },
  };
  return {
    answer: (request, way) => {
      const url = new URL(request.url, "http://127.0.0.1");
      const page = pages[url.pathname];
      if (page === undefined) return undefined;
      return answerAllowed(async () => {
        if (url.pathname !== "/") await assertAllowed(request, way, authenticator);
        return await page(url);
      });
    },
    close: () => {
      events.close();
      tails.close();
    },
  };
}

async function assertAllowed(
  request: Request,
  { callerAddress, isPrivate }: Way,
  authenticator: ConsoleParts["authenticator"],
): Promise<void> {
  if (!LOCAL_ADDRESS.test(callerAddress) && (authenticator.isOpen || !isPrivate)) {
    const what =
      "in plaintext logs are shown on this machine only: forward the port (kubectl port-forward), or ask over HTTPS, at admin.pageAddress";
    throw new CollectorError("permission_denied", what);
  }
  if (authenticator.isOpen) return;
  if (!authenticator.takesTokens) {
    const what = "the page knows people by tokens: set admin.tokens beside admin.authorities, and show one of them";
    throw new CollectorError("permission_denied", what);
  }
  const authorization = request.headers.get("authorization") ?? undefined;
  await authenticator.authenticate({ authorization, certificate: undefined });
}

async function answerAllowed(page: () => Promise<Response>): Promise<Response> {
  try {
    return await page();
  } catch (reason) {
    if (!(reason instanceof CollectorError)) throw reason;
    const status = { unauthenticated: 401, permission_denied: 403 }[reason.code as string] ?? 503;
    return new Response(`${reason.message}\n`, { status, headers: { "content-type": "text/plain; charset=utf-8" } });
  }
}

const LOCAL_ADDRESS = /^(::ffff:)?127\.|^::1$/;

const LOOPBACK = /^(127\.[\d.]+|\[::1\]|localhost)$/;

function toRow(entry: QuarantineEntry): QuarantineRow {
  const { otlp: _, log, ...head } = JSON.parse(describeEntry(entry)) as QuarantineRow & { readonly otlp: string };
  const text = JSON.stringify(log);
  const shown = text.length > LOG_CHARACTERS_MAX ? `${text.slice(0, LOG_CHARACTERS_MAX)}…` : log;
  return { ...head, log: shown, characters: text.length };
}

/** Whether a request by the name `requestHost` may be answered by who listens on `listenHost`. */
export function isOwnName(listenHost: string, requestHost: string): boolean {
  const bare = (host: string): string => (host.includes(":") && !host.startsWith("[") ? `[${host}]` : host);
  return !LOOPBACK.test(bare(listenHost)) || LOOPBACK.test(requestHost);
}
