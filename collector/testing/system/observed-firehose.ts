/**
 * The local Firehose in this process, with every call to it noted: which log records were in it, and in which life of
 * the collector it came. What was delivered is read from the objects alone.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type LocalFirehose, type LocalFirehoseOptions, startLocalFirehose } from "../../../deploy/local/server.ts";

export interface ObservedCall {
  /** The value of `life` when it arrived. */
  readonly life: number;
  /** The answer was not given: its records may be sent again. */
  readonly isAnswerLost: boolean;
  /** Ordinals of the log records in it, taken or not. Empty where lines have no recordId. */
  readonly ordinals: readonly number[];
}

/** One line in an object. */
export interface DeliveredLine {
  readonly body: string;
  /** First word of the body. */
  readonly key: string;
  /** `<collector id>/<ordinal>`, where lines have it. */
  readonly recordId: string | undefined;
  /** Last part of the recordId; NaN where there is none. */
  readonly ordinal: number;
  readonly bytes: number;
}

export interface ObservedFirehose extends AsyncDisposable {
  readonly local: LocalFirehose;
  readonly calls: readonly ObservedCall[];
  /** Counted up by the test with each start of the collector. */
  life: number;
  /** All lines of all objects, after cutting what is buffered. */
  lines(): Promise<DeliveredLine[]>;
}

export interface FirehoseSettings {
  /** No quota unless told. */
  readonly mibPerSecond?: number;
  readonly random?: () => number;
}

const STREAM = "logs";

export async function startFirehose(directory: string, settings: FirehoseSettings = {}): Promise<ObservedFirehose> {
  const { mibPerSecond = Number.POSITIVE_INFINITY, random } = settings;
  const options: LocalFirehoseOptions = {
    directory: join(directory, "objects"),
    port: 0,
    streams: [{ name: STREAM, mibPerSecond, pattern: "random" }],
    ...(random === undefined ? {} : { random }),
  };
  const local = await startLocalFirehose(options);
  const calls: ObservedCall[] = [];
  const observed: ObservedFirehose = {
    local,
    calls,
    life: 0,
    lines: async () => {
      await local.flush();
      const contents = await Promise.all((await local.objects()).map(({ path }) => readFile(path, "utf8")));
      return contents.flatMap((content) => content.split("\n").filter((line) => line !== "")).map(toLine);
    },
    [Symbol.asyncDispose]: () => local.stop(),
  };
  const handle = local.service.handle.bind(local.service);
  local.service.handle = (call) => {
    const answer = handle(call);
    const isAnswerLost = answer.fate !== "answer";
    calls.push({ life: observed.life, isAnswerLost, ordinals: ordinalsOf(call.body) });
    return answer;
  };
  return observed;
}

function toLine(text: string): DeliveredLine {
  const { body, recordId } = JSON.parse(text) as { body: string; recordId?: string };
  const key = body.split(" ", 1)[0] ?? "";
  return { body, key, recordId, ordinal: Number(recordId?.split("/")[1]), bytes: Buffer.byteLength(text) + 1 };
}

function ordinalsOf(body: Buffer): number[] {
  const { Records: records = [] } = JSON.parse(body.toString()) as { Records?: { Data: string }[] };
  return records.flatMap(({ Data: data }) =>
    Array.from(
      Buffer.from(data, "base64")
        .toString()
        .matchAll(/"recordId":"[^"/]+\/(\d+)"/g),
      ([, ordinal]) => Number(ordinal),
    ),
  );
}

/** How many lines each value of `by` has. */
export function countBy<K>(lines: readonly DeliveredLine[], by: (line: DeliveredLine) => K): Map<K, number> {
  const counts = new Map<K, number>();
  for (const line of lines) counts.set(by(line), (counts.get(by(line)) ?? 0) + 1);
  return counts;
}
