import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { loadTailConfig, type TailConfig } from "../config.ts";
import { sourceProblems } from "../source.ts";
import { renderFindings } from "./findings.ts";
import { matchesTag } from "./fluentd.ts";
import { type MigrateOptions, type Migration, migrate } from "./migrate.ts";

const FIXTURES = ["fluentd-daemonset", "fluentd-sidecar", "fluent-bit-daemonset", "fluent-bit-sidecar"] as const;

function migrateFixture(name: string): Migration {
  const path = join(import.meta.dir, "fixtures", `${name}.yaml`);
  return migrate([{ path: `${name}.yaml`, text: readFileSync(path, "utf8") }]);
}

function migrateText(
  text: string,
  options: MigrateOptions = {},
  others: Readonly<Record<string, string>> = {},
): Migration {
  const files = Object.entries(others).map(([path, content]) => ({ path, text: content }));
  return migrate([{ path: "main.conf", text }, ...files], options);
}

function configOf({ tail }: Migration): TailConfig {
  return loadTailConfig({ path: "tail", text: tail }, {}, sourceProblems);
}

/** Findings of a kind, as `line: message`. */
function told({ findings }: Migration, kind: string): string[] {
  return findings
    .filter((each) => each.kind === kind)
    .map(({ line, directive, message }) => `${line}: ${directive}: ${message}`);
}

test.each([...FIXTURES])("%s is translated completely, into a configuration that can be used", (name) => {
  const migration = migrateFixture(name);
  expect(told(migration, "unsupported")).toEqual([]);
  expect(migration.isComplete).toBe(true);
  expect(configOf(migration).sources.length).toBe(1);
  expect(parse(migration.collector)).toMatchObject({ firehose: { stream: "nginx-stream", region: "ap-northeast-1" } });
});

