/** The proof on the real thing: what a collector delivered is held against its ledger, running and stopped. */
import { expect, test } from "bun:test";
import { unlink } from "node:fs/promises";
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
