/**
 * Asks AWS what a stream takes: CloudWatch for the stream's own limits, Service Quotas for the account's. One try each
 * (`maxAttempts: 1`): ceiling.ts asks again. The clients are loaded when they are first needed, so that a collector with
 * a configured quota holds neither.
 *
 * Facts: metrics `BytesPerSecondLimit`, `RecordsPerSecondLimit` and `PutRequestsPerSecondLimit` of namespace AWS/Firehose,
 * one value a minute (developer guide, "Monitor with CloudWatch metrics"); quotas "Rate of data" (in MiB), "Rate of
 * records" and "Rate of Put requests" of service `firehose`. Quota codes differ, so they are looked up by name.
 */
import type { CloudWatchClient, MetricDataQuery, MetricDataResult } from "@aws-sdk/client-cloudwatch";
import type { FirehoseClientConfig } from "@aws-sdk/client-firehose";
import type { ServiceQuota, ServiceQuotasClient } from "@aws-sdk/client-service-quotas";
import type { Clock } from "../../clock.ts";
import { FetchHandler } from "../firehose/firehose.ts";
import type { PartialQuota, QuotaSources } from "./ceiling.ts";

export interface AwsQuotaSourcesOptions {
  readonly streamName: string;
  readonly clock: Clock;
  /** From the environment or the profile where it is not given. */
  readonly region?: string | undefined;
  /** Firehose's own. One that is not AWS's stands in for CloudWatch too, and Service Quotas is then not asked. */
  readonly endpoint?: string | undefined;
  readonly cloudwatchEndpoint?: string | undefined;
  readonly serviceQuotasEndpoint?: string | undefined;
  /** From the SDK's default chain where it is not given. */
  readonly credentials?: NonNullable<FirehoseClientConfig["credentials"]>;
}

const METRICS = [
  ["bytesPerSecond", "BytesPerSecondLimit"],
  ["recordsPerSecond", "RecordsPerSecondLimit"],
  ["requestsPerSecond", "PutRequestsPerSecondLimit"],
] as const;

const QUOTA_NAMES = [
  ["bytesPerSecond", "rate of data"],
  ["recordsPerSecond", "rate of records"],
  ["requestsPerSecond", "rate of put requests"],
] as const;

/** How far back a limit may have been told: how late CloudWatch is, and whether it tells of idle streams, nobody says. */
const LOOK_BACK_MS = 3 * 60 * 60 * 1_000;

/** Far more than there are of them; a bound on what a strange answer can make of it. */
const PAGES_MAX = 10;

const BYTES_PER_MIB = 1_048_576;

export class AwsQuotaSources implements QuotaSources {
  readonly #options: AwsQuotaSourcesOptions;
  #cloudwatch: Promise<CloudWatchClient> | undefined;
  #serviceQuotas: Promise<ServiceQuotasClient> | undefined;

  constructor(options: AwsQuotaSourcesOptions) {
    this.#options = options;
  }

  get hasAccount(): boolean {
    const { endpoint, serviceQuotasEndpoint } = this.#options;
    return serviceQuotasEndpoint !== undefined || !isStandIn(endpoint);
  }

  async region(): Promise<string | undefined> {
    const client = await this.#cloudwatchClient();
    return await client.config.region();
  }

  async streamLimits(abortSignal: AbortSignal): Promise<PartialQuota | undefined> {
    const { GetMetricDataCommand } = await import("@aws-sdk/client-cloudwatch");
    const { clock, streamName } = this.#options;
    const nowMs = clock.nowMs();
    const command = new GetMetricDataCommand({
      StartTime: new Date(nowMs - LOOK_BACK_MS),
      EndTime: new Date(nowMs),
      ScanBy: "TimestampDescending",
      MetricDataQueries: METRICS.map(([id, name]) => limitQuery(id, name, streamName)),
    });
    const { MetricDataResults: results } = await this.#attempt(
      async () => await (await this.#cloudwatchClient()).send(command, { abortSignal }),
    );
    return latestLimits(results ?? []);
  }

