/** Runs a scenario on a virtual clock: no sockets, no waiting, the same every time. Yields what was seen, in steps. */
import { StreamQuota } from "../../../deploy/local/quota.ts";
import type { Random } from "../../clock.ts";
import type { RecordAnswer } from "../../delivery/firehose/outcome.ts";
import { FIREHOSE_QUOTA_DEFAULT } from "../../limits.ts";
import { VirtualClock } from "../../testing/virtual-clock.ts";
import { Replica } from "./replica.ts";
import type { Group, Scenario } from "./scenario.ts";

const MIB = 1024 * 1024;
const RECORD_FAILED = 2;
const THROTTLED: RecordAnswer = { code: "ServiceUnavailableException", message: "Slow down." };
const FAILED: RecordAnswer = { code: "InternalFailure", message: "Internal failure." };

/** How long one step of what was seen lasts. */
export const STEP_MS = 250;

/** Between two exchanges of claims, and how long one takes to arrive. */
const EXCHANGE_MS = 1_000;
const EXCHANGE_LATENCY_MS = 10;

/** What one replica did in a step. */
export interface Seen {
  isAlive: boolean;
  acceptedBytes: number;
  throttledBytes: number;
  /** At the end of the step. */
  backlogBytes: number;
  bytesPerSecond: number;
  level: number;
}

export interface Step {
  /** When it began. */
  readonly seconds: number;
  /** What the stream could take in it, in bytes: its quota, less the part that fails for other reasons. */
  readonly availableBytes: number;
  readonly replicas: readonly Seen[];
}

export interface Run {
  readonly scenario: Scenario;
  readonly steps: readonly Step[];
  /** When something changed, in seconds, and what. The start is one. */
  readonly changes: readonly { readonly seconds: number; readonly what: string }[];
}

interface Member {
  readonly group: Group;
  readonly replica: Replica;
  isStarted: boolean;
  isAlive: boolean;
}

