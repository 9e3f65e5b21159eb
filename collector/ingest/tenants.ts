/**
 * What one tenant may take of what all share, so that a noisy one can't spend everybody's disk, memory or time: bytes per
 * second, bytes being written at once, and a share of the journal. Comes before admission.ts, which divides nothing.
 *
 *   arrived ──within its limits, none of its own waits──> admission ──> written
 *      └──> held, in the tenant's own order ──> admission, when there is room for it
 *                │
 *                └──> refused: RESOURCE_EXHAUSTED with RetryInfo (deadline near, or too much of it is held)
 *
 * Nobody waits for another tenant here: each has a line of its own, and a part of the waiting room at most. Streams wait
 * for as long as it takes, and bound their bytes themselves (stream-windows.ts).
 *
 * The share of the journal is an estimate that outlives a restart: tenant-parts.ts.
 */
import type { Clock } from "../clock.ts";
import { CollectorError } from "../errors.ts";
import { type AdmissionLimits, type Caller, CallerGone, holdMsFor, shuttingDown } from "./admission.ts";
import { JournalPart, readParts, writeParts } from "./tenant-parts.ts";

export interface TenantLimits {
  /** @default no limit */
  readonly bytesPerSecond?: number | undefined;
  /** @default no limit */
  readonly inFlightBytesMax?: number | undefined;
  /** Bytes on disk of its undelivered logs. @default no limit */
  readonly journalBytesMax?: number | undefined;
}

export interface TenantsOptions {
  /** Of each tenant that has none of its own. @default no limit */
  readonly limits?: TenantLimits;
  /** Of single tenants, whole. */
  readonly own?: ReadonlyMap<string, TenantLimits>;
  /** The file in which it outlives a restart who has how much of the journal. @default it does not */
  readonly partsPath?: string | undefined;
}

/** What is asked of the journal. */
export interface TenantJournal {
  /** The oldest ordinal that takes room on disk. */
  readonly tail: bigint;
  /** In this run: bytes of requests, and what they took on disk. */
  status(): { readonly committedBytes: number; readonly writtenBytes: number };
  onRoom(listener: () => void): () => void;
}

/** One tenant, for status. */
export interface TenantStatus {
  readonly tenant: string;
  readonly acknowledgedBytes: number;
  readonly inFlightBytes: number;
  readonly heldCalls: number;
  readonly refusedCalls: number;
  /** Bytes on disk that are not delivered yet; an estimate. */
  readonly journalBytes: number;
}

/** How many seconds' worth of bytes a tenant that was silent may send at once. */
const BURST_SECONDS = 2;

/** A part of the waiting room that one tenant may take. */
const HELD_PART = 1 / 4;

/** How often it is written down who has how much of the journal, while that changes. */
const SAVE_MS = 5_000;

/** Tenants that are remembered; those that hold nothing are forgotten beyond it. */
const TENANTS_MAX = 4_096;

/** How many are shown. */
const SHOWN_MAX = 100;

interface Held {
  readonly bytes: number;
  readonly admit: () => void;
  readonly refuse: (reason: Error) => void;
}

interface Tenant {
  readonly limits: TenantLimits;
  readonly held: Held[];
  heldBytes: number;
  inFlightBytes: number;
  /** What it may send now; below nothing after a request larger than that. */
  allowance: number;
  allowanceAtMs: number;
  readonly part: JournalPart;
  acknowledgedBytes: number;
  refusedCalls: number;
  isTimed: boolean;
}

export class Tenants {
  readonly #options: TenantsOptions;
  readonly #room: AdmissionLimits;
  readonly #journal: TenantJournal;
  readonly #clock: Clock;
  readonly #tenants = new Map<string, Tenant>();
  readonly #drained = new AbortController();
  readonly #stopListening: () => void;
  #heldBytes = 0;
  #heldCalls = 0;
  #isSaving = false;