  async accountQuota(abortSignal: AbortSignal): Promise<PartialQuota | undefined> {
    const { ListServiceQuotasCommand, ListAWSDefaultServiceQuotasCommand } = await import(
      "@aws-sdk/client-service-quotas"
    );
    return await this.#attempt(async () => {
      const client = await this.#serviceQuotasClient();
      const applied = await everyPage((page) =>
        client.send(new ListServiceQuotasCommand({ ServiceCode: "firehose", ...page }), { abortSignal }),
      );
      const found = quotaByNames(applied);
      if (found.bytesPerSecond !== undefined) return found;
      // Quotas that nobody has raised may be missing among those applied (API reference of ListServiceQuotas).
      const defaults = await everyPage((page) =>
        client.send(new ListAWSDefaultServiceQuotasCommand({ ServiceCode: "firehose", ...page }), { abortSignal }),
      );
      const all = { ...quotaByNames(defaults), ...found };
      return all.bytesPerSecond === undefined ? undefined : all;
    });
  }

  /** Closes what the clients hold. */
  close(): void {
    for (const client of [this.#cloudwatch, this.#serviceQuotas]) {
      client?.then(
        (loaded) => loaded.destroy(),
        () => undefined,
      );
    }
    this.#cloudwatch = undefined;
    this.#serviceQuotas = undefined;
  }

  /** After a failure the clients are made anew: credentials that were refused would stay in them until they run out. */
  async #attempt<T>(send: () => Promise<T>): Promise<T> {
    try {
      return await send();
    } catch (reason) {
      this.close();
      throw reason;
    }
  }

  #cloudwatchClient(): Promise<CloudWatchClient> {
    const { endpoint, cloudwatchEndpoint = isStandIn(endpoint) ? endpoint : undefined } = this.#options;
    this.#cloudwatch ??= import("@aws-sdk/client-cloudwatch").then(
      ({ CloudWatchClient: Client }) => new Client(this.#clientConfig(cloudwatchEndpoint)),
    );
    return this.#cloudwatch;
  }

  #serviceQuotasClient(): Promise<ServiceQuotasClient> {
    this.#serviceQuotas ??= import("@aws-sdk/client-service-quotas").then(
      ({ ServiceQuotasClient: Client }) => new Client(this.#clientConfig(this.#options.serviceQuotasEndpoint)),
    );
    return this.#serviceQuotas;
  }

  #clientConfig(endpoint: string | undefined) {
    const { region, credentials } = this.#options;
    return {
      maxAttempts: 1,
      requestHandler: new FetchHandler(),
      ...(region === undefined ? {} : { region }),
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(credentials === undefined ? {} : { credentials }),
    };
  }
}

/** Whether a host that is not AWS's (nor a PrivateLink endpoint) answers in Firehose's place. */
export function isStandIn(endpoint: string | undefined): boolean {
  if (endpoint === undefined) return false;
  const { hostname } = new URL(endpoint);
  return ![".amazonaws.com", ".amazonaws.com.cn", ".api.aws"].some((suffix) => hostname.endsWith(suffix));
}

function limitQuery(id: string, name: string, streamName: string): MetricDataQuery {
  const dimensions = [{ Name: "DeliveryStreamName", Value: streamName }];
  const metric = { Namespace: "AWS/Firehose", MetricName: name, Dimensions: dimensions };
  return { Id: id, MetricStat: { Metric: metric, Period: 60, Stat: "Maximum" } };
}

/** The latest value of each limit; undefined where that of bytes has none. */
export function latestLimits(results: readonly MetricDataResult[]): PartialQuota | undefined {
  const quota: { -readonly [K in keyof PartialQuota]: PartialQuota[K] } = {};
  for (const { Id: id, Timestamps: times = [], Values: values = [] } of results) {
    const key = METRICS.find(([known]) => known === id)?.[0];
    if (key === undefined) continue;
    let latest = Number.NEGATIVE_INFINITY;
    for (const [index, time] of times.entries()) {
      const value = values[index];
      if (value === undefined || !(value > 0) || time.getTime() <= latest) continue;
      latest = time.getTime();
      quota[key] = value;
    }
  }
  return quota.bytesPerSecond === undefined ? undefined : quota;
}

/** The three rates among an account's quotas. */
export function quotaByNames(quotas: readonly ServiceQuota[]): PartialQuota {
  const rateOf = (name: string): ServiceQuota | undefined =>
    quotas.find(({ QuotaName: found, Value: value }) => found?.trim().toLowerCase() === name && (value ?? 0) > 0);
  return Object.fromEntries(
    QUOTA_NAMES.flatMap(([key, name]) => {
      const quota = rateOf(name);
      if (quota?.Value === undefined) return [];
      return [[key, key === "bytesPerSecond" ? toBytes(quota.Value) : quota.Value]];
    }),
  );
}

/** "Rate of data" is in MiB per second: 1 in most regions. Nobody could mean so many of them that it must be bytes. */
function toBytes(value: number): number {
  return value < 100_000 ? value * BYTES_PER_MIB : value;
}

async function everyPage(
  ask: (page: {
    NextToken?: string;
  }) => Promise<{ Quotas?: ServiceQuota[] | undefined; NextToken?: string | undefined }>,
): Promise<ServiceQuota[]> {
  const all: ServiceQuota[] = [];
  let token: string | undefined;
  for (let page = 0; page < PAGES_MAX; page++) {
    const answer = await ask(token === undefined ? {} : { NextToken: token });
    all.push(...(answer.Quotas ?? []));
    token = answer.NextToken;
    if (token === undefined) break;
  }
  return all;
}
