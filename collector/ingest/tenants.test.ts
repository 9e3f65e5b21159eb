/** One tenant at its limits, and the others who do not notice. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import type { CollectorError } from "../errors.ts";
import { withFolder } from "../testing/temporary.ts";
import { VirtualClock } from "../testing/virtual-clock.ts";
import { ADMISSION_LIMITS_DEFAULT, type AdmissionLimits, type Caller } from "./admission.ts";
import { until } from "./fixture.ts";
import { type TenantLimits, Tenants, type TenantsOptions } from "./tenants.ts";

class Rig {
  readonly clock = new VirtualClock();
  readonly journal = {
    tail: 0n,
    status: () => ({ committedBytes: 1_000, writtenBytes: 500 }),
    listeners: new Set<() => void>(),
    onRoom: (listener: () => void) => {
      this.journal.listeners.add(listener);
      return () => this.journal.listeners.delete(listener);
    },
  };
  readonly tenants: Tenants;
  readonly written: string[] = [];
  head = 0n;

  constructor(limits: TenantLimits, room: Partial<AdmissionLimits> = {}, options: TenantsOptions = {}) {
    this.tenants = new Tenants(
      { limits, ...options },
      { ...ADMISSION_LIMITS_DEFAULT, ...room },
      this.journal,
      this.clock,
    );
  }

  caller(tenant: string, deadlineMs = Number.POSITIVE_INFINITY): Caller & { leave: () => void } {
    const listeners: (() => void)[] = [];
    return {
      tenant,
      deadlineAtMs: this.clock.nowMs() + deadlineMs,
      cancelled: false,
      onCancelled: (listener) => listeners.push(listener),
      leave: () => {
        for (const listener of listeners) listener();
      },
    };
  }

  /** Its code, or "ok" when it was written. */
  async send(tenant: string, bytes: number, { caller = this.caller(tenant), writes = Promise.resolve() } = {}) {
    const work = async (): Promise<bigint> => {
      await writes;
      this.written.push(tenant);
      return this.head++;
    };
    return await this.tenants.run({ bytes, records: 1 }, caller, work).then(
      () => "ok",
      (reason: { code?: string; name: string }) => reason.code ?? reason.name,
    );
  }

  /** Everything below `ordinal` was delivered. */
  deliver(ordinal: bigint): void {
    this.journal.tail = ordinal;
    for (const listener of this.journal.listeners) listener();
  }
}

test("who sends faster than its rate is held for as long as that takes, while others pass", async () => {
  const rig = new Rig({ bytesPerSecond: 1_000 });
  // Two seconds' worth, and one more that may go into debt.
  for (const bytes of [1_000, 999, 3_000]) expect(await rig.send("noisy", bytes)).toBe("ok");
  const held = rig.send("noisy", 10);
  expect(await rig.send("quiet", 1_000)).toBe("ok");
  await rig.clock.advance(2_990);
  expect([rig.tenants.heldCalls, rig.tenants.heldBytes]).toEqual([1, 10]);
  await rig.clock.advance(20);
  expect(await held).toBe("ok");
});

test("a call is refused shortly before its deadline, with the time after which it makes sense", async () => {
  const rig = new Rig({ bytesPerSecond: 1_000 });
  expect(await rig.send("noisy", 60_000)).toBe("ok");
  const held = rig.tenants.run({ bytes: 1, records: 1 }, rig.caller("noisy", 5_000), async () => 0n);
  held.catch(() => undefined);
  await rig.clock.advance(4_500);
  const refusal = await held.then(
    () => undefined,
    (reason: unknown) => reason as CollectorError,
  );
  expect(refusal?.code).toBe("tenant_over_limit");
  const retryAfterMs = refusal?.retryAfterMs ?? 0;
  // 58,000 bytes of debt, less what 4.5 s gave back.
  expect(retryAfterMs).toBeGreaterThan(53_000);
  expect(retryAfterMs).toBeLessThan(55_000);
  expect(rig.tenants.status()[0]).toMatchObject({ tenant: "noisy", refusedCalls: 1, heldCalls: 0 });
});

