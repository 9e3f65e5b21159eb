/** The real AWS SDK: CloudWatch as the local Firehose has it, Service Quotas as its API reference has it. */
import { afterEach, expect, test } from "bun:test";
import { startLocalFirehose } from "../../../deploy/local/server.ts";
import { systemClock } from "../../clock.ts";
import { withFolder } from "../../testing/temporary.ts";
import {
  AwsQuotaSources,
  type AwsQuotaSourcesOptions,
  isStandIn,
  latestLimits,
  quotaByNames,
} from "./quota-sources.ts";

const MIB = 1_048_576;
const never = new AbortController().signal;
const open: { stop(force?: boolean): unknown }[] = [];

afterEach(async () => {
  for (const server of open.splice(0)) await server.stop(true);
});

function sourcesFor(options: Partial<AwsQuotaSourcesOptions>): AwsQuotaSources {
  const credentials = { accessKeyId: "key", secretAccessKey: "secret" };
  return new AwsQuotaSources({
    streamName: "logs",
    clock: systemClock,
    region: "eu-central-1",
    credentials,
    ...options,
  });
}

/** Service Quotas, on loopback: answers by operation and page. */
function serviceQuotas(answer: (operation: string, page: string | undefined) => unknown): {
  url: string;
  seen: string[];
} {
  const seen: string[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const operation = request.headers.get("x-amz-target")?.replace("ServiceQuotasV20190624.", "") ?? "";
      const { ServiceCode: service, NextToken: page } = (await request.json()) as Record<string, string>;
      seen.push(`${operation} ${service} ${page ?? "-"}`);
      const body = answer(operation, page);
      const status = typeof body === "object" && body !== null && "__type" in body ? 400 : 200;
      return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/x-amz-json-1.1" } });
    },
  });
  open.push(server);
  return { url: server.url.href, seen };
}

const quota = (QuotaName: string, Value: number) => ({ ServiceCode: "firehose", QuotaCode: "L-1", QuotaName, Value });

test("CloudWatch tells the limits of the stream once it is used; before that it knows none", async () => {
  await withFolder(async (directory) => {
    const streams = [{ name: "logs", mibPerSecond: 3 }];
    const firehose = await startLocalFirehose({ port: 0, directory, streams });
    const sources = sourcesFor({ endpoint: firehose.url });
    expect(await sources.streamLimits(never)).toBeUndefined();
    const body = JSON.stringify({ DeliveryStreamName: "logs", Record: { Data: "eA==" } });
    const headers = { "x-amz-target": "Firehose_20150804.PutRecord" };
    expect((await fetch(firehose.url, { method: "POST", body, headers })).status).toBe(200);
    expect(await sources.streamLimits(never)).toEqual({
      bytesPerSecond: 3 * MIB,
      recordsPerSecond: 300_000,
      requestsPerSecond: 3_000,
    });
    sources.close();
    await firehose.stop();
  });
});

test("who may not read metrics is told in AWS's words, and what is out of reach is a rejection as well", async () => {
  await withFolder(async (directory) => {
    const firehose = await startLocalFirehose({ port: 0, directory, streams: [{ name: "logs" }] });
    firehose.faults.add({ kind: "error", error: "access_denied", operations: ["GetMetricData"], calls: 1 });
    const sources = sourcesFor({ cloudwatchEndpoint: firehose.url });
    await expect(sources.streamLimits(never)).rejects.toMatchObject({ name: "AccessDeniedException" });
    expect(await sources.streamLimits(never)).toBeUndefined();
    await firehose.stop();
    await expect(sources.streamLimits(never)).rejects.toThrow();
    sources.close();
  });
});

test("a question is given up when its signal says so", async () => {
  const silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  open.push(silent);
  const sources = sourcesFor({ cloudwatchEndpoint: `http://127.0.0.1:${silent.port}` });
  await expect(sources.streamLimits(AbortSignal.timeout(50))).rejects.toThrow();
  sources.close();
});

