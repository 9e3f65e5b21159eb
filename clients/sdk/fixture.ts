/** What the tests of this folder share: an exporter whose answers a test decides, and log records. */
import {
  InMemoryLogRecordExporter,
  LoggerProvider,
  type LogRecordExporter,
  type ReadableLogRecord,
  SimpleLogRecordProcessor,
} from "@opentelemetry/sdk-logs";

type ResultCallback = Parameters<LogRecordExporter["export"]>[1];

/** Answers each export by `script`, or leaves it open for `open` to be answered by hand. */
export class FakeExporter implements LogRecordExporter {
  /** Bodies of all acknowledged records. */
  readonly taken: unknown[] = [];
  readonly sizes: number[] = [];
  readonly open: { logs: ReadableLogRecord[]; answer: (error?: unknown) => void }[] = [];
  inFlightMax = 0;
  isShutdown = false;
  /** What to answer: an error, "ok", or "wait". It may throw. */
  script: (logs: ReadableLogRecord[]) => "ok" | "wait" | object = () => "ok";

  export(logs: ReadableLogRecord[], resultCallback: ResultCallback): void {
    this.sizes.push(logs.length);
    const entry = {
      logs,
      answer: (error?: unknown): void => {
        this.open.splice(this.open.indexOf(entry), 1);
        if (error === undefined) this.taken.push(...logs.map((log) => log.body));
        resultCallback(error === undefined ? { code: 0 } : { code: 1, error: error as Error });
      },
    };
    const todo = this.script(logs);
    this.open.push(entry);
    this.inFlightMax = Math.max(this.inFlightMax, this.open.length);
    if (todo !== "wait") queueMicrotask(() => entry.answer(todo === "ok" ? undefined : todo));
  }

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {
    this.isShutdown = true;
  }
}

/** Log records whose bodies are `from`, `from + 1` and so on. */
export function someLogs(count: number, from = 0): ReadableLogRecord[] {
  const exporter = new InMemoryLogRecordExporter();
  const provider = new LoggerProvider({ processors: [new SimpleLogRecordProcessor({ exporter })] });
  const logger = provider.getLogger("test");
  for (let index = 0; index < count; index++) logger.emit({ body: from + index });
  return exporter.getFinishedLogRecords();
}
