/** The messages of standpipe.ingest.v1.Ingest (proto/standpipe/ingest/v1/ingest.proto), to and from bytes. */
import { type Field, fields } from "../fields.ts";
import { BackwardWriter } from "./backward-writer.ts";

export interface Welcome {
  readonly collectorId: string;
  readonly windowBytes: number;
  readonly batchBytesMax: number;
}

export interface Written {
  readonly number: number;
  readonly firstOrdinal: bigint;
  readonly records: number;
}

export interface Refused {
  readonly number: number;
  /** A gRPC status; 0 when the batch was taken but for some records. */
  readonly code: number;
  readonly reason: string;
  readonly records: number;
}

export interface Progress {
  readonly through: number;
  readonly written: readonly Written[];
  readonly refused: readonly Refused[];
  /** 0 leaves it as it is. */
  readonly windowBytes: number;
}

export type StreamResponse =
  | { readonly kind: "welcome"; readonly welcome: Welcome }
  | { readonly kind: "progress"; readonly progress: Progress }
  /** A message that a later version may have. */
  | { readonly kind: "other" };

const COMPRESSION_GZIP = 1;
const CLIENT_BYTES_MAX = 256;

const writer = new BackwardWriter();

/** `StreamRequest.open`. A name that is too long is cut. */
export function encodeOpen(client: string): Buffer {
  let name = Buffer.from(client);
  if (name.length > CLIENT_BYTES_MAX) {
    // Not in the middle of a character.
    let end = CLIENT_BYTES_MAX;
    while (((name[end] as number) & 0xc0) === 0x80) end--;
    name = name.subarray(0, end);
  }
  writer.bytes(1, name);
  writer.message(1, 0);
  return writer.finish();
}

/** `StreamRequest.batch`. */
export function encodeBatch(number: number, request: Uint8Array, isGzip: boolean): Buffer {
  if (isGzip) writer.integer(3, COMPRESSION_GZIP);
  writer.bytes(2, request);
  writer.integer(1, number);
  writer.message(2, 0);
  return writer.finish();
}

export function decodeResponse(bytes: Uint8Array): StreamResponse {
  for (const { field, value } of fields(bytes)) {
    if (!(value instanceof Uint8Array)) continue;
    if (field === 1) return { kind: "welcome", welcome: decodeWelcome(value) };
    if (field === 2) return { kind: "progress", progress: decodeProgress(value) };
  }
  return { kind: "other" };
}

function decodeWelcome(bytes: Uint8Array): Welcome {
  const all = [...fields(bytes)];
  return { collectorId: text(all, 1), windowBytes: number(all, 2), batchBytesMax: number(all, 3) };
}

function decodeProgress(bytes: Uint8Array): Progress {
  let through = 0;
  let windowBytes = 0;
  const written: Written[] = [];
  const refused: Refused[] = [];
  for (const { field, value } of fields(bytes)) {
    if (typeof value === "number") {
      if (field === 1) through = value;
      if (field === 4) windowBytes = value;
    } else if (value !== undefined) {
      const all = [...fields(value)];
      if (field === 2) {
        written.push({ number: number(all, 1), firstOrdinal: BigInt(number(all, 2)), records: number(all, 3) });
      } else if (field === 3) {
        refused.push({ number: number(all, 1), code: number(all, 2), reason: text(all, 3), records: number(all, 4) });
      }
    }
  }
  return { through, written, refused, windowBytes };
}

function number(all: readonly Field[], field: number): number {
  const value = all.findLast((each) => each.field === field)?.value;
  return typeof value === "number" ? value : 0;
}

function text(all: readonly Field[], field: number): string {
  const value = all.findLast((each) => each.field === field)?.value;
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : "";
}
