import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { toField } from "./canonical.ts";
import { type Any, any, decode, expectedLines, type KeyValue } from "./expected-lines.ts";
import { plainRequest } from "./filter-samples.ts";
import { compileRedactor, type RedactOptions } from "./redact.ts";
import { createRandom, encodeRequest, request, requestType } from "./request-samples.ts";
import { scan } from "./scan.ts";
import type { ShapeOptions } from "./shapes.ts";
import { Transcoder } from "./transcode.ts";

const LIMITS = { recordsMax: 10_000, nestingMax: 64, recordBytesMax: 2_000_000 };

function linesOf(bytes: Uint8Array, redact: RedactOptions, shape: ShapeOptions = "json"): string[] {
  const transcoder = new Transcoder({ redactor: compileRedactor(redact), shape });
  const lines = transcoder.transcode(bytes, 0n, 0, scan(bytes, LIMITS).records);
  return Array.from(lines.ends, (end, index) =>
    Buffer.from(lines.bytes.subarray(lines.ends[index - 1] ?? 0, end)).toString(),
  );
}

const entry = (key: string, value: object): object => ({ key, value });

/** The line of one log record, given in its JSON form, as an object. */
function lineOf(record: object, redact: RedactOptions): Record<string, unknown> {
  const resource = {
    attributes: [entry("host", { stringValue: "h-1" }), entry("service.name", { stringValue: "shop" })],
  };
  const scope = { attributes: [entry("token", { stringValue: "t-1" })] };
  const logs = { resourceLogs: [{ resource, scopeLogs: [{ scope, logRecords: [record] }] }] };
  const bytes = requestType.encode(requestType.fromObject(logs)).finish();
  return JSON.parse(linesOf(bytes, redact)[0] ?? "");
}

