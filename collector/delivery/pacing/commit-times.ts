/**
 * When the log records at hand were accepted: noted as delivery reads them, so that the age of a backlog is that of its
 * oldest entry, whichever process took it in. Knows only of what was read, which is where the oldest waits.
 */
import type { JournalReader } from "../../journal/port.ts";

/** Entries within this time count as one: what is kept stays small, and an age is exact to that. */
const STEP_MS = 1_000;

interface Mark {
  readonly first: bigint;
  readonly committedAtMs: number;
}

export class CommitTimes {
  /** Oldest first. */
  #marks: Mark[] = [];
  #end = 0n;

  /** The journal, with every entry noted that is read from it in order. */
  watching(journal: JournalReader): JournalReader {
    return {
      collectorId: journal.collectorId,
      get head() {
        return journal.head;
      },
      read: async (from) => {
        const item = await journal.read(from);
        if (item?.kind === "commit") this.#note(item.first, item.first + BigInt(item.records), item.committedAtMs);
        return item;
      },
      waitForHead: (ordinal, signal) => journal.waitForHead(ordinal, signal),
    };
  }

  /**
   * When the log record at `cursor`, below which all is finished, was accepted: wall time in milliseconds since 1970, a
   * second too early at most. Undefined while it was not read.
   */
  committedAtMs(cursor: bigint): number | undefined {
    while (this.#marks.length > 1 && (this.#marks[1]?.first ?? 0n) <= cursor) this.#marks.shift();
    const [oldest] = this.#marks;
    return oldest === undefined || cursor < oldest.first || cursor >= this.#end ? undefined : oldest.committedAtMs;
  }

  #note(first: bigint, end: bigint, committedAtMs: number): void {
    // Read once more, to be put into quarantine.
    if (end <= this.#end) return;
    this.#end = end;
    const last = this.#marks.at(-1);
    if (last === undefined || Math.abs(committedAtMs - last.committedAtMs) >= STEP_MS) {
      this.#marks.push({ first, committedAtMs });
    }
  }
}
