/**
 * What a stream takes per second, found rather than guessed. The first step that knows wins:
 *
 * | step | what it says | asked |
 * |---|---|---|
 * | configuration | what an operator has said | never again; where it says bytes per second, nobody else is asked |
 * | cloudwatch | the limits of this very stream, which move when it scales itself or AWS raises them | every `pollMs` |
 * | service_quotas | what streams of this account get in this region | every `pollMs`, until it has answered |
 * | region | the published quota of the region | - |
 * | default | 1 MiB/s, what most regions give | - |
 *
 * Any step may be forbidden or out of reach. That is said once, and once more when it is over; delivery knows nothing of
 * it: it begins with the last steps, and goes on with what was found when the others fail. What CloudWatch has said stays
 * in force when CloudWatch falls silent, since nothing else knows of this very stream.
 *
 * Bytes, records and requests per second scale together (quota page of the developer guide), so whoever knows the bytes
 * knows the others: in the proportions of the region.
 */
import type { Clock, Random } from "../../clock.ts";
import { FIREHOSE_LARGE_REGIONS, FIREHOSE_QUOTA_DEFAULT, FIREHOSE_QUOTA_LARGE } from "../../limits.ts";
import type { Log } from "../../log.ts";
import type { Quota } from "./pacer.ts";

export type CeilingSource = "configuration" | "cloudwatch" | "service_quotas" | "region" | "default";

/** What the stream takes, for all who deliver to it together. */
export interface Ceiling {
  readonly quota: Quota;
  readonly source: CeilingSource;
}

/** What is known of a quota. */
export type PartialQuota = { readonly [K in keyof Quota]?: number | undefined };

/** Whom to ask. All may reject, and may stay silent until `signal` is aborted. */
export interface QuotaSources {
  /** Whether `accountQuota` can be asked at all. */
  readonly hasAccount: boolean;
  /** The region that the stream is in; undefined where that can't be found out. */
  region(signal: AbortSignal): Promise<string | undefined>;
  /** The latest limits of this stream; undefined where there are none. */
  streamLimits(signal: AbortSignal): Promise<PartialQuota | undefined>;
  /** The quota of any stream of this account and region; undefined where there is none. */
  accountQuota(signal: AbortSignal): Promise<PartialQuota | undefined>;
}

export interface Findings {
  readonly configured: PartialQuota;
  readonly region?: string | undefined;
  readonly stream?: PartialQuota | undefined;
  readonly account?: PartialQuota | undefined;
}

/** The ceiling by what is known. What is configured goes before what was found, each figure for itself. */
export function decideCeiling({ configured, region, stream, account }: Findings): Ceiling {
  const regional = quotaOfRegion(region);
  const steps: readonly (readonly [CeilingSource, PartialQuota | undefined])[] = [
    ["configuration", configured],
    ["cloudwatch", stream],
    ["service_quotas", account],
    [region === undefined ? "default" : "region", regional],
  ];
  const [source, found] = steps.find(([, quota]) => isRate(quota?.bytesPerSecond)) ?? ["default", regional];
  const bytesPerSecond = found?.bytesPerSecond ?? regional.bytesPerSecond;
  const factor = bytesPerSecond / regional.bytesPerSecond;
  const rate = (key: "recordsPerSecond" | "requestsPerSecond"): number =>
    [configured[key], found?.[key]].find(isRate) ?? Math.max(1, regional[key] * factor);
  return {
    source,
    quota: { bytesPerSecond, recordsPerSecond: rate("recordsPerSecond"), requestsPerSecond: rate("requestsPerSecond") },
  };
}

/** The published quota of a Direct PUT stream (quota page of the developer guide). */
function quotaOfRegion(region: string | undefined): Quota {
  return region !== undefined && FIREHOSE_LARGE_REGIONS.includes(region)
    ? FIREHOSE_QUOTA_LARGE
    : FIREHOSE_QUOTA_DEFAULT;
}

function isRate(value: number | undefined): value is number {
  return value !== undefined && Number.isFinite(value) && value > 0;
}

export interface CeilingOptions {
  /** What is configured: figures that are not there are looked for, or follow from the others. */
  readonly configured: PartialQuota;
  /** The configured region, where there is one. */
  readonly region?: string | undefined;
  readonly sources: QuotaSources;
  readonly pollMs: number;
  /** How long a step may take. @default 5 s */
  readonly answerMsMax?: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Told when the ceiling is another than before. */
  readonly onChange: (ceiling: Ceiling) => void;
}

const ANSWER_MS_MAX_DEFAULT = 5_000;

