/**
 * The replicas of one stream find each other and divide its quota: every `intervalMs` each tells all others its figures
 * and hears theirs in the answer. How the quota is divided is share.ts's; how figures travel is peer-transport.ts's.
 *
 *   addresses (DNS of the headless service, or a list) ─> round ─ exchange ─> hear ─> Shares of each route ─> division
 *                                       others' rounds ── peer-protocol.ts ────┘
 *
 * | what happens | then |
 * |---|---|
 * | a replica is new | it calls all others with its first round: they divide anew at once, before they find its address |
 * | a replica stops | it says so (a lease of 0), and its part is free at once |
 * | a replica dies, or can't be reached by anybody | its figures run out after `leaseMs`, and the others divide its part |
 * | nobody listens where one was | it has ended: it is not expected any more, and may come back at any time |
 * | only one of two can reach the other | both hear: the answer carries figures too |
 * | DNS fails | those known stay known, and are asked on |
 * | nobody is reached, though others are listed | the count last known goes on, and feedback alone decides (share.ts) |
 * | another has this collector's id | it runs on a copy of the volume, which is told (twins.ts) |
 * | a message was overtaken by a later one | its sequence number tells: it is not looked at |
 *
 * Routes of this collector that deliver to one stream divide it in the same way, among themselves and with all others.
 */
import type { Clock, Random } from "../../clock.ts";
import type { Log } from "../../log.ts";
import { type Claim, type Division, Shares } from "./share.ts";
import { Twins } from "./twins.ts";

/** What a collector tells of one of its routes. */
export interface RouteFigures {
  readonly route: string;
  /** Names the stream among all that the collectors deliver to. */
  readonly stream: string;
  readonly wantsBytesPerSecond: number;
  readonly hasBytesPerSecond: number;
  readonly backlogBytes: number;
  /** What the whole stream takes, by what this route is answered; undefined while something else limits it. */
  readonly streamBytesPerSecond: number | undefined;
}

/** What a collector tells in one message. */
export interface Figures {
  readonly collectorId: string;
  readonly sequence: number;
  /** How long they are good for, from when they are heard; 0 where the collector stops. */
  readonly leaseMs: number;
  readonly routes: readonly RouteFigures[];
}

/** The machine at an address says that nobody listens there: whoever was there has ended, however that came. */
export class NobodyThere extends Error {
  override readonly name = "NobodyThere";
}

/** The way to the others. */
export interface PeerTransport {
  /**
   * Resolves with the answer of the collector at `address`. Rejects where there is none before `signal` is aborted: with
   * `NobodyThere` where that is certain.
   */
  exchange(address: string, figures: Figures, signal: AbortSignal): Promise<Figures>;
  /** Lets go of the connections to all addresses but these. */
  keep(addresses: readonly string[]): void;
  close(): void;
}

/** Where the others are, `host:port` each; this collector's own may be among them. Rejects where that can't be found out. */
export type PeerAddresses = () => Promise<readonly string[]>;

/** A route that divides its stream's quota with others. */
export interface PeerMember {
  readonly route: string;
  readonly stream: string;
  /** Its figures as they are now, and what it believes the whole stream takes. */
  figures(): Omit<RouteFigures, "route" | "stream"> & { readonly capacityBytesPerSecond: number };
  /** Its part, told whenever it was divided anew: every `intervalMs` at least. */
  onDivision(division: Division): void;
}

