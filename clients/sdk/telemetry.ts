/** What @opentelemetry/api brings, where the application has it: the active span, and a place for the client's figures. */
import type { Attributes, ObservableResult } from "@opentelemetry/api";
import type { ClientStatus } from "./client-types.ts";
import type { SpanContextLike } from "./wire/records.ts";

export type ActiveSpan = () => SpanContextLike | undefined;

export interface Telemetry {
  readonly activeSpan: ActiveSpan;
  /** Reports the status as metrics until the function that it returns is called. */
  observe(status: () => ClientStatus): () => void;
}

const METER = "@standpipe/client";

/** Log records by what became of them; the sum over `accepted` is what the others add up to. */
const COUNTED = ["accepted", "acknowledged", "refused", "abandoned", "dropped"] as const;

/** Resolves with undefined where the package is not installed. */
export async function loadTelemetry(): Promise<Telemetry | undefined> {
  let api: typeof import("@opentelemetry/api");
  try {
    api = await import("@opentelemetry/api");
  } catch {
    return undefined;
  }
  const { isSpanContextValid, metrics, trace } = api;
  return {
    activeSpan: () => {
      const span = trace.getActiveSpan()?.spanContext();
      return span !== undefined && isSpanContextValid(span) ? span : undefined;
    },
    observe: (status) => {
      const meter = metrics.getMeter(METER);
      const stops: (() => void)[] = [];
      const add = (
        kind: "counter" | "gauge",
        name: string,
        unit: string,
        read: (now: ClientStatus) => number,
      ): void => {
        const options = { unit };
        const instrument =
          kind === "counter"
            ? meter.createObservableCounter<Attributes>(name, options)
            : meter.createObservableGauge<Attributes>(name, options);
        const callback = (result: ObservableResult): void => result.observe(read(status()));
        instrument.addCallback(callback);
        stops.push(() => instrument.removeCallback(callback));
      };
      for (const name of COUNTED) add("counter", `standpipe.client.${name}`, "{record}", (now) => now[name]);
      add("counter", "standpipe.client.retries", "{batch}", ({ retries }) => retries);
      add("gauge", "standpipe.client.waiting", "{record}", ({ waiting }) => waiting);
      add("gauge", "standpipe.client.waiting.size", "By", ({ waitingBytes }) => waitingBytes);
      add("gauge", "standpipe.client.spool.size", "By", ({ spool }) => spool?.bytes ?? 0);
      return () => {
        for (const stop of stops) stop();
      };
    },
  };
}
