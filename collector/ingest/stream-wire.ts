/**
 * Messages of standpipe.ingest.v1.Ingest/Stream on the wire (proto/standpipe/ingest/v1/ingest.proto). A batch's request
 * stays where it lies: nothing is copied and no object is made for its logs.
 */
import { CollectorError } from "../errors.ts";
import { highBits, lowBits, payloadEnd, payloadStart, skipUnknown, skipVarint } from "../otlp/wire.ts";
import type { Packing } from "./unpack.ts";

export type StreamRequest = OpenMessage | BatchMessage;

export interface OpenMessage {
  readonly kind: "open";
  readonly client: string;
}

export interface BatchMessage {
  readonly kind: "batch";
  readonly number: number;
  /** A view of the message. */
  readonly request: Uint8Array;
  readonly packing: Packing;
}

/** Of `Open.client`, in bytes. */
const CLIENT_BYTES_MAX = 256;

const PACKINGS: readonly Packing[] = ["none", "gzip", "zstd"];

const KNOWN_IN_REQUEST = 0b110;
const KNOWN_IN_OPEN = 0b10;
const KNOWN_IN_BATCH = 0b1110;

/** Throws CollectorError `invalid_request` for what is no StreamRequest, with a sentence that says so. */
export function decodeStreamRequest(bytes: Uint8Array): StreamRequest {
  try {
    return decode(bytes);
  } catch (reason) {
    if (!(reason instanceof CollectorError)) throw reason;
    const words = reason.message.replace("not an OTLP logs request", "not a StreamRequest");
    throw new CollectorError("invalid_request", words);
  }
}

function decode(bytes: Uint8Array): StreamRequest {
  const end = bytes.length;
  let message: StreamRequest | undefined;
  for (let position = 0; position < end; ) {
    const tag = bytes[position];
    if (tag !== 0x0a /* open */ && tag !== 0x12 /* batch */) {
      position = skipUnknown(bytes, position, end, KNOWN_IN_REQUEST);
      continue;
    }
    if (message !== undefined) throw invalid("it holds more than one message");
    const start = payloadStart(bytes, position + 1, end);
    const stop = payloadEnd(bytes, position + 1, start, end);
    message = tag === 0x0a ? decodeOpen(bytes, start, stop) : decodeBatch(bytes, start, stop);
    position = stop;
  }
  if (message === undefined) throw invalid("it holds neither open nor batch");
  return message;
}

function decodeOpen(bytes: Uint8Array, position: number, end: number): OpenMessage {
  let client = "";
  while (position < end) {
    if (bytes[position] !== 0x0a /* client */) {
      position = skipUnknown(bytes, position, end, KNOWN_IN_OPEN);
      continue;
    }
    const start = payloadStart(bytes, position + 1, end);
    position = payloadEnd(bytes, position + 1, start, end);
    if (position - start > CLIENT_BYTES_MAX) throw invalid(`client is longer than ${CLIENT_BYTES_MAX} bytes`);
    client = new TextDecoder().decode(bytes.subarray(start, position));
  }
  return { kind: "open", client };
}

function decodeBatch(bytes: Uint8Array, position: number, end: number): BatchMessage {
  let number = 0;
  let requestStart = end;
  let requestEnd = end;
  let packing: Packing | undefined = "none";
  while (position < end) {
    switch (bytes[position]) {
      case 0x08 /* number */:
        {
          const stop = skipVarint(bytes, position + 1, end);
          number = highBits(bytes, position + 1, stop) * 0x1_0000_0000 + lowBits(bytes, position + 1, stop);
          position = stop;
          break;
        }
      case 0x12 /* request */:
        requestStart = payloadStart(bytes, position + 1, end);
        requestEnd = payloadEnd(bytes, position + 1, requestStart, end);
        position = requestEnd;
        break;
      case 0x18 /* compression */:
        {
          const stop = skipVarint(bytes, position + 1, end);
          packing = PACKINGS[lowBits(bytes, position + 1, stop)];
          if (packing === undefined) throw invalid("compression is none that is known here: send none, gzip or zstd");
          position = stop;
          break;
        }
      default:
        position = skipUnknown(bytes, position, end, KNOWN_IN_BATCH);
    }
  }
  return { kind: "batch", number, request: bytes.subarray(requestStart, requestEnd), packing };
}

function invalid(what: string): CollectorError {
  return new CollectorError("invalid_request", `not a StreamRequest: ${what}`);
}

/** A range of ordinals that a batch was given. */
export interface Written {
  readonly number: number;
  readonly firstOrdinal: bigint;
  readonly records: number;
}

/** A batch, or records of one, that was not taken. */
export interface Refused {
  readonly number: number;
  /** A google.rpc.Code; 0 where the rest of the batch was taken. */
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

/** The StreamResponse that welcomes a client. */
export function encodeWelcome(collectorId: string, windowBytes: number, batchBytesMax: number): Buffer {
  const welcome = new Writer();
  welcome.text(0x0a, collectorId);
  welcome.number(0x10, windowBytes);
  welcome.number(0x18, batchBytesMax);
  return enclosed(0x0a, welcome);
}

/** The StreamResponse that acknowledges. */
export function encodeProgress({ through, written, refused, windowBytes }: Progress): Buffer {
  const progress = new Writer();
  progress.number(0x08, through);
  for (const each of written) {
    const range = new Writer();
    range.number(0x08, each.number);
    range.bigNumber(0x10, each.firstOrdinal);
    range.number(0x18, each.records);
    progress.message(0x12, range);
  }
  for (const each of refused) {
    const refusal = new Writer();
    refusal.number(0x08, each.number);
    refusal.number(0x10, each.code);
    refusal.text(0x1a, each.reason);
    refusal.number(0x20, each.records);
    progress.message(0x1a, refusal);
  }
  progress.number(0x20, windowBytes);
  return enclosed(0x12, progress);
}

function enclosed(tag: number, inner: Writer): Buffer {
  const outer = new Writer();
  outer.message(tag, inner);
  return Buffer.from(outer.bytes);
}

/** Fields into an array of bytes: these messages are short, and each is written once. Zero and "" are proto3's defaults and left out. */
class Writer {
  readonly bytes: number[] = [];

  /** Up to 53 bits. */
  number(tag: number, value: number): void {
    if (value === 0) return;
    this.bytes.push(tag);
    this.#varint(value);
  }

  bigNumber(tag: number, value: bigint): void {
    if (value <= BigInt(Number.MAX_SAFE_INTEGER)) {
      this.number(tag, Number(value));
      return;
    }
    this.bytes.push(tag);
    for (; value >= 0x80n; value >>= 7n) this.bytes.push(Number(value & 0x7fn) | 0x80);
    this.bytes.push(Number(value));
  }

  text(tag: number, value: string): void {
    if (value === "") return;
    const encoded = Buffer.from(value);
    this.bytes.push(tag);
    this.#varint(encoded.length);
    for (const byte of encoded) this.bytes.push(byte);
  }

  message(tag: number, { bytes }: Writer): void {
    this.bytes.push(tag);
    this.#varint(bytes.length);
    for (const byte of bytes) this.bytes.push(byte);
  }

  /** Divisions rather than shifts, which have 32 bits. */
  #varint(value: number): void {
    for (; value >= 0x80; value = Math.floor(value / 0x80)) this.bytes.push((value % 0x80) | 0x80);
    this.bytes.push(value);
  }
}
