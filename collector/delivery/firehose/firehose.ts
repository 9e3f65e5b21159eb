/**
 * The sink that is Amazon Data Firehose, through the AWS SDK: endpoint, credentials (default chain), signing, clock skew
 * and errors are the SDK's; retries are not (`maxAttempts: 1`: delivery decides, and knows which records failed).
 *
 * Two parts are replaced because this is where a log costs most (`bun run bench` shows it):
 * - the body. The SDK turns records into base64 strings, those into one JSON string, and that into bytes. Here the JSON is
 *   written into one buffer, to the same bytes. The SDK still signs it.
 * - the HTTP handler: Bun's own fetch, which reuses connections, instead of node:http.
 */
import {
  type DeliveryStreamDescription,
  DescribeDeliveryStreamCommand,
  FirehoseClient,
  type FirehoseClientConfig,
  PutRecordBatchCommand,
} from "@aws-sdk/client-firehose";
import type { Clock } from "../../clock.ts";
import { RecycledMemory } from "../../memory/recycled-memory.ts";
import type { Sink } from "../delivery.ts";
import { base64Length, writeBase64 } from "./base64.ts";
import { type RecordAnswer, wantsFreshCredentials } from "./outcome.ts";

export interface FirehoseSinkOptions {
  readonly streamName: string;
  readonly clock: Clock;
  /** From the environment or the profile where it is not given. */
  readonly region?: string;
  /** An URL instead of the region's own endpoint. */
  readonly endpoint?: string;
  /** From the SDK's default chain where it is not given. */
  readonly credentials?: NonNullable<FirehoseClientConfig["credentials"]>;
  /**
   * How long one call may take. Long by choice: giving up on a call that Firehose has taken doubles its records, and
   * AWS asks for longer timeouts with large payloads (API reference of PutRecordBatch).
   */
  readonly requestTimeoutMs?: number;
  /** For the bodies of calls. @default its own */
  readonly memory?: RecycledMemory;
}

const REQUEST_TIMEOUT_MS_DEFAULT = 30_000;
const MEMORY_KEPT_BYTES_DEFAULT = 8 * 1024 * 1024;

export class FirehoseSink implements Sink {
  readonly #client: FirehoseClient;
  readonly #streamName: string;
  readonly #clock: Clock;
  readonly #requestTimeoutMs: number;
  readonly #memory: RecycledMemory;
  #refreshCredentials = false;

