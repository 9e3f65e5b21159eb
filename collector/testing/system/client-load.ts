/** An application on @standpipe/client: loops that send one record after the other, each awaited, and what became of them. */
import { type Client, type ClientOptions, connect } from "../../../clients/sdk/index.ts";
import { countBy, type ObservedFirehose } from "./observed-firehose.ts";

export class ClientLoad implements AsyncDisposable {
  readonly client: Client;
  readonly acknowledged = new Set<string>();
  /** Reasons of sends that were not acknowledged: there must be none. */
  readonly failures: unknown[] = [];
  readonly #name: string;
  readonly #restMs: number;
  readonly #loops: Promise<void>[] = [];
  #isStopping = false;
  #count = 0;

  private constructor(client: Client, name: string, restMs: number) {
    this.client = client;
    this.#restMs = restMs;
    this.#name = name;
  }

  /** `inFlight` loops, each with one send under way, and a rest of `restMs` between two. */
  static async start(
    options: ClientOptions & { readonly inFlight: number; readonly key?: string; readonly restMs?: number },
  ): Promise<ClientLoad> {
    const { inFlight, key = "load", restMs = 0, ...clientOptions } = options;
    const client = await connect({ retry: { initialDelayMs: 20, delayMsMax: 200 }, ...clientOptions });
    const load = new ClientLoad(client, key, restMs);
    for (let index = 0; index < inFlight; index++) load.#loops.push(load.#loop());
    return load;
  }

  /** Resolves when that many more have been acknowledged. */
  async more(records: number): Promise<void> {
    const until = this.acknowledged.size + records;
    while (this.acknowledged.size < until && this.failures.length === 0) await Bun.sleep(5);
  }

  /** Sends no more, and waits for what is under way. */
  async finish(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#loops);
    await this.client.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopping = true;
    await this.client.close(0);
  }

  async #loop(): Promise<void> {
    while (!this.#isStopping) {
      const key = `${this.#name}-${this.#count++}`;
      try {
        await this.client.send({ body: `${key} something happened in the application` });
        this.acknowledged.add(key);
        if (this.#restMs > 0) await Bun.sleep(this.#restMs);
      } catch (error) {
        this.failures.push(error);
        return;
      }
    }
  }
}

/** The keys of acknowledged records that are in no object, and how many records are there more than once. */
export async function compare(
  firehoses: readonly ObservedFirehose[],
  loads: readonly ClientLoad[],
): Promise<{ lost: string[]; doubled: number }> {
  const lines = (await Promise.all(firehoses.map((firehose) => firehose.lines()))).flat();
  const keys = countBy(lines, ({ key }) => key);
  const lost = loads.flatMap(({ acknowledged }) => [...acknowledged].filter((key) => !keys.has(key)));
  const doubled = [...keys.values()].reduce((sum, count) => sum + count - 1, 0);
  return { lost, doubled };
}
