/** The dashboard and the rules ask for metrics that there are, in PromQL that parses, and each alert has its runbook entry. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { parser } from "@prometheus-io/lezer-promql";
import { parse } from "yaml";
import { toMetrics } from "../../collector/admin/telemetry/metrics.ts";
import { toPrometheus } from "../../collector/admin/telemetry/open-telemetry.ts";
import { viewSample } from "../../collector/admin/telemetry/samples.ts";
import { testWith } from "../../collector/testing/tools.ts";

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: { readonly summary: string; readonly runbook: string };
}

interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[];
  readonly templating: { readonly list: readonly { readonly query: string | { readonly query: string } }[] };
}

const read = (path: string): Promise<string> => Bun.file(join(import.meta.dir, path)).text();

async function rules(): Promise<readonly Rule[]> {
  const { groups } = parse(await read("alerts.yaml")) as { groups: { rules: Rule[] }[] };
  return groups.flatMap((group) => group.rules);
}

async function dashboard(): Promise<Dashboard> {
  return JSON.parse(await read("dashboard.json")) as Dashboard;
}

/** What /metrics prints. */
const printed = toPrometheus("c0ffee", toMetrics(viewSample()), { startedAtMs: 0, nowMs: 1 });
const names = new Set([...printed.matchAll(/^([a-z_]+)(?:\{[^}]*\})? /gm)].map(([, name]) => name));
const labels = new Set([...printed.matchAll(/[{,]([a-z_]+)="/g)].map(([, label]) => label));

/** Labels that Prometheus puts on, or that an expression is free to use. */
const OTHER_LABELS = new Set(["instance", "le"]);

/** Problems of an expression: what does not parse, what no metric is called, what no metric is labelled. */
function problemsOf(expression: string): string[] {
  const text = expression.replaceAll("$__rate_interval", "5m");
  const problems: string[] = [];
  parser.parse(text).iterate({
    enter: ({ name, type, from, to }) => {
      const word = text.slice(from, to);
      if (type.isError) problems.push(`does not parse at ${from}: ${text}`);
      if (name === "Identifier" && !names.has(word)) problems.push(`no metric is called ${word}`);
      if (name === "LabelName" && !labels.has(word) && !OTHER_LABELS.has(word))
        problems.push(`no label is called ${word}`);
    },
  });
  return problems;
}

test("this test finds a metric that does not exist, a label that does not, and an expression that does not parse", () => {
  expect(problemsOf("rate(standpipe_ingest_log_records_total[5m])")).toEqual([]);
  expect(problemsOf("standpipe_no_such_thing")).toEqual(["no metric is called standpipe_no_such_thing"]);
  expect(problemsOf('standpipe_alive{color="red"}')).toEqual(["no label is called color"]);
  expect(problemsOf("sum by (route (standpipe_alive)").length).toBeGreaterThan(0);
});

test("all that the alerts ask for exists", async () => {
  for (const { alert, expr } of await rules()) expect([alert, problemsOf(expr)]).toEqual([alert, []]);
});

test("all that the dashboard asks for exists", async () => {
  const { panels, templating } = await dashboard();
  for (const { title, targets } of panels) {
    expect([title, targets.flatMap(({ expr }) => problemsOf(expr))]).toEqual([title, []]);
  }
  for (const { query } of templating.list) {
    const asked = /label_values\((\w+)/.exec(typeof query === "string" ? query : query.query)?.[1];
    if (asked !== undefined) expect(names.has(asked)).toBe(true);
  }
});

test("each alert has a runbook entry under its own name, and no entry is left over", async () => {
  const runbook = await read("../runbook.md");
  const entries = [...runbook.matchAll(/^## (\w+)$/gm)].map(([, name]) => name as string);
  expect(entries.sort()).toEqual((await rules()).map(({ alert }) => alert).sort());
  for (const { alert, annotations } of await rules()) {
    expect(annotations.runbook).toBe(`deploy/runbook.md#${alert.toLowerCase()}`);
  }
});

testWith(["promtool"], "promtool takes the rules, and each fires when it should and not before", () => {
  const promtool = (...words: string[]): string => {
    const run = Bun.spawnSync({ cmd: ["promtool", ...words], cwd: import.meta.dir, stdout: "pipe", stderr: "pipe" });
    return run.exitCode === 0 ? "" : `${run.stdout}${run.stderr}`;
  };
  expect(promtool("check", "rules", "alerts.yaml")).toBe("");
  expect(promtool("test", "rules", "alerts.test.yaml")).toBe("");
});
