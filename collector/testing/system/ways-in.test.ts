/**
 * Every way in at once, with requests of all sizes, strangers who break off, and a kill in the middle: what is delivered is,
 * byte by byte, what was sent. Memory of requests, commits and calls is used again and again on the way; where one got hold
 * of another's, bodies would be mixed.
 */
import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import type { Random } from "../../clock.ts";
import { withFolder } from "../temporary.ts";
import { CollectorProcess, freePorts } from "./collector-process.ts";
import { seededRandom } from "./kill-rounds.ts";
import { startFirehose } from "./observed-firehose.ts";
import { breakOff, openWays, type Way } from "./ways-in.ts";

const LIMIT_MS = 240_000;
const KIB = 1024;
/** Requests by each way. */
const REQUESTS = 25;
/** A body stays below what Firehose takes as one record. */
const BODY_BYTES_MAX = 400 * KIB;
const REQUEST_BYTES_MAX = 3_600 * KIB;
const RETRY_MS = 30;

/** Text that does not compress, from which each body is cut: `bodyOf` says where. */
const POOL = Array.from({ length: 16 * KIB }, (_, index) =>
  createHash("sha512").update(String(index)).digest("base64url"),
).join("");

/** What a key stands for: its own text, of the length that is in its name. */
function bodyOf(key: string): string {
  const bytes = Number(key.split(":").at(-1));
  const at = Bun.hash.crc32(key) % (POOL.length - bytes);
  return `${key} ${POOL.slice(at, at + bytes)}`;
}

/** Mostly a few short records; now and then one that is long, or many that fill a request. */
function keysOfRequest(prefix: string, random: Random): string[] {
  const kind = random();
  const records = kind < 0.9 ? 1 + Math.floor(random() * 20) : Math.floor(REQUEST_BYTES_MAX / BODY_BYTES_MAX);
  const bytes = kind < 0.6 ? 300 : kind < 0.9 ? 20 * KIB : BODY_BYTES_MAX;
  return Array.from({ length: records }, (_, index) => `${prefix}:${index}:${Math.floor(random() * bytes)}`);
}

async function sendAll(name: string, way: Way, random: Random, acknowledged: Set<string>): Promise<void> {
  for (let count = 0; count < REQUESTS; count++) {
    const keys = keysOfRequest(`${name}:${count}`, random);
    while (!(await way(keys.map(bodyOf)))) await Bun.sleep(RETRY_MS);
    for (const key of keys) acknowledged.add(key);
  }
}

test(
  "by gRPC, streams and HTTP, packed or not, large and small, across a kill: each body arrives as it was sent",
  async () => {
    await withFolder(async (directory) => {
      const random = seededRandom(7);
      await using firehose = await startFirehose(directory, { random });
      firehose.local.faults.add({ kind: "latency", ms: 2, jitterMs: 30 });
      firehose.local.faults.add({ kind: "throttle", pattern: "random", fraction: 0.3, probability: 0.1 });
      const ports = await freePorts();
      const settings = { firehose: { recordId: true, bytesPerSecond: "64MiB" } };
      const options = { directory, endpoint: firehose.local.url, ports, settings };
      const acknowledged = new Set<string>();
      const first = await CollectorProcess.start(options);
      await using ways = await openWays(ports);
      const stopping = new AbortController();
      const strangers = ["a", "b"].map((name) =>
        breakOff(ports, bodyOf(`stranger-${name}:${BODY_BYTES_MAX}`), random, stopping.signal),
      );
      const named = Object.entries(ways.all);
      const sending = Promise.all(named.map(([name, way]) => sendAll(name, way, random, acknowledged)));
      await Promise.race([first.until(({ ingest }) => ingest.acknowledgedRecords > 600), sending]);
      await first.end("SIGKILL");
      await using second = await CollectorProcess.start(options);
      await sending;
      stopping.abort();
      await Promise.all(strangers);
      const { journal, routes } = await second.until((status) => status.routes[0].ledger.waiting === 0);
      expect(routes[0].ledger).toMatchObject({ accepted: journal.head, delivered: journal.head, quarantined: 0 });

      const arrived = new Set<string>();
      for (const { key, body } of await firehose.lines()) {
        if (body !== bodyOf(key)) throw new Error(`${key} did not arrive as it was sent`);
        arrived.add(key);
      }
      expect([...acknowledged].filter((key) => !arrived.has(key))).toEqual([]);
      for (const [name] of named) expect([...acknowledged].filter((key) => key.startsWith(`${name}:`))).not.toEqual([]);
      expect([...arrived].filter((key) => key.startsWith("stranger"))).toEqual([]);
    });
  },
  LIMIT_MS,
);
