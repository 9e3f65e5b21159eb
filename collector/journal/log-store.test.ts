import { heapStats } from "bun:jsc";
import { expect, test } from "bun:test";
import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { withFolder } from "../testing/temporary.ts";
import { levelDriver } from "./level-store.ts";
import { openLog } from "./log-store.ts";
import { fromKey, toKey } from "./ordinal.ts";
import type { Store, StoreEntry } from "./store.ts";

const OPTIONS = { create: true, writeBufferBytes: 8_388_608 };

/** A folder as a sealed segment leaves it, with one entry for each size. */
async function writeSegment(directory: string, sizes: readonly number[]): Promise<string> {
  const store = await levelDriver.open(directory, OPTIONS);
  for (const [index, size] of sizes.entries()) {
    const value = new Uint8Array(size).map((_, at) => (at * 31 + index) & 0xff);
    await store.write([{ key: toKey(BigInt(index * 10)), value }]);
  }
  await store.close();
  return join(directory, readdirSync(directory).find((name) => name.endsWith(".log")) as string);
}

async function readAll(store: Store | undefined): Promise<string[] | undefined> {
  const entries = await store?.read({ limit: 1_000 });
  await store?.close();
  return entries?.map(describe);
}

function describe({ key, value }: StoreEntry): string {
  return `${Buffer.from(key).toString("hex")} ${value.byteLength} ${Bun.hash(value)}`;
}

/** Sizes around what fits a block of 32 KiB, where the fragments change shape. */
const size = fc.oneof(fc.nat(200), fc.integer({ min: 32_600, max: 32_800 }), fc.nat(200_000));

test("the log holds what LevelDB finds in it, whatever the sizes, and is as it was after being read", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(size, { minLength: 1, maxLength: 12 }), async (sizes) => {
      await withFolder(async (folder) => {
        const directory = join(folder, "segment");
        const log = await writeSegment(directory, sizes);
        const before = [readdirSync(directory), Bun.hash(readFileSync(log))];
        const read = await readAll(await openLog(directory));
        expect([readdirSync(directory), Bun.hash(readFileSync(log))]).toEqual(before);
        expect(read).toEqual(
          (await readAll(await levelDriver.open(directory, { ...OPTIONS, create: false }))) as string[],
        );
      });
    }),
    { numRuns: 25 },
  );
});

test("ranges are those of any store", async () => {
  await withFolder(async (folder) => {
    const directory = join(folder, "segment");
    await writeSegment(directory, [1, 40_000, 3, 4]);
    const store = (await openLog(directory)) as Store;
    const keys = async (range: Parameters<Store["read"]>[0]): Promise<number[]> =>
      (await store.read(range)).map(({ key }) => Number(new DataView(key.buffer).getBigUint64(0)));
    expect(await keys({})).toEqual([0]);
    expect(await keys({ from: toKey(1n), limit: 2 })).toEqual([10, 20]);
    expect(await keys({ to: toKey(21n), reverse: true })).toEqual([20]);
    expect(await keys({ to: toKey(0n), reverse: true })).toEqual([]);
    expect(await keys({ from: toKey(10n), to: toKey(30n), limit: 9 })).toEqual([10, 20]);
    expect(await keys({ reverse: true, limit: 9 })).toEqual([30, 20, 10, 0]);
    await expect(store.write([])).rejects.toThrow("takes no more writes");
    await store.close();
    await store.close();
  });
});

test("a torn end is left out, wherever it is torn; what was whole before it is all there", async () => {
  await withFolder(async (folder) => {
    const directory = join(folder, "segment");
    const log = await writeSegment(directory, [100, 70_000, 300, 50_000]);
    const whole = readFileSync(log);
    const all = (await readAll(await openLog(directory))) as string[];
    for (let bytes = whole.length; bytes >= 0; bytes -= 997) {
      writeFileSync(log, whole);
      truncateSync(log, bytes);
      const left = await readAll(await openLog(directory));
      expect(left).toEqual(all.slice(0, left?.length ?? -1));
    }
  });
});

