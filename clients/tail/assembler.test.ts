import { expect, test } from "bun:test";
import { Assembler, type AssemblerOptions, type HeldBudget } from "./assembler.ts";
import { createUnwrapper } from "./parse/container.ts";
import { createMultiline } from "./parse/multiline.ts";
import { RecordBuilder } from "./records.ts";
import { type DecodedRecord, decodeRequest } from "./testing/decode.ts";
import { encodeEnvelope, encodePart } from "./wire/request.ts";

function createRig(options: Partial<AssemblerOptions> = {}) {
  const builder = new RecordBuilder({
    format: "none",
    parser: undefined,
    time: undefined,
    severity: undefined,
    types: new Map(),
    rules: [],
    attributes: {},
  });
  const budget: HeldBudget = { bytes: 0, bytesMax: 1_000 };
  const assembler = new Assembler({
    builder,
    unwrapper: undefined,
    container: "cri",
    multiline: undefined,
    timeoutMs: 100,
    bytesMax: 500,
    budget,
    ...options,
  });
  let offset = 0;
  return {
    assembler,
    budget: options.budget ?? budget,
    feed(text: string, nowMs = 0): void {
      for (const line of text.split("\n")) {
        const bytes = Buffer.from(line);
        assembler.line(bytes, 0, bytes.length, offset, "", true, nowMs);
        offset += bytes.length + 1;
      }
    },
    records(): DecodedRecord[] {
      return decodeRequest(encodePart(encodeEnvelope({}, "test"), builder.takePart().records));
    },
    bodies(): unknown[] {
      return this.records().map(({ body }) => body);
    },
  };
}

const T = "2025-11-22T08:26:40.000000001Z";

test("CRI: partial lines are joined per stream, however the streams interleave, and the position stays before them", () => {
  const rig = createRig({ unwrapper: createUnwrapper("cri") });
  rig.feed(`${T} stdout F whole\n${T} stdout P one \n${T} stderr P ERR \n${T} stdout P two \n${T} stderr F end`);
  expect(rig.assembler.heldFrom).toBe(`${T} stdout F whole\n`.length);
  rig.feed(`${T} stdout F three\n${T} stdout F:tag last\n${T} stdout F`);
  expect(rig.assembler.heldFrom).toBeUndefined();
  expect(rig.budget.bytes).toBe(0);
  const records = rig.records();
  expect(records.map(({ body, attributes }) => [attributes["log.iostream"], body])).toEqual([
    ["stdout", "whole"],
    ["stderr", "ERR end"],
    ["stdout", "one two three"],
    ["stdout", "last"],
    ["stdout", ""],
  ]);
  expect(new Set(records.map(({ time }) => time))).toEqual(new Set(["1763800000000000001"]));
});

test("Docker: the text with its escapes, its stream, its time; what has no line break at its end goes on", () => {
  const rig = createRig({ unwrapper: createUnwrapper("auto") });
  rig.feed(`{"log":"a \\"b\\" \\u00e9\\n","stream":"stderr","time":"${T}"}`);
  rig.feed(`{"log":"half ","stream":"stdout","time":"${T}"}\n{"log":"whole\\n","stream":"stdout","time":"${T}"}`);
  expect(rig.records()).toMatchObject([
    { body: 'a "b" é', attributes: { "log.iostream": "stderr" }, time: "1763800000000000001" },
    { body: "half whole", attributes: { "log.iostream": "stdout" } },
  ]);
});

test("a line that no runtime wrapped is sent as it is, and marked", () => {
  const rig = createRig({ unwrapper: createUnwrapper("cri") });
  for (const line of ["", "plain", `${T} stdin F x`, `${T} stdout X x`, "yesterday stdout F x"]) rig.feed(line);
  expect(rig.records().map(({ body, attributes }) => [body, attributes["standpipe.unparsed"]])).toEqual([
    ["", "cri"],
    ["plain", "cri"],
    [`${T} stdin F x`, "cri"],
    [`${T} stdout X x`, "cri"],
    ["yesterday stdout F x", "cri"],
  ]);
});

const TRACE = `java.lang.IllegalStateException: no
\tat com.example.Shop.pay(Shop.java:7)
\t... 12 more
Caused by: java.io.IOException: gone
\tat com.example.Net.read(Net.java:3)`;

test("a Java stack trace belongs to the line before it", () => {
  const rig = createRig({ multiline: createMultiline({ preset: "java" }) });
  rig.feed(`ERROR payment failed\n${TRACE}\nINFO next`);
  expect(rig.bodies()).toEqual([`ERROR payment failed\n${TRACE}`]);
  rig.assembler.flush(99, false);
  expect(rig.bodies()).toEqual([]);
  rig.assembler.flush(100, false);
  expect(rig.bodies()).toEqual(["INFO next"]);
});

test("events begin with lines of a pattern, within a container's wrapping too", () => {
  const rig = createRig({ multiline: createMultiline({ firstLine: "^\\d{4}-" }), unwrapper: createUnwrapper("cri") });
  rig.feed(`${T} stdout F 2025-1 a\n${T} stdout P  b\n${T} stderr F 2025-9 e\n${T} stdout F c\n${T} stdout F 2025-2`);
  expect(rig.bodies()).toEqual(["2025-1 a\n bc"]);
  rig.assembler.flush(0, true);
  expect(rig.bodies().toSorted()).toEqual(["2025-2", "2025-9 e"]);
});

test("what is held is bounded, per event and of all files together; it goes in parts then, and nothing is lost", () => {
  const lines = Array.from({ length: 50 }, (_, index) => ` continued ${index}`);
  for (const budget of [
    { bytes: 0, bytesMax: 1_000_000 },
    { bytes: 0, bytesMax: 100 },
  ]) {
    const rig = createRig({ multiline: createMultiline({ firstLine: "^x" }), bytesMax: 200, budget });
    rig.feed(["x", ...lines].join("\n"));
    expect(budget.bytes).toBeLessThanOrEqual(Math.min(201, budget.bytesMax));
    rig.assembler.flush(0, true);
    expect(budget.bytes).toBe(0);
    expect((rig.bodies() as string[]).join("\n").split("\n")).toEqual(["x", ...lines]);
  }
});
