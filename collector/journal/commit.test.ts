import { expect, test } from "bun:test";
import { type CommitGroup, CommitQueue } from "./commit.ts";

/** A queue whose writes wait until the test lets them end. */
function heldQueue(commitBytesMax: number) {
  const writes: { request: Uint8Array; records: number; end: (failure?: Error) => void }[] = [];
  let head = 100n;
  const prepared: number[] = [];
  const prepare = async ({ request }: CommitGroup): Promise<Uint8Array> => {
    prepared.push(request.byteLength);
    return request.slice();
  };
  const write = (request: Uint8Array, { records }: CommitGroup): Promise<bigint> => {
    const { promise, resolve, reject } = Promise.withResolvers<bigint>();
    const first = head;
    writes.push({
      request,
      records,
      end: (failure) => {
        if (failure) return reject(failure);
        head += BigInt(records);
        resolve(first);
      },
    });
    return promise;
  };
  return { queue: new CommitQueue(commitBytesMax, { prepare, write }), writes, prepared };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("requests that arrive during a write become the next one, laid end to end, each told its own first ordinal", async () => {
  const { queue, writes } = heldQueue(1_000);
  const first = queue.append(Buffer.from("a"), 1);
  await turn();
  const others = [queue.append(Buffer.from("bb"), 2), queue.append(Buffer.from("ccc"), 3)];
  await turn();
  expect(writes).toHaveLength(1);
  writes[0]?.end();
  await turn();
  expect(writes).toHaveLength(2);
  expect(Buffer.from(writes[1]?.request ?? []).toString()).toBe("bbccc");
  expect(writes[1]?.records).toBe(5);
  writes[1]?.end();
  expect(await Promise.all([first, ...others])).toEqual([100n, 101n, 103n]);
  expect(queue.pendingBytes).toBe(0);
});

test("a write holds at most its bytes, a larger request goes alone, and order is kept", async () => {
  const { queue, writes } = heldQueue(10);
  const sizes = [1, 4, 4, 4, 25, 6, 5];
  const ordinals = sizes.map((size, index) => queue.append(new Uint8Array(size).fill(index), 1));
  for (let index = 0; index < 5; index++) {
    await turn();
    writes[index]?.end();
  }
  expect(await Promise.all(ordinals)).toEqual(sizes.map((_, index) => 100n + BigInt(index)));
  expect(writes.map(({ request }) => request.byteLength)).toEqual([9, 4, 25, 6, 5]);
});

test("a failed write fails its own requests, and the next group is tried all the same", async () => {
  const { queue, writes } = heldQueue(1_000);
  const lost = queue.append(Buffer.from("a"), 1).catch((reason: unknown) => reason);
  await turn();
  const kept = queue.append(Buffer.from("b"), 1);
  writes[0]?.end(new Error("no"));
  await turn();
  writes[1]?.end();
  expect(String(await lost)).toBe("Error: no");
  expect(await kept).toBe(100n);
});

test("the next group is prepared during a write where much waits, and gathers where little does", async () => {
  const { queue, writes, prepared } = heldQueue(1_000);
  const appended = [queue.append(new Uint8Array(10), 1)];
  await turn();
  appended.push(queue.append(new Uint8Array(100), 1));
  await turn();
  expect(prepared).toEqual([10]);
  appended.push(queue.append(new Uint8Array(150), 1));
  await turn();
  expect(prepared).toEqual([10, 250]);
  // No second write before the first has ended; what comes now is the group after next.
  appended.push(queue.append(new Uint8Array(20), 1));
  await turn();
  expect(writes).toHaveLength(1);
  for (const index of [0, 1, 2]) {
    writes[index]?.end();
    await turn();
  }
  expect(await Promise.all(appended)).toEqual([100n, 101n, 102n, 103n]);
  expect(prepared).toEqual([10, 250, 20]);
});

test("a group that can't be prepared fails alone, with the write before it still under way", async () => {
  const ends: (() => void)[] = [];
  const prepare = ({ records }: CommitGroup): Promise<undefined> =>
    records === 2 ? Promise.reject(new Error("no")) : Promise.resolve(undefined);
  const write = (): Promise<bigint> => new Promise((resolve) => ends.push(() => resolve(BigInt(ends.length))));
  const queue = new CommitQueue(4, { prepare, write });
  const first = queue.append(new Uint8Array(4), 1);
  await turn();
  const second = queue.append(new Uint8Array(4), 2).catch((reason: unknown) => String(reason));
  const third = queue.append(new Uint8Array(4), 3);
  expect(await second).toBe("Error: no");
  ends[0]?.();
  expect(await first).toBe(1n);
  await turn();
  ends[1]?.();
  expect(await third).toBe(2n);
  expect(queue.pendingBytes).toBe(0);
});

test("what is to be done between two writes is done under load, too, and with no write under way", async () => {
  const { queue, writes } = heldQueue(10);
  const appended = [1, 2, 3].map(() => queue.append(new Uint8Array(10), 1));
  await turn();
  let writesBefore = 0;
  const acted = queue.between(() => {
    writesBefore = writes.length;
  });
  await turn();
  expect([writes.length, writesBefore]).toEqual([1, 0]);
  for (let index = 0; index < 3; index++) {
    writes[index]?.end();
    await turn();
  }
  await Promise.all([acted, ...appended]);
  expect(writesBefore).toBeLessThan(3);
});

test("drain waits for all that was appended before", async () => {
  const { queue, writes } = heldQueue(1);
  const appended = [queue.append(Buffer.from("a"), 1), queue.append(Buffer.from("b"), 1)];
  let drained = false;
  const draining = queue.drain().then(() => {
    drained = true;
  });
  await turn();
  writes[0]?.end();
  await turn();
  expect(drained).toBe(false);
  writes[1]?.end();
  await draining;
  expect(await Promise.all(appended)).toEqual([100n, 101n]);
});

test("one append after the other is written, each as soon as the one before it is acknowledged", async () => {
  let head = 0n;
  const write = async (_: undefined, { records }: CommitGroup): Promise<bigint> => {
    head += BigInt(records);
    return head - BigInt(records);
  };
  const queue = new CommitQueue(1_000, { prepare: async () => undefined, write });
  for (let number = 0n; number < 100n; number++) expect(await queue.append(new Uint8Array(1), 1)).toBe(number);
});

test("what is for one route alone does not share a write with what is for all", async () => {
  const writes: [number, number][] = [];
  const write = async (_: undefined, { records, onlyRoute }: CommitGroup): Promise<bigint> => {
    writes.push([records, onlyRoute]);
    return 0n;
  };
  const queue = new CommitQueue(1_000, { prepare: async () => undefined, write });
  const kinds = [0, 0, 7, 7, 8, 0];
  await Promise.all(kinds.map((onlyRoute) => queue.append(new Uint8Array(1), 1, onlyRoute)));
  expect(writes).toEqual([
    [2, 0],
    [2, 7],
    [1, 8],
    [1, 0],
  ]);
});
