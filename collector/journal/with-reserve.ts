/** Opening needs room on the disk, which LevelDB takes to turn logs into tables: a full disk gives up the reserve. */
import type { Clock } from "../clock.ts";
import { CollectorError } from "../errors.ts";
import type { DiskGuard } from "./disk-guard.ts";
import { StoreError } from "./store.ts";

const OPEN_ATTEMPTS_MAX = 10;
const OPEN_RETRY_MS = 300;

/** What `open` gives, tried again while the disk is full. Rejects with CollectorError `journal_unusable`. */
export async function withReserve<T>(
  disk: DiskGuard,
  { directory, clock }: { readonly directory: string; readonly clock: Clock },
  open: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await open();
    } catch (reason) {
      const cause = reason instanceof CollectorError ? reason.cause : reason;
      const isFull = cause instanceof StoreError && cause.kind === "full";
      if (attempt < OPEN_ATTEMPTS_MAX && isFull) {
        disk.fill(cause.message);
        await clock.sleep(OPEN_RETRY_MS);
        continue;
      }
      if (isFull) {
        const what = `the disk of ${directory} is full, and the journal has nothing left to give up (${cause.message}): make room and start again; what it holds stays`;
        throw new CollectorError("journal_unusable", what, { cause: reason });
      }
      if (reason instanceof CollectorError && reason.code === "journal_unusable") throw reason;
      const what = `can't open the journal in ${directory} (${String(reason)}): make room on the disk or mend its rights`;
      throw new CollectorError("journal_unusable", what, { cause: reason });
    }
  }
}
