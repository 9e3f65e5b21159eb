/**
 * Checks the journal of a stopped collector, changing nothing: every entry against its sum, the ordinals without gaps from
 * the first segment to the head, each route's ledger against the number line, and the quarantine against its totals.
 */
import type { Finding, JournalInspection } from "./inspection.ts";
import { highest } from "./ordinal.ts";

export interface FsckReport {
  readonly segments: number;
  readonly entries: number;
  readonly logRecords: bigint;
  readonly requestBytes: number;
  /** Log records that can't be read any more, and which no route has finished with. */
  readonly unreadable: bigint;
  readonly tail: bigint;
  readonly head: bigint;
  readonly problems: readonly Finding[];
}

/** `onProgress` is told of each segment that is done, out of how many. */
export async function fsck(
  inspection: JournalInspection,
  onProgress: (done: number, of: number) => void = () => undefined,
): Promise<FsckReport> {
  const problems: Finding[] = [];
  const tail = inspection.segments[0]?.first ?? inspection.headAtLeast;
  let position = tail;
  let entries = 0;
  let requestBytes = 0;
  let unreadable = 0n;
  for (const [index, folder] of inspection.segments.entries()) {
    const end = folder.nextFirst ?? highest([inspection.headAtLeast, folder.first]) + (1n << 62n);
    for await (const found of inspection.read(folder.first, end)) {
      if (found.kind === "commit") {
        entries += 1;
        requestBytes += found.request.byteLength;
        position = found.first + BigInt(found.records);
        continue;
      }
      const words = `log records ${found.first} to ${found.end - 1n} can't be read: ${found.reason.split("; the segment")[0]}`;
      problems.push({ where: folder.directory, words });
      unreadable += found.end - found.first;
      position = found.end;
    }
    onProgress(index + 1, inspection.segments.length);
  }
  const head = highest([position, inspection.headAtLeast]);
  for (const name of inspection.strange) problems.push({ where: name, words: "is not a segment: nobody reads it" });
  problems.push(...checkRoutes(inspection, tail, head), ...(await checkQuarantine(inspection)));
  // What the mending of copies said, beyond the ranges that are named already.
  problems.unshift(...inspection.findings.filter(({ words }) => !words.includes("can't be read")));
  const logRecords = head - tail;
  return { segments: inspection.segments.length, entries, logRecords, requestBytes, unreadable, tail, head, problems };
}

function checkRoutes({ routes }: JournalInspection, tail: bigint, head: bigint): Finding[] {
  const problems: Finding[] = [];
  for (const [name, state] of routes) {
    const where = `route ${name}`;
    if (state.furthest > head) {
      problems.push({ where, words: `it has finished ${state.furthest}, beyond the head ${head}: the end is missing` });
    }
    if (state.cursor < tail) {
      problems.push({ where, words: `its cursor ${state.cursor} lies before the oldest log record ${tail}` });
    }
  }
  return problems;
}

async function checkQuarantine({ quarantine, routes }: JournalInspection): Promise<Finding[]> {
  const problems: Finding[] = [];
  for (const route of routes.keys()) {
    let entries = 0;
    for await (const _ of quarantine.all(route)) entries++;
    const counted = quarantine.totals(route).entries;
    if (entries === counted) continue;
    const words = `it holds ${entries} log records, and its total says ${counted}`;
    problems.push({ where: `quarantine of route ${route}`, words });
  }
  return problems;
}