  /** `room` bounds those that wait here, beside those that wait in admission. */
  constructor(options: TenantsOptions, room: AdmissionLimits, journal: TenantJournal, clock: Clock) {
    this.#options = options;
    this.#room = room;
    this.#journal = journal;
    this.#clock = clock;
    if (options.partsPath !== undefined) {
      for (const [name, part] of readParts(options.partsPath)) this.#tenants.set(name, this.#newTenant(name, part));
    }
    this.#stopListening = journal.onRoom(() => {
      for (const tenant of this.#tenants.values()) this.#admitHeld(tenant);
    });
  }

  /**
   * Does `work`, which appends `bytes` holding `records` log records and resolves with the first one's ordinal, when the
   * tenant is within its limits. Rejects with `tenant_over_limit`, `shutting_down`, `CallerGone`, or what `work` threw.
   */
  async run(request: { bytes: number; records: number }, caller: Caller, work: () => Promise<bigint>): Promise<bigint> {
    const { bytes, records } = request;
    const tenant = this.#tenantOf(caller.tenant);
    if (tenant.held.length === 0 && this.#waitReason(tenant, bytes) === undefined) this.#take(tenant, bytes);
    else await this.#hold(tenant, bytes, caller);
    try {
      const first = await work();
      tenant.acknowledgedBytes += bytes;
      this.#note(tenant, first + BigInt(records), bytes);
      return first;
    } catch (reason) {
      // What was not written is not counted against its rate.
      tenant.allowance += bytes;
      throw reason;
    } finally {
      tenant.inFlightBytes -= bytes;
      this.#admitHeld(tenant);
    }
  }

  /** From now on nobody is held. */
  drain(): void {
    if (this.#drained.signal.aborted) return;
    this.#drained.abort();
    this.#stopListening();
    for (const { held } of this.#tenants.values()) for (const each of [...held]) each.refuse(shuttingDown());
  }

  get heldCalls(): number {
    return this.#heldCalls;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Those that take most of the journal first. */
  status(): TenantStatus[] {
    return [...this.#tenants]
      .map(([name, tenant]) => {
        tenant.part.forget(this.#journal.tail);
        const { acknowledgedBytes, inFlightBytes, held, refusedCalls, part } = tenant;
        const heldCalls = held.length;
        return { tenant: name, acknowledgedBytes, inFlightBytes, heldCalls, refusedCalls, journalBytes: part.bytes };
      })
      .sort((a, b) => b.journalBytes - a.journalBytes || b.acknowledgedBytes - a.acknowledgedBytes)
      .slice(0, SHOWN_MAX);
  }

  #tenantOf(name: string): Tenant {
    const known = this.#tenants.get(name);
    if (known !== undefined) return known;
    if (this.#tenants.size >= TENANTS_MAX) this.#forgetIdle();
    const tenant = this.#newTenant(name, new JournalPart());
    this.#tenants.set(name, tenant);
    return tenant;
  }

  #newTenant(name: string, part: JournalPart): Tenant {
    const limits = this.#options.own?.get(name) ?? this.#options.limits ?? {};
    return {
      limits,
      part,
      held: [],
      heldBytes: 0,
      inFlightBytes: 0,
      allowance: (limits.bytesPerSecond ?? 0) * BURST_SECONDS,
      allowanceAtMs: this.#clock.monotonicMs(),
      acknowledgedBytes: 0,
      refusedCalls: 0,
      isTimed: false,
    };
  }

  #forgetIdle(): void {
    for (const [name, tenant] of this.#tenants) {
      tenant.part.forget(this.#journal.tail);
      const isIdle = tenant.inFlightBytes === 0 && tenant.held.length === 0 && tenant.part.isEmpty;
      // One that has spent its rate must not get a new one by being forgotten.
      if (isIdle && this.#allowance(tenant) >= (tenant.limits.bytesPerSecond ?? 0)) this.#tenants.delete(name);
    }
  }

  /** Why the tenant must wait now, in words; undefined where it need not. */
  #waitReason(tenant: Tenant, bytes: number): string | undefined {
    const { bytesPerSecond, inFlightBytesMax, journalBytesMax } = tenant.limits;
    if (bytesPerSecond !== undefined && this.#allowance(tenant) <= 0) {
      return `more than ${bytesPerSecond} bytes per second`;
    }
    if (inFlightBytesMax !== undefined && tenant.inFlightBytes + bytes > inFlightBytesMax) {
      return `more than ${inFlightBytesMax} bytes being written at once`;
    }
    if (journalBytesMax === undefined) return undefined;
    tenant.part.forget(this.#journal.tail);
    const coming = (tenant.inFlightBytes + bytes) * this.#bytesPerByte;
    if (tenant.part.bytes + coming <= journalBytesMax) return undefined;
    return `more than ${journalBytesMax} bytes of logs that are not delivered yet`;
  }

  /** What the journal makes of a byte. */
  get #bytesPerByte(): number {
    const { committedBytes, writtenBytes } = this.#journal.status();
    return committedBytes === 0 ? 1 : writtenBytes / committedBytes;
  }

  #allowance(tenant: Tenant): number {
    const { bytesPerSecond = 0 } = tenant.limits;
    const nowMs = this.#clock.monotonicMs();
    const grown = tenant.allowance + ((nowMs - tenant.allowanceAtMs) / 1_000) * bytesPerSecond;
    tenant.allowance = Math.min(grown, bytesPerSecond * BURST_SECONDS);
    tenant.allowanceAtMs = nowMs;
    return tenant.allowance;
  }

  #take(tenant: Tenant, bytes: number): void {
    tenant.inFlightBytes += bytes;
    tenant.allowance -= bytes;
  }

  #hold(tenant: Tenant, bytes: number, caller: Caller): Promise<void> {
    if (this.#drained.signal.aborted) return Promise.reject(shuttingDown());
    if (caller.cancelled) return Promise.reject(new CallerGone("the client left before its call was held"));
    const { heldCallsMax, heldBytesMax } = this.#room;
    const isPatient = caller.isPatient === true;
    const holdMs = isPatient ? 1 : holdMsFor(caller.deadlineAtMs, this.#clock.nowMs(), this.#room);
    const isFull = this.#heldCalls >= heldCallsMax || this.#heldBytes + bytes > heldBytesMax;
    const isItsPartFull =
      tenant.held.length > 0 &&
      (tenant.held.length >= heldCallsMax * HELD_PART || tenant.heldBytes + bytes > heldBytesMax * HELD_PART);
    if (holdMs <= 0 || (!isPatient && (isFull || isItsPartFull)))
      return Promise.reject(this.#refusal(tenant, bytes, caller.tenant));
    return new Promise((resolve, reject) => {
      const settled = new AbortController();
      const leave = (): boolean => {
        const place = tenant.held.indexOf(held);
        if (place < 0) return false;
        tenant.held.splice(place, 1);
        tenant.heldBytes -= bytes;
        this.#heldBytes -= bytes;
        this.#heldCalls--;
        settled.abort();
        return true;
      };
      const held: Held = {
        bytes,
        admit: () => {
          if (!leave()) return;
          this.#take(tenant, bytes);
          resolve();
        },
        refuse: (reason) => {
          if (!leave()) return;
          reject(reason);
          this.#admitHeld(tenant);
        },
      };
      tenant.held.push(held);
      tenant.heldBytes += bytes;
      this.#heldBytes += bytes;
      this.#heldCalls++;
      caller.onCancelled(() => held.refuse(new CallerGone("the client left while its call was held")));
      if (isPatient) {
        this.#admitHeld(tenant);
        return;
      }
      void this.#clock
        .sleep(holdMs, settled.signal)
        .then(() => held.refuse(this.#refusal(tenant, bytes, caller.tenant)));
      this.#admitHeld(tenant);
    });
  }

  #admitHeld(tenant: Tenant): void {
    for (let first = tenant.held[0]; first !== undefined; first = tenant.held[0]) {
      if (this.#waitReason(tenant, first.bytes) !== undefined) {
        void this.#wakeByRate(tenant);
        return;
      }
      first.admit();
    }
  }

  /** Only time gives a tenant its rate back: nothing else tells. */
  async #wakeByRate(tenant: Tenant): Promise<void> {
    const { bytesPerSecond } = tenant.limits;
    if (bytesPerSecond === undefined || tenant.isTimed || this.#allowance(tenant) > 0) return;
    tenant.isTimed = true;
    await this.#clock.sleep(this.#rateWaitMs(tenant), this.#drained.signal);
    tenant.isTimed = false;
    if (!this.#drained.signal.aborted) this.#admitHeld(tenant);
  }

  #rateWaitMs(tenant: Tenant): number {
    const { bytesPerSecond } = tenant.limits;
    if (bytesPerSecond === undefined) return 0;
    return Math.ceil((Math.max(0, -this.#allowance(tenant)) / bytesPerSecond) * 1_000) + 1;
  }

  #refusal(tenant: Tenant, bytes: number, name: string): CollectorError {
    tenant.refusedCalls++;
    const why = this.#waitReason(tenant, bytes) ?? "more than its part of the calls that wait";
    const words = `tenant ${name} has ${why}; send it again later, or slower`;
    // Behind all that it has waiting already.
    const { bytesPerSecond } = tenant.limits;
    const behindMs = bytesPerSecond === undefined ? 0 : (tenant.heldBytes / bytesPerSecond) * 1_000;
    const retryAfterMs = Math.max(1_000, this.#rateWaitMs(tenant) + behindMs);
    return new CollectorError("tenant_over_limit", words, { retryAfterMs });
  }

  #note(tenant: Tenant, end: bigint, bytes: number): void {
    const { journalBytesMax } = tenant.limits;
    if (journalBytesMax === undefined) return;
    tenant.part.add(end, bytes * this.#bytesPerByte, journalBytesMax);
    void this.#saveSoon();
  }

  async #saveSoon(): Promise<void> {
    if (this.#isSaving || this.#options.partsPath === undefined) return;
    this.#isSaving = true;
    await this.#clock.sleep(SAVE_MS, this.#drained.signal);
    this.#isSaving = false;
    this.#save();
  }

  #save(): void {
    const { partsPath } = this.#options;
    if (partsPath === undefined) return;
    for (const { part } of this.#tenants.values()) part.forget(this.#journal.tail);
    writeParts(partsPath, new Map([...this.#tenants].map(([name, { part }]) => [name, part])));
  }
}
