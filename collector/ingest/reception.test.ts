import { expect, test } from "bun:test";
import { status } from "@grpc/grpc-js";
import fc from "fast-check";
import { CollectorError } from "../errors.ts";
import { Litter } from "../memory/litter.ts";
import { VirtualClock } from "../testing/virtual-clock.ts";
import { ADMISSION_LIMITS_DEFAULT } from "./admission.ts";
import { logsRequest, startIngest, until } from "./fixture.ts";
import { type Arrival, ReceptionGate } from "./reception.ts";

const LIMITS = { requestBytesMax: 100, receivingBytesMax: 250, receiveMsMax: 1_000 };

class Incoming implements Arrival {
  bytes: number;
  readonly waitEndsAtMs: number;
  receivingSinceMs: number | undefined;
  readonly leavesLitter = true;
  started = false;
  refusal: string | undefined;

  constructor(bytes: number, waitEndsAtMs = Number.POSITIVE_INFINITY) {
    this.bytes = bytes;
    this.waitEndsAtMs = waitEndsAtMs;
  }

  readonly start = (): void => {
    this.started = true;
  };

  readonly refuse = (reason: CollectorError): void => {
    this.refusal = reason.code;
  };
}

function setUp() {
  const clock = new VirtualClock(0);
  const collected: number[] = [];
  const gate = new ReceptionGate(
    LIMITS,
    clock,
    new Litter(300, { young: () => collected.push(gate.bytes), whole: () => {} }),
  );
  const enter = (bytes: number, waitEndsAtMs?: number): Incoming => {
    const incoming = new Incoming(bytes, waitEndsAtMs);
    gate.enter(incoming);
    return incoming;
  };
  return { clock, collected, gate, enter };
}

test("who does not fit waits, in order, until a call has ended", () => {
  const { gate, enter } = setUp();
  const [first, second, large, small] = [enter(100), enter(100), enter(100), enter(10)];
  expect([first, second, large, small].map((one) => one.started)).toEqual([true, true, false, false]);
  gate.leave(first);
  expect([large.started, small.started, gate.bytes, gate.waiting]).toEqual([true, true, 210, 0]);
});

test("what a message turns out not to need is given back at once", () => {
  const { gate, enter } = setUp();
  const [compressed, , waiting] = [enter(100), enter(100), enter(100)];
  gate.received(compressed, 30);
  expect([waiting.started, gate.bytes]).toEqual([true, 230]);
});

test("a call that does not arrive is refused when others wait, one that has arrived is not", async () => {
  const { clock, gate, enter } = setUp();
  const [arrived, stalled] = [enter(100), enter(100)];
  gate.received(arrived, 100);
  await clock.advance(5_000);
  expect(stalled.refusal).toBeUndefined();
  const waiting = enter(100);
  await clock.advance(200);
  expect([arrived.refusal, stalled.refusal, waiting.started]).toEqual([undefined, "overloaded", true]);
  await clock.advance(200);
  expect(clock.sleeping).toBe(0);
});

test("a call waits unread until its time is over, and draining refuses all who wait", async () => {
  const { clock, gate, enter } = setUp();
  for (const one of [enter(100), enter(100)]) gate.received(one, 100);
  const [short, long] = [enter(100, 1_000), enter(100, 60_000)];
  await clock.advance(1_000);
  expect([short.refusal, long.refusal]).toEqual(["overloaded", undefined]);
  gate.drain(new CollectorError("shutting_down", "stopping"));
  expect([long.refusal, gate.waiting]).toEqual(["shutting_down", 0]);
});

test("garbage is collected after so many bytes of compressed messages, when they have ended", () => {
  const { collected, gate, enter } = setUp();
  for (let round = 0; round < 6; round++) gate.leave(enter(100));
  expect(collected).toEqual([0, 0]);
});

test("a message that arrives after its call was refused changes nothing", () => {
  const { gate, enter } = setUp();
  const refused = enter(100);
  gate.leave(refused);
  gate.received(refused, 50);
  gate.leave(refused);
  expect(gate.bytes).toBe(0);
});

test("property: the bound holds, the order holds, and all is given back", async () => {
  const step = fc.oneof(
    fc.record({ bytes: fc.integer({ min: 1, max: 100 }), waitMs: fc.nat(5_000) }),
    fc.record({ leave: fc.nat(20) }),
    fc.record({ receive: fc.nat(20), part: fc.double({ min: 0, max: 1, noNaN: true }) }),
    fc.record({ advanceMs: fc.nat(2_000) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { clock, gate, enter } = setUp();
      let open: Incoming[] = [];
      const pick = (index: number, among: Incoming[]): Incoming | undefined => among[index % Math.max(1, among.length)];
      for (const one of steps) {
        if ("bytes" in one) open.push(enter(one.bytes, clock.monotonicMs() + one.waitMs));
        else if ("advanceMs" in one) await clock.advance(one.advanceMs);
        else if ("leave" in one) {
          const chosen = pick(one.leave, open);
          if (chosen === undefined) continue;
          gate.leave(chosen);
          open = open.filter((other) => other !== chosen);
        } else {
          const chosen = pick(
            one.receive,
            open.filter((other) => other.started),
          );
          if (chosen !== undefined) gate.received(chosen, Math.ceil(chosen.bytes * one.part));
        }
        open = open.filter((other) => other.refusal === undefined);
        const started = open.filter((other) => other.started);
        expect(gate.bytes).toBe(started.reduce((sum, other) => sum + other.bytes, 0));
        expect(gate.bytes).toBeLessThanOrEqual(LIMITS.receivingBytesMax);
        expect(open.slice(0, started.length)).toEqual(started);
      }
      for (const one of open) gate.leave(one);
      await clock.advance(10_000);
      expect([gate.bytes, gate.waiting, clock.sleeping]).toEqual([0, 0, 0]);
    }),
    { numRuns: 100 },
  );
});

test("a large call that waits unread is refused UNAVAILABLE with RetryInfo before its client's deadline", async () => {
  const admissionLimits = { ...ADMISSION_LIMITS_DEFAULT, deadlineMarginMs: 2_500 };
  await using run = await startIngest({ requestBytesMax: 300_000, receivingBytesMax: 300_000, admissionLimits });
  run.appender.pause();
  const written = run.client.export(logsRequest(40, 5_000));
  await until(() => run.appender.attempts === 1);
  const unread = await run.client.export(logsRequest(40, 5_000), { deadlineMs: 3_000 });
  expect(unread.code).toBe(status.UNAVAILABLE);
  expect(unread.retryDelayMs).toBeGreaterThan(0);
  expect(run.server.snapshot()).toMatchObject({ calls: 1, refusedOnReceipt: 1 });
  run.appender.resume();
  expect((await written).code).toBe(status.OK);
});
