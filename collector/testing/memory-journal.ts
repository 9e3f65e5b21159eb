/**
 * A journal in memory, for tests of delivery, with a transcoder to match: a log record is a line of text, a request is
 * lines of text. `MemoryLedger.crashed()` is the ledger that a restart would find: only what was flushed.
 */
import { assert } from "../errors.ts";
import type { Commit, Counts, Damage, JournalReader, QuarantineEntry, RouteLedger } from "../journal/port.ts";
import type { Lines } from "../otlp/transcode.ts";

const NEWLINE = 0x0a;

export class MemoryJournal implements JournalReader {
  readonly collectorId = "test";
  readonly #items: (Commit | Damage)[] = [];
  readonly #waiting = new Set<() => void>();
  #head = 0n;
  /** How often something was read. */
  reads = 0;
  /** Fails the next so many reads. */
  failures = 0;

  get head(): bigint {
    return this.#head;
  }

  /** One commit of these log records, none of which holds a newline. */
  append(lines: readonly string[]): bigint {
    const first = this.#head;
    const request = new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""));
    this.#items.push({ kind: "commit", first, records: lines.length, committedAtMs: 0, request, isFor: () => true });
    this.#advance(lines.length);
    return first;
  }

  /** A range whose bytes are lost. */
  appendDamage(records: number, reason: string): void {
    const first = this.#head;
    this.#items.push({ kind: "damage", first, end: first + BigInt(records), reason });
    this.#advance(records);
  }

  async read(from: bigint): Promise<Commit | Damage | undefined> {
    this.reads += 1;
    if (this.failures > 0) {
      this.failures -= 1;
      throw new Error("the disk can't be read");
    }
    if (from >= this.#head) return undefined;
    let low = 0;
    let high = this.#items.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#items[middle]?.first ?? 0n) <= from) low = middle;
      else high = middle - 1;
    }
    const item = this.#items[low];
    // As from the disk: the bytes are the reader's own.
    return item?.kind === "commit" ? { ...item, request: item.request.slice() } : item;
  }

  async waitForHead(ordinal: bigint, signal: AbortSignal): Promise<void> {
    while (this.#head <= ordinal && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiting.delete(wake);
          signal.removeEventListener("abort", wake);
          resolve();
        };
        this.#waiting.add(wake);
        signal.addEventListener("abort", wake, { once: true });
      });
    }
  }

  #advance(records: number): void {
    this.#head += BigInt(records);
    for (const wake of [...this.#waiting]) wake();
  }
}

interface Row {
  readonly finished: ReadonlySet<bigint>;
  readonly counts: Counts;
  readonly quarantine: readonly QuarantineEntry[];
}

const EMPTY: Row = { finished: new Set(), counts: { delivered: 0, filtered: 0, quarantined: 0 }, quarantine: [] };

export class MemoryLedger implements RouteLedger {
  readonly route: string;
  readonly start = 0n;
  readonly replayed = 0n;
  readonly handedOver = 0n;
  readonly #finished: Set<bigint>;
  readonly #counts: { delivered: number; filtered: number; quarantined: number };
  readonly entries: QuarantineEntry[];
  #durable: Row;
  #cursor = 0n;
  /** Fails the next so many writes to quarantine. */
  failures = 0;
  flushes = 0;

  constructor(route = "main", row: Row = EMPTY) {
    this.route = route;
    this.#durable = row;
    this.#finished = new Set(row.finished);
    this.#counts = { ...row.counts };
    this.entries = [...row.quarantine];
    this.#advance();
  }

  get cursor(): bigint {
    return this.#cursor;
  }

  get totals(): RouteLedger["totals"] {
    const { delivered, filtered, quarantined } = this.#counts;
    return { delivered: BigInt(delivered), filtered: BigInt(filtered), quarantined: BigInt(quarantined) };
  }

  openRanges(first: bigint, end: bigint): { first: bigint; end: bigint }[] {
    const ranges: { first: bigint; end: bigint }[] = [];
    for (let ordinal = first; ordinal < end; ordinal++) {
      if (this.#finished.has(ordinal)) continue;
      const last = ranges.at(-1);
      if (last?.end === ordinal) last.end = ordinal + 1n;
      else ranges.push({ first: ordinal, end: ordinal + 1n });
    }
    return ranges;
  }

  finish(first: bigint, end: bigint, counts: Counts): void {
    const records = counts.delivered + counts.filtered + counts.quarantined;
    assert(BigInt(records) === end - first, "the counts do not add up to the range");
    for (let ordinal = first; ordinal < end; ordinal++) {
      assert(!this.#finished.has(ordinal), `${ordinal} was settled twice`);
      this.#finished.add(ordinal);
    }
    this.#counts.delivered += counts.delivered;
    this.#counts.filtered += counts.filtered;
    this.#counts.quarantined += counts.quarantined;
    this.#advance();
  }

  async quarantine(entry: QuarantineEntry): Promise<void> {
    if (this.failures > 0) {
      this.failures -= 1;
      throw new Error("the disk is full");
    }
    this.entries.push(entry);
    this.finish(entry.ordinal, entry.ordinal + 1n, { delivered: 0, filtered: 0, quarantined: 1 });
    await this.flush();
  }

  async flush(): Promise<void> {
    this.flushes += 1;
    this.#durable = { finished: new Set(this.#finished), counts: { ...this.#counts }, quarantine: [...this.entries] };
  }

  /** The ledger that is found on disk after a crash now. */
  crashed(): MemoryLedger {
    return new MemoryLedger(this.route, this.#durable);
  }

  #advance(): void {
    while (this.#finished.has(this.#cursor)) this.#cursor += 1n;
  }
}

/** Lines of text in, the same lines out, in a buffer that the next call overwrites, as the real one does. */
export class LineTranscoder {
  readonly #buffer = new Uint8Array(4 * 1024 * 1024);
  #used = 0;
  /** Lines that contain this can't be transcoded. */
  poison: string | undefined;
  /** Lines that contain this are filtered out. */
  filtered: string | undefined;
  /** Looks at no more log records than this at a time. */
  linesMax = Number.POSITIVE_INFINITY;

  transcode(request: Uint8Array, _first: bigint, from: number, upTo: number): Lines {
    const to = Math.min(upTo, from + this.linesMax);
    const ends: number[] = [];
    const indexes: number[] = [];
    this.#buffer.fill(0x23, 0, this.#used);
    let bytes = 0;
    for (let index = from; index < to; index++) {
      const line = extractLine(request, index);
      const text = new TextDecoder().decode(line);
      if (this.poison !== undefined && text.includes(this.poison)) throw new Error("poison");
      if (this.filtered !== undefined && text.includes(this.filtered)) continue;
      this.#buffer.set(line, bytes);
      bytes += line.length;
      ends.push(bytes);
      indexes.push(index);
    }
    this.#used = bytes;
    return {
      bytes: this.#buffer.subarray(0, bytes),
      ends: Uint32Array.from(ends),
      count: ends.length,
      indexes: Uint32Array.from(indexes),
      from,
      to,
    };
  }
}

/** Line `index` of a request, with its newline. */
export function extractLine(request: Uint8Array, index: number): Uint8Array {
  let start = 0;
  for (let line = 0; line < index; line++) start = request.indexOf(NEWLINE, start) + 1;
  return request.slice(start, request.indexOf(NEWLINE, start) + 1);
}
