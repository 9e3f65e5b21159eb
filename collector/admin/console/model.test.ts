import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  bytes,
  createEventParser,
  diskColumns,
  diskLine,
  duration,
  flowColumns,
  goneIn,
  latencyBars,
  segmentBars,
  verdictOf,
  wholeLine,
} from "./model.ts";
import type { RouteSnapshot, Sample, Snapshot } from "./shapes.ts";

const LINE = {
  start: 0,
  tail: 500,
  cursor: 800,
  head: 1_000,
  finishedBeyond: 50,
  inFlight: 30,
  waiting: 150,
  quarantined: 2,
};

const ROUTE: RouteSnapshot = {
  route: "errors",
  stream: "logs",
  state: "delivering",
  line: LINE,
  delivered: 0,
  filtered: 0,
  quarantineEntries: 0,
  ageMs: 0,
  drainSeconds: 5,
  share: 1,
  source: "region",
  lastError: null,
};

test("what a person should know first is said first", () => {
  const said = (facts: Partial<Snapshot>, ...routes: Partial<RouteSnapshot>[]): string => {
    const journal = { isFull: false, ...facts.journal };
    const all = {
      imbalance: 0,
      isAlive: true,
      ...facts,
      journal,
      routes: routes.map((each) => ({ ...ROUTE, ...each })),
    };
    const { tone, words } = verdictOf(all as Snapshot);
    return `${tone}: ${words}`;
  };
  const holding = { route: "a", state: "holding" };
  const paused = { route: "b", state: "paused" };
  const aside = { quarantineEntries: 1_200 };
  expect(said({}, {})).toBe("good: Every log record is accounted for");
  expect(said({}, {}, aside)).toBe("warn: 1,200 in quarantine; every log record is accounted for");
  expect(said({}, aside, paused)).toBe("warn: Paused by a person: b");
  expect(said({}, paused, holding, { ...holding, route: "c" })).toBe("bad: Waits for a person: a, c");
  expect(said({ isAlive: false }, holding)).toStartWith("bad: Something stands still");
  expect(said({ isAlive: false, imbalance: 3 }, holding)).toStartWith("bad: The ledger is off by 3");
});

test("what waits is gone when the slowest route has delivered it, and not by itself where a person is needed", () => {
  const idle = { ...ROUTE, line: { ...LINE, waiting: 0 }, drainSeconds: null };
  expect(goneIn([idle])).toBe("now");
  expect(goneIn([idle, ROUTE, { ...ROUTE, drainSeconds: 90 }])).toBe("90 s");
  expect(goneIn([ROUTE, { ...ROUTE, drainSeconds: null }])).toBe("not known yet");
  for (const state of ["paused", "holding"]) expect(goneIn([ROUTE, { ...ROUTE, state }])).toBe("not by itself");
  expect(goneIn([ROUTE, { ...idle, state: "paused" }])).toBe("5 s");
});

test("the line is drawn to scale: every log record is in one part, and the widths are their parts of the whole", () => {
  expect(wholeLine(LINE).map(({ kind, logRecords }) => [kind, logRecords])).toEqual([
    ["reclaimed", 498],
    ["delivered", 350],
    ["quarantined", 2],
    ["flight", 30],
    ["waiting", 120],
  ]);
  expect(diskLine(LINE).map(({ width }) => width)).toEqual([0.7, 0.06, 0.24]);
});

test("segments are drawn by their bytes, each as far as the route has come in it", () => {
  const segment = { segments: 1, isActive: false };
  const bars = segmentBars(
    [
      { ...segment, first: 500, end: 700, bytes: 3_000 },
      { ...segment, first: 700, end: 900, bytes: 2_000, segments: 2 },
      { ...segment, first: 900, end: 900, bytes: 0, isActive: true },
    ],
    750,
  );
  expect(bars.map(({ width, part }) => [width, part])).toEqual([
    [0.6, 1],
    [0.4, 0.25],
    [0, 0],
  ]);
  expect(bars.map(({ title }) => title)).toEqual([
    "segment: 500 to 699, 2.9 KiB",
    "2 segments: 700 to 899, 2.0 KiB",
    "segment: empty, from 900 on, 0 B, written to",
  ]);
  expect(segmentBars([{ ...segment, first: 0, end: 0, bytes: 0 }], 0)[0]?.width).toBe(1);
});

