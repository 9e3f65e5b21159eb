/** Files that change under the one who reads them: in place, by rename, by cert-manager's swapped link, and badly. */
import { expect, test } from "bun:test";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pino } from "pino";
import { systemClock } from "../clock.ts";
import { SecretFolder } from "../testing/certificates.ts";
import { withFolder } from "../testing/temporary.ts";
import { VirtualClock } from "../testing/virtual-clock.ts";
import { FILE_BYTES_MAX, POLL_MS, Rotating } from "./rotating.ts";

function parse([bytes = Buffer.alloc(0)]: readonly Buffer[]): string {
  const text = bytes.toString();
  if (text.startsWith("bad")) throw new Error("it is bad");
  return text;
}

/** On a clock that stands still; what the log says is kept. */
async function open(path: string, lines: { level: number; msg: string; reason?: string }[] = []) {
  const clock = new VirtualClock();
  const log = pino({ base: null }, { write: (line: string) => lines.push(JSON.parse(line)) });
  const rotating = await Rotating.open({ what: "the file", paths: [path], parse, clock, log, isWatched: false });
  return { clock, rotating };
}

test("a file that was changed in place, renamed over, or behind a swapped link is read again, and listeners are told", async () => {
  await withFolder(async (folder) => {
    const plain = join(folder, "plain");
    writeFileSync(plain, "one");
    const secret = new SecretFolder(join(folder, "secret"), { token: "one" });
    for (const { path, change } of [
      { path: plain, change: () => writeFileSync(plain, "two") },
      {
        path: plain,
        change: () => {
          writeFileSync(join(folder, "next"), "two");
          renameSync(join(folder, "next"), plain);
        },
      },
      { path: secret.path("token"), change: () => secret.write({ token: "two" }) },
    ]) {
      writeFileSync(plain, "one");
      const { clock, rotating } = await open(path);
      const told: string[] = [];
      const stop = rotating.onChange((value) => told.push(value));
      change();
      while (told.length === 0) await clock.advance(POLL_MS);
      expect([rotating.value, told]).toEqual(["two", ["two"]]);
      stop();
      await rotating.stop();
      expect(clock.sleeping).toBe(0);
    }
  });
});

test("what can't be used leaves the value before in use and is told once, until the file is good again", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "file");
    writeFileSync(path, "good");
    const lines: { level: number; msg: string; reason?: string }[] = [];
    const { clock, rotating } = await open(path, lines);
    for (const [damage, words] of [
      [() => writeFileSync(path, "bad"), "it is bad"],
      [() => rmSync(path), `${path} is not there`],
      [() => writeFileSync(path, Buffer.alloc(FILE_BYTES_MAX + 1)), `${path} is larger than ${FILE_BYTES_MAX} bytes`],
    ] as const) {
      damage();
      while (rotating.status().problem !== words) await clock.advance(POLL_MS);
      await clock.advance(10 * POLL_MS);
      expect(rotating.value).toBe("good");
    }
    expect(lines.filter(({ level }) => level === 50).map(({ reason }) => reason)).toEqual([
      "it is bad",
      `${path} is not there`,
      `${path} is larger than ${FILE_BYTES_MAX} bytes`,
    ]);
    writeFileSync(path, "good");
    while (rotating.status().problem !== undefined) await clock.advance(POLL_MS);
    writeFileSync(path, "better");
    while (rotating.value !== "better") await clock.advance(POLL_MS);
    expect(rotating.status()).toMatchObject({ changes: 1, problem: undefined });
    await rotating.stop();
  });
});

test("a file that is written in two halves is read again before anybody is alarmed", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "file");
    writeFileSync(path, "good");
    const lines: { level: number; msg: string }[] = [];
    const { clock, rotating } = await open(path, lines);
    writeFileSync(path, "bad half");
    // It is looked at, and waits a moment for the other half.
    await clock.advance(POLL_MS);
    while (clock.sleeping === 0) await clock.advance(0);
    writeFileSync(path, "whole");
    while (rotating.value !== "whole") await clock.advance(POLL_MS);
    expect(lines.filter(({ level }) => level === 50)).toEqual([]);
    await rotating.stop();
  });
});

test("the system's word comes before the next look", async () => {
  await withFolder(async (folder) => {
    const secret = new SecretFolder(join(folder, "secret"), { token: "one" });
    const changed = Promise.withResolvers<string>();
    const log = pino({ level: "silent" });
    // Nobody looks for an hour: only the system can tell.
    const options = { what: "it", paths: [secret.path("token")], parse, clock: systemClock, log, pollMs: 3_600_000 };
    const rotating = await Rotating.open(options);
    rotating.onChange(changed.resolve);
    secret.write({ token: "two" });
    expect(await changed.promise).toBe("two");
    await rotating.stop();
  });
});

test("a start with a file that is missing, a folder, or bad is refused in words that name it", async () => {
  await withFolder(async (folder) => {
    writeFileSync(join(folder, "file"), "bad");
    await expect(open(join(folder, "nothing"))).rejects.toMatchObject({
      code: "config_invalid",
      message: `the file (${folder}/nothing) can't be used: ${folder}/nothing is not there`,
    });
    await expect(open(folder)).rejects.toMatchObject({
      message: `the file (${folder}) can't be used: ${folder} is not a file`,
    });
    await expect(open(join(folder, "file"))).rejects.toMatchObject({
      message: `the file (${folder}/file) can't be used: it is bad`,
    });
  });
});