test("bytes that are flipped never make other entries of it: they are told apart by the entry's own sum, or LevelDB must look", async () => {
  await withFolder(async (folder) => {
    const directory = join(folder, "segment");
    const log = await writeSegment(directory, [100, 70_000, 300]);
    const whole = readFileSync(log);
    const all = (await readAll(await openLog(directory))) as string[];
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const damaged = Buffer.from(whole);
        damaged[at] = (damaged[at] as number) ^ flip;
        writeFileSync(log, damaged);
        const read = (await readAll(await openLog(directory))) ?? all;
        // One entry may be another than it was; the others are there, or the end is missing, which the caller knows.
        const same = read.filter((each) => all.includes(each));
        expect(read.length).toBeLessThanOrEqual(all.length);
        expect(same.length).toBeGreaterThanOrEqual(read.length - 1);
      }),
      { numRuns: 300 },
    );
  });
});

test("what is not one plain log is left to LevelDB", async () => {
  await withFolder(async (folder) => {
    const spoil = async (name: string, how: (directory: string, log: string) => void): Promise<Store | undefined> => {
      const directory = join(folder, name);
      how(directory, await writeSegment(directory, [10, 20]));
      return await openLog(directory);
    };
    expect(await spoil("table", (directory) => writeFileSync(join(directory, "000005.ldb"), ""))).toBeUndefined();
    expect(await spoil("logs", (directory) => writeFileSync(join(directory, "000007.log"), ""))).toBeUndefined();
    expect(await spoil("current", (directory) => rmSync(join(directory, "CURRENT")))).toBeUndefined();
    expect(await spoil("rubbish", (_, log) => appendFileSync(log, Buffer.alloc(5_000, 7)))).toBeUndefined();
    await expect(openLog(join(folder, "nowhere"))).rejects.toThrow("can't read the log");
  });
});

test("two writes in one, and keys that do not rise, are left to LevelDB", async () => {
  await withFolder(async (folder) => {
    for (const batches of [[[1n, 2n]], [[2n], [1n]], [[1n], [1n]]]) {
      const directory = join(folder, batches.join("-"));
      const store = await levelDriver.open(directory, OPTIONS);
      for (const batch of batches) {
        await store.write(batch.map((ordinal) => ({ key: toKey(ordinal), value: new Uint8Array(3) })));
      }
      await store.close();
      expect(await openLog(directory)).toBeUndefined();
    }
  });
});

/** A folder with a log of so many entries, without LevelDB, which would take seconds for them: 256 of 128 bytes to a block. */
function writeManyEntries(directory: string, entries: number): void {
  const [header, value] = [7, 98];
  const log = Buffer.alloc(entries * 128);
  for (let index = 0; index < entries; index++) {
    const at = index * 128;
    log.writeUInt16LE(128 - header, at + 4);
    log.writeUInt8(1, at + 6);
    log.writeBigUInt64LE(BigInt(index + 1), at + header);
    log.writeUInt32LE(1, at + header + 8);
    log.set([1, 8, ...toKey(BigInt(index)), value], at + header + 12);
    log.writeUInt32LE(index, at + 128 - value);
  }
  mkdirSync(directory);
  writeFileSync(join(directory, "CURRENT"), "MANIFEST-000002\n");
  writeFileSync(join(directory, "000003.log"), log);
}

test("what is kept of a log that is open does not grow by an object for each of its entries", async () => {
  await withFolder(async (folder) => {
    const entries = 50_000;
    writeManyEntries(join(folder, "segment"), entries);
    const objects = (): number => {
      Bun.gc(true);
      return heapStats().objectCount;
    };
    const before = objects();
    const store = (await openLog(join(folder, "segment"))) as Store;
    expect(objects() - before).toBeLessThan(entries / 10);
    const [last] = await store.read({ reverse: true });
    expect([fromKey(last?.key as Uint8Array), Buffer.from(last?.value as Uint8Array).readUInt32LE()]).toEqual([
      BigInt(entries - 1),
      entries - 1,
    ]);
    await store.close();
  });
});
