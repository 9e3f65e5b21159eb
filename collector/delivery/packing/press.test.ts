import { expect, test } from "bun:test";
import { Outbox } from "../outbox.ts";
import { type Codec, compress, compressNow, decompressNow } from "./compress.ts";
import { billedBytes, type PackedRecord, Packer } from "./pack.ts";
import { Press, type PressOptions } from "./press.ts";

const SIGNAL = new AbortController().signal;
const LINE_BYTES_MAX = 2_000_000;

/** Lines as an application writes them, or ones that hardly compress. */
function line(number: number, isNoise: boolean): string {
  const id = (Math.imul(number, 2_654_435_761) >>> 0).toString(16).padStart(8, "0");
  if (isNoise) {
    const letters = Array.from({ length: 40 }, (_, at) =>
      (Math.imul(number * 40 + at, 2_654_435_761) >>> 5).toString(36),
    );
    return `${letters.join("")}\n`;
  }
  return `{"timestamp":"2026-11-22T08:26:40.${id}Z","body":"request finished in ${number % 900} ms","traceId":"${id}"}\n`;
}

interface Rig {
  readonly press: Press;
  readonly outbox: Outbox;
  readonly records: () => PackedRecord[];
  /** Packs and presses lines from `first` on until so many records were taken. */
  readonly run: (first: number, records: number, isNoise?: boolean) => Promise<number>;
}

function createRig(codec: Codec, target: number, options: Partial<PressOptions> = {}): Rig {
  const outbox = new Outbox({ bytesMax: 64 * 1024 * 1024 });
  const press = new Press({
    codec,
    compress: async (kind, bytes) => compressNow(kind, bytes),
    outbox,
    recordBytesMax: 1_024_000,
    lineBytesMax: LINE_BYTES_MAX,
    recordBytesTarget: () => target,
    ...options,
  });
  const run = async (first: number, records: number, isNoise = false): Promise<number> => {
    const packer = new Packer({ recordBytesMax: LINE_BYTES_MAX, lineBytesMax: 900_000, linesMax: 1_000_000 });
    let ordinal = first;
    for (let taken = 0; taken < records; ordinal++) {
      const bytes = Buffer.from(line(ordinal, isNoise));
      const lines = { bytes, ends: Uint32Array.of(bytes.length), count: 1, indexes: Uint32Array.of(0), from: 0, to: 1 };
      for (const packed of packer.add(lines, BigInt(ordinal), press.lineBytesTarget)) {
        if (packed.kind !== "record") throw new Error("no line here is large");
        await press.take(packed.record, SIGNAL);
        await press.handedOver;
        taken += 1;
      }
    }
    return ordinal - 1;
  };
  const records = (): PackedRecord[] => {
    const all: PackedRecord[] = [];
    for (;;) {
      const call = outbox.next({ recordsMax: 500, bytesMax: 1e9 }, false);
      if (call === undefined) return all;
      all.push(...call.records);
    }
  };
  return { press, outbox, records, run };
}

test("records come out near their size, in order, with all lines", async () => {
  for (const codec of ["gzip", "zstd"] as const) {
    const { run, records } = createRig(codec, 20 * 5_120);
    const end = await run(0, 10);
    const made = records();
    for (const record of made.slice(3)) {
      expect(record.bytes.length).toBeGreaterThan(0.85 * 20 * 5_120);
      expect(record.bytes.length).toBeLessThan(1.15 * 20 * 5_120);
    }
    const text = made.map((record) => Buffer.from(decompressNow(codec, record.bytes)).toString()).join("");
    expect(text).toBe(Array.from({ length: end }, (_, number) => line(number, false)).join(""));
    expect(made.map(({ first }) => first)).toEqual([0n, ...made.slice(0, -1).map((record) => record.end)]);
  }
});

test("where records are of one billing unit, few of them spill into a second", async () => {
  const { run, records } = createRig("gzip", 5_120);
  await run(0, 120);
  const made = records().slice(20);
  const spilled = made.filter((record) => record.bytes.length > 5_120).length;
  const bytes = made.reduce((sum, record) => sum + record.bytes.length, 0);
  const billed = made.reduce((sum, record) => sum + billedBytes(record.bytes.length), 0);
  expect(spilled / made.length).toBeLessThan(0.1);
  expect(bytes / billed).toBeGreaterThan(0.85);
});

test("when lines compress worse all of a sudden, records are cut until each has its size", async () => {
  const { run, records } = createRig("gzip", 4 * 5_120, { recordBytesMax: 30_000 });
  const noiseFrom = await run(0, 6);
  await run(noiseFrom, 6, true);
  const made = records();
  for (const record of made) expect(record.bytes.length).toBeLessThanOrEqual(1.2 * 4 * 5_120);
  const noisy = made.filter(({ first }) => first >= BigInt(noiseFrom));
  expect(noisy.length).toBeGreaterThan(6);
  expect(made.map(({ first }) => first)).toEqual([0n, ...made.slice(0, -1).map((record) => record.end)]);
});

test("a few lines that were not worth waiting for do not spoil the forecast", async () => {
  const { press, run } = createRig("gzip", 20 * 5_120);
  const next = await run(0, 8);
  const before = press.lineBytesTarget();
  const bytes = Buffer.from(line(next, false));
  for (let time = 0; time < 50; time++) {
    await press.take({ bytes, first: 0n, end: 1n, ends: Uint32Array.of(bytes.length) }, SIGNAL);
    await press.handedOver;
  }
  expect(press.lineBytesTarget()).toBe(before);
});

test("two are compressed at once, handed over in order, and counted as lines until they are records", async () => {
  const finish: ((bytes: Uint8Array) => void)[] = [];
  const { press, outbox, records } = createRig("gzip", 5_120, {
    compress: () => new Promise((resolve) => finish.push(resolve)),
  });
  const record = (ordinal: bigint): PackedRecord => {
    return { bytes: new Uint8Array(1_000), first: ordinal, end: ordinal + 1n, ends: Uint32Array.of(1_000) };
  };
  await press.take(record(0n), SIGNAL);
  await press.take(record(1n), SIGNAL);
  let isThirdTaken = false;
  const third = press.take(record(2n), SIGNAL).then(() => {
    isThirdTaken = true;
  });
  await Bun.sleep(0);
  expect([finish.length, isThirdTaken, outbox.heldBytes]).toEqual([2, false, 2 * (1_000 + 4 + 512)]);
  finish[1]?.(new Uint8Array(10));
  await Bun.sleep(0);
  expect(outbox.hasWork(false)).toBe(false);
  finish[0]?.(new Uint8Array(20));
  await third;
  await Bun.sleep(0);
  expect(outbox.heldBytes).toBe(20 + 10 + 1_000 + 3 * (4 + 512));
  finish[2]?.(new Uint8Array(30));
  await press.handedOver;
  expect(records().map(({ bytes }) => bytes.length)).toEqual([20, 10, 30]);
});

test("what a stop finds being compressed is not handed over", async () => {
  const stop = new AbortController();
  const { press, outbox } = createRig("gzip", 5_120, { compress });
  await press.take({ bytes: new Uint8Array(9), first: 0n, end: 1n, ends: Uint32Array.of(9) }, stop.signal);
  stop.abort();
  await press.handedOver;
  expect([outbox.heldBytes, outbox.hasWork(true)]).toEqual([0, false]);
});
