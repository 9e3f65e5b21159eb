import { expect, test } from "bun:test";
import { status } from "@grpc/grpc-js";
import { type Client, connect } from "./client.ts";
import type { ClientError } from "./errors.ts";
import { FakeCollector, failure } from "./fake-collector.ts";
import type { ClientOptions, Drop } from "./options.ts";

const LIMIT_MS = 30_000;

/** Every promise holds on a stream and over unary calls. */
const TRANSPORTS = ["stream", "unary"] as const;

async function setUp(
  options: ClientOptions = {},
): Promise<{ client: Client; collector: FakeCollector; drops: Drop[] }> {
  const collector = await new FakeCollector().start();
  const drops: Drop[] = [];
  const client = await connect({
    endpoint: `127.0.0.1:${collector.port}`,
    retry: { initialDelayMs: 5, delayMsMax: 50 },
    onDrop: (drop) => drops.push(drop),
    ...options,
  });
  return { client, collector, drops };
}

/** accepted = acknowledged + refused + abandoned + waiting. */
function expectBalanced(client: Client): void {
  const { accepted, acknowledged, refused, abandoned, waiting } = client.status();
  expect(accepted).toBe(acknowledged + refused + abandoned + waiting);
}

for (const transport of TRANSPORTS)
  test(
    `${transport}: send resolves when the collector has taken the records, with everything that was in them`,
    async () => {
      const { client, collector } = await setUp({ transport, resource: { "service.name": "checkout" } });
      const ack = await client.send(
        {
          severity: "warn",
          body: { text: "payment was refused", attempts: 3 },
          attributes: { "http.route": "/pay", ratio: 0.5, ok: false, list: ["a", 1n] },
          traceId: "0af7651916cd43dd8448eb211c80319c",
          spanId: "b7ad6b7169203331",
          traceFlags: 1,
          time: 1_700_000_000_123.25,
          eventName: "payment.refused",
        },
        { name: "pay" },
      );
      expect(ack).toMatchObject({ records: 1, refused: 0, dropped: 0 });
      const [record] = collector.taken;
      expect(record).toMatchObject({
        body: { text: "payment was refused", attempts: "3" },
        attributes: { "http.route": "/pay", ratio: 0.5, ok: false, list: ["a", "1"] },
        resource: { "service.name": "checkout" },
        scope: "pay",
        raw: {
          severityNumber: 13,
          severityText: "WARN",
          timeUnixNano: "1700000000123250000",
          traceId: Buffer.from("0af7651916cd43dd8448eb211c80319c", "hex").toString("base64"),
          spanId: Buffer.from("b7ad6b7169203331", "hex").toString("base64"),
          flags: 1,
          eventName: "payment.refused",
        },
      });
      expect(record?.attributes["log.record.uid"]).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/);
      expect(await client.close()).toEqual({ isComplete: true, recordsLeft: 0, recordsSpooled: 0 });
      collector.die();
    },
    LIMIT_MS,
  );

for (const transport of TRANSPORTS)
  test(
    `${transport}: records that are sent together travel together, and each send has its own answer`,
    async () => {
      const { client, collector } = await setUp({ transport });
      const acks = await Promise.all(Array.from({ length: 1_000 }, (_, index) => client.send({ body: index })));
      expect(acks.every(({ records }) => records === 1)).toBe(true);
      expect(collector.bodies.map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 1_000 }, (_, i) => i));
      expect(collector.sizes.length).toBeLessThan(20);
      expectBalanced(client);
      await client.close();
      collector.die();
    },
    LIMIT_MS,
  );

for (const transport of TRANSPORTS)
  test(
    `${transport}: a batch holds no more records and bytes than it is told`,
    async () => {
      const { client, collector } = await setUp({ transport, batch: { recordsMax: 10, bytesMax: 2_048 } });
      await client.send(Array.from({ length: 95 }, (_, index) => ({ body: index })));
      expect(Math.max(...collector.sizes)).toBe(10);
      collector.sizes.length = 0;
      await client.send(Array.from({ length: 20 }, (_, index) => ({ body: String(index).padEnd(900) })));
      expect(Math.max(...collector.sizes)).toBe(2);
      await client.close();
      collector.die();
    },
    LIMIT_MS,
  );

