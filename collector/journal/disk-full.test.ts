import { expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FaultyDriver } from "../testing/faulty-driver.ts";
import { deliver, journalOptions, numberedRequest } from "../testing/journal-options.ts";
import { withFolder, withSmallDisk } from "../testing/temporary.ts";
import { testWith } from "../testing/tools.ts";
import { Journal } from "./journal.ts";

const MIB = 1_048_576;

async function waitFor(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 2_000; attempt++) {
    if (await condition()) return;
    await Bun.sleep(25);
  }
  throw new Error("it did not come true");
}

async function appendUntilRefused(journal: Journal, acknowledged: number[], next: () => number): Promise<unknown> {
  for (;;) {
    const number = next();
    try {
      await journal.append(numberedRequest(number, 16_000), 1);
      acknowledged.push(number);
    } catch (reason) {
      return reason;
    }
  }
}

/** Every acknowledged number must be found, in order, from the cursor on. */
async function deliverAll(journal: Journal, found: number[]): Promise<void> {
  const cursor = journal.route("logs");
  while (cursor.cursor < journal.head) {
    // A read that finds no room on the disk is repeated, as delivery does: the reserve makes some.
    const commit = await journal.read(cursor.cursor).catch(async (reason: unknown) => {
      expect(reason).toMatchObject({ code: "journal_io", retryable: true });
      await Bun.sleep(20);
      return "again" as const;
    });
    if (commit === "again") continue;
    if (commit?.kind !== "commit") throw new Error(`no commit at ${cursor.cursor}`);
    const view = new DataView(commit.request.buffer, commit.request.byteOffset, commit.request.byteLength);
    for (let offset = 0; offset < commit.request.byteLength; offset += 16_000) found.push(view.getUint32(offset));
    deliver(cursor, commit.first, commit.first + BigInt(commit.records));
  }
}

testWith(
  ["tmpfs"],
  "a disk filled up by the journal itself refuses, is emptied by delivery, and takes more again",
  async () => {
    await withSmallDisk(24 * MIB, async (disk) => {
      const options = journalOptions(join(disk, "journal"), {
        segmentBytesMax: MIB,
        commitBytesMax: 65_536,
        bytesMax: 1_024 * MIB,
      });
      const journal = await Journal.open(options);
      const acknowledged: number[] = [];
      const found: number[] = [];
      let number = 0;
      for (let round = 0; round < 3; round++) {
        const reason = await appendUntilRefused(journal, acknowledged, () => number++);
        expect(reason).toMatchObject({ code: "journal_full" });
        await deliverAll(journal, found);
        await waitFor(() => journal.hasRoom(16_000));
      }
      await deliverAll(journal, found);
      expect(found).toEqual(acknowledged);
      await journal.close();
    });
  },
);

testWith(
  ["tmpfs"],
  "a disk filled up by somebody else: the refused write is not acknowledged, what was is delivered, and it goes on when there is room",
  async () => {
    await withSmallDisk(24 * MIB, async (disk) => {
      const options = journalOptions(join(disk, "journal"), {
        segmentBytesMax: MIB,
        commitBytesMax: 65_536,
        freeBytesMin: 1,
      });
      let journal = await Journal.open(options);
      const acknowledged: number[] = [];
      const found: number[] = [];
      let number = 0;
      for (let round = 0; round < 3; round++) {
        for (let count = 0; count < 100; count++) {
          await journal.append(numberedRequest(number, 16_000), 1);
          acknowledged.push(number++);
        }
        // Behind the guard's back: LevelDB runs into the end of the disk in the middle of a write.
        const rubbish = join(disk, "rubbish");
        try {
          writeFileSync(rubbish, new Uint8Array(64 * MIB));
        } catch (reason) {
          expect(String(reason)).toContain("ENOSPC");
        }
        const reason = await appendUntilRefused(journal, acknowledged, () => number++);
        expect(reason).toMatchObject({ retryable: true });
        if (round === 1) {
          await journal.close();
          journal = await Journal.open(options);
        }
        await deliverAll(journal, found);
        rmSync(rubbish);
        await waitFor(() => journal.hasRoom(16_000));
      }
      await deliverAll(journal, found);
      // A write that was refused may have reached the disk; nothing acknowledged may be missing, nothing may come twice.
      expect(found.filter((each) => acknowledged.includes(each))).toEqual(acknowledged);
      await journal.route("logs").flush();
      await journal.close();
    });
  },
  60_000,
);

