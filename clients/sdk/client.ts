/**
 * The client: read this first.
 *
 *   send ──> wire/records.ts ──> keep/outbox.ts ──> send/courier.ts ──> send/replica.ts ──> collector
 *            bytes               keeps, batches     which replica        one connection
 *
 * `send` resolves when the collector has the records on disk. Until then they are in the outbox, whatever happens to
 * connections; there is no limit on attempts. What can never arrive is told three times: the promise of its `send`
 * rejects, `onDrop` is called, `status()` counts it.
 */
import { EventEmitter } from "node:events";
import { hostname } from "node:os";
import type { Ack, ClientEvents, ClientStatus, FlushReport, Scope } from "./client-types.ts";
import { systemClock } from "./clock.ts";
import { ClientError } from "./errors.ts";
import { Outbox, type Outcome } from "./keep/outbox.ts";
import { Spool } from "./keep/spool.ts";
import { type ClientOptions, type Drop, type Settings, toSettings } from "./options.ts";
import type { LogRecord } from "./record.ts";
import { sayDrops } from "./say-drops.ts";
import type { BatchSource } from "./send/batch.ts";
import { Courier } from "./send/courier.ts";
import { channelCredentials, TokenFile } from "./send/credentials.ts";
import { parseEndpoint, systemResolve } from "./send/endpoint.ts";
import { type ActiveSpan, loadTelemetry } from "./telemetry.ts";
import { createUlids } from "./ulid.ts";
import { countRecords } from "./wire/count.ts";
import { type Head, RecordEncoder, type Run } from "./wire/records.ts";

/** The collector's limit on one record (ingest.recordBytesMax). */
const RECORD_BYTES_MAX = 1_024_000;
/** What sends that wait for room may hold beside `keep.bytesMax`, together. */
const BLOCKED_BYTES_MAX = 8 * 1024 * 1024;
/** What `ready` leaves free, for the records of those who come out of it together. */
const READY_BYTES = 256 * 1024;

/**
 * Does not wait for a collector: connections are made when there is something to send. Rejects with ClientError
 * `invalid_options` or `spool_unusable`.
 */
export async function connect(options: ClientOptions = {}): Promise<Client> {
  const settings = toSettings(options);
  const telemetry = await loadTelemetry();
  const client = await Client.open(options, settings, telemetry?.activeSpan);
  const stop = telemetry?.observe(() => client.status());
  if (stop !== undefined) client.events.once("closed", stop);
  return client;
}

export class Client implements AsyncDisposable {
  readonly events = new EventEmitter<ClientEvents>();
  readonly #settings: Settings;
  readonly #options: ClientOptions;
  readonly #encoder: RecordEncoder;
  readonly #head: Head;
  readonly #outbox: Outbox;
  #spool: Spool | undefined;
  readonly #courier: Courier;
  readonly #onDrop: (drop: Drop) => void;
  #state: "open" | "closing" | "closed" = "open";
  #closing: Promise<FlushReport> | undefined;
  #dropped = 0;

  /** As `connect`, with options that are checked already. */
  static async open(options: ClientOptions, settings: Settings, activeSpan?: ActiveSpan): Promise<Client> {
    const client = new Client(options, settings, activeSpan);
    if (settings.spool !== undefined) await client.#openSpool(settings.spool);
    return client;
  }

