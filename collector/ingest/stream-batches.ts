/**
 * The batches of one stream between their arrival and their acknowledgement.
 *
 * They are handed to admission in the order of their numbers, as many as it lets in; only the first that has to wait
 * waits there, and those behind it are queued here. A batch is answered when it is written, or refused for good. Answers
 * come in any order and are taken out from the front, without a gap.
 */
import { status } from "@grpc/grpc-js";
import { CollectorError } from "../errors.ts";
import type { RecycledMemory } from "../memory/recycled-memory.ts";
import { release } from "../memory/release.ts";
import { type Caller, CallerGone } from "./admission.ts";
import type { ReceptionGate } from "./reception.ts";
import { Place } from "./stream-reading.ts";
import type { BatchMessage, Refused, Written } from "./stream-wire.ts";
import type { Take, Taken } from "./take.ts";
import { type Packing, unpack } from "./unpack.ts";

export interface BatchParts {
  /** Whose batches they are. */
  readonly tenant: string;
  readonly take: Take;
  /** Room for messages as they come. */
  readonly gate: ReceptionGate;
  /** Room for what they unpack to. */
  readonly unpackGate: ReceptionGate;
  /** Where messages lie. */
  readonly memory: RecycledMemory;
  /** Bytes of the largest request of a batch, unpacked. */
  readonly batchBytesMax: number;
  /** Counts a batch that was answered. */
  readonly onBatch: (isRefused: boolean) => void;
}

export interface BatchEvents {
  readonly onAnswered: () => void;
  /** A batch could not be written now; it stays without an answer. */
  readonly onFailed: (reason: unknown) => void;
}

export interface Batch {
  readonly number: number;
  /** Where the batch lies; let go of as soon as it is written, and so is its request. */
  message: Uint8Array;
  request: Uint8Array;
  readonly packing: Packing;
  /** What it takes of the window. */
  readonly bytes: number;
  readonly place: Place;
  unpackPlace: Place | undefined;
  /** Set when it has been answered. */
  answer: { readonly written?: Written; readonly refused?: Refused } | undefined;
  /** Leaves the place where it waits, since its client has left. */
  onGone: (() => void) | undefined;
}

const NOTHING = new Uint8Array(0);

export class StreamBatches {
  readonly #parts: BatchParts;
  readonly #events: BatchEvents;
  /** Not acknowledged yet, in order. */
  #batches: Batch[] = [];
  /** How many of them, from the first, have been handed on; those behind are queued. */
  #submitted = 0;
  #unanswered = 0;
  #underWayBytes = 0;
  /** A batch is being unpacked, or waits for admission. */
  #isBusy = false;
  #isGone = false;

  constructor(parts: BatchParts, events: BatchEvents) {
    this.#parts = parts;
    this.#events = events;
  }

  /** Batches that are not acknowledged, and what they take of the window. */
  get count(): number {
    return this.#batches.length;
  }

  get underWayBytes(): number {
    return this.#underWayBytes;
  }

  /** Batches that were handed on and may still be answered. */
  get unanswered(): number {
    return this.#unanswered;
  }

  /** `message` is what the batch lies in. Its memory is given back, and its place left, when the batch is done with. */
  add({ number, request, packing }: BatchMessage, message: Buffer, place: Place): void {
    const rest = { unpackPlace: undefined, answer: undefined, onGone: undefined };
    this.#batches.push({ number, message, request, packing, bytes: request.length, place, ...rest });
    this.#underWayBytes += request.length;
    this.#pump();
  }

  /** Takes out those that have been answered, up to the first that has not. */
  takeAnswered(): Batch[] {
    const open = this.#batches.findIndex(({ answer }) => answer === undefined);
    const done = this.#batches.splice(0, open < 0 ? this.#batches.length : open);
    this.#submitted -= done.length;
    for (const { bytes } of done) this.#underWayBytes -= bytes;
    return done;
  }

  /** Forgets what was not handed on: its client has it still. */
  dropQueued(): void {
    for (const batch of this.#batches.splice(this.#submitted)) {
      this.#leave(batch);
      this.#underWayBytes -= batch.bytes;
    }
  }

