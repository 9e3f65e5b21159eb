/**
 * `bun run demo`: the main job, on embedded parts. A deploy burst meets a stream of 1 MiB/s, the collector is killed in
 * the middle of it, and at the end what arrived is held against what was sent.
 *
 *   application processes ──OTLP/gRPC──> collector (own process, killed once) ──AWS SDK──> local Firehose ──> objects
 *
 * Exit codes: 0 nothing was lost, and what came twice is explained by the kill; 1 otherwise; 2 wrong arguments.
 */
import { mkdirSync, rmSync, statfsSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { type LocalFirehose, startLocalFirehose } from "../server.ts";
import { type ApplicationReport, BATCH_RECORDS, EXPORTS_IN_FLIGHT } from "./application.ts";
import { type Audit, audit } from "./audit.ts";
import { CollectorProcess, type Status } from "./collector-process.ts";
import { count, ProgressView, seconds } from "./progress.ts";

const STREAM = "logs";
const MIB = 1_048_576;
const POLL_MS = 250;
/** How much of the burst is sent when the collector is killed, and how long it is away. */
const KILL_AT_SHARE = 0.5;
const DOWN_MS = 1_000;
/** What the collector leaves free, and holds back; and what a log takes in the journal and the objects together. */
const FREE_BYTES_MIN = 128 * MIB;
const DISK_BYTES_PER_LOG = 1_000;

/** The collector's own limits: what it may have open at Firehose when it is killed. */
const CALLS_IN_FLIGHT_MAX = 8;
const CALL_SECONDS_MAX = 0.25;

/** What the objects are called, by what their records are compressed with: Firehose itself does not compress them. */
const FILE_EXTENSIONS = { none: "", gzip: ".jsonl.gz", zstd: ".jsonl.zst" };

const HELP = `A deploy burst through Standpipe into a local Firehose, with the collector killed on the way.

  bun run demo [--logs 100000] [--seconds 5] [--processes 4] [--mib-per-second 1] [--out demo-out]
               [--compression none|gzip|zstd] [--gzip]

--compression has the collector compress each Firehose record, and more logs go through the same quota; --gzip is short
for --compression gzip. The folder --out gets the journal and the objects; what an earlier demo left there is replaced.
`;

interface Arguments {
  readonly logs: number;
  readonly seconds: number;
  readonly processes: number;
  readonly mibPerSecond: number;
  readonly compression: keyof typeof FILE_EXTENSIONS;
  readonly out: string;
}

class UsageError extends Error {}

function readArguments(): Arguments | undefined {
  const text = { type: "string" } as const;
  const options = {
    logs: text,
    seconds: text,
    processes: text,
    "mib-per-second": text,
    compression: text,
    gzip: { type: "boolean" },
    out: text,
    help: { type: "boolean", short: "h" },
  } as const;
  let values: ReturnType<typeof parseArgs<{ options: typeof options }>>["values"];
  try {
    values = parseArgs({ options }).values;
  } catch (reason) {
    throw new UsageError(`${(reason as Error).message.split(". ")[0]}. Try --help.`);
  }
  if (values.help === true) return undefined;
  const number = (name: string, value: string | undefined, fallback: number, min: number, max: number): number => {
    const parsed = value === undefined ? fallback : Number(value);
    if (parsed >= min && parsed <= max) return parsed;
    throw new UsageError(`--${name} must be a number from ${min} to ${max}, and is "${value}".`);
  };
  const compression = values.compression ?? (values.gzip === true ? "gzip" : "none");
  if (!isCompression(compression)) {
    throw new UsageError(`--compression must be none, gzip or zstd, and is "${compression}".`);
  }
  return {
    compression,
    logs: Math.floor(number("logs", values.logs, 100_000, 100, 5_000_000)),
    seconds: number("seconds", values.seconds, 5, 1, 600),
    processes: Math.floor(number("processes", values.processes, 4, 1, 32)),
    mibPerSecond: number("mib-per-second", values["mib-per-second"], 1, 0.1, 100),
    out: resolve(values.out ?? "demo-out"),
  };
}

function isCompression(text: string): text is keyof typeof FILE_EXTENSIONS {
  return Object.hasOwn(FILE_EXTENSIONS, text);
}

/** One process of the application, and what it last said. */
class Application {
  readonly name: string;
  readonly logs: number;
  report: ApplicationReport = { emitted: 0, acknowledged: 0, dropped: 0, retries: 0, done: false };
  readonly ended: Promise<number>;
  readonly #process: ReturnType<typeof Bun.spawn>;

  constructor(name: string, logs: number, seconds: number, url: string) {
    this.name = name;
    this.logs = logs;
    const entry = resolve(import.meta.dir, "application.ts");
    const started = Bun.spawn({
      cmd: [
        process.execPath,
        entry,
        "--url",
        url,
        "--name",
        name,
        "--logs",
        String(logs),
        "--seconds",
        String(seconds),
      ],
      stdout: "pipe",
      stderr: "inherit",
    });
    this.#process = started;
    this.ended = this.#listen(started.stdout).then(() => started.exited);
  }

  async #listen(output: ReadableStream<Uint8Array>): Promise<void> {
    let rest = "";
    const decoder = new TextDecoder();
    for await (const chunk of output) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      const last = lines.at(-1);
      if (last !== undefined) this.report = JSON.parse(last) as ApplicationReport;
    }
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }
}

