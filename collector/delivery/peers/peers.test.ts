/** Replicas on a virtual clock, with wires that a test can cut. */
import { expect, test } from "bun:test";
import { pino } from "pino";
import { recordingLog } from "../../testing/delivery-rig.ts";
import { VirtualClock } from "../../testing/virtual-clock.ts";
import { type Figures, NobodyThere, type PeerMember, Peers, type PeerTransport } from "./peers.ts";
import type { Division } from "./share.ts";

const QUOTA = 1_000_000;
const LEASE_MS = 3_500;

class Replica {
  readonly name: string;
  readonly peers: Peers;
  readonly lines: { level: number; msg: string }[];
  /** By route. */
  readonly divisions = new Map<string, Division>();
  /** What its routes want. */
  wants = 10 * QUOTA;
  isUp = true;
  /** Its machine is still there, and tells. */
  isDead = false;
  /** What it is told where the others are. */
  addresses: readonly string[] | Error;

  constructor(name: string, net: Net, collectorId = name) {
    this.name = name;
    this.addresses = net.names;
    const { log, lines } = recordingLog((stream) => pino({ level: "info" }, stream));
    this.lines = lines;
    this.peers = new Peers({
      collectorId,
      addresses: async () => {
        if (this.addresses instanceof Error) throw this.addresses;
        return this.addresses;
      },
      transport: net.wireOf(this),
      intervalMs: 1_000,
      leaseMs: LEASE_MS,
      clock: net.clock,
      random: () => 0.5,
      log,
    });
  }

  member(route = "all", stream = "logs"): PeerMember {
    return {
      route,
      stream,
      figures: () => ({
        wantsBytesPerSecond: this.wants,
        hasBytesPerSecond: 0,
        backlogBytes: 0,
        streamBytesPerSecond: undefined,
        capacityBytesPerSecond: QUOTA,
      }),
      onDivision: (division) => this.divisions.set(route, division),
    };
  }

  get share(): number {
    return this.divisions.get("all")?.share ?? Number.NaN;
  }
}

function never(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(new Error("given up")), { once: true });
  });
}

class Net {
  readonly clock = new VirtualClock();
  readonly names: readonly string[];
  readonly replicas = new Map<string, Replica>();
  /** Whether a call from one to another arrives. */
  reaches: (from: string, to: string) => boolean = () => true;
  /** Whether an answer comes back. */
  answers: (from: string, to: string) => boolean = () => true;

  constructor(...names: string[]) {
    this.names = names;
    for (const name of names) this.replicas.set(name, new Replica(name, this));
  }

  replica(name: string): Replica {
    return this.replicas.get(name) as Replica;
  }

  wireOf(from: Replica): PeerTransport {
    return {
      exchange: async (address, figures, signal) => {
        const to = this.replicas.get(address);
        if (to?.isDead === true) throw new NobodyThere(address);
        if (to === undefined || !to.isUp || !from.isUp) throw new Error("unreachable");
        if (!this.reaches(from.name, address)) return await never(signal);
        const answer = to.peers.hear(structuredClone(figures));
        return this.answers(from.name, address) ? structuredClone(answer) : await never(signal);
      },
      keep: () => undefined,
      close: () => undefined,
    };
  }

  /** Starts all of them, each with one route, and lets a few rounds pass. */
  async start(...names: string[]): Promise<void> {
    for (const name of names.length === 0 ? this.names : names) {
      const replica = this.replica(name);
      const started = replica.peers.start();
      await this.clock.advance(0);
      replica.peers.join(replica.member());
      void started;
    }
    await this.clock.advance(3_000);
  }

  async stop(...names: string[]): Promise<void> {
    const stopped = names.map((name) => this.replica(name).peers.stop());
    await this.clock.advance(2_000);
    await Promise.all(stopped);
  }

  /** No more rounds of it, no answers, no good-bye. */
  kill(name: string): void {
    this.replica(name).isUp = false;
  }

