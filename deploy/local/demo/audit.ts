/** What arrived, read back from the objects and held against what was sent. */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { createGunzip, createZstdDecompress } from "node:zlib";

/** One log as the audit sees it. */
interface Line {
  readonly recordId: string;
  readonly attributes: { readonly "demo.number": number };
  readonly resource: { readonly attributes: { readonly "service.instance.id": string } };
}

export interface Audit {
  readonly lines: number;
  /** Of the lines, unpacked. */
  readonly lineBytes: number;
  readonly lost: number;
  /** The same record id twice: calls to Firehose that were open at the kill, sent again after it. */
  readonly sentTwice: { readonly count: number; readonly firstOrdinal: bigint; readonly lastOrdinal: bigint };
  /** The same log under two record ids: exports whose answer the kill swallowed, sent again by the application. */
  readonly acceptedTwice: number;
  /** Lines that are no log of this demo. */
  readonly foreign: number;
}

/** Reads all objects, line by line, unpacked where their name ends in .gz or .zst. `sent` has the number of logs of each application process. */
export async function audit(paths: readonly string[], sent: ReadonlyMap<string, number>): Promise<Audit> {
  const seen = new Map([...sent].map(([name, logs]) => [name, new Uint32Array(logs)]));
  const ids = new Set<string>();
  const twice: bigint[] = [];
  let lines = 0;
  let lineBytes = 0;
  let foreign = 0;
  for (const path of paths) {
    for await (const text of createInterface({ input: openObject(path), crlfDelay: Number.POSITIVE_INFINITY })) {
      lines++;
      lineBytes += Buffer.byteLength(text) + 1;
      const line = readLine(text);
      const counts = line === undefined ? undefined : seen.get(line.resource.attributes["service.instance.id"]);
      const number = line?.attributes["demo.number"] ?? -1;
      if (line === undefined || counts?.[number] === undefined) {
        foreign++;
        continue;
      }
      if (ids.has(line.recordId)) {
        twice.push(BigInt(line.recordId.slice(line.recordId.indexOf("/") + 1)));
        continue;
      }
      ids.add(line.recordId);
      counts[number] = counts[number] + 1;
    }
  }
  const all = [...seen.values()].flatMap((counts) => [...counts]);
  twice.sort((a, b) => (a < b ? -1 : 1));
  return {
    lines,
    lineBytes,
    lost: all.filter((count) => count === 0).length,
    sentTwice: { count: twice.length, firstOrdinal: twice[0] ?? 0n, lastOrdinal: twice.at(-1) ?? 0n },
    acceptedTwice: all.reduce((sum, count) => sum + Math.max(0, count - 1), 0),
    foreign,
  };
}

/** An object is many members or frames laid end to end; both decompressors read on after the first. */
function openObject(path: string): NodeJS.ReadableStream {
  const stored = createReadStream(path);
  const unpacker = path.endsWith(".gz") ? createGunzip() : path.endsWith(".zst") ? createZstdDecompress() : undefined;
  if (unpacker === undefined) return stored;
  // What the file's reading fails with must reach whoever reads the lines.
  stored.on("error", (reason) => unpacker.destroy(reason));
  return stored.pipe(unpacker);
}

function readLine(text: string): Line | undefined {
  try {
    const line = JSON.parse(text) as Partial<Line>;
    const isOurs =
      typeof line.recordId === "string" && line.attributes !== undefined && line.resource?.attributes !== undefined;
    return isOurs ? (line as Line) : undefined;
  } catch {
    return undefined;
  }
}
