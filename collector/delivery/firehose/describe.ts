/**
 * Whether a stream is set up so that it takes what this route sends: DescribeDeliveryStream, asked at start and then
 * rarely. What fights is told once, in a sentence with its cure; nothing is ever held up by it.
 *
 * Facts: AWS's API reference of DescribeDeliveryStream (ExtendedS3DestinationDescription, Processor), and of the developer
 * guide "Understand data delivery", "Dynamic partitioning", "Convert input data format". That readers stop at a delimiter
 * between members, and that Athena and Spark choose the codec by an object's name, is the readers' doing.
 */
import type { DeliveryStreamDescription, Processor } from "@aws-sdk/client-firehose";
import type { Clock, Random } from "../../clock.ts";
import { FIREHOSE_DEAGGREGATED_LINES_MAX } from "../../limits.ts";
import type { Log } from "../../log.ts";
import type { Compression } from "../packing/compress.ts";
import { classify } from "./outcome.ts";

/** What of a route's settings a stream's may fight. */
export interface RouteSettings {
  readonly compression: Compression;
  readonly linesPerRecordMax: number;
}

const EXTENSIONS = { gzip: ".gz", zstd: ".zst" };

/** One sentence for each thing that fights; none when all is well. Pure. */
export function problemsOf(description: DeliveryStreamDescription, route: RouteSettings): string[] {
  const { DeliveryStreamStatus: status, DeliveryStreamType: type } = description;
  const problems: string[] = [];
  if (status !== undefined && status !== "ACTIVE") {
    problems.push(`the stream is ${status}, not ACTIVE: logs wait in the journal until it is`);
  }
  if (type !== undefined && type !== "DirectPut") {
    problems.push(`the stream's source is ${type}, and only a Direct PUT stream takes records: use or create one`);
  }
  const [destination] = description.Destinations ?? [];
  const extended = destination?.ExtendedS3DestinationDescription;
  const processing = extended?.ProcessingConfiguration;
  const facts: StreamFacts = {
    processors: processing?.Enabled === true ? (processing.Processors ?? []) : [],
    isConverting: isOn(extended?.DataFormatConversionConfiguration),
    isPartitioning: isOn(extended?.DynamicPartitioningConfiguration),
    format: (extended ?? destination?.S3DestinationDescription)?.CompressionFormat ?? "UNCOMPRESSED",
    extension: extended?.FileExtension ?? "",
    isExtended: extended !== undefined,
  };
  if (hasProcessor(facts, "Decompression")) {
    problems.push(
      "the stream unpacks records of CloudWatch Logs (processor Decompression), and takes no others: remove the processor",
    );
  }
  const { compression } = route;
  return [...problems, ...(compression === "none" ? plainProblems(facts, route) : packedProblems(facts, compression))];
}

interface StreamFacts {
  readonly processors: readonly Processor[];
  readonly isConverting: boolean;
  readonly isPartitioning: boolean;
  readonly format: string;
  readonly extension: string;
  /** The older, shorter description tells neither processors nor the extension. */
  readonly isExtended: boolean;
}

function plainProblems(facts: StreamFacts, { linesPerRecordMax }: RouteSettings): string[] {
  const isTakenApart = hasProcessor(facts, "RecordDeAggregation");
  const rules: [boolean, string][] = [
    [
      hasProcessor(facts, "AppendDelimiterToRecord"),
      "the stream appends a delimiter to each record, which ends with a newline already: readers may find empty lines; remove the processor AppendDelimiterToRecord",
    ],
    [
      isTakenApart && linesPerRecordMax > FIREHOSE_DEAGGREGATED_LINES_MAX,
      `the stream takes records apart, and leaves those with more than ${FIREHOSE_DEAGGREGATED_LINES_MAX} lines as they are: set linesPerRecordMax to ${FIREHOSE_DEAGGREGATED_LINES_MAX}`,
    ],
    [
      facts.isPartitioning && !isTakenApart && linesPerRecordMax > 1,
      "the stream partitions by what a record holds, and each record holds many lines: switch on its multi-record de-aggregation and set linesPerRecordMax to 500",
    ],
  ];
  return rules.filter(([holds]) => holds).map(([, problem]) => problem);
}