test("every line of a configuration that says something is in the report", () => {
  for (const name of FIXTURES) {
    const lines = readFileSync(join(import.meta.dir, "fixtures", `${name}.yaml`), "utf8").split("\n");
    const { findings } = migrateFixture(name);
    const reported = new Set(findings.map(({ line }) => line));
    const start = lines.findIndex((line) => line.startsWith("kind: ConfigMap"));
    const silent = lines.flatMap((line, index) => {
      const isDirective =
        index > start && /^ {4}/.test(line) && !/^\s*(<\/|\[|<(parse|buffer|match|source)|@type|#|$)/.test(line);
      return isDirective && !reported.has(index + 1) ? [`${name}:${index + 1}:${line}`] : [];
    });
    expect(silent).toEqual([]);
  }
});

test("what was risky is told with its line: retry limits, memory buffers, misspelt keys and variables", () => {
  const sidecar = told(migrateFixture("fluentd-sidecar"), "risk").join("\n");
  expect(sidecar).toContain("retries_on_batch_request 20: after so many retries the records were dropped");
  expect(sidecar).toContain("<buffer> in memory");
  expect(sidecar).toContain("did you mean FLUENT_KINESIS_STREAMS_REGION?");
  const bit = told(migrateFixture("fluent-bit-sidecar"), "risk").join("\n");
  expect(bit).toContain("Timt_Format %Y-%m-%dT%H:%M:%S.%NZ: misspelt for Time_Format");
  expect(bit).toMatch(/Mem_Buf_Limit 5MB|Skip_Long_Lines On|Retry_Limit/);
  expect(configOf(migrateFixture("fluent-bit-sidecar")).sources[0]?.time?.format).toBe("%Y-%m-%dT%H:%M:%S.%NZ");
});

const FLUENTD = `
<source>
  @type tail
  path /a/*.log,/b.log   # two
  exclude_path ["/a/x.log",
    "/a/y.log"]
  tag app.web
  @label @APP
  refresh_interval 30s
  rotate_wait 1m
  encoding Shift_JIS
  wat 1
  <parse>
    @type multiline
    format_firstline /^\\d{4}/
    format1 /^(?<time>[^ ]+) (?<level>\\w+)/
    format2 / (?<message>.*)/
    time_format %s
    types level:string,took:float
  </parse>
</source>
<source>
  @type forward
</source>
<label @APP>
  <filter app.**>
    @type grep
    <regexp>
      key level
      pattern /warn|error/i
    </regexp>
    <exclude>
      key message
      pattern /health/
    </exclude>
  </filter>
  <filter **>
    @type record_transformer
    <record>
      env prod
      host "\${hostname}"
    </record>
  </filter>
  <filter other.**>
    @type lua
  </filter>
  <match app.web>
    @type kinesis_firehose
    delivery_stream_name "#{ENV['STREAM']}"
    region us-east-1
    <buffer tag>
      @type file
      retry_max_times 3
      strange 1
    </buffer>
    <inject>
      time_key at
      tag_key tag
    </inject>
  </match>
</label>
<match **>
  @type stdout
</match>
`;

test("fluentd: labels, filters, multiline, inject; and what is not known, with file and line", () => {
  const migration = migrateText(FLUENTD, { environment: { STREAM: "errors" } });
  const [source] = configOf(migration).sources;
  expect(source).toMatchObject({
    include: ["/a/*.log", "/b.log"],
    exclude: ["/a/x.log", "/a/y.log"],
    readFrom: "end",
    tag: "app.web",
    charset: "shift_jis",
    format: "regex",
    pattern: "(?s)^(?<time>[^ ]+) (?<level>\\w+) (?<message>.*)",
    multiline: { firstLine: "^\\d{4}" },
    time: { key: "time", format: "%s", keep: false },
    types: { took: "float" },
    keep: [{ field: "level", pattern: "(?i)warn|error" }],
    drop: [{ field: "message", pattern: "health" }],
    attributes: { env: "prod" },
  });
  expect(configOf(migration).files).toMatchObject({ refreshMs: 30_000, rotateWaitMs: 60_000 });
  expect(parse(migration.collector)).toEqual({
    firehose: {
      stream: "errors",
      region: "us-east-1",
      shape: {
        fields: ["body.*", { name: "tag", from: "resource.tag" }],
        doublesWithPoint: true,
        timeKey: "at",
        timeFormat: "%Y-%m-%dT%H:%M:%S%:z",
      },
    },
  });
  expect(migration.isComplete).toBe(false);
  const unsupported = told(migration, "unsupported");
  for (const words of [
    "12: wat 1",
    "<source> forward",
    "hostname",
    "<filter other.**> lua",
    "strange 1",
    "<match **> stdout",
  ])
    expect(unsupported.some((each) => each.includes(words))).toBe(true);
  expect(renderFindings(migration.findings)).toContain("main.conf:12: wat 1");
});

const FLUENT_BIT_YAML = `
env: { STREAM: logs }
service: { flush: 1, http_server: on, odd_key: 1 }
parsers:
  - name: web
    format: regex
    regex: '^(?<host>[^ ]*) (?<code>\\d+)$'
    types: code:integer
pipeline:
  inputs:
    - name: tail
      path: /logs/*.log
      tag: web.*
      parser: web
      read_from_head: true
      skip_long_lines: off
    - name: cpu
  filters:
    - name: record_modifier
      match: '*'
      record: [team shop, env prod]
  outputs:
    - name: kinesis_firehose
      match: 'web.*'
      delivery_stream: \${STREAM}
      region: eu-west-1
      time_key: at
      time_key_format: '%H:%M:%S.%L'
      retry_limit: 5
    - name: stdout
      match: '*'
`;

test("Fluent Bit in YAML: parsers, filters, outputs; and what is not known, with its line", () => {
  const migration = migrateText(FLUENT_BIT_YAML);
  expect(configOf(migration).sources[0]).toMatchObject({
    include: ["/logs/*.log"],
    readFrom: "beginning",
    format: "regex",
    types: { code: "integer" },
    attributes: { team: "shop", env: "prod" },
  });
  expect(parse(migration.collector)).toMatchObject({
    firehose: { stream: "logs", region: "eu-west-1", shape: { timeKey: "at", timeFormat: "%H:%M:%S.%9N" } },
  });
  const unsupported = told(migration, "unsupported").join("\n");
  for (const words of ["3: odd_key 1", "[INPUT] cpu", "[OUTPUT] stdout"]) expect(unsupported).toContain(words);
});

test("classic Fluent Bit: includes, variables, container formats, two streams as two routes", () => {
  const text = `
@SET base=/applog
@INCLUDE outputs.conf
[INPUT]
    Name tail
    Path \${base}/*.log
    Tag a
    multiline.parser docker, cri
[INPUT]
    Name tail
    Path /other.log
    Tag b
    Parser gone
[FILTER]
    Name kubernetes
    Match a
[FILTER]
    Name throttle
    Match b
    Rate 5
`;
  const output = (stream: string, tag: string) =>
    `[OUTPUT]\n  Name kinesis_firehose\n  Match ${tag}\n  delivery_stream ${stream}\n  region x\n  Retry_Limit 2\n`;
  const migration = migrateText(text, {}, { "outputs.conf": output("one", "a") + output("two", "b") });
  const { sources, kubernetes } = configOf(migration);
  expect(sources).toMatchObject([
    { include: ["/applog/*.log"], container: "auto", kubernetes: true, resource: { route: "one" } },
    { include: ["/other.log"], resource: { route: "two" } },
  ]);
  expect(kubernetes).toMatchObject({ labels: true, annotations: true });
  expect(parse(migration.collector)).toMatchObject({
    routes: [
      { name: "one", stream: "one", filter: 'resource["route"] = "one"' },
      { name: "two", stream: "two", filter: 'resource["route"] = "two"' },
    ],
  });
  expect(told(migration, "unsupported").join("\n")).toMatch(/Parser gone[\s\S]*throttle/);
});

test("text that is no configuration, and files that are missing, are told", () => {
  expect(told(migrateText("hello"), "unsupported").join()).toContain("no configuration of fluentd or Fluent Bit");
  expect(told(migrateText("@include gone.conf\n<match **>\n@type null\n</match>"), "unsupported").join()).toContain(
    "gone.conf",
  );
  expect(told(migrateText("<source>\n@type tail\n"), "unsupported").join()).toContain("never closed");
});

test("tags match as fluentd matches them", () => {
  for (const [pattern, tag, expected] of [
    ["**", "a.b", true],
    ["a.*", "a.b", true],
    ["a.*", "a.b.c", false],
    ["a.**", "a", true],
    ["a.**", "a.b.c", true],
    ["a.*.c", "a.b.c", true],
    ["**.c", "a.b.c", true],
    ["{a,x}.b", "x.b", true],
    ["x y", "y", true],
    ["a.b", "axb", false],
  ] as const)
    expect([pattern, tag, matchesTag(pattern, tag)]).toEqual([pattern, tag, expected]);
});
