/** What goes wrong with files and disks costs that file or that row, and never the agent. */
import { expect, spyOn, test } from "bun:test";
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FollowedFile } from "./files/followed.ts";
import { withLogs } from "./testing/folder.ts";
import { startRig } from "./testing/rig.ts";

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
