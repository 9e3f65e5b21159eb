/** What goes wrong with files and disks costs that file or that row, and never the agent. */
import { expect, spyOn, test } from "bun:test";
import { appendFileSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Level } from "level";
import { pino } from "pino";
import { withSmallDisk } from "../../collector/testing/temporary.ts";
import { testWith } from "../../collector/testing/tools.ts";
import { FollowedFile } from "./files/followed.ts";
import type { Log } from "./log.ts";
import { decodeRequest } from "./testing/decode.ts";
import { withLogs } from "./testing/folder.ts";
import { FakeSender, startRig } from "./testing/rig.ts";

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly path?: string;
  readonly unreadBytes?: number;
}

function recordingLog(): [Line[], Log] {
  const told: Line[] = [];
  return [told, pino({}, { write: (line: string) => told.push(JSON.parse(line)) })];
}

function lines(name: string, from: number, to: number): string {
  return Array.from({ length: to - from }, (_, index) => `${name} ${from + index}\n`).join("");
}

/** Has the disk fail under the file at `path`, the next `times` times that `method` asks it for something. */
function failing(method: "look" | "read" | "isSame", path: string, times: number): Disposable {
  const original = FollowedFile.prototype[method] as (...given: unknown[]) => unknown;
  let left = times;
  const spy = spyOn(FollowedFile.prototype, method).mockImplementation(function (
    this: FollowedFile,
    ...given: unknown[]
  ) {
    if (this.path === path && left-- > 0) throw Object.assign(new Error("EIO: i/o error, read"), { code: "EIO" });
    return original.apply(this, given) as never;
  });
  return { [Symbol.dispose]: () => spy.mockRestore() };
}

test("a file whose reading fails holds up nobody but itself, and is read on when it can be", async () => {
  await withLogs(async (directory, logs) => {
    const [bad, good] = [join(logs, "bad.log"), join(logs, "good.log")];
    writeFileSync(bad, lines("bad", 0, 5));
    writeFileSync(good, lines("good", 0, 5));
    await using rig = await startRig(directory);
    await rig.until(10);
    let count = 5;
    for (const method of ["look", "read", "isSame"] as const) {
      using _ = failing(method, bad, 2);
      appendFileSync(bad, lines("bad", count, count + 5));
      appendFileSync(good, lines("good", count, count + 5));
      count += 5;
      await rig.until(2 * count);
    }
    await rig.settled();
    const all = ["bad", "good"].flatMap((name) => lines(name, 0, count).trimEnd().split("\n"));
    expect([...rig.sender.bodies].sort()).toEqual(all.sort());
  });
}, 20_000);

test("positions of which a row can't be read cost that row: its file is read again, and the others go on", async () => {
  await withLogs(async (directory, logs) => {
    for (const name of ["a", "b"]) writeFileSync(join(logs, `${name}.log`), lines(name, 0, 5));
    {
      await using rig = await startRig(directory);
      await rig.until(10);
      await rig.settled();
    }
    const { ino, dev } = statSync(join(logs, "a.log"), { bigint: true });
    const database = new Level<string, string>(join(directory, "positions", "offsets"));
    await database.put(`file!${dev}:${ino}`, '{"path":"a bit is flipp');
    await database.close();
    await using rig = await startRig(directory);
    for (const name of ["a", "b"]) appendFileSync(join(logs, `${name}.log`), lines(name, 5, 7));
    await rig.until(9);
    await rig.settled();
    const again = [...lines("a", 0, 7).trimEnd().split("\n"), "b 5", "b 6"];
    expect([...rig.sender.bodies].sort()).toEqual(again);
  });
}, 20_000);

test("positions that LevelDB can't open are mended, and kept as they were: files go on where they were", async () => {
  await withLogs(async (directory, logs) => {
    writeFileSync(join(logs, "a.log"), lines("a", 0, 5));
    {
      await using rig = await startRig(directory, { readFrom: "end" });
      appendFileSync(join(logs, "a.log"), lines("a", 5, 10));
      await rig.until(5);
      await rig.settled();
    }
    const offsets = join(directory, "positions", "offsets");
    for (const name of readdirSync(offsets)) if (/^(CURRENT|MANIFEST)/.test(name)) rmSync(join(offsets, name));
    writeFileSync(join(offsets, "CURRENT"), "rubbish");
    await using rig = await startRig(directory, { readFrom: "end" });
    appendFileSync(join(logs, "a.log"), lines("a", 10, 12));
    await rig.until(2);
    await rig.settled();
    expect(rig.sender.bodies).toEqual(["a 10", "a 11"]);
    expect(readdirSync(join(directory, "positions")).filter((name) => name.includes("damaged"))).toHaveLength(1);
  });
}, 20_000);

test("what the collector will never take is kept in a file, whole, before the position moves on", async () => {
  await withLogs(async (directory, logs) => {
    writeFileSync(join(logs, "a.log"), lines("a", 0, 3));
    {
      const sender = new FakeSender();
      sender.verdict = { refused: 3, reason: "never" };
      await using rig = await startRig(directory, {}, {}, sender);
      await rig.until(3);
      await rig.settled();
      const refused = join(directory, "positions", "refused");
      const [name = ""] = readdirSync(refused);
      const kept = decodeRequest(readFileSync(join(refused, name)));
      expect(kept.map(({ body }) => body)).toEqual(["a 0", "a 1", "a 2"]);
      expect(rig.agent.status()).toMatchObject({ refusedRecords: 3, acknowledgedRecords: 0 });
    }
    await using rig = await startRig(directory);
    appendFileSync(join(logs, "a.log"), lines("a", 3, 4));
    await rig.until(1);
    await rig.settled();
    expect(rig.sender.bodies).toEqual(["a 3"]);
  });
}, 20_000);

test("a stop says what of deleted files was not read: nobody can read it any more", async () => {
  await withLogs(async (directory, logs) => {
    const path = join(logs, "a.log");
    const [told, log] = recordingLog();
    const sender = new FakeSender();
    const collector = { inFlightBytesMax: 65_536, requestBytesMax: 65_536 };
    {
      await using rig = await startRig(directory, {}, { collector }, sender, log);
      sender.hold();
      writeFileSync(path, lines("a", 0, 500_000));
      await rig.until(1);
      rmSync(path);
      while (rig.agent.status().unreadBytes < 1_000_000) await Bun.sleep(5);
      await Bun.sleep(300);
    }
    const lost = told.filter(({ msg }) => msg.includes("deleted before it was read to its end"));
    expect(lost).toHaveLength(1);
    expect(lost[0]).toMatchObject({ level: 50, path });
    expect(lost[0]?.unreadBytes).toBeGreaterThan(0);
  });
}, 20_000);

testWith(["tmpfs"], "positions without a byte of disk left are told with what to do", async () => {
  await withSmallDisk(1_048_576, async (disk) => {
    expect(() => writeFileSync(join(disk, "rubbish"), new Uint8Array(8_388_608))).toThrow("ENOSPC");
    const failure = await startRig(disk).catch((reason: unknown) => reason);
    expect(failure).toMatchObject({ code: "positions_unusable" });
    expect((failure as Error).message).toMatch(/No space left on device\): no line is lost.*positions\.directory/);
  });
});
