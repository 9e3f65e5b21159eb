/**
 * What everything is held to: the same grpc-js server on the same raw bytes, with the same options as ingest/server.ts,
 * that answers at once and stores nothing. Run by main.ts: `bun --smol collector/bench/null-server.ts host:port`.
 */
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js";
import { loadProtocol } from "../ingest/protocol.ts";

const ALL_TAKEN = Buffer.alloc(0);

const server = new Server({
  "grpc.max_receive_message_length": 4 * 1024 * 1024,
  "grpc.max_connection_age_ms": 300_000,
  "grpc.max_connection_age_grace_ms": 30_000,
  "grpc.keepalive_time_ms": 60_000,
  "grpc.keepalive_timeout_ms": 20_000,
  "grpc.max_concurrent_streams": 256,
  "grpc.enable_channelz": 1,
});
server.addService(loadProtocol().logs, {
  Export: (_call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => answer(null, ALL_TAKEN),
});
server.bindAsync(process.argv[2] ?? "127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.stdout.write(`listening on ${port}\n`);
});
