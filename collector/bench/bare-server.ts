/** The server that the collector is held to: grpc-js on raw bytes with the options of ingest/server.ts, and nothing around it. */
import { type handleUnaryCall, Server, ServerCredentials } from "@grpc/grpc-js";
import { loadProtocol } from "../ingest/protocol.ts";

/** An ExportLogsServiceResponse with nothing in it: everything was taken. */
export const ALL_TAKEN = Buffer.alloc(0);

/** Listens on `target` (host:port) for good. */
export function serve(target: string, Export: handleUnaryCall<Buffer, Buffer>): void {
  const server = new Server({
    "grpc.max_receive_message_length": 4 * 1024 * 1024,
    "grpc.max_connection_age_ms": 300_000,
    "grpc.max_connection_age_grace_ms": 30_000,
    "grpc.keepalive_time_ms": 60_000,
    "grpc.keepalive_timeout_ms": 20_000,
    "grpc.max_concurrent_streams": 256,
    "grpc.enable_channelz": 1,
  });
  server.addService(loadProtocol().logs, { Export });
  server.bindAsync(target, ServerCredentials.createInsecure(), (error, port) => {
    if (error !== null) throw error;
    process.stdout.write(`listening on ${port}\n`);
  });
}
