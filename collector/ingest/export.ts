/** One Export call: the request's way to the disk (take.ts), and what is answered. */
import type { Caller } from "./admission.ts";
import { encodePartialSuccess } from "./boundary.ts";
import type { IngestCounters } from "./counters.ts";
import type { Take } from "./take.ts";

/** One serialised ExportLogsServiceRequest in, one serialised ExportLogsServiceResponse out, or it rejects. */
export type Export = (request: Uint8Array, caller: Caller) => Promise<Buffer>;

/** `ExportLogsServiceResponse` with nothing in it: everything was taken. */
const ALL_TAKEN = Buffer.alloc(0);

/** Rejects with what `take` rejects with; the answer is OK only after the synced write. */
export function createExport(take: Take, counters: IngestCounters): Export {
  return async (request, caller) => {
    const { refused, refusedReason } = await take(request, caller);
    counters.acknowledgedCalls++;
    return refused === 0 ? ALL_TAKEN : encodePartialSuccess(refused, refusedReason ?? "refused");
  };
}
