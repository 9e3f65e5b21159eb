/** What tests read requests with: protobufjs, which shares nothing with the writer. */
import { join } from "node:path";
import protobuf from "protobufjs";

const requestType = loadRequestType();

function loadRequestType(): protobuf.Type {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => join(import.meta.dir, "../../../proto", target);
  root.loadSync("opentelemetry/proto/collector/logs/v1/logs_service.proto");
  return root.lookupType("opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest");
}

interface Any {
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly intValue?: string;
  readonly doubleValue?: number;
  readonly bytesValue?: string;
  readonly arrayValue?: { readonly values?: readonly Any[] };
  readonly kvlistValue?: { readonly values?: readonly Pair[] };
}

interface Pair {
  readonly key?: string;
  readonly value?: Any;
}

export interface DecodedRecord {
  readonly body: unknown;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly resource: Readonly<Record<string, unknown>>;
  /** Decimal nanoseconds since 1970; "0" where there is none. */
  readonly time: string;
  readonly observedTime: string;
  readonly severity: number;
  readonly severityText: string;
}

function plain(value: Any | undefined): unknown {
  if (value === undefined) return null;
  if (value.stringValue !== undefined) return value.stringValue;
  if (value.boolValue !== undefined) return value.boolValue;
  if (value.intValue !== undefined) {
    const int = BigInt(value.intValue);
    return Number.isSafeInteger(Number(int)) ? Number(int) : int;
  }
  if (value.doubleValue !== undefined) return value.doubleValue;
  if (value.bytesValue !== undefined) return Buffer.from(value.bytesValue, "base64");
  if (value.arrayValue !== undefined) return (value.arrayValue.values ?? []).map(plain);
  if (value.kvlistValue !== undefined) return pairs(value.kvlistValue.values);
  return null;
}

function pairs(list: readonly Pair[] = []): Record<string, unknown> {
  return Object.fromEntries(list.map(({ key = "", value }) => [key, plain(value)]));
}

interface Wire {
  readonly resourceLogs?: readonly {
    readonly resource?: { readonly attributes?: readonly Pair[] };
    readonly scopeLogs?: readonly {
      readonly logRecords?: readonly {
        readonly body?: Any;
        readonly attributes?: readonly Pair[];
        readonly timeUnixNano?: string;
        readonly observedTimeUnixNano?: string;
        readonly severityNumber?: number;
        readonly severityText?: string;
      }[];
    }[];
  }[];
}

/** All log records of a request, in their order. Throws where the bytes are none. */
export function decodeRequest(bytes: Uint8Array): DecodedRecord[] {
  const wire = requestType.toObject(requestType.decode(bytes), { longs: String, bytes: String }) as Wire;
  return (wire.resourceLogs ?? []).flatMap(({ resource, scopeLogs = [] }) =>
    scopeLogs.flatMap(({ logRecords = [] }) =>
      logRecords.map((record) => ({
        body: plain(record.body),
        attributes: pairs(record.attributes),
        resource: pairs(resource?.attributes),
        time: record.timeUnixNano ?? "0",
        observedTime: record.observedTimeUnixNano ?? "0",
        severity: record.severityNumber ?? 0,
        severityText: record.severityText ?? "",
      })),
    ),
  );
}
