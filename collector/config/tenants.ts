/** What one tenant may take of what all share: the part of the schema in config.ts that says so. */
import { z } from "zod";
import { TENANT_NAME } from "../limits.ts";
import { anyBytes, anyInteger, GIB, KIB, listOrJson } from "./values.ts";

const keys = {
  bytesPerSecond: anyBytes(KIB, 10 * GIB)
    .optional()
    .describe("Bytes per second of one tenant's requests, unpacked; two seconds' worth at once. No limit else."),
  inFlightBytesMax: anyBytes(64 * KIB, GIB)
    .optional()
    .describe("Of ingest.inFlightBytesMax, what one tenant may have being written at once. All of it else."),
  journalPercentMax: anyInteger(1, 100)
    .default(100)
    .describe("Of journal.bytesMax, what one tenant's undelivered logs may take; an estimate that outlives a restart."),
};

const ofOne = z.strictObject({
  tenant: z.string("is needed: whose limits these are").regex(TENANT_NAME, "must be a tenant's name"),
  bytesPerSecond: keys.bytesPerSecond,
  inFlightBytesMax: keys.inFlightBytesMax,
  journalPercentMax: keys.journalPercentMax.unwrap().optional(),
});

export const tenants = z.strictObject({
  ...keys,
  limits: listOrJson(ofOne, "must be a list of tenants with limits, in the environment as JSON")
    .default([])
    .describe(
      "Limits of single tenants: a list of `tenant` with any of the keys above, which go before those. JSON in the environment.",
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
  const fits = (bytesMax = Number.POSITIVE_INFINITY): boolean => ingest.requestBytesMax <= bytesMax;
  const names = limits.limits.map(({ tenant }) => tenant);
  return [
    [fits(limits.inFlightBytesMax), "ingest.requestBytesMax must not exceed tenants.inFlightBytesMax"],
    ...limits.limits.flatMap(({ tenant, inFlightBytesMax }, index): [boolean, string][] => [
      [fits(inFlightBytesMax), `ingest.requestBytesMax must not exceed tenants.limits.${index}.inFlightBytesMax`],
      [names.indexOf(tenant) === index, `tenants.limits.${index}.tenant ${tenant} is there twice`],
    ]),
  ];
}

interface Limits {
  readonly bytesPerSecond: number | undefined;
  readonly inFlightBytesMax: number | undefined;
  /** Undefined for the whole, which is nobody's to divide. */
  readonly journalBytesMax: number | undefined;
}

/** What each tenant may take, and what those with limits of their own may. */
export function tenantLimits(
  all: z.output<typeof tenants>,
  journalBytesMax: number,
): { limits: Limits; own: Map<string, Limits> } {
  const toLimits = (own: Partial<z.output<typeof ofOne>>): Limits => {
    const percent = own.journalPercentMax ?? all.journalPercentMax;
    return {
      bytesPerSecond: own.bytesPerSecond ?? all.bytesPerSecond,
      inFlightBytesMax: own.inFlightBytesMax ?? all.inFlightBytesMax,
      journalBytesMax: percent === 100 ? undefined : (journalBytesMax * percent) / 100,
    };
  };
  return { limits: toLimits({}), own: new Map(all.limits.map((own) => [own.tenant, toLimits(own)])) };
}