for (const transport of TRANSPORTS)
  test(
    `${transport}: whatever passing trouble the collector is in, every send is acknowledged in the end`,
    async () => {
      const { client, collector, drops } = await setUp({ transport, callMsMax: 2_000 });
      const troubles = [
        failure(status.UNAVAILABLE),
        failure(status.UNAVAILABLE, "full", 20),
        failure(status.RESOURCE_EXHAUSTED, "busy", 20),
        failure(status.INTERNAL),
        failure(status.UNKNOWN),
        failure(status.UNAUTHENTICATED),
        failure(status.PERMISSION_DENIED),
        failure(status.CANCELLED),
        "silence",
      ] as const;
      let next = 0;
      collector.handle = (_seen, take, answer) => {
        const trouble = troubles[next++];
        if (trouble === undefined) take();
        else if (trouble !== "silence") answer(trouble);
      };
      await client.send([{ body: "a" }, { body: "b" }]);
      expect([collector.bodies, drops, client.status().retries]).toEqual([["a", "b"], [], troubles.length]);
      expectBalanced(client);
      await client.close();
      collector.die();
    },
    LIMIT_MS,
  );

for (const transport of TRANSPORTS)
  test(
    `${transport}: a collector that dies and comes back, or comes only later, gets everything`,
    async () => {
      const { client, collector } = await setUp({ transport });
      collector.die();
      const early = client.send({ body: "early" });
      await Bun.sleep(100);
      await collector.start();
      await early;
      collector.handle = () => collector.die();
      const late = client.send({ body: "late" });
      while (client.status().retries === 0) await Bun.sleep(5);
      collector.handle = (_seen, take) => take();
      await collector.start();
      await late;
      expect(collector.bodies).toEqual(["early", "late"]);
      await client.close();
      collector.die();
    },
    LIMIT_MS,
  );

for (const transport of TRANSPORTS)
  test(
    `${transport}: one bad record among many is refused alone, and its send says so`,
    async () => {
      const { client, collector, drops } = await setUp({ transport });
      collector.handle = ({ records }, take, answer) => {
        if (records.some(({ body }) => body === "bad")) answer(failure(status.INVALID_ARGUMENT, "no"));
        else take();
      };
      const good = Array.from({ length: 50 }, (_, index) => client.send({ body: index }));
      const bad = client.send({ body: "bad" }).catch((error: ClientError) => error.code);
      const mixed = client.send([{ body: "x" }, { body: "bad" }, { body: "y" }]);
      await Promise.all(good);
      expect(await bad).toBe("refused");
      expect(await mixed).toMatchObject({ records: 2, refused: 1, reason: "no" });
      expect(collector.taken.length).toBe(52);
      expect(drops.map(({ reason, records }) => [reason, records])).toEqual([
        ["refused", 1],
        ["refused", 1],
      ]);
      expectBalanced(client);
      await client.close();
      collector.die();
    },
    LIMIT_MS,
  );

for (const transport of TRANSPORTS)
  test(
    `${transport}: a serialised request goes as it is, beside records`,
    async () => {
      const { client, collector } = await setUp({ transport });
      let request: Uint8Array = new Uint8Array();
      collector.handle = (seen, take) => {
        request = seen.request;
        take();
      };
      await client.send([{ body: "a" }, { body: "b" }]);
      const copy = Buffer.from(request);
      const [first, second] = await Promise.all([client.sendRequest(copy), client.send({ body: "c" })]);
      expect([first.records, second.records]).toEqual([2, 1]);
      expect(collector.bodies).toEqual(["a", "b", "a", "b", "c"]);
      await expect(client.sendRequest(Buffer.from("not protobuf"))).rejects.toMatchObject({ code: "refused" });
      await client.close();
      collector.die();
    },
    LIMIT_MS,
  );

for (const transport of TRANSPORTS)
  test(
    `${transport}: when memory is full, send waits for room by default, and nothing is lost`,
    async () => {
      const { client, collector, drops } = await setUp({ transport, keep: { type: "memory", bytesMax: 1024 * 1024 } });
      const open: (() => void)[] = [];
      collector.handle = (_seen, take) => open.push(take);
      const body = "x".repeat(10_000);
      const sends = Array.from({ length: 300 }, () => client.send({ body }));
      while (open.length === 0) await Bun.sleep(5);
      expect(client.status().waitingBytes).toBeLessThanOrEqual(1024 * 1024);
      expect(client.status().blockedBytes).toBeGreaterThan(1024 * 1024);
      collector.handle = (_seen, take) => take();
      for (const take of open) take();
      expect((await Promise.all(sends)).every(({ records }) => records === 1)).toBe(true);
      expect([collector.taken.length, drops]).toEqual([300, []]);
      await client.close();
      collector.die();
    },
    LIMIT_MS,
  );

