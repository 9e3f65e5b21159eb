/**
 * The promises of delivery under whatever Firehose may answer, in any order, with restarts in between: nothing lost,
 * nothing doubled but what was taken without our being told (a lost answer) or without its being on disk (a crash).
 */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { advanceUntil, createRig, type Rig, SMALL_LIMITS, WIDE_QUOTA } from "../testing/delivery-rig.ts";
import { awsError, type Behaviour, FakeSink, type SeenCall, SLOW_DOWN } from "../testing/fake-sink.ts";
import { MemoryJournal, MemoryLedger } from "../testing/memory-journal.ts";
import { VirtualClock } from "../testing/virtual-clock.ts";
import type { RecordAnswer } from "./firehose/outcome.ts";
import { type Compression, compressibleBytesMax, compressNow } from "./packing/compress.ts";
import { type Oversize, planParts, splitLine } from "./packing/oversize.ts";

const REFUSED: Behaviour = {
  kind: "fail",
  error: awsError("ValidationException", "Value at 'records.0.member.data' failed to satisfy constraint"),
};
const FAILED: RecordAnswer = { code: "InternalFailure", message: "sorry" };

/** One answer: what happens to the call as a whole, and for a partial failure, what to each record. */
const answer = fc.oneof(
  { weight: 6, arbitrary: fc.record({ whole: fc.constant("take" as const) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      whole: fc.constant("partial" as const),
      each: fc.array(fc.constantFrom("take", "slow", "failed"), { minLength: 4, maxLength: 4 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ whole: fc.constant("slow" as const) }) },
  { weight: 2, arbitrary: fc.record({ whole: fc.constantFrom("500", "reset", "missing", "expired", "mismatch") }) },
  { weight: 1, arbitrary: fc.record({ whole: fc.constant("lose" as const) }) },
);

type Answer = typeof answer extends fc.Arbitrary<infer T> ? T : never;

function behaviourOf(given: Answer | undefined, call: SeenCall): Behaviour {
  if (call.records.some((record) => record.includes("bad"))) return REFUSED;
  switch (given?.whole) {
    case "partial": {
      const each = "each" in given ? given.each : [];
      const toAnswer = { take: undefined, slow: SLOW_DOWN, failed: FAILED } as const;
      return { kind: "answer", answers: call.records.map((_, index) => toAnswer[(each[index] ?? "take") as "take"]) };
    }
    case "slow":
      return { kind: "answer", answers: call.records.map(() => SLOW_DOWN) };
    case "500":
      return { kind: "fail", error: awsError("InternalFailure", "sorry", 500) };
    case "reset":
      return { kind: "fail", error: Object.assign(new Error("socket closed"), { code: "ECONNRESET" }) };
    case "missing":
      return { kind: "fail", error: awsError("ResourceNotFoundException", "no such stream") };
    case "expired":
      return { kind: "fail", error: awsError("ExpiredTokenException", "expired") };
    case "mismatch":
      return { kind: "fail", error: awsError("SyntaxError", "Unexpected token '<'", 502) };
    case "lose":
      return { kind: "lose", error: awsError("TimeoutError", "no answer") };
    default:
      return { kind: "take" };
  }
}

/** Some lines fit no record. */
const lineLength = fc.oneof(
  { weight: 30, arbitrary: fc.integer({ min: 8, max: 150 }) },
  fc.integer({ min: 199, max: 700 }),
);

const scenario = fc.record({
  commits: fc.array(fc.array(lineLength, { minLength: 1, maxLength: 25 }), { minLength: 1, maxLength: 12 }),
  bad: fc.array(fc.integer({ min: 0, max: 200 }), { maxLength: 3 }),
  /** Filtered out: these, and one in so many. */
  out: fc.array(fc.integer({ min: 0, max: 200 }), { maxLength: 3 }),
  outOneIn: fc.constantFrom(2, 10, 1000),
  compression: fc.constantFrom("none" as const, "gzip" as const, "zstd" as const),
  oversize: fc.constantFrom("split" as const, "truncate" as const, "quarantine" as const),
  answers: fc.array(answer, { maxLength: 60 }),
  latenciesMs: fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 7 }),
  /** After how long the process dies, each time; and whether the ledger was just written. */
  crashes: fc.array(fc.record({ afterMs: fc.integer({ min: 1, max: 4000 }), flushed: fc.boolean() }), { maxLength: 3 }),
  /** Some leave every call to wait for its turn. */
  bytesPerSecond: fc.constantFrom(2_000, 20_000, 1e9),
  /** How many lines the transcoder gives at a time. */
  linesMax: fc.constantFrom(1, 4, 1000),
  chance: fc.double({ min: 0, max: 0.999, noNaN: true }),
});

