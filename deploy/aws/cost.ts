/**
 * What a stream costs in a month, by volume and by how logs are packed into Firehose records: `bun deploy/aws/cost.ts`.
 *
 * Firehose bills each record rounded up to 5 KB (5,120 bytes), so that the packing decides, not the volume alone (developer
 * guide, "Quota"; price page). Pure but for reading prices.json, whose figures carry their dates.
 */
import { parseArgs } from "node:util";
import prices from "./prices.json" with { type: "json" };

export type Region = keyof typeof prices.regions;

/** How lines become Firehose records. */
export type Packing = "line" | "full" | "gzip";

export interface Volume {
  readonly region: Region;
  readonly logsPerSecond: number;
  /** Of one line of JSON with its line break, as it arrives in S3. */
  readonly lineBytes: number;
  readonly packing: Packing;
}

export interface MonthlyCost {
  readonly firehoseDollars: number;
  readonly objectsDollars: number;
  /** To keep one month's objects for a month. */
  readonly storageDollars: number;
  readonly totalDollars: number;
  readonly billedGb: number;
}

const SECONDS_PER_MONTH = 30 * 86_400;
const BYTES_PER_GB = 1e9;

export const BILLED_BYTES_STEP = 5_120;
/** The largest record (API reference, Record): exactly 200 steps. */
const RECORD_BYTES_MAX = 1_024_000;
/** gzip at level 1 on logs of 300 to 800 bytes, by this project's bench. */
const GZIP_RATIO = 5.5;
/** The buffer of the stream that the templates make: an object of so many bytes, or so old. */
const OBJECT_BYTES_MAX = 128 * 2 ** 20;
const OBJECT_SECONDS_MAX = 300;

/** Bytes that Firehose bills for one record of so many. */
export function billedBytes(recordBytes: number): number {
  return Math.max(1, Math.ceil(recordBytes / BILLED_BYTES_STEP)) * BILLED_BYTES_STEP;
}

export function monthlyCost({ region, logsPerSecond, lineBytes, packing }: Volume): MonthlyCost {
  const price = prices.regions[region];
  const bytes = logsPerSecond * lineBytes * SECONDS_PER_MONTH;
  const [recordBytes, sentBytes] = recordOf(packing, bytes, lineBytes);
  const billedGb = ((sentBytes / recordBytes) * billedBytes(recordBytes)) / BYTES_PER_GB;
  // The buffer's size is counted before compression; the templates compress in any case.
  const objects = Math.max(bytes / OBJECT_BYTES_MAX, SECONDS_PER_MONTH / OBJECT_SECONDS_MAX);
  const firehoseDollars = billedGb * price.firehosePerGb.dollars;
  const objectsDollars = (objects / 1_000) * price.s3PerThousandPuts.dollars;
  const storageDollars = (bytes / GZIP_RATIO / BYTES_PER_GB) * price.s3PerGbMonth.dollars;
  const totalDollars = firehoseDollars + objectsDollars + storageDollars;
  return { firehoseDollars, objectsDollars, storageDollars, totalDollars, billedGb };
}

/** Bytes of a record, and of all of them. */
function recordOf(packing: Packing, bytes: number, lineBytes: number): readonly [number, number] {
  if (packing === "line") return [lineBytes, bytes];
  const full = Math.floor(RECORD_BYTES_MAX / lineBytes) * lineBytes;
  return packing === "full" ? [full, bytes] : [full / GZIP_RATIO, bytes / GZIP_RATIO];
}

const ROWS: readonly [Packing, string][] = [
  ["line", "one line per record"],
  ["full", "full records"],
  ["gzip", "full records, `compression: gzip`"],
];

/** A table in Markdown: dollars a month by packing (rows) and logs per second (columns). */
export function costTable(region: Region, lineBytes: number, volumes: readonly number[]): string {
  const cells = (packing: Packing): string[] =>
    volumes.map((logsPerSecond) => {
      const { totalDollars, firehoseDollars } = monthlyCost({ region, logsPerSecond, lineBytes, packing });
      return `${dollars(totalDollars)} (${dollars(firehoseDollars)})`;
    });
  const rows = [
    [`${region}, lines of ${lineBytes} bytes`, ...volumes.map((volume) => `${volume.toLocaleString("en-US")} logs/s`)],
    ...ROWS.map(([packing, words]) => [words, ...cells(packing)]),
  ];
  const [head = [], ...body] = rows.map((row) => row);
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...body.map(line)].join("\n");
}

function dollars(amount: number): string {
  return `$${Math.round(amount).toLocaleString("en-US")}`;
}

const OPTIONS = {
  region: { type: "string", default: "ap-northeast-1" },
  "line-bytes": { type: "string", default: "800" },
  "logs-per-second": { type: "string", default: "500,2000,10000" },
  help: { type: "boolean", default: false },
} as const;

const USAGE = `Usage: bun deploy/aws/cost.ts [--region ${Object.keys(prices.regions).join("|")}] [--line-bytes ${OPTIONS["line-bytes"].default}] [--logs-per-second ${OPTIONS["logs-per-second"].default}]
`;

/** The table that the options ask for, undefined where they ask for none that can be made. */
function tableFor({ region, ...asked }: { region: string; "line-bytes": string; "logs-per-second": string }) {
  const lineBytes = Number(asked["line-bytes"]);
  const volumes = asked["logs-per-second"].split(",").map(Number);
  const isKnown = Object.hasOwn(prices.regions, region);
  if (!isKnown || !(lineBytes > 0 && lineBytes <= RECORD_BYTES_MAX) || !volumes.every((volume) => volume > 0)) return;
  return costTable(region as Region, lineBytes, volumes);
}

if (import.meta.main) {
  try {
    const { values } = parseArgs({ options: OPTIONS, strict: true });
    const table = values.help ? USAGE.trimEnd() : tableFor(values);
    if (table === undefined) throw new Error("There is no such region, size of a line, or volume");
    process.stdout.write(`${table}\n`);
  } catch (reason) {
    process.stderr.write(`${(reason as Error).message}\n${USAGE}`);
    process.exit(2);
  }
}
