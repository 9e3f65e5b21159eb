import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { withFolder } from "../../../collector/testing/temporary.ts";
import { connect } from "../client.ts";
import type { ClientError } from "../errors.ts";
import { FakeCollector, failure } from "../fake-collector.ts";
import type { Drop } from "../options.ts";

const LIMIT_MS = 60_000;
const RETRY = { initialDelayMs: 5, delayMsMax: 50 };
const NOBODY = "127.0.0.1:1";
const MIB = 1024 * 1024;

test(
  "with every collector down, send resolves when the spool has the logs, and the next client sends them",
  async () => {
    await withFolder(async (directory) => {
      const keep = { type: "spool", directory: join(directory, "spool") } as const;
      const before = await connect({ endpoint: NOBODY, keep, retry: RETRY });
      const acks = await Promise.all(Array.from({ length: 500 }, (_, index) => before.send({ body: index })));
      expect(acks.every(({ kept, records }) => kept === "spool" && records === 1)).toBe(true);
      expect(before.status()).toMatchObject({ accepted: 500, acknowledged: 0, waiting: 500, spool: { records: 500 } });
      expect(await before.close(20)).toEqual({ isComplete: false, recordsLeft: 0, recordsSpooled: 500 });
      using collector = await new FakeCollector().start();
      const after = await connect({ endpoint: `127.0.0.1:${collector.port}`, keep, retry: RETRY });
      expect(await after.flush()).toEqual({ isComplete: true, recordsLeft: 0, recordsSpooled: 0 });
      expect(collector.bodies.map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 500 }, (_, i) => i));
      expect(after.status()).toMatchObject({ accepted: 500, acknowledged: 500, waiting: 0 });
      await after.close();
      const last = await connect({ endpoint: `127.0.0.1:${collector.port}`, keep });
      expect(last.status()).toMatchObject({ accepted: 0, spool: { records: 0 } });
      await last.close();
    });
  },
  LIMIT_MS,
);

test(
  "much more than fits memory goes through the folder, in order, and its space comes back",
  async () => {
    await withFolder(async (directory) => {
      const keep = { type: "spool", directory, bytesMax: 64 * MIB, memoryBytesMax: MIB } as const;
      using collector = new FakeCollector();
      await collector.start();
      collector.die();
      await using client = await connect({ endpoint: `127.0.0.1:${collector.port}`, keep, retry: RETRY });
      for (let index = 0; index < 400; index++) await client.send({ body: `${index} ${"x".repeat(100_000)}` });
      expect(client.status().spool?.bytes).toBeGreaterThan(38 * MIB);
      await collector.start();
      expect((await client.flush()).isComplete).toBe(true);
      const numbers = collector.bodies.map((body) => Number(String(body).split(" ")[0]));
      expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 400 }, (_, index) => index));
      while ((client.status().spool?.bytes ?? 0) > 9 * MIB) await Bun.sleep(5);
    });
  },
  LIMIT_MS,
);

test(
  "a folder that is full makes senders wait, and holds no more than it may",
  async () => {
    await withFolder(async (directory) => {
      const keep = { type: "spool", directory, bytesMax: 16 * MIB, memoryBytesMax: MIB } as const;
      using collector = new FakeCollector();
      await collector.start();
      collector.die();
      const client = await connect({ endpoint: `127.0.0.1:${collector.port}`, keep, retry: RETRY });
      let done = 0;
      const loop = async (): Promise<void> => {
        for (let count = 0; count < 11; count++) {
          await client.send({ body: "x".repeat(100_000) });
          done++;
        }
      };
      const sends = Array.from({ length: 20 }, loop);
      while ((client.status().spool?.bytes ?? 0) < 14 * MIB) await Bun.sleep(5);
      await Bun.sleep(100);
      expect(done).toBeLessThan(170);
      expect(client.status().spool?.bytes).toBeLessThanOrEqual(16 * MIB);
      await collector.start();
      await Promise.all(sends);
      expect((await client.flush()).isComplete).toBe(true);
      expect(collector.taken.length).toBe(220);
      await client.close();
    });
  },
  LIMIT_MS,
);

