import { expect, test } from "bun:test";
import { status } from "@grpc/grpc-js";
import { connect } from "../client.ts";
import { FakeCollector, failure } from "../fake-collector.ts";

const LIMIT_MS = 30_000;
const RETRY = { initialDelayMs: 5, delayMsMax: 50 };

function endpointOf({ port }: FakeCollector): string {
  return `127.0.0.1:${port}`;
}

test(
  "on a stream each send learns which journal has it, and under which ordinal",
  async () => {
    using collector = await new FakeCollector().start();
    await using client = await connect({ endpoint: endpointOf(collector), name: "checkout/1" });
    expect(await client.send([{ body: "a" }, { body: "b" }])).toMatchObject({ collectorId: "fake", ordinal: 0n });
    const [third, fourth] = await Promise.all([client.send({ body: "c" }), client.send({ body: "d" })]);
    expect([third.ordinal, fourth.ordinal, collector.sizes]).toEqual([2n, 3n, [2, 2]]);
    expect([collector.clients, collector.unaryCalls]).toEqual([["checkout/1"], 0]);
  },
  LIMIT_MS,
);

test(
  "no more than the granted window is under way, but one batch always may be",
  async () => {
    using collector = new FakeCollector();
    collector.windowBytes = 20_000;
    await collector.start();
    const open: (() => void)[] = [];
    collector.handle = (_seen, take) => open.push(take);
    await using client = await connect({ endpoint: endpointOf(collector), batch: { recordsMax: 1 } });
    const small = Array.from({ length: 100 }, () => client.send({ body: "x".repeat(4_000) }));
    while (open.length < 4) await Bun.sleep(1);
    await Bun.sleep(50);
    expect(open.length).toBe(4);
    collector.handle = (_seen, take) => take();
    for (const take of open) take();
    await Promise.all(small);
    expect(collector.bytesUnderWayMax).toBeLessThanOrEqual(20_000);
    await client.send({ body: "x".repeat(50_000) });
    expect(collector.taken.length).toBe(101);
  },
  LIMIT_MS,
);

test(
  "a collector that knows OTLP alone gets unary calls",
  async () => {
    using collector = new FakeCollector();
    collector.hasStreams = false;
    await collector.start();
    await using client = await connect({ endpoint: endpointOf(collector) });
    expect(await client.send({ body: "a" })).toMatchObject({ records: 1, ordinal: undefined });
    expect(client.status().replicas).toMatchObject([{ state: "ready", transport: "unary" }]);
    expect([collector.unaryCalls, client.status().retries]).toEqual([1, 0]);
  },
  LIMIT_MS,
);

for (const transport of ["stream", "unary"] as const) {
  test(
    `${transport}: batches are packed when asked for`,
    async () => {
      using collector = await new FakeCollector().start();
      const endpoint = endpointOf(collector);
      await using client = await connect({ endpoint, transport, compression: "gzip" });
      await Promise.all(Array.from({ length: 500 }, (_, index) => client.send({ body: `line ${index}` })));
      await client.send({ body: "small" });
      expect(new Set(collector.bodies).size).toBe(501);
      expect(collector.packed > 0).toBe(transport === "stream");
    },
    LIMIT_MS,
  );
}

test(
  "what had no answer when a stream broke is sent again, in its order, and only that",
  async () => {
    using collector = await new FakeCollector().start();
    const endpoint = endpointOf(collector);
    await using client = await connect({ endpoint, retry: RETRY, batch: { recordsMax: 1 } });
    let calls = 0;
    collector.handle = (_seen, take, answer) => {
      calls++;
      if (collector.clients.length > 1 || calls < 4) take();
      else if (calls === 4) answer(failure(status.UNAVAILABLE, "going"));
    };
    await Promise.all(Array.from({ length: 10 }, (_, index) => client.send({ body: index })));
    expect(collector.bodies.slice(0, 3)).toEqual(["0", "1", "2"]);
    expect(new Set(collector.bodies).size).toBe(10);
    expect(collector.bodies.length).toBe(10);
    expect(client.status().retries).toBe(7);
  },
  LIMIT_MS,
);

test(
  "a stream that falls silent is left after callMsMax, and its batches go again",
  async () => {
    using collector = await new FakeCollector().start();
    await using client = await connect({ endpoint: endpointOf(collector), retry: RETRY, callMsMax: 2_000 });
    collector.handle = (_seen, take) => {
      if (collector.clients.length > 1) take();
    };
    await client.send({ body: "a" });
    expect([collector.bodies, collector.clients.length, client.status().retries]).toEqual([["a"], 2, 1]);
  },
  LIMIT_MS,
);

test(
  "a collector that stops in order costs nothing: what is under way is answered, the rest goes elsewhere",
  async () => {
    using first = await new FakeCollector().start();
    using second = await new FakeCollector().start();
    const endpoint = [endpointOf(first), endpointOf(second)];
    await using client = await connect({ endpoint, retry: RETRY, batch: { recordsMax: 5 } });
    const waiting: (() => void)[] = [];
    let stop = false;
    let sent = 0;
    const loop = async (): Promise<void> => {
      while (!stop) await client.send({ body: sent++ });
    };
    const loops = Array.from({ length: 100 }, loop);
    // Both are in use before one of them holds what it gets: all that is sent may soon be with that one.
    while (Math.min(first.taken.length, second.taken.length) < 50) await Bun.sleep(1);
    first.handle = (_seen, take) => waiting.push(take);
    while (waiting.length < 2) await Bun.sleep(1);
    const drained = first.drain();
    await Bun.sleep(50);
    for (const take of waiting.splice(0)) take();
    first.handle = (_seen, take) => take();
    await drained;
    const before = second.taken.length;
    while (second.taken.length < before + 100) await Bun.sleep(1);
    stop = true;
    await Promise.all(loops);
    const bodies = [...first.bodies, ...second.bodies];
    expect([bodies.length, new Set(bodies).size, client.status().retries]).toEqual([sent, sent, 0]);
  },
  LIMIT_MS,
);

test(
  "a stream that has nothing to do is closed, and opened again for what comes",
  async () => {
    using collector = await new FakeCollector().start();
    await using client = await connect({ endpoint: endpointOf(collector) });
    await client.send({ body: "a" });
    while (client.status().replicas[0]?.state !== "idle") await Bun.sleep(50);
    await client.send({ body: "b" });
    expect([collector.bodies, collector.clients.length, client.status().retries]).toEqual([["a", "b"], 2, 0]);
  },
  LIMIT_MS,
);
