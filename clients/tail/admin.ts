/**
 * Health and metrics over HTTP, for probes and Prometheus (text exposition format 0.0.4). Nothing here can be changed.
 *
 *   /healthz   200 while the loop goes round; 503 when it has been stuck for half a minute
 *   /readyz    200 while a collector answers, or nothing has been sent yet
 *   /metrics   counters
 *   /status    the same as JSON
 */
import { systemCodeOf, TailError } from "./errors.ts";
import type { AgentStatus } from "./status.ts";

export interface AdminServer {
  readonly port: number;
  stop(): Promise<void>;
}

const STUCK_MS = 30_000;

/** Throws TailError `address_in_use`. */
export function startAdmin(address: string, status: () => AgentStatus): AdminServer {
  const [, host = "", port = ""] = /^\[?(.*?)\]?:(\d+)$/.exec(address) ?? [];
  try {
    const server = Bun.serve({
      hostname: host,
      port: Number(port),
      idleTimeout: 10,
      fetch: (request) => answer(new URL(request.url).pathname, status()),
    });
    return { port: server.port ?? Number(port), stop: () => server.stop(true) };
  } catch (cause) {
    const words = `admin.address ${address} can't be listened on (${systemCodeOf(cause)}): is another agent running?`;
    throw new TailError("address_in_use", words, { cause });
  }
}

function answer(path: string, status: AgentStatus): Response {
  const say = (text: string, code: number): Response => new Response(`${text}\n`, { status: code });
  switch (path) {
    case "/healthz":
      return status.loopAgeMs < STUCK_MS ? say("ok", 200) : say("the loop is stuck", 503);
    case "/readyz":
      return status.isConnected || status.sentRecords === 0 ? say("ok", 200) : say("no collector answers", 503);
    case "/metrics":
      return new Response(metricsOf(status), { headers: { "content-type": "text/plain; version=0.0.4" } });
    case "/status":
      return Response.json(status);
    default:
      return say("there are /healthz, /readyz, /metrics and /status", 404);
  }
}

/** Name, kind, what it is, its value. */
type Metric = readonly [string, "counter" | "gauge", string, number];

/** The text that Prometheus reads. */
export function metricsOf(status: AgentStatus): string {
  const metrics: Metric[] = [
    ["lines_total", "counter", "Lines read", status.lines],
    ["read_bytes_total", "counter", "Bytes of lines read", status.bytes],
    ["records_sent_total", "counter", "Log records given to the sender", status.sentRecords],
    ["records_acknowledged_total", "counter", "Log records acknowledged", status.acknowledgedRecords],
    ["records_refused_total", "counter", "Log records that the collector can never take", status.refusedRecords],
    ["sent_bytes_total", "counter", "Bytes of requests", status.sentBytes],
    ["retries_total", "counter", "Attempts without an answer", status.retries],
    ["waiting_bytes", "gauge", "Bytes read and not acknowledged", status.waitingBytes],
    ["held_bytes", "gauge", "Bytes of unfinished events", status.heldBytes],
    ["unread_bytes", "gauge", "Bytes of files that are not read yet", status.unreadBytes],
    ["files", "gauge", "Files followed", status.files],
    ["open_files", "gauge", "Files open", status.openFiles],
    ["positions", "gauge", "Positions kept", status.positions],
    ["files_rotated_total", "counter", "Rotated files found and read on", status.rotated],
    ["files_truncated_total", "counter", "Files that were truncated", status.truncated],
    ["files_truncated_without_copy_total", "counter", "Of them, without a copy", status.truncatedWithoutCopy],
    ["files_damaged_total", "counter", "Compressed files not read to their end", status.damaged],
    ["connected", "gauge", "Whether a collector answers", status.isConnected ? 1 : 0],
  ];
  const perSource = [
    ["records_total", "Log records made", "records"],
    ["filtered_total", "Lines left out by rules", "filtered"],
    ["unparsed_total", "Lines that are not in their format, sent as they are", "unparsed"],
    ["without_time_total", "Fields that hold no time of the format", "withoutTime"],
    ["not_utf8_total", "Lines that are no UTF-8, sent as bytes", "notUtf8"],
    ["long_lines_total", "Lines longer than the limit", "longLines"],
  ] as const;
  return [
    ...metrics.map(([name, kind, help, value]) => family(name, kind, help, [["", value]])),
    ...perSource.map(([name, help, key]) =>
      family(
        `source_${name}`,
        "counter",
        help,
        status.sources.map((source) => [`{source="${source.name}"}`, source[key]]),
      ),
    ),
  ].join("");
}

function family(name: string, kind: string, help: string, values: readonly (readonly [string, number])[]): string {
  const full = `standpipe_tail_${name}`;
  const lines = values.map(([labels, value]) => `${full}${labels} ${value}\n`);
  return `# HELP ${full} ${help}.\n# TYPE ${full} ${kind}\n${lines.join("")}`;
}