  get shares(): number[] {
    return [...this.replicas.values()].filter(({ isUp }) => isUp).map(({ share }) => share);
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

test("replicas that want more than there is divide it evenly, and all of it", async () => {
  const net = new Net("a", "b", "c");
  await net.start();
  for (const share of net.shares) expect(share).toBeCloseTo(1 / 3, 10);
  expect(net.replica("a").divisions.get("all")).toMatchObject({ replicas: 3, isCoordinated: true });
  await net.stop("a", "b", "c");
});

test("what one does not want goes to the others, and comes back when it does", async () => {
  const net = new Net("a", "b", "c");
  net.replica("a").wants = 0.1 * QUOTA;
  await net.start();
  expect(net.replica("a").share).toBeCloseTo(0.1, 10);
  expect(net.replica("b").share).toBeCloseTo(0.45, 10);
  net.replica("a").wants = 5 * QUOTA;
  await net.clock.advance(2_500);
  for (const share of net.shares) expect(share).toBeCloseTo(1 / 3, 10);
  await net.stop("a", "b", "c");
});

test("the part of one that dies is divided when its lease is over, and not before", async () => {
  const net = new Net("a", "b", "c");
  await net.start();
  net.kill("c");
  await net.clock.advance(LEASE_MS - 1_500);
  expect(net.replica("a").share).toBeCloseTo(1 / 3, 10);
  await net.clock.advance(1_500 + 2_000);
  expect([net.replica("a").share, net.replica("b").share]).toEqual([0.5, 0.5]);
  await net.stop("a", "b");
});

test("the part of one that stops is free at once", async () => {
  const net = new Net("a", "b", "c");
  await net.start();
  const stopped = net.replica("c").peers.stop();
  await net.clock.advance(0);
  expect([net.replica("a").share, net.replica("b").share]).toEqual([0.5, 0.5]);
  await net.clock.advance(1_000);
  await stopped;
  await net.stop("a", "b");
});

test("when all others have stopped, the last one takes all at once, though they are still listed", async () => {
  const net = new Net("a", "b", "c");
  await net.start();
  await net.stop("b", "c");
  expect(net.replica("a").divisions.get("all")).toMatchObject({ share: 1, replicas: 1, isCoordinated: true });
  await net.clock.advance(60_000);
  expect(net.replica("a").divisions.get("all")).toMatchObject({ share: 1, replicas: 1, isCoordinated: true });
  expect(net.replica("a").lines.filter(({ level }) => level === 40)).toEqual([]);
  await net.stop("a");
});

test("where a machine says that nobody listens, nobody is expected: the last one takes all when the lease is over", async () => {
  const net = new Net("a", "b");
  await net.start();
  net.kill("b");
  net.replica("b").isDead = true;
  await net.clock.advance(LEASE_MS - 1_500);
  expect(net.replica("a").share).toBe(0.5);
  await net.clock.advance(3_500);
  expect(net.replica("a").divisions.get("all")).toMatchObject({ share: 1, replicas: 1, isCoordinated: true });
  await net.stop("a");
});

test("one that is new is counted at once, though its address is found later", async () => {
  const net = new Net("a", "b", "c");
  for (const name of ["a", "b"]) net.replica(name).addresses = ["a", "b"];
  await net.start("a", "b");
  expect(net.replica("a").share).toBeCloseTo(1 / 2, 10);
  const { peers } = net.replica("c");
  void peers.start();
  await net.clock.advance(0);
  peers.join(net.replica("c").member());
  await net.clock.advance(1);
  for (const share of net.shares) expect(share).toBeCloseTo(1 / 3, 10);
  await net.stop("a", "b", "c");
});

test("where only one can reach the other, both hear both", async () => {
  const net = new Net("a", "b");
  net.reaches = (from) => from === "a";
  await net.start();
  expect(net.shares).toEqual([0.5, 0.5]);
  // And where the answers are lost on top of it, the one that calls hears nobody, but is heard.
  net.answers = () => false;
  await net.clock.advance(2 * LEASE_MS + 2_000);
  expect(net.replica("b").divisions.get("all")).toMatchObject({ share: 0.5, isCoordinated: true });
  expect(net.replica("a").divisions.get("all")).toMatchObject({ share: 0.5, isCoordinated: false });
  await net.stop("a", "b");
});

test("cut off from all others, a replica keeps to the count last known, says so once, and divides again after", async () => {
  const net = new Net("a", "b", "c");
  await net.start();
  net.reaches = (from, to) => from !== "a" && to !== "a";
  await net.clock.advance(60_000);
  const { divisions, lines } = net.replica("a");
  expect(divisions.get("all")).toMatchObject({ replicas: 3, isCoordinated: false });
  expect(divisions.get("all")?.share).toBeCloseTo(1 / 3, 10);
  expect(net.replica("b").share).toBe(0.5);
  expect(lines.filter(({ level }) => level === 40)).toHaveLength(1);
  net.reaches = () => true;
  await net.clock.advance(3_000);
  expect(sum(net.shares)).toBeCloseTo(1, 10);
  expect(divisions.get("all")?.isCoordinated).toBe(true);
  expect(lines.filter(({ level }) => level === 40)).toHaveLength(1);
  await net.stop("a", "b", "c");
});

test("alone for certain, a replica takes all: nobody else is listed", async () => {
  const net = new Net("a");
  await net.start();
  expect(net.replica("a").divisions.get("all")).toMatchObject({
    share: 1,
    replicas: 1,
    isCoordinated: true,
  });
  expect(net.replica("a").peers.status()).toEqual({ listed: 0, heard: [] });
  await net.stop("a");
});

test("before it has heard anybody, a replica takes no more than its part of those listed", async () => {
  const net = new Net("a", "b", "c", "d");
  for (const name of ["b", "c", "d"]) net.kill(name);
  // It may be about to start.
  net.replica("b").isDead = true;
  await net.start("a");
  // Its own address is among them, and found to be its own.
  expect(net.replica("a").divisions.get("all")).toMatchObject({ replicas: 4, isCoordinated: false });
  expect(net.replica("a").share).toBeCloseTo(1 / 4, 10);
  await net.stop("a");
});

test("while DNS fails, those known are asked on", async () => {
  const net = new Net("a", "b");
  await net.start();
  for (const replica of net.replicas.values()) replica.addresses = new Error("EAI_AGAIN");
  await net.clock.advance(60_000);
  expect(net.shares).toEqual([0.5, 0.5]);
  expect(net.replica("a").lines.filter(({ level }) => level === 40)).toHaveLength(1);
  net.replica("a").addresses = ["a", "b"];
  await net.clock.advance(20_000);
  expect(net.replica("a").lines.at(-1)).toMatchObject({
    level: 30,
    msg: "the addresses of the replicas are known again",
  });
  await net.stop("a", "b");
});

test("routes are divided by stream: another stream's are nobody's business, two of one stream share it", async () => {
  const net = new Net("a", "b");
  const { peers } = net.replica("a");
  await net.start();
  const leave = peers.join(net.replica("a").member("errors"));
  peers.join(net.replica("a").member("audit", "elsewhere"));
  await net.clock.advance(1_500);
  expect(net.replica("a").divisions.get("audit")).toMatchObject({ share: 1, replicas: 1 });
  expect(net.replica("a").divisions.get("errors")?.share).toBeCloseTo(1 / 3, 10);
  for (const share of net.shares) expect(share).toBeCloseTo(1 / 3, 10);
  leave();
  await net.clock.advance(1_500);
  expect(net.shares).toEqual([0.5, 0.5]);
  await net.stop("a", "b");
});

test("a message that was overtaken changes nothing, and a restarted collector is heard at once", async () => {
  const net = new Net("a");
  await net.start();
  const { peers } = net.replica("a");
  const figures = (sequence: number, wantsBytesPerSecond: number): Figures => ({
    collectorId: "x",
    sequence,
    leaseMs: LEASE_MS,
    routes: [
      {
        route: "all",
        stream: "logs",
        wantsBytesPerSecond,
        hasBytesPerSecond: 0,
        backlogBytes: 0,
        streamBytesPerSecond: undefined,
      },
    ],
  });
  peers.hear(figures(7, 0.2 * QUOTA));
  await net.clock.advance(1_000);
  expect(net.replica("a").share).toBeCloseTo(0.8, 10);
  peers.hear(figures(6, 10 * QUOTA));
  await net.clock.advance(1_000);
  expect(net.replica("a").share).toBeCloseTo(0.8, 10);
  peers.hear(figures(net.clock.nowMs() * 1_000, 10 * QUOTA));
  await net.clock.advance(1_000);
  expect(net.replica("a").share).toBeCloseTo(0.5, 10);
  await net.stop("a");
});

test("more collectors than can be are not heard", async () => {
  const net = new Net("a");
  await net.start();
  const { peers } = net.replica("a");
  for (let index = 0; index < 400; index++) {
    peers.hear({ collectorId: `x${index}`, sequence: 1, leaseMs: 60_000, routes: [] });
  }
  expect(peers.status().heard).toHaveLength(256);
  expect(net.replica("a").lines.filter(({ level }) => level === 40)).toHaveLength(1);
  await net.stop("a");
});

test("two on copies of one volume are told from one that calls itself", async () => {
  const net = new Net("a", "b", "c");
  const told = (name: string) => net.replica(name).lines.filter(({ level }) => level >= 50);
  await net.start("a", "c");
  await net.clock.advance(20_000);
  expect([told("a"), told("c")]).toEqual([[], []]);
  net.replicas.set("b", new Replica("b", net, "a"));
  await net.start("b");
  await net.clock.advance(20_000);
  for (const name of ["a", "b"]) {
    expect(told(name)).toHaveLength(1);
    expect(told(name)[0]?.msg).toContain("another process has this journal's id, a");
  }
  expect(told("c")).toEqual([]);
  await net.stop("a", "b", "c");
});
