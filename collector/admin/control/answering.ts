/**
 * How a handler's result becomes an answer: CollectorErrors by the table in errors.ts, what nobody foresaw as INTERNAL
 * (nothing is lost by it: senders of logs are not here), bugs to whom they end the process. Streams wait for their caller.
 */
import type { Writable } from "node:stream";
import {
  Metadata,
  type ServerUnaryCall,
  type ServerWritableStream,
  type StatusObject,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import { AssertionError, CollectorError } from "../../errors.ts";
import type { Log } from "../../log.ts";

export interface AnsweringParts {
  readonly log: Log;
  readonly onBug: (bug: AssertionError) => void;
}

/** Resolves with whether the caller is still there, when it may be sent more. */
export type Send<Response> = (response: Response) => Promise<boolean>;

export interface Answering {
  unary<Request, Response>(
    handle: (call: ServerUnaryCall<Request, Response>) => Response | Promise<Response>,
  ): (call: ServerUnaryCall<Request, Response>, answer: sendUnaryData<Response>) => void;
  /** `signal` is aborted when the caller is gone. */
  stream<Request, Response>(
    handle: (call: ServerWritableStream<Request, Response>, send: Send<Response>, signal: AbortSignal) => Promise<void>,
  ): (call: ServerWritableStream<Request, Response>) => void;
}

export function createAnswering({ log, onBug }: AnsweringParts): Answering {
  const toFailure = (reason: unknown): StatusObject => {
    const error = CollectorError.from(reason);
    const metadata = new Metadata();
    metadata.set("standpipe-code", error.code);
    if (error.code !== "internal") return { code: error.status, details: error.message, metadata };
    log.error({ err: reason }, "an admin call failed in a way nobody foresaw");
    const details = "a failure nobody foresaw: its cause is in the collector's own log";
    return { code: status.INTERNAL, details, metadata };
  };
  const afterwards = (reason: unknown): void => {
    if (reason instanceof AssertionError) onBug(reason);
  };
  return {
    unary: (handle) => (call, answer) => {
      Promise.resolve(call)
        .then(handle)
        .then(
          (response) => answer(null, response),
          (reason: unknown) => {
            answer(toFailure(reason));
            afterwards(reason);
          },
        );
    },
    stream: (handle) => (call) => {
      const gone = new AbortController();
      // grpc-js says so after every call as well, when nothing listens to the signal any more.
      call.once("cancelled", () => gone.abort());
      const send = async (response: Parameters<Parameters<typeof handle>[1]>[0]): Promise<boolean> => {
        if (gone.signal.aborted) return false;
        if (!call.write(response)) await drained(call as unknown as Writable, gone.signal);
        return !gone.signal.aborted;
      };
      const handled = new Promise<void>((resolve) => resolve(handle(call, send, gone.signal)));
      handled.then(
        () => call.end(),
        (reason: unknown) => {
          call.emit("error", toFailure(reason));
          afterwards(reason);
        },
      );
    },
  };
}

function drained(call: Writable, gone: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      call.removeListener("drain", go);
      gone.removeEventListener("abort", go);
      resolve();
    };
    call.once("drain", go);
    gone.addEventListener("abort", go, { once: true });
  });
}
