/** Whom a stopping collector gives what to, and what it settles: nothing that nobody has. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { Metadata, status } from "@grpc/grpc-js";
import { pino } from "pino";
import { CollectorError } from "../../errors.ts";
import { Journal } from "../../journal/journal.ts";
import { deliver, journalOptions } from "../../testing/journal-options.ts";
import { encodeRequest } from "../../testing/system/sender.ts";
import { withFolder } from "../../testing/temporary.ts";
import { VirtualClock } from "../../testing/virtual-clock.ts";
import { type HandOverResult, handOver, type Receiver } from "./hand-over.ts";
import { decodeWaiting, encodeWaiting, type Waiting } from "./hand-over-protocol.ts";

const SCAN_LIMITS = { recordsMax: 100_000, nestingMax: 64, recordBytesMax: 1_000_000 };
const MIB = 1024 * 1024;

/** Another collector, with a journal of its own; each answer is the next of `failures`, where there is one. */
class Other {
  readonly failures: (Error & { code?: status; metadata?: Metadata })[] = [];
  readonly offers: Waiting[] = [];
  isReachable = true;
  /** Whether it has taken what it then fails to answer. */
  takesAnyway = false;
  readonly journal: Journal;

  constructor(journal: Journal) {
    this.journal = journal;
  }

  async take(offered: Waiting): Promise<void> {
    const waiting = decodeWaiting(encodeWaiting(offered), SCAN_LIMITS);
    this.offers.push(waiting);
    const failure = this.failures.shift();
    if (failure !== undefined && !this.takesAnyway) throw failure;
    const { collectorId, first, route, records, request } = waiting;
    await this.journal.handOvers.take({ origin: { collectorId, first }, route, records, request });
    if (failure !== undefined) throw failure;
  }
}

function refusal(code: status, saidByIt = true): Error & { code: status; metadata: Metadata } {
  const metadata = new Metadata();
  if (saidByIt) metadata.set("standpipe-code", "journal_full");
  return Object.assign(new Error("no"), { code, metadata, details: "no" });
}

interface Rig {
  readonly journal: Journal;
  readonly others: Record<"a" | "b", Other>;
  readonly lines: { msg: string }[];
  /** Ordinals whose disk refuses to be read. */
  unreadable: (ordinal: bigint) => boolean;
  give(deadlineMs?: number, requestBytesMax?: number): Promise<HandOverResult | undefined>;
}

/** A journal with ten requests of ten log records for the route `logs`, and two others to give to. */
async function withRig(body: (rig: Rig) => Promise<void>): Promise<void> {
  await withFolder(async (directory) => {
    const clock = new VirtualClock();
    const open = (name: string): Promise<Journal> => Journal.open(journalOptions(join(directory, name)));
    const [journal, a, b] = [await open("own"), new Other(await open("a")), new Other(await open("b"))];
    const others = { a, b };
    const lines: { msg: string }[] = [];
    const log = pino({}, { write: (line: string) => lines.push(JSON.parse(line)) });
    for (let each = 0; each < 10; each++) {
      await journal.append(encodeRequest(Array.from({ length: 10 }, (_, index) => `${each}-${index}`)), 10);
    }
    const receivers = (): Receiver[] =>
      (["a", "b"] as const).filter((id) => others[id].isReachable).map((id) => ({ address: id, collectorId: id }));
    const give = async (deadlineMs = 120_000, requestBytesMax = 4 * MIB): Promise<HandOverResult | undefined> => {
      const offer = (address: string, waiting: Waiting): Promise<void> => others[address as "a" | "b"].take(waiting);
      const routes = [{ stream: "s", ledger: journal.route("logs") }];
      const reader = {
        collectorId: journal.collectorId,
        head: journal.head,
        handOvers: journal.handOvers,
        waitForHead: () => Promise.resolve(),
        listSegments: () => journal.listSegments(),
        read: async (from: bigint) => {
          if (rig.unreadable(from)) throw new CollectorError("journal_io", "can't read segment 0: EIO");
          return await journal.read(from);
        },
      };
      const options = { journal: reader, routes, receivers, offer, requestBytesMax, clock, log };
      let isDone = false;
      const done = handOver(options, deadlineMs).finally(() => {
        isDone = true;
      });
      while (!isDone) {
        // The disks are real, and take their time.
        await Bun.sleep(2);
        await clock.advance(5);
      }
      return (await done)[0];
    };
    const rig: Rig = { journal, others, lines, unreadable: () => false, give };
    try {
      await body(rig);
    } finally {
      for (const each of [journal, a.journal, b.journal]) await each.close();
    }
  });
}

test("exactly what is open is given, under its own names, and settled as handed over", async () => {
  await withRig(async ({ journal, others, give }) => {
    const logs = journal.route("logs");
    deliver(logs, 0n, 25n);
    deliver(logs, 33n, 41n);
    expect(await give()).toEqual({ route: "logs", handedOver: 67, left: 0n, reason: undefined });
    expect(others.a.journal.head).toBe(67n);
    const { offers } = others.a;
    expect(offers.map(({ first, records }) => [Number(first), records])).toEqual([
      [25, 5],
      [30, 3],
      [41, 9],
      [50, 10],
      [60, 10],
      [70, 10],
      [80, 10],
      [90, 10],
    ]);
    expect(new Set(offers.map(({ collectorId }) => collectorId))).toEqual(new Set([journal.collectorId]));
    expect([logs.cursor, logs.handedOver]).toEqual([100n, 67n]);
    // Given on by the one who took it, it still has its first name.
    const first = await others.a.journal.read(0n);
    expect(first).toMatchObject({ origin: { collectorId: journal.collectorId, first: 25n } });
  });
});

