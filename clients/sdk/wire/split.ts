/** Takes a serialised ExportLogsServiceRequest apart by its log records, whoever serialised it. */
import { BackwardWriter } from "./backward-writer.ts";

interface Part {
  /** Fields of the message beside the nested ones that were asked for. */
  readonly rest: Uint8Array[];
  readonly nested: Uint8Array[];
}

interface ScopeRun {
  readonly resourceRest: readonly Uint8Array[];
  readonly scopeRest: readonly Uint8Array[];
  readonly record: Uint8Array;
}

const writer = new BackwardWriter();

/** Two requests with the first and the second half of the log records; undefined where there are fewer than two. */
export function splitRequest(request: Uint8Array): [Buffer, Buffer] | undefined {
  const records = apart(request, 1).nested.flatMap((resourceLogs) => {
    const { rest: resourceRest, nested } = apart(resourceLogs, 2);
    return nested.flatMap((scopeLogs) => {
      const { rest: scopeRest, nested: records } = apart(scopeLogs, 2);
      return records.map((record): ScopeRun => ({ resourceRest, scopeRest, record }));
    });
  });
  if (records.length < 2) return undefined;
  const middle = Math.ceil(records.length / 2);
  return [joined(records.slice(0, middle)), joined(records.slice(middle))];
}

function joined(records: readonly ScopeRun[]): Buffer {
  // From the end, as the writer goes.
  for (let end = records.length; end > 0; ) {
    const { resourceRest, scopeRest } = records[end - 1] as ScopeRun;
    const before = writer.length;
    let start = end;
    for (; start > 0 && records[start - 1]?.scopeRest === scopeRest; start--) {
      writer.bytes(2, (records[start - 1] as ScopeRun).record);
    }
    for (const field of scopeRest) writer.raw(field);
    writer.message(2, before);
    for (const field of resourceRest) writer.raw(field);
    writer.message(1, before);
    end = start;
  }
  return writer.finish();
}

/** Of a message that is well formed: the payloads of one field, and all else as it is. */
function apart(message: Uint8Array, wanted: number): Part {
  const part: Part = { rest: [], nested: [] };
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 0x80) {
      const byte = message[at++] ?? 0;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const start = at;
    const tag = varint();
    const wireType = tag % 8;
    if (wireType === 0) varint();
    else if (wireType === 2) {
      const length = varint();
      at += length;
      if (Math.floor(tag / 8) === wanted) {
        part.nested.push(message.subarray(at - length, at));
        continue;
      }
    } else at += wireType === 1 ? 8 : 4;
    part.rest.push(message.subarray(start, at));
  }
  return part;
}
