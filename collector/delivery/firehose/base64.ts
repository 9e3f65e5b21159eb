/**
 * Base64 from bytes to bytes. Bun encodes into strings alone, which are garbage as soon as they are copied: what the
 * collection of it costs is five times what the encoding does. So sixteen characters at a time are made here by a
 * WebAssembly function of one loop, which is put together below. Where a processor lacks what that needs (SIMD), it is
 * strings.
 *
 * The method is Muła's and Lemire's (Faster Base64 Encoding and Decoding using AVX2 Instructions, 2018): three bytes b0 b1
 * b2 are put into a lane of 32 bits as b1 b0 b2 b1, so that each of their four groups of six bits lies whole in a half of
 * it; each group is moved into a byte of its own; and a character is its group plus a number that depends on the group's
 * range alone, found in a table of 16 bytes.
 */

/** The memory of the module: what is encoded next, and what came of it. Small enough to stay in the processor's cache. */
const INPUT_BYTES = 48 * 1024;
/** A load reads 16 bytes, and uses 12. */
const OUTPUT_START = INPUT_BYTES + 16;
const MEMORY_PAGES = 2;

const PADDING = 0x3d;

/** Writes `bytes` in base64 (RFC 4648 section 4, padded) into `target` at `offset`. Returns the offset after it. */
export function writeBase64(bytes: Uint8Array, target: Buffer, offset: number): number {
  return ENCODER === undefined ? writeByStrings(bytes, target, offset) : writeByModule(ENCODER, bytes, target, offset);
}

/** How many characters so many bytes become. */
export function base64Length(bytes: number): number {
  return 4 * Math.ceil(bytes / 3);
}

interface Encoder {
  readonly memory: Uint8Array;
  /** Encodes [0, end) of the memory, in steps of 12 bytes, into what begins at `OUTPUT_START`. */
  readonly encode: (end: number) => void;
}

function writeByModule({ memory, encode }: Encoder, bytes: Uint8Array, target: Uint8Array, offset: number): number {
  for (let from = 0; from < bytes.length; from += INPUT_BYTES) {
    const piece = bytes.subarray(from, from + INPUT_BYTES);
    memory.set(piece);
    const missing = (3 - (piece.length % 3)) % 3;
    memory.fill(0, piece.length, piece.length + missing);
    encode(piece.length);
    const end = OUTPUT_START + base64Length(piece.length);
    memory.fill(PADDING, end - missing, end);
    target.set(memory.subarray(OUTPUT_START, end), offset);
    offset += end - OUTPUT_START;
  }
  return offset;
}

/** A multiple of three bytes, so that no piece but the last is padded. */
const STRING_BYTES = 24_576;

/** The same without the module. */
export function writeByStrings(bytes: Uint8Array, target: Buffer, offset: number): number {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let from = 0; from < data.length; from += STRING_BYTES) {
    const text = data.toString("base64", from, Math.min(data.length, from + STRING_BYTES));
    offset += target.write(text, offset, "latin1");
  }
  return offset;
}

/** Instructions of WebAssembly (https://webassembly.github.io/spec/core/binary/instructions.html), operands before operators. */
type Code = readonly number[];

const [I32, V128] = [0x7f, 0x7b];
/** The locals: two offsets into the memory, where to stop, and what is being encoded. */
const [END, INPUT, OUTPUT, GROUPS] = [0, 1, 2, 3];

const get = (local: number): Code => [0x20, local];
const set = (local: number, value: Code): Code => [...value, 0x21, local];
const number = (value: number): Code => [0x41, ...signed(value)];
const add = (one: Code, other: Code): Code => [...one, ...other, 0x6a];
const isBelow = (one: Code, other: Code): Code => [...one, ...other, 0x49];
const doWhile = (body: Code, condition: Code): Code => [0x03, 0x40, ...body, ...condition, 0x0d, 0, 0x0b];

