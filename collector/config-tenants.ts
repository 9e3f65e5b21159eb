/** What one tenant may take of what all share: the part of the schema in config.ts that says so. Used by config.ts alone. */
import { z } from "zod";
import { anyBytes, GIB, integer, KIB } from "./config-values.ts";

export const tenants = z.strictObject({
  bytesPerSecond: anyBytes(KIB, 10 * GIB)
    .optional()
    .describe("Bytes per second of one tenant's requests, unpacked; two seconds' worth at once. No limit else."),
  inFlightBytesMax: anyBytes(64 * KIB, GIB)
    .optional()
    .describe("Of ingest.inFlightBytesMax, what one tenant may have being written at once. All of it else."),
  journalPercentMax: integer(1, 100, 100).describe(
    "Of journal.bytesMax, what one tenant's undelivered logs may take; an estimate that begins anew at a restart.",
  ),
});

/** What must hold beside other sections. */
export function tenantRelations({
  ingest,
  tenants: limits,
}: {
  readonly ingest: { readonly requestBytesMax: number };
  readonly tenants: z.output<typeof tenants>;
}): [boolean, string][] {
  return [
    [
      ingest.requestBytesMax <= (limits.inFlightBytesMax ?? Number.POSITIVE_INFINITY),
      "ingest.requestBytesMax must not exceed tenants.inFlightBytesMax",
    ],
  ];
}