async function run(options: Arguments): Promise<number> {
  const objects = resolve(options.out, "objects");
  const journal = resolve(options.out, "journal");
  for (const folder of [objects, journal]) rmSync(folder, { recursive: true, force: true });
  mkdirSync(options.out, { recursive: true });
  const disk = statfsSync(options.out);
  const neededBytes = FREE_BYTES_MIN + options.logs * DISK_BYTES_PER_LOG;
  if (disk.bavail * disk.bsize < neededBytes) {
    const needed = `${Math.ceil(neededBytes / MIB)} MiB of free disk`;
    throw new UsageError(
      `${options.out} needs ${needed} for ${count(options.logs)} logs: name another folder with --out.`,
    );
  }

  const fileExtension = FILE_EXTENSIONS[options.compression];
  const stream = { name: STREAM, mibPerSecond: options.mibPerSecond, bufferSeconds: 10, fileExtension };
  const firehose = await startLocalFirehose({ directory: objects, port: 0, streams: [stream] });
  const collector = await CollectorProcess.create({
    STANDPIPE_JOURNAL_DIRECTORY: journal,
    STANDPIPE_FIREHOSE_STREAM: STREAM,
    STANDPIPE_FIREHOSE_ENDPOINT: firehose.url,
    STANDPIPE_FIREHOSE_REGION: "ap-northeast-1",
    STANDPIPE_FIREHOSE_BYTES_PER_SECOND: String(Math.floor(options.mibPerSecond * MIB)),
    STANDPIPE_FIREHOSE_RECORD_ID: "true",
    STANDPIPE_FIREHOSE_COMPRESSION: options.compression,
    AWS_ACCESS_KEY_ID: "local",
    AWS_SECRET_ACCESS_KEY: "local",
  });
  const applications: Application[] = [];
  const cleanUp = (): void => {
    for (const application of applications) application.kill();
    void collector.kill();
  };
  // Through `bun run` one Ctrl-C comes twice, and the second must not end this before it has cleaned up.
  process.on("SIGINT", () => {
    cleanUp();
    process.stderr.write("\nstopped; nothing was checked\n");
    process.exit(1);
  });
  try {
    return await play(options, firehose, collector, applications);
  } finally {
    cleanUp();
    await firehose.stop();
  }
}

