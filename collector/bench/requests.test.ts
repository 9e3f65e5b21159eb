import { expect, test } from "bun:test";
import { scan } from "../otlp/scan.ts";
import { createChance } from "./chance.ts";
import { createRequests, loadRequestType } from "./requests.ts";
import { fillTemplate, TEMPLATES } from "./templates.ts";

const LIMITS = { recordsMax: 1_000, nestingMax: 64, recordBytesMax: 1_000_000 };
const requests = createRequests({ count: 60, recordsEach: 200, seed: 1 });

test("every request is a valid OTLP request of as many log records as it says", () => {
  for (const { bytes, records } of [...requests, ...createRequests({ count: 9, recordsEach: 50, seed: 2 })])
    expect(scan(bytes, LIMITS)).toMatchObject({ records, refused: 0 });
});

test("a log record takes 315 bytes on average, as the figures say", () => {
  const bytes = requests.reduce((sum, request) => sum + request.bytes.length, 0) / (requests.length * 200);
  expect(bytes).toBeGreaterThan(305);
  expect(bytes).toBeLessThan(325);
});

test("no request and hardly a log line comes twice", () => {
  expect(new Set(requests.map(({ bytes }) => Bun.hash(bytes))).size).toBe(requests.length);
  const bodies = requests.flatMap(({ bytes }) => bodiesOf(bytes));
  expect(new Set(bodies).size).toBeGreaterThan(bodies.length * 0.99);
});

test("the same seed makes the same bytes, another makes others", () => {
  const make = (seed: number) =>
    createRequests({ count: 2, recordsEach: 20, seed }).map(({ bytes }) => Bun.hash(bytes));
  expect(make(5)).toEqual(make(5));
  expect(make(5)).not.toEqual(make(6));
});

test("nothing in a template stays unfilled", () => {
  const chance = createChance(3);
  for (const { text, attributes } of TEMPLATES)
    for (const template of [text, ...Object.values(attributes)])
      expect(fillTemplate(template, chance)).not.toMatch(/\{[A-Za-z]+\d*\}/);
});

function bodiesOf(bytes: Uint8Array): string[] {
  type Decoded = { resourceLogs: { scopeLogs: { logRecords: { body: { stringValue: string } }[] }[] }[] };
  const { resourceLogs } = loadRequestType().decode(bytes) as unknown as Decoded;
  return resourceLogs.flatMap((resource) =>
    resource.scopeLogs.flatMap((scope) => scope.logRecords.map((record) => record.body.stringValue)),
  );
}
