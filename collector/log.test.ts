import { expect, test } from "bun:test";
import { pino } from "pino";
import { type Log, logOptions } from "./log.ts";
import { VirtualClock } from "./testing/virtual-clock.ts";

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly route?: string;
  readonly folded?: number;
}

function startLog(): { log: Log; clock: VirtualClock; lines: Line[] } {
  const clock = new VirtualClock();
  const lines: Line[] = [];
  const log = pino(logOptions("info", clock), { write: (line: string) => lines.push(JSON.parse(line) as Line) });
  return { log, clock, lines };
}

test("of an error that repeats the first is written at once, and then how many there were", async () => {
  const { log, clock, lines } = startLog();
  for (let index = 0; index < 100; index++) log.error({ index }, "the stream refuses");
  expect(lines.map(({ msg }) => msg)).toEqual(["the stream refuses"]);
  await clock.advance(10_000);
  expect(lines.at(-1)).toMatchObject({ level: 50, msg: "the stream refuses (again)", folded: 99 });
  log.error("the stream refuses");
  expect(lines).toHaveLength(3);
});

test("an error that came once is told once", async () => {
  const { log, clock, lines } = startLog();
  log.warn("slow");
  await clock.advance(60_000);
  expect(lines).toHaveLength(1);
});

test("what is said of another route, or at another level, is not the same", () => {
  const { log, lines } = startLog();
  log.child({ route: "a" }).error("holding");
  log.child({ route: "b" }).error("holding");
  log.error({ route: "c" }, "holding");
  log.warn("holding");
  expect(lines.map(({ route, level }) => [route, level])).toEqual([
    ["a", 50],
    ["b", 50],
    ["c", 50],
    [undefined, 40],
  ]);
});

test("changes of state and the last words are never folded", () => {
  const { log, lines } = startLog();
  for (const level of ["info", "info", "fatal", "fatal"] as const) log[level]("the same");
  expect(lines).toHaveLength(4);
});
