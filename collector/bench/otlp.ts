/**
 * `bun collector/bench/otlp.ts`: nanoseconds per log record of the scan and of the transcoding, on realistic records,
 * and of adding up the same bytes one by one, which is what to hold them to: a shared machine is twice as slow at one
 * time as at another. Each figure is the best of several rounds, the three taken in turn.
 */
import { join } from "node:path";
import protobuf from "protobufjs";
import { scan } from "../otlp/scan.ts";
import { Transcoder } from "../otlp/transcode.ts";

const REQUESTS = 64;
const RECORDS_PER_REQUEST = 200;
const ROUNDS = 100;

export interface OtlpFigures {
  readonly sumNsPerRecord: number;
  readonly scanNsPerRecord: number;
  readonly transcodeNsPerRecord: number;
  readonly wireBytesPerRecord: number;
  readonly lineBytesPerRecord: number;
}

/** Measures both stages over the same requests. Takes about two seconds. */
export function measureOtlp(): OtlpFigures {
  const requests = createRequests(REQUESTS, RECORDS_PER_REQUEST);
  const records = REQUESTS * RECORDS_PER_REQUEST;
  const limits = { recordsMax: 10_000, nestingMax: 64, recordBytesMax: 1_000_000 };
  const transcoder = new Transcoder({});
  let lineBytes = 0;
  let sum = 0;
  const [sumNs = 0, scanNs = 0, transcodeNs = 0] = bestNs([
    () => {
      for (const request of requests) sum += addUp(request);
    },
    () => {
      for (const request of requests) scan(request, limits);
    },
    () => {
      lineBytes = 0;
      for (const request of requests) {
        lineBytes += transcoder.transcode(request, 0n, 0, RECORDS_PER_REQUEST).bytes.length;
      }
    },
  ]);
  if (sum === 0) throw new Error("the requests hold nothing");
  return {
    sumNsPerRecord: sumNs / records,
    scanNsPerRecord: scanNs / records,
    transcodeNsPerRecord: transcodeNs / records,
    wireBytesPerRecord: requests.reduce((sum, request) => sum + request.length, 0) / records,
    lineBytesPerRecord: lineBytes / records,
  };
}

/** Serialised requests of one application: varied text, five attributes, a trace on most, one resource and scope each. */
export function createRequests(count: number, recordsEach: number): Uint8Array[] {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => join(import.meta.dir, "../../proto", target);
  root.loadSync("opentelemetry/proto/collector/logs/v1/logs_service.proto");
  const type = root.lookupType("opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest");
  const random = createRandom(7);
  return Array.from({ length: count }, (_, index) => {
    const records = Array.from({ length: recordsEach }, (_, record) =>
      createRecord(random, index * recordsEach + record),
    );
    return type.encode(type.fromObject({ resourceLogs: [createResourceLogs(records)] })).finish();
  });
}

function createResourceLogs(records: object[]): object {
  const resource = {
    "service.name": "checkout",
    "service.version": "4.18.2",
    "deployment.environment.name": "production",
    "k8s.namespace.name": "shop",
    "k8s.pod.name": "checkout-7d9c6b5f4-x2x9q",
  };
  const attributes = Object.entries(resource).map(([key, value]) => ({ key, value: { stringValue: value } }));
  return {
    resource: { attributes },
    scopeLogs: [{ scope: { name: "shop.checkout.orders", version: "1.4.0" }, logRecords: records }],
  };
}

const VERBS = ["accepted", "declined", "queued", "retried", "settled", "cancelled", "refunded", "priced"];
const THINGS = ["order", "payment", "basket", "voucher", "shipment", "invoice", "reservation"];
const ROUTES = ["/v2/orders", "/v2/orders/{id}/pay", "/v2/baskets/{id}", "/health", "/v1/vouchers/redeem"];

function createRecord(random: () => number, index: number): object {
  const pick = (list: readonly string[]): string => list[Math.floor(random() * list.length)] as string;
  const hex = (bytes: number): string =>
    Array.from({ length: bytes }, () => Math.floor(random() * 16).toString(16)).join("");
  const nanos = (1_763_800_000_000_000_000n + BigInt(index) * 1_234_567n).toString();
  const id = `${pick(THINGS)}-${hex(8)}`;
  const attribute = (key: string, value: object): object => ({ key, value });
  return {
    timeUnixNano: nanos,
    observedTimeUnixNano: nanos,
    severityNumber: random() < 0.1 ? 17 : 9,
    severityText: random() < 0.1 ? "ERROR" : "INFO",
    body: {
      stringValue: `${pick(THINGS)} ${id} ${pick(VERBS)} for customer ${hex(10)} after ${Math.floor(random() * 900)} ms`,
    },
    attributes: [
      attribute("http.route", { stringValue: pick(ROUTES) }),
      attribute("http.response.status_code", { intValue: pick(["200", "201", "404", "503"]) }),
      attribute("order.id", { stringValue: id }),
    ].slice(0, 1 + Math.floor(random() * 3)),
    ...(random() < 0.7 ? { traceId: Buffer.from(hex(32), "hex"), spanId: Buffer.from(hex(16), "hex"), flags: 1 } : {}),
  };
}

/** A small reproducible generator (mulberry32), so that every run measures the same bytes. */
function createRandom(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function addUp(bytes: Uint8Array): number {
  let sum = 0;
  for (let index = 0; index < bytes.length; index++) sum += bytes[index] as number;
  return sum;
}

/** For each stage the best of several rounds: what it takes when nobody else has the core. */
function bestNs(stages: (() => void)[]): number[] {
  const best = stages.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, stage] of stages.entries()) {
      const before = Bun.nanoseconds();
      stage();
      best[index] = Math.min(best[index] as number, Bun.nanoseconds() - before);
    }
  }
  return best;
}

if (import.meta.main) {
  const figures = measureOtlp();
  console.log(`plain sum  ${figures.sumNsPerRecord.toFixed(0).padStart(5)} ns per record`);
  console.log(`scan       ${figures.scanNsPerRecord.toFixed(0).padStart(5)} ns per record`);
  console.log(`transcode  ${figures.transcodeNsPerRecord.toFixed(0).padStart(5)} ns per record`);
  console.log(
    `a record is ${figures.wireBytesPerRecord.toFixed(0)} bytes on the wire, ${figures.lineBytesPerRecord.toFixed(0)} as a line`,
  );
}
