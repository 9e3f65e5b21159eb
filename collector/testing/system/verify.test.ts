/** The proof on the real thing: what a collector delivered is held against its ledger, running and stopped. */
import { expect, test } from "bun:test";
import { mkdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { Glob } from "bun";
import { withFolder } from "../temporary.ts";
import { CollectorProcess, freePorts } from "./collector-process.ts";
import { startFirehose } from "./observed-firehose.ts";
import { Sender } from "./sender.ts";

const MAIN = join(import.meta.dir, "../../../clients/verify/main.ts");

function verify(...words: string[]): { code: number; out: string } {
  const run = Bun.spawnSync({ cmd: [process.execPath, MAIN, ...words], stdout: "pipe", stderr: "pipe" });
  return { code: run.exitCode, out: `${run.stdout}${run.stderr}` };
}

test("a kill in the middle leaves nothing missing, by the running collector and by its folder; a deleted object shows", async () => {
  await withFolder(async (directory) => {
    await using firehose = await startFirehose(directory);
    const options = { directory, endpoint: firehose.local.url, ports: await freePorts() };
    const settings = { firehose: { recordId: true } };
    const first = await CollectorProcess.start({ ...options, settings });
    using sender = new Sender({ name: "a", port: options.ports.ingest });
    for (let index = 0; index < 50; index++) await sender.send();
    await first.end("SIGKILL");
    const collector = await CollectorProcess.start({ ...options, settings });
    for (let index = 0; index < 50; index++) await sender.send();
    await collector.until(({ routes }) => routes[0].ledger.waiting === 0);
    const { length } = await firehose.lines();
    expect(length).toBeGreaterThanOrEqual(2_000);
    const objects = join(directory, "objects");

    const running = verify("--from", objects, "--ledger", `http://127.0.0.1:${options.ports.admin}`);
    expect(running.out).toContain("COMPLETE");
    expect(running.code).toBe(0);
    const locked = verify("--from", objects, "--ledger", join(directory, "journal"));
    expect(locked.out).toContain("ask that one, with --ledger http://127.0.0.1:4319");
    expect(locked.code).toBe(2);
    expect(await collector.end("SIGTERM")).toBe(0);
    const stopped = verify("--from", objects, "--ledger", join(directory, "journal"));
    expect(stopped.out).toContain("COMPLETE");
    expect(stopped.code).toBe(0);

    const [object = ""] = [...new Glob("**/*").scanSync({ cwd: objects, onlyFiles: true })];
    await unlink(join(objects, object));
    const less = verify("--from", objects, "--ledger", join(directory, "journal"));
    expect(less.out).toMatch(/missing {3}[1-9]\d* below the cursor; 0 of them filtered .*\n +\d+-\d+/);
    expect(less.code).toBe(1);
  });
}, 90_000);

test("handed over and adopted logs are proved by the ledgers of those that have them, while they wait and when they have come", async () => {
  await withFolder(async (directory) => {
    await using firehose = await startFirehose(directory);
    const ports = [await freePorts(), await freePorts()];
    const addresses = ports.map(({ ingest }) => `127.0.0.1:${ingest}`).join(",");
    const settings = {
      peers: { addresses, intervalMs: 200, leaseMs: 1_000 },
      firehose: { recordId: true },
      shutdown: { drainMsMax: 8_000 },
    };
    const start = async (index: number, more = {}): Promise<CollectorProcess> => {
      const folder = join(directory, `replica-${index}`);
      await mkdir(folder, { recursive: true });
      const own = ports[index] ?? (await freePorts());
      const all = { ...settings, ...more };
      return await CollectorProcess.start({
        directory: folder,
        endpoint: firehose.local.url,
        ports: own,
        settings: all,
      });
    };
    await using giver = await start(0);
    await using taker = await start(1);
    const senders = ports.map(({ ingest }, index) => new Sender({ name: `s${index}`, port: ingest }));
    for (const sender of senders) for (let index = 0; index < 10; index++) await sender.send();
    for (const each of [giver, taker]) await each.until(({ routes }) => routes[0].ledger.waiting === 0);
    const down = firehose.local.faults.add({ kind: "outage" });
    for (const sender of senders) for (let index = 0; index < 10; index++) await sender.send();
    expect(await giver.end("SIGTERM")).toBe(0);

    const objects = join(directory, "objects");
    await firehose.lines();
    const folders = [0, 1].map((index) => join(directory, `replica-${index}`, "journal"));
    const [given = "", taken = ""] = folders;
    const running = ["--ledger", given, "--ledger", `http://127.0.0.1:${ports[1]?.admin}`];
    const waits = verify("--from", objects, ...running);
    expect(waits.out).toContain("elsewhere 200 of the missing");
    expect(waits.out).toContain("COMPLETE");
    expect(waits.code).toBe(0);
    const alone = verify("--from", objects, "--ledger", given);
    expect(alone.out).toContain("UNPROVED: 200 log records");
    expect(alone.code).toBe(1);

    // Then the other one dies, and its volume is adopted.
    await taker.end("SIGKILL");
    firehose.local.faults.clear(down);
    await using adopter = await start(2, { journal: { adoptFrom: taken } });
    await adopter.until(({ journal, routes }) => journal.head === 400 && routes[0].ledger.waiting === 0);
    expect((await firehose.lines()).length).toBe(800);
    expect(await adopter.end("SIGTERM")).toBe(0);
    const all = ["--ledger", given, "--ledger", join(directory, "replica-2", "journal")];
    const adopted = verify("--from", objects, ...all);
    expect(adopted.out).toContain("taken     400 of others");
    expect(adopted.out).toContain(
      "without a ledger here: others took 200 of its log records\n  arrived   200\n  missing   0",
    );
    expect(adopted.out).toContain("COMPLETE");
    expect(adopted.code).toBe(0);

    const names = [...new Glob("**/*").scanSync({ cwd: objects, onlyFiles: true })].sort();
    await unlink(join(objects, names.at(-1) ?? ""));
    const less = verify("--from", objects, ...all);
    expect(less.out).toContain("MISSING");
    expect(less.code).toBe(1);
    for (const sender of senders) sender[Symbol.dispose]();
  });
}, 90_000);