test("a segment that its disk refuses to give stays, and what lies in the others is given", async () => {
  await withRig(async (rig) => {
    await rig.journal.roll();
    await rig.journal.append(encodeRequest(Array.from({ length: 10 }, (_, index) => `later-${index}`)), 10);
    rig.unreadable = (ordinal) => ordinal < 100n;
    const result = await rig.give();
    expect(result).toMatchObject({ handedOver: 10, left: 100n });
    expect(result?.reason).toContain("EIO");
    expect(rig.others.a.offers.map(({ first, records }) => [first, records])).toEqual([[100n, 10]]);
    rig.unreadable = () => false;
    expect(await rig.give()).toMatchObject({ handedOver: 100, left: 0n });
  });
});

test("what is too large for one message goes in several", async () => {
  await withRig(async ({ others, give }) => {
    expect(await give(undefined, 2_000)).toMatchObject({ handedOver: 100, left: 0n });
    expect(others.a.offers.length).toBeGreaterThan(10);
    expect(others.a.offers.every(({ request }) => request.byteLength <= 976)).toBe(true);
  });
});

test("who refuses is passed over for the next; where all refuse they are asked again until time is over", async () => {
  await withRig(async ({ journal, others, lines, give }) => {
    others.a.failures.push(refusal(status.UNAVAILABLE));
    expect(await give()).toMatchObject({ handedOver: 100, left: 0n });
    expect([others.a.journal.head, others.b.journal.head]).toEqual([0n, 100n]);
    expect(lines.filter(({ msg }) => msg.includes("twice"))).toEqual([]);
    await journal.append(encodeRequest(["x"]), 1);
    for (let each = 0; each < 1_000; each++) {
      for (const other of Object.values(others)) other.failures.push(refusal(status.FAILED_PRECONDITION));
    }
    expect(await give(3_000)).toMatchObject({ handedOver: 0, left: 1n, reason: expect.stringContaining("no") });
    expect(journal.route("logs").cursor).toBe(100n);
  });
});

test("after a lost answer the same one is asked again, and nothing is doubled", async () => {
  await withRig(async ({ others, lines, give }) => {
    others.a.takesAnyway = true;
    others.a.failures.push(refusal(status.CANCELLED), refusal(status.UNAVAILABLE, false));
    expect(await give()).toMatchObject({ handedOver: 100, left: 0n });
    expect([others.a.journal.head, others.b.journal.head]).toEqual([100n, 0n]);
    expect(lines.filter(({ msg }) => msg.includes("twice"))).toEqual([]);
  });
});

test("when the one whose answer was lost is gone, another takes it, and the log says what may be doubled", async () => {
  await withRig(async ({ others, lines, give }) => {
    others.a.takesAnyway = true;
    const lost = refusal(status.CANCELLED);
    others.a.failures.push(lost);
    Object.defineProperty(lost, "details", {
      get: () => {
        others.a.isReachable = false;
        return "gone";
      },
    });
    expect(await give()).toMatchObject({ handedOver: 100, left: 0n });
    expect([others.a.journal.head, others.b.journal.head]).toEqual([10n, 100n]);
    expect(lines.filter(({ msg }) => msg.includes("twice"))).toMatchObject([
      { first: "0", end: "10", to: "b", and: "a" },
    ]);
  });
});

test("with nobody there, all stays open", async () => {
  await withRig(async ({ journal, others, give }) => {
    for (const other of Object.values(others)) other.isReachable = false;
    expect(await give(1_000)).toEqual({
      route: "logs",
      handedOver: 0,
      left: 100n,
      reason: "no other replica is reached",
    });
    expect(journal.route("logs").cursor).toBe(0n);
  });
});

test("what is no hand-over is refused before it is journalled", () => {
  const good: Waiting = {
    collectorId: "abc",
    first: 0n,
    records: 1,
    route: "r",
    stream: "s",
    request: encodeRequest(["a"]),
  };
  expect(decodeWaiting(encodeWaiting(good), SCAN_LIMITS)).toMatchObject({ collectorId: "abc", records: 1 });
  for (const bad of [
    { ...good, collectorId: "" },
    { ...good, collectorId: "a/b" },
    { ...good, collectorId: "x".repeat(129) },
    { ...good, route: "a b" },
    { ...good, stream: "" },
    { ...good, records: 2 },
    { ...good, records: 0, request: Buffer.alloc(0) },
    { ...good, request: Buffer.from([0xff]) },
  ]) {
    expect(() => decodeWaiting(encodeWaiting(bad), SCAN_LIMITS)).toThrow();
  }
  expect(() => decodeWaiting(Buffer.from([0xff, 0xff]), SCAN_LIMITS)).toThrow();
});