/** Names of the steps that can fail, and what an operator can do where each is forbidden, or there is no region. */
const STEPS = {
  region: "set firehose.region, or AWS_REGION",
  cloudwatch: "allow cloudwatch:GetMetricData, or set firehose.bytesPerSecond",
  service_quotas:
    "allow servicequotas:ListServiceQuotas and ListAWSDefaultServiceQuotas, or set firehose.bytesPerSecond",
} as const;
/** No policy helps against missing credentials, a name that is not known, or a network that is closed. */
const OTHERWISE = "mend what the reason says, or set firehose.bytesPerSecond";
const DENIED = /denied|not ?authori[sz]ed/i;

type Step = keyof typeof STEPS;

/** Looks for the ceiling from `start` to `stop`, beside delivery. */
export class CeilingFinder {
  readonly #options: CeilingOptions;
  readonly #stopping = new AbortController();
  readonly #silent = new Set<Step>();
  #findings: Findings;
  #ceiling: Ceiling;
  #run: Promise<void> | undefined;

  constructor(options: CeilingOptions) {
    this.#options = options;
    this.#findings = { configured: options.configured, region: options.region };
    this.#ceiling = decideCeiling(this.#findings);
  }

  /** The one in force. */
  get ceiling(): Ceiling {
    return this.#ceiling;
  }

  start(): void {
    if (this.#isLooking()) this.#run ??= this.#poll();
  }

  /** Takes other figures from the configuration, from now on. */
  configure(configured: PartialQuota): void {
    this.#learn({ configured });
    this.start();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#run;
  }

  #isLooking(): boolean {
    return !isRate(this.#findings.configured.bytesPerSecond);
  }

  async #poll(): Promise<void> {
    const { pollMs, clock, random } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      if (this.#isLooking()) await this.#look();
      // Replicas that start together do not ask together.
      await clock.sleep(pollMs * (0.9 + 0.2 * random()), signal);
    }
  }

  async #look(): Promise<void> {
    const { sources } = this.#options;
    if (this.#findings.region === undefined) {
      const region = await this.#ask("region", (signal) => sources.region(signal));
      // Without a region no part of AWS can be asked: one line says so, not three.
      if (region === undefined) return;
      this.#learn({ region });
    }
    const stream = await this.#ask("cloudwatch", (signal) => sources.streamLimits(signal));
    if (isRate(stream?.bytesPerSecond)) this.#learn({ stream });
    if (!sources.hasAccount || this.#findings.stream !== undefined || this.#findings.account !== undefined) return;
    const account = await this.#ask("service_quotas", (signal) => sources.accountQuota(signal));
    if (isRate(account?.bytesPerSecond)) this.#learn({ account });
  }

  #learn(found: Partial<Findings>): void {
    this.#findings = { ...this.#findings, ...found };
    const before = this.#ceiling;
    const after = decideCeiling(this.#findings);
    if (this.#stopping.signal.aborted || Bun.deepEquals(before, after)) return;
    this.#ceiling = after;
    this.#options.log.info({ source: after.source, ...after.quota }, "the stream takes this much per second");
    if (!Bun.deepEquals(before.quota, after.quota)) this.#options.onChange(after);
  }

  /** Undefined where the step knows nothing, fails, or takes too long. */
  async #ask<T>(step: Step, question: (signal: AbortSignal) => Promise<T | undefined>): Promise<T | undefined> {
    const { clock, answerMsMax = ANSWER_MS_MAX_DEFAULT } = this.#options;
    if (this.#stopping.signal.aborted) return undefined;
    const call = new AbortController();
    const stop = (): void => call.abort();
    this.#stopping.signal.addEventListener("abort", stop, { once: true });
    const answered = new AbortController();
    const silence = clock.sleep(answerMsMax, AbortSignal.any([answered.signal, call.signal])).then(() => {
      throw new Error(`no answer within ${answerMsMax} ms`);
    });
    silence.catch(() => undefined);
    try {
      const answer = await Promise.race([question(call.signal), silence]);
      if (answer !== undefined) this.#spoke(step);
      else if (this.#isFirstSilence(step))
        this.#options.log.info({ step }, "the stream's limits are not told here yet");
      return answer;
    } catch (cause) {
      if (this.#isFirstSilence(step)) {
        const reason = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
        const goesOnWith = this.#ceiling.source;
        const advice = step === "region" || DENIED.test(reason) ? STEPS[step] : OTHERWISE;
        this.#options.log.warn({ step, reason, goesOnWith }, `the stream's limits can't be asked for: ${advice}`);
      }
      return undefined;
    } finally {
      answered.abort();
      call.abort();
      this.#stopping.signal.removeEventListener("abort", stop);
    }
  }

  #spoke(step: Step): void {
    if (this.#silent.delete(step)) this.#options.log.info({ step }, "the stream's limits are told here again");
  }

  /** Silence is said once, and the step asked again with every poll. */
  #isFirstSilence(step: Step): boolean {
    if (this.#stopping.signal.aborted || this.#silent.has(step)) return false;
    this.#silent.add(step);
    return true;
  }
}
