import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pino } from "pino";
import { deliver, journalOptions, numberedRequest } from "../testing/journal-options.ts";
import { withFolder } from "../testing/temporary.ts";
import { Journal } from "./journal.ts";
import { levelDriver } from "./level-store.ts";
import { type StoreDriver, StoreError } from "./store.ts";

const RECORDS = 300n;

/** A journal of several closed segments, damaged by `harm`, then read from end to end: what was there and what was not. */
async function afterDamage(
  harm: (segments: string[], directory: string) => void,
): Promise<{ readable: Set<bigint>; lost: Set<bigint>; kept: string[]; head: bigint; cursorAtEnd: bigint }> {
  return await withFolder(async (directory) => {
    const journal = await Journal.open(journalOptions(directory));
    journal.route("logs");
    for (let number = 0; number < Number(RECORDS); number++) await journal.append(numberedRequest(number), 1);
    await journal.close();
    const folder = join(directory, "segments");
    const segments = readdirSync(folder)
      .toSorted()
      .map((name) => join(folder, name));
    expect(segments.length).toBeGreaterThan(3);
    harm(segments, directory);

    const again = await Journal.open(journalOptions(directory));
    const cursor = again.route("logs");
    const readable = new Set<bigint>();
    const lost = new Set<bigint>();
    for (let position = cursor.cursor; position < again.head; ) {
      const found = await again.read(position);
      if (found === undefined) throw new Error(`nothing at ${position}`);
      const end = found.kind === "commit" ? found.first + BigInt(found.records) : found.end;
      if (found.kind === "commit") {
        expect(Buffer.from(found.request).equals(numberedRequest(Number(found.first)))).toBe(true);
        readable.add(position);
        deliver(cursor, position, end);
      } else {
        for (let ordinal = position; ordinal < end; ordinal++) lost.add(ordinal);
        cursor.finish(position, end, { delivered: 0, filtered: 0, quarantined: Number(end - position) });
      }
      position = end;
    }
    // It goes on as if nothing had been.
    expect(await again.append(numberedRequest(1), 1)).toBe(again.head - 1n);
    const { head } = again;
    await again.close();
    const damaged = join(directory, "damaged");
    const kept = existsSync(damaged) ? readdirSync(damaged).toSorted() : [];
    return { readable, lost, kept, head: head - 1n, cursorAtEnd: cursor.cursor };
  });
}

function logOf(segment: string): string {
  const name = readdirSync(segment).find((each) => each.endsWith(".log"));
  if (name === undefined) throw new Error(`no log in ${segment}`);
  return join(segment, name);
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  const offset = Math.floor(bytes.byteLength * at);
  for (let index = offset; index < offset + 8; index++) bytes[index] = (bytes[index] as number) ^ 0xff;
  writeFileSync(path, bytes);
}

test("without damage everything is readable and nothing is kept aside", async () => {
  const { readable, lost, kept } = await afterDamage(() => undefined);
  expect([readable.size, lost.size, kept]).toEqual([Number(RECORDS), 0, []]);
});

test("flipped bytes in the log of a segment cost the entries of one block; the rest is served, the folder is kept as it was", async () => {
  const { readable, lost, kept } = await afterDamage(([, second]) => flip(logOf(second as string), 0.3));
  expect(readable.size + lost.size).toBe(Number(RECORDS));
  expect(lost.size).toBeGreaterThan(0);
  expect(lost.size).toBeLessThan(70);
  expect(kept).toHaveLength(1);
});

test("a log cut short costs the entries behind the cut", async () => {
  const { readable, lost, kept, head } = await afterDamage(([, second]) => {
    const log = logOf(second as string);
    truncateSync(log, Math.floor(readFileSync(log).byteLength / 2));
  });
  expect(head).toBe(RECORDS);
  expect(readable.size + lost.size).toBe(Number(RECORDS));
  expect(lost.size).toBeGreaterThan(20);
  expect(lost.size).toBeLessThan(45);
  expect(kept).toHaveLength(1);
});

