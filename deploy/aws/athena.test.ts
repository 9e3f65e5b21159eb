/** The queries, run as they are on DuckDB, whose SQL has all that they use of Trino's. table.sql is Athena's alone. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import fc from "fast-check";

interface Line {
  readonly recordId: string | null;
  readonly part?: number;
  readonly parts?: number;
}

interface Ledger {
  readonly collector: string;
  readonly first: number;
  readonly cursor: number;
  readonly notSent: number;
}

type Row = Record<string, unknown>;

const read = (name: string): Promise<string> => Bun.file(join(import.meta.dir, name)).text();

async function query(name: string, lines: readonly Line[], ledgers: readonly Ledger[] = []): Promise<Row[]> {
  const database = await DuckDBInstance.create(":memory:");
  const connection = await database.connect();
  try {
    await connection.run("CREATE TABLE logs (recordId varchar, part integer, parts integer)");
    for (const { recordId, part = null, parts = null } of lines) {
      await connection.run("INSERT INTO logs VALUES ($1, $2, $3)", [recordId, part, parts]);
    }
    const values = ledgers.map(({ collector, first, cursor, notSent }) => {
      return `('${collector}', CAST(${first} AS bigint), CAST(${cursor} AS bigint), CAST(${notSent} AS bigint))`;
    });
    const text = await read(name);
    const filled =
      ledgers.length === 0 ? text : text.replace(/VALUES \('abcd1234'.*\)\n/, `VALUES ${values.join(", ")}\n`);
    if (ledgers.length > 0 && filled === text) throw new Error("the ledger's place in the query is not where it was");
    return (await connection.runAndReadAll(filled)).getRowObjectsJson() as Row[];
  } finally {
    connection.closeSync();
    database.closeSync();
  }
}

const linesOf = (collector: string, ordinals: readonly number[]): Line[] =>
  ordinals.map((ordinal) => ({ recordId: `${collector}/${ordinal}` }));

const row = (kind: string, collector: string, first: number | null, last: number | null, count: number): Row => ({
  kind,
  collector,
  range_first: first === null ? null : String(first),
  range_last: last === null ? null : String(last),
  log_records: String(count),
});

test("missing, doubled and foreign ordinals come with their ranges, those at the ends too", async () => {
  const lines = [
    ...linesOf("a", [2, 3, 4, 8, 9, 9, 10, 10]),
    ...linesOf("b", [0, 1, 2]),
    ...linesOf("stranger", [7]),
    { recordId: null },
  ];
  const ledgers = [
    { collector: "a", first: 0, cursor: 13, notSent: 3 },
    { collector: "b", first: 0, cursor: 3, notSent: 0 },
  ];
  expect(await query("verify.sql", lines, ledgers)).toEqual([
    row("doubled", "a", 9, 10, 2),
    row("foreign", "stranger", 7, 7, 1),
    row("lost", "a", null, null, 4),
    row("missing", "a", 0, 1, 2),
    row("missing", "a", 5, 7, 3),
    row("missing", "a", 11, 12, 2),
  ]);
});

test("a log record in parts has arrived when all of its parts have", async () => {
  const part = (ordinal: number, number: number): Line => ({ recordId: `a/${ordinal}`, part: number, parts: 2 });
  const lines = [part(0, 1), part(0, 2), part(0, 2), part(1, 2), part(1, 2)];
  const ledgers = [{ collector: "a", first: 0, cursor: 2, notSent: 0 }];
  expect(await query("verify.sql", lines, ledgers)).toEqual([
    row("lost", "a", null, null, 1),
    row("missing", "a", 1, 1, 1),
  ]);
});

test("whatever arrived, the query counts what a plain count does", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(19), { maxLength: 40 }), fc.nat(5), async (ordinals, notSent) => {
      const rows = await query("verify.sql", linesOf("a", ordinals), [
        { collector: "a", first: 0, cursor: 20, notSent },
      ]);
      const total = (kind: string): number =>
        rows.filter((each) => each.kind === kind).reduce((sum, each) => sum + Number(each.log_records), 0);
      const distinct = new Set(ordinals);
      expect(total("missing")).toBe(20 - distinct.size);
      expect(total("lost")).toBe(Math.max(0, 20 - distinct.size - notSent));
      expect(total("doubled")).toBe([...distinct].filter((o) => ordinals.filter((x) => x === o).length > 1).length);
    }),
    { numRuns: 25 },
  );
});

test("of what came twice one is left, and lines without an id are all kept", async () => {
  const lines = [
    ...linesOf("a", [1, 1, 2]),
    { recordId: "a/3", part: 1, parts: 2 },
    { recordId: "a/3", part: 2, parts: 2 },
    { recordId: "a/3", part: 2, parts: 2 },
    { recordId: null },
    { recordId: null },
  ];
  const rows = await query("without-duplicates.sql", lines);
  const ids = rows.map(({ recordId, part }) => `${recordId ?? "-"} ${part ?? ""}`.trim()).sort();
  expect(ids).toEqual(["-", "-", "a/1", "a/2", "a/3 1", "a/3 2"]);
});