function problemOf(redact: RedactOptions): string {
  try {
    compileRedactor(redact);
  } catch (reason) {
    expect(reason).toMatchObject({ code: "config_invalid" });
    return (reason as Error).message;
  }
  throw new Error("it was accepted");
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

test("without rules that hold, a line is what it was", () => {
  fc.assert(
    fc.property(request, fc.integer(), (parts, seed) => {
      const bytes = encodeRequest(parts, { random: createRandom(seed), oneofs: false });
      const redact = {
        drop: ["attributes.nowhere"],
        hash: ['body["nowhere"]'],
        mask: [{ pattern: "not to be found" }],
      };
      expect(linesOf(bytes, redact)).toEqual(expectedLines(bytes));
    }),
    { numRuns: 200 },
  );
});

/** The slow and obvious way: rules on the objects that protobufjs decodes. */
function redacted(value: Any, path: string, options: { dropped: string; hashed: string }): Any | undefined {
  if (path === options.dropped) return undefined;
  if (path === options.hashed && Object.keys(value).length > 0) {
    const bytes = value.bytesValue === undefined ? undefined : Buffer.from(value.bytesValue, "base64");
    const hash = createHash("sha256")
      .update("salt")
      .update(value.stringValue ?? bytes ?? any(value));
    return { stringValue: hash.digest("hex") };
  }
  if (value.stringValue !== undefined) return { stringValue: value.stringValue.replaceAll(/e.?r|\n/g, "***") };
  if (value.arrayValue !== undefined) {
    return {
      arrayValue: { values: (value.arrayValue.values ?? []).map((each) => redacted(each, "", options) as Any) },
    };
  }
  if (value.kvlistValue !== undefined) {
    return { kvlistValue: { values: entries(value.kvlistValue.values, path, options) } };
  }
  return value;
}

function entries(list: KeyValue[] | undefined, path: string, options: { dropped: string; hashed: string }): KeyValue[] {
  return (list ?? []).flatMap((each) => {
    const inner = path === "" ? "" : `${path}[${JSON.stringify(each.key ?? "")}]`;
    if (inner !== "" && inner === options.dropped) return [];
    return each.value === undefined ? [each] : [{ ...each, value: redacted(each.value, inner, options) as Any }];
  });
}

test("what is dropped, hashed and masked is what the same rules make of the decoded objects, in every shape", () => {
  const key = fc.constantFrom("k", "http.status", "service.name", "", 'quo"te\\d').map((each) => JSON.stringify(each));
  const root = fc.constantFrom("attributes", "resource", "scope.attributes", "body");
  const path = fc
    .oneof(
      { weight: 9, arbitrary: fc.tuple(root, fc.array(key, { minLength: 1, maxLength: 2 })) },
      fc.constant<[string, string[]]>(["body", []]),
    )
    .map(([root, keys]) => `${root}${keys.map((each) => `[${each}]`).join("")}`);
  const shape = fc.constantFrom<ShapeOptions>("json", "otlp_json", "body", {
    fields: ["body", "attributes", "resource"],
  });
  const property = fc.property(plainRequest, path, path, shape, fc.integer(), (parts, dropped, hashed, shape, seed) => {
    const decoded = decode(encodeRequest(parts));
    for (const { resource, scopeLogs } of decoded.resourceLogs ?? []) {
      if (resource?.attributes) resource.attributes = entries(resource.attributes, "resource", { dropped, hashed });
      for (const { scope, logRecords } of scopeLogs ?? []) {
        if (scope?.attributes) scope.attributes = entries(scope.attributes, "scope.attributes", { dropped, hashed });
        for (const log of logRecords ?? []) {
          if (log.attributes) log.attributes = entries(log.attributes, "attributes", { dropped, hashed });
          const body = log.body && redacted(log.body, "body", { dropped, hashed });
          if (body === undefined) delete log.body;
          else log.body = body;
        }
      }
    }
    const expected = requestType.encode(requestType.fromObject(decoded)).finish();
    // OTLP's own JSON shows what else the encoder's liberties add.
    const liberties = shape === "otlp_json" ? undefined : { random: createRandom(seed), oneofs: true };
    const redact = { drop: [dropped], hash: [hashed], salt: "salt", mask: [{ pattern: "e.?r|\n" }] };
    expect(linesOf(encodeRequest(parts, liberties), redact, shape)).toEqual(linesOf(expected, {}, shape));
  });
  fc.assert(property, { numRuns: 400 });
});

test("attributes of record, resource and scope, and entries of the body, are dropped by name", () => {
  const nested = {
    kvlistValue: {
      values: [entry("user", { kvlistValue: { values: [entry("email", {}), entry("id", { intValue: 1 })] } })],
    },
  };
  const record = {
    attributes: [entry("user.email", { stringValue: "a@b.c" }), entry("k", { intValue: 1 })],
    body: nested,
  };
  const drop = ["attributes.user.email", 'resource["host"]', 'scope.attributes["token"]', 'body["user"]["email"]'];
  expect(lineOf(record, { drop })).toEqual({
    body: { user: { id: 1 } },
    attributes: { k: 1 },
    resource: { attributes: { "service.name": "shop" } },
  });
  expect(lineOf(record, { drop: ["body"] }).body).toBeUndefined();
});

test("a hash is SHA-256 of the salt and the value, so that equal values stay equal", () => {
  const attributes = [
    entry("text", { stringValue: "a@b.c" }),
    entry("number", { intValue: 42 }),
    entry("map", { kvlistValue: { values: [entry("k", { boolValue: true })] } }),
    entry("bytes", { bytesValue: Buffer.from("raw") }),
    entry("unset", {}),
  ];
  const hash = ["text", "number", "map", "bytes", "unset"].map((key) => `attributes.${key}`);
  expect(lineOf({ attributes }, { hash: [...hash, "body"], salt: "pepper" }).attributes).toEqual({
    text: sha256("peppera@b.c"),
    number: sha256("pepper42"),
    map: sha256('pepper{"k":true}'),
    bytes: sha256("pepperraw"),
    unset: null,
  });
  expect(lineOf({ body: { stringValue: "x" } }, { hash: ["body"] }).body).toBe(sha256("x"));
});

test("the hash of a body that is given in parts is that of the whole", () => {
  const record = requestType.root.lookupType("opentelemetry.proto.logs.v1.LogRecord");
  const part = (key: string): Uint8Array =>
    record.encode(record.fromObject({ body: { kvlistValue: { values: [entry(key, { intValue: 1 })] } } })).finish();
  const log = Buffer.concat([part("a"), part("b")]);
  const wrapped = [0x12, 0x12, 0x0a].reduce((inner, tag) => Buffer.concat(toField(tag, inner)), log);
  expect(linesOf(wrapped, {})).toEqual(['{"body":{"a":1,"b":1}}\n']);
  expect(linesOf(wrapped, { hash: ["body"] })).toEqual([`{"body":"${sha256('{"a":1,"b":1}')}"}\n`]);
});

test("what matches is masked in every text of body and attributes, however deep, and in no key", () => {
  const card = "card 4111111111111111, 4111111111111112.";
  const deep = {
    arrayValue: { values: [{ kvlistValue: { values: [entry("4111111111111111", { stringValue: card })] } }] },
  };
  const record = {
    body: deep,
    attributes: [entry("note", { stringValue: card }), entry("number", { intValue: "4111111111111111" })],
  };
  const line = lineOf(record, { mask: [{ pattern: "[0-9]{16}" }, { pattern: "(?i)CARD", with: "$1 \\ k" }] });
  expect(line.body).toEqual([{ "4111111111111111": "$1 \\ k ***, ***." }]);
  expect(line.attributes).toEqual({ note: "$1 \\ k ***, ***.", number: 4111111111111111 });
});

test("a secret that is given twice, in parts, or under a padded length goes all the same", () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const secret = { kind: "string" as const, value: "hunter2" };
      const attributes = [
        { key: "password", value: secret },
        { key: "k", value: { kind: "map" as const, value: [{ key: "inner", value: secret }] } },
        { key: "password", value: { kind: "array" as const, value: [secret] } },
      ];
      const record = {
        time: 0n,
        observedTime: 0n,
        severityNumber: 0,
        severityText: "",
        eventName: "",
        body: { kind: "map" as const, value: [{ key: "password", value: secret }] },
        attributes,
        dropped: 0,
        flags: 0,
        traceId: new Uint8Array(0),
        spanId: new Uint8Array(0),
      };
      const scopes = [{ scope: undefined, records: [record], schemaUrl: "" }];
      const parts = [{ resource: { attributes, dropped: 0 }, scopes, schemaUrl: "" }];
      const bytes = encodeRequest(parts, { random: createRandom(seed), oneofs: true });
      const keys = ["password", "k"].flatMap((key) => [`attributes.${key}`, `resource.${key}`]);
      const [named] = linesOf(bytes, { drop: [...keys, "body.password"] });
      const [masked] = linesOf(bytes, { mask: [{ pattern: "hunter2" }] });
      expect(`${named}${masked}`).not.toContain("hunter2");
    }),
    { numRuns: 200 },
  );
});

