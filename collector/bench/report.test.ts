import { expect, test } from "bun:test";
import { type Figure, isReached, ratioFigure } from "./figures.ts";
import { show, toJson, toTable } from "./report.ts";

const speed = ratioFigure({
  name: "speed",
  reach: { bound: "least", of: 0.55 },
  over: { label: "collector", unit: "logs/s", rounds: [50_000, 60_000, 61_000] },
  under: { label: "null", unit: "logs/s", rounds: [100_000, 100_000, 200_000] },
});
const memory: Figure = {
  name: "memory",
  value: 201 * 1024 * 1024,
  unit: "bytes",
  reach: { bound: "most", of: 200 * 1024 * 1024 },
  parts: [],
  rounds: [],
  note: "a remark",
};
const machine = { cpu: "x", cores: 2, memoryBytes: 1, system: "linux", bun: "1.4.5" };

test("a ratio is the median of its rounds' ratios, with the medians of both sides behind it", () => {
  expect(speed.value).toBe(0.5);
  expect(speed.parts.map((part) => part.value)).toEqual([60_000, 100_000]);
});

test("rounds that do not go in pairs are refused", () => {
  const side = { label: "a", unit: "us", rounds: [1, 2] } as const;
  expect(() => ratioFigure({ name: "x", reach: undefined, over: side, under: { ...side, rounds: [1] } })).toThrow(
    RangeError,
  );
});

test("a figure at its bound has reached it, on either side", () => {
  expect(isReached({ ...speed, value: 0.55 })).toBe(true);
  expect(isReached(speed)).toBe(false);
  expect(isReached({ ...memory, value: 200 * 1024 * 1024 })).toBe(true);
  expect(isReached(memory)).toBe(false);
  expect(isReached({ ...memory, reach: undefined })).toBeUndefined();
});

test("the table shows value, reach, both absolute numbers, and what was missed", () => {
  expect(toTable([speed, memory])).toBe(
    [
      "figure  value      reach                 behind it",
      "speed   0.50       >= 0.55       MISSED  collector 60,000 logs/s, null 100,000 logs/s",
      "memory  201.0 MiB  <= 200.0 MiB  MISSED",
      "",
      "memory: a remark",
      "",
      "2 of 2 figures MISSED their reach.",
      "",
    ].join("\n"),
  );
  expect(toTable([{ ...speed, value: 0.6 }])).toEndWith("\n\nAll reached.\n");
});

test("the JSON says of each figure whether it was reached, with all rounds", () => {
  const report = JSON.parse(toJson({ atMs: 0, machine, figures: [speed, { ...memory, reach: undefined }] }));
  expect(report).toMatchObject({ at: "1970-01-01T00:00:00.000Z", machine });
  expect(report.figures[0]).toMatchObject({ name: "speed", reached: false, rounds: [0.5, 0.6, 0.305] });
  expect(report.figures[1].reached).toBeNull();
});

test("units are shown as people read them", () => {
  expect(show(1.25, "ms")).toBe("1.25 ms");
  expect(show(24 * 1024 * 1024, "bytes")).toBe("24.0 MiB");
  expect(show(12 * 1024 ** 3, "bytes")).toBe("12.0 GiB");
  expect(show(0.5, "us")).toBe("0.50 us");
  expect(show(12.34, "seconds")).toBe("12.3 s");
});
