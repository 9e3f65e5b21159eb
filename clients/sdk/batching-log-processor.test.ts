import { expect, test } from "bun:test";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { LoggerProvider } from "@opentelemetry/sdk-logs";
import { VirtualClock } from "../../collector/testing/virtual-clock.ts";
import { BatchingLogProcessor } from "./batching-log-processor.ts";
import { FakeExporter } from "./fixture.ts";
import { type Drop, RetryingLogExporter } from "./retrying-log-exporter.ts";

function setUp(
  options: { recordsMax?: number; batchRecordsMax?: number; resource?: ReturnType<typeof resourceFromAttributes> } = {},
) {
  const fake = new FakeExporter();
  const clock = new VirtualClock();
  const drops: Drop[] = [];
  const { recordsMax = 1_000, batchRecordsMax = 10, resource } = options;
  const exporter = new RetryingLogExporter({
    exporter: fake,
    timers: clock,
    recordsMax,
    onDrop: (drop) => drops.push(drop),
  });
  const processor = new BatchingLogProcessor({ exporter, batchRecordsMax, delayMsMax: 200, timers: clock });
  const provider = new LoggerProvider({ processors: [processor], ...(resource === undefined ? {} : { resource }) });
  return { fake, clock, drops, exporter, processor, provider, logger: provider.getLogger("test") };
}

test("a full batch goes at once, the rest when its time is over", async () => {
  const { fake, clock, logger } = setUp();
  for (let index = 0; index < 25; index++) logger.emit({ body: index });
  await clock.advance(199);
  expect(fake.sizes).toEqual([10, 10]);
  await clock.advance(1);
  expect(fake.sizes).toEqual([10, 10, 5]);
  await clock.advance(1_000);
  expect([fake.sizes.length, clock.sleeping]).toEqual([3, 0]);
});

test("with ready() before each record no record is lost, however slow the collector and however many the loops", async () => {
  const { fake, clock, drops, processor, logger } = setUp({ recordsMax: 40 });
  fake.script = () => "wait";
  const loop = async (name: string): Promise<void> => {
    for (let index = 0; index < 100; index++) {
      await processor.ready();
      logger.emit({ body: `${name}${index}` });
    }
  };
  const loops = Promise.all(["a", "b", "c", "d", "e"].map(loop));
  for (let turn = 0; turn < 1_000 && fake.taken.length < 500; turn++) {
    await clock.advance(100);
    fake.open[0]?.answer();
  }
  await loops;
  expect([fake.taken.length, new Set(fake.taken).size, drops]).toEqual([500, 500, []]);
});

test("without ready() a burst beyond the bound is dropped, and every record of it is told", async () => {
  const { fake, drops, provider, logger, clock } = setUp({ recordsMax: 40 });
  for (let index = 0; index < 100; index++) logger.emit({ body: index });
  await clock.advance(0);
  await provider.forceFlush();
  const dropped = drops.flatMap((drop) => drop.logs).length;
  expect(dropped).toBeGreaterThan(0);
  expect(fake.taken.length + dropped).toBe(100);
});

test("forceFlush and shutdown send what is still gathered, and shutdown drops later records loudly", async () => {
  const { fake, clock, drops, processor, logger } = setUp();
  logger.emit({ body: 1 });
  await processor.forceFlush();
  expect(fake.taken).toEqual([1]);
  logger.emit({ body: 2 });
  await processor.shutdown();
  expect([fake.taken, fake.isShutdown]).toEqual([[1, 2], true]);
  logger.emit({ body: 3 });
  await clock.advance(200);
  expect(drops.map((drop) => [drop.reason, drop.logs.length])).toEqual([["shut_down", 1]]);
});

test("records wait for the attributes of their resource", async () => {
  let arrive = (_value: string): void => {};
  const zone = new Promise<string>((resolve) => {
    arrive = resolve;
  });
  const { fake, clock, processor, logger } = setUp({ resource: resourceFromAttributes({ zone }) });
  logger.emit({ body: 1 });
  const flushed = processor.forceFlush();
  await clock.advance(10);
  expect(fake.taken).toEqual([]);
  arrive("a");
  await flushed;
  expect(fake.taken).toEqual([1]);
});

test("two batches must fit the exporter's bound", () => {
  expect(() => setUp({ recordsMax: 19 })).toThrow("two batches of 10");
});
