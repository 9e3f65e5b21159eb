import { expect, test } from "bun:test";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { withFolder } from "../testing/temporary.ts";
import { levelDriver } from "./level-store.ts";
import { toKey } from "./ordinal.ts";
import { StoreError } from "./store.ts";

const OPTIONS = { create: true, writeBufferBytes: 1_048_576 };

function value(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

async function withStore(
  body: (store: Awaited<ReturnType<typeof levelDriver.open>>, directory: string) => Promise<void>,
) {
  await withFolder(async (directory) => {
    const store = await levelDriver.open(join(directory, "store"), OPTIONS);
    try {
      await body(store, join(directory, "store"));
    } finally {
      await store.close();
    }
  });
}

test("entries come back in the order of their ordinals, also across the 32-bit boundary", async () => {
  await withStore(async (store) => {
    const ordinals = [0n, 255n, 256n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 63n];
    await store.write(ordinals.toReversed().map((ordinal) => ({ key: toKey(ordinal), value: value(String(ordinal)) })));
    const entries = await store.read({ limit: 10 });
    expect(entries.map((entry) => new TextDecoder().decode(entry.value))).toEqual(ordinals.map(String));
  });
});

test("a range is half open, may be read from its end, and holds one entry unless more are asked for", async () => {
  await withStore(async (store) => {
    await store.write([1n, 2n, 3n].map((ordinal) => ({ key: toKey(ordinal), value: value(String(ordinal)) })));
    const keys = async (range: Parameters<typeof store.read>[0]) =>
      (await store.read(range)).map(({ key }) => [...key].at(-1));
    expect(await keys({ from: toKey(2n), limit: 5 })).toEqual([2, 3]);
    expect(await keys({ to: toKey(2n), limit: 5 })).toEqual([1]);
    expect(await keys({ to: toKey(3n), reverse: true })).toEqual([2]);
    expect(await keys({ reverse: true, limit: 2 })).toEqual([3, 2]);
    expect(await keys({ from: toKey(4n) })).toEqual([]);
  });
});

test("a batch is there after opening again, deletions included", async () => {
  await withStore(async (store, directory) => {
    await store.write([{ key: toKey(1n), value: value("a") }]);
    await store.write([
      { key: toKey(1n), value: undefined },
      { key: toKey(2n), value: value("b") },
    ]);
    await store.close();
    const again = await levelDriver.open(directory, OPTIONS);
    expect((await again.read({ limit: 5 })).map(({ key }) => [...key].at(-1))).toEqual([2]);
    await again.close();
  });
});

test("an existing folder that holds no database is damage, and stays as it is", async () => {
  await withFolder(async (directory) => {
    const empty = join(directory, "empty");
    mkdirSync(empty);
    const reason = await levelDriver.open(empty, { ...OPTIONS, create: false }).catch((error: unknown) => error);
    expect(reason).toBeInstanceOf(StoreError);
    expect((reason as StoreError).kind).toBe("damaged");
    expect(existsSync(join(empty, "CURRENT"))).toBe(false);
  });
});