export interface PeersOptions {
  readonly collectorId: string;
  readonly addresses: PeerAddresses;
  readonly transport: PeerTransport;
  readonly intervalMs: number;
  /** How long figures are good for that are not heard again. */
  readonly leaseMs: number;
  /** How many divided each route's quota when that was last known, in this process or before it. */
  readonly counts?: { get(route: string): number; set(route: string, replicas: number): void };
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** For status. */
export interface PeersStatus {
  /** The others' addresses; undefined while they can't be found out. */
  readonly listed: number | undefined;
  readonly heard: readonly { readonly collectorId: string; readonly routes: readonly RouteFigures[] }[];
}

/** More are not a fleet but a mistake, or somebody who should not be there. */
export const PEERS_MAX = 256;

/** Addresses change when replicas come and go; who is new calls the others itself, so this may take its time. */
const ADDRESSES_MS = 10_000;

interface Member {
  readonly route: string;
  readonly stream: string;
  readonly joined: PeerMember;
  /** The claims of all others on its stream. */
  readonly shares: Shares;
}

interface Heard {
  readonly figures: Figures;
  readonly untilMs: number;
}

export class Peers {
  readonly #options: PeersOptions;
  readonly #members = new Set<Member>();
  readonly #heard = new Map<string, Heard>();
  /** Who answered at which address. */
  readonly #ids = new Map<string, string>();
  /** Those of them who have said that they stop, and were not heard since: nobody is to be expected there. */
  readonly #gone = new Set<string>();
  /** Addresses at which nobody listens any more. */
  readonly #empty = new Set<string>();
  readonly #stopping = new AbortController();
  /** Ends the pause before the next round. */
  #wake = new AbortController();
  #addresses: readonly string[] | undefined;
  #addressesAtMs = Number.NEGATIVE_INFINITY;
  #addressesFail = false;
  #isCutOff = false;
  #reachedAtMs: number;
  #isTooMany = false;
  readonly #twins: Twins;
  #run: Promise<void> = Promise.resolve();

  constructor(options: PeersOptions) {
    this.#options = options;
    this.#reachedAtMs = options.clock.monotonicMs();
    this.#twins = new Twins(options);
  }

  /** Begins to find the others. Resolves after the first round: within two intervals, whoever can be reached. */
  async start(): Promise<void> {
    await this.#round();
    this.#run = this.#rounds();
  }