test("quotas are found by their names, over all pages, and those that nobody raised among the defaults", async () => {
  const { url, seen } = serviceQuotas((operation, page) => {
    if (operation === "ListServiceQuotas") return { Quotas: [quota("Rate of Put requests", 1_500)] };
    return page === undefined
      ? { Quotas: [quota("Delivery streams", 50), quota("Rate of Put requests", 1_000)], NextToken: "2" }
      : { Quotas: [quota("Rate of data", 1), quota("Rate of records", 100_000)] };
  });
  const sources = sourcesFor({ serviceQuotasEndpoint: url });
  expect(await sources.accountQuota(never)).toEqual({
    bytesPerSecond: MIB,
    recordsPerSecond: 100_000,
    requestsPerSecond: 1_500,
  });
  expect(seen).toEqual([
    "ListServiceQuotas firehose -",
    "ListAWSDefaultServiceQuotas firehose -",
    "ListAWSDefaultServiceQuotas firehose 2",
  ]);
  sources.close();
});

test("where Service Quotas is forbidden that is a rejection, and pages without an end are not followed for ever", async () => {
  const denied = serviceQuotas(() => ({ __type: "AccessDeniedException", Message: "no" }));
  const sources = sourcesFor({ serviceQuotasEndpoint: denied.url });
  await expect(sources.accountQuota(never)).rejects.toMatchObject({ name: "AccessDeniedException" });
  const endless = serviceQuotas(() => ({ Quotas: [], NextToken: "more" }));
  expect(await sourcesFor({ serviceQuotasEndpoint: endless.url }).accountQuota(never)).toBeUndefined();
  expect(endless.seen.length).toBeLessThan(50);
  sources.close();
});

test("the latest of each limit counts, in whatever order they come, and what is no limit does not", () => {
  const [first, second, third] = [new Date(1_000), new Date(2_000), new Date(3_000)];
  const results = [
    { Id: "bytesPerSecond", Timestamps: [second, third, first], Values: [5, 7, 9] },
    { Id: "recordsPerSecond", Timestamps: [first, second], Values: [4, 0] },
    { Id: "other", Timestamps: [first], Values: [1] },
  ];
  expect(latestLimits(results)).toEqual({ bytesPerSecond: 7, recordsPerSecond: 4 });
  expect(latestLimits([{ Id: "recordsPerSecond", Timestamps: [first], Values: [4] }])).toBeUndefined();
  expect(latestLimits([])).toBeUndefined();
});

test("the rate of data is in MiB, unless it could only be bytes", () => {
  expect(quotaByNames([quota("Rate of data", 5)])).toEqual({ bytesPerSecond: 5 * MIB });
  expect(quotaByNames([quota("rate of data ", 5 * MIB)])).toEqual({ bytesPerSecond: 5 * MIB });
  expect(quotaByNames([quota("Rate of data", 0), quota("Rate of CreateDeliveryStream requests", 5)])).toEqual({});
});

test("only a host that is not AWS's stands in for CloudWatch, and nobody then stands in for Service Quotas", () => {
  expect(isStandIn(undefined)).toBe(false);
  expect(isStandIn("https://firehose.eu-central-1.amazonaws.com")).toBe(false);
  expect(isStandIn("https://vpce-1.firehose.eu-central-1.vpce.amazonaws.com")).toBe(false);
  expect(isStandIn("https://firehose.cn-north-1.amazonaws.com.cn")).toBe(false);
  expect(isStandIn("http://127.0.0.1:4573")).toBe(true);
  expect(sourcesFor({ endpoint: "http://127.0.0.1:4573" }).hasAccount).toBe(false);
  expect(sourcesFor({}).hasAccount).toBe(true);
});

test("the region is the configured one, or the SDK's", async () => {
  expect(await sourcesFor({ region: "sa-east-1" }).region()).toBe("sa-east-1");
});
