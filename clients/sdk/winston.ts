/**
 * A transport for winston:
 *
 *     winston.createLogger({ transports: [new StandpipeTransport({ client })] })
 *
 * A line waits until there is room, and winston's stream holds what comes meanwhile. `logger.end()` and its `finish` event wait
 * until the collector has everything, up to the client's `flushMsMax`; the client is the application's to close.
 */
import Transport from "winston-transport";
import type { Client } from "./client.ts";
import { fromWinston } from "./shapes/winston-record.ts";

export interface StandpipeTransportOptions extends Transport.TransportStreamOptions {
  readonly client: Client;
}

const SCOPE = { name: "winston" };

export class StandpipeTransport extends Transport {
  readonly #client: Client;

  constructor({ client, ...options }: StandpipeTransportOptions) {
    super(options);
    this.#client = client;
  }

  override log(info: Record<PropertyKey, unknown>, next: () => void): void {
    void this.#client.ready().then(() => {
      this.#client.offer(fromWinston(info), SCOPE);
      this.emit("logged", info);
      next();
    });
  }

  override _final(done: (error?: Error | null) => void): void {
    void this.#client.flush().then(() => done());
  }
}
