/**
 * An application that must not lose a log record: it gives each a key of its own, sends them in requests, sends again
 * what was not acknowledged, and remembers how often each was sent and which were acknowledged.
 */
import { status } from "@grpc/grpc-js";
import { type Answer, RawClient } from "../../ingest/fixture.ts";

export interface SenderOptions {
  /** The keys are `<name>-<number>`. One word. */
  readonly name: string;
  readonly port: number;
  readonly recordsPerRequest?: number;
  readonly bodyBytes?: number;
  /** Between an acknowledgement and the next request. */
  readonly pauseMs?: number;
  readonly deadlineMs?: number;
}

/** What a collector may say that is dying, stopping or full. Anything else would make a client drop its logs. */
export const PASSING: readonly number[] = [status.UNAVAILABLE, status.CANCELLED, status.DEADLINE_EXCEEDED];

const RETRY_MS = 20;

export class Sender implements Disposable {
  /** How often each key was sent. */
  readonly attempts = new Map<string, number>();
  readonly acknowledged = new Set<string>();
  /** Answers other than OK, in order. */
  readonly failures: Answer[] = [];
  readonly #options: Required<SenderOptions>;
  readonly #client: RawClient;
  #count = 0;

  constructor(options: SenderOptions) {
    this.#options = { recordsPerRequest: 20, bodyBytes: 100, pauseMs: 0, deadlineMs: 20_000, ...options };
    this.#client = new RawClient(options.port, {
      "grpc.initial_reconnect_backoff_ms": 30,
      "grpc.min_reconnect_backoff_ms": 30,
      "grpc.max_reconnect_backoff_ms": 100,
    });
  }

  /** Sends request after request until `signal` is aborted; the last one is sent until it is acknowledged. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.send();
      if (this.#options.pauseMs > 0) await Bun.sleep(this.#options.pauseMs);
    }
  }

  /** One request of new records, sent until it is acknowledged. Throws for an answer that would lose them. */
  async send(): Promise<void> {
    const { name, recordsPerRequest, bodyBytes, deadlineMs } = this.#options;
    const keys = Array.from({ length: recordsPerRequest }, () => `${name}-${this.#count++}`);
    const request = encodeRequest(keys, bodyBytes);
    for (;;) {
      for (const key of keys) this.attempts.set(key, (this.attempts.get(key) ?? 0) + 1);
      const answer = await this.#client.export(request, { deadlineMs });
      if (answer.code === status.OK) break;
      this.failures.push(answer);
      if (!PASSING.includes(answer.code)) throw new Error(`${name} was told ${answer.code}: ${answer.details}`);
      await Bun.sleep(RETRY_MS);
    }
    for (const key of keys) this.acknowledged.add(key);
  }

  [Symbol.dispose](): void {
    this.#client.grpc.close();
  }
}

/**
 * An ExportLogsServiceRequest with one log record per key, whose body is the key and a filling that compresses as badly
 * as logs do.
 */
export function encodeRequest(keys: readonly string[], bodyBytes = 100): Buffer {
  return encodeBodies(keys.map((key) => `${key} `.padEnd(bodyBytes, fillingOf(key))));
}

/**
 * An ExportLogsServiceRequest with one log record per body. Written by hand (field numbers:
 * proto/opentelemetry/proto/logs/v1/logs.proto): a test must be cheap.
 */
export function encodeBodies(bodies: readonly string[]): Buffer {
  const records = bodies.map((body) => field(2, field(5, field(1, Buffer.from(body)))));
  return field(1, field(2, Buffer.concat(records)));
}

function fillingOf(key: string): string {
  return Bun.hash(key).toString(36).repeat(3);
}

function field(number: number, content: Buffer): Buffer {
  const head: number[] = [(number << 3) | 2];
  let rest = content.length;
  for (; rest >= 0x80; rest >>>= 7) head.push((rest & 0x7f) | 0x80);
  head.push(rest);
  return Buffer.concat([Buffer.from(head), content]);
}
