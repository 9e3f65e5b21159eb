/** Random sequences of what can happen to a journal, each checked against an array. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { FaultyDriver } from "../testing/faulty-driver.ts";
import { journalOptions, numberedRequest } from "../testing/journal-options.ts";
import { withFolder } from "../testing/temporary.ts";
import { Journal } from "./journal.ts";

/** What must be true: each ordinal's request number, and how each ordinal ended. */
interface Model {
  numberOf: number[];
  ended: ("open" | "delivered" | "quarantined")[];
  nextNumber: number;
  /** What had ended before it was opened again. */
  before: { delivered: number; quarantined: number };
  inQuarantine: Set<number>;
}

interface Real {
  directory: string;
  driver: FaultyDriver;
  journal: Journal;
}

class Append implements fc.AsyncCommand<Model, Real> {
  readonly recordCounts: number[];
  readonly fails: boolean;
  constructor(recordCounts: number[], fails: boolean) {
    this.recordCounts = recordCounts;
    this.fails = fails;
  }
  check = (): boolean => true;
  async run(model: Model, { journal, driver }: Real): Promise<void> {
    if (this.fails) driver.failWrites("segments", "io");
    const numbers = this.recordCounts.map(() => model.nextNumber++);
    const results = await Promise.allSettled(
      this.recordCounts.map((records, index) =>
        journal.append(numberedRequest(numbers[index] as number, 2_000), records),
      ),
    );
    driver.heal();
    for (const [index, result] of results.entries()) {
      if (result.status === "rejected") {
        expect(this.fails).toBe(true);
        continue;
      }
      expect(Number(result.value)).toBe(model.numberOf.length);
      for (let record = 0; record < (this.recordCounts[index] as number); record++) {
        model.numberOf.push(numbers[index] as number);
        model.ended.push("open");
      }
    }
    expect(Number(journal.head)).toBe(model.numberOf.length);
  }
  toString = (): string => `append(${this.recordCounts}${this.fails ? ", failing" : ""})`;
}

class Finish implements fc.AsyncCommand<Model, Real> {
  readonly position: number;
  readonly length: number;
  readonly quarantined: boolean;
  constructor(position: number, length: number, quarantined: boolean) {
    this.position = position;
    this.length = length;
    this.quarantined = quarantined;
  }
  check = (model: Readonly<Model>): boolean => model.ended.includes("open");
  async run(model: Model, { journal }: Real): Promise<void> {
    const cursor = journal.route("logs");
    const open = [...model.ended.keys()].filter((ordinal) => model.ended[ordinal] === "open");
    const first = open[this.position % open.length] as number;
    if (this.quarantined) {
      const entry = { ordinal: BigInt(first), reason: "test", message: "", atMs: 0, request: new Uint8Array(3) };
      await cursor.quarantine(entry);
      model.ended[first] = "quarantined";
      model.inQuarantine.add(first);
      return;
    }
    let end = first;
    while (end < first + this.length && model.ended[end] === "open") model.ended[end++] = "delivered";
    cursor.finish(BigInt(first), BigInt(end), { delivered: end - first, filtered: 0, quarantined: 0 });
  }
  toString = (): string => `finish(${this.position}, ${this.length}${this.quarantined ? ", quarantined" : ""})`;
}

class Seek implements fc.AsyncCommand<Model, Real> {
  readonly position: number;
  readonly length: number;
  constructor(position: number, length: number) {
    this.position = position;
    this.length = length;
  }
  check = (): boolean => true;
  async run(model: Model, { journal }: Real): Promise<void> {
    const { cursor } = journal.route("logs");
    const room = Number(cursor - journal.tail);
    if (room === 0) return;
    const to = Number(journal.tail) + (this.position % room);
    const end = Math.min(Number(cursor), to + this.length);
    await journal.seek("logs", BigInt(to), BigInt(end));
    for (let ordinal = to; ordinal < end; ordinal++) {
      model.before[model.ended[ordinal] as "delivered" | "quarantined"] += 1;
      model.ended[ordinal] = "open";
    }
  }
  toString = (): string => `seek(${this.position}, ${this.length})`;
}

class Restart implements fc.AsyncCommand<Model, Real> {
  check = (): boolean => true;
  async run(_: Model, real: Real): Promise<void> {
    await real.journal.close();
    real.journal = await Journal.open(journalOptions(real.directory, { driver: real.driver, segmentBytesMax: 20_000 }));
  }
  toString = (): string => "restart";
}

class Check implements fc.AsyncCommand<Model, Real> {
  check = (): boolean => true;
  async run(model: Model, { journal }: Real): Promise<void> {
    const cursor = journal.route("logs");
    const firstOpen = model.ended.indexOf("open");
    expect(Number(cursor.cursor)).toBe(firstOpen === -1 ? model.ended.length : firstOpen);
    expect(cursor.totals).toEqual({
      delivered: BigInt(model.before.delivered + model.ended.filter((end) => end === "delivered").length),
      filtered: 0n,
      quarantined: BigInt(model.before.quarantined + model.ended.filter((end) => end === "quarantined").length),
    });
    expect((await journal.quarantine.list("logs", 1_000)).map(({ ordinal }) => Number(ordinal))).toEqual(
      [...model.inQuarantine].sort((a, b) => a - b),
    );
    expect(journal.tail).toBeLessThanOrEqual(cursor.cursor);
    for (let ordinal = Number(cursor.cursor); ordinal < model.numberOf.length; ordinal++) {
      const commit = await journal.read(BigInt(ordinal));
      if (commit?.kind !== "commit") throw new Error(`no commit at ${ordinal}`);
      const numbers: number[] = [];
      const view = new DataView(commit.request.buffer, commit.request.byteOffset, commit.request.byteLength);
      for (let offset = 0; offset < commit.request.byteLength; offset += 2_000) numbers.push(view.getUint32(offset));
      expect(numbers).toContain(model.numberOf[ordinal] as number);
      expect(commit.records).toBe(model.numberOf.filter((number) => numbers.includes(number)).length);
    }
  }
  toString = (): string => "check";
}

test("whatever is appended, settled, refused and restarted: the journal agrees with an array", async () => {
  const commands = [
    fc
      .tuple(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 12 }), fc.nat(5))
      .map(([counts, dice]) => new Append(counts, dice === 0)),
    fc
      .tuple(fc.nat(), fc.integer({ min: 1, max: 30 }), fc.nat(5))
      .map(([at, length, dice]) => new Finish(at, length, dice === 0)),
    fc.tuple(fc.nat(3), fc.integer({ min: 1, max: 60 })).map(([at, length]) => new Finish(at, length, false)),
    fc.tuple(fc.nat(), fc.integer({ min: 1, max: 30 })).map(([at, length]) => new Seek(at, length)),
    fc.constant(new Restart()),
    fc.constant(new Check()),
  ];
  await fc.assert(
    fc.asyncProperty(fc.commands(commands, { maxCommands: 40 }), async (sequence) => {
      await withFolder(async (directory) => {
        const driver = new FaultyDriver();
        const journal = await Journal.open(journalOptions(directory, { driver, segmentBytesMax: 20_000 }));
        const real: Real = { directory, driver, journal };
        try {
          const model = {
            ...{ numberOf: [], ended: [], nextNumber: 0 },
            before: { delivered: 0, quarantined: 0 },
            inQuarantine: new Set<number>(),
          };
          await fc.asyncModelRun(() => ({ model, real }), sequence);
        } finally {
          await real.journal.close();
        }
      });
    }),
    { numRuns: 40 },
  );
}, 60_000);