async function play(
  options: Arguments,
  firehose: LocalFirehose,
  collector: CollectorProcess,
  applications: Application[],
): Promise<number> {
  const view = new ProgressView(process.stdout);
  view.say(`a local Firehose takes ${options.mibPerSecond} MiB/s on ${firehose.url}`);
  await collector.start();
  view.say(`a collector takes OTLP/gRPC on ${collector.url}`);
  view.say(
    `${options.processes} processes log ${count(options.logs)} records in ${options.seconds} s, as after a deploy\n`,
  );

  const startMs = performance.now();
  for (let index = 0; index < options.processes; index++) {
    const share =
      Math.floor(((index + 1) * options.logs) / options.processes) -
      Math.floor((index * options.logs) / options.processes);
    applications.push(new Application(`checkout-${index + 1}`, share, options.seconds, collector.url));
  }
  const sum = (of: (report: ApplicationReport) => number): number =>
    applications.reduce((total, { report }) => total + of(report), 0);
  const elapsed = (): number => (performance.now() - startMs) / 1_000;

  let killing: Promise<void> | undefined;
  let isDown = false;
  let note = "the burst";
  let acknowledgedSeconds: number | undefined;
  let emittedSeconds: number | undefined;
  let deadSeconds = 0;
  for (;;) {
    const status: Status | undefined = isDown ? undefined : await collector.status();
    const route = status?.routes[0];
    const counters = firehose.counters(STREAM);
    view.show({
      elapsedSeconds: elapsed(),
      sent: sum((report) => report.emitted),
      total: options.logs,
      acknowledged: sum((report) => report.acknowledged),
      onDisk: route?.ledger.waiting,
      delivered: route?.ledger.delivered ?? 0,
      deliveredBytes: counters.acceptedBytes,
      throttledRecords: counters.throttledRecords,
      drainSeconds: route?.drainSeconds,
      note,
    });
    if (killing === undefined && sum((report) => report.emitted) >= options.logs * KILL_AT_SHARE) {
      killing = (async () => {
        const before = await collector.status();
        isDown = true;
        const killedSeconds = elapsed();
        await collector.kill();
        note = "the collector is dead (SIGKILL)";
        const flight = before?.routes[0]?.delivery.inFlight;
        view.say(
          `${seconds(elapsed())}  SIGKILL, with ${count(before?.routes[0]?.ledger.waiting ?? 0)} records waiting on disk and ${flight?.calls ?? 0} calls to Firehose open`,
        );
        await Bun.sleep(DOWN_MS);
        await collector.start();
        isDown = false;
        deadSeconds = elapsed() - killedSeconds;
        note = "started again, draining";
        view.say(`${seconds(elapsed())}  started again`);
      })();
    }
    if (sum((report) => report.emitted) >= options.logs) emittedSeconds ??= elapsed();
    if (sum((report) => report.acknowledged) >= options.logs) acknowledgedSeconds ??= elapsed();
    if (sum((report) => (report.done ? 1 : 0)) === options.processes && route?.ledger.waiting === 0) break;
    const failed = applications.find(({ report }) => report.dropped > 0);
    if (failed !== undefined) throw new Error(`${failed.name} dropped ${failed.report.dropped} records`);
    await Bun.sleep(POLL_MS);
  }
  await killing;
  const drainedSeconds = elapsed();
  await collector.stop();
  await Promise.all(applications.map(({ ended }) => ended));
  const counters = { ...firehose.counters(STREAM) };
  await firehose.stop();

  view.say(`${seconds(drainedSeconds)}  all delivered; reading the objects back`);
  const stored = await firehose.objects();
  const sent = new Map(applications.map(({ name, logs }) => [name, logs]));
  const found = await audit(
    stored.map(({ path }) => path),
    sent,
  );
  return report({
    options,
    found,
    counters,
    drainedSeconds,
    acknowledgedSeconds: acknowledgedSeconds ?? drainedSeconds,
    emittedSeconds: emittedSeconds ?? drainedSeconds,
    deadSeconds,
    objects: stored.length,
    retries: sum((each) => each.retries),
    view,
    firehose,
  });
}