function packedProblems(facts: StreamFacts, compression: keyof typeof EXTENSIONS): string[] {
  const extension = EXTENSIONS[compression];
  const orPlain = `, or set this route's compression (${compression}) to none`;
  const rules: [boolean, string][] = [
    [
      hasProcessor(facts, "AppendDelimiterToRecord"),
      `the stream appends a delimiter to each record, and readers stop at the first one between compressed records: remove the processor AppendDelimiterToRecord${orPlain}`,
    ],
    [
      facts.format !== "UNCOMPRESSED",
      `the stream compresses objects with ${facts.format}, so that they are compressed twice: set its CompressionFormat to UNCOMPRESSED${orPlain}`,
    ],
    [
      facts.isConverting,
      `the stream converts records from JSON, and can't read compressed ones: switch its data format conversion off${orPlain}`,
    ],
    [
      facts.isPartitioning || hasProcessor(facts, "MetadataExtraction") || hasProcessor(facts, "RecordDeAggregation"),
      `the stream looks into records (dynamic partitioning, de-aggregation), and can't read compressed ones: switch that off${orPlain}`,
    ],
    [
      hasProcessor(facts, "Lambda"),
      `a Lambda function transforms the stream's records, and gets them compressed: let it unpack them${orPlain}`,
    ],
    [
      facts.isExtended && !facts.extension.endsWith(extension),
      `the objects' names do not end in ${extension}, by which readers know what to unpack: set the stream's FileExtension, for example to .jsonl${extension}`,
    ],
  ];
  return rules.filter(([holds]) => holds).map(([, problem]) => problem);
}

function isOn(configuration: { Enabled?: boolean | undefined } | undefined): boolean {
  return configuration?.Enabled === true;
}

function hasProcessor({ processors }: StreamFacts, type: Processor["Type"]): boolean {
  return processors.some((processor) => processor.Type === type);
}

export interface StreamCheckOptions {
  readonly settings: RouteSettings;
  /** Asks for the stream's description; rejects with the SDK's error as it is. */
  readonly describe: (signal: AbortSignal) => Promise<DeliveryStreamDescription | undefined>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Replicas that start together spread over this: five calls a second are all that an account has for this operation. */
const FIRST_MS_MAX = 10_000;
const PERIOD_MS = 60 * 60 * 1_000;
const TIMEOUT_MS = 30_000;

export class StreamCheck {
  readonly #options: StreamCheckOptions;
  /** What was told and still holds. */
  #told: readonly string[] = [];
  #isFailureTold = false;

  constructor(options: StreamCheckOptions) {
    this.#options = options;
  }

  /** Looks now and then until `signal` is aborted. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options;
    await clock.sleep(random() * FIRST_MS_MAX, signal);
    while (!signal.aborted) {
      await this.#look(signal);
      await clock.sleep(PERIOD_MS * (0.5 + random()), signal);
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { settings, describe, clock, log } = this.#options;
    const asked = new AbortController();
    const stop = (): void => asked.abort();
    signal.addEventListener("abort", stop, { once: true });
    const late = clock.sleep(TIMEOUT_MS, asked.signal).then((): never => {
      asked.abort();
      throw Object.assign(new Error(`no answer within ${TIMEOUT_MS} ms`), { name: "TimeoutError" });
    });
    try {
      const description = await Promise.race([describe(asked.signal), late]);
      if (description === undefined) return;
      this.#isFailureTold = false;
      const problems = problemsOf(description, settings);
      for (const problem of problems) {
        if (!this.#told.includes(problem)) log.warn({ problem }, "the stream's settings do not suit this route");
      }
      if (problems.length === 0 && this.#told.length > 0) log.info("the stream's settings suit this route now");
      this.#told = problems;
    } catch (error) {
      if (signal.aborted || this.#isFailureTold) return;
      this.#isFailureTold = true;
      const { code, message } = classify(error);
      log.info(
        { code, message },
        "the stream's settings can't be read, and are not checked: allow firehose:DescribeDeliveryStream to have that",
      );
    } finally {
      // It ends with the answer as well, and then nobody waits for it.
      late.catch(() => {});
      asked.abort();
      signal.removeEventListener("abort", stop);
    }
  }
}
