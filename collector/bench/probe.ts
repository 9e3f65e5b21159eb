/**
 * What answers at an address, before a load is aimed at it: a sentence for whoever aimed at the wrong port is worth more
 * than thousands of lost connections.
 */
import { systemClock } from "../clock.ts";
import { type CallStatus, Connection } from "./connection.ts";
import { describeStatus } from "./load.ts";

/** What a server says first, when it is greeted as HTTP/2. */
export type Speech = "http2" | "http1" | "tls" | "nothing" | "closes" | "something else";

/** The greeting of HTTP/2 (RFC 9113, section 3.4), with settings that change nothing. */
const PREFACE = Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Buffer.of(0, 0, 0, 4, 0, 0, 0, 0, 0)]);
const SETTINGS = 4;
const TLS_ALERT = 0x15;

const START_MS_MAX = 10_000;
const POLL_MS = 100;
const ANSWER_MS_MAX = 5_000;

/** Resolves when a log can be sent to `target`. Rejects with an Error of one sentence that says why not. */
export async function probe(target: string, request: Buffer, startMsMax = START_MS_MAX): Promise<void> {
  const speech = await greetWhenThere(target, startMsMax);
  const words: Record<Exclude<Speech, "http2">, string> = {
    http1: "it is a web server that knows no HTTP/2: aim at the port of OTLP/gRPC, usually 4317",
    tls: "it wants TLS, which this load does not speak: offer OTLP/gRPC in plaintext on loopback for the measurement",
    nothing: "it takes the connection and says nothing: aim at the port of OTLP/gRPC, usually 4317",
    closes: "it ends the connection at the first bytes: it may want TLS, which this load does not speak, or no HTTP/2",
    "something else": "it does not speak HTTP/2: aim at the port of OTLP/gRPC, usually 4317",
  };
  if (speech !== "http2") throw new Error(`${target} can't be loaded: ${words[speech]}.`);
  const connection = new Connection(target);
  try {
    const status = await inTime(connection.send(request), ANSWER_MS_MAX);
    const problem = problemOf(status);
    if (problem !== undefined) throw new Error(`${target} can't be loaded: ${problem}.`);
  } finally {
    connection.close();
  }
}

/** Why one export that ended so means that a load makes no sense; undefined where it does. */
export function problemOf(status: CallStatus | undefined): string | undefined {
  if (status === undefined) return `it gave an export no answer within ${ANSWER_MS_MAX / 1000} s`;
  const name = describeStatus(status);
  switch (name) {
    case "OK":
      return undefined;
    case "UNIMPLEMENTED":
      return "it speaks gRPC and takes no OTLP logs there: aim at the port of OTLP, and give it a pipeline for logs";
    case "UNAUTHENTICATED":
    case "PERMISSION_DENIED":
      return `it wants credentials, which this load does not send (${name})`;
    case "connection lost":
      return "it ended the connection at the first export";
    default:
      return `it refused the first export with ${name}: see its own log`;
  }
}

/** A server that was just started may need a moment. */
async function greetWhenThere(target: string, startMsMax: number): Promise<Speech> {
  const sinceMs = systemClock.monotonicMs();
  for (;;) {
    const speech = await greet(target);
    if (speech !== undefined) return speech;
    if (systemClock.monotonicMs() - sinceMs >= startMsMax) {
      throw new Error(
        `nothing listens at ${target}${startMsMax > 0 ? `, and nothing began to within ${startMsMax / 1000} s` : ""}.`,
      );
    }
    await systemClock.sleep(POLL_MS);
  }
}

/** Undefined where nothing listens. */
async function greet(target: string): Promise<Speech | undefined> {
  const at = target.lastIndexOf(":");
  const said = Promise.withResolvers<Speech>();
  try {
    const socket = await Bun.connect({
      hostname: target.slice(0, at).replace(/^\[|\]$/g, ""),
      port: Number(target.slice(at + 1)),
      socket: {
        open: (opened) => void opened.write(PREFACE),
        data: (_, bytes) => said.resolve(speechOf(bytes)),
        close: () => said.resolve("closes"),
        error: () => said.resolve("closes"),
      },
    });
    const speech = await inTime(said.promise, ANSWER_MS_MAX);
    socket.end();
    return speech ?? "nothing";
  } catch {
    return undefined;
  }
}

/** By the first bytes. */
export function speechOf(bytes: Uint8Array): Speech {
  if (bytes[0] === TLS_ALERT && bytes[1] === 3) return "tls";
  const text = Buffer.from(bytes).toString("latin1");
  if (/HTTP request to an HTTPS server|plain HTTP request was sent to HTTPS/i.test(text)) return "tls";
  if (text.startsWith("HTTP/1")) return "http1";
  return bytes.length >= 9 && bytes[3] === SETTINGS ? "http2" : "something else";
}

async function inTime<T>(work: Promise<T>, ms: number): Promise<T | undefined> {
  const finished = new AbortController();
  const late = systemClock.sleep(ms, finished.signal).then(() => undefined);
  const result = await Promise.race([work, late]);
  finished.abort();
  return result;
}
