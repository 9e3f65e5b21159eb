import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { billedBytes as billedLocally } from "../local/meter.ts";
import { BILLED_BYTES_STEP, billedBytes, costTable, monthlyCost } from "./cost.ts";

const VOLUME = { region: "us-east-1", logsPerSecond: 1_000_000_000 / (30 * 86_400), lineBytes: 300 } as const;

test("a thousand million lines of 300 bytes cost what was worked out by hand", () => {
  // 1e9 records of 5,120 bytes at $0.029 a GB.
  expect(monthlyCost({ ...VOLUME, packing: "line" }).firehoseDollars).toBeCloseTo(148.48, 2);
  // 300 GB, and a rounding of less than 0.1 %.
  expect(monthlyCost({ ...VOLUME, packing: "full" }).firehoseDollars).toBeCloseTo(8.7, 1);
});

test("a record is billed as the local Firehose bills it", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1_024_000 }), (bytes) =>
      expect(billedBytes(bytes)).toBe(billedLocally(bytes)),
    ),
  );
  expect(billedBytes(BILLED_BYTES_STEP + 1)).toBe(2 * BILLED_BYTES_STEP);
});

test("packing never costs more than one line per record, nor compressing more than not", () => {
  const volume = fc.record({
    region: fc.constantFrom("us-east-1", "ap-northeast-1"),
    logsPerSecond: fc.integer({ min: 1, max: 1e6 }),
    lineBytes: fc.integer({ min: 50, max: 20_000 }),
  });
  fc.assert(
    fc.property(volume, (each) => {
      const [line = 0, full = 0, gzip = 0] = (["line", "full", "gzip"] as const).map(
        (packing) => monthlyCost({ ...each, packing } as never).totalDollars,
      );
      expect(line).toBeGreaterThanOrEqual(full * 0.999);
      expect(full).toBeGreaterThan(gzip);
    }),
  );
});

test("the table in the documentation is what the script prints", () => {
  const documented = readFileSync(join(import.meta.dir, "README.md"), "utf8")
    .replace(/ +/g, " ")
    .replace(/-+/g, "-");
  const printed = costTable("ap-northeast-1", 800, [500, 2_000, 10_000]).replace(/ +/g, " ").replace(/-+/g, "-");
  expect(documented).toContain(printed);
});
