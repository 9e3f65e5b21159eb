/** What one journal takes from another: once, under the names that it had, whatever is repeated and whenever it died. */
import { expect, test } from "bun:test";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { pino } from "pino";
import { extractRecords } from "../otlp/edit.ts";
import { FaultyDriver } from "../testing/faulty-driver.ts";
import { deliver, journalOptions } from "../testing/journal-options.ts";
import { encodeRequest } from "../testing/system/sender.ts";
import { withFolder } from "../testing/temporary.ts";
import { subtract, unite } from "./hand-overs.ts";
import { Journal } from "./journal.ts";
import { levelDriver } from "./level-store.ts";

const RECORDS = 100;
const KEYS = Array.from({ length: RECORDS }, (_, index) => `key-${index}`);
const REQUEST = encodeRequest(KEYS);

/** Ordinals [first, end) of a collector whose ordinal n is `key-n`. */
function offered(first: number, end: number, route = "logs") {
  const origin = { collectorId: "abc", first: BigInt(first) };
  return { origin, route, records: end - first, request: extractRecords(REQUEST, first, end) };
}

/** Which ordinals of which collector lie in the journal, as they are read for a route. */
async function held(journal: Journal, route = "logs"): Promise<string[]> {
  const ids: string[] = [];
  for (let at = journal.tail; at < journal.head; ) {
    const item = await journal.read(at);
    if (item?.kind !== "commit") throw new Error("it can't be read");
    const { collectorId, first } = item.origin ?? { collectorId: "own", first: item.first };
    for (let each = 0; each < item.records; each++) {
      // The content and the name belong together.
      if (item.origin !== undefined) {
        const key = `key-${first + BigInt(each)} `;
        expect(Buffer.from(extractRecords(item.request, each, each + 1)).includes(key)).toBe(true);
      }
      if (item.isFor(route)) ids.push(`${collectorId}/${first + BigInt(each)}`);
    }
    at = item.first + BigInt(item.records);
  }
  return ids;
}

async function withJournal(body: (journal: Journal, directory: string) => Promise<void>): Promise<void> {
  await withFolder(async (directory) => {
    const journal = await Journal.open(journalOptions(join(directory, "journal")));
    try {
      await body(journal, directory);
    } finally {
      await journal.close();
    }
  });
}

/** What a restart after a crash now would find. */
async function afterCrash<T>(directory: string, body: (journal: Journal, lines: string[]) => Promise<T>): Promise<T> {
  const copy = join(directory, `copy-${crypto.randomUUID()}`);
  await cp(join(directory, "journal"), copy, { recursive: true });
  const lines: string[] = [];
  const log = pino({}, { write: (line: string) => lines.push(line) });
  const journal = await Journal.open(journalOptions(copy, { log }));
  try {
    return await body(journal, lines);
  } finally {
    await journal.close();
  }
}

test("what is taken keeps its names, is for its route alone, and is not taken twice, also after a restart", async () => {
  await withJournal(async (journal, directory) => {
    await journal.append(REQUEST, RECORDS);
    await journal.handOvers.take(offered(10, 20));
    await journal.handOvers.take(offered(10, 20));
    await journal.handOvers.take(offered(10, 20, "errors"));
    expect(journal.head).toBe(120n);
    expect((await held(journal)).slice(RECORDS)).toEqual(Array.from({ length: 10 }, (_, index) => `abc/${index + 10}`));
    expect(await held(journal, "errors")).toHaveLength(110);
    await afterCrash(directory, async (restarted) => {
      await restarted.handOvers.take(offered(10, 20));
      expect(restarted.head).toBe(120n);
    });
  });
});

test("of ranges that overlap, in any order and also at once, each log record is taken once", async () => {
  const ranges = fc.array(fc.tuple(fc.nat(RECORDS - 1), fc.nat(RECORDS - 1)), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(ranges, async (pairs) => {
      await withJournal(async (journal) => {
        const offers = pairs.map(([a, b]) => offered(Math.min(a, b), Math.max(a, b) + 1));
        await Promise.all(offers.map((offer) => journal.handOvers.take(offer)));
        const ids = await held(journal);
        const wanted = new Set(
          offers.flatMap(({ origin, records }) =>
            Array.from({ length: records }, (_, each) => `abc/${origin.first + BigInt(each)}`),
          ),
        );
        expect(ids).toHaveLength(wanted.size);
        expect(new Set(ids)).toEqual(wanted);
      });
    }),
    { numRuns: 25 },
  );
});

test("what was given on is taken again when it comes back, also after a restart; what was not is still known", async () => {
  await withJournal(async (journal, directory) => {
    await journal.handOvers.take(offered(0, 20));
    await journal.handOvers.noteGiving("logs", { first: 5n, end: 20n }, "other", {
      collectorId: "abc",
      first: 5n,
      end: 20n,
    });
    const takeBack = async (each: Journal): Promise<void> => {
      await each.handOvers.take(offered(0, 15));
      expect(each.head).toBe(30n);
      const [taken] = each.handOvers.takenFor("logs");
      expect(taken).toEqual({ collectorId: "abc", ranges: [{ first: 0n, end: 15n }], records: 30n });
    };
    await afterCrash(directory, takeBack);
    await takeBack(journal);
    expect((await held(journal)).slice(20)).toEqual(Array.from({ length: 10 }, (_, each) => `abc/${each + 5}`));
  });
});

