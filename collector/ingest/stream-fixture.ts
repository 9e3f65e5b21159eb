/** A client of streams that does as it is told, right or wrong, and shows all that came back. */
import { type Client, type ClientDuplexStream, type Metadata, type StatusObject, status } from "@grpc/grpc-js";
import { decode, encode, retryDelayMsOf, until } from "./fixture.ts";

export const STREAM_PATH = "/standpipe.ingest.v1.Ingest/Stream";

const PACKAGE = "standpipe.ingest.v1";
const COMPRESSIONS = { none: 0, gzip: 1, zstd: 2 } as const;

export interface Welcome {
  readonly collectorId: string;
  readonly windowBytes: number;
  readonly batchBytesMax: number;
}

export interface WrittenView {
  readonly number: number;
  readonly firstOrdinal?: number;
  readonly records: number;
}

export interface RefusedView {
  readonly number: number;
  readonly code?: number;
  readonly reason: string;
  readonly records?: number;
}

export interface Ended {
  readonly code: status;
  readonly details: string;
  readonly standpipeCode: string | undefined;
  readonly retryDelayMs: number | undefined;
}

export class StreamClient {
  readonly #call: ClientDuplexStream<Buffer, Buffer>;
  /** Resolves with how it ended; never rejects. */
  readonly ended: Promise<Ended>;
  isEnded = false;
  welcome: Welcome | undefined;
  /** The window as last told. */
  windowBytes = 0;
  /** Acknowledged up to here. */
  through = 0;
  /** Messages that acknowledged. */
  progresses = 0;
  readonly written: WrittenView[] = [];
  readonly refused: RefusedView[] = [];
  #number = 0;

  constructor(grpc: Client, metadata?: Metadata) {
    const pass = (bytes: Buffer): Buffer => bytes;
    this.#call =
      metadata === undefined
        ? grpc.makeBidiStreamRequest<Buffer, Buffer>(STREAM_PATH, pass, pass)
        : grpc.makeBidiStreamRequest<Buffer, Buffer>(STREAM_PATH, pass, pass, metadata);
    const { promise, resolve } = Promise.withResolvers<Ended>();
    this.ended = promise;
    this.#call.on("data", (bytes: Buffer) => this.#read(bytes));
    this.#call.on("error", () => {});
    this.#call.on("status", ({ code, details, metadata: trailers }: StatusObject) => {
      this.isEnded = true;
      const [standpipeCode] = trailers.get("standpipe-code");
      resolve({
        code,
        details,
        standpipeCode: standpipeCode === undefined ? undefined : String(standpipeCode),
        retryDelayMs: code === status.OK ? undefined : retryDelayMsOf(trailers),
      });
    });
  }

  /** Opens it and waits for the welcome. */
  static async open(grpc: Client, client = "test"): Promise<StreamClient> {
    const stream = new StreamClient(grpc);
    stream.message({ open: { client } });
    await until(() => stream.welcome !== undefined || stream.isEnded);
    return stream;
  }

  message(message: Record<string, unknown>): void {
    this.raw(encode(`${PACKAGE}.StreamRequest`, message));
  }

  raw(bytes: Buffer): void {
    this.#call.write(bytes);
  }

  /** Sends a batch. Returns its number: the next one, unless another is given. */
  batch(request: Uint8Array, packing: keyof typeof COMPRESSIONS = "none", number = this.#number + 1): number {
    this.#number = number;
    this.message({ batch: { number, request, compression: COMPRESSIONS[packing] } });
    return number;
  }

  async acknowledged(number: number): Promise<void> {
    await until(() => this.through >= number || this.isEnded);
    if (this.through < number)
      throw new Error(`it ended before ${number} was acknowledged: ${(await this.ended).details}`);
  }

  /** No more batches. */
  end(): void {
    this.#call.end();
  }

  /** Acknowledgements are not read any more. */
  pause(): void {
    this.#call.pause();
  }

  resume(): void {
    this.#call.resume();
  }

  cancel(): void {
    this.#call.cancel();
  }

  #read(bytes: Buffer): void {
    const { welcome, progress } = decode(`${PACKAGE}.StreamResponse`, bytes) as {
      welcome?: Welcome;
      progress?: { through?: number; written?: WrittenView[]; refused?: RefusedView[]; windowBytes?: number };
    };
    if (welcome !== undefined) {
      if (this.welcome !== undefined) throw new Error("welcomed twice");
      this.welcome = welcome;
      this.windowBytes = welcome.windowBytes;
    }
    if (progress === undefined) return;
    if (this.welcome === undefined) throw new Error("acknowledged before the welcome");
    this.progresses++;
    const through = progress.through ?? 0;
    if (through < this.through) throw new Error("acknowledgements went back");
    this.through = through;
    this.windowBytes = progress.windowBytes ?? this.windowBytes;
    this.written.push(...(progress.written ?? []));
    this.refused.push(...(progress.refused ?? []));
  }
}
