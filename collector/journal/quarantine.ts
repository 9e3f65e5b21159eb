/**
 * Records that their stream can never take, kept in the meta database with the reason, until a person has looked.
 *
 *    quarantine/<route>/<ordinal in 20 digits>   a line of JSON, a line break, the record's own bytes
 *    quarantined/<route>                         how many there are, and their bytes
 *
 * An entry, the totals and the cursor that passes the record are written in one synced batch. The bytes of a route are
 * limited: at the limit a put is refused, so the route waits with the record, and says so; nothing is dropped.
 */
import { CollectorError } from "../errors.ts";
import { Transcoder } from "../otlp/transcode.ts";
import type { Meta } from "./meta.ts";
import { toName } from "./ordinal.ts";
import type { QuarantineEntry } from "./port.ts";
import { Turns } from "./turns.ts";

export interface QuarantineTotals {
  readonly entries: number;
  readonly bytes: number;
}

const LINE_BREAK = 10;
const EMPTY: QuarantineTotals = { entries: 0, bytes: 0 };

export class Quarantine {
  readonly #meta: Meta;
  readonly #bytesMax: number;
  readonly #totals = new Map<string, QuarantineTotals>();
  readonly #removals = new Turns();

  /** `totals` is what `read` found; `bytesMax` bounds the bytes of each route. */
  private constructor(meta: Meta, bytesMax: number) {
    this.#meta = meta;
    this.#bytesMax = bytesMax;
  }

  static async open(meta: Meta, bytesMax: number): Promise<Quarantine> {
    const quarantine = new Quarantine(meta, bytesMax);
    const { rows, damaged } = await meta.rows(
      TOTALS_PREFIX,
      ROUTES_MAX,
      (value) => JSON.parse(toText(value)) as QuarantineTotals,
    );
    for (const [route, totals] of rows) quarantine.#totals.set(route, totals);
    for (const route of damaged) quarantine.#totals.set(route, await quarantine.#count(route));
    return quarantine;
  }

  /** What there is, by looking at all of it. */
  async #count(route: string): Promise<QuarantineTotals> {
    const prefix = `${ENTRY_PREFIX}${route}/`;
    let entries = 0;
    let bytes = 0;
    for (let after: string | undefined; ; ) {
      const page = await this.#meta.entries(prefix, COUNTED_AT_ONCE, after);
      if (page.length === 0) return { entries, bytes };
      entries += page.length;
      bytes += page.reduce((sum, { value }) => sum + value.byteLength, 0);
      after = page.at(-1)?.key;
    }
  }

  totals(route: string): QuarantineTotals {
    return this.#totals.get(route) ?? EMPTY;
  }

  /** Throws CollectorError `quarantine_full` when the route's limit is reached. */
  assertRoom(route: string): void {
    const { entries, bytes } = this.totals(route);
    if (bytes < this.#bytesMax) return;
    throw new CollectorError(
      "quarantine_full",
      `the quarantine of route ${route} holds ${entries} log records in ${bytes} bytes, its limit: look at them, then send them again or let them go`,
    );
  }

  /**
   * Resolves when the entry is on disk, in one batch with all rows marked before in the same turn. `replacedBytes` is what
   * the entry of that ordinal has now, undefined where there is none.
   */
  put(route: string, entry: QuarantineEntry, replacedBytes?: number): Promise<void> {
    const value = encode(entry);
    const { entries, bytes } = this.totals(route);
    return this.#write(route, entry.ordinal, value, {
      entries: entries + (replacedBytes === undefined ? 1 : 0),
      bytes: bytes + value.byteLength - (replacedBytes ?? 0),
    });
  }

  /** Bytes that an entry takes; undefined where there is none. */
  async bytesOf(route: string, ordinal: bigint): Promise<number | undefined> {
    const [found] = await this.#meta.entries(keyOf(route, ordinal), 1);
    return found?.value.byteLength;
  }

  /**
   * In the order of their ordinals: at most `limit`, those beyond `after` only, and fewer where they are large. None means
   * that there are no more.
   */
  async list(route: string, limit: number, after?: bigint): Promise<QuarantineEntry[]> {
    const prefix = `${ENTRY_PREFIX}${route}/`;
    const entries: QuarantineEntry[] = [];
    let bytes = 0;
    let from = after === undefined ? undefined : keyOf(route, after);
    for (let atOnce = READ_AT_ONCE; entries.length < limit && bytes < PAGE_BYTES_MAX; ) {
      const found = await this.#meta.entries(prefix, Math.min(atOnce, limit - entries.length), from);
      if (found.length === 0) break;
      from = found.at(-1)?.key;
      entries.push(...found.map(decode));
      bytes += found.reduce((sum, { value }) => sum + value.byteLength, 0);
      // As many as fit, if they go on as they began.
      atOnce = Math.max(1, Math.floor(((PAGE_BYTES_MAX - bytes) * entries.length) / bytes));
    }
    return entries;
  }

  /** All beyond `after`, a page in memory at a time. */
  async *all(route: string, after?: bigint): AsyncGenerator<QuarantineEntry> {
    for (let last = after; ; ) {
      const page = await this.list(route, PAGE_ENTRIES, last);
      if (page.length === 0) return;
      yield* page;
      last = page.at(-1)?.ordinal;
    }
  }

  async get(route: string, ordinal: bigint): Promise<QuarantineEntry | undefined> {
    const [found] = await this.#meta.entries(keyOf(route, ordinal), 1);
    return found === undefined ? undefined : decode(found);
  }

  /** Resolves when it is gone from the disk; with false when it was not there. */
  remove(route: string, ordinal: bigint): Promise<boolean> {
    const key = keyOf(route, ordinal);
    return this.#removals.take(key, async () => {
      const [found] = await this.#meta.entries(key, 1);
      if (found === undefined) return false;
      const { entries, bytes } = this.totals(route);
      const left = { entries: entries - 1, bytes: bytes - found.value.byteLength };
      await this.#write(route, ordinal, undefined, left);
      return true;
    });
  }

  #write(route: string, ordinal: bigint, value: Uint8Array | undefined, totals: QuarantineTotals): Promise<void> {
    this.#totals.set(route, totals);
    return this.#meta.write([
      { key: keyOf(route, ordinal), value },
      { key: `${TOTALS_PREFIX}${route}`, value: Buffer.from(JSON.stringify(totals)) },
    ]);
  }
}

