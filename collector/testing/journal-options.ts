import { systemClock } from "../clock.ts";
import type { JournalOptions } from "../journal/options.ts";
import type { RouteLedger } from "../journal/port.ts";
import { silentLog } from "../log.ts";

/** Small segments, so that a test sees many of them. */
export function journalOptions(directory: string, changes: Partial<JournalOptions> = {}): JournalOptions {
  return {
    directory,
    segmentBytesMax: 65_536,
    commitBytesMax: 16_384,
    bytesMax: 64 * 1_048_576,
    compression: "none",
    compressionLevel: 1,
    freeBytesMin: 1_048_576,
    quarantineBytesMax: 64 * 1_048_576,
    cursorIntervalMs: 1,
    clock: systemClock,
    random: Math.random,
    log: silentLog,
    ...changes,
  };
}

/** A request of `bytes` bytes whose content tells it from every other one. The journal does not look inside. */
export function numberedRequest(number: number, bytes = 1_000): Uint8Array {
  const request = new Uint8Array(bytes);
  const view = new DataView(request.buffer);
  for (let offset = 0; offset + 8 <= bytes; offset += 8) {
    view.setUint32(offset, number);
    view.setUint32(offset + 4, Math.imul(number + offset, 2_654_435_761));
  }
  return request;
}

/** Settles [first, end) as delivered. */
export function deliver(ledger: RouteLedger, first: bigint, end: bigint): void {
  ledger.finish(first, end, { delivered: Number(end - first), filtered: 0, quarantined: 0 });
}
