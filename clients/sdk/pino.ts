/**
 * A transport for pino, which runs it in a worker thread:
 *
 *     pino({ transport: { target: "@standpipe/client/pino", options: { endpoint: "http://standpipe:4317" } } })
 *
 * `options` are those of `connect`. A line waits until there is room, and then pino's own buffer holds what comes: nothing is
 * dropped here. When pino ends, what is left is flushed for up to `flushMsMax` (5 s: pino waits ten).
 */
import { Writable } from "node:stream";
import { type Client, connect } from "./client.ts";
import type { ClientOptions } from "./options.ts";
import { LineSplitter } from "./shapes/lines.ts";
import { fromPino } from "./shapes/pino-record.ts";

const FLUSH_MS_MAX = 5_000;
const SCOPE = { name: "pino" };
const PINO_WORDS: ReadonlySet<string> = new Set(["$context", "pinoWillSendConfig"]);

// biome-ignore lint/style/noDefaultExport: pino takes a transport's default export, and nothing else.
export default async function createPinoTransport(options: ClientOptions = {}): Promise<Writable> {
  // pino adds words of its own to what the application gave.
  const own = Object.entries(options).filter(([key]) => !PINO_WORDS.has(key));
  const client = await connect({ flushMsMax: FLUSH_MS_MAX, ...Object.fromEntries(own) });
  const lines = new LineSplitter();
  return new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      void offerAll(client, lines.push(chunk)).then(() => done(), done);
    },
    final: (done) => {
      void offerAll(client, lines.end())
        .then(() => client.close())
        .then(() => done(), done);
    },
  });
}

async function offerAll(client: Client, lines: readonly string[]): Promise<void> {
  for (const line of lines) {
    await client.ready();
    client.offer(fromPino(line), SCOPE);
  }
}
