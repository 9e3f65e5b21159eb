import { expect, test } from "bun:test";
import { silentLog } from "../../log.ts";
import { VirtualClock } from "../../testing/virtual-clock.ts";
import { DELIVERY_LIMITS_DEFAULT } from "../delivery-limits.ts";
import type { Verdict } from "./outcome.ts";
import { Trouble } from "./trouble.ts";

const FAILED: Verdict = { kind: "passing", code: "InternalFailure", message: "Internal failure." };

function troubleOf(): Trouble {
  return new Trouble({
    clock: new VirtualClock(),
    random: () => 0.5,
    log: silentLog,
    limits: DELIVERY_LIMITS_DEFAULT,
  });
}

/** One call, of which something was taken or nothing. */
function call(trouble: Trouble, isTaken: boolean): void {
  const ticket = trouble.open();
  trouble.close(ticket);
  if (isTaken) trouble.recover(ticket);
  else trouble.falter(ticket, FAILED);
}

test("records that fail by bad luck, among others that do not, slow nothing down", () => {
  const trouble = troubleOf();
  for (let round = 0; round < 100; round++) {
    for (let failures = 0; failures < 7; failures++) call(trouble, false);
    expect(trouble.kind).toBeUndefined();
    expect(trouble.pauseMs).toBe(0);
    call(trouble, true);
  }
});

test("when nothing is taken in many answers in a row, it backs off, and each failure from then on counts", () => {
  const trouble = troubleOf();
  for (let failures = 0; failures < 8; failures++) call(trouble, false);
  expect(trouble.kind).toBe("backing_off");
  const { pauseMs } = trouble;
  expect(pauseMs).toBeGreaterThan(0);
  call(trouble, false);
  expect(trouble.pauseMs).toBeGreaterThan(pauseMs);
  call(trouble, true);
  expect(trouble.kind).toBeUndefined();
});
