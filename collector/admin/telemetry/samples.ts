/** A status as a collector with one route has it, for tests of what is made of it. */

import { Histogram } from "../../histogram.ts";
import { NOBODY_REFUSED } from "../../identity/identity.ts";
import { createCounters } from "../../ingest/counters.ts";
import type { CollectorStatus, RouteStatus } from "../status.ts";
import { checkBalance } from "./balance.ts";
import type { TelemetryView } from "./view.ts";

export function routeSample(changes: Partial<RouteStatus> = {}): RouteStatus {
  const quota = { bytesPerSecond: 1_048_576, recordsPerSecond: 100_000, requestsPerSecond: 1_000 };
  return {
    route: "default",
    stream: "logs",
    paused: undefined,
    cursor: 600n,
    pinnedBytes: 4_000,
    ledger: {
      accepted: 1_000n,
      delivered: 590n,
      filtered: 8n,
      quarantined: 2n,
      waiting: 400n,
      replayed: 0n,
      handedOver: 0n,
    },
    taken: [],
    openLogRecords: 400n,
    quarantine: { entries: 2, bytes: 700 },
    delivery: {
      state: "delivering",
      calls: 6,
      delivered: { logRecords: 590, records: 12, bytes: 300_000, lineBytes: 300_000, billedBytes: 307_200 },
      throttled: { records: 1, bytes: 20_000 },
      retried: { records: 1, bytes: 20_000 },
      quarantinedLogRecords: 2,
      oversize: { split: 0, truncated: 0 },
      inFlight: { calls: 1, bytes: 50_000 },
      readAheadBytes: 60_000,
      lastError: { code: "ServiceUnavailableException", message: "Slow down.", atMs: 1 },
      backoffMs: 0,
    },
    quota,
    pace: {
      ceiling: quota,
      believedBytesPerSecond: 1_048_576,
      share: 1,
      replicas: 1,
      bytesPerSecond: 1_000_000,
      level: 1,
      failedFraction: 0,
      isGrowing: false,
      source: "region",
      arrivingBytesPerSecond: 500_000,
      wantsBytesPerSecond: 2_000_000,
      backlogBytes: 200_000,
      backlogAgeMs: 1_500,
      forecast: {
        caughtUpSeconds: 0.2,
        quotaUsed: 0.9,
        demandBytesPerSecond: undefined,
        quotaNeededMibPerSecond: undefined,
        limitIncreaseRequest: undefined,
      },
    },
    drainSeconds: 0.2,
    ...changes,
  };
}

const certificate = {
  what: "identity.certificate",
  loadedAtMs: 0,
  changes: 0,
  problem: undefined,
  expiresAtMs: Date.UTC(2026, 0, 31),
};

export function statusSample(): CollectorStatus & { readonly routes: readonly [RouteStatus] } {
  return {
    forecast: { fullSeconds: Number.POSITIVE_INFINITY },
    ingest: {
      ...createCounters(),
      acknowledgedCalls: 20,
      acknowledgedRecords: 1_000,
      acknowledgedBytes: 100_000,
      inFlightBytes: 0,
      heldCalls: 0,
      heldBytes: 0,
      heldTotal: 0,
      receivingBytes: 0,
      unreadCalls: 0,
      httpRequests: 0,
      streams: { open: 2, opened: 5, broken: 1, batches: 40, refusedBatches: 2, windowBytes: 65_536, bytes: 1_000 },
      tenants: [],
      connections: { open: 1, tooMany: 0, tooFast: 0, halfOpen: 0, handshakesFailed: 0 },
      httpConnections: { open: 1, tooMany: 0, tooFast: 0, halfOpen: 0, handshakesFailed: 0 },
    },
    identity: { files: [certificate], senders: { ...NOBODY_REFUSED }, replicas: { ...NOBODY_REFUSED } },
    journal: {
      collectorId: "c0ffee",
      head: 1_000n,
      tail: 500n,
      segments: 2,
      bytes: 8_000,
      bytesMax: 1_000_000,
      diskFreeBytes: 10_000_000,
      isFull: false,
      commits: 20,
      committedBytes: 100_000,
      writtenBytes: 16_000,
      writingMs: 0,
    },
    peers: { listed: 0, heard: [] },
    routes: [routeSample()],
  };
}

export function viewSample(): TelemetryView {
  const status = statusSample();
  const durations = new Histogram();
  for (const seconds of [0.001, 0.002, 0.5, 100]) durations.note(seconds);
  const snapshot = durations.snapshot();
  return {
    atMs: Date.UTC(2026, 0, 1),
    status,
    balance: checkBalance(status, 0n),
    durations: {
      exports: snapshot,
      commits: snapshot,
      calls: [{ route: "default", stream: "logs", durations: snapshot }],
    },
    process: {
      residentBytes: 150_000_000,
      cpuUserSeconds: 3,
      cpuSystemSeconds: 1,
      uptimeSeconds: 60,
      loopLagSeconds: 0.01,
    },
    fullSeconds: Number.POSITIVE_INFINITY,
    isAlive: true,
  };
}