/** Puts a row into the meta database of a journal that is closed. */
async function putRow(directory: string, key: string, row: unknown): Promise<void> {
  const store = await levelDriver.open(join(directory, "meta"), { create: false, writeBufferBytes: 1_048_576 });
  await store.write([{ key: Buffer.from(key), value: Buffer.from(JSON.stringify(row)) }]);
  await store.close();
}

test("a taker that died after the entry takes it again when it is offered again, and says that it may be doubled", async () => {
  await withFolder(async (directory) => {
    const folder = join(directory, "journal");
    const journal = await Journal.open(journalOptions(folder));
    await journal.handOvers.take(offered(0, 10));
    await journal.close();
    // As the disk is between the entry and the row that says so.
    await putRow(folder, "taken/abc/logs", { ranges: [], taking: ["0", "10"], atMs: 1 });
    await afterCrash(directory, async (restarted, lines) => {
      await restarted.handOvers.take(offered(0, 10));
      await restarted.handOvers.take(offered(0, 10));
      expect(restarted.head).toBe(20n);
      // Rows of earlier versions count nothing: what may have been written twice counts twice.
      expect(restarted.handOvers.takenFor("logs")[0]?.records).toBe(20n);
      expect(lines.filter((line) => line.includes("may be delivered twice"))).toHaveLength(1);
    });
  });
});

test("a giver that died says at its start which log records may be delivered twice, and by whom, once", async () => {
  await withJournal(async (journal, directory) => {
    await journal.append(REQUEST, RECORDS);
    await journal.handOvers.noteGiving("logs", { first: 5n, end: 9n }, "other", {
      collectorId: journal.collectorId,
      first: 5n,
      end: 9n,
    });
    await afterCrash(directory, async (_, lines) => {
      const told = lines.filter((line) => line.includes("a hand-over was cut off")).map((line) => JSON.parse(line));
      expect(told).toMatchObject([{ route: "logs", first: "5", end: "9", to: "other" }]);
    });
    await journal.handOvers.endGiving("logs");
    await afterCrash(directory, async (_, lines) => {
      expect(lines.filter((line) => line.includes("cut off"))).toEqual([]);
    });
  });
});

test("with what was noted as given goes to the disk what was settled before", async () => {
  await withJournal(async (journal, directory) => {
    await journal.append(REQUEST, RECORDS);
    const logs = journal.route("logs");
    deliver(logs, 0n, 40n);
    logs.finish(40n, 100n, { delivered: 0, filtered: 0, quarantined: 0, handedOver: 60 });
    await journal.handOvers.endGiving("logs");
    await afterCrash(directory, async (restarted) => {
      const found = restarted.route("logs");
      expect([found.cursor, found.handedOver, found.totals.delivered]).toEqual([100n, 60n, 40n]);
    });
  });
});

test("a journal that holds a foreign entry is not opened by versions that can't read it", async () => {
  await withJournal(async (journal, directory) => {
    const formatOf = async (): Promise<number> => {
      const copy = join(directory, `copy-${crypto.randomUUID()}`);
      await cp(join(directory, "journal", "meta"), copy, { recursive: true });
      const store = await levelDriver.open(copy, { create: false, writeBufferBytes: 1_048_576 });
      const [row] = await store.read({ from: Buffer.from("identity"), to: Buffer.from("identity~") });
      await store.close();
      return (JSON.parse(Buffer.from(row?.value ?? []).toString()) as { format: number }).format;
    };
    expect(await formatOf()).toBe(1);
    await journal.handOvers.take(offered(0, 1));
    expect(await formatOf()).toBe(2);
  });
});

test("ranges less others, and ranges together, hold exactly what they should", () => {
  const range = fc.tuple(fc.nat(60), fc.integer({ min: 1, max: 9 })).map(([first, length]) => ({
    first: BigInt(first),
    end: BigInt(first + length),
  }));
  const members = (ranges: readonly { first: bigint; end: bigint }[]): bigint[] =>
    ranges.flatMap(({ first, end }) => Array.from({ length: Number(end - first) }, (_, each) => first + BigInt(each)));
  fc.assert(
    fc.property(range, fc.array(range), (one, others) => {
      const united = unite(others);
      expect(members(united)).toEqual([...new Set(members(others))].sort((a, b) => (a < b ? -1 : 1)));
      const taken = new Set(members(others));
      expect(members(subtract(one, united))).toEqual(members([one]).filter((each) => !taken.has(each)));
    }),
  );
});

test("a start that tells of a hand-over that was cut off still knows how far the journal had come", async () => {
  await withJournal(async (journal, directory) => {
    await journal.append(REQUEST, RECORDS);
    const named = { collectorId: journal.collectorId, first: 10n, end: 20n };
    await journal.handOvers.noteGiving("logs", named, "abc", named);
    const driver = new FaultyDriver();
    const copy = join(directory, "again");
    await cp(join(directory, "journal"), copy, { recursive: true });
    const again = await Journal.open(journalOptions(copy, { driver }));
    const heads = driver.written
      .flatMap(({ batch }) => batch)
      .filter(({ key }) => Buffer.from(key).toString() === "head")
      .map(({ value }) => Buffer.from(value ?? []).toString());
    expect(heads.length).toBeGreaterThan(0);
    expect(new Set(heads)).toEqual(new Set([String(RECORDS)]));
    await again.close();
  });
});