const vector = (code: number, ...operands: Code[]): Code => [...operands.flat(), 0xfd, ...unsigned(code)];
const load = (address: Code): Code => [...vector(0x00, address), 0, 0];
const store = (address: Code, value: Code): Code => [...vector(0x0b, address, value), 0, 0];
const bytes16 = (bytes: readonly number[]): Code => [...vector(0x0c), ...bytes.map((byte) => byte & 0xff)];
/** The bytes of `table` that `indexes` name; 0 where there is none. */
const lookUp = (table: Code, indexes: Code): Code => vector(0x0e, table, indexes);
const isAbove = (one: Code, other: Code): Code => vector(0x27, one, other);
const and = (one: Code, other: Code): Code => vector(0x4e, one, other);
const or = (one: Code, other: Code): Code => vector(0x50, one, other);
const addBytes = (one: Code, other: Code): Code => vector(0x6e, one, other);
/** 0 where it would be less. */
const subtractBytes = (one: Code, other: Code): Code => vector(0x73, one, other);
const multiplyHalves = (one: Code, other: Code): Code => vector(0x95, one, other);
const shiftRight = (lanes: Code, bits: number): Code => vector(0xad, lanes, number(bits));

const everyByte = (byte: number): Code => bytes16(Array.from({ length: 16 }, () => byte));
const everyLane = (lane: number): Code => bytes16(Array.from({ length: 16 }, (_, index) => lane >>> (8 * (index % 4))));

const ARRANGED = bytes16([1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10]);

/** The first and the third group come down by shifts, the others up by products: 16 and 256, in halves of their own. */
const SEPARATED = or(
  or(shiftRight(and(get(GROUPS), everyLane(0x0000_fc00)), 10), shiftRight(and(get(GROUPS), everyLane(0x0fc0_0000)), 6)),
  multiplyHalves(and(get(GROUPS), everyLane(0x003f_03f0)), everyLane(0x0100_0010)),
);

/** 13 for "A" to "Z", 0 for "a" to "z", 1 to 10 for the digits, 11 for "+", 12 for "/". */
const RANGE = or(subtractBytes(get(GROUPS), everyByte(51)), and(isAbove(everyByte(26), get(GROUPS)), everyByte(13)));
/** What is to be added in each range. */
const DISTANCES = bytes16([71, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -19, -16, 65, 0, 0]);

const ENCODE: Code = [
  ...set(OUTPUT, number(OUTPUT_START)),
  ...doWhile(
    [
      ...set(GROUPS, lookUp(load(get(INPUT)), ARRANGED)),
      ...set(GROUPS, SEPARATED),
      ...store(get(OUTPUT), addBytes(lookUp(DISTANCES, RANGE), get(GROUPS))),
      ...set(INPUT, add(get(INPUT), number(12))),
      ...set(OUTPUT, add(get(OUTPUT), number(16))),
    ],
    isBelow(get(INPUT), get(END)),
  ),
];

/** Undefined where the processor, or Bun on it, lacks SIMD. */
const ENCODER = createEncoder();

function createEncoder(): Encoder | undefined {
  const text = (word: string): Code => counted([...new TextEncoder().encode(word)]);
  const section = (id: number, ...contents: Code[]): Code => [id, ...counted([1, ...contents.flat()])];
  const locals = [2, 2, I32, 1, V128];
  const module = Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    // One function of one number, one memory, the names of both, and the function's code.
    ...section(1, [0x60, 1, I32, 0]),
    ...section(3, [0]),
    ...section(5, [0, MEMORY_PAGES]),
    ...[7, ...counted([2, ...text("memory"), 2, 0, ...text("encode"), 0, 0])],
    ...section(10, counted([...locals, ...ENCODE, 0x0b])),
  ]);
  if (!WebAssembly.validate(module)) return undefined;
  const { memory, encode } = new WebAssembly.Instance(new WebAssembly.Module(module)).exports;
  return {
    memory: new Uint8Array((memory as WebAssembly.Memory).buffer),
    encode: encode as Encoder["encode"],
  };
}

function counted(code: Code): Code {
  return [...unsigned(code.length), ...code];
}

/** LEB128, the format's way of writing numbers. */
function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

function signed(value: number): Code {
  return value < 0x40 ? [value] : [(value & 0x7f) | 0x80, ...signed(value >>> 7)];
}
