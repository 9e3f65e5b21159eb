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
 * **The share of the journal is an estimate.** A commit holds requests of many tenants, compressed together, and says
 * nothing of them. So it is kept here, in memory: how many bytes a tenant has appended up to which ordinal, times what
 * the journal makes of a byte on average; it counts until the journal has given that ordinal's segment back. What is
 * summed up is as coarse as a 256th of the journal. After a restart what lies in the journal is nobody's, so a tenant
 * at its limit may take that share once more; what it took before is still on its way out.
 */
import type { Clock } from "../clock.ts";
import { CollectorError } from "../errors.ts";
import { type AdmissionLimits, type Caller, CallerGone, holdMsFor, shuttingDown } from "./admission.ts";

export interface TenantLimits {
  /** @default no limit */
  readonly bytesPerSecond?: number | undefined;
  /** @default no limit */
  readonly inFlightBytesMax?: number | undefined;
  /** Bytes on disk of its undelivered logs. @default no limit */
  readonly journalBytesMax?: number | undefined;
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

/** In how many pieces the share of the journal is kept. */
const PIECES = 256;

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
  readonly held: Held[];
  heldBytes: number;
  inFlightBytes: number;
  /** What it may send now; below nothing after a request larger than that. */
  allowance: number;
  allowanceAtMs: number;
  /** Bytes on disk, by the ordinal below which they lie. */
  readonly pieces: { end: bigint; bytes: number }[];
  journalBytes: number;
  acknowledgedBytes: number;
  refusedCalls: number;
  isTimed: boolean;
}

export class Tenants {
  readonly #limits: TenantLimits;
  readonly #room: AdmissionLimits;
  readonly #journal: TenantJournal;
  readonly #clock: Clock;
  readonly #tenants = new Map<string, Tenant>();
  readonly #drained = new AbortController();
  readonly #stopListening: () => void;
  #heldBytes = 0;
  #heldCalls = 0;

  /** `room` bounds those that wait here, beside those that wait in admission. */
  constructor(limits: TenantLimits, room: AdmissionLimits, journal: TenantJournal, clock: Clock) {
    this.#limits = limits;
    this.#room = room;
    this.#journal = journal;
    this.#clock = clock;
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
        this.#forgetDelivered(tenant);
        const { acknowledgedBytes, inFlightBytes, held, refusedCalls, journalBytes } = tenant;
        return { tenant: name, acknowledgedBytes, inFlightBytes, heldCalls: held.length, refusedCalls, journalBytes };
      })
      .sort((a, b) => b.journalBytes - a.journalBytes || b.acknowledgedBytes - a.acknowledgedBytes)
      .slice(0, SHOWN_MAX);
  }

  #tenantOf(name: string): Tenant {
    const known = this.#tenants.get(name);
    if (known !== undefined) return known;
    if (this.#tenants.size >= TENANTS_MAX) this.#forgetIdle();
    const tenant: Tenant = {
      held: [],
      heldBytes: 0,
      inFlightBytes: 0,
      allowance: (this.#limits.bytesPerSecond ?? 0) * BURST_SECONDS,
      allowanceAtMs: this.#clock.monotonicMs(),
      pieces: [],
      journalBytes: 0,
      acknowledgedBytes: 0,
      refusedCalls: 0,
      isTimed: false,
    };
    this.#tenants.set(name, tenant);
    return tenant;
  }

  #forgetIdle(): void {
    for (const [name, tenant] of this.#tenants) {
      this.#forgetDelivered(tenant);
      const isIdle = tenant.inFlightBytes === 0 && tenant.held.length === 0 && tenant.pieces.length === 0;
      // One that has spent its rate must not get a new one by being forgotten.
      if (isIdle && this.#allowance(tenant) >= (this.#limits.bytesPerSecond ?? 0)) this.#tenants.delete(name);
    }
  }

  /** Why the tenant must wait now, in words; undefined where it need not. */
  #waitReason(tenant: Tenant, bytes: number): string | undefined {
    const { bytesPerSecond, inFlightBytesMax, journalBytesMax } = this.#limits;
    if (bytesPerSecond !== undefined && this.#allowance(tenant) <= 0) {
      return `more than ${bytesPerSecond} bytes per second`;
    }
    if (inFlightBytesMax !== undefined && tenant.inFlightBytes + bytes > inFlightBytesMax) {
      return `more than ${inFlightBytesMax} bytes being written at once`;
    }
    if (journalBytesMax === undefined) return undefined;
    this.#forgetDelivered(tenant);
    const coming = (tenant.inFlightBytes + bytes) * this.#bytesPerByte;
    if (tenant.journalBytes + coming <= journalBytesMax) return undefined;
    return `more than ${journalBytesMax} bytes of logs that are not delivered yet`;
  }

  /** What the journal makes of a byte. */
  get #bytesPerByte(): number {
    const { committedBytes, writtenBytes } = this.#journal.status();
    return committedBytes === 0 ? 1 : writtenBytes / committedBytes;
  }

  #allowance(tenant: Tenant): number {
    const { bytesPerSecond = 0 } = this.#limits;
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
    const { bytesPerSecond } = this.#limits;
    if (bytesPerSecond === undefined || tenant.isTimed || this.#allowance(tenant) > 0) return;
    tenant.isTimed = true;
    await this.#clock.sleep(this.#rateWaitMs(tenant), this.#drained.signal);
    tenant.isTimed = false;
    if (!this.#drained.signal.aborted) this.#admitHeld(tenant);
  }

  #rateWaitMs(tenant: Tenant): number {
    const { bytesPerSecond } = this.#limits;
    if (bytesPerSecond === undefined) return 0;
    return Math.ceil((Math.max(0, -this.#allowance(tenant)) / bytesPerSecond) * 1_000) + 1;
  }

  #refusal(tenant: Tenant, bytes: number, name: string): CollectorError {
    tenant.refusedCalls++;
    const why = this.#waitReason(tenant, bytes) ?? "more than its part of the calls that wait";
    const words = `tenant ${name} has ${why}; send it again later, or slower`;
    // Behind all that it has waiting already.
    const behindMs =
      ((this.#limits.bytesPerSecond ?? 0) > 0 ? tenant.heldBytes / (this.#limits.bytesPerSecond ?? 1) : 0) * 1_000;
    const retryAfterMs = Math.max(1_000, this.#rateWaitMs(tenant) + behindMs);
    return new CollectorError("tenant_over_limit", words, { retryAfterMs });
  }

  #note(tenant: Tenant, end: bigint, bytes: number): void {
    const { journalBytesMax } = this.#limits;
    if (journalBytesMax === undefined) return;
    const onDisk = bytes * this.#bytesPerByte;
    tenant.journalBytes += onDisk;
    const last = tenant.pieces.at(-1);
    if (last !== undefined && last.bytes + onDisk <= journalBytesMax / PIECES) {
      last.bytes += onDisk;
      if (end > last.end) last.end = end;
    } else tenant.pieces.push({ end, bytes: onDisk });
  }

  #forgetDelivered(tenant: Tenant): void {
    const { tail } = this.#journal;
    for (let first = tenant.pieces[0]; first !== undefined && first.end <= tail; first = tenant.pieces[0]) {
      tenant.pieces.shift();
      tenant.journalBytes -= first.bytes;
    }
    if (tenant.pieces.length === 0) tenant.journalBytes = 0;
  }
}
