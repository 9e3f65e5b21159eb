/**
 * Records that their stream can never take, kept in the meta database with the reason, until a person has looked.
 * Key: `quarantine/<route>/<ordinal in 20 digits>`. Value: a line of JSON, a line break, the record's own bytes.
 */
import { toName } from "./ordinal.ts";
import type { QuarantineEntry } from "./port.ts";

const LINE_BREAK = 10;

export function quarantinePrefix(route: string): string {
  return `quarantine/${route}/`;
}

export function quarantineKey(route: string, ordinal: bigint): string {
  return `${quarantinePrefix(route)}${toName(ordinal)}`;
}

export function encodeQuarantine({ ordinal, reason, message, atMs, request }: QuarantineEntry): Uint8Array {
  const head = Buffer.from(`${JSON.stringify({ ordinal: String(ordinal), reason, message, atMs })}\n`);
  return Buffer.concat([head, request]);
}

export function decodeQuarantine(value: Uint8Array): QuarantineEntry {
  const split = value.indexOf(LINE_BREAK);
  const head = JSON.parse(Buffer.from(value.subarray(0, split)).toString()) as {
    ordinal: string;
    reason: string;
    message: string;
    atMs: number;
  };
  return { ...head, ordinal: BigInt(head.ordinal), request: value.slice(split + 1) };
}