  /** The client has left: what waits, waits no longer; what is being written is. */
  abandon(): void {
    this.#isGone = true;
    this.dropQueued();
    for (const { onGone } of [...this.#batches]) onGone?.();
  }

  /** Hands queued batches to admission, in order, until one has to wait. */
  #pump(): void {
    while (!this.#isBusy && this.#submitted < this.#batches.length) {
      const batch = this.#batches[this.#submitted] as Batch;
      this.#submitted++;
      this.#unanswered++;
      if (batch.packing === "none") this.#submit(batch);
      else void this.#unpackAndSubmit(batch);
    }
  }

  async #unpackAndSubmit(batch: Batch): Promise<void> {
    const { unpackGate, batchBytesMax } = this.#parts;
    this.#isBusy = true;
    try {
      await new Promise<void>((resolve, reject) => {
        batch.onGone = () => reject(new CallerGone("the client left before its batch was unpacked"));
        batch.unpackPlace = new Place(batchBytesMax, true, resolve, reject);
        unpackGate.enter(batch.unpackPlace);
      });
      batch.request = await unpack(batch.request, batch.packing, batchBytesMax);
      if (batch.unpackPlace !== undefined) unpackGate.received(batch.unpackPlace, batch.request.length);
    } catch (reason) {
      this.#isBusy = false;
      this.#unwritten(batch, reason);
      this.#pump();
      return;
    }
    this.#isBusy = false;
    this.#submit(batch);
    this.#pump();
  }

  #submit(batch: Batch): void {
    const isGone = (): boolean => this.#isGone;
    const caller: Caller = {
      tenant: this.#parts.tenant,
      deadlineAtMs: Number.POSITIVE_INFINITY,
      isPatient: true,
      get cancelled() {
        return isGone();
      },
      onCancelled: (listener) => {
        batch.onGone = listener;
      },
    };
    let isAdmitted = false;
    let isLater = false;
    const admitted = (): void => {
      if (isAdmitted) return;
      isAdmitted = true;
      this.#isBusy = false;
      if (isLater) this.#pump();
    };
    this.#isBusy = true;
    this.#parts.take(batch.request, caller, admitted).then(
      (taken) => {
        this.#written(batch, taken);
        admitted();
      },
      (reason: unknown) => {
        this.#unwritten(batch, reason);
        admitted();
      },
    );
    isLater = true;
  }

  #written(batch: Batch, { firstOrdinal, records, refused, refusedReason }: Taken): void {
    const { number } = batch;
    const reason = refusedReason ?? "refused";
    this.#answer(batch, {
      ...(firstOrdinal === undefined ? {} : { written: { number, firstOrdinal, records } }),
      ...(refused === 0 ? {} : { refused: { number, code: status.OK, reason, records: refused } }),
    });
  }

  /** What never can be taken is an answer too. */
  #unwritten(batch: Batch, reason: unknown): void {
    if (reason instanceof CollectorError && !reason.retryable) {
      const refused = { number: batch.number, code: reason.status, reason: reason.message, records: 0 };
      this.#answer(batch, { refused });
      return;
    }
    this.#leave(batch);
    this.#unanswered--;
    if (!(reason instanceof CallerGone)) this.#events.onFailed(reason);
  }

  #answer(batch: Batch, answer: NonNullable<Batch["answer"]>): void {
    this.#leave(batch);
    this.#unanswered--;
    batch.answer = answer;
    this.#parts.onBatch(answer.refused !== undefined && answer.written === undefined);
    this.#events.onAnswered();
  }

  /** Its bytes are needed no more. */
  #leave(batch: Batch): void {
    // What it was unpacked to has no other owner.
    if (batch.request.buffer !== batch.message.buffer) release(batch.request);
    this.#parts.memory.giveBack(batch.message);
    batch.request = NOTHING;
    batch.message = NOTHING;
    batch.onGone = undefined;
    this.#parts.gate.leave(batch.place);
    if (batch.unpackPlace !== undefined) this.#parts.unpackGate.leave(batch.unpackPlace);
  }
}
