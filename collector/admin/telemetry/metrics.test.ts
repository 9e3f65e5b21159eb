import { expect, test } from "bun:test";
import { toMetrics } from "./metrics.ts";
import { toPrometheus } from "./open-telemetry.ts";
import { viewSample } from "./samples.ts";

const MOMENT = { startedAtMs: 1_000, nowMs: 61_500 };

test("names are OpenTelemetry's: dots, no unit within, each once, with a description", () => {
  const metrics = toMetrics(viewSample());
  for (const { name, description, unit } of metrics) {
    expect(name).toMatch(/^(standpipe|process)(\.[a-z]+(_[a-z]+)*)+$/);
    expect(name).not.toMatch(/seconds|bytes/);
    expect(description).not.toBe("");
    expect(unit).toMatch(/^(1|s|By|By\/s|\{[a-z_]+\})$/);
  }
  expect(new Set(metrics.map(({ name }) => name)).size).toBe(metrics.length);
});

test("attributes are few: none has a value that traffic could make", () => {
  const keys = new Set(
    toMetrics(viewSample()).flatMap(({ points }) => points.flatMap((p) => Object.keys(p.attributes))),
  );
  expect([...keys].sort()).toEqual(["check", "code", "cpu.mode", "file", "outcome", "route", "state", "stream"]);
});

test("Prometheus gets counters with _total, units as suffixes, and histograms that add up", () => {
  const text = toPrometheus("c0ffee", toMetrics(viewSample()), MOMENT);
  expect(text).toContain('standpipe_route_settled_total{route="default",stream="logs",outcome="delivered"} 590\n');
  expect(text).toContain("# TYPE standpipe_journal_size_bytes gauge\nstandpipe_journal_size_bytes 8000\n");
  expect(text).toContain('standpipe_journal_commit_duration_seconds_bucket{le="0.001"} 1\n');
  expect(text).toContain('standpipe_journal_commit_duration_seconds_bucket{le="+Inf"} 4\n');
  expect(text).toContain("standpipe_journal_commit_duration_seconds_count 4\n");
  expect(text).toContain('standpipe_ledger_imbalance{check="settled",route="default"} 0\n');
  expect(text).toContain("standpipe_journal_full_forecast_seconds +Inf\n");
  expect(text).toContain('target_info{service_name="standpipe",service_instance_id="c0ffee"} 1');
});
