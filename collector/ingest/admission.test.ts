import { expect, test } from "bun:test";
import fc from "fast-check";
import { CollectorError } from "../errors.ts";
import { VirtualClock } from "../testing/virtual-clock.ts";
import { ADMISSION_LIMITS_DEFAULT, Admission, type AdmissionLimits, type Caller, CallerGone } from "./admission.ts";
import { FakeAppender } from "./fixture.ts";

const LIMITS: AdmissionLimits = {
  inFlightBytesMax: 100,
  heldCallsMax: 3,
  heldBytesMax: 150,
  deadlineMarginMs: 500,
  holdMsMax: 30_000,
  roomProbeMs: 1_000,
};

/** One call under test: its work is finished by hand. */
class Call implements Caller {
  readonly tenant = "default";
  readonly deadlineAtMs: number;
  cancelled = false;
  /** How often its work was begun. */
  begun = 0;
  /** "ok", the code it was refused with, or "gone". */
  outcome: string | undefined;
  /** Whether its work is under way. */
  running = false;
  readonly #listeners: (() => void)[] = [];
  #work = Promise.withResolvers<void>();

  constructor(admission: Admission, bytes: number, deadlineAtMs = Number.POSITIVE_INFINITY) {
    this.deadlineAtMs = deadlineAtMs;
    const done = admission.run(bytes, this, () => {
      this.begun++;
      this.running = true;
      this.#work = Promise.withResolvers();
      return this.#work.promise;
    });
    done.then(
      () => {
        this.outcome = "ok";
      },
      (reason: unknown) => {
        this.outcome = reason instanceof CallerGone ? "gone" : CollectorError.from(reason).code;
      },
    );
  }

  onCancelled(listener: () => void): void {
    this.#listeners.push(listener);
  }