  private constructor(options: ClientOptions, settings: Settings, activeSpan: ActiveSpan | undefined) {
    const { clock = systemClock, random = Math.random, tls = {}, bearerTokenFile } = options;
    this.#options = options;
    this.#settings = settings;
    this.#onDrop = options.onDrop ?? sayDrops(clock);
    this.#encoder = new RecordEncoder({
      clock,
      nextUid: createUlids(),
      activeSpan,
      recordBytesMax: RECORD_BYTES_MAX,
      runBytesMax: settings.batchBytesMax,
      runRecordsMax: settings.batchRecordsMax,
    });
    this.#head = this.#encoder.head({ resource: settings.resource });
    const endpoints = settings.endpoints.map(parseEndpoint);
    // Read now, so that a wrong path is told at once, and again with each connection.
    for (const { isSecure } of endpoints) channelCredentials(isSecure, tls);
    this.#outbox = new Outbox({
      bytesMax: settings.bytesMax,
      batchRecordsMax: settings.batchRecordsMax,
      batchBytesMax: settings.batchBytesMax,
      delayMsMax: settings.batchDelayMsMax,
      clock,
      onReady: () => (this.#spool ?? this.#courier).pump(),
      onRefused: (records, message, request) => this.#tell({ reason: "refused", records, message, request }),
    });
    const kept = (): BatchSource => this.#spool ?? this.#outbox;
    const { callMsMax, connectMsMax, keepaliveMs, keepaliveTimeoutMs, initialDelayMs, delayMsMax } = settings;
    this.#courier = new Courier(
      {
        endpoints,
        resolve: options.resolve ?? systemResolve,
        replicasMax: settings.replicasMax,
        tls,
        headers: options.headers ?? {},
        token: bearerTokenFile === undefined ? undefined : new TokenFile(bearerTokenFile, clock),
        isGzip: settings.compression === "gzip",
        transport: settings.transport,
        client: options.name ?? `${hostname()}/${process.pid}`,
        callMsMax,
        connectMsMax,
        keepaliveMs,
        keepaliveTimeoutMs,
        retry: { initialDelayMs, delayMsMax },
        clock,
        random,
      },
      {
        nextBytes: () => kept().nextBytes(),
        take: () => kept().take(),
        settle: (batch, answer) => kept().settle(batch, answer),
        giveBack: (batches) => kept().giveBack(batches),
      },
      {
        onConnected: (replica, transport) => this.events.emit("connected", { replica, transport }),
        onDisconnected: (replica, reason) => this.events.emit("disconnected", { replica, reason }),
        onUnresolved: (reason) => this.events.emit("unresolved", { reason }),
      },
    );
  }

  /**
   * Sends records, together with what else is sent now. Resolves when the collector has them on disk; with
   * a spool, when that has. Rejects with ClientError:
   * `refused`, `queue_full` (by `whenFull`, or when sends that wait hold 8 MiB) or `closed`.
   */
  async send(records: LogRecord | readonly LogRecord[], scope?: Scope): Promise<Ack> {
    const list = Array.isArray(records) ? (records as readonly LogRecord[]) : [records as LogRecord];
    if (list.length === 0) return ackOf(NOTHING, this.#kept);
    this.#assertOpen();
    return await this.#put(this.#encode(list, scope));
  }

  /** As `send`, for an ExportLogsServiceRequest that is serialised already. Its records get no uid. */
  async sendRequest(request: Uint8Array): Promise<Ack> {
    this.#assertOpen();
    const records = countRecords(request);
    if (records === undefined) throw new ClientError("refused", "these bytes are no ExportLogsServiceRequest");
    if (records === 0) return ackOf(NOTHING, this.#kept);
    const bytes = Buffer.from(request.buffer, request.byteOffset, request.byteLength);
    return await this.#put([{ head: undefined, bytes, records }]);
  }

  /**
   * Takes records that nobody waits for. Returns false when there was no room (or a record is too large, or the client is
   * closed): then they are dropped, counted and told. `ready()` waits for room beforehand.
   */
  offer(records: LogRecord | readonly LogRecord[], scope?: Scope): boolean {
    const list = Array.isArray(records) ? (records as readonly LogRecord[]) : [records as LogRecord];
    const drop = (reason: Drop["reason"], message: string | undefined): false => {
      this.#drop(reason, list.length, message);
      return false;
    };
    if (this.#state !== "open") return drop("closed", "the client is closed");
    let runs: Run[];
    try {
      runs = this.#encode(list, scope);
    } catch (error) {
      return drop("refused", error instanceof Error ? error.message : String(error));
    }
    if (!this.#outbox.hasRoomFor(Outbox.cost(runs))) return drop("queue_full", undefined);
    this.#outbox.addUnwatched(runs);
    return true;
  }

  /** Resolves when there is room for an `offer` of some records. In a loop that must lose none, await it before each. */
  async ready(): Promise<void> {
    if (this.#state === "open") await this.#outbox.room(READY_BYTES).catch(() => undefined);
  }

  /** Sends what is gathered, and waits for all that was sent before, up to `deadlineMs`. Never rejects. */
  async flush(deadlineMs = this.#settings.flushMsMax): Promise<FlushReport> {
    const { clock = systemClock } = this.#options;
    const finished = new AbortController();
    const late = clock.sleep(deadlineMs, finished.signal).then(() => false);
    const isComplete = await Promise.race([this.#empty().then(() => true), late]);
    finished.abort();
    return { isComplete, ...this.#left() };
  }

  /**
   * Takes nothing more, flushes for up to `deadlineMs`, then gives up what is left in memory: its sends reject with
   * `closed`, and it is dropped, counted and told. What is in the spool stays there. Resolves with what that was.
   */
  close(deadlineMs = this.#settings.flushMsMax): Promise<FlushReport> {
    this.#closing ??= this.#close(deadlineMs);
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  status(): ClientStatus {
    const { bytes: waitingBytes, ...counts } = this.#outbox.counts;
    const spool = this.#spool?.counts;
    return {
      state: this.#state,
      ...counts,
      ...(spool && {
        accepted: counts.accepted + spool.recovered,
        acknowledged: spool.acknowledged,
        refused: counts.refused + spool.refused,
        waiting: counts.waiting + spool.records,
      }),
      spool: spool && { records: spool.records, bytes: spool.bytes },
      dropped: this.#dropped,
      waitingBytes,
      retries: this.#courier.retries,
      replicas: this.#courier.replicas(),
    };
  }

  async #openSpool({ directory, bytesMax }: NonNullable<Settings["spool"]>): Promise<void> {
    this.#spool = await Spool.open({
      directory,
      bytesMax,
      rowBytesMax: this.#settings.batchBytesMax,
      clock: this.#options.clock ?? systemClock,
      source: this.#outbox,
      onReady: () => this.#courier.pump(),
      onRefused: (records, message, request) => this.#tell({ reason: "refused", records, message, request }),
      onTrouble: (reason) => this.events.emit("trouble", { reason }),
    });
    this.#courier.pump();
  }

  async #empty(): Promise<void> {
    await this.#outbox.empty();
    await this.#spool?.empty();
  }

  #left(): { readonly recordsLeft: number; readonly recordsSpooled: number } {
    return { recordsLeft: this.#outbox.counts.waiting, recordsSpooled: this.#spool?.counts.records ?? 0 };
  }

  async #close(deadlineMs: number): Promise<FlushReport> {
    this.#state = "closing";
    const { isComplete } = await this.flush(deadlineMs);
    this.#state = "closed";
    this.#courier.close();
    const { recordsSpooled } = this.#left();
    await this.#spool?.close();
    const message = "the client was closed before the collector acknowledged: a copy may have arrived";
    const recordsLeft = this.#outbox.abandon(new ClientError("closed", message));
    if (recordsLeft > 0) this.#tell({ reason: "closed", records: recordsLeft, message, request: undefined });
    const report = { isComplete: isComplete && recordsLeft === 0, recordsLeft, recordsSpooled };
    this.events.emit("closed", report);
    return report;
  }

  async #put(runs: readonly Run[]): Promise<Ack> {
    const bytes = Outbox.cost(runs);
    if (this.#outbox.hasRoomFor(bytes)) return ackOf(await this.#outbox.add(runs), this.#kept);
    const { whenFull, bytesMax } = this.#settings;
    const records = runs.reduce((sum, run) => sum + run.records, 0);
    if (whenFull === "drop") {
      this.#drop("queue_full", records, undefined);
      return { ...ackOf(NOTHING, this.#kept), dropped: records, reason: "there was no room" };
    }
    if (whenFull === "block" && this.#outbox.counts.blockedBytes + bytes <= BLOCKED_BYTES_MAX) {
      return ackOf(await this.#outbox.addWhenRoom(runs), this.#kept);
    }
    throw new ClientError(
      "queue_full",
      `${bytesMax} bytes of logs wait for the collector already, so these ${records} records were not taken: await sends, or raise keep.bytesMax`,
    );
  }

  get #kept(): Ack["kept"] {
    return this.#spool === undefined ? "collector" : "spool";
  }

  #encode(records: readonly LogRecord[], scope: Scope | undefined): Run[] {
    return this.#encoder.encode(scope === undefined ? this.#head : this.#headOf(scope), records);
  }

  readonly #heads = new WeakMap<Scope, Head>();

  #headOf(scope: Scope): Head {
    let head = this.#heads.get(scope);
    if (head === undefined) {
      head = this.#encoder.head({
        resource: scope.resource ?? this.#settings.resource,
        resourceSchemaUrl: scope.resourceSchemaUrl,
        scopeName: scope.name,
        scopeVersion: scope.version,
        scopeAttributes: scope.attributes,
        scopeSchemaUrl: scope.schemaUrl,
      });
      this.#heads.set(scope, head);
    }
    return head;
  }

  #assertOpen(): void {
    if (this.#state !== "open") throw new ClientError("closed", "the client is closed: these records were not taken");
  }

  #drop(reason: Drop["reason"], records: number, message: string | undefined): void {
    this.#dropped += records;
    this.#tell({ reason, records, message, request: undefined });
  }

  #tell(drop: Drop): void {
    try {
      this.#onDrop(drop);
      this.events.emit("drop", drop);
    } catch (error) {
      // The application's own code must not stop the others' logs.
      console.error("a listener for dropped logs failed:", error);
    }
  }
}

const NOTHING: Outcome = {
  acknowledged: 0,
  refused: 0,
  reason: undefined,
  collectorId: undefined,
  ordinal: undefined,
};

function ackOf({ acknowledged, refused, reason, collectorId, ordinal }: Outcome, kept: Ack["kept"]): Ack {
  return { kept, records: acknowledged, refused, dropped: 0, reason, collectorId, ordinal };
}
