/**
 * `bun clients/cli/bench/main.ts [--grep-mib 256] [--backlog-gib 5]`: how fast `grep` reads a folder, per core, and how soon `status`
 * answers with a backlog. Writes below TMPDIR: as much as is asked for, and removes it.
 *
 * Rates are raw OTLP by the CPU time that all threads took, the best of three readings of the folder.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createRequests } from "../../../collector/bench/requests.ts";
import { systemClock } from "../../../collector/clock.ts";
import { JournalInspection } from "../../../collector/journal/inspection.ts";
import { Journal } from "../../../collector/journal/journal.ts";
import { silentLog } from "../../../collector/log.ts";
import { AdminTestClient } from "../../../collector/testing/admin-client.ts";
import { CollectorProcess, freePorts } from "../../../collector/testing/system/collector-process.ts";
import { withFolder } from "../../../collector/testing/temporary.ts";
import { type Query, Search } from "../search.ts";
import { bytesWord } from "../words.ts";

const MIB = 1024 * 1024;
const SEGMENT_BYTES = 12 * MIB;
const STATUS_CALLS = 200;
/** The best of so many counts: what else the machine does only makes it slower. */
const ROUNDS = 3;

const USAGE = "Usage: bun clients/cli/bench/main.ts [--grep-mib 256] [--backlog-gib 5]\n";

/** How much to write of each; ends the program where that is not said in the words above. */
function sizesAsked(): { grepMib: number; backlogGib: number } {
  const options = {
    "grep-mib": { type: "string", default: "256" },
    "backlog-gib": { type: "string", default: "5" },
  } as const;
  try {
    const { values } = parseArgs({ options });
    const sizes = { grepMib: Number(values["grep-mib"]), backlogGib: Number(values["backlog-gib"]) };
    if (sizes.grepMib > 0 && sizes.backlogGib > 0) return sizes;
  } catch {
    // An option that there is not: said below, as a size that is none.
  }
  process.stderr.write(USAGE);
  process.exit(2);
}

const EVERYTHING: Query = {
  pattern: undefined,
  ignoresCase: false,
  isFixed: false,
  isInverted: false,
  severity: undefined,
  attributes: [],
  filter: undefined,
  sinceMs: undefined,
  untilMs: undefined,
};

function openJournal(directory: string, compression: "zstd" | "none"): Promise<Journal> {
  return Journal.open({
    directory,
    segmentBytesMax: SEGMENT_BYTES,
    commitBytesMax: MIB,
    bytesMax: 1024 * 1024 * MIB,
    compression,
    compressionLevel: 1,
    freeBytesMin: MIB,
    quarantineBytesMax: MIB,
    cursorIntervalMs: 20,
    clock: systemClock,
    random: Math.random,
    log: silentLog,
  });
}

async function benchGrep(directory: string, mib: number): Promise<void> {
  const journal = await openJournal(directory, "zstd");
  journal.route("default");
  let rawBytes = 0;
  const requests = createRequests({ count: 64, recordsEach: 1_000, seed: 1 });
  while (rawBytes < mib * MIB) {
    await Promise.all(requests.map(({ bytes, records }) => journal.append(bytes, records)));
    rawBytes += requests.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }
  await journal.close();
  const queries: Readonly<Record<string, Partial<Query>>> = {
    "grep of a word that is rare": { pattern: "never-there-at-all" },
    "grep of a pattern with a plain part": { pattern: "never-there-\\d+ failed" },
    "grep by severity, which few have": { severity: "FATAL" },
    "grep by attribute": { attributes: ["no.such=x"] },
    "grep of classes, without a plain part": { pattern: "[xy]\\d{9}z" },
    "grep of a plain part that all lines have": { pattern: "timestamp.*never-\\d" },
    "grep in either case": { pattern: "never there", ignoresCase: true },
    "grep of a class between two letters": { pattern: "q[a-z]+x[a-f]+q" },
    "grep of alternatives": { pattern: "(never|not) (there|here)|\\bgone\\b" },
    "grep of a beginning that is frequent": { pattern: "[a-z]+-[0-9]+-[xz]{3}" },
    "grep of what has no end": { pattern: "e.*r.*never.*[xyz]{4}" },
    "grep --count of what most lines have": { pattern: 'status_code":[2-5]\\d\\d' },
    "grep of a class of Unicode": { pattern: "\\p{Greek}+ [0-9]" },
    "grep of a class of Unicode that all lines have": { pattern: "\\p{L}+ \\p{N}+ never[xyz]" },
    "grep of what has too many states": { pattern: "[0-9a-f][^z]{14}zz" },
  };
  const best = new Map<string, Rate>();
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, query] of Object.entries(queries)) {
      const rate = await grep(directory, { ...EVERYTHING, ...query });
      if (rate.perCore > (best.get(name)?.perCore ?? 0)) best.set(name, rate);
    }
  }
  for (const [name, { perCore, byClock, found }] of best) {
    process.stdout.write(
      `${name.padEnd(48)} ${perCore.toFixed(0).padStart(6)} MB/s per core, ${byClock.toFixed(0)} by the clock, ${found} found\n`,
    );
  }
}

interface Rate {
  readonly perCore: number;
  readonly byClock: number;
  readonly found: number;
}

/** Reads the whole folder once. */
async function grep(directory: string, query: Query): Promise<Rate> {
  const inspection = await JournalInspection.open(directory);
  const search = new Search(query, inspection.collectorId);
  const before = process.cpuUsage();
  const sinceMs = performance.now();
  let read = 0;
  let found = 0;
  for await (const entry of inspection.read(0n, 1n << 62n)) {
    if (entry.kind !== "commit") throw new Error(entry.reason);
    read += entry.request.byteLength;
    for (const _ of search.lines(entry.request, entry.first, [0, entry.records], entry.committedAtMs)) found += 1;
  }
  const { user, system } = process.cpuUsage(before);
  await inspection.close();
  const perCore = read / 1e6 / ((user + system) / 1e6);
  return { perCore, byClock: read / 1e6 / ((performance.now() - sinceMs) / 1e3), found };
}

async function benchStatus(directory: string, gib: number): Promise<void> {
  const journal = await openJournal(join(directory, "journal"), "none");
  journal.route("default");
  const requests = createRequests({ count: 32, recordsEach: 1_000, seed: 1 });
  while (journal.status().bytes < gib * 1024 * MIB) {
    await Promise.all(requests.map(({ bytes, records }) => journal.append(bytes, records)));
  }
  const { bytes, segments } = journal.status();
  await journal.close();
  const ports = await freePorts();
  const settings = { journal: { bytesMax: "100GiB" } };
  await using collector = await CollectorProcess.start({ directory, endpoint: "http://127.0.0.1:9", ports, settings });
  using admin = new AdminTestClient(ports.control);
  const times: number[] = [];
  for (let call = 0; call < STATUS_CALLS; call++) {
    const sinceMs = performance.now();
    await admin.call("GetStatus");
    times.push(performance.now() - sinceMs);
  }
  times.sort((a, b) => a - b);
  const at = (part: number): string => `${(times[Math.floor(part * (times.length - 1))] ?? 0).toFixed(1)} ms`;
  process.stdout.write(
    `status with ${bytesWord(bytes)} in ${segments} segments: median ${at(0.5)}, 99 % within ${at(0.99)}, longest ${at(1)}\n`,
  );
  await collector.end("SIGTERM");
}

const { grepMib, backlogGib } = sizesAsked();
await withFolder((directory) => benchGrep(directory, grepMib));
await withFolder((directory) => benchStatus(directory, backlogGib));
