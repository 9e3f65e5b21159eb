/**
 * Compresses packed lines on their way to the outbox: a few records at once, beside the event loop, handed over in the
 * order in which they came. A record that comes out larger than its share of the rate is cut in two and compressed again.
 *
 * Lines count towards the outbox's bound until what they became takes their place.
 */
import { assert } from "../../errors.ts";
import type { Outbox } from "../outbox.ts";
import { type Codec, type Compress, CompressionForecast } from "./compress.ts";
import { halveRecord, type PackedRecord } from "./pack.ts";

/** Records being compressed at once: the pool has more threads, but other work as well. */
const JOBS_MAX = 2;

/** How far above its target a record may come out: the target is far below the pacer's burst, and so is this. */
const OVERSHOOT = 1.2;

/** The share of its aim from which a record is full, and tells how well lines compress. */
const FULL_SHARE = 0.5;

export interface PressOptions {
  readonly codec: Codec;
  readonly compress: Compress;
  readonly outbox: Outbox;
  /** No record is larger than this. Lines of `compressibleBytesMax` of it fit, whatever they hold. */
  readonly recordBytesMax: number;
  /** No record is made of more bytes of lines than this. */
  readonly lineBytesMax: number;
  /** Compressed bytes that a record should aim at. */
  readonly recordBytesTarget: () => number;
}

export class Press {
  readonly #options: PressOptions;
  readonly #forecast = new CompressionForecast();
  #jobs = 0;
  /** Resolves when all that was taken so far was handed over. */
  #tail: Promise<void> = Promise.resolve();

  constructor(options: PressOptions) {
    this.#options = options;
  }

  /** Bytes of lines that the next record should hold. */
  readonly lineBytesTarget = (): number => {
    const { recordBytesTarget, lineBytesMax } = this.#options;
    return Math.min(lineBytesMax, this.#forecast.lineBytesFor(recordBytesTarget()));
  };

  /** Resolves when all that was taken is in the outbox. That a record can't be compressed is a bug, and nobody's to catch. */
  get handedOver(): Promise<void> {
    return this.#tail;
  }

  /** Takes a record of lines as soon as there is room for it; not at all when the signal comes first. */
  async take(record: PackedRecord, signal: AbortSignal): Promise<void> {
    const { outbox } = this.#options;
    while (!signal.aborted && (this.#jobs >= JOBS_MAX || !outbox.fits(record))) await outbox.room.wait(signal);
    if (signal.aborted) return;
    outbox.reserve(record);
    this.#jobs += 1;
    const made = this.#make(record);
    const before = this.#tail;
    this.#tail = (async () => {
      const [pressed] = await Promise.all([made, before]);
      this.#jobs -= 1;
      // Released and added in one go: in between there would be room for who must wait.
      if (!signal.aborted) for (const each of pressed) outbox.add(each);
      outbox.release(record);
    })();
  }

  async #make(record: PackedRecord): Promise<PackedRecord[]> {
    const { codec, compress, recordBytesMax, recordBytesTarget } = this.#options;
    const pressed = await pressRecord(record, codec, compress);
    const { length } = pressed.bytes;
    const target = recordBytesTarget();
    const sizeMax = Math.min(recordBytesMax, target * OVERSHOOT);
    const isFull = record.bytes.length >= this.lineBytesTarget() * FULL_SHARE;
    if (isFull || length > sizeMax) this.#forecast.note(record.bytes.length, length);
    if (length <= sizeMax) return [pressed];
    const halves = halveRecord(record);
    if (halves === undefined) {
      assert(length <= recordBytesMax, "a single line outgrew Firehose's limit by being compressed");
      return [pressed];
    }
    return [...(await this.#make(halves[0])), ...(await this.#make(halves[1]))];
  }
}

/** The record with its lines compressed. */
export async function pressRecord(record: PackedRecord, codec: Codec, compress: Compress): Promise<PackedRecord> {
  const bytes = await compress(codec, record.bytes);
  return { ...record, bytes, pressed: { codec, lineBytes: record.bytes.length } };
}
