/**
 * Connections that send one request after the other over OTLP/HTTP, as fast as they are let, and wait as long as they are
 * told to. Over plain sockets, so that a thousand requests in flight cost the sender one: `fetch` copies each.
 */
import { connect, type Socket } from "node:net";

/** A request as it goes over the wire. */
export function wireRequest(body: Uint8Array, encoding?: string): Buffer {
  const packing = encoding === undefined ? "" : `content-encoding: ${encoding}\r\n`;
  const type = "content-type: application/x-protobuf\r\n";
  const head = `POST /v1/logs HTTP/1.1\r\nhost: here\r\n${type}${packing}content-length: ${body.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), body]);
}

export class HttpFlood implements Disposable {
  /** How often each status was the answer. */
  readonly answers = new Map<string, number>();
  readonly #port: number;
  readonly #sockets = new Set<Socket>();
  #isEnding = false;

  constructor(port: number) {
    this.#port = port;
  }

  /** Opens a connection that sends `request` again and again. */
  start(request: Buffer): void {
    const socket = connect({ port: this.#port, host: "127.0.0.1", noDelay: true });
    this.#sockets.add(socket);
    let told = "";
    let isAnswered = false;
    const send = (): void => {
      told = "";
      isAnswered = false;
      socket.write(request);
    };
    socket.on("connect", send);
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => {
      told += bytes.toString("latin1");
      const status = /HTTP\/1\.1 (\d+)[\s\S]*\r\n\r\n/.exec(told)?.[1];
      if (isAnswered || status === undefined) return;
      isAnswered = true;
      this.answers.set(status, (this.answers.get(status) ?? 0) + 1);
      if (status === "200") send();
      else socket.destroy();
    });
    socket.on("close", () => {
      this.#sockets.delete(socket);
      if (this.#isEnding) return;
      const waitMs = 1_000 * Number(/\r\nretry-after: (\d+)/i.exec(told)?.[1] ?? 1);
      setTimeout(() => this.#isEnding || this.start(request), waitMs);
    });
  }

  [Symbol.dispose](): void {
    this.#isEnding = true;
    for (const socket of this.#sockets) socket.destroy();
  }
}
