/**
 * A replica that goes, with Firehose down: what it has not delivered goes to the others, who deliver it later under the
 * ids that it had; killed at any moment meanwhile, nothing is lost.
 */
import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { withFolder } from "../temporary.ts";
import { CollectorProcess, freePorts, type Ports, type Settings } from "./collector-process.ts";
import { countBy, type ObservedFirehose, startFirehose } from "./observed-firehose.ts";
import { Sender } from "./sender.ts";

const VERIFY = join(import.meta.dir, "../../../clients/verify/main.ts");
const LIMIT_MS = 180_000;
const REQUESTS = 30;
const RECORDS = 20 * REQUESTS;
/** In 1 MiB of these. */
const PIECE_RECORDS_MAX = 2 ** 20 / 100;

interface FleetView {
  readonly peers: { readonly heard: readonly unknown[] };
  readonly routes: readonly [{ readonly ledger: { readonly handedOver: number; readonly waiting: number } }];
}

class Fleet implements AsyncDisposable {
  readonly #directory: string;
  readonly #endpoint: string;
  readonly #ports: readonly Ports[];
  readonly #settings: Settings;
  readonly running: CollectorProcess[] = [];
  #past = "";

  private constructor(directory: string, endpoint: string, ports: readonly Ports[], settings: Settings) {
    this.#directory = directory;
    this.#endpoint = endpoint;
    this.#ports = ports;
    this.#settings = settings;
  }

  /** That many replicas, all of whom have heard all. */
  static async start(
    directory: string,
    firehose: ObservedFirehose,
    count: number,
    settings: Settings = {},
  ): Promise<Fleet> {
    const ports: Ports[] = [];
    for (let each = 0; each < count; each++) ports.push(await freePorts());
    const fleet = new Fleet(directory, firehose.local.url, ports, settings);
    await Promise.all(ports.map((_, index) => fleet.restart(index)));
    for (const replica of fleet.running) await seen(replica, ({ peers }) => peers.heard.length === count - 1);
    return fleet;
  }

