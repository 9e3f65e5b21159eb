/**
 * Brings batches to replicas: takes one from the outbox whenever a replica has room for it, to the one that has the fewest.
 *
 * The addresses behind each name are asked for again when the last answer is half a minute old, and when a connection has
 * gone: new replicas are used at once, those that are gone finish what they have. A batch that was not answered goes back
 * to the outbox, and from there to whichever replica has room first. There is no limit on how often.
 *
 * Nothing here ticks: it moves when something happens, so that a process with nothing to send can end.
 */
import type { ClientClock } from "../clock.ts";
import type { Answer, Batch, BatchSource } from "./batch.ts";
import { type Endpoint, nameOf, type Resolve, resolveAll } from "./endpoint.ts";
import { Replica, type ReplicaOptions, type Transport } from "./replica.ts";

export interface CourierOptions extends ReplicaOptions {
  readonly endpoints: readonly Endpoint[];
  readonly resolve: Resolve;
  /** More addresses than this are not all used: some, by chance, are. */
  readonly replicasMax: number;
}

export interface CourierEvents {
  onConnected(replica: string, transport: Transport): void;
  onDisconnected(replica: string, reason: string | undefined): void;
  onUnresolved(reason: string): void;
}

export interface ReplicaStatus {
  /** `ip:port`. */
  readonly address: string;
  readonly state: "idle" | "connecting" | "ready" | "resting";
  /** How it is spoken to; undefined while it is not connected. */
  readonly transport: Transport | undefined;
  readonly batchesInFlight: number;
}

const RESOLVE_EVERY_MS = 30_000;
/** A name is not asked for more often, whatever happens. */
const RESOLVE_AGAIN_MS = 1_000;

export class Courier {
  readonly #options: CourierOptions;
  readonly #clock: ClientClock;
  readonly #source: BatchSource;
  readonly #events: CourierEvents;
  readonly #replicas = new Map<string, Replica>();
  /** Those that are no longer among the addresses, until they have finished. */
  readonly #leaving = new Set<Replica>();
  #turn = 0;
  #resolvedAtMs = Number.NEGATIVE_INFINITY;
  #isResolving = false;
  #isStale = true;
  #alarm: AbortController | undefined;
  #alarmAtMs = Number.POSITIVE_INFINITY;
  #isClosed = false;
  #inFlight = 0;
  #retries = 0;

  constructor(options: CourierOptions, source: BatchSource, events: CourierEvents) {
    this.#options = options;
    this.#clock = options.clock;
    this.#source = source;
    this.#events = events;
  }

  get batchesInFlight(): number {
    return this.#inFlight;
  }

  /** Batches that were sent and came back without an answer. */
  get retries(): number {
    return this.#retries;
  }

