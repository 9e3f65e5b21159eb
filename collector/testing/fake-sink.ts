/** A Firehose in memory that does what a test tells it, and remembers what it took, unpacked. */
import type { Clock } from "../clock.ts";
import type { Sink } from "../delivery/delivery.ts";
import type { RecordAnswer } from "../delivery/firehose/outcome.ts";
import { decompressNow } from "../delivery/packing/compress.ts";

/** What becomes of one call. */
export type Behaviour =
  /** Everything is taken. */
  | { readonly kind: "take" }
  /** Each record by its own answer, which may be a shorter list than the call. */
  | { readonly kind: "answer"; readonly answers: readonly RecordAnswer[] }
  /** Nothing is taken, the call fails. */
  | { readonly kind: "fail"; readonly error: unknown }
  /** Everything is taken, and the answer is lost. */
  | { readonly kind: "lose"; readonly error: unknown }
  /** Nothing is taken, and there is no answer until the caller gives up. */
  | { readonly kind: "hang" };

export interface SeenCall {
  readonly index: number;
  readonly atMs: number;
  /** Unpacked. */
  readonly records: readonly string[];
  /** As they came. */
  readonly bytes: number;
}

export const SLOW_DOWN: RecordAnswer = { code: "ServiceUnavailableException", message: "Slow down." };

/** An error as the SDK throws it. */
export function awsError(name: string, message: string, httpStatusCode = 400): Error {
  return Object.assign(new Error(message), { name, $metadata: { httpStatusCode } });
}

export class FakeSink implements Sink {
  readonly #clock: Clock;
  readonly #behave: (call: SeenCall) => Behaviour;
  readonly #latencyMs: (call: number) => number;
  /** What is in the stream now, in order: one string per record. */
  readonly taken: string[] = [];
  /** Lines that were taken without the caller being told, each as often as that happened. */
  readonly lost: string[] = [];
  calls = 0;
  inFlight = 0;
  inFlightMax = 0;

  constructor(options: { clock: Clock; behave?: (call: SeenCall) => Behaviour; latencyMs?: (call: number) => number }) {
    this.#clock = options.clock;
    this.#behave = options.behave ?? (() => ({ kind: "take" }));
    this.#latencyMs = options.latencyMs ?? (() => 5);
  }

  /** The lines of all that was taken, in order. */
  get lines(): string[] {
    return this.taken.flatMap((record) => record.split("\n").slice(0, -1));
  }

  async put(records: readonly Uint8Array[], signal: AbortSignal): Promise<readonly RecordAnswer[]> {
    const texts = records.map((record) => new TextDecoder().decode(unpacked(record)));
    const bytes = records.reduce((sum, record) => sum + record.length, 0);
    const index = this.calls;
    const behaviour = this.#behave({ index, atMs: this.#clock.monotonicMs(), records: texts, bytes });
    this.calls += 1;
    this.inFlight += 1;
    this.inFlightMax = Math.max(this.inFlightMax, this.inFlight);
    try {
      if (behaviour.kind === "hang") {
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
        throw Object.assign(new Error("the call was aborted"), { name: "AbortError" });
      }
      await this.#clock.sleep(this.#latencyMs(index), signal);
      if (signal.aborted) throw Object.assign(new Error("the call was aborted"), { name: "AbortError" });
      return this.#finish(behaviour, texts);
    } finally {
      this.inFlight -= 1;
    }
  }

  #finish(behaviour: Exclude<Behaviour, { kind: "hang" }>, texts: readonly string[]): readonly RecordAnswer[] {
    switch (behaviour.kind) {
      case "fail":
        throw behaviour.error;
      case "lose":
        this.lost.push(...texts.flatMap((text) => text.split("\n").slice(0, -1)));
        this.taken.push(...texts);
        throw behaviour.error;
      case "take":
        this.taken.push(...texts);
        return texts.map(() => undefined);
      case "answer":
        this.taken.push(...texts.filter((_, index) => behaviour.answers[index] === undefined));
        return behaviour.answers;
    }
  }
}

/** By the magic numbers of RFC 1952 and RFC 8878; no line of text begins with either. */
function unpacked(record: Uint8Array): Uint8Array {
  if (record[0] === 0x1f && record[1] === 0x8b) return decompressNow("gzip", record);
  if (record[0] === 0x28 && record[1] === 0xb5) return decompressNow("zstd", record);
  return record;
}
