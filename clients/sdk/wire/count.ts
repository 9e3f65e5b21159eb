/** How many log records a serialised ExportLogsServiceRequest holds; undefined when the bytes are none. */
export function countRecords(request: Uint8Array): number | undefined {
  const count = countAt(request, 0, request.length, 0);
  return count < 0 ? undefined : count;
}

/** Fields that lead to log records: resource_logs, scope_logs, log_records. */
const PATH = [1, 2, 2];

/** -1 for bytes that are not well formed. */
function countAt(bytes: Uint8Array, from: number, to: number, level: number): number {
  let count = 0;
  let at = from;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; at < to; factor *= 0x80) {
      const byte = bytes[at++] as number;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    return Number.NaN;
  };
  while (at < to) {
    const tag = varint();
    const wireType = tag % 8;
    if (wireType === 2) {
      const end = varint() + at;
      if (!(end <= to)) return -1;
      if (Math.floor(tag / 8) === PATH[level]) {
        const inside = level === PATH.length - 1 ? 1 : countAt(bytes, at, end, level + 1);
        if (inside < 0) return -1;
        count += inside;
      }
      at = end;
    } else if (wireType === 0) {
      if (Number.isNaN(varint())) return -1;
    } else if (wireType === 1 || wireType === 5) {
      at += wireType === 1 ? 8 : 4;
      if (at > to) return -1;
    } else return -1;
  }
  return count;
}
