/** The section `telemetry`: what the collector tells of itself beyond /metrics and its log lines. Used by config.ts alone. */
import { z } from "zod";
import { integer, url } from "./values.ts";

const NUMBER = "must be a number from 0 to 1";

export const telemetry = z.strictObject({
  otlpEndpoint: url
    .optional()
    .describe("Where own metrics and traces are sent, OTLP/gRPC: `http://host:4317`, or https. Nowhere, if not set."),
  otlpIntervalMs: integer(1_000, 3_600_000, 60_000).describe("How often metrics are sent there."),
  traceRatio: z.coerce
    .number({ error: NUMBER })
    .min(0, NUMBER)
    .max(1, NUMBER)
    .default(0)
    .describe("The part of exports that is traced, with their commits and deliveries: 0.001 is one in a thousand."),
  stuckMsMax: integer(1_000, 3_600_000, 60_000).describe(
    "How long a write or a delivery that should go on may stand still before `/livez` says so.",
  ),
});

export type TelemetryConfig = z.output<typeof telemetry>;