  /** Tells the others that this collector's parts are free. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake.abort();
    await this.#run;
    await this.#tellAll(this.#figures(), new AbortController().signal);
    this.#options.transport.close();
  }

  /** Others that can be called and have not said that they stop: whom to hand over to, in no particular order. */
  reachable(): { readonly address: string; readonly collectorId: string }[] {
    const heard = new Set(this.#heardNow(this.#options.clock.monotonicMs()).map(({ collectorId }) => collectorId));
    return [...this.#ids]
      .filter(([address, id]) => heard.has(id) && !this.#empty.has(address) && !this.#gone.has(id))
      .map(([address, collectorId]) => ({ address, collectorId }));
  }

  /** A route begins to deliver: it is told its part before this returns. Returns the way to end that. */
  join(joined: PeerMember): () => void {
    const { collectorId, leaseMs, clock, counts } = this.#options;
    const { route, stream } = joined;
    const shares = new Shares({ replica: nameOf(collectorId, route), leaseMs, replicas: counts?.get(route) ?? 1 });
    const member: Member = { route, stream, joined, shares };
    this.#members.add(member);
    const nowMs = clock.monotonicMs();
    for (const { figures, untilMs } of this.#heard.values()) {
      if (untilMs > nowMs) claim(member, figures, nowMs, untilMs - nowMs);
    }
    this.#divide();
    this.#wake.abort();
    return () => {
      this.#members.delete(member);
      for (const other of this.#members) other.shares.forget(nameOf(collectorId, route));
      this.#divide();
      this.#wake.abort();
    };
  }

  /** Figures of another collector came in. The answer to it. */
  hear(figures: Figures): Figures {
    const { collectorId, clock } = this.#options;
    if (figures.collectorId === collectorId) {
      this.#twins.note(figures.sequence);
      return this.#figures();
    }
    const nowMs = clock.monotonicMs();
    const before = this.#heard.get(figures.collectorId);
    const isKnown = before !== undefined && before.untilMs > nowMs;
    if (isKnown && figures.sequence <= before.figures.sequence) return this.#figures();
    const { leaseMs } = figures;
    if (leaseMs > 0 && !isKnown && !this.#hasRoom(nowMs)) return this.#figures();
    if (leaseMs > 0) {
      this.#heard.set(figures.collectorId, { figures, untilMs: nowMs + leaseMs });
      this.#gone.delete(figures.collectorId);
    } else {
      this.#heard.delete(figures.collectorId);
      if ([...this.#ids.values()].includes(figures.collectorId)) this.#gone.add(figures.collectorId);
    }
    for (const member of this.#members) {
      if (before !== undefined) forget(member, before.figures);
      if (leaseMs > 0) claim(member, figures, nowMs, leaseMs);
    }
    // Who comes or goes changes everybody's part at once; what one wants can wait for the next round.
    if (!isKnown || leaseMs === 0 || !Bun.deepEquals(namesIn(before.figures), namesIn(figures))) this.#divide();
    return this.#figures();
  }

  status(): PeersStatus {
    const heard = this.#heardNow(this.#options.clock.monotonicMs());
    return { listed: this.#listed(), heard: heard.map(({ collectorId, routes }) => ({ collectorId, routes })) };
  }

  async #rounds(): Promise<void> {
    const { intervalMs, clock, random } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      // Replicas that started together do not call together.
      await clock.sleep(intervalMs * (0.9 + 0.2 * random()), this.#wake.signal);
      if (signal.aborted) return;
      this.#wake = new AbortController();
      await this.#round();
    }
  }

  async #round(): Promise<void> {
    await this.#findAddresses();
    await this.#tellAll(this.#figures(), this.#stopping.signal);
    this.#divide();
    this.#noteReach();
  }

  /** Calls everybody at once, and waits no longer than a round may take. */
  async #tellAll(figures: Figures, cancel: AbortSignal): Promise<void> {
    const { transport, collectorId, clock, intervalMs } = this.#options;
    const addresses = (this.#addresses ?? []).filter((address) => this.#ids.get(address) !== collectorId);
    if (addresses.length === 0) return;
    const late = new AbortController();
    const calls = addresses.map(async (address) => {
      try {
        const answer = await transport.exchange(address, figures, late.signal);
        this.#ids.set(address, answer.collectorId);
        this.#empty.delete(address);
        this.hear(answer);
      } catch (reason) {
        // Its figures run out, or it calls itself. Whether anybody is reached is noted elsewhere.
        // Where nobody was yet, somebody may be about to start.
        if (reason instanceof NobodyThere && this.#ids.has(address)) this.#empty.add(address);
        else this.#empty.delete(address);
      }
    });
    const answered = new AbortController();
    const all = Promise.all(calls).then(() => answered.abort());
    await Promise.race([all, clock.sleep(intervalMs, AbortSignal.any([answered.signal, cancel]))]);
    late.abort();
  }

  async #findAddresses(): Promise<void> {
    const { addresses, transport, clock, intervalMs, log } = this.#options;
    const nowMs = clock.monotonicMs();
    if (this.#addresses !== undefined && !this.#addressesFail && nowMs - this.#addressesAtMs < ADDRESSES_MS) return;
    this.#addressesAtMs = nowMs;
    const answered = new AbortController();
    const tooLate = clock.sleep(intervalMs, answered.signal).then(() => {
      throw new Error(`no answer within ${intervalMs} ms`);
    });
    tooLate.catch(() => undefined);
    try {
      const found = await Promise.race([addresses(), tooLate]);
      this.#addresses = [...new Set(found)].sort().slice(0, PEERS_MAX);
      for (const [address, id] of this.#ids) {
        if (this.#addresses.includes(address)) continue;
        this.#ids.delete(address);
        this.#gone.delete(id);
      }
      for (const address of this.#empty) if (!this.#addresses.includes(address)) this.#empty.delete(address);
      transport.keep(this.#addresses);
      if (this.#addressesFail)
        log.info({ listed: this.#addresses.length }, "the addresses of the replicas are known again");
      this.#addressesFail = false;
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      if (!this.#addressesFail) log.warn({ reason }, "the addresses of the replicas can't be found out");
      this.#addressesFail = true;
    } finally {
      answered.abort();
    }
  }

  /** How many others there should be, by their addresses; undefined while nobody knows. Who has ended is none of them. */
  #listed(): number | undefined {
    if (this.#addresses === undefined || (this.#addressesFail && this.#addresses.length === 0)) return undefined;
    const { collectorId } = this.#options;
    return this.#addresses.filter((address) => {
      const id = this.#ids.get(address);
      return !this.#empty.has(address) && (id === undefined || (id !== collectorId && !this.#gone.has(id)));
    }).length;
  }

  #figures(): Figures {
    const leaseMs = this.#stopping.signal.aborted ? 0 : this.#options.leaseMs;
    const routes = [...this.#members].map((member) => {
      const { capacityBytesPerSecond: _, ...figures } = member.joined.figures();
      return { route: member.route, stream: member.stream, ...figures };
    });
    return { collectorId: this.#options.collectorId, sequence: this.#twins.nextNumber(), leaseMs, routes };
  }

  #divide(): void {
    const { collectorId, clock, counts } = this.#options;
    const nowMs = clock.monotonicMs();
    const figures = [...this.#members].map((member) => ({ member, ...member.joined.figures() }));
    // Who reaches another knows whether it has claims: only who reaches nobody must go by what is listed.
    const listed = this.#heardNow(nowMs).length > 0 ? 0 : this.#listed();
    for (const { member, capacityBytesPerSecond, ...own } of figures) {
      for (const other of figures) {
        if (other.member === member || other.member.stream !== member.stream) continue;
        member.shares.hear({ replica: nameOf(collectorId, other.member.route), ...claimIn(other) }, nowMs);
      }
      const division = member.shares.divide(claimIn(own), capacityBytesPerSecond, nowMs, listed);
      if (division.isCoordinated) counts?.set(member.route, division.replicas);
      member.joined.onDivision(division);
    }
  }

  #heardNow(nowMs: number): Figures[] {
    return [...this.#heard.values()].filter(({ untilMs }) => untilMs > nowMs).map(({ figures }) => figures);
  }

  #hasRoom(nowMs: number): boolean {
    for (const [id, { untilMs }] of this.#heard) if (untilMs <= nowMs) this.#heard.delete(id);
    if (this.#heard.size < PEERS_MAX) return true;
    if (!this.#isTooMany)
      this.#options.log.warn({ most: PEERS_MAX }, "more replicas than can be: others are not heard");
    this.#isTooMany = true;
    return false;
  }

  /** While a fleet starts, being alone is nothing to tell. */
  #noteReach(): void {
    const { clock, leaseMs, log } = this.#options;
    const { heard, listed } = this.status();
    const nowMs = clock.monotonicMs();
    if (heard.length > 0 || listed === 0) {
      if (this.#isCutOff) log.info({ heard: heard.length, listed }, "it is known again which replicas there are");
      this.#reachedAtMs = nowMs;
      this.#isCutOff = false;
    } else if (!this.#isCutOff && nowMs - this.#reachedAtMs > 2 * leaseMs && !this.#stopping.signal.aborted) {
      this.#isCutOff = true;
      log.warn({ listed }, "no other replica is reached: what the stream answers decides alone how much is sent");
    }
  }
}

/** Puts in what another collector wants of a member's stream. */
function claim({ stream, shares }: Member, { collectorId, routes }: Figures, nowMs: number, leaseMs: number): void {
  for (const figures of routes) {
    if (figures.stream !== stream) continue;
    shares.hear({ replica: nameOf(collectorId, figures.route), ...claimIn(figures) }, nowMs, leaseMs);
  }
}

/** The part of figures that a division goes by. All count alike. */
function claimIn({
  wantsBytesPerSecond,
  streamBytesPerSecond,
}: Pick<RouteFigures, "wantsBytesPerSecond" | "streamBytesPerSecond">): Omit<Claim, "replica"> {
  return { wantsBytesPerSecond, streamBytesPerSecond, weight: 1 };
}

/** Which of its routes deliver to which streams. */
function namesIn({ routes }: Figures): string[] {
  return routes.map(({ route, stream }) => `${route} ${stream}`);
}

/** Takes that back. */
function forget({ shares }: Member, { collectorId, routes }: Figures): void {
  for (const { route } of routes) shares.forget(nameOf(collectorId, route));
}

/** Names a route among all routes of all collectors. */
function nameOf(collectorId: string, route: string): string {
  return `${collectorId}/${route}`;
}
