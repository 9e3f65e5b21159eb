/**
 * One export over HTTP, from its headers to its answer, by the steps of a gRPC call and within the same limits:
 *
 *   headers ──who? what? how large?──> room (reception.ts) ──> body ──unpack──> JSON to protobuf ──> take.ts ──> answer
 *
 * What the headers show is judged before the body is read. The rest of a large one is let through when it is to be read
 * (relay.ts), and its sender is held by TCP's own flow control until then; so a body waits unread for its room, as a gRPC
 * message does. A small one that is packed is read first, and waits for the room to unpack it, so that one that stalls keeps
 * nobody out. One that is not here whole within Bun's idle timeout, however slowly it trickles, is cut off with its connection.
 */
import type { Clock, Random } from "../../clock.ts";
import { CollectorError } from "../../errors.ts";
import type { Authenticator } from "../../identity/authenticator.ts";
import type { CertificateNames } from "../../identity/certificate-tenant.ts";
import { release } from "../../memory/release.ts";
import { fromJson } from "../../otlp/from-json/from-json.ts";
import { type Caller, CallerGone } from "../admission.ts";
import { retryDelayMs } from "../boundary.ts";
import type { IngestCounters } from "../counters.ts";
import type { Failures } from "../failures.ts";
import type { Arrival, ReceptionGate, ReceptionLimits } from "../reception.ts";
import type { Take } from "../take.ts";
import { type Packing, unpack } from "../unpack.ts";
import { CONTENT_TYPES, type Encoding, failed, plain, taken } from "./answers.ts";

export interface HttpExportParts {
  readonly take: Take;
  readonly gate: ReceptionGate;
  readonly limits: ReceptionLimits;
  readonly counters: IngestCounters;
  readonly failures: Failures;
  readonly authenticator: Authenticator;
  readonly clock: Clock;
  readonly random: Random;
  /** How long a request waits for room, in milliseconds: less than its client does, which tells of no deadline. */
  readonly holdMsMax: number;
  /** How long before that a held request is refused, in admission: see AdmissionLimits. */
  readonly deadlineMarginMs: number;
}

/** What is known of the connection that a request came by. */
export interface HttpConnection {
  /** The client's, where it was verified. */
  readonly certificate: CertificateNames | undefined;
  /** Lets the rest of the body come; until then it waits with its sender, but for a small one. False: part of it is gone. */
  readonly open: () => boolean;
  /** Calls `listener` when that is so, which may be at once. */
  readonly onFull: (listener: () => void) => void;
  /** How many seconds a body may take to arrive. */
  readonly timeoutSeconds: number;
  /** The connection's clock: how many seconds may pass without anything moving; 0: as many as it takes. */
  readonly setTimeoutSeconds: (seconds: number) => void;
}

/** A body up to this size is in memory whatever is decided: it came with its headers. */
const SMALL_BYTES = 64 * 1024;

const PACKINGS = new Map<string, Packing>([
  ["", "none"],
  ["identity", "none"],
  ["gzip", "gzip"],
  ["x-gzip", "gzip"],
  ["deflate", "deflate"],
  ["zstd", "zstd"],
]);

/** Always resolves with an answer. */
export type HttpExport = (request: Request, connection: HttpConnection) => Promise<Response>;

export function createHttpExport(parts: HttpExportParts): HttpExport {
  const { take, gate, limits, counters, failures, authenticator, clock, random, holdMsMax, deadlineMarginMs } = parts;

  const run = async (request: Request, form: Form, connection: HttpConnection): Promise<Response> => {
    const { certificate, timeoutSeconds, setTimeoutSeconds } = connection;
    const { headers, signal } = request;
    const { tenant } = await authenticator.authenticate({
      authorization: headers.get("authorization") ?? undefined,
      certificate,
    });
    const announced = announcedBytes(headers, limits.requestBytesMax);
    const isSmall = announced !== undefined && announced <= SMALL_BYTES;
    const isHere = isSmall && form.packing === "none";
    const place = isHere ? undefined : new Turn(roomFor(form, announced, limits), clock, holdMsMax);
    const leave = (): void => {
      if (place !== undefined) gate.leave(place);
    };
    const takeTurn = async (turn: Turn): Promise<void> => {
      // It waits for its turn, not for its sender.
      if (!gate.enter(turn)) setTimeoutSeconds(0);
      signal.addEventListener("abort", leave, { once: true });
      connection.onFull(() => turn.refuse(tooMuchWaits()));
      await turn.turn;
    };
    try {
      if (place !== undefined && !isSmall) {
        await takeTurn(place);
        setTimeoutSeconds(timeoutSeconds);
      }
      if (!connection.open()) throw tooMuchWaits();
      const reading = readBody(request, limits.requestBytesMax);
      const body = await (place === undefined ? reading : Promise.race([reading, place.refused]));
      form.isBodyHere = true;
      setTimeoutSeconds(0);
      if (place !== undefined && isSmall) await takeTurn(place);
      const bytes = await toProtobuf(body, form, limits.requestBytesMax);
      if (bytes.buffer !== body.buffer) release(body);
      if (place !== undefined) gate.received(place, bytes.length);
      counters.calls++;
      const caller: Caller = {
        tenant,
        deadlineAtMs: clock.nowMs() + holdMsMax + deadlineMarginMs,
        get cancelled() {
          return signal.aborted;
        },
        onCancelled: (listener) => signal.addEventListener("abort", () => listener(), { once: true }),
        traceparent: headers.get("traceparent") ?? undefined,
      };
      const result = await take(bytes, caller);
      release(bytes);
      counters.acknowledgedCalls++;
      if (signal.aborted) counters.goneWhileWritten++;
      return taken(result, form.encoding);
    } finally {
      leave();
    }
  };

  return async (request, connection) => {
    const form = formOf(request.headers);
    if (form instanceof Response) {
      counters.refusedOnReceipt++;
      return form;
    }
    try {
      return await run(request, form, connection);
    } catch (reason) {
      if (reason instanceof CallerGone) {
        counters.goneWhileHeld++;
        // Nobody reads it.
        return plain(503, "the client left");
      }
      let answer = plain(503, "the collector could not take this now; send it again");
      failures.answer(reason, (_failure, error) => {
        answer = failed(error, retryDelayMs(error, random), form.encoding);
      });
      return form.isBodyHere ? answer : closing(answer, request);
    }
  };
}