testWith(["tmpfs"], "a journal is opened on a disk without a byte left, and delivers what it has", async () => {
  await withSmallDisk(24 * MIB, async (disk) => {
    const options = journalOptions(join(disk, "journal"), { segmentBytesMax: MIB, commitBytesMax: 65_536 });
    const before = await Journal.open(options);
    const acknowledged = Array.from({ length: 100 }, (_, number) => number);
    for (const number of acknowledged) await before.append(numberedRequest(number, 16_000), 1);
    await before.close();
    expect(() => writeFileSync(join(disk, "rubbish"), new Uint8Array(64 * MIB))).toThrow("ENOSPC");

    const journal = await Journal.open(options);
    expect(journal.status().isFull).toBe(true);
    const found: number[] = [];
    await deliverAll(journal, found);
    expect(found).toEqual(acknowledged);
    rmSync(join(disk, "rubbish"));
    await waitFor(() => journal.hasRoom(16_000));
    await journal.close();
  });
});

testWith(["tmpfs"], "a first start on a disk without a byte says that it is full, and what to do", async () => {
  await withSmallDisk(2 * MIB, async (disk) => {
    expect(() => writeFileSync(join(disk, "rubbish"), new Uint8Array(8 * MIB))).toThrow("ENOSPC");
    const failure = await Journal.open(journalOptions(join(disk, "journal"))).catch((reason: unknown) => reason);
    expect(failure).toMatchObject({ code: "journal_unusable" });
    expect((failure as Error).message).toMatch(
      /^the disk of .+ is full.+make room and start again; what it holds stays$/,
    );
  });
});

test("a write refused by the disk fails its requests only; the next goes into a new segment", async () => {
  const driver = new FaultyDriver();
  await withFolder(async (directory) => {
    for (const reachesDisk of [false, true]) {
      const journal = await Journal.open(journalOptions(join(directory, String(reachesDisk)), { driver }));
      expect(await journal.append(numberedRequest(0), 1)).toBe(0n);
      driver.failWrites("segments", "io", 1, reachesDisk);
      expect(await journal.append(numberedRequest(1), 1).catch((reason: unknown) => reason)).toMatchObject({
        code: "journal_io",
        retryable: true,
      });
      expect(await journal.append(numberedRequest(2), 1)).toBe(1n);
      const contents = async (from: Journal) =>
        Promise.all(
          [0n, 1n].map(async (ordinal) => ((await from.read(ordinal)) as { request: Uint8Array }).request[3]),
        );
      expect(await contents(journal)).toEqual([0, 2]);
      await journal.close();
      const again = await Journal.open(journalOptions(join(directory, String(reachesDisk)), { driver }));
      expect(again.head).toBe(2n);
      expect(await contents(again)).toEqual([0, 2]);
      await again.close();
    }
  });
});

test("the first write of a segment failing leaves no folder in the way of the next", async () => {
  const driver = new FaultyDriver();
  await withFolder(async (directory) => {
    const journal = await Journal.open(journalOptions(directory, { driver }));
    for (let attempt = 0; attempt < 3; attempt++) {
      driver.failWrites("segments", "io");
      expect(await journal.append(numberedRequest(0), 1).catch((reason: unknown) => reason)).toMatchObject({
        code: "journal_io",
      });
    }
    expect(await journal.append(numberedRequest(1), 1)).toBe(0n);
    await journal.close();
  });
});

test("bookkeeping that can't be written is written later; segments stay until it is", async () => {
  const driver = new FaultyDriver();
  await withFolder(async (directory) => {
    const journal = await Journal.open(journalOptions(directory, { driver }));
    const cursor = journal.route("logs");
    for (let number = 0; number < 200; number++) await journal.append(numberedRequest(number), 1);
    await cursor.flush();
    driver.failWrites("meta", "io", 3);
    deliver(cursor, 0n, 200n);
    await Bun.sleep(50);
    expect(cursor.cursorOnDisk).toBe(0n);
    expect(journal.tail).toBe(0n);
    await cursor.flush();
    expect(cursor.cursorOnDisk).toBe(200n);
    await journal.close();
  });
});