test(
  "a record that no collector takes is found among its neighbours of the same row, told, and gone from the folder",
  async () => {
    await withFolder(async (directory) => {
      const keep = { type: "spool", directory } as const;
      using collector = await new FakeCollector().start();
      collector.handle = ({ records }, take, answer) => {
        if (records.some(({ body }) => body === "bad")) answer(failure(status.INVALID_ARGUMENT, "no"));
        else take();
      };
      const drops: Drop[] = [];
      const onDrop = (drop: Drop) => drops.push(drop);
      const client = await connect({ endpoint: `127.0.0.1:${collector.port}`, keep, onDrop, retry: RETRY });
      const bodies = Array.from({ length: 41 }, (_, index) => (index === 17 ? "bad" : `good ${index}`));
      await Promise.all(bodies.map((body, index) => client.send({ body }, { name: `scope ${index % 3}` })));
      expect((await client.flush()).isComplete).toBe(true);
      expect(collector.bodies.toSorted()).toEqual(bodies.filter((body) => body !== "bad").toSorted());
      expect(drops.map(({ reason, records, message }) => [reason, records, message])).toEqual([["refused", 1, "no"]]);
      expect(client.status()).toMatchObject({ accepted: 41, acknowledged: 40, refused: 1, waiting: 0 });
      await client.close();
    });
  },
  LIMIT_MS,
);

test(
  "a folder belongs to one client: a second of this process or another is told so, and harms nothing",
  async () => {
    await withFolder(async (directory) => {
      const keep = { type: "spool", directory: join(directory, "spool") } as const;
      const first = await connect({ endpoint: NOBODY, keep });
      await first.send({ body: "a" });
      const second = await connect({ endpoint: NOBODY, keep }).catch((error: ClientError) => error);
      expect(second).toMatchObject({ code: "spool_unusable" });
      expect((second as ClientError).message).toContain("this process uses it already");
      const script = `
        import { connect } from "${join(import.meta.dir, "../index.ts")}";
        await connect({ endpoint: "${NOBODY}", keep: ${JSON.stringify(keep)} }).catch((error) => console.log(error.message));
      `;
      const child = Bun.spawnSync({ cmd: [process.execPath, "-e", script] });
      expect(child.stdout.toString()).toContain("another process uses it");
      await first.send({ body: "b" });
      await first.close(0);
      const third = await connect({ endpoint: NOBODY, keep });
      expect(third.status().spool?.records).toBe(2);
      await third.close(0);
      writeFileSync(join(directory, "file"), "");
      const impossible = connect({ endpoint: NOBODY, keep: { type: "spool", directory: join(directory, "file/x") } });
      expect(await impossible.catch((error: ClientError) => error.code)).toBe("spool_unusable");
      mkdirSync(join(directory, "spool/lost+found"));
      const fourth = await connect({ endpoint: NOBODY, keep });
      await fourth.close(0);
    });
  },
  LIMIT_MS,
);

test(
  "a folder of the spool that is damaged is mended, and kept as it was: the next client starts, and sends what is left",
  async () => {
    await withFolder(async (directory) => {
      const keep = { type: "spool", directory: join(directory, "spool") } as const;
      const before = await connect({ endpoint: NOBODY, keep });
      for (let index = 0; index < 20; index++) await before.send({ body: index });
      await before.close(0);
      const [name = ""] = readdirSync(keep.directory).filter((each) => /^\d+$/.test(each));
      const segment = join(keep.directory, name);
      for (const each of readdirSync(segment)) if (each.startsWith("MANIFEST")) rmSync(join(segment, each));
      writeFileSync(join(segment, "CURRENT"), "rubbish");
      using collector = await new FakeCollector().start();
      const after = await connect({ endpoint: `127.0.0.1:${collector.port}`, keep, retry: RETRY });
      expect((await after.flush()).isComplete).toBe(true);
      expect(collector.bodies.map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i));
      expect(readdirSync(keep.directory)).toContain(`${name}.damaged`);
      await after.close();
    });
  },
  LIMIT_MS,
);

test(
  "while no folder can be made, the spool tries one and not another one each time",
  async () => {
    await withFolder(async (directory) => {
      const keep = { type: "spool", directory: join(directory, "spool") } as const;
      const client = await connect({ endpoint: NOBODY, keep });
      const troubles: string[] = [];
      client.events.on("trouble", ({ reason }) => troubles.push(reason));
      // In the place of the first folder there is a file.
      writeFileSync(join(keep.directory, "0000000000000001"), "");
      const sent = client.send({ body: "a" });
      while (troubles.length === 0) await Bun.sleep(5);
      rmSync(join(keep.directory, "0000000000000001"));
      expect((await sent).kept).toBe("spool");
      expect(readdirSync(keep.directory).filter((each) => /^\d+$/.test(each))).toEqual(["0000000000000001"]);
      await client.close(0);
    });
  },
  LIMIT_MS,
);
