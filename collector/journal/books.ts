/** What a journal keeps in its meta database beside the rows of routes. */
import { HandOvers, type HandOversOptions } from "./hand-overs.ts";
import type { Meta } from "./meta.ts";
import { Pauses } from "./pauses.ts";
import { Quarantine } from "./quarantine.ts";

export interface Books {
  readonly meta: Meta;
  readonly quarantine: Quarantine;
  readonly pauses: Pauses;
  readonly handOvers: HandOvers;
}

export async function openBooks(quarantineBytesMax: number, handOvers: HandOversOptions): Promise<Books> {
  const { meta } = handOvers;
  return {
    meta,
    quarantine: await Quarantine.open(meta, quarantineBytesMax),
    pauses: await Pauses.open(meta),
    handOvers: await HandOvers.open(handOvers),
  };
}
