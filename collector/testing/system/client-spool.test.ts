/** A client that is killed with a spool: every record that it was told is safe arrives after its next start. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { withFolder } from "../temporary.ts";
import { CollectorProcess, freePorts } from "./collector-process.ts";
import { countBy, startFirehose } from "./observed-firehose.ts";

const LIMIT_MS = 120_000;
const EXAMPLE = join(import.meta.dir, "../../../clients/sdk/examples/spool.ts");

test(
  "a client is killed three times, once with no collector: what its spool had said to have arrives",
  async () => {
    await withFolder(async (directory) => {
      await using firehose = await startFirehose(directory);
      const settings = { firehose: { bytesPerSecond: "32MiB" } };
      const options = { directory, endpoint: firehose.local.url, ports: await freePorts(), settings };
      const spool = join(directory, "spool");
      const safe: string[] = [];
      const run = async (name: string, records: number, killAfter: number): Promise<void> => {
        const url = `http://127.0.0.1:${options.ports.ingest}`;
        const cmd = [process.execPath, EXAMPLE, url, spool, String(records), name];
        const child = Bun.spawn({ cmd, stdout: "pipe", stderr: "inherit" });
        const decoder = new TextDecoder();
        let text = "";
        for await (const chunk of child.stdout) {
          text += decoder.decode(chunk, { stream: true });
          if (text.split("\n").length > killAfter) child.kill("SIGKILL");
        }
        await child.exited;
        // The last line may be torn by the kill.
        safe.push(...text.split("\n").slice(0, -1));
      };
      await run("alone", 100_000, 300);
      await using collector = await CollectorProcess.start(options);
      await run("second", 100_000, 300);
      await run("third", 100_000, 300);
      await run("last", 50, Number.POSITIVE_INFINITY);
      expect(safe.length).toBeGreaterThan(900);
      await collector.until(({ routes }) => routes[0].ledger.waiting === 0);
      const keys = countBy(await firehose.lines(), ({ key }) => key);
      expect(safe.filter((key) => !keys.has(key))).toEqual([]);
      expect(await collector.end("SIGTERM")).toBe(0);
    });
  },
  LIMIT_MS,
);
