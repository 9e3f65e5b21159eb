/** The admin service as a test calls it: by the name of the call, with plain objects. */
import {
  type ChannelCredentials,
  type Client,
  type ClientReadableStream,
  credentials,
  Metadata,
  makeGenericClientConstructor,
  type ServiceError,
} from "@grpc/grpc-js";
import { adminDefinition } from "../admin/control/protocol.ts";

type Callback<T> = (error: ServiceError | null, response: T) => void;
type Unary = <T>(request: object, metadata: Metadata, callback: Callback<T>) => void;
type Streaming = <T>(request: object, metadata: Metadata) => ClientReadableStream<T>;

type Methods = Client & Record<string, Unary & Streaming>;

export class AdminTestClient implements Disposable {
  readonly #client: Methods;
  readonly #metadata = new Metadata();

  constructor(port: number, headers: Record<string, string> = {}, channel: ChannelCredentials | undefined = undefined) {
    const Constructor = makeGenericClientConstructor(adminDefinition(), "Admin");
    const how = channel ?? credentials.createInsecure();
    this.#client = new Constructor(`localhost:${port}`, how) as unknown as Methods;
    for (const [name, value] of Object.entries(headers)) this.#metadata.set(name, value);
  }

  /** Rejects with grpc-js's ServiceError. */
  call<T>(method: string, request: object = {}): Promise<T> {
    return new Promise((resolve, reject) => {
      const made = this.#client[method] as Unary;
      made.call(this.#client, request, this.#metadata, (error: ServiceError | null, response: unknown) =>
        error === null ? resolve(response as T) : reject(error),
      );
    });
  }

  stream<T>(method: string, request: object = {}): ClientReadableStream<T> {
    return (this.#client[method] as Streaming).call(this.#client, request, this.#metadata) as ClientReadableStream<T>;
  }

  async all<T>(method: string, request: object = {}): Promise<T[]> {
    const found: T[] = [];
    for await (const each of this.stream<T>(method, request)) found.push(each as T);
    return found;
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}