test("masks take linear time, and where matches are too many for that the rest is masked as a whole", () => {
  const text = (length: number): object => ({ body: { stringValue: "a".repeat(length) } });
  expect(
    lineOf({ body: { stringValue: `${"a".repeat(300_000)}b` } }, { mask: [{ pattern: "(a+)+$" }] }).body,
  ).toEndWith("b");
  // Each match looks for a b up to the end of the text.
  expect(lineOf(text(1_000), { mask: [{ pattern: "a.*b|a", with: "-" }] }).body).toBe("-".repeat(1_000));
  const masked = String(lineOf(text(200_000), { mask: [{ pattern: "a.*b|a", with: "-" }] }).body);
  expect(masked).toMatch(/^-{64,1000}$/);
}, 30_000);

test("what is wrong with redaction is told", () => {
  expect(problemOf({ drop: ["atributes.k"] })).toBe(
    "atributes.k is no field: did you mean attributes.k?\natributes.k\n^^^^^^^^^^^",
  );
  expect(problemOf({ hash: ["severity"] })).toStartWith(
    "drop and hash take an attribute, an entry of the body, or the body",
  );
  expect(problemOf({ drop: ["attributes"] })).toStartWith("drop and hash take an attribute");
  expect(problemOf({ drop: ["attributes.*"] })).toStartWith("drop and hash take an attribute");
  expect(problemOf({ mask: [{ pattern: "a(b" }] })).toBe(
    "the pattern can't be read: missing closing ): `a(b` (RE2's syntax)\na(b",
  );
  expect(problemOf({ mask: [{ pattern: "x*" }] })).toBe("the pattern matches even an empty text\nx*");
});

test("what one mask puts in place of a match is seen by the next, though no text held it", () => {
  const mask = [
    { pattern: "card [0-9]{4}", with: "secret-1" },
    { pattern: "secret-[0-9]", with: "#" },
  ];
  const attributes = [entry("a", { stringValue: "secret-x" }), entry("b", { stringValue: "a card 4111" })];
  expect(lineOf({ attributes }, { mask })).toMatchObject({ attributes: { a: "secret-x", b: "a #" } });
});
