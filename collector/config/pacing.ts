/** The keys of a route that say how far it may go in looking for its stream's limit. Used by config.ts alone. */
import { fraction, integer } from "./values.ts";

/** Part of every route. */
export const pacingKeys = {
  backlogAgeMsObjective: integer(1_000, 604_800_000, 60_000).describe(
    "How old the backlog may get before more than the known quota is tried: a Direct PUT stream grows only while it throttles.",
  ),
  throttledFractionMax: fraction(0, 0.1, 0.006).describe(
    "Part of the bytes that may be refused in coming back to a quota that had become less than was known.",
  ),
  growthThrottledFractionMax: fraction(0, 0.1, 0.008).describe(
    "The same while the backlog is older than its objective; 0 never goes beyond the known quota.",
  ),
};
