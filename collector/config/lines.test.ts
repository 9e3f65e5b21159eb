import { expect, test } from "bun:test";
import { type Config, type InspectRoute, loadConfig } from "./config.ts";

const MINIMAL = { STANDPIPE_FIREHOSE_STREAM: "logs" };

function load(text: string, inspect?: InspectRoute): Config {
  return loadConfig({ path: "standpipe.yaml", text }, MINIMAL, inspect);
}

function problemsOf(run: () => unknown): string {
  try {
    run();
  } catch (reason) {
    expect(reason).toMatchObject({ code: "config_invalid" });
    return (reason as Error).message;
  }
  throw new Error("it was accepted");
}

test("a route that says nothing of its lines takes all log records, as json", () => {
  const [route] = load("").routes;
  expect(route).toMatchObject({ shape: "json" });
  expect(route?.filter).toBeUndefined();
  expect(route?.redact).toBeUndefined();
});

test("each route has its own filter, shape and redaction, or that of the section firehose", () => {
  const { routes } = load(`
firehose:
  filter: severity >= WARN
  shape: body
routes:
  - name: warnings
  - name: audit
    filter: attributes.audit = true
    shape:
      fields: [body, { name: service, from: resource.service.name }, { name: env, value: prod }]
      timeKey: time
      escapeUnicode: true
    redact:
      drop: [attributes.token]
      mask: [{ pattern: '[0-9]{16}', with: "#" }]
`);
  expect(routes[0]).toMatchObject({ filter: "severity >= WARN", shape: "body" });
  expect(routes[1]).toMatchObject({
    filter: "attributes.audit = true",
    shape: {
      fields: ["body", { name: "service", from: "resource.service.name" }, { name: "env", value: "prod" }],
      timeKey: "time",
      escapeUnicode: true,
      doublesWithPoint: false,
    },
    redact: { drop: ["attributes.token"], hash: [], mask: [{ pattern: "[0-9]{16}", with: "#" }] },
  });
});

test("in the environment a structure is written as YAML or JSON", () => {
  const environment = {
    ...MINIMAL,
    STANDPIPE_FIREHOSE_FILTER: "body exists",
    STANDPIPE_FIREHOSE_SHAPE: '{"fields": ["body"]}',
    STANDPIPE_FIREHOSE_REDACT: "{drop: [body]}",
  };
  const [route] = loadConfig(undefined, environment).routes;
  expect(route).toMatchObject({ filter: "body exists", shape: { fields: ["body"] }, redact: { drop: ["body"] } });
  const broken = { ...MINIMAL, STANDPIPE_FIREHOSE_SHAPE: "[" };
  expect(problemsOf(() => loadConfig(undefined, broken))).toContain("firehose.shape must be json, otlp_json, body, or");
});

test("what is wrong within a structure is told by the name of the key", () => {
  const message = problemsOf(() =>
    load(`
firehose:
  shape: xml
  redact: { musk: [], mask: [{ with: "#" }], drop: token }
routes:
  - name: a
  - name: b
    shape: { fields: [body, 3], fieldz: [] }
`),
  );
  expect(message).toContain("routes.0.shape must be json, otlp_json, body, or a section with fields");
  expect(message).toContain("routes.0.redact has no key musk: did you mean mask?");
  expect(message).toContain("routes.0.redact.mask.0.pattern must be a text");
  expect(message).toContain("routes.0.redact.drop must be a list of texts");
  expect(message).toContain("routes.1.shape.fields.1 must be the name of a field");
  expect(message).toContain("routes.1.shape has no key fieldz: did you mean fields?");
});

test("what an inspection finds is told with the route, among the other problems, and keeps its lines", () => {
  const inspect: InspectRoute = ({ filter }) => (filter === "bad" ? [{ key: "filter", problem: "no\nbad\n^^^" }] : []);
  const text = "routes:\n  - name: a\n  - { name: b, filter: bad, requestsPerSecond: 9, recordsPerSecond: 3 }\n";
  const message = problemsOf(() => load(text, inspect));
  expect(message).toContain("  - routes.1.filter of route b: no\n      bad\n      ^^^");
  expect(message).toContain("routes.1.requestsPerSecond must not exceed");
  expect(problemsOf(() => load("firehose: { filter: bad }", inspect))).toContain("  - firehose.filter: no\n");
});
