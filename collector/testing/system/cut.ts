/**
 * A network that can be cut: TCP connections through here stop in both directions without a word, as behind a broken
 * switch, and go on where they were when it is healed. New ones are made, and answered by nobody.
 */
import { createServer, type Server, type Socket, connect as tcpConnect } from "node:net";

export class Cut implements Disposable {
  readonly #servers: Server[] = [];
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #isCut = false;

  /** An address that leads to `host:port`, as long as nothing is cut. */
  async through(target: () => string): Promise<string> {
    const server = createServer((near) => this.#carry(near, target()));
    this.#servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("it has no port");
    return `127.0.0.1:${address.port}`;
  }

  cut(): void {
    this.#isCut = true;
    for (const pair of this.#pairs) this.#apply(pair);
  }

  heal(): void {
    this.#isCut = false;
    for (const pair of this.#pairs) this.#apply(pair);
  }

  [Symbol.dispose](): void {
    for (const [near, far] of this.#pairs) {
      near.destroy();
      far.destroy();
    }
    for (const server of this.#servers) server.close();
  }

  #carry(near: Socket, target: string): void {
    const [host = "", port] = target.split(":");
    const far = tcpConnect(Number(port), host);
    const pair = [near, far] as const;
    this.#pairs.add(pair);
    for (const [from, to] of [pair, [far, near] as const]) {
      from.on("data", (bytes) => to.write(bytes));
      from.on("end", () => to.end());
      from.on("error", () => undefined);
      from.on("close", () => {
        to.destroy();
        this.#pairs.delete(pair);
      });
    }
    this.#apply(pair);
  }

  #apply(pair: readonly [Socket, Socket]): void {
    for (const socket of pair) {
      if (this.#isCut) socket.pause();
      else socket.resume();
    }
  }
}
