import { expect, test } from "bun:test";
import { identify } from "./record-id.ts";

const whole = { collectorId: "abc", ordinal: 12n, part: 1, parts: 1 };

test("the id is found in every shape that can carry it", () => {
  expect(identify('{"recordId":"abc/12","body":"x"}')).toEqual(whole);
  expect(identify('{"body":"x","id":"abc/12"}', "id")).toEqual(whole);
  const attributes = [{ key: "standpipe.record.id", value: { stringValue: "abc/12" } }];
  const otlp = { resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: {}, attributes }] }] }] };
  expect(identify(JSON.stringify(otlp))).toEqual(whole);
});

test("the parts of a long line say which they are, whatever its shape", () => {
  const line = '{"recordId":"abc/12","part":2,"parts":3,"fragment":"..."}';
  expect(identify(line)).toEqual({ ...whole, part: 2, parts: 3 });
  expect(identify(line, "id")).toEqual({ ...whole, part: 2, parts: 3 });
});

test("64-bit ordinals keep all their digits", () => {
  expect(identify('{"recordId":"abc/9223372036854775807"}')?.ordinal).toBe(9_223_372_036_854_775_807n);
});

test("what looks like an id and is none is not taken for one", () => {
  const lines = [
    "",
    "not JSON",
    "[]",
    "null",
    '"recordId"',
    '{"body":"{\\"recordId\\":\\"abc/1\\"}"}',
    '{"attributes":{"recordId":"abc/1"}}',
    '{"recordId":"abc"}',
    '{"recordId":"abc/-1"}',
    '{"recordId":7}',
    '{"resourceLogs":[{"scopeLogs":[]}]}',
  ];
  for (const line of lines) expect(identify(line)).toBeUndefined();
});