  constructor(options: FirehoseSinkOptions) {
    this.#streamName = options.streamName;
    this.#clock = options.clock;
    this.#requestTimeoutMs = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS_DEFAULT;
    this.#memory = options.memory ?? new RecycledMemory(MEMORY_KEPT_BYTES_DEFAULT);
    this.#client = new FirehoseClient({
      maxAttempts: 1,
      requestHandler: new FetchHandler((body) => this.#memory.handBack(body)),
      ...(options.region === undefined ? {} : { region: options.region }),
      ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
      ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
    });
  }

  /** See `Sink`. Rejects with the SDK's error as it is, or with a `TimeoutError`. */
  async put(records: readonly Uint8Array[], signal: AbortSignal): Promise<readonly RecordAnswer[]> {
    const call = new AbortController();
    const abort = (): void => call.abort(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    const answered = new AbortController();
    void this.#clock.sleep(this.#requestTimeoutMs, answered.signal).then(() => {
      if (answered.signal.aborted) return;
      const message = `Firehose gave no answer within ${this.#requestTimeoutMs} ms`;
      call.abort(Object.assign(new Error(message), { name: "TimeoutError" }));
    });
    try {
      return await this.#send(records, call.signal);
    } catch (error) {
      if (wantsFreshCredentials(error)) this.#refreshCredentials = true;
      // The SDK reports any abort as AbortError: the reason says whether it was our timeout.
      throw call.signal.aborted && call.signal.reason instanceof Error ? call.signal.reason : error;
    } finally {
      answered.abort();
      signal.removeEventListener("abort", abort);
    }
  }

  /** How the stream is set up. Rejects with the SDK's error as it is. */
  async describe(abortSignal: AbortSignal): Promise<DeliveryStreamDescription | undefined> {
    const command = new DescribeDeliveryStreamCommand({ DeliveryStreamName: this.#streamName });
    return (await this.#client.send(command, { abortSignal })).DeliveryStreamDescription;
  }

  /** Closes what the client holds. */
  close(): void {
    this.#client.destroy();
  }

  async #send(records: readonly Uint8Array[], abortSignal: AbortSignal): Promise<readonly RecordAnswer[]> {
    if (this.#refreshCredentials) {
      // Cached credentials were refused although they had not run out by their own account.
      await this.#client.config.credentials({ forceRefresh: true });
      this.#refreshCredentials = false;
    }
    const command = new PutRecordBatchCommand({ DeliveryStreamName: this.#streamName, Records: [] });
    const body = encodeBatch(this.#streamName, records, (bytes) => this.#memory.lend(bytes));
    command.middlewareStack.add(
      (next) => (args) => {
        (args.request as { body: unknown }).body = body;
        return next(args);
      },
      // Before the SDK's own step that sets content-length, and long before signing.
      { step: "build", priority: "high", name: "standpipeBody" },
    );
    // A call that fails before it reaches the network has its body still.
    const output = await this.#client.send(command, { abortSignal }).finally(() => this.#memory.handBack(body));
    // An entry counts as taken only when it says so: one that says nothing would be a loss that nobody sees.
    return (output.RequestResponses ?? []).map(({ RecordId: id, ErrorCode: code, ErrorMessage: message }) =>
      id !== undefined && code === undefined
        ? undefined
        : { code: code ?? "NoRecordId", message: message ?? code ?? "the answer names no record id" },
    );
  }
}

const RECORD_START = Buffer.from('{"Data":"');
const RECORD_END = Buffer.from('"}');
const COMMA = 0x2c;

/**
 * The body of PutRecordBatch in the JSON protocol: `{"DeliveryStreamName":"…","Records":[{"Data":"<base64>"},…]}`,
 * byte for byte what the SDK makes of the same, in memory that `lend` gives.
 */
export function encodeBatch(
  streamName: string,
  records: readonly Uint8Array[],
  lend: (bytes: number) => Buffer = Buffer.allocUnsafe,
): Buffer {
  const start = Buffer.from(`{"DeliveryStreamName":${JSON.stringify(streamName)},"Records":[`);
  const around = RECORD_START.length + RECORD_END.length + 1;
  const dataBytes = records.reduce((sum, record) => sum + base64Length(record.length) + around, 0);
  // Each record but the last is followed by a comma; the list and the object are closed at the end.
  const body = lend(start.length + dataBytes + 2 - Math.min(1, records.length));
  let offset = start.copy(body, 0);
  for (const [index, record] of records.entries()) {
    if (index > 0) body[offset++] = COMMA;
    offset += RECORD_START.copy(body, offset);
    offset = writeBase64(record, body, offset);
    offset += RECORD_END.copy(body, offset);
  }
  body.write("]}", offset, "latin1");
  return body;
}

type RequestHandler = Extract<NonNullable<FirehoseClientConfig["requestHandler"]>, { handle: unknown }>;
type HandlerRequest = Parameters<RequestHandler["handle"]>[0];
type HandlerResult = Awaited<ReturnType<RequestHandler["handle"]>>;

/** The SDK's way to the network, by Bun's fetch. Reads each answer whole: Firehose's are short. */
export class FetchHandler {
  readonly metadata = { handlerProtocol: "http/1.1" };
  readonly #onCopied: (body: Uint8Array) => void;

  /** `onCopied` is told when the bytes of a body are not needed any more, which is long before the answer. */
  constructor(onCopied: (body: Uint8Array) => void = () => undefined) {
    this.#onCopied = onCopied;
  }

  async handle(request: HandlerRequest, options: { abortSignal?: unknown } = {}): Promise<HandlerResult> {
    const { protocol, hostname, port, path, method, headers, body } = request;
    const answered = fetch(`${protocol}//${hostname}${port === undefined ? "" : `:${port}`}${path}`, {
      method,
      headers,
      body,
      redirect: "manual",
      ...(options.abortSignal instanceof AbortSignal ? { signal: options.abortSignal } : {}),
    });
    // fetch() has made a copy by now: "set source to a copy of the bytes", https://fetch.spec.whatwg.org/#concept-bodyinit-extract
    if (body instanceof Uint8Array) this.#onCopied(body);
    const response = await answered;
    const answer = new Uint8Array(await response.arrayBuffer());
    return {
      response: {
        statusCode: response.status,
        reason: response.statusText,
        headers: Object.fromEntries(response.headers.entries()),
        body: answer,
      },
    };
  }

  updateHttpClientConfig(): void {}

  httpHandlerConfigs(): Record<string, never> {
    return {};
  }

  destroy(): void {}
}
