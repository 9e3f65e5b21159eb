import { expect, test } from "bun:test";
import { join } from "node:path";
import { FakeCollector } from "./fake-collector.ts";

const LIMIT_MS = 30_000;

// In a process of its own: providers of OpenTelemetry's API are global.
const PROGRAM = `
  import { context, metrics, ROOT_CONTEXT, trace } from "@opentelemetry/api";
  import { InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
  import { connect } from "./index.ts";
  const exporter = new InMemoryMetricExporter(1);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 1e6 });
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
  const spanContext = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331", traceFlags: 1 };
  const active = trace.setSpanContext(ROOT_CONTEXT, spanContext);
  context.setGlobalContextManager({
    active: () => active, with: (_, work, self, ...words) => work.apply(self, words), bind: (_, target) => target,
    enable() { return this; }, disable() { return this; },
  });
  const client = await connect({ endpoint: process.argv.at(-1) });
  await client.send([{ body: 1 }, { body: 2 }, { body: 3, traceId: "" }]);
  await reader.forceFlush();
  const all = exporter.getMetrics().at(-1).scopeMetrics[0].metrics;
  console.log(JSON.stringify(Object.fromEntries(all.map((one) => [one.descriptor.name, one.dataPoints[0].value]))));
  await client.close();
`;

test(
  "where OpenTelemetry's API is set up, records carry the active span and the counts are metrics",
  async () => {
    using collector = await new FakeCollector().start();
    const cmd = [process.execPath, "-e", PROGRAM, `127.0.0.1:${collector.port}`];
    const child = Bun.spawn({ cmd, cwd: join(import.meta.dir), stdout: "pipe", stderr: "inherit" });
    const figures = JSON.parse(await new Response(child.stdout).text());
    expect(figures).toMatchObject({
      "standpipe.client.accepted": 3,
      "standpipe.client.acknowledged": 3,
      "standpipe.client.refused": 0,
      "standpipe.client.waiting": 0,
    });
    const traceId = Buffer.from("0af7651916cd43dd8448eb211c80319c", "hex").toString("base64");
    expect(collector.taken.map(({ raw }) => [raw.traceId, raw.flags])).toEqual([
      [traceId, 1],
      [traceId, 1],
      [undefined, undefined],
    ]);
  },
  LIMIT_MS,
);