for (const transport of TRANSPORTS)
  test(
    `${transport}: sends that nobody awaits are rejected once those that wait hold eight MiB`,
    async () => {
      const { client, collector } = await setUp({ transport, keep: { type: "memory", bytesMax: 1024 * 1024 } });
      collector.handle = () => {};
      const body = "x".repeat(100_000);
      const sends = Array.from({ length: 200 }, () => client.send({ body }));
      const closed = client.close(0);
      const results = await Promise.allSettled(sends);
      const codes = results.map((result) => (result.status === "rejected" ? result.reason.code : "ok"));
      expect(codes.filter((code) => code === "queue_full").length).toBeGreaterThan(80);
      expect(codes.filter((code) => code === "closed").length).toBeGreaterThan(80);
      expect((await closed).isComplete).toBe(false);
      expectBalanced(client);
      collector.die();
    },
    LIMIT_MS,
  );

for (const transport of TRANSPORTS)
  test(
    `${transport}: whenFull error rejects, whenFull drop counts and tells: neither is silent`,
    async () => {
      for (const whenFull of ["error", "drop"] as const) {
        const { client, collector, drops } = await setUp({
          transport,
          keep: { type: "memory", bytesMax: 1024 * 1024, whenFull },
        });
        const open: (() => void)[] = [];
        collector.handle = (_seen, take) => open.push(take);
        const body = "x".repeat(400_000);
        const sends = [client.send({ body }), client.send({ body })];
        const third = client.send({ body });
        if (whenFull === "error") await expect(third).rejects.toMatchObject({ code: "queue_full" });
        else expect(await third).toMatchObject({ records: 0, dropped: 1 });
        expect(drops.map(({ reason }) => reason)).toEqual(whenFull === "drop" ? ["queue_full"] : []);
        expect(client.status().dropped).toBe(whenFull === "drop" ? 1 : 0);
        while (open.length === 0) await Bun.sleep(5);
        collector.handle = (_seen, take) => take();
        for (const take of open) take();
        await Promise.all(sends);
        await client.close();
        collector.die();
      }
    },
    LIMIT_MS,
  );

for (const transport of TRANSPORTS)
  test(
    `${transport}: offer takes what there is room for, and ready waits for it`,
    async () => {
      const { client, collector, drops } = await setUp({ transport, keep: { type: "memory", bytesMax: 1024 * 1024 } });
      for (let index = 0; index < 2_000; index++) {
        await client.ready();
        expect(client.offer({ body: `${index} ${"x".repeat(2_000)}` })).toBe(true);
      }
      expect(await client.flush()).toEqual({ isComplete: true, recordsLeft: 0, recordsSpooled: 0 });
      expect([collector.taken.length, drops]).toEqual([2_000, []]);
      collector.handle = () => {};
      let refused = 0;
      for (let index = 0; index < 2_000; index++) if (!client.offer({ body: "x".repeat(2_000) })) refused++;
      expect([refused > 0, client.status().dropped]).toEqual([true, refused]);
      await client.close(0);
      expect(client.offer({ body: "late" })).toBe(false);
      await expect(client.send({ body: "late" })).rejects.toMatchObject({ code: "closed" });
      collector.die();
    },
    LIMIT_MS,
  );

for (const transport of TRANSPORTS)
  test(
    `${transport}: flush and close give up at their deadline and say what is left; close rejects those sends`,
    async () => {
      const { client, collector, drops } = await setUp({ transport });
      collector.handle = () => {};
      const sent = client.send([{ body: 1 }, { body: 2 }]);
      expect(await client.flush(20)).toEqual({ isComplete: false, recordsLeft: 2, recordsSpooled: 0 });
      const closing = client.close(20);
      await expect(sent).rejects.toMatchObject({ code: "closed" });
      expect(await closing).toEqual({ isComplete: false, recordsLeft: 2, recordsSpooled: 0 });
      expect(drops.map(({ reason, records }) => [reason, records])).toEqual([["closed", 2]]);
      expect(client.status()).toMatchObject({ state: "closed", accepted: 2, abandoned: 2, waiting: 0 });
      collector.die();
    },
    LIMIT_MS,
  );

test("options that can't be are all named at once, before anything is started", async () => {
  const wrong = { endpoint: "ftp://x", keep: { type: "memory", bytesMax: 1, whenFull: "sometimes" }, sped: 1 };
  const failed = connect(wrong as unknown as ClientOptions);
  await expect(failed).rejects.toMatchObject({ code: "invalid_options" });
  const { message } = (await failed.catch((error: Error) => error as Error)) as Error;
  for (const part of ["keep.bytesMax", "keep.whenFull", "sped"]) expect(message).toContain(part);
  await expect(connect({ endpoint: "ftp://x" })).rejects.toMatchObject({ code: "invalid_options" });
  await expect(connect({ endpoint: "https://x", tls: { caFile: "/no/such" } })).rejects.toMatchObject({
    code: "invalid_options",
  });
});