test("bytes being written are bounded for each tenant, in the order in which its calls came", async () => {
  const rig = new Rig({ inFlightBytesMax: 100 });
  const write = Promise.withResolvers<void>();
  const first = rig.send("noisy", 80, { writes: write.promise });
  const second = rig.send("noisy", 30);
  const third = rig.send("noisy", 10);
  expect(await rig.send("quiet", 100)).toBe("ok");
  expect(rig.tenants.heldCalls).toBe(2);
  write.resolve();
  expect(await Promise.all([first, second, third])).toEqual(["ok", "ok", "ok"]);
  expect(rig.written).toEqual(["quiet", "noisy", "noisy", "noisy"]);
});

test("a tenant's share of the journal is full until its logs are delivered; the others write on", async () => {
  // 1,000 bytes on disk are 2,000 of requests.
  const rig = new Rig({ journalBytesMax: 1_000 });
  for (let each = 0; each < 4; each++) expect(await rig.send("noisy", 500)).toBe("ok");
  const held = rig.send("noisy", 500);
  expect(await rig.send("quiet", 2_000)).toBe("ok");
  await rig.clock.advance(5_000);
  expect(rig.tenants.heldCalls).toBe(1);
  rig.deliver(1n);
  expect(await held).toBe("ok");
  expect(await rig.send("noisy", 500, { caller: rig.caller("noisy", 400) })).toBe("tenant_over_limit");
  rig.deliver(rig.head);
  expect(rig.tenants.status().map(({ journalBytes }) => journalBytes)).toEqual([0, 0]);
});

test("one tenant takes a quarter of the waiting room, and who leaves gives its place back", async () => {
  const rig = new Rig({ inFlightBytesMax: 10 }, { heldCallsMax: 8, heldBytesMax: 1_000 });
  const write = Promise.withResolvers<void>();
  const first = rig.send("noisy", 10, { writes: write.promise });
  const leaver = rig.caller("noisy");
  const held = [rig.send("noisy", 10, { caller: leaver }), rig.send("noisy", 10)];
  expect(await rig.send("noisy", 10)).toBe("tenant_over_limit");
  leaver.leave();
  held.push(rig.send("noisy", 10));
  write.resolve();
  expect(await Promise.all([first, ...held])).toEqual(["ok", "CallerGone", "ok", "ok"]);
  expect([rig.tenants.heldCalls, rig.tenants.heldBytes]).toEqual([0, 0]);
});

test("what failed to be written costs nothing of the rate", async () => {
  const rig = new Rig({ bytesPerSecond: 1_000 });
  for (let each = 0; each < 10; each++) {
    const failing = async (): Promise<bigint> => {
      throw new Error("no");
    };
    await expect(rig.tenants.run({ bytes: 2_000, records: 1 }, rig.caller("a"), failing)).rejects.toThrow("no");
  }
  expect(await rig.send("a", 2_000)).toBe("ok");
});

test("when it drains, who is held is refused and nobody is held any more", async () => {
  const rig = new Rig({ bytesPerSecond: 1_000 });
  expect(await rig.send("a", 10_000)).toBe("ok");
  const held = rig.send("a", 1);
  rig.tenants.drain();
  expect(await held).toBe("shutting_down");
  expect(await rig.send("a", 1)).toBe("shutting_down");
  expect(rig.journal.listeners.size).toBe(0);
});

