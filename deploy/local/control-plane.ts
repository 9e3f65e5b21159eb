/**
 * Describe, List, Create and DeleteDeliveryStream, and UpdateDestination: only what an S3 destination under Direct PUT
 * has. Each operation takes five calls a second, as the real ones do. Pure.
 */
import { controlThrottled, FirehoseError, invalidArgument, streamNotFound, validationError } from "./errors.ts";
import { CONTROL_CALLS_PER_SECOND } from "./limits.ts";
import { nameProblems } from "./put-request.ts";
import type { DeliveryStream } from "./stream.ts";
import {
  completeStream,
  fromDestination,
  type StreamOptions,
  type StreamSettings,
  toDestination,
} from "./stream-settings.ts";

type Fields = Record<string, unknown>;

export interface ControlPlaneOptions {
  readonly nowMs: () => number;
  readonly accountId: string;
  readonly region: string;
  readonly createMs: number;
  readonly streamDefaults: Partial<Omit<StreamOptions, "name">>;
  readonly createStream: (settings: StreamSettings) => DeliveryStream;
}

/** The only one that a stream has. */
const DESTINATION_ID = "destinationId-000000000001";
const LIST_DEFAULT = 10;
const LIST_MAX = 10_000;

export class ControlPlane {
  readonly streams = new Map<string, DeliveryStream>();
  readonly #options: ControlPlaneOptions;
  readonly #activeAtMs = new WeakMap<DeliveryStream, number>();
  /** The times of the last calls, per operation. */
  readonly #calls = new Map<string, number[]>();

  constructor(options: ControlPlaneOptions) {
    this.#options = options;
  }

  /** Adds a stream that is ACTIVE at once. */
  add(settings: StreamSettings): DeliveryStream {
    const stream = this.#options.createStream(settings);
    this.streams.set(settings.name, stream);
    return stream;
  }

  statusOf(stream: DeliveryStream): "ACTIVE" | "CREATING" {
    return this.#options.nowMs() < (this.#activeAtMs.get(stream) ?? 0) ? "CREATING" : "ACTIVE";
  }

  /** Answers an operation other than a put. Throws FirehoseError. */
  handle(operation: string, fields: Fields): Fields {
    switch (operation) {
      case "DescribeDeliveryStream":
      case "ListDeliveryStreams":
      case "CreateDeliveryStream":
      case "DeleteDeliveryStream":
      case "UpdateDestination":
        this.#limit(operation);
        break;
      default:
        throw new FirehoseError("UnknownOperationException", "");
    }
    if (operation === "ListDeliveryStreams") return this.#list(fields);
    const name = fields.DeliveryStreamName ?? null;
    if (name !== null && typeof name !== "string") throw new FirehoseError("SerializationException", "");
    const problems = nameProblems(name);
    if (name === null || problems.length > 0) throw validationError(problems);
    if (operation === "CreateDeliveryStream") return this.#create(name, fields);
    const stream = this.streams.get(name);
    if (stream === undefined) throw streamNotFound(name, this.#options.accountId);
    if (operation === "DescribeDeliveryStream") return this.#describe(stream);
    if (operation === "UpdateDestination") return this.#update(stream, fields);
    stream.cutAll();
    this.streams.delete(name);
    return {};
  }

  #limit(operation: string): void {
    const nowMs = this.#options.nowMs();
    const recent = (this.#calls.get(operation) ?? []).filter((timeMs) => timeMs > nowMs - 1000);
    if (recent.length >= CONTROL_CALLS_PER_SECOND) throw controlThrottled(operation);
    this.#calls.set(operation, [...recent, nowMs]);
  }

  #list(fields: Fields): Fields {
    const limit = fields.Limit ?? LIST_DEFAULT;
    if (typeof limit !== "number" || limit < 1 || limit > LIST_MAX)
      throw invalidArgument(`Limit must be 1 to ${LIST_MAX}`);
    const after =
      typeof fields.ExclusiveStartDeliveryStreamName === "string" ? fields.ExclusiveStartDeliveryStreamName : "";
    const type = fields.DeliveryStreamType ?? "DirectPut";
    const names = type === "DirectPut" ? [...this.streams.keys()].filter((name) => name > after).sort() : [];
    return { DeliveryStreamNames: names.slice(0, limit), HasMoreDeliveryStreams: names.length > limit };
  }

  #create(name: string, fields: Fields): Fields {
    const { accountId, createMs, nowMs, streamDefaults } = this.#options;
    if (this.streams.has(name)) {
      throw new FirehoseError("ResourceInUseException", `Firehose ${name} under accountId ${accountId} already exists`);
    }
    const type = fields.DeliveryStreamType ?? "DirectPut";
    if (type !== "DirectPut")
      throw invalidArgument(`DeliveryStreamType ${String(type)} is not supported here; DirectPut is`);
    const destination = fields.ExtendedS3DestinationConfiguration ?? fields.S3DestinationConfiguration;
    if (destination === undefined || destination === null || typeof destination !== "object") {
      throw invalidArgument("An S3 destination is required here: ExtendedS3DestinationConfiguration");
    }
    const given = fromDestination(destination as Fields);
    // The API's own defaults, not those of the command line: 5 MiB or 300 s.
    const stream = this.add(completeStream({ bufferMib: 5, bufferSeconds: 300, ...streamDefaults, ...given, name }));
    this.#activeAtMs.set(stream, nowMs() + createMs);
    return { DeliveryStreamARN: this.#arnOf(name) };
  }

  #update(stream: DeliveryStream, fields: Fields): Fields {
    if (fields.CurrentDeliveryStreamVersionId !== String(stream.version)) {
      throw new FirehoseError(
        "ConcurrentModificationException",
        `The version of Firehose ${stream.settings.name} is ${stream.version}`,
      );
    }
    if (fields.DestinationId !== DESTINATION_ID) throw invalidArgument(`DestinationId must be ${DESTINATION_ID}`);
    const update = fields.ExtendedS3DestinationUpdate ?? fields.S3DestinationUpdate;
    if (update === undefined || update === null || typeof update !== "object") {
      throw invalidArgument("An S3 destination is required here: ExtendedS3DestinationUpdate");
    }
    stream.update(completeStream({ ...stream.settings, ...fromDestination(update as Fields) }));
    return {};
  }

  #describe(stream: DeliveryStream): Fields {
    const { name } = stream.settings;
    const destination = toDestination(stream.settings);
    return {
      DeliveryStreamDescription: {
        DeliveryStreamName: name,
        DeliveryStreamARN: this.#arnOf(name),
        DeliveryStreamStatus: this.statusOf(stream),
        DeliveryStreamEncryptionConfiguration: { Status: "DISABLED" },
        DeliveryStreamType: "DirectPut",
        VersionId: String(stream.version),
        CreateTimestamp: stream.createdMs / 1000,
        ...(stream.updatedMs === undefined ? {} : { LastUpdateTimestamp: stream.updatedMs / 1000 }),
        Destinations: [{ DestinationId: DESTINATION_ID, ExtendedS3DestinationDescription: destination }],
        HasMoreDestinations: false,
      },
    };
  }

  #arnOf(name: string): string {
    return `arn:aws:firehose:${this.#options.region}:${this.#options.accountId}:deliverystream/${name}`;
  }
}
