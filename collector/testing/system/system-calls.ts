/**
 * What the collector asked of the kernel, as strace saw it: reads and writes of its ingest connections, taken apart into
 * HTTP/2 frames, and syncs of files. The position of an event is its line in the trace, which one tracer writes in order.
 */
import { readFile } from "node:fs/promises";

/**
 * The command before the command. `-D` leaves the collector the child of who started it, so that signals reach it.
 * No read of a request may be longer than what `-s` keeps.
 */
export function straceInto(path: string): string[] {
  const calls = "trace=fdatasync,fsync,write,writev,sendto,sendmsg,recvfrom";
  return ["strace", "-D", "-f", "-yy", "-xx", "-s", "100000", "-o", path, "-e", calls, "--"];
}

/** HTTP/2 frame types (RFC 9113, section 6). */
export const FRAME_DATA = 0;
export const FRAME_HEADERS = 1;

export interface Frame {
  readonly direction: "in" | "out";
  readonly type: number;
  readonly streamId: number;
  readonly bytes: number;
  /** Where its last byte was read, or its first one was written. */
  readonly line: number;
}

/** One fdatasync or fsync that succeeded. */
export interface Sync {
  readonly path: string;
  readonly beganLine: number;
  readonly returnedLine: number;
}

const CALL = /^(\d+) +(\w+)\((\d+)<((?:->|[^>"])*)>(?:, "((?:\\x[0-9a-f]{2})*)")?/;
const RESUMED = /^(\d+) +<\.\.\. (\w+) resumed>(?:"((?:\\x[0-9a-f]{2})*)")?/;
const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/** Reads a trace of one client's connection to `port`. */
export async function readTrace(
  path: string,
  port: number,
): Promise<{ frames: Frame[]; syncs: Sync[]; ended: boolean }> {
  const text = await readFile(path, "latin1");
  const wires = { in: new Wire("in", PREFACE.length), out: new Wire("out", 0) };
  const syncs: Sync[] = [];
  const open = new Map<string, { target: string; line: number }>();
  for (const [line, written] of text.split("\n").entries()) {
    const [, callThread, callName, , callTarget = "", callData = ""] = CALL.exec(written) ?? [];
    const [, resumedThread, resumedName, resumedData = ""] = RESUMED.exec(written) ?? [];
    const thread = callThread ?? resumedThread;
    const name = callName ?? resumedName;
    if (thread === undefined || name === undefined) continue;
    const begun = callThread === undefined ? open.get(thread) : { target: decode(callTarget).toString(), line };
    if (begun === undefined) continue;
    const isOurs = begun.target.includes(`127.0.0.1:${port}->`);
    // What is written counts from the moment it was begun, what is read when it is there.
    if (name === "sendto" && isOurs) wires.out.push(decode(callData), line);
    if (written.includes("<unfinished ...>")) {
      open.set(thread, begun);
      continue;
    }
    open.delete(thread);
    if (name === "recvfrom" && isOurs) wires.in.push(decode(`${callData}${resumedData}`), line);
    const isSync = name === "fdatasync" || name === "fsync";
    if (isSync && written.endsWith(" = 0")) {
      syncs.push({ path: begun.target, beganLine: begun.line, returnedLine: line });
    }
  }
  const [process = ""] = text.split(" ", 1);
  return { frames: [...wires.in.frames, ...wires.out.frames], syncs, ended: hasEnded(text, process) };
}

/** strace pads a process number to five places. */
function hasEnded(text: string, process: string): boolean {
  return new RegExp(`^${process} +\\+\\+\\+ `, "m").test(text);
}

function decode(hex: string): Buffer {
  // Paths and addresses stand in hexadecimal as well, but for what strace puts around them.
  return Buffer.from(
    hex.replace(/\\x([0-9a-f]{2})/g, (_, code: string) => String.fromCharCode(parseInt(code, 16))),
    "latin1",
  );
}

const FRAME_HEAD_BYTES = 9;

/** One direction of a connection. */
class Wire {
  readonly frames: Frame[] = [];
  readonly #direction: "in" | "out";
  #skip: number;
  #bytes = Buffer.alloc(0);
  #firstLine = 0;

  constructor(direction: "in" | "out", skip: number) {
    this.#direction = direction;
    this.#skip = skip;
  }

  push(bytes: Buffer, line: number): void {
    const skipped = Math.min(this.#skip, bytes.length);
    this.#skip -= skipped;
    if (this.#bytes.length === 0) this.#firstLine = line;
    this.#bytes = Buffer.concat([this.#bytes, bytes.subarray(skipped)]);
    while (this.#bytes.length >= FRAME_HEAD_BYTES) {
      const length = this.#bytes.readUIntBE(0, 3);
      if (this.#bytes.length < FRAME_HEAD_BYTES + length) return;
      this.frames.push({
        direction: this.#direction,
        type: this.#bytes[3] ?? 0,
        streamId: this.#bytes.readUInt32BE(5),
        bytes: length,
        line: this.#direction === "in" ? line : this.#firstLine,
      });
      this.#bytes = this.#bytes.subarray(FRAME_HEAD_BYTES + length);
      this.#firstLine = line;
    }
  }
}
