import { expect, test } from "bun:test";
import { History, takeSample } from "./history.ts";
import { statusSample } from "./samples.ts";

const GROWN = { bytesMax: 100_000, freeMin: 1_000, swing: 5_000 };

function grow(bytesPerSecond: number, seconds: number, swing = GROWN.swing): History {
  const history = new History(GROWN.freeMin, swing);
  const status = statusSample();
  for (let second = 0; second <= seconds; second++) {
    const journal = { ...status.journal, bytes: 10_000 + bytesPerSecond * second, diskFreeBytes: 10_000_000 };
    history.note(takeSample({ ...status, journal }, second * 1_000));
  }
  return history;
}

test("a journal that grows steadily is full when its room is used up at that pace", () => {
  // 40 s at 1,000 bytes/s leave 50,000 bytes of room.
  expect(grow(1_000, 40).fullSeconds(GROWN.bytesMax)).toBeCloseTo(50);
});

test("a journal that stays, shrinks, or was not looked at long enough is never full", () => {
  for (const history of [grow(0, 60), grow(-100, 60), grow(1_000, 5), new History(0, 0)]) {
    expect(history.fullSeconds(GROWN.bytesMax)).toBe(Number.POSITIVE_INFINITY);
  }
});

test("one that keeps up swings between nothing and two segments, and is never full", () => {
  expect(grow(1_000, 40, 50_000).fullSeconds(GROWN.bytesMax)).toBe(Number.POSITIVE_INFINITY);
  expect(grow(1_000, 40, 49_999).fullSeconds(GROWN.bytesMax)).toBeCloseTo(50);
});

test("ten minutes are kept, however long it runs", () => {
  const history = grow(1, 2_000);
  expect(history.samples).toHaveLength(600);
  expect(history.samples[0]?.atMs).toBe(1_401_000);
});
