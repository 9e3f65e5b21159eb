/**
 * grpc.health.v1, for probes and for clients that balance by it.
 *
 * Two names, which answer two questions:
 * - "" : does this process get on with its work (admin/telemetry/watchdog.ts)? A full journal does not make it
 *   NOT_SERVING, so that a liveness probe never restarts a collector for what a restart would not mend.
 * - LogsService and Ingest: would a write be taken now? Also NOT_SERVING while the journal has no room: what a readiness probe or a
 *   balancing client should ask.
 *
 * Watch looks once per `pollMs` while somebody watches: room can go without an event to tell of it.
 */
import {
  type ServerWritableStream,
  type sendUnaryData,
  status,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import type { HealthCheckRequest__Output } from "../../proto/gen/grpc/health/v1/HealthCheckRequest.ts";
import {
  type HealthCheckResponse,
  _grpc_health_v1_HealthCheckResponse_ServingStatus as ServingStatus,
} from "../../proto/gen/grpc/health/v1/HealthCheckResponse.ts";
import type { Clock } from "../clock.ts";
import { INGEST_SERVICE, LOGS_SERVICE } from "./protocol.ts";

type Watcher = ServerWritableStream<HealthCheckRequest__Output, HealthCheckResponse>;

export interface Health {
  readonly handlers: UntypedServiceImplementation;
  /** Says NOT_SERVING from now on, and ends every Watch after saying so: an open stream would hold up the shutdown. */
  drain(): void;
}

export interface HealthOptions {
  /** Whether a write would be taken now. */
  readonly acceptsWrites: () => boolean;
  /** Whether the process gets on with its work. */
  readonly makesProgress: () => boolean;
  readonly clock: Clock;
  /** How often a watcher is looked after, in milliseconds. */
  readonly pollMs: number;
}

export function createHealth({ acceptsWrites, makesProgress, clock, pollMs }: HealthOptions): Health {
  const watchers = new Map<Watcher, number>();
  const drained = new AbortController();
  let polling = false;

  /** Undefined for a name that is not served. */
  const statusOf = (service: string): number | undefined => {
    if (service !== "" && service !== LOGS_SERVICE && service !== INGEST_SERVICE) return undefined;
    const serving = !drained.signal.aborted && (service === "" ? makesProgress() : acceptsWrites());
    return serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
  };

  /** Tells a watcher its status unless that is what it was told last. */
  const tell = (watcher: Watcher): void => {
    const now = statusOf(watcher.request.service ?? "") ?? ServingStatus.SERVICE_UNKNOWN;
    if (watchers.get(watcher) === now) return;
    watchers.set(watcher, now);
    watcher.write({ status: now as 0 | 1 | 2 | 3 });
  };

  const poll = async (): Promise<void> => {
    if (polling) return;
    polling = true;
    while (watchers.size > 0 && !drained.signal.aborted) {
      await clock.sleep(pollMs, drained.signal);
      for (const watcher of watchers.keys()) tell(watcher);
    }
    polling = false;
  };

  return {
    handlers: {
      Check: (call: { request: HealthCheckRequest__Output }, answer: sendUnaryData<HealthCheckResponse>): void => {
        const now = statusOf(call.request.service ?? "");
        if (now === undefined) answer({ code: status.NOT_FOUND, details: "no such service here" });
        else answer(null, { status: now as 0 | 1 | 2 | 3 });
      },
      Watch: (watcher: Watcher): void => {
        watcher.on("cancelled", () => watchers.delete(watcher));
        watchers.set(watcher, -1);
        tell(watcher);
        if (drained.signal.aborted) watcher.end();
        else void poll();
      },
    },
    drain: () => {
      drained.abort();
      for (const watcher of watchers.keys()) {
        tell(watcher);
        watcher.end();
      }
      watchers.clear();
    },
  };
}
