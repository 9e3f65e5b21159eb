/**
 * What the given parts cost by themselves: the server of null-server.ts that also writes what it is sent, and does nothing
 * else. No request is looked at, no bound is kept, no entry has a sum, nothing is read again. What is left is what a
 * collector of these parts can't do without: messages that arrive during a write become the next one, zstd as the journal
 * has it, one synced put into LevelDB. Its write buffer is so large that LevelDB writes its log alone; the memory which that
 * takes is not held against it. Run by main.ts: `bun --smol collector/bench/bare-journal.ts host:port folder`.
 */
import type { sendUnaryData } from "@grpc/grpc-js";
import { Level } from "level";
import { ALL_TAKEN, serve } from "./bare-server.ts";

/** The largest that LevelDB takes. */
const WRITE_BUFFER_BYTES = 2 ** 30;
const ZSTD_LEVEL = 1;

interface Waiting {
  readonly request: Buffer;
  readonly answer: sendUnaryData<Buffer>;
}

const [, , target = "127.0.0.1:0", folder] = process.argv;
if (folder === undefined) throw new Error("bare-journal.ts needs an address and a folder");

const database = new Level<Uint8Array, Uint8Array>(folder, {
  keyEncoding: "view",
  valueEncoding: "view",
  compression: false,
  writeBufferSize: WRITE_BUFFER_BYTES,
});
await database.open();

let waiting: Waiting[] = [];
let isWriting = false;
let writes = 0;

async function write(): Promise<void> {
  isWriting = true;
  while (waiting.length > 0) {
    const group = waiting;
    waiting = [];
    const row = Buffer.concat(group.map(({ request }) => request));
    const key = Buffer.alloc(8);
    key.writeBigUInt64BE(BigInt(writes++));
    await database.put(key, await Bun.zstdCompress(row, { level: ZSTD_LEVEL }), { sync: true });
    for (const { answer } of group) answer(null, ALL_TAKEN);
  }
  isWriting = false;
}

serve(target, ({ request }, answer) => {
  waiting.push({ request, answer });
  if (!isWriting) void write();
});