const ENTRY_PREFIX = "quarantine/";
const TOTALS_PREFIX = "quarantined/";
const ROUTES_MAX = 10_000;
const COUNTED_AT_ONCE = 4;
/** A log record in quarantine may be as large as a request. */
const PAGE_BYTES_MAX = 4 * 1_048_576;
const PAGE_ENTRIES = 256;
/** Of which nothing is known yet. */
const READ_AT_ONCE = 2;

/** One line of JSON for a person: the reason, the log record as it would have been delivered, and its own bytes. */
export function describeEntry({ ordinal, reason, message, atMs, request }: QuarantineEntry): string {
  const { bytes, ends } = new Transcoder({}).transcode(request, ordinal, 0, 1);
  const log = toText(bytes.subarray(0, ends[0])).trimEnd();
  const head = { ordinal: String(ordinal), reason, message, at: new Date(atMs).toISOString() };
  const otlp = Buffer.from(request).toString("base64");
  return `${JSON.stringify(head).slice(0, -1)},"log":${log},"otlp":"${otlp}"}\n`;
}

function keyOf(route: string, ordinal: bigint): string {
  return `${ENTRY_PREFIX}${route}/${toName(ordinal)}`;
}

function encode({ ordinal, reason, message, atMs, request }: QuarantineEntry): Uint8Array {
  const head = Buffer.from(`${JSON.stringify({ ordinal: String(ordinal), reason, message, atMs })}\n`);
  return Buffer.concat([head, request]);
}

/** One whose head is damaged is shown all the same: its bytes may be good. */
function decode({ key, value }: { readonly key: string; readonly value: Uint8Array }): QuarantineEntry {
  const split = value.indexOf(LINE_BREAK);
  const request = value.slice(split + 1);
  const ordinal = BigInt(key.slice(key.lastIndexOf("/") + 1));
  try {
    const head = JSON.parse(toText(value.subarray(0, split))) as Omit<QuarantineEntry, "ordinal" | "request">;
    return { ...head, ordinal, request };
  } catch (reason) {
    return { ordinal, reason: "damaged", message: `the reason can't be read any more: ${reason}`, atMs: 0, request };
  }
}

function toText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}
