import { expect, test } from "bun:test";
import { pino } from "pino";
import { silentLog } from "../log.ts";
import { recordingLog } from "../testing/delivery-rig.ts";
import { withFolder } from "../testing/temporary.ts";
import { VirtualClock } from "../testing/virtual-clock.ts";
import { DiskGuard } from "./disk-guard.ts";

const RESERVE = 1_000;
const LEAST_FREE = 5_000;

/** Moves time on until it is so: the guard writes its reserve to the real disk in between. */
async function until(clock: VirtualClock, condition: () => boolean): Promise<void> {
  for (let looks = 0; looks < 4_000 && !condition(); looks++) {
    await clock.advance(250);
    await Bun.sleep(5);
  }
  expect(condition()).toBe(true);
}

test("a disk that is full again in the very moment it has room is looked at on, and has room when there is some", async () => {
  await withFolder(async (directory) => {
    const clock = new VirtualClock();
    let freeBytes = LEAST_FREE + RESERVE + 100;
    const options = { directory, clock, reserveBytes: RESERVE, freeBytesMin: LEAST_FREE, log: silentLog };
    const guard = new DiskGuard({ ...options, freeBytes: () => freeBytes });
    await guard.start(0);
    expect(guard.isFull).toBe(false);

    let told = 0;
    // Whoever waits asks at once, for more than there is above the least: as admission does for a call that it holds.
    guard.onRoom = () => {
      told++;
      guard.hasRoom(10_000);
    };
    guard.fill("a write was refused");
    await until(clock, () => told === 1);
    expect(guard.isFull).toBe(true);

    freeBytes = 1_000_000;
    await until(clock, () => !guard.isFull);
    expect(told).toBeGreaterThan(1);
    expect(guard.hasRoom(10_000)).toBe(true);
    await guard.stop();
  });
});

test("a disk with less room than the journal may take says so at the start, and one with enough says nothing", async () => {
  await withFolder(async (directory) => {
    const { log, lines } = recordingLog((stream) => pino({ level: "info" }, stream));
    const told: unknown[] = [];
    for (const journalBytes of [10_000, 10_001]) {
      const options = { directory, clock: new VirtualClock(), reserveBytes: RESERVE, freeBytesMin: LEAST_FREE, log };
      const guard = new DiskGuard({ ...options, freeBytes: () => LEAST_FREE + 10_000 });
      await guard.start(journalBytes);
      expect(guard.isFull).toBe(false);
      told.push(lines.map(({ journalBytes: bytes, msg }) => [bytes, msg]));
      await guard.stop();
    }
    expect(told).toEqual([[], [[10_001, expect.stringContaining("lower journal.bytesMax")]]]);
  });
});
