import { expect, test } from "bun:test";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { VirtualClock } from "../../testing/virtual-clock.ts";
import { Tracing } from "./tracing.ts";

function startTracing(ratio: number, random: () => number = () => 0) {
  const exporter = new InMemorySpanExporter();
  const tracer = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).getTracer("test");
  const tracing = new Tracing({ tracer, ratio, clock: new VirtualClock(), random });
  const spans = (name: string): ReadableSpan[] => exporter.getFinishedSpans().filter((span) => span.name === name);
  return { tracing, spans };
}

const commit = (first: bigint, records: number) => ({ first, records, bytes: 10, ms: 3 });
const exported = (first: bigint | undefined, records: number, traceparent?: string) => {
  return { ms: 5, records, bytes: 10, first, refused: undefined, traceparent };
};
const called = (first: bigint, end: bigint) => {
  return { route: "a", stream: "s", ms: 20, acceptedBytes: 100, throttledBytes: 0, records: [{ first, end }] };
};
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("an export, the commit that holds it and the call that delivers that are joined by links", async () => {
  const { tracing, spans } = startTracing(1);
  tracing.committed(commit(0n, 30));
  tracing.exported(exported(0n, 10));
  tracing.exported(exported(10n, 20));
  await nextTurn();
  tracing.called(called(25n, 400n));

  const exports = spans("standpipe.export").map((span) => span.spanContext().spanId);
  const [committed] = spans("standpipe.commit");
  const [delivered] = spans("standpipe.deliver");
  expect(exports).toHaveLength(2);
  expect(committed?.links.map(({ context }) => context.spanId)).toEqual(exports);
  expect(delivered?.links.map(({ context }) => context.spanId)).toEqual([committed?.spanContext().spanId ?? ""]);
  expect(committed?.spanContext().traceId).not.toBe(delivered?.spanContext().traceId ?? "");
});

test("a caller's own span becomes the parent, and a malformed one is passed over", () => {
  const { tracing, spans } = startTracing(1);
  tracing.exported(exported(undefined, 0, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"));
  tracing.exported(exported(undefined, 0, "00-nonsense"));
  const [child, root] = spans("standpipe.export");
  expect(child?.spanContext().traceId).toBe("0af7651916cd43dd8448eb211c80319c");
  expect(child?.parentSpanContext?.spanId).toBe("b7ad6b7169203331");
  expect(root?.parentSpanContext).toBeUndefined();
});

test("what is not chosen has no span, nor have its commit and its delivery", async () => {
  const { tracing, spans } = startTracing(0.5, () => 0.5);
  tracing.committed(commit(0n, 10));
  tracing.exported(exported(0n, 10));
  await nextTurn();
  tracing.called(called(0n, 10n));
  expect([...spans("standpipe.export"), ...spans("standpipe.commit"), ...spans("standpipe.deliver")]).toEqual([]);
});

test("a refused export is a failed span and no commit's", async () => {
  const { tracing, spans } = startTracing(1);
  tracing.committed(commit(0n, 10));
  tracing.exported({ ...exported(undefined, 0), refused: "journal_full" });
  await nextTurn();
  expect(spans("standpipe.export")[0]?.status.message).toBe("journal_full");
  expect(spans("standpipe.commit")).toEqual([]);
});

test("memory stays bounded however many commits are traced and never delivered", async () => {
  const { tracing, spans } = startTracing(1);
  for (let index = 0; index < 2_000; index++) {
    tracing.committed(commit(BigInt(index), 1));
    tracing.exported(exported(BigInt(index), 1));
    await nextTurn();
  }
  tracing.called(called(0n, 2_000n));
  expect(spans("standpipe.commit")).toHaveLength(2_000);
  expect(spans("standpipe.deliver")[0]?.links.length).toBeLessThanOrEqual(32);
  tracing.called(called(0n, 500n));
  expect(spans("standpipe.deliver")).toHaveLength(1);
});
