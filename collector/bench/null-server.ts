/**
 * What everything is held to: the same grpc-js server on the same raw bytes, that answers at once and stores nothing. Run by
 * main.ts: `bun --smol collector/bench/null-server.ts host:port`.
 */
import { ALL_TAKEN, serve } from "./bare-server.ts";

serve(process.argv[2] ?? "127.0.0.1:0", (_call, answer) => answer(null, ALL_TAKEN));
