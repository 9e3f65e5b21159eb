/**
 * How the replicas that deliver to one stream divide its quota: weighted max-min over what each wants. Pure, and without
 * a leader: each replica tells the others its claim, and all compute the same division from the same claims.
 *
 *   claims: a wants 0.1, b wants 5, c wants 9      capacity 1      ->  a 0.1, b 0.45, c 0.45
 *   claims: a wants 0.1, b wants 0.2               capacity 1      ->  a 0.45, b 0.55: what nobody wants is shared out
 *
 * The parts always add up to the capacity: what is left when everybody has what they want is divided by weight, so that a
 * replica whose demand jumps does not wait for the next exchange.
 *
 * | a replica | then |
 * |---|---|
 * | is new | its first claim goes out when it starts; until it has heard an answer it counts itself and those listed |
 * | says good-bye | `forget`: its part is free at once |
 * | falls silent | its claim holds until the lease is over; then the others divide its part |
 * | hears nobody, though others are listed | the count last known goes on, and feedback alone decides (rate.ts) |
 * | starts, and can find out neither the others nor their addresses | the count that an earlier process knew (replica-counts.ts) |
 */
import { assert } from "../../errors.ts";

/** What a replica tells the others. */
export interface Claim {
  /** Names the replica; the same for as long as its process lives. */
  readonly replica: string;
  /** What it would send per second if nothing held it back. */
  readonly wantsBytesPerSecond: number;
  /** How much it counts beside the others; 1 where nobody has said anything else. */
  readonly weight: number;
  /** What the whole stream takes, by what this replica is answered; left out while its pacer is not what limits it. */
  readonly streamBytesPerSecond?: number | undefined;
}

/** A replica's part of the quota. */
export interface Division {
  /** 0 to 1. */
  readonly share: number;
  /** How many divide the quota, this one included. */
  readonly replicas: number;
  /** False when others should be there and none is heard: then nobody knows what they take. */
  readonly isCoordinated: boolean;
  /** The mean of what the replicas say that the whole stream takes; undefined where none says so. */
  readonly streamBytesPerSecond: number | undefined;
}

/** Three exchanges of a second missed, and the fourth not waited for. */
export const LEASE_MS_DEFAULT = 3_500;

/** A backlog is meant to be gone in this time, by what its replica wants. */
const DRAIN_SECONDS_WANTED = 10;

/** What a replica wants: what comes in, and the backlog within ten seconds. */
export function wantsBytesPerSecond(arrivingBytesPerSecond: number, backlogBytes: number): number {
  return arrivingBytesPerSecond + backlogBytes / DRAIN_SECONDS_WANTED;
}

/**
 * Parts of `capacity` (any unit per second, that of the claims), by replica. The order of the claims does not matter, to
 * the last bit: they are sorted first. No claim may be there twice.
 */
export function divide(capacity: number, claims: readonly Claim[]): ReadonlyMap<string, number> {
  const level = ({ wantsBytesPerSecond, weight }: Claim): number => wantsBytesPerSecond / weight;
  const sorted = [...claims].sort((a, b) => level(a) - level(b) || (a.replica < b.replica ? -1 : 1));
  let weights = 0;
  for (const { weight, wantsBytesPerSecond } of sorted) {
    assert(weight > 0 && Number.isFinite(weight), "a claim's weight must be above 0");
    assert(wantsBytesPerSecond >= 0, "a claim must be 0 or more");
    weights += weight;
  }
  const parts = new Map<string, number>();
  let left = capacity;
  let weightsLeft = weights;
  for (const claim of sorted) {
    // Those who want least come first: what they leave is there for the rest.
    const fair = (left * claim.weight) / weightsLeft;
    const part = Math.min(claim.wantsBytesPerSecond, fair);
    parts.set(claim.replica, part);
    left -= part;
    weightsLeft -= claim.weight;
  }
  if (left > 0)
    for (const { replica, weight } of sorted) parts.set(replica, (parts.get(replica) ?? 0) + (left * weight) / weights);
  return parts;
}

/** The claims of the other replicas, for as long as each is good. Told of time: milliseconds that never go back. */
export class Shares {
  readonly #replica: string;
  readonly #leaseMs: number;
  readonly #heard = new Map<string, { readonly claim: Claim; readonly untilMs: number }>();
  /** How many divided the quota when that was last known, when there were that many, and whether they were only listed. */
  #known: { readonly replicas: number; readonly seenMs: number; readonly isListed: boolean };

  /** `replicas` is how many there were when that was last known, by an earlier process: until something newer is. */
  constructor(options: { replica: string; leaseMs?: number; replicas?: number }) {
    this.#replica = options.replica;
    this.#known = { replicas: options.replicas ?? 1, seenMs: Number.NEGATIVE_INFINITY, isListed: true };
    this.#leaseMs = options.leaseMs ?? LEASE_MS_DEFAULT;
  }

  /** A claim came in, of this replica or another, good for `leaseMs` milliseconds. */
  hear(claim: Claim, nowMs: number, leaseMs: number = this.#leaseMs): void {
    if (claim.replica !== this.#replica) this.#heard.set(claim.replica, { claim, untilMs: nowMs + leaseMs });
  }

  /** A replica has said that it stops. */
  forget(replica: string): void {
    this.#heard.delete(replica);
  }

  /**
   * This replica's part. `capacity` is the stream's quota in bytes per second as this replica believes it. `listed` is how
   * many others there should be, by DNS or configuration; undefined when that can't be found out.
   */
  divide(own: Omit<Claim, "replica">, capacity: number, nowMs: number, listed?: number): Division {
    for (const [replica, { untilMs }] of this.#heard) if (untilMs <= nowMs) this.#heard.delete(replica);
    const claims = [{ ...own, replica: this.#replica }, ...[...this.#heard.values()].map(({ claim }) => claim)];
    if (claims.length === 1 && listed !== 0) {
      const isUnheard = this.#known.isListed || this.#known.replicas === 1;
      if (isUnheard && listed !== undefined) this.#known = { replicas: 1 + listed, seenMs: nowMs, isListed: true };
      const { replicas } = this.#known;
      const streamBytesPerSecond = meanOf(claims);
      if (replicas > 1) return { share: 1 / replicas, replicas, isCoordinated: false, streamBytesPerSecond };
    }
    this.#count(claims.length, nowMs);
    const part = divide(capacity, claims).get(this.#replica) ?? 0;
    return {
      share: Math.min(1, part / capacity),
      replicas: claims.length,
      isCoordinated: true,
      streamBytesPerSecond: meanOf(claims),
    };
  }

  /** A cut network silences the others one by one: a lower count is believed only when it has lasted. */
  #count(replicas: number, nowMs: number): void {
    const isOver = nowMs - this.#known.seenMs > this.#leaseMs;
    if (replicas >= this.#known.replicas || isOver) this.#known = { replicas, seenMs: nowMs, isListed: false };
  }
}

function meanOf(claims: readonly Claim[]): number | undefined {
  const told = claims.flatMap(({ streamBytesPerSecond }) => streamBytesPerSecond ?? []);
  return told.length === 0 ? undefined : told.reduce((sum, value) => sum + value, 0) / told.length;
}