test("whatever the figures, no part is negative and the widths add up to one or to nothing", () => {
  const size = fc.nat(1_000_000);
  fc.assert(
    fc.property(size, size, size, size, size, (start, reclaimed, delivered, inFlight, waiting) => {
      const tail = start + reclaimed;
      const cursor = tail + delivered;
      const head = cursor + inFlight + waiting;
      const line = { ...LINE, start, tail, cursor, head, inFlight, waiting: inFlight + waiting };
      for (const parts of [wholeLine(line), diskLine(line)]) {
        const total = parts.reduce((sum, { width }) => sum + width, 0);
        expect(parts.every(({ width, logRecords }) => width >= 0 && logRecords >= 0)).toBe(true);
        expect([0, 1]).toContain(Math.round(total * 1e9) / 1e9);
      }
    }),
  );
});

function sample(atMs: number, head: number, settled: number, journalBytes = 0): Sample {
  const route = { route: "a", settled, deliveredBytes: 0, throttledBytes: 0, waiting: 0, rate: 1, ceiling: 2 };
  return { atMs, head, journalBytes, diskFreeBytes: 0, routes: [route] };
}

test("counters become rates, and a counter that began again leaves a gap instead of a fall", () => {
  const samples = [sample(0, 0, 50), sample(1_000, 100, 60), sample(3_000, 200, 5)];
  expect(flowColumns(samples, "a")).toEqual([
    [1, 3],
    [100, 50],
    [10, null],
  ]);
  expect(flowColumns(samples, "gone")[2]).toEqual([null, null]);
});

test("the forecast goes on from the last value and ends at the limit", () => {
  const [times, used, forecast] = diskColumns([sample(0, 0, 0, 100), sample(60_000, 0, 0, 400)], 1_000, 30);
  expect(forecast?.slice(0, 2)).toEqual([null, 400]);
  expect(forecast?.at(-1)).toBe(1_000);
  expect(used).toHaveLength(times.length);
  expect(diskColumns([sample(0, 0, 0)], 1_000, null)[0]).toHaveLength(1);
});

test("the histogram shows the buckets between the first and the last that hold something", () => {
  expect(latencyBars([0.001, 0.01, 0.1], [0, 2, 0, 1])).toEqual([
    { label: "≤ 10 ms", count: 2, part: 1 },
    { label: "≤ 100 ms", count: 0, part: 0 },
    { label: "over 100 ms", count: 1, part: 0.5 },
  ]);
  expect(latencyBars([1], [0, 0])).toEqual([]);
});

test("figures are told in a unit that a person reads", () => {
  expect([0, 1_023, 1_536, 5 * 1024 ** 3].map(bytes)).toEqual(["0 B", "1023 B", "1.5 KiB", "5.0 GiB"]);
  expect([0.0016, 1.5, 90, 600, 90_000, 864_000].map(duration)).toEqual([
    "1.6 ms",
    "1.5 s",
    "90 s",
    "10 min",
    "25 h",
    "10 days",
  ]);
});

test("events are put together from whatever pieces they come in", () => {
  const text = 'event: view\ndata: {"a":1}\n\nevent: lines\ndata: one\ndata: two\n\n';
  const expected = [
    { event: "view", data: '{"a":1}' },
    { event: "lines", data: "one\ntwo" },
  ];
  for (let size = 1; size <= text.length; size++) {
    const parse = createEventParser();
    const events = Array.from({ length: Math.ceil(text.length / size) }, (_, at) =>
      text.slice(at * size, (at + 1) * size),
    );
    expect(events.flatMap(parse)).toEqual(expected);
  }
});