  async restart(index: number, settings: Settings = {}): Promise<CollectorProcess> {
    const directory = join(this.#directory, `replica-${index}`);
    mkdirSync(directory, { recursive: true });
    const addresses = this.#ports.map(({ ingest }) => `127.0.0.1:${ingest}`).join(",");
    const replica = await CollectorProcess.start({
      directory,
      endpoint: this.#endpoint,
      ports: this.#ports[index] as Ports,
      settings: {
        ...this.#settings,
        ...settings,
        peers: { addresses, intervalMs: 200, leaseMs: 1_000 },
        firehose: { recordId: true, ...this.#settings.firehose },
        shutdown: { drainMsMax: 8_000, ...this.#settings.shutdown },
      },
    });
    this.#past += this.running[index]?.log ?? "";
    this.running[index] = replica;
    return replica;
  }

  /** The log lines of all that ran. */
  get said(): string {
    return this.#past + this.running.map(({ log }) => log).join("");
  }

  at(index: number): CollectorProcess {
    const replica = this.running[index];
    if (replica === undefined) throw new Error(`replica ${index} was never started`);
    return replica;
  }

  sender(index: number): Sender {
    return new Sender({ name: `to-${index}`, port: (this.#ports[index] as Ports).ingest });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.running.map((replica) => replica[Symbol.asyncDispose]()));
  }
}

async function seen(replica: CollectorProcess, condition: (view: FleetView) => boolean): Promise<FleetView> {
  const view = await replica.until((status) => condition(status as unknown as FleetView));
  return view as unknown as FleetView;
}

/** The ranges of which log lines say that they may be delivered twice. */
function perhapsTwice(log: string): { first: number; end: number }[] {
  return log
    .split("\n")
    .filter((line) => line.includes("hand-over") && line.includes('"first"'))
    .map((line) => JSON.parse(line) as { first: string; end: string })
    .map(({ first, end }) => ({ first: Number(first), end: Number(end) }));
}

function takeDown(firehose: ObservedFirehose): number {
  return firehose.local.faults.add({ kind: "outage" });
}

test(
  "SIGTERM with Firehose down: all is handed over, the exit code is 0, and the other delivers it once, under the old ids",
  async () => {
    await withFolder(async (directory) => {
      await using firehose = await startFirehose(directory);
      const down = takeDown(firehose);
      await using fleet = await Fleet.start(directory, firehose, 2);
      using sender = fleet.sender(0);
      for (let each = 0; each < REQUESTS; each++) await sender.send();
      const { collectorId } = (await fleet.at(0).status()).journal;
      expect(await fleet.at(0).end("SIGTERM")).toBe(0);
      expect(fleet.at(0).waitingAtEnd).toBe(0);
      const { journal } = await fleet.at(1).status();
      expect(journal.head).toBe(RECORDS);
      firehose.local.faults.clear(down);
      await seen(fleet.at(1), ({ routes }) => routes[0].ledger.waiting === 0);
      const lines = await firehose.lines();
      expect(new Set(lines.map(({ key }) => key))).toEqual(sender.acknowledged);
      const ids = lines.map(({ recordId = "" }) => recordId);
      expect(new Set(ids).size).toBe(RECORDS);
      expect(ids).toHaveLength(RECORDS);
      expect(ids.every((id) => id.startsWith(`${collectorId}/`))).toBe(true);
      // Its volume holds nothing that anybody waits for: started again, it delivers nothing.
      const again = await fleet.restart(0);
      const view = await seen(again, ({ routes }) => routes[0].ledger.waiting === 0);
      expect(view.routes[0].ledger.handedOver).toBe(RECORDS);
      expect(await firehose.lines()).toHaveLength(RECORDS);
    });
  },
  LIMIT_MS,
);

test(
  "a rollout with Firehose down takes the same logs around and back: each is delivered once, under its first id",
  async () => {
    await withFolder(async (directory) => {
      await using firehose = await startFirehose(directory);
      const down = takeDown(firehose);
      await using fleet = await Fleet.start(directory, firehose, 2, { shutdown: { drainMsMax: 6_000 } });
      using sender = fleet.sender(0);
      for (let each = 0; each < REQUESTS; each++) await sender.send();
      const { collectorId } = (await fleet.at(0).status()).journal;
      // Whoever goes has all of them, and the one that stays had them before.
      for (const index of [0, 1, 0, 1]) {
        expect(await fleet.at(index).end("SIGTERM")).toBe(0);
        await fleet.restart(index);
        for (const replica of fleet.running) await seen(replica, ({ peers }) => peers.heard.length === 1);
      }
      firehose.local.faults.clear(down);
      for (const replica of fleet.running) await seen(replica, ({ routes }) => routes[0].ledger.waiting === 0);
      const lines = await firehose.lines();
      const keys = countBy(lines, ({ key }) => key);
      expect([keys.size, Math.max(...keys.values())]).toEqual([RECORDS, 1]);
      expect(lines.every(({ recordId = "" }) => recordId.startsWith(`${collectorId}/`))).toBe(true);
    });
  },
  LIMIT_MS,
);

test(
  "with Firehose at work it delivers what waits before it goes, and hands nothing over",
  async () => {
    await withFolder(async (directory) => {
      await using firehose = await startFirehose(directory, { mibPerSecond: 0.25 });
      await using fleet = await Fleet.start(directory, firehose, 2, { firehose: { bytesPerSecond: "256KiB" } });
      using sender = fleet.sender(0);
      for (let each = 0; each < 2 * REQUESTS; each++) await sender.send();
      fleet.at(0).kill("SIGTERM");
      fleet.at(0).kill("SIGTERM");
      expect(await fleet.at(0).exited).toBe(0);
      expect((await fleet.at(1).status()).journal.head).toBe(0);
      const keys = countBy(await firehose.lines(), ({ key }) => key);
      expect([keys.size, Math.max(...keys.values())]).toEqual([2 * RECORDS, 1]);
    });
  },
  LIMIT_MS,
);

test(
  "with nobody to take it, it keeps everything, exits with 1, and says how much, why and where; its next start delivers",
  async () => {
    await withFolder(async (directory) => {
      await using firehose = await startFirehose(directory);
      const down = takeDown(firehose);
      await using fleet = await Fleet.start(directory, firehose, 2, { shutdown: { drainMsMax: 3_000 } });
      using sender = fleet.sender(0);
      for (let each = 0; each < REQUESTS; each++) await sender.send();
      await fleet.at(1).end("SIGKILL");
      expect(await fleet.at(0).end("SIGTERM")).toBe(1);
      expect(fleet.at(0).log).toContain(`"logRecords":"${RECORDS}"`);
      expect(fleet.at(0).log).toContain(`"directory":"${join(directory, "replica-0", "journal")}"`);
      firehose.local.faults.clear(down);
      const again = await fleet.restart(0);
      await seen(again, ({ routes }) => routes[0].ledger.waiting === 0);
      const keys = countBy(await firehose.lines(), ({ key }) => key);
      expect([keys.size, Math.max(...keys.values())]).toEqual([RECORDS, 1]);
    });
  },
  LIMIT_MS,
);

for (const victim of ["giver", "taker"] as const) {
  test(
    `the ${victim} killed at any moment of a hand-over loses nothing; a double has the same id`,
    async () => {
      await withFolder(async (directory) => {
        await using firehose = await startFirehose(directory);
        const down = takeDown(firehose);
        await using fleet = await Fleet.start(directory, firehose, 2, { shutdown: { drainMsMax: 2_000 } });
        using sender = fleet.sender(0);
        let round = 0;
        for (const delayMs of [1_000, 1_060, 1_120, 1_250]) {
          for (let each = 0; each < REQUESTS; each++) await sender.send();
          fleet.at(0).kill("SIGTERM");
          await Bun.sleep(delayMs);
          await fleet.at(victim === "giver" ? 0 : 1).end("SIGKILL");
          await fleet.at(0).exited;
          const restarted = [fleet.restart(0), ...(victim === "taker" ? [fleet.restart(1)] : [])];
          await Promise.all(restarted);
          for (const replica of fleet.running) await seen(replica, ({ peers }) => peers.heard.length === 1);
          round++;
        }
        firehose.local.faults.clear(down);
        for (const replica of fleet.running) await seen(replica, ({ routes }) => routes[0].ledger.waiting === 0);
        const lines = await firehose.lines();
        const idsOf = new Map<string, Set<string>>();
        for (const { key, recordId = "" } of lines) idsOf.set(key, (idsOf.get(key) ?? new Set()).add(recordId));
        expect(round).toBe(4);
        expect(new Set(idsOf.keys())).toEqual(sender.acknowledged);
        // Nobody was killed while it took from the sender, so each record was accepted once.
        expect([...idsOf.values()].every((ids) => ids.size === 1)).toBe(true);
        // What was delivered by both is one piece a time at most, and was told.
        const told = perhapsTwice(fleet.said);
        expect(told.every(({ first, end }) => end - first <= PIECE_RECORDS_MAX)).toBe(true);
        const doubled = lines.filter(({ ordinal }, at) => lines.findIndex((each) => each.ordinal === ordinal) < at);
        const isTold = (ordinal: number) => told.some(({ first, end }) => first <= ordinal && ordinal < end);
        expect(doubled.filter(({ ordinal }) => !isTold(ordinal))).toEqual([]);
        console.log(JSON.stringify({ victim, told: told.length, doubled: doubled.length }));
      });
    },
    LIMIT_MS,
  );
}

test(
  "given around and back while givers and takers are killed in the middle: nothing is lost, a double has the same id",
  async () => {
    await withFolder(async (directory) => {
      await using firehose = await startFirehose(directory);
      const down = takeDown(firehose);
      await using fleet = await Fleet.start(directory, firehose, 2, { shutdown: { drainMsMax: 2_000 } });
      using sender = fleet.sender(0);
      for (let each = 0; each < 5 * REQUESTS; each++) await sender.send();
      for (const [round, killed] of ["giver", "taker", "taker", "giver", "nobody", "nobody"].entries()) {
        const [giver, taker] = round % 2 === 0 ? [0, 1] : [1, 0];
        fleet.at(giver).kill("SIGTERM");
        if (killed !== "nobody") {
          // In the middle: when it has begun to take.
          const before = (await fleet.at(taker).status()).journal.head;
          const begun = fleet.at(taker).until(({ journal }) => journal.head > before);
          await Promise.race([begun, fleet.at(giver).exited]);
          await fleet.at(killed === "giver" ? giver : taker).end("SIGKILL");
        }
        await fleet.at(giver).exited;
        await Promise.all([fleet.restart(giver), ...(killed === "taker" ? [fleet.restart(taker)] : [])]);
        for (const replica of fleet.running) await seen(replica, ({ peers }) => peers.heard.length === 1);
      }
      firehose.local.faults.clear(down);
      for (const replica of fleet.running) await seen(replica, ({ routes }) => routes[0].ledger.waiting === 0);
      const lines = await firehose.lines();
      const ids = new Map<string, Set<string>>();
      for (const { key, recordId = "" } of lines) ids.set(key, (ids.get(key) ?? new Set()).add(recordId));
      expect(new Set(ids.keys())).toEqual(sender.acknowledged);
      expect([...ids.values()].every((each) => each.size === 1)).toBe(true);
      // And the ledgers say so, with all that was begun and not finished.
      const ledgers = fleet.running.flatMap(({ ports }) => ["--ledger", `http://127.0.0.1:${ports.admin}`]);
      const cmd = [process.execPath, VERIFY, "--from", join(directory, "objects"), ...ledgers];
      // This process must go on meanwhile: it is Firehose.
      const proof = Bun.spawn({ cmd, stdout: "pipe", stderr: "inherit" });
      const text = await new Response(proof.stdout).text();
      expect(text).toContain("COMPLETE");
      expect([await proof.exited, text.match(/elsewhere|unproved/)]).toEqual([0, null]);
    });
  },
  LIMIT_MS,
);
