/** Hosts that are addresses of the loopback: the second best, where no namespaces can be made. A relay is what is cut. */
import { Cut } from "../cut.ts";
import type { Hosts, Place } from "./hosts.ts";

export class LoopbackHosts implements Hosts {
  readonly clients = placeAt(101);
  readonly agent = placeAt(102);
  readonly firehose = placeAt(100);
  readonly #replicas: number;
  /** What is cut for a replica: its ways to others and to Firehose, and theirs to it. */
  readonly #cuts: Cut[] = [];
  /** `host:port` of the relay, by `<whose> <host:port>`. */
  readonly #ways = new Map<string, string>();

  private constructor(replicas: number) {
    this.#replicas = replicas;
  }

  /** Replicas listen on `port`, Firehose on `firehosePort`. */
  static async create(replicas: number, port: number, firehosePort: number): Promise<LoopbackHosts> {
    const hosts = new LoopbackHosts(replicas);
    for (let index = 0; index < replicas; index++) {
      const cut = new Cut();
      hosts.#cuts.push(cut);
      const targets = Array.from({ length: replicas }, (_, to) => `${hosts.placeOf(to).address}:${port}`);
      for (const target of [...targets, `${hosts.firehose.address}:${firehosePort}`]) {
        hosts.#ways.set(`${index} ${target}`, await cut.through(() => target));
      }
    }
    return hosts;
  }

  placeOf(index: number): Place {
    return placeAt(index + 1);
  }

  wayToFirehose(index: number, port: number): string {
    return this.#way(index, `${this.firehose.address}:${port}`);
  }

  /** Of two, the one with the higher number is the one that can be cut. */
  wayBetween(from: number, to: number, port: number): string {
    return this.#way(Math.max(from, to), `${this.placeOf(to).address}:${port}`);
  }

  endpoints(port: number): readonly string[] {
    return Array.from({ length: this.#replicas }, (_, index) => `http://${this.placeOf(index).address}:${port}`);
  }

  /** Clients know all addresses, and try those that do not answer. */
  name(): void {}

  cut(index: number): void {
    this.#cuts[index]?.cut();
  }

  heal(index: number): void {
    this.#cuts[index]?.heal();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const cut of this.#cuts) cut[Symbol.dispose]();
  }

  #way(index: number, target: string): string {
    const way = this.#ways.get(`${index} ${target}`);
    if (way === undefined) throw new Error(`there is no way from ${index} to ${target}`);
    return way;
  }
}

function placeAt(number: number): Place {
  const address = `127.0.0.${number}`;
  return { address, backAddress: address, wrapper: [] };
}
