import { expect, test } from "bun:test";
import { RecycledMemory } from "../memory/recycled-memory.ts";
import { Outbox } from "./outbox.ts";
import type { PackedRecord } from "./packing/pack.ts";

const LIMITS = { recordsMax: 3, bytesMax: 100 };
let ordinal = 0n;

/** A record of one line per text. */
function record(...texts: string[]): PackedRecord {
  const first = ordinal;
  ordinal += BigInt(texts.length);
  let end = 0;
  const ends = Uint32Array.from(texts, (text) => (end += text.length + 1));
  return { bytes: new TextEncoder().encode(texts.map((text) => `${text}\n`).join("")), first, end: ordinal, ends };
}

function textsOf(call: { records: readonly PackedRecord[] } | undefined): string[] | undefined {
  return call?.records.map(({ bytes }) => new TextDecoder().decode(bytes).trimEnd());
}

test("a call takes retries before fresh records, each in order, up to its limits", () => {
  const outbox = new Outbox({ bytesMax: 100_000 });
  for (const text of ["f1", "f2", "f3", "f4"]) outbox.add(record(text));
  const sent = outbox.next({ recordsMax: 2, bytesMax: 100 }, false);
  for (const failed of sent?.records ?? []) outbox.retry(failed);
  const call = outbox.next(LIMITS, false);
  expect(textsOf(call)).toEqual(["f1", "f2", "f3"]);
  expect(call?.retried).toBe(2);
  expect(call?.bytes).toBe(9);
  expect(textsOf(outbox.next(LIMITS, false))).toEqual(["f4"]);
  expect(outbox.next(LIMITS, false)).toBeUndefined();
});

test("nothing fresh goes past a retry that does not fit the call", () => {
  const outbox = new Outbox({ bytesMax: 100_000 });
  const [small, large] = [record("r".repeat(60)), record("R".repeat(60))];
  for (const each of [small, large]) outbox.add(each);
  const sent = [outbox.next({ recordsMax: 2, bytesMax: 200 }, false)];
  for (const failed of sent[0]?.records ?? []) outbox.retry(failed);
  outbox.add(record("fresh"));
  expect(textsOf(outbox.next(LIMITS, false))).toEqual(["r".repeat(60)]);
  expect(textsOf(outbox.next(LIMITS, false))).toEqual(["R".repeat(60), "fresh"]);
});

test("one record goes even when it is larger than a call should be", () => {
  const outbox = new Outbox({ bytesMax: 100_000 });
  outbox.add(record("x".repeat(500)));
  expect(outbox.next(LIMITS, false)?.bytes).toBe(501);
});

test("what is in flight counts as held until it is settled; when nothing is held, anything fits", () => {
  const outbox = new Outbox({ bytesMax: 1_200 });
  expect(outbox.fits(record("x".repeat(5_000)))).toBe(true);
  const first = record("x".repeat(99));
  outbox.add(first);
  // Each weighs 512 bytes besides its own, and 4 for its line.
  expect(outbox.fits(record("x".repeat(67)))).toBe(true);
  expect(outbox.fits(record("x".repeat(68)))).toBe(false);
  outbox.next(LIMITS, false);
  expect(outbox.heldBytes).toBe(616);
  outbox.settled(first);
  expect(outbox.heldBytes).toBe(0);
});

test("halves of a refused call go first, each as a call of its own, and never mixed with others", () => {
  const outbox = new Outbox({ bytesMax: 100_000 });
  for (const text of ["a", "b", "c", "later"]) outbox.add(record(text));
  const call = outbox.next(LIMITS, false);
  if (call === undefined) throw new Error("a call was expected");
  expect(outbox.split(call, 7)).toBeUndefined();
  const half = outbox.next(LIMITS, false);
  expect(textsOf(half)).toEqual(["a"]);
  expect(half?.records[0]?.refusedAtTaken).toBe(7);
  expect(textsOf(outbox.next(LIMITS, false))).toEqual(["b", "c"]);
  expect(textsOf(outbox.next(LIMITS, false))).toEqual(["later"]);
});

test("a call that was not made goes before everything else", () => {
  const outbox = new Outbox({ bytesMax: 100_000 });
  for (const text of ["a", "b"]) outbox.add(record(text));
  const call = outbox.next({ recordsMax: 1, bytesMax: 100 }, false);
  if (call === undefined) throw new Error("a call was expected");
  outbox.putBack(call);
  expect(outbox.hasWork(false)).toBe(true);
  expect(outbox.next(LIMITS, false)).toBe(call);
});

test("a suspect is sent by a probe that finds nothing else, or when the stream takes records again", () => {
  const outbox = new Outbox({ bytesMax: 100_000 });
  for (const text of ["suspect", "other"]) outbox.add(record(text));
  const [suspect] = outbox.next({ recordsMax: 1, bytesMax: 100 }, false)?.records ?? [];
  if (suspect === undefined) throw new Error("a record was expected");
  outbox.suspect(suspect);
  expect(textsOf(outbox.next(LIMITS, true))).toEqual(["other"]);
  expect(outbox.hasWork(false)).toBe(false);
  expect(outbox.hasWork(true)).toBe(true);
  expect(outbox.next(LIMITS, false)).toBeUndefined();
  outbox.reconsider();
  expect(textsOf(outbox.next(LIMITS, false))).toEqual(["suspect"]);
});

test("the halves of a refused record stay whole while memory of settled ones is used again", () => {
  const memory = new RecycledMemory(1_000_000);
  const outbox = new Outbox({ bytesMax: 100_000, memory });
  const [one, other] = ["1".repeat(5_000), "2".repeat(5_000)];
  const made = record(one, other);
  const bytes = memory.lend(made.bytes.length);
  bytes.set(made.bytes);
  outbox.add({ ...made, bytes });
  const call = outbox.next(LIMITS, false);
  if (call === undefined) throw new Error("there is a call");
  outbox.split(call, 0);
  memory.lend(bytes.length).fill(0);
  const first = outbox.next(LIMITS, false);
  expect(textsOf(first)).toEqual([one]);
  for (const each of first?.records ?? []) outbox.settled(each);
  memory.lend(5_001).fill(0);
  expect(textsOf(outbox.next(LIMITS, false))).toEqual([other]);
});
