/**
 * ULIDs: 48 bits of milliseconds and 80 bits of chance in 26 characters that sort by time, as OpenTelemetry recommends for
 * `log.record.uid` (https://opentelemetry.io/docs/specs/semconv/general/logs/, https://github.com/ulid/spec).
 *
 * Within a millisecond the last twenty bits count up from a random start, so that the records of one process keep
 * their order. Chance comes from node:crypto in blocks, since asking for ten bytes at a time would cost more than the rest.
 */
import { randomFillSync } from "node:crypto";

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const TIME_CHARACTERS = 10;
const PREFIX_CHARACTERS = 12;
const COUNTER_SIZE = 2 ** 20;

/** Fills the array with chance. */
export type FillRandom = (bytes: Uint8Array) => unknown;

/** Makes a function that gives the next ULID for a wall time in milliseconds since 1970. */
export function createUlids(fillRandom: FillRandom = randomFillSync): (wallMs: number) => string {
  const chance = new Uint8Array(1_024);
  let chanceAt = chance.length;
  let lastMs = Number.NaN;
  let prefix = "";
  let counter = 0;
  const begin = (ms: number): void => {
    if (chanceAt + PREFIX_CHARACTERS + 3 > chance.length) {
      fillRandom(chance);
      chanceAt = 0;
    }
    prefix = timeCharacters(ms);
    for (let index = 0; index < PREFIX_CHARACTERS; index++) prefix += ALPHABET[(chance[chanceAt++] as number) & 31];
    const [a = 0, b = 0, c = 0] = chance.subarray(chanceAt, chanceAt + 3);
    chanceAt += 3;
    // The upper half is left for counting.
    counter = ((a << 16) | (b << 8) | c) & (COUNTER_SIZE / 2 - 1);
    lastMs = ms;
  };
  return (wallMs) => {
    const ms = Math.min(Math.max(Math.floor(wallMs), 0), 2 ** 48 - 1);
    if (ms !== lastMs || counter >= COUNTER_SIZE) begin(ms);
    const count = counter++;
    return (
      prefix +
      ALPHABET.charAt(count >>> 15) +
      ALPHABET.charAt((count >>> 10) & 31) +
      ALPHABET.charAt((count >>> 5) & 31) +
      ALPHABET.charAt(count & 31)
    );
  };
}

function timeCharacters(ms: number): string {
  let rest = ms;
  let text = "";
  for (let index = 0; index < TIME_CHARACTERS; index++) {
    text = ALPHABET.charAt(rest % 32) + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}
