/** Copies and truncations that fall into the moments between two steps of the agent: each line comes once all the same. */
import { expect, spyOn, test } from "bun:test";
import {
  appendFileSync,
  copyFileSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { FollowedFile } from "./files/followed.ts";
import { Positions } from "./files/positions.ts";
import { withLogs } from "./testing/folder.ts";
import { type Rig, startRig } from "./testing/rig.ts";

const LIMIT_MS = 60_000;
/** Each look at folders comes before the look at files. */
const PLAIN = { files: { watch: false, refreshMs: 50 } };

function numbered(from: number, to: number): string {
  return Array.from({ length: to - from }, (_, index) => `line ${from + index}\n`).join("");
}

/** Each of the numbered lines, up to `end`, has come once. */
function expectOnce({ sender }: Rig, end: number): void {
  const lines = (sender.bodies as string[]).filter((body) => body.startsWith("line "));
  const distinct = new Set(lines);
  const lost = numbered(0, end)
    .trimEnd()
    .split("\n")
    .filter((line) => !distinct.has(line));
  expect({ lost, doubled: lines.length - distinct.size, distinct: distinct.size }).toEqual({
    lost: [],
    doubled: 0,
    distinct: end,
  });
}

/** Calls `then` once, right after `method` has done its work on the file at `path`. */
function rightAfter(method: "read" | "isSame", path: string, then: () => void): Disposable {
  const original = FollowedFile.prototype[method] as (...given: unknown[]) => unknown;
  let isDue = true;
  const spy = spyOn(FollowedFile.prototype, method).mockImplementation(function (
    this: FollowedFile,
    ...given: unknown[]
  ) {
    const answer = original.apply(this, given);
    if (isDue && this.path === path) {
      isDue = false;
      then();
    }
    return answer as never;
  });
  return { [Symbol.dispose]: () => spy.mockRestore() };
}

/** Has the agent find nothing new in the file at `path`, until it is disposed of. */
function blindFor(path: string): Disposable {
  const original = FollowedFile.prototype.look;
  const spy = spyOn(FollowedFile.prototype, "look").mockImplementation(function (this: FollowedFile, nowMs) {
    return this.path === path ? "end" : original.call(this, nowMs);
  });
  return { [Symbol.dispose]: () => spy.mockRestore() };
}

/** Resolves when the agent has looked through its folders. */
async function untilLooked(rig: Rig, logs: string, name: string): Promise<void> {
  writeFileSync(join(logs, name), `${name}\n`);
  while (!rig.sender.bodies.includes(name)) await Bun.sleep(5);
}

for (const method of ["read", "isSame"] as const) {
  for (const readBefore of [0, 2, 300]) {
    for (const writtenAfter of [0, 400]) {
      test(
        `copied and truncated right after ${method}, with ${readBefore} lines read before and ${writtenAfter} written after`,
        async () => {
          await withLogs(async (directory, logs) => {
            const path = join(logs, "a.log");
            writeFileSync(path, numbered(0, readBefore));
            await using rig = await startRig(directory, {}, PLAIN);
            await rig.until(readBefore);
            await untilLooked(rig, logs, "first.log");
            const end = readBefore + 100;
            using _ = rightAfter(method, path, () => {
              copyFileSync(path, `${path}.1`);
              truncateSync(path);
              appendFileSync(path, numbered(end, end + writtenAfter));
            });
            appendFileSync(path, numbered(readBefore, end));
            await rig.until(1 + end + writtenAfter);
            await untilLooked(rig, logs, "second.log");
            await rig.settled();
            expectOnce(rig, end + writtenAfter);
            expect(rig.agent.status()).toMatchObject({ truncated: 1, truncatedWithoutCopy: 0 });
          });
        },
        LIMIT_MS,
      );
    }
  }
}

test(
  "a copy that has only begun to be made is no new file, whether its original was read or not",
  async () => {
    await withLogs(async (directory, logs) => {
      const path = join(logs, "a.log");
      writeFileSync(path, numbered(0, 200));
      await using rig = await startRig(directory, {}, PLAIN);
      await rig.until(200);
      for (const bytes of [0, 100, 1_500]) {
        writeFileSync(`${path}.1`, readFileSync(path).subarray(0, bytes));
        await untilLooked(rig, logs, `looked-${bytes}.log`);
      }
      copyFileSync(path, `${path}.1`);
      await untilLooked(rig, logs, "copied.log");
      truncateSync(path);
      appendFileSync(path, numbered(200, 300));
      await rig.until(4 + 300);
      await untilLooked(rig, logs, "truncated.log");
      await rig.settled();
      expectOnce(rig, 300);
      expect(rig.agent.status()).toMatchObject({ truncated: 1, truncatedWithoutCopy: 0 });
    });
  },
  LIMIT_MS,
);

for (const isReadInTime of [true, false])
  test(
    `a copy that is seen before its original was read again, which it ${isReadInTime ? "is" : "is not"} before it is truncated`,
    async () => {
      await withLogs(async (directory, logs) => {
        const path = join(logs, "a.log");
        writeFileSync(path, numbered(0, 200));
        await using rig = await startRig(directory, {}, PLAIN);
        await rig.until(200);
        copyFileSync(path, `${path}.1`);
        truncateSync(path);
        while (rig.agent.status().truncated === 0) await Bun.sleep(5);
        {
          using _ = blindFor(path);
          appendFileSync(path, numbered(200, 500));
          renameSync(`${path}.1`, `${path}.2`);
          copyFileSync(path, `${path}.1`);
          await untilLooked(rig, logs, "copied.log");
          if (!isReadInTime) truncateSync(path);
        }
        await rig.until(1 + 500);
        if (isReadInTime) truncateSync(path);
        appendFileSync(path, numbered(500, 600));
        await rig.until(1 + 600);
        await untilLooked(rig, logs, "truncated.log");
        await rig.settled();
        expectOnce(rig, 600);
        expect(rig.agent.status().truncatedWithoutCopy).toBe(0);
      });
    },
    LIMIT_MS,
  );

test(
  "a short rotated file that begins as its successor, and is no copy in the making, is read",
  async () => {
    await withLogs(async (directory, logs) => {
      const path = join(logs, "a.log");
      writeFileSync(path, numbered(0, 10));
      await using rig = await startRig(directory, {}, PLAIN);
      await rig.until(10);
      writeFileSync(join(logs, "draft"), numbered(0, 1));
      const before = new Date(Date.now() - 60_000);
      utimesSync(join(logs, "draft"), before, before);
      renameSync(join(logs, "draft"), `${path}.1`);
      await rig.until(11);
      expect(rig.sender.bodies.at(-1)).toBe("line 0");
    });
  },
  LIMIT_MS,
);

test(
  "a file that was made and rotated between two looks is read, though it has its long heading in common with the next",
  async () => {
    await withLogs(async (directory, logs) => {
      const path = join(logs, "a.log");
      const heading = `${"heading ".repeat(200)}\n`;
      writeFileSync(path, heading + numbered(0, 100));
      await using rig = await startRig(directory, {}, PLAIN);
      await rig.until(101);
      renameSync(path, `${path}.2`);
      writeFileSync(`${path}.1`, heading + numbered(100, 110));
      writeFileSync(path, heading + numbered(110, 300));
      await rig.until(303);
      await rig.settled();
      expectOnce(rig, 300);
    });
  },
  LIMIT_MS,
);

test(
  "files that are renamed while they are looked at stay read: what is compared then is another one",
  async () => {
    await withLogs(async (directory, logs) => {
      const path = join(logs, "a.log");
      const shift = (count: number): void => {
        for (let number = count; number >= 1; number--) renameSync(`${path}.${number}`, `${path}.${number + 1}`);
        renameSync(path, `${path}.1`);
      };
      writeFileSync(path, numbered(0, 100));
      await using rig = await startRig(directory, {}, PLAIN);
      await rig.until(100);
      for (const count of [0, 1]) {
        shift(count);
        writeFileSync(path, numbered(100 * (count + 1), 100 * (count + 2)));
        await rig.until(100 * (count + 2));
      }
      // The rotated ones are read to their end, and let go.
      while (rig.agent.status().files > 1) await Bun.sleep(5);
      const { ino, dev } = statSync(`${path}.2`, { bigint: true });
      const original = Positions.prototype.get;
      let isDue = true;
      using _ = spyOn(Positions.prototype, "get").mockImplementation(function (this: Positions, id: string) {
        if (isDue && id === `${dev}:${ino}`) {
          isDue = false;
          shift(2);
          writeFileSync(path, numbered(300, 400));
        }
        return original.call(this, id);
      });
      await rig.until(400);
      for (const name of ["one.log", "two.log"]) await untilLooked(rig, logs, name);
      await rig.settled();
      expectOnce(rig, 400);
    });
  },
  LIMIT_MS,
);
