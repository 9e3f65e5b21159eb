/**
 * The client in the OpenTelemetry SDK: as a processor, which is all that is needed, or as an exporter behind another one.
 *
 * The processor takes each record when it is emitted and batches by itself; emitting can't wait, so in a loop that outruns the
 * collector await `client.ready()`. The exporter calls back when the collector has the records, or never will.
 */
import type { LogRecordExporter, LogRecordProcessor, ReadableLogRecord, SdkLogRecord } from "@opentelemetry/sdk-logs";
import type { Client } from "../client.ts";
import type { Scope } from "../client-types.ts";
import type { LogRecord } from "../record.ts";

type ExportResult = Parameters<Parameters<LogRecordExporter["export"]>[1]>[0];

export class StandpipeLogProcessor implements LogRecordProcessor {
  readonly #client: Client;
  readonly #scopes = new Scopes();
  /** Records whose resource is still being found out. */
  readonly #delayed = new Set<Promise<void>>();

  constructor(client: Client) {
    this.#client = client;
  }

  onEmit(record: SdkLogRecord): void {
    const { resource } = record;
    if (resource.asyncAttributesPending !== true) {
      this.#client.offer(toLogRecord(record), this.#scopes.of(record));
      return;
    }
    const wait = async (): Promise<void> => {
      await resource.waitForAsyncAttributes?.();
      this.#client.offer(toLogRecord(record), this.#scopes.of(record));
    };
    const waiting = wait().finally(() => this.#delayed.delete(waiting));
    this.#delayed.add(waiting);
  }

  /** Resolves when all that was emitted before is acknowledged; rejects when that took too long: nothing is lost by it. */
  async forceFlush(): Promise<void> {
    await Promise.all(this.#delayed);
    const { isComplete, recordsLeft, recordsSpooled } = await this.#client.flush();
    if (!isComplete) throw new Error(`${recordsLeft + recordsSpooled} log records are not acknowledged yet`);
  }

  /** Closes the client. */
  async shutdown(): Promise<void> {
    await Promise.all(this.#delayed);
    await this.#client.close();
  }
}

export class StandpipeLogExporter implements LogRecordExporter {
  readonly #client: Client;
  readonly #scopes = new Scopes();

  constructor(client: Client) {
    this.#client = client;
  }

  export(logs: ReadableLogRecord[], resultCallback: (result: ExportResult) => void): void {
    const groups = new Map<Scope, LogRecord[]>();
    for (const log of logs) {
      const scope = this.#scopes.of(log);
      const group = groups.get(scope);
      if (group === undefined) groups.set(scope, [toLogRecord(log)]);
      else group.push(toLogRecord(log));
    }
    const sends = [...groups].map(([scope, records]) => this.#client.send(records, scope));
    Promise.all(sends).then(
      () => resultCallback({ code: 0 }),
      (error: unknown) => resultCallback({ code: 1, error: error instanceof Error ? error : new Error(String(error)) }),
    );
  }

  async forceFlush(): Promise<void> {
    await this.#client.flush();
  }

  async shutdown(): Promise<void> {
    await this.#client.close();
  }
}

/** One Scope for each resource and instrumentation scope. */
class Scopes {
  readonly #scopes = new WeakMap<object, WeakMap<object, Scope>>();

  of({ resource, instrumentationScope }: ReadableLogRecord): Scope {
    let ofResource = this.#scopes.get(resource);
    if (ofResource === undefined) {
      ofResource = new WeakMap();
      this.#scopes.set(resource, ofResource);
    }
    let scope = ofResource.get(instrumentationScope);
    if (scope === undefined) {
      const { name, version, schemaUrl } = instrumentationScope;
      scope = {
        name,
        ...(version === undefined ? {} : { version }),
        ...(schemaUrl === undefined ? {} : { schemaUrl }),
        resource: resource.attributes,
        ...(resource.schemaUrl === undefined ? {} : { resourceSchemaUrl: resource.schemaUrl }),
      };
      ofResource.set(instrumentationScope, scope);
    }
    return scope;
  }
}

function toLogRecord(log: ReadableLogRecord): LogRecord {
  const { spanContext } = log;
  return {
    time: toNanoseconds(log.hrTime),
    observedTime: toNanoseconds(log.hrTimeObserved),
    severityNumber: log.severityNumber,
    severityText: log.severityText,
    body: log.body,
    attributes: log.attributes,
    droppedAttributesCount: log.droppedAttributesCount,
    // Empty where there is none: the span that is active when a batch leaves is another one.
    traceId: spanContext?.traceId ?? "",
    spanId: spanContext?.spanId ?? "",
    traceFlags: spanContext?.traceFlags,
    eventName: log.eventName,
  };
}

function toNanoseconds([seconds, nanoseconds]: readonly [number, number]): bigint {
  return BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);
}
