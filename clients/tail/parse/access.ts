/**
 * The access log formats of nginx and Apache, read byte by byte: common, combined, and combined with one more quoted field.
 * Fields have the names that fluentd's and Fluent Bit's parsers give them, all as text:
 *
 *   nginx     remote host user time method path code size referer agent http_x_forwarded_for
 *   apache    host user time method path code size referer agent
 *
 * where nginx's first two are `$remote_addr` and `-`. A request that is not "METHOD PATH PROTOCOL" (a scanner's bytes, for
 * example) is kept whole, as `path`. The field `time` is in brackets, as %d/%b/%Y:%H:%M:%S %z.
 */
import type { Writer } from "../wire/writer.ts";
import { type FieldWatcher, type Parser, writeTextMember } from "./fields.ts";

export const ACCESS_TIME = { key: "time", format: "%d/%b/%Y:%H:%M:%S %z" } as const;

const SPACE = 0x20;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

const NAMES = "remote host user time method path code size referer agent http_x_forwarded_for";
const KEY = Object.fromEntries(NAMES.split(" ").map((name) => [name, Buffer.from(name)])) as Record<string, Buffer>;

/** The words before the time, by format; "" is passed over. */
const HEADS = { nginx: ["remote", "host", "user"], apache: ["host", "", "user"] } as const;
const TAIL = ["referer", "agent", "http_x_forwarded_for"];

export class AccessParser implements Parser {
  readonly #head: readonly string[];
  /** Where the last piece that was looked for begins and ends. */
  #from = 0;
  #to = 0;

  constructor(server: keyof typeof HEADS) {
    this.#head = HEADS[server];
  }

  parse(bytes: Uint8Array, start: number, end: number, writer: Writer, watcher: FieldWatcher): boolean {
    const put = (name: string): void =>
      writeTextMember(writer, watcher, KEY[name] as Uint8Array, bytes, this.#from, this.#to);
    let at = start;
    for (let index = 0; index < this.#head.length; index++) {
      at = this.#word(bytes, at, end);
      if (at < 0 || at >= end) return false;
      const name = this.#head[index] as string;
      if (name !== "") put(name);
      at++;
    }
    if (bytes[at] !== 0x5b) return false;
    this.#from = at + 1;
    this.#to = bytes.indexOf(0x5d, at);
    if (this.#to < 0 || this.#to + 2 >= end || bytes[this.#to + 1] !== SPACE) return false;
    at = this.#to + 2;
    put("time");
    at = this.#quoted(bytes, at, end);
    if (at < 0) return false;
    this.#request(bytes, put);
    for (const name of ["code", "size"]) {
      if (at >= end || bytes[at] !== SPACE) return false;
      at = this.#word(bytes, at + 1, end);
      if (at < 0) return false;
      put(name);
    }
    for (const name of TAIL) {
      if (at === end) return true;
      if (bytes[at] !== SPACE) return false;
      at = this.#quoted(bytes, at + 1, end);
      if (at < 0) return false;
      put(name);
    }
    return at === end;
  }

  /** A word up to a space or the end. Returns where it ends; -1 when it is empty. */
  #word(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end && bytes[at] !== SPACE) at++;
    this.#from = start;
    this.#to = at;
    return at === start ? -1 : at;
  }

  /** A text in quotes. Returns the place after the closing one; -1 when there is none. */
  #quoted(bytes: Uint8Array, start: number, end: number): number {
    if (bytes[start] !== QUOTE) return -1;
    for (let at = start + 1; at < end; at++) {
      if (bytes[at] === BACKSLASH) at++;
      else if (bytes[at] === QUOTE) {
        this.#from = start + 1;
        this.#to = at;
        return at + 1;
      }
    }
    return -1;
  }

  #request(bytes: Uint8Array, put: (name: string) => void): void {
    const from = this.#from;
    const to = this.#to;
    const methodEnd = bytes.indexOf(SPACE, from);
    const protocolAt = bytes.lastIndexOf(SPACE, to - 1);
    if (methodEnd > from && methodEnd < protocolAt && protocolAt < to) {
      this.#to = methodEnd;
      put("method");
      this.#from = methodEnd + 1;
      this.#to = protocolAt;
    }
    put("path");
    this.#from = from;
    this.#to = to;
  }
}