  cancel(): void {
    this.cancelled = true;
    for (const listener of this.#listeners) listener();
  }

  finish(): void {
    this.running = false;
    this.#work.resolve();
  }

  fail(code: "journal_full" | "journal_io"): void {
    this.running = false;
    this.#work.reject(new CollectorError(code, "said the journal"));
  }
}

function setUp(limits: Partial<AdmissionLimits> = {}): {
  admission: Admission;
  room: FakeAppender;
  clock: VirtualClock;
} {
  const room = new FakeAppender();
  const clock = new VirtualClock();
  return { admission: new Admission(room, { ...LIMITS, ...limits }, clock), room, clock };
}

test("a call that does not fit in flight is held until another has finished", async () => {
  const { admission, clock } = setUp();
  const first = new Call(admission, 60);
  const second = new Call(admission, 60);
  await clock.advance(0);
  expect([first.begun, second.begun, admission.heldCalls, admission.heldBytes]).toEqual([1, 0, 1, 60]);
  first.finish();
  await clock.advance(0);
  expect([first.outcome, second.begun, admission.heldCalls, admission.inFlightBytes]).toEqual(["ok", 1, 0, 60]);
  second.finish();
  await clock.advance(0);
  expect([second.outcome, admission.inFlightBytes]).toEqual(["ok", 0]);
});

test("nobody overtakes: a small call waits behind a large one", async () => {
  const { admission, clock } = setUp();
  const first = new Call(admission, 60);
  const large = new Call(admission, 80);
  const small = new Call(admission, 10);
  await clock.advance(0);
  expect([first.begun, large.begun, small.begun]).toEqual([1, 0, 0]);
  first.finish();
  await clock.advance(0);
  expect([large.begun, small.begun]).toEqual([1, 1]);
});

test("a call is held until shortly before its deadline, then refused with what it waited for", async () => {
  const { admission, room, clock } = setUp();
  room.setRoom(false);
  const full = new Call(admission, 10, clock.nowMs() + 10_000);
  await clock.advance(9_499);
  expect(full.outcome).toBeUndefined();
  await clock.advance(1);
  expect([full.outcome, full.begun]).toEqual(["journal_full", 0]);

  room.setRoom(true);
  const busy = new Call(admission, 100);
  const waiting = new Call(admission, 10, clock.nowMs() + 10_000);
  await clock.advance(9_500);
  expect([busy.begun, waiting.outcome]).toEqual([1, "overloaded"]);
});

test("a call whose deadline is already near is not held, but written if there is room", async () => {
  const { admission, room, clock } = setUp();
  const lucky = new Call(admission, 10, clock.nowMs() + 100);
  room.setRoom(false);
  const late = new Call(admission, 10, clock.nowMs() + 100);
  await clock.advance(0);
  expect([lucky.begun, late.outcome]).toEqual([1, "journal_full"]);
});

test("a call without a deadline is held for holdMsMax, counted from its arrival", async () => {
  const { admission, room, clock } = setUp();
  const call = new Call(admission, 10);
  await clock.advance(20_000);
  room.setRoom(false);
  call.fail("journal_full");
  await clock.advance(9_999);
  expect([call.outcome, admission.heldCalls]).toEqual([undefined, 1]);
  await clock.advance(1);
  expect(call.outcome).toBe("journal_full");
});

test("the waiting room is bounded in calls and in bytes", async () => {
  const { admission, room, clock } = setUp();
  room.setRoom(false);
  const held = [new Call(admission, 10), new Call(admission, 10), new Call(admission, 10)];
  const fourth = new Call(admission, 10);
  await clock.advance(0);
  expect([...held.map((call) => call.outcome), fourth.outcome]).toEqual([
    undefined,
    undefined,
    undefined,
    "journal_full",
  ]);

  const other = setUp();
  other.room.setRoom(false);
  const heavy = new Call(other.admission, 100);
  const tooHeavy = new Call(other.admission, 60);
  const light = new Call(other.admission, 50);
  await other.clock.advance(0);
  expect([heavy.outcome, tooHeavy.outcome, light.outcome]).toEqual([undefined, "journal_full", undefined]);
});

test("when the journal is full at the append, the call is held in its old place and written when room is told", async () => {
  const { admission, room, clock } = setUp();
  const first = new Call(admission, 100);
  const second = new Call(admission, 100);
  await clock.advance(0);
  first.fail("journal_full");
  await clock.advance(500);
  expect([first.begun, second.begun, admission.heldCalls, admission.inFlightBytes]).toEqual([1, 0, 2, 0]);
  room.tellRoom();
  await clock.advance(0);
  expect([first.begun, second.begun]).toEqual([2, 0]);
  first.finish();
  await clock.advance(0);
  second.finish();
  await clock.advance(0);
  expect([first.outcome, second.outcome]).toEqual(["ok", "ok"]);
});

test("a call that comes back from the journal is held even when the waiting room is full", async () => {
  const { admission, clock } = setUp({ heldCallsMax: 1, heldBytesMax: 100 });
  const first = new Call(admission, 100);
  const second = new Call(admission, 100);
  await clock.advance(0);
  first.fail("journal_full");
  await clock.advance(0);
  expect([first.outcome, second.outcome, admission.heldCalls, admission.heldBytes]).toEqual([
    undefined,
    undefined,
    2,
    200,
  ]);
});

test("room that nobody told of is found by asking again", async () => {
  const { admission, clock } = setUp();
  const call = new Call(admission, 10);
  await clock.advance(0);
  call.fail("journal_full");
  await clock.advance(999);
  expect(call.begun).toBe(1);
  await clock.advance(1);
  expect(call.begun).toBe(2);
});

test("a client that leaves takes its call out of the queue, and those behind it move up", async () => {
  const { admission, clock } = setUp();
  const first = new Call(admission, 60);
  const large = new Call(admission, 90);
  const small = new Call(admission, 40);
  await clock.advance(0);
  large.cancel();
  await clock.advance(0);
  expect([first.begun, large.outcome, large.begun, small.begun]).toEqual([1, "gone", 0, 1]);
});

test("any other failure of the journal goes to its caller, and its room is given back", async () => {
  const { admission, clock } = setUp();
  const call = new Call(admission, 100);
  await clock.advance(0);
  call.fail("journal_io");
  await clock.advance(0);
  expect([call.outcome, admission.inFlightBytes]).toEqual(["journal_io", 0]);
});

test("a request that could never be in flight is refused for good", async () => {
  const { admission, clock } = setUp();
  const call = new Call(admission, 101);
  await clock.advance(0);
  expect(call.outcome).toBe("request_too_large");
});

test("draining refuses the held, holds nobody more, still takes who fits, and stops listening to the journal", async () => {
  const { admission, room, clock } = setUp();
  const first = new Call(admission, 60);
  const held = new Call(admission, 60);
  await clock.advance(0);
  admission.drain();
  const fits = new Call(admission, 40);
  const unfit = new Call(admission, 40);
  await clock.advance(0);
  expect([held.outcome, fits.begun, unfit.outcome]).toEqual(["shutting_down", 1, "shutting_down"]);
  first.fail("journal_full");
  await clock.advance(0);
  expect([first.outcome, room.listeners, clock.sleeping, admission.acceptsWrites()]).toEqual([
    "shutting_down",
    0,
    0,
    false,
  ]);
});

test("no timer is left when nobody is held", async () => {
  const { admission, clock } = setUp();
  const calls = [new Call(admission, 100), new Call(admission, 100)];
  await clock.advance(10);
  for (const call of calls) {
    call.finish();
    await clock.advance(0);
  }
  await clock.advance(ADMISSION_LIMITS_DEFAULT.roomProbeMs);
  expect(clock.sleeping).toBe(0);
});

/** What may happen, one step after another. `pick` chooses among the calls that the step can be done to. */
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("arrive"),
      bytes: fc.integer({ min: 1, max: 100 }),
      deadlineMs: fc.option(fc.integer({ min: 0, max: 20_000 }), { nil: undefined }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom("finish", "full", "cancel"), pick: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("room"), hasRoom: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("wait"), ms: fc.integer({ min: 0, max: 5_000 }) }) },
);

