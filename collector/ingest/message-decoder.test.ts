import { expect, test } from "bun:test";
import fc from "fast-check";
import { RecycledMemory } from "../memory/recycled-memory.ts";
import { MessageDecoder, PREFIX_BYTES } from "./message-decoder.ts";

const KEPT_BYTES_MAX = 64 * 1024;

function frame(message: Uint8Array): Buffer {
  const framed = Buffer.alloc(PREFIX_BYTES + message.length);
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, PREFIX_BYTES);
  return framed;
}

function createDecoder(messageBytesMax = 1_000_000) {
  const memory = new RecycledMemory(KEPT_BYTES_MAX);
  const lengths: [number, number][] = [];
  const onLength = (...length: [number, number]): number => lengths.push(length);
  return { memory, lengths, decoder: new MessageDecoder({ memory, messageBytesMax, onLength }) };
}

/** Pieces own their memory, as node:http2 makes them. */
function piecesOf(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return places
    .slice(1)
    .map((place, index) => Buffer.from(Uint8Array.prototype.slice.call(bytes, places[index], place)));
}

test("messages come out as they went in, however they were cut, in memory that others used before", () => {
  const { memory, decoder } = createDecoder();
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 20_000, size: "max" }), { minLength: 1, maxLength: 4 }),
      fc.array(fc.nat(100_000), { maxLength: 12 }),
      (messages, cuts) => {
        const all = Buffer.concat(messages.map(frame));
        const whole = piecesOf(all, cuts).flatMap((piece) => decoder.write(piece));
        expect(whole.map((framed) => framed.toString("hex"))).toEqual(
          messages.map((each) => frame(each).toString("hex")),
        );
        for (const framed of whole) memory.giveBack(framed);
        expect(memory.keptBytes).toBeLessThanOrEqual(KEPT_BYTES_MAX);
      },
    ),
    { numRuns: 200 },
  );
});

test("a piece is let go of once it is copied", () => {
  const { decoder } = createDecoder();
  const [first, second] = piecesOf(frame(new Uint8Array(30_000)), [16_000]) as [Buffer, Buffer];
  expect(decoder.write(first)).toEqual([]);
  expect(first.byteLength).toBe(16_000);
  expect(decoder.write(second)).toHaveLength(1);
  expect([first.byteLength, second.byteLength]).toEqual([0, 0]);
});

test("the length is told before the message is here, and too large a one is refused by it", () => {
  const { decoder, lengths } = createDecoder(50_000);
  const framed = frame(new Uint8Array(40_000));
  for (const piece of piecesOf(framed, [3, 1_000])) decoder.write(piece);
  expect(lengths).toEqual([[40_000, 995]]);
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(50_001, 1);
  expect(() => decoder.write(prefix)).toThrow("larger than max (50001 vs 50000)");
});

test("what a call leaves behind of a message is given back", () => {
  const { decoder, memory } = createDecoder();
  for (const piece of piecesOf(frame(new Uint8Array(30_000)), [10_000, 20_000]).slice(0, 2)) decoder.write(piece);
  decoder.abandon();
  expect(memory.keptBytes).toBe(32_768);
});
