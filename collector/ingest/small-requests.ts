/**
 * Keeps the requests of services beside LogsService small before they are read: grpc-js would take in a message of up to
 * `ingest.requestBytesMax` for any of them, as many at once as somebody likes to send. A message says its size in its
 * first five bytes; one that is too large is refused there, and a compressed one at once, since its size says nothing.
 */
import { ServerInterceptingCall, type ServerInterceptor, status } from "@grpc/grpc-js";
import { PREFIX_BYTES } from "./message-decoder.ts";
import type { InnermostCall } from "./reception.ts";

/** `bytesMax` by the path of each call that is held to it. Calls of other paths go to `others`: only one interceptor gets to see grpc-js's own call. */
export function createSmallRequests(
  bytesMax: ReadonlyMap<string, number>,
  others: ServerInterceptor,
): ServerInterceptor {
  return (method, call) => {
    const most = bytesMax.get(method.path);
    if (most === undefined) return others(method, call);
    const { stream, incomingEncoding } = call as unknown as InnermostCall;
    return new ServerInterceptingCall(call, {
      start: (next) => {
        next({
          onReceiveMetadata: (metadata, nextMetadata) => {
            if (incomingEncoding !== "identity") {
              call.sendStatus({ code: status.UNIMPLEMENTED, details: "this service takes no compressed requests" });
              return;
            }
            stream.once("data", (first) => {
              const bytes = first.length < PREFIX_BYTES ? 0 : first.readUInt32BE(1);
              if (bytes <= most) return;
              stream.pause();
              call.sendStatus({ code: status.RESOURCE_EXHAUSTED, details: `a request has ${most} bytes at most` });
            });
            nextMetadata(metadata);
          },
        });
      },
    });
  };
}