test("a segment without its CURRENT file is mended: nothing is lost, the folder is kept as it was", async () => {
  const { readable, kept } = await afterDamage(([, second]) => rmSync(join(second as string, "CURRENT")));
  expect(readable.size).toBe(Number(RECORDS));
  expect(kept).toHaveLength(1);
});

test("a segment that was mended is read after every restart, and mended again where it must be", async () => {
  await withFolder(async (directory) => {
    const journal = await Journal.open(journalOptions(directory));
    journal.route("logs");
    for (let number = 0; number < Number(RECORDS); number++) await journal.append(numberedRequest(number), 1);
    await journal.close();
    const segments = readdirSync(join(directory, "segments")).toSorted();
    for (const harmed of [segments[1], segments.at(-1)] as string[]) {
      const segment = join(directory, "segments", harmed);
      for (const harm of ["CURRENT", "none", "CURRENT"]) {
        rmSync(join(segment, harm), { force: true });
        const again = await Journal.open(journalOptions(directory));
        expect(again.head).toBe(RECORDS);
        for (let ordinal = 0n; ordinal < RECORDS; ordinal++) {
          expect(await again.read(ordinal)).toMatchObject({ kind: "commit", first: ordinal });
        }
        await again.close();
      }
    }
  });
});

test("an emptied segment costs what it held and no more", async () => {
  const { readable, lost, kept } = await afterDamage(([, second, third]) => {
    for (const name of readdirSync(second as string)) rmSync(join(second as string, name));
    expect(third).toBeDefined();
  });
  expect(readable.size + lost.size).toBe(Number(RECORDS));
  expect(lost.size).toBeGreaterThan(40);
  expect(kept).toHaveLength(1);
});

test("a segment that is gone altogether is told and passed over", async () => {
  const { readable, lost } = await afterDamage(([, second], directory) => {
    renameSync(second as string, join(directory, "elsewhere"));
  });
  expect(readable.size + lost.size).toBe(Number(RECORDS));
  expect(lost.size).toBeGreaterThan(40);
});

test("rubbish in place of the manifest costs nothing: the log is read without it", async () => {
  const { readable, kept } = await afterDamage(([first]) => {
    const manifest = readdirSync(first as string).find((name) => name.startsWith("MANIFEST")) as string;
    writeFileSync(join(first as string, manifest), "rubbish");
  });
  expect(readable.size).toBe(Number(RECORDS));
  expect(kept).toHaveLength(0);
});

test("a newest segment cut short after a clean stop is damage: its missing ordinals are told and not given out again", async () => {
  const { readable, lost, head, kept } = await afterDamage((segments) => {
    const log = logOf(segments.at(-1) as string);
    truncateSync(log, readFileSync(log).byteLength - 100);
  });
  expect(head).toBe(RECORDS);
  expect([readable.size, lost.size, kept.length]).toEqual([Number(RECORDS) - 1, 1, 1]);
});

test("a newest segment torn by a crash, before anything said that its end was acknowledged, ends at the last whole entry", async () => {
  const { readable, lost, head, kept } = await afterDamage((segments, directory) => {
    const log = logOf(segments.at(-1) as string);
    truncateSync(log, readFileSync(log).byteLength - 100);
    rmSync(join(directory, "meta"), { recursive: true });
  });
  expect(head).toBe(RECORDS - 1n);
  expect([readable.size, lost.size, kept]).toEqual([Number(RECORDS) - 1, 0, []]);
});

test("a damaged newest segment does not keep the collector from starting", async () => {
  const { readable, lost, kept } = await afterDamage((segments) => flip(logOf(segments.at(-1) as string), 0.2));
  expect(kept).toHaveLength(1);
  expect(readable.size).toBeGreaterThan(180);
  expect(lost.size).toBeGreaterThan(0);
  expect(readable.size + lost.size).toBe(Number(RECORDS));
});

test("an empty folder left by a crash while a segment was being made is removed", async () => {
  const { readable, lost, kept } = await afterDamage((_, directory) => {
    Bun.spawnSync({ cmd: ["mkdir", join(directory, "segments", "00000000000000000300")] });
  });
  expect([readable.size, lost.size, kept]).toEqual([Number(RECORDS), 0, []]);
});

