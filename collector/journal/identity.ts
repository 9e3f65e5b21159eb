/**
 * Opens the meta database and reads who this journal is. A damaged one is kept aside and mended; where its identity is
 * gone, the journal gets a new name, since ordinals that were used before must not be given out again under the old one.
 *
 * A copy of the volume that is started later has the same name and goes on with the same ordinals: nothing here can tell, since
 * a snapshot that is restored looks like a volume that is moved (deploy/README.md, "Copies of a volume"). What would tell, and
 * is not built: a name for each start. Every start writes a row `run/<head>` with a random name before its first entry, and an
 * ordinal's record id takes the name of the run that it was accepted in (the last row at or below it), no longer the journal's. Two
 * copies then never give one id to two logs, whenever they start, so `recordId`, hand-overs (`taken/` rows by run) and `verify` (a
 * ledger by run) are right without anybody noticing anything; peers would still know a journal by the name it has now. A journal
 * without such rows is one run under its present name, and the format rises with the first row. The price: rows that must be thinned
 * as segments go, by restarts of a crash loop too, and a change in each of those four at once.
 */
import type { Random } from "../clock.ts";
import { CollectorError } from "../errors.ts";
import { ROUTE_PREFIX, RouteState } from "./cursors.ts";
import { keepMeta, Meta, type MetaOptions } from "./meta.ts";
import { highest } from "./ordinal.ts";
import { StoreError } from "./store.ts";

/** The layout that this code writes at first, and the one from when the first entry with an origin is to be written. */
const FORMAT = 1;
const FORMAT_WITH_ORIGINS = 2;

const IDENTITY_KEY = "identity";
const COLLECTOR_ID_LENGTH = 8;
/** Digits and letters that can't be taken for one another. */
const COLLECTOR_ID_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

const ROUTES_MAX = 10_000;

/** The row that says how far the journal had come when rows were last written. */
export const HEAD_KEY = "head";

export interface OpenedMeta {
  readonly meta: Meta;
  readonly collectorId: string;
  /** The head was here, or further: what was accepted below must be found. */
  readonly headAtLeast: bigint;
  readonly routes: Map<string, RouteState>;
  /** Those whose row can't be read: they begin again at the tail. */
  readonly damagedRoutes: readonly string[];
}

/** Rejects with CollectorError `journal_unusable`, where starting would forget or harm something. */
export async function openMeta(options: MetaOptions & { readonly random: Random }): Promise<OpenedMeta> {
  const meta = await openOrMend(options);
  try {
    const collectorId = await readIdentity(meta, options);
    const { rows: routes, damaged: damagedRoutes } = await meta.rows(ROUTE_PREFIX, ROUTES_MAX, (value) =>
      RouteState.decode(toText(value)),
    );
    const { rows: heads } = await meta.rows(HEAD_KEY, 1, (value) => BigInt(toText(value)));
    const furthest = [...routes.values()].map((state) => state.furthest);
    return { meta, collectorId, routes, damagedRoutes, headAtLeast: highest([0n, ...heads.values(), ...furthest]) };
  } catch (reason) {
    await meta.close();
    throw reason;
  }
}

async function openOrMend(options: MetaOptions): Promise<Meta> {
  const { directory, driver, log } = options;
  try {
    return await Meta.open(options);
  } catch (reason) {
    if (!(reason instanceof StoreError) || reason.kind !== "damaged") {
      throw new CollectorError("journal_unusable", `can't open ${directory}: ${String(reason)}`, { cause: reason });
    }
    const kept = await keepMeta(options);
    await driver.repair(directory);
    log.error(
      { directory, kept, reason: reason.message },
      "the journal's bookkeeping was damaged and has been mended: some logs may be sent twice, none is lost",
    );
    return await Meta.open(options);
  }
}

/** The row that keeps older versions, which can't read entries with an origin, from opening the journal. */
export function identityWithOrigins(collectorId: string): { readonly key: string; readonly value: Uint8Array } {
  return { key: IDENTITY_KEY, value: Buffer.from(JSON.stringify({ format: FORMAT_WITH_ORIGINS, collectorId })) };
}

async function readIdentity(meta: Meta, { directory, random }: { directory: string; random: Random }): Promise<string> {
  const { rows } = await meta.rows(
    IDENTITY_KEY,
    1,
    (value) => JSON.parse(toText(value)) as { format: number; collectorId: string },
  );
  const known = rows.get("");
  if (known === undefined) {
    const letters = Array.from({ length: COLLECTOR_ID_LENGTH }, () => {
      return COLLECTOR_ID_ALPHABET[Math.floor(random() * COLLECTOR_ID_ALPHABET.length)];
    });
    const collectorId = letters.join("");
    await meta.write([{ key: IDENTITY_KEY, value: Buffer.from(JSON.stringify({ format: FORMAT, collectorId })) }]);
    return collectorId;
  }
  const { format, collectorId } = known;
  if (format > FORMAT_WITH_ORIGINS) {
    throw new CollectorError(
      "journal_unusable",
      `${directory} was written by a newer Standpipe (format ${format}, this one reads up to ${FORMAT_WITH_ORIGINS}): use that version, nothing was changed`,
    );
  }
  return collectorId;
}

function toText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}