test("property: in flight and held stay bounded, nobody overtakes, and nobody waits for ever", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { admission, room, clock } = setUp();
      const calls: Call[] = [];
      const open = (): Call[] => calls.filter((call) => call.outcome === undefined);
      const check = (): void => {
        expect(admission.inFlightBytes).toBeLessThanOrEqual(LIMITS.inFlightBytesMax);
        expect(admission.inFlightBytes + admission.heldBytes).toBeLessThanOrEqual(
          LIMITS.inFlightBytesMax + LIMITS.heldBytesMax,
        );
        const firstWaiting = open().findIndex((call) => call.begun === 0);
        if (firstWaiting >= 0)
          expect(
            open()
              .slice(firstWaiting)
              .every((call) => call.begun === 0),
          ).toBe(true);
      };
      for (const one of steps) {
        if ("bytes" in one) {
          const deadlineAtMs = one.deadlineMs === undefined ? undefined : clock.nowMs() + one.deadlineMs;
          calls.push(new Call(admission, one.bytes, deadlineAtMs));
        } else if ("hasRoom" in one) room.setRoom(one.hasRoom);
        else if ("ms" in one) await clock.advance(one.ms);
        else {
          const candidates = one.kind === "cancel" ? open() : open().filter((call) => call.running);
          const chosen = candidates[one.pick % Math.max(1, candidates.length)];
          if (one.kind === "cancel") chosen?.cancel();
          else if (one.kind === "full") chosen?.fail("journal_full");
          else chosen?.finish();
        }
        await clock.advance(0);
        check();
      }
      // Whatever happened: once the journal works, all are answered, and nothing is left behind.
      room.setRoom(true);
      for (let round = 0; round < 100 && open().length > 0; round++) {
        for (const call of open()) if (call.running) call.finish();
        await clock.advance(LIMITS.roomProbeMs);
      }
      expect(open()).toEqual([]);
      expect([admission.inFlightBytes, admission.heldCalls, admission.heldBytes]).toEqual([0, 0, 0]);
    }),
    { numRuns: 100 },
  );
});