test("a flipped bit in a table is found by the entry's own sum", async () => {
  await withFolder(async (directory) => {
    const journal = await Journal.open(journalOptions(directory));
    journal.route("logs");
    for (let number = 0; number < 40; number++) await journal.append(numberedRequest(number), 1);
    await journal.close();
    // Opening the newest segment turns its log into a table.
    await (await Journal.open(journalOptions(directory))).close();
    const segment = join(directory, "segments", "00000000000000000000");
    const table = readdirSync(segment).find((name) => name.endsWith(".ldb")) as string;
    const bytes = readFileSync(join(segment, table));
    const at = bytes.indexOf(numberedRequest(20).subarray(100, 300));
    expect(at).toBeGreaterThan(0);
    bytes[at] = (bytes[at] as number) ^ 1;
    writeFileSync(join(segment, table), bytes);

    const again = await Journal.open(journalOptions(directory));
    expect(await again.read(19n)).toMatchObject({ kind: "commit", first: 19n });
    expect(await again.read(20n)).toMatchObject({ kind: "damage", first: 20n, end: 21n });
    expect(await again.read(21n)).toMatchObject({ kind: "commit", first: 21n });
    expect(readdirSync(join(directory, "damaged"))).toHaveLength(1);
    await again.close();
  });
});

test("a newest segment whose last entries are all broken keeps the others, and their ordinals are not given out again", async () => {
  await withFolder(async (directory) => {
    const journal = await Journal.open(journalOptions(directory));
    for (let number = 0; number < 20; number++) await journal.append(numberedRequest(number), 1);
    await journal.close();
    // Opening the newest segment turns its log into a table, of which LevelDB does not verify the sums.
    await (await Journal.open(journalOptions(directory))).close();
    const segment = join(directory, "segments", "00000000000000000000");
    const table = join(segment, readdirSync(segment).find((name) => name.endsWith(".ldb")) as string);
    const bytes = readFileSync(table);
    for (let number = 10; number < 20; number++) {
      const at = bytes.indexOf(numberedRequest(number).subarray(100, 300));
      expect(at).toBeGreaterThan(0);
      bytes[at] = (bytes[at] as number) ^ 1;
    }
    writeFileSync(table, bytes);
    // Nothing else says how far it went.
    rmSync(join(directory, "meta"), { recursive: true });

    const again = await Journal.open(journalOptions(directory));
    expect(again.head).toBe(20n);
    expect(await again.read(9n)).toMatchObject({ kind: "commit", first: 9n });
    expect(await again.read(15n)).toMatchObject({ kind: "damage", first: 15n, end: 16n });
    await again.close();
  });
});

test("a newest segment that nothing can open is kept whole for a person, and the collector starts", async () => {
  await withFolder(async (directory) => {
    const journal = await Journal.open(journalOptions(directory));
    for (let number = 0; number < 20; number++) await journal.append(numberedRequest(number), 1);
    await journal.close();
    // Nothing else says how far it went.
    rmSync(join(directory, "meta"), { recursive: true });
    const log = readFileSync(logOf(join(directory, "segments", "00000000000000000000")));
    const driver: StoreDriver = {
      ...levelDriver,
      open: (folder, options) => {
        if (options.create) return levelDriver.open(folder, options);
        throw new StoreError("damaged", "injected damage", undefined);
      },
    };
    const again = await Journal.open(journalOptions(directory, { driver }));
    expect(await again.append(numberedRequest(1), 1)).toBe(0n);
    await again.close();
    const [kept] = readdirSync(join(directory, "damaged"));
    expect(readFileSync(logOf(join(directory, "damaged", kept as string))).equals(log)).toBe(true);
  });
});

test("damaged bookkeeping is mended or begun anew: logs may be sent twice, none is lost", async () => {
  for (const harm of ["CURRENT", "MANIFEST", "all"]) {
    await withFolder(async (directory) => {
      const journal = await Journal.open(journalOptions(directory));
      for (let number = 0; number < 20; number++) await journal.append(numberedRequest(number), 1);
      deliver(journal.route("logs"), 0n, 5n);
      await journal.close();
      const meta = join(directory, "meta");
      for (const name of readdirSync(meta)) if (harm === "all" || name.startsWith(harm)) rmSync(join(meta, name));
      const again = await Journal.open(journalOptions(directory));
      expect(again.head).toBe(20n);
      const { cursor } = again.route("logs");
      expect(cursor).toBe(harm === "all" ? 0n : 5n);
      expect(again.collectorId === journal.collectorId).toBe(harm !== "all");
      expect(await again.read(cursor)).toMatchObject({ kind: "commit", first: cursor });
      await again.close();
    });
  }
});

