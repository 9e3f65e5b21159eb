/**
 * What container runtimes put around the lines of an application:
 *
 *   docker   {"log":"text\n","stream":"stdout","time":"2025-11-22T08:26:40.012345678Z"}   (json-file driver)
 *   cri      2025-11-22T08:26:40.012345678Z stdout F text                                  (containerd, CRI-O)
 *
 * Both cut long lines: docker leaves the \n away, CRI says P (partial) instead of F (full). The pieces belong together per
 * stream, and those of the two streams may interleave.
 */
import { Writer } from "../wire/writer.ts";
import { type Fate, type FieldWatcher, NameIndex } from "./fields.ts";
import { JsonParser } from "./json.ts";
import { NO_TIME, TimeParser } from "./time.ts";

/** What was inside; the reader's until the next line is unwrapped. */
export interface Unwrapped {
  bytes: Uint8Array;
  start: number;
  end: number;
  /** 0 = nobody said, 1 = stdout, 2 = stderr. */
  stream: number;
  /** NO_TIME where there is none. */
  seconds: number;
  nanos: number;
  isPartial: boolean;
}

export interface Unwrapper {
  /** Reads the line [start, end) into `into`. False when it is none of this kind. */
  unwrap(bytes: Uint8Array, start: number, end: number, into: Unwrapped): boolean;
}

export type ContainerFormat = "docker" | "cri" | "auto";

export const STREAM_NAMES = ["", "stdout", "stderr"] as const;

const STREAMS = new NameIndex(STREAM_NAMES.slice(1));
const SPACE = 0x20;
const KEPT_BYTES_MAX = 1024 * 1024;

export function createUnwrapper(format: ContainerFormat): Unwrapper {
  if (format === "docker") return new DockerUnwrapper();
  return format === "cri" ? new CriUnwrapper() : new EitherUnwrapper();
}

/** By the first byte: a timestamp does not begin with a brace. */
class EitherUnwrapper implements Unwrapper {
  readonly #docker = new DockerUnwrapper();
  readonly #cri = new CriUnwrapper();

  unwrap(bytes: Uint8Array, start: number, end: number, into: Unwrapped): boolean {
    return (bytes[start] === 0x7b ? this.#docker : this.#cri).unwrap(bytes, start, end, into);
  }
}

class CriUnwrapper implements Unwrapper {
  readonly #time = new TimeParser({ format: "auto" }, () => 0);

  unwrap(bytes: Uint8Array, start: number, end: number, into: Unwrapped): boolean {
    const timeEnd = spaceIn(bytes, start, end);
    const streamEnd = spaceIn(bytes, timeEnd + 1, end);
    if (timeEnd < 0 || streamEnd < 0) return false;
    const stream = STREAMS.indexOf(bytes, timeEnd + 1, streamEnd) + 1;
    // Tags are joined by colons; the first is P or F. An empty line may lack the space after it.
    const found = spaceIn(bytes, streamEnd + 1, end);
    const tagsEnd = found < 0 ? end : found;
    const tag = bytes[streamEnd + 1];
    if (stream === 0 || tagsEnd === streamEnd + 1 || (tag !== 0x46 && tag !== 0x50)) return false;
    if (tagsEnd > streamEnd + 2 && bytes[streamEnd + 2] !== 0x3a) return false;
    const seconds = this.#time.parse(bytes, start, timeEnd);
    if (seconds === NO_TIME) return false;
    into.bytes = bytes;
    into.start = Math.min(end, tagsEnd + 1);
    into.end = end;
    into.stream = stream;
    into.seconds = seconds;
    into.nanos = this.#time.nanos;
    into.isPartial = tag === 0x50;
    return true;
  }
}

function spaceIn(bytes: Uint8Array, start: number, end: number): number {
  if (start <= 0 && start !== 0) return -1;
  for (let at = start; at < end; at++) if (bytes[at] === SPACE) return at;
  return -1;
}

class DockerUnwrapper implements Unwrapper, FieldWatcher {
  readonly #json = new JsonParser();
  readonly #time = new TimeParser({ format: "auto" }, () => 0);
  readonly #names = new NameIndex(["log", "stream", "time"]);
  readonly #rest = new Writer();
  readonly #text = new Writer();
  #into: Unwrapped | undefined;
  #hasLog = false;

  unwrap(bytes: Uint8Array, start: number, end: number, into: Unwrapped): boolean {
    this.#into = into;
    this.#hasLog = false;
    into.stream = 0;
    into.seconds = NO_TIME;
    into.nanos = 0;
    this.#rest.reset(KEPT_BYTES_MAX);
    this.#text.reset(KEPT_BYTES_MAX);
    if (!this.#json.parse(bytes, start, end, this.#rest, this) || !this.#hasLog) return false;
    const text = this.#text;
    into.isPartial = text.at === 0 || text.bytes[text.at - 1] !== 0x0a;
    into.bytes = text.bytes;
    into.start = 0;
    into.end = into.isPartial ? text.at : text.at - 1;
    return true;
  }

  indexOf(bytes: Uint8Array, start: number, end: number): number {
    return this.#names.indexOf(bytes, start, end);
  }

  take(index: number, bytes: Uint8Array, start: number, end: number): Fate {
    const into = this.#into as Unwrapped;
    if (index === 0) {
      this.#text.copy(bytes, start, end);
      this.#hasLog = true;
    } else if (index === 1) into.stream = STREAMS.indexOf(bytes, start, end) + 1;
    else {
      into.seconds = this.#time.parse(bytes, start, end);
      into.nanos = this.#time.nanos;
    }
    return "leave_out";
  }
}