test("nothing is lost, nothing doubled without reason, and the ledger balances, whatever Firehose answers", async () => {
  await fc.assert(
    fc.asyncProperty(
      scenario,
      async ({ commits, bad, out, outOneIn, compression, oversize, answers, latenciesMs, crashes, ...rest }) => {
        const { bytesPerSecond, linesMax, chance } = rest;
        const clock = new VirtualClock();
        const journal = new MemoryJournal();
        const lines: string[] = [];
        for (const lengths of commits) {
          const texts = lengths.map((length, index) => {
            const number = lines.length + index;
            const isOut = out.includes(number) || number % outOneIn === 1;
            return noisy(`${isOut ? "out" : bad.includes(number) ? "bad" : "log"} ${number} `, length);
          });
          journal.append(texts);
          lines.push(...texts);
        }
        const sink = new FakeSink({
          clock,
          behave: (call) => behaviourOf(answers[call.index], call),
          latencyMs: (call) => latenciesMs[call % latenciesMs.length] ?? 0,
        });
        /** The lines that a log record comes to: itself, its parts, or none where it goes into quarantine. */
        const sentAs = (ordinal: bigint): string[] =>
          outputOf(lines[Number(ordinal)] ?? "", ordinal, compression, oversize);
        /** For each line, how often it may be in the stream besides once. */
        const excused: string[] = [];
        const begin = (ledger: MemoryLedger): Rig => {
          const rig = createRig(() => sink, {
            clock,
            journal,
            ledger,
            compression,
            oversize,
            quota: { ...WIDE_QUOTA, bytesPerSecond },
            random: () => chance,
          });
          rig.transcoder.linesMax = linesMax;
          rig.transcoder.filtered = "out";
          rig.delivery.start();
          return rig;
        };
        let rig = begin(new MemoryLedger());
        for (const { afterMs, flushed } of crashes) {
          await clock.advance(afterMs);
          if (flushed) await rig.ledger.flush();
          const found = rig.ledger.crashed();
          for (const { first, end } of found.openRanges(0n, journal.head)) {
            for (let ordinal = first; ordinal < end; ordinal++) {
              // Settled, but not on disk: it is read again.
              if (rig.ledger.openRanges(ordinal, ordinal + 1n).length === 0) excused.push(...sentAs(ordinal));
              // Some of its parts may have been taken: they belong to none of the range that is settled.
              else if (sentAs(ordinal).length > 1) excused.push(...sentAs(ordinal));
            }
          }
          const dead = rig.delivery.stop(0);
          await clock.advance(0);
          await dead;
          rig = begin(found);
        }
        const drained = (): boolean => rig.ledger.cursor === journal.head;
        // A bad line goes into quarantine when another is taken: where there is none, one comes in the end.
        if (!(await advanceUntil(clock, drained, 900_000, 500))) {
          lines.push("log last");
          journal.append(["log last"]);
          expect(await advanceUntil(clock, drained, 900_000, 500)).toBe(true);
        }

        excused.push(...sink.lost);
        const seen = count(sink.lines);
        const allowed = count(excused);
        const quarantined = count(rig.ledger.entries.map((entry) => new TextDecoder().decode(entry.request).trimEnd()));
        let filteredOut = 0n;
        for (const [number, line] of lines.entries()) {
          const outputs = line.startsWith("out") ? [] : sentAs(BigInt(number));
          const isKept = !line.startsWith("out") && (line.startsWith("bad") || outputs.length === 0);
          if (line.startsWith("out")) filteredOut += 1n;
          expect([line, quarantined.get(line) ?? 0]).toEqual([line, isKept ? 1 : 0]);
          // Of a line in parts only those that are bad themselves are never taken.
          if (line.startsWith("bad")) continue;
          for (const output of outputs) {
            expect(seen.get(output) ?? 0).toBeGreaterThanOrEqual(1);
            expect(seen.get(output) ?? 0).toBeLessThanOrEqual(1 + (allowed.get(output) ?? 0));
          }
          if (isKept || outputs.length === 0) expect(seen.get(line) ?? 0).toBe(0);
        }
        const { delivered, filtered } = rig.ledger.totals;
        expect(filtered).toBe(filteredOut);
        expect(delivered + filtered + rig.ledger.totals.quarantined).toBe(journal.head);
        expect(rig.delivery.status()).toMatchObject({ readAheadBytes: 0, inFlight: { calls: 0, bytes: 0 } });
        await rig.delivery.stop(0);
      },
    ),
    { numRuns: 120 },
  );
}, 60_000);

/** `start`, filled up to `length` with capitals and digits that hardly compress. */
function noisy(start: string, length: number): string {
  let text = start;
  for (let state = length * 7919 + start.length; text.length < length; ) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    text += ((state >>> 8) % 36).toString(36).toUpperCase();
  }
  return text;
}

function outputOf(line: string, ordinal: bigint, compression: Compression, oversize: Oversize): string[] {
  const { recordBytesMax = 0 } = SMALL_LIMITS;
  const lineBytesMax = compression === "none" ? recordBytesMax : compressibleBytesMax(recordBytesMax);
  const bytes = Buffer.from(`${line}\n`);
  if (bytes.length <= lineBytesMax) return [line];
  if (compression !== "none" && compressNow(compression, bytes).length <= recordBytesMax) return [line];
  if (oversize === "quarantine") return [];
  const text = bytes.subarray(0, -1);
  const id = `test/${ordinal}`;
  // No line here is JSON, so none can be cut short.
  return [...splitLine(text, id, planParts(text, id, lineBytesMax))].map((part) =>
    Buffer.from(part).toString().trimEnd(),
  );
}

function count(lines: readonly string[]): Map<string, number> {
  const times = new Map<string, number>();
  for (const line of lines) times.set(line, (times.get(line) ?? 0) + 1);
  return times;
}