test("over random traffic no tenant exceeds its rate by more than the burst and one request, and all that is asked for is answered", async () => {
  const request = fc.record({
    tenant: fc.constantFrom("a", "b", "c"),
    bytes: fc.integer({ min: 1, max: 3_000 }),
    afterMs: fc.integer({ min: 0, max: 700 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(request, { maxLength: 40 }), async (requests) => {
      const rig = new Rig({ bytesPerSecond: 1_000, inFlightBytesMax: 4_000 }, { holdMsMax: 10_000 });
      const startMs = rig.clock.monotonicMs();
      const answers: Promise<string>[] = [];
      for (const { tenant, bytes, afterMs } of requests) {
        await rig.clock.advance(afterMs);
        answers.push(rig.send(tenant, bytes));
        const seconds = (rig.clock.monotonicMs() - startMs) / 1_000;
        for (const { acknowledgedBytes } of rig.tenants.status()) {
          expect(acknowledgedBytes).toBeLessThanOrEqual(1_000 * (seconds + 2) + 3_000);
        }
      }
      await rig.clock.advance(200_000);
      for (const answer of await Promise.all(answers)) expect(["ok", "tenant_over_limit"]).toContain(answer);
      expect([rig.tenants.heldCalls, rig.tenants.heldBytes]).toEqual([0, 0]);
    }),
    { numRuns: 50 },
  );
});

test("a tenant with limits of its own is held to those, and the others to what is for all", async () => {
  const own = new Map([
    ["large", { bytesPerSecond: 5_000 }],
    ["free", {}],
  ]);
  const rig = new Rig({ bytesPerSecond: 1_000 }, { holdMsMax: 0 }, { own });
  const burst = async (tenant: string): Promise<number> => {
    let taken = 0;
    while (taken < 50 && (await rig.send(tenant, 1_000, { caller: rig.caller(tenant, 0) })) === "ok") taken++;
    return taken;
  };
  expect([await burst("small"), await burst("large"), await burst("free")]).toEqual([2, 10, 50]);
});

test("who has how much of the journal outlives a restart, and what was delivered meanwhile does not count", async () => {
  await withFolder(async (folder) => {
    const partsPath = join(folder, "tenants");
    const limits = { journalBytesMax: 1_000 };
    const first = new Rig(limits, { holdMsMax: 0 }, { partsPath });
    // Half of a byte each on disk.
    for (let count = 0; count < 15; count++) expect(await first.send("noisy", 100)).toBe("ok");
    expect(await first.send("quiet", 100)).toBe("ok");
    await first.clock.advance(5_000);
    expect(existsSync(partsPath)).toBe(true);
    expect(await first.send("noisy", 100)).toBe("ok");
    first.tenants.drain();
    await until(() => readFileSync(partsPath, "utf8").includes('"17"'));

    const second = new Rig(limits, { holdMsMax: 0 }, { partsPath });
    second.deliver(2n);
    const bytes = second.tenants.status().map(({ tenant, journalBytes }) => [tenant, journalBytes]);
    expect(bytes).toEqual([
      ["noisy", 700],
      ["quiet", 50],
    ]);
    second.head = 17n;
    for (let count = 0; count < 6; count++) expect(await second.send("noisy", 100)).toBe("ok");
    expect(await second.send("noisy", 100, { caller: second.caller("noisy", 0) })).toBe("tenant_over_limit");
    expect(await second.send("quiet", 100)).toBe("ok");
  });
});

test("a file of parts that is none, or that can't be written, costs the estimate and nothing else", async () => {
  await withFolder(async (folder) => {
    const partsPath = join(folder, "tenants");
    for (const text of ["", "nonsense", "[]", '{"noisy":[["x",1]]}', '{"noisy":[["1",-1]]}', '{"noisy":7}']) {
      writeFileSync(partsPath, text);
      const rig = new Rig({ journalBytesMax: 1_000 }, {}, { partsPath });
      expect(await rig.send("noisy", 100)).toBe("ok");
      expect(rig.tenants.status()).toMatchObject([{ tenant: "noisy", journalBytes: 50 }]);
      rig.tenants.drain();
    }
    const nowhere = new Rig({ journalBytesMax: 1_000 }, {}, { partsPath: join(folder, "no/such/folder") });
    expect(await nowhere.send("noisy", 100)).toBe("ok");
    await nowhere.clock.advance(5_000);
    expect(await nowhere.send("noisy", 100)).toBe("ok");
  });
});