function report(result: {
  options: Arguments;
  found: Audit;
  counters: { acceptedBytes: number; billedBytes: number; throttledRecords: number };
  drainedSeconds: number;
  /** When the last log was on disk. */
  acknowledgedSeconds: number;
  /** When the application had logged the last one. */
  emittedSeconds: number;
  /** Between the kill and the restart. */
  deadSeconds: number;
  objects: number;
  retries: number;
  view: ProgressView;
  firehose: LocalFirehose;
}): number {
  const { options, found, counters, drainedSeconds, retries, view } = result;
  // What the kill may double: each export whose answer it swallowed was tried again, and is a batch at most.
  const retriedMax = Math.min(retries, options.processes * EXPORTS_IN_FLIGHT) * BATCH_RECORDS;
  // And each call to Firehose that was open at that moment.
  const lineBytes = counters.acceptedBytes / Math.max(1, found.lines);
  const callBytesMax = options.mibPerSecond * MIB * CALL_SECONDS_MAX;
  const openMax = Math.ceil((CALLS_IN_FLIGHT_MAX * callBytesMax) / lineBytes);
  const isExplained = found.acceptedTwice <= retriedMax && found.sentTwice.count <= openMax && found.foreign === 0;
  const bestSeconds = counters.acceptedBytes / (options.mibPerSecond * MIB);
  const { sentTwice } = found;
  const lines = [
    "",
    `  sent            ${count(options.logs)}`,
    `  lost            ${count(found.lost)}`,
    `  duplicates      ${count(sentTwice.count + found.acceptedTwice)}, all in the window that the kill left open:`,
    `                  ${count(sentTwice.count)} in calls to Firehose that were open${sentTwice.count === 0 ? "" : ` (ordinals ${sentTwice.firstOrdinal} to ${sentTwice.lastOrdinal}; at most ${count(openMax)})`}`,
    `                  ${count(found.acceptedTwice)} in exports whose answer was swallowed (at most ${count(retriedMax)})`,
    `  time to drain   ${seconds(drainedSeconds).trim()}; the quota allows ${seconds(bestSeconds).trim()} for these ${(counters.acceptedBytes / MIB).toFixed(1)} MiB (${(bestSeconds / drainedSeconds).toFixed(2)} of it used)`,
    `                  ${seconds(result.emittedSeconds).trim()} of it the burst itself, ${seconds(result.deadSeconds).trim()} with the collector dead,`,
    `                  ${seconds(drainedSeconds - result.acknowledgedSeconds).trim()} after the last log was acknowledged`,
    `  throttled       ${count(counters.throttledRecords)} Firehose records`,
    `  lines           ${(found.lineBytes / MIB).toFixed(1)} MiB, ${(found.lineBytes / MIB / drainedSeconds).toFixed(1)} MiB/s through a quota of ${options.mibPerSecond} MiB/s`,
    `  billed          ${(counters.billedBytes / MIB).toFixed(1)} MiB, each Firehose record rounded up to 5 KB`,
    "",
    `  ${result.objects} objects in ${resolve(options.out, "objects")}`,
    "",
    "  The same collector on a real stream:",
    "    AWS_REGION=ap-northeast-1 STANDPIPE_FIREHOSE_STREAM=<your stream> bun run start",
    "",
  ];
  for (const line of lines) view.say(line);
  if (found.lost > 0) view.say(`FAILED: ${count(found.lost)} records were lost`);
  else if (!isExplained) view.say("FAILED: more came twice, or something else came, than the kill explains");
  return found.lost === 0 && isExplained ? 0 : 1;
}

try {
  const options = readArguments();
  if (options === undefined) process.stdout.write(HELP);
  process.exit(options === undefined ? 0 : await run(options));
} catch (reason) {
  process.stderr.write(`demo: ${reason instanceof Error ? reason.message : String(reason)}\n`);
  process.exit(reason instanceof UsageError ? 2 : 1);
}