  replicas(): ReplicaStatus[] {
    return [...this.#replicas.values()].map(({ name: address, state, transport, batchesInFlight }) => ({
      address,
      state,
      transport,
      batchesInFlight,
    }));
  }

  /** Sends what can be sent now. Called whenever something may have changed. */
  pump(): void {
    if (this.#isClosed) return;
    for (let bytes = this.#source.nextBytes(); bytes !== undefined; bytes = this.#source.nextBytes()) {
      this.#resolveWhenDue();
      const replica = this.#pick(bytes);
      if (replica === undefined) {
        this.#seek();
        return;
      }
      const batch = this.#source.take();
      if (batch === undefined) return;
      this.#inFlight++;
      replica.send(batch);
    }
  }

  /** Gives back what is under way, and ends. */
  close(): void {
    this.#isClosed = true;
    this.#alarm?.abort();
    for (const replica of [...this.#replicas.values(), ...this.#leaving]) replica.cut();
  }

  /** The one with the fewest batches under way, in turn where several have: a slow one gets less by itself. */
  #pick(bytes: number): Replica | undefined {
    const replicas = [...this.#replicas.values()];
    const first = this.#turn++;
    let best: Replica | undefined;
    for (let count = 0; count < replicas.length; count++) {
      const replica = replicas[(first + count) % replicas.length] as Replica;
      // Also while others have room: or one that came back would never be used again.
      replica.connect();
      if (!replica.hasRoomFor(bytes)) continue;
      if (best === undefined || replica.batchesInFlight < best.batchesInFlight) best = replica;
    }
    return best;
  }

  /** Nobody has room: connects whoever may be connected, and comes back when the first rest is over. */
  #seek(): void {
    let restMs = Number.POSITIVE_INFINITY;
    for (const replica of this.#replicas.values()) {
      if (replica.restMs > 0) restMs = Math.min(restMs, replica.restMs);
    }
    // While names are being resolved, their answer is what comes next.
    if (this.#replicas.size === 0 && !this.#isResolving) restMs = RESOLVE_AGAIN_MS;
    if (restMs !== Number.POSITIVE_INFINITY) this.#wakeIn(Math.ceil(restMs));
  }

  #wakeIn(delayMs: number): void {
    const atMs = this.#clock.monotonicMs() + delayMs;
    if (atMs >= this.#alarmAtMs) return;
    this.#alarm?.abort();
    const alarm = new AbortController();
    this.#alarm = alarm;
    this.#alarmAtMs = atMs;
    void this.#clock.sleep(delayMs, alarm.signal).then(() => {
      if (alarm.signal.aborted) return;
      this.#alarmAtMs = Number.POSITIVE_INFINITY;
      this.pump();
    });
  }

  #resolveWhenDue(): void {
    const ageMs = this.#clock.monotonicMs() - this.#resolvedAtMs;
    if (this.#isResolving || ageMs < (this.#isStale ? RESOLVE_AGAIN_MS : RESOLVE_EVERY_MS)) return;
    this.#isResolving = true;
    this.#isStale = false;
    this.#resolvedAtMs = this.#clock.monotonicMs();
    void this.#resolve().then(() => {
      this.#isResolving = false;
      this.pump();
    });
  }

  async #resolve(): Promise<void> {
    const { endpoints, resolve, replicasMax, random } = this.#options;
    let addresses: Awaited<ReturnType<typeof resolveAll>>;
    try {
      addresses = await resolveAll(endpoints, resolve);
    } catch (error) {
      this.#isStale = true;
      this.#events.onUnresolved(error instanceof Error ? error.message : String(error));
      return;
    }
    // No address at all (a headless service without a ready pod): those that are known may still be the ones.
    if (this.#isClosed || addresses.length === 0) return;
    const byName = new Map(addresses.map((address) => [nameOf(address), address]));
    for (const [name, replica] of this.#replicas) {
      if (byName.has(name)) continue;
      this.#replicas.delete(name);
      if (replica.batchesInFlight > 0) this.#leaving.add(replica);
      replica.leave();
    }
    const fresh = [...byName].filter(([name]) => !this.#replicas.has(name));
    while (fresh.length > 0 && this.#replicas.size < replicasMax) {
      const [[name, address] = []] = fresh.splice(Math.floor(random() * fresh.length), 1);
      if (name === undefined || address === undefined) return;
      const replica = new Replica(address, this.#options, this.#replicaEvents());
      this.#replicas.set(name, replica);
      replica.connect();
    }
  }

  #replicaEvents() {
    return {
      onAnswer: (batch: Batch, answer: Answer): void => {
        this.#inFlight--;
        this.#source.settle(batch, answer);
        this.#forgetLeft();
      },
      onReturned: (batches: readonly Batch[]): void => {
        this.#inFlight -= batches.length;
        this.#retries += batches.length;
        this.#isStale = true;
        this.#source.giveBack(batches);
        this.#forgetLeft();
        this.pump();
      },
      onChange: (): void => this.pump(),
      onConnected: (name: string, transport: Transport): void => this.#events.onConnected(name, transport),
      onDisconnected: (name: string, reason: string | undefined): void => {
        this.#isStale = true;
        this.#events.onDisconnected(name, reason);
      },
    };
  }

  #forgetLeft(): void {
    for (const replica of this.#leaving) if (replica.batchesInFlight === 0) this.#leaving.delete(replica);
  }
}
