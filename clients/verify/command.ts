/** `standpipe verify`: words in, words and an exit code out. */
import { parseArgs } from "node:util";
import { readLedger } from "./ledgers.ts";
import { folderSource, type ObjectSource, s3Source } from "./objects.ts";
import { Problem } from "./problem.ts";
import { exitCodeOf, toJson, toText } from "./report.ts";
import { verify } from "./verify.ts";

export const VERIFY_HELP = `Reads what arrived and holds it against the ledger: which log records are missing, doubled, foreign.

Usage: standpipe verify --from PLACE --ledger LEDGER [options]   (or bun run verify)

  --from PLACE        a folder, or s3://bucket/prefix; objects may be .gz, .zst or plain
  --ledger LEDGER     http://host:4319 of a running collector, what its /status said in a file, or the journal's folder
                      of a stopped one; once for each collector that delivers there, and for each that handed
                      logs over to one
  --route NAME        which route filled these objects, where a collector has several
  --key NAME          the member of a line that holds the record id, recordId unless told
  --state FILE        keep what was read there, and go on from it after an interruption
  --ranges NUMBER     how many ranges are told of each kind, 20 unless told
  --endpoint URL      another S3 than AWS's
  --region NAME       of the bucket, where the AWS default chain does not say
  --json              findings as JSON
  --help              this

The route needs \`recordId: true\`. Firehose holds logs back for up to its buffering interval: ask for the ledger first, wait that
long, then read:

  curl -s 127.0.0.1:4319/status > ledger.json; sleep 900
  standpipe verify --from s3://my-bucket/logs/ --ledger ledger.json --state verify.state

What is proved: a ledger knows how many log records were filtered or quarantined, not which. None of these arrives; so where as many
are missing, nothing else is. Where more are missing, that many are lost, and the ranges hold both kinds. It is exact for a
ledger of a moment when nothing waited: its counts hold what was finished beyond its cursor, too.

Exit status: 0 all that was delivered has arrived, 1 something is missing or unreadable, 2 it could not be said.
`;

const OPTIONS = {
  from: { type: "string" },
  ledger: { type: "string", multiple: true },
  route: { type: "string" },
  key: { type: "string" },
  state: { type: "string" },
  ranges: { type: "string" },
  endpoint: { type: "string" },
  region: { type: "string" },
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

const RANGES_DEFAULT = 20;
const RANGES_MAX = 100_000;

export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** Whether progress may be drawn over itself. */
  readonly isInteractive: boolean;
  readonly signal: AbortSignal;
}

/** Resolves with the exit code. */
export async function runVerify(words: readonly string[], terminal: Terminal): Promise<number> {
  try {
    const values = readWords(words);
    if (values.help === true) {
      terminal.out(VERIFY_HELP);
      return 0;
    }
    const { from, ledger: ledgers = [] } = values;
    if (from === undefined) throw new Problem("--from is needed: where did the logs arrive? Try --help.");
    if (ledgers.length === 0) throw new Problem("--ledger is needed: what was delivered? Try --help.");
    const rangesMax = Number(values.ranges ?? RANGES_DEFAULT);
    if (!Number.isInteger(rangesMax) || rangesMax < 0 || rangesMax > RANGES_MAX)
      throw new Problem(`--ranges must be a whole number from 0 to ${RANGES_MAX}`);
    // Before the objects: what is delivered while they are read is not held against it.
    const facts = await Promise.all(ledgers.map((each) => readLedger(each, values.route)));
    const twice = facts.find(
      ({ collectorId }, index) => facts.findIndex((other) => other.collectorId === collectorId) !== index,
    );
    if (twice !== undefined) throw new Problem(`--ledger names collector ${twice.collectorId} twice`);
    const source = await sourceOf(from, values);
    try {
      const findings = await verify({
        source,
        ledgers: facts,
        key: values.key ?? "recordId",
        rangesMax,
        stateFile: values.state,
        signal: terminal.signal,
        onProgress: drawProgress(terminal),
      });
      if (terminal.isInteractive) terminal.err("\r\u001b[K");
      terminal.out(values.json === true ? toJson(findings) : toText(findings));
      return exitCodeOf(findings);
    } finally {
      source.close();
    }
  } catch (reason) {
    if (!(reason instanceof Problem)) throw reason;
    terminal.err(`verify: ${reason.message}\n`);
    return 2;
  }
}

function readWords(words: readonly string[]) {
  try {
    return parseArgs({ args: [...words], options: OPTIONS, strict: true }).values;
  } catch (reason) {
    throw new Problem(`${(reason as Error).message.split(/\. |\n/)[0]}. Try --help.`);
  }
}

async function sourceOf(from: string, values: ReturnType<typeof readWords>): Promise<ObjectSource> {
  const [, bucket, prefix = ""] = /^s3:\/\/([^/]+)\/?(.*)$/.exec(from) ?? [];
  if (from.startsWith("s3:") && bucket === undefined) throw new Problem(`${from} must be s3://bucket/prefix`);
  return bucket === undefined
    ? folderSource(from)
    : await s3Source({ bucket, prefix, region: values.region, endpoint: values.endpoint });
}

const OBJECTS_PER_DRAW = 20;

function drawProgress({ err, isInteractive }: Terminal): Parameters<typeof verify>[0]["onProgress"] {
  return ({ objects, bytes, lines }) => {
    if (!isInteractive || objects % OBJECTS_PER_DRAW !== 0) return;
    err(`\r\u001b[K${objects} objects, ${Math.round(bytes / 1_048_576)} MiB, ${lines} lines`);
  };
}