/** mulberry32: the same seed rolls the same dice. */
export function seededRandom(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Bytes per second that a group's replica gets at that time. */
function demandAt(group: Group, seconds: number): number {
  return (group.demand.findLast(({ fromSeconds }) => fromSeconds <= seconds)?.mibPerSecond ?? 0) * MIB;
}

/** Plays the whole scenario. */
export async function play(scenario: Scenario): Promise<Run> {
  const clock = new VirtualClock(0);
  const random = seededRandom(scenario.seed);
  const quota = new StreamQuota(
    {
      ...scenario,
      mibPerSecond: scenario.quotaMibPerSecond,
      region: "standard",
      windowMs: 1_000,
      growth: scenario.growth,
    },
    random,
    0,
  );
  const stream = { failingFraction: 0, latencyMs: scenario.latencyMs };
  const changes: { seconds: number; what: string }[] = [{ seconds: 0, what: "start" }];
  const note = (what: string): void => void changes.push({ seconds: clock.monotonicMs() / 1000, what });
  const seen: Seen[] = [];
  const members: Member[] = [];

  const put = async (index: number, records: readonly Uint8Array[], signal: AbortSignal) => {
    await clock.sleep(stream.latencyMs * (0.4 + 0.2 * random()), signal);
    if (signal.aborted) throw new Error("aborted");
    const sizes = records.map((record) => record.length);
    const fates = Uint8Array.from(records, () => (random() < stream.failingFraction ? RECORD_FAILED : 0));
    quota.take(sizes, fates, clock.monotonicMs());
    const mine = seen[index];
    for (const [position, size] of sizes.entries()) {
      if (mine === undefined) break;
      if (fates[position] === 0) mine.acceptedBytes += size;
      else if (fates[position] !== RECORD_FAILED) mine.throttledBytes += size;
    }
    await clock.sleep(stream.latencyMs * (0.4 + 0.2 * random()), signal);
    return [...fates].map((fate) => (fate === 0 ? undefined : fate === RECORD_FAILED ? FAILED : THROTTLED));
  };

  const factor = scenario.ceilingMibPerSecond;
  const ceiling = {
    bytesPerSecond: FIREHOSE_QUOTA_DEFAULT.bytesPerSecond * factor,
    recordsPerSecond: FIREHOSE_QUOTA_DEFAULT.recordsPerSecond * factor,
    requestsPerSecond: FIREHOSE_QUOTA_DEFAULT.requestsPerSecond * factor,
  };
  for (const group of scenario.replicas) {
    for (let count = 0; count < group.count; count++) {
      const index = members.length;
      const replica = new Replica({
        name: `replica-${index}`,
        clock,
        random,
        ceiling,
        backlogAgeMsObjective: scenario.backlogAgeObjectiveSeconds * 1000,
        sink: { put: (records, signal) => put(index, records, signal) },
      });
      members.push({ group, replica, isStarted: false, isAlive: false });
    }
  }

  const others = (member: Member): Member[] => members.filter((other) => other !== member && other.isAlive);
  const exchange = async (member: Member): Promise<void> => {
    let isNew = true;
    while (member.isAlive) {
      await clock.sleep(EXCHANGE_LATENCY_MS);
      for (const other of scenario.isCutOff ? [] : others(member)) {
        other.replica.hear(member.replica.claim);
        member.replica.hear(other.replica.claim);
        // As peers.ts: who comes changes everybody's part at once, and what one wants waits for the others' own rounds.
        if (isNew) other.replica.divide(others(other).length);
      }
      isNew = false;
      member.replica.divide(others(member).length);
      await clock.sleep(EXCHANGE_MS * (0.9 + 0.2 * random()));
    }
  };

  const turn = async (seconds: number): Promise<void> => {
    for (const { atSeconds, quotaMibPerSecond, failingFraction, latencyMs } of scenario.changes) {
      if (atSeconds < seconds || atSeconds >= seconds + STEP_MS / 1000) continue;
      if (quotaMibPerSecond !== undefined) quota.setMibPerSecond(quotaMibPerSecond, clock.monotonicMs());
      stream.failingFraction = failingFraction ?? stream.failingFraction;
      stream.latencyMs = latencyMs ?? stream.latencyMs;
      const told = quotaMibPerSecond !== undefined ? `quota ${quotaMibPerSecond} MiB/s` : "";
      note([told, failingFraction === undefined ? "" : `${failingFraction * 100} % fail`].filter(Boolean).join(", "));
    }
    const started: Member[] = [];
    for (const member of members) {
      const { group, replica } = member;
      if (!member.isStarted && group.startsAtSeconds <= seconds) {
        member.isStarted = member.isAlive = true;
        replica.arrive(group.backlogMib * MIB);
        started.push(member);
        if (seconds > 0) note(`${replica.name} starts`);
      }
      if (member.isAlive && group.diesAtSeconds !== undefined && group.diesAtSeconds <= seconds) {
        member.isAlive = false;
        const dead = replica.die();
        await clock.advance(1);
        await dead;
        note(`${replica.name} dies`);
      }
    }
    if (
      members.some(({ group }) => group.demand.some(({ fromSeconds }) => fromSeconds > 0 && fromSeconds === seconds))
    ) {
      const mibPerSecond = members.reduce((sum, { group }) => sum + demandAt(group, seconds), 0) / MIB;
      note(`${mibPerSecond.toFixed(1)} MiB/s come in`);
    }
    for (const member of started) {
      member.replica.start(others(member).length);
      void exchange(member);
    }
  };

  const steps: Step[] = [];
  let mibPerSecond = scenario.quotaMibPerSecond;
  for (let stepMs = 0; stepMs < scenario.seconds * 1000; stepMs += STEP_MS) {
    const seconds = stepMs / 1000;
    seen.length = 0;
    for (const _ of members) {
      seen.push({ isAlive: false, acceptedBytes: 0, throttledBytes: 0, backlogBytes: 0, bytesPerSecond: 0, level: 0 });
    }
    await turn(seconds);
    const bytesPerSecond = quota.limits().bytesPerSecond;
    for (const { group, replica, isAlive } of members) {
      if (!isAlive) continue;
      replica.arriving = demandAt(group, seconds);
      replica.arrive((demandAt(group, seconds) * STEP_MS) / 1000);
    }
    await clock.advance(stepMs + STEP_MS - clock.monotonicMs());
    if (scenario.growth !== undefined && quota.mibPerSecond !== mibPerSecond) {
      note(`grows to ${quota.mibPerSecond.toFixed(1)} MiB/s`);
    }
    mibPerSecond = quota.mibPerSecond;
    for (const [index, { replica, isAlive }] of members.entries()) {
      const mine = seen[index];
      if (mine === undefined || !isAlive) continue;
      Object.assign(mine, {
        isAlive,
        backlogBytes: replica.backlogBytes,
        bytesPerSecond: replica.bytesPerSecond,
        level: replica.level,
      });
    }
    const availableBytes = ((bytesPerSecond * STEP_MS) / 1000) * (1 - stream.failingFraction);
    steps.push({ seconds, availableBytes, replicas: [...seen] });
  }
  for (const { replica, isAlive } of members) {
    if (isAlive) void replica.die();
  }
  await clock.advance(1);
  return { scenario, steps, changes };
}