/** What a request is in, and whether all of it is. */
interface Form {
  readonly encoding: Encoding;
  readonly packing: Packing;
  isBodyHere: boolean;
}

/** What it is in, or the answer to one that is in something else. */
function formOf(headers: Headers): Form | Response {
  const [type = ""] = (headers.get("content-type") ?? "").split(";");
  const encoding = (Object.keys(CONTENT_TYPES) as Encoding[]).find(
    (each) => CONTENT_TYPES[each] === type.trim().toLowerCase(),
  );
  if (encoding === undefined) {
    return plain(415, `send ${Object.values(CONTENT_TYPES).join(" or ")}, not "${type.trim().slice(0, 100)}"`, {
      connection: "close",
    });
  }
  const named = (headers.get("content-encoding") ?? "").trim().toLowerCase();
  const packing = PACKINGS.get(named);
  if (packing === undefined) {
    const words = `content-encoding may be gzip, zstd, deflate or identity, not "${named.slice(0, 100)}"`;
    return plain(415, words, { "accept-encoding": "gzip, zstd, deflate, identity", connection: "close" });
  }
  return { encoding, packing, isBodyHere: false };
}

/** Undefined where it does not say. Throws `request_too_large`. */
function announcedBytes(headers: Headers, bytesMax: number): number | undefined {
  const value = headers.get("content-length");
  if (value === null) return undefined;
  if (Number(value) > bytesMax) throw tooLarge(bytesMax);
  return Number(value);
}

/** What a body that is packed unpacks to is not known before; nor how long one is that does not say. */
function roomFor({ packing }: Form, announced: number | undefined, { requestBytesMax }: ReceptionLimits): number {
  return packing === "none" ? (announced ?? requestBytesMax) : requestBytesMax;
}

async function readBody(request: Request, bytesMax: number): Promise<Uint8Array> {
  let body: Uint8Array;
  try {
    body = await request.bytes();
  } catch (cause) {
    if (request.signal.aborted) throw new CallerGone("the client left before its request was here");
    // Bun counts what comes in pieces without a length, and stops.
    if (cause instanceof Error && /maxRequestBodySize/.test(cause.message)) throw tooLarge(bytesMax);
    throw new CollectorError("invalid_request", "the body could not be read", { cause });
  }
  if (body.length > bytesMax) throw tooLarge(bytesMax);
  return body;
}

async function toProtobuf(body: Uint8Array, { encoding, packing }: Form, bytesMax: number): Promise<Uint8Array> {
  const unpacked = await unpack(body, packing, bytesMax);
  if (encoding === "protobuf") return unpacked;
  const bytes = fromJson(unpacked);
  if (unpacked !== body) release(unpacked);
  return bytes;
}

function tooMuchWaits(): CollectorError {
  return new CollectorError("overloaded", "more requests are waiting to be read than memory allows");
}

function tooLarge(bytesMax: number): CollectorError {
  const words = `the request has more than ${bytesMax} bytes: send smaller batches`;
  return new CollectorError("request_too_large", words);
}

/**
 * An answer before all of a body is here ends the connection: the rest of it would be taken for the next request, or be
 * gathered in memory that nobody counts.
 */
function closing(response: Response, request: Request): Response {
  if (request.body !== null) response.headers.set("connection", "close");
  return response;
}

/** The place of one body in the gate, and its turn. */
class Turn implements Arrival {
  bytes: number;
  readonly waitEndsAtMs: number;
  /** What came by Bun's server and the relay leaves as much behind as what was packed. */
  readonly leavesLitter = true;
  receivingSinceMs: number | undefined;
  readonly start: () => void;
  readonly refuse: (reason: CollectorError) => void;
  /** Rejects when it does not come. */
  readonly turn: Promise<void>;
  /** Rejects when the body takes too long to arrive while others wait. */
  readonly refused: Promise<never>;

  constructor(bytes: number, clock: Clock, holdMsMax: number) {
    this.bytes = bytes;
    this.waitEndsAtMs = clock.monotonicMs() + holdMsMax;
    const turn = Promise.withResolvers<void>();
    const refused = Promise.withResolvers<never>();
    // Only one of them is waited for at a time.
    for (const { promise } of [turn, refused]) promise.catch(() => undefined);
    this.turn = turn.promise;
    this.refused = refused.promise;
    this.start = () => turn.resolve();
    this.refuse = (reason) => {
      turn.reject(reason);
      refused.reject(reason);
    };
  }
}