test("a row of the bookkeeping that can't be read costs that row: it is told, kept aside, and the collector starts", async () => {
  const rows = ["route/logs", "identity", "head", "paused/slow", "quarantined/logs", "taken/abc/logs", "giving/logs"];
  for (const row of rows) {
    await withFolder(async (directory) => {
      const journal = await Journal.open(journalOptions(directory));
      for (let number = 0; number < 20; number++) await journal.append(numberedRequest(number), 1);
      const cursor = journal.route("logs");
      deliver(cursor, 0n, 5n);
      const entry = { reason: "refused", message: "no", atMs: 0, request: numberedRequest(5, 40) };
      await cursor.quarantine({ ...entry, ordinal: 5n });
      await journal.pauses.begin("slow", { by: "ann", atMs: 0 });
      const origin = { collectorId: "abc", first: 7n };
      await journal.handOvers.take({ origin, route: "logs", records: 1, request: numberedRequest(7) });
      await journal.handOvers.noteGiving("logs", { first: 8n, end: 9n }, "abc", { ...origin, end: 9n });
      await journal.close();
      const store = await levelDriver.open(join(directory, "meta"), { create: false, writeBufferBytes: 1_048_576 });
      await store.write([{ key: Buffer.from(row), value: Buffer.from('{"a bit is flipp') }]);
      await store.close();

      const lines: string[] = [];
      const log = pino({}, { write: (line: string) => lines.push(line) });
      const again = await Journal.open(journalOptions(directory, { log }));
      expect(lines.filter((line) => line.includes(`"row":"${row}"`))).toHaveLength(1);
      expect(readdirSync(join(directory, "damaged"))).toHaveLength(1);
      expect(again.head).toBe(21n);
      // All but what that row said is as it was; what a route had finished is finished again.
      expect(again.route("logs").cursor).toBe(row === "route/logs" ? 0n : 6n);
      expect(again.collectorId === journal.collectorId).toBe(row !== "identity");
      expect(again.pauses.get("slow")).toBeDefined();
      expect(again.quarantine.totals("logs")).toEqual(journal.quarantine.totals("logs"));
      expect(again.handOvers.takenFor("logs")).toHaveLength(row === "taken/abc/logs" ? 0 : 1);
      expect(await again.requeue("logs", 5n)).toBe(21n);
      await again.close();
    });
  }
});

test("an entry of the quarantine that can't be read is shown as what it is, beside the others", async () => {
  await withFolder(async (directory) => {
    const journal = await Journal.open(journalOptions(directory));
    await journal.append(numberedRequest(0), 3);
    for (const ordinal of [0n, 1n, 2n]) {
      const entry = {
        ordinal,
        reason: "refused",
        message: "no",
        atMs: 5,
        request: numberedRequest(Number(ordinal), 40),
      };
      await journal.route("logs").quarantine(entry);
    }
    await journal.close();
    const store = await levelDriver.open(join(directory, "meta"), { create: false, writeBufferBytes: 1_048_576 });
    const key = Buffer.from("quarantine/logs/00000000000000000001");
    await store.write([{ key, value: Buffer.concat([Buffer.from('{"ordi\n'), numberedRequest(1, 40)]) }]);
    await store.close();
    const again = await Journal.open(journalOptions(directory));
    const listed = await again.quarantine.list("logs", 10);
    expect(listed.map(({ ordinal, reason }) => [ordinal, reason])).toEqual([
      [0n, "refused"],
      [1n, "damaged"],
      [2n, "refused"],
    ]);
    expect(Buffer.from(listed[1]?.request ?? []).equals(numberedRequest(1, 40))).toBe(true);
    await again.close();
  });
});
