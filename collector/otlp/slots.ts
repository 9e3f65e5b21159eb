/**
 * Where fields lie in a record, resource or scope: one walk over its tags notes all that is asked for. Filters and shapes
 * then read just those.
 */
import { KeyValue } from "./any-value.ts";
import { RECORD, RESOURCE, SCOPE, type Shape } from "./canonical.ts";
import { describeField, type Field, type Root } from "./field.ts";
import { IRREGULAR } from "./render.ts";
import { KNOWN_IN_RECORD, KNOWN_IN_RESOURCE, KNOWN_IN_SCOPE, payloadStart, skipField } from "./wire.ts";

export type Place = "record" | "resource" | "scope";

const PLACES: Readonly<Partial<Record<Root, Place>>> = {
  resource: "resource",
  "scope.name": "scope",
  "scope.version": "scope",
  "scope.attributes": "scope",
};

/** Which message holds the field. */
export function placeOf(root: Root): Place {
  return PLACES[root] ?? "record";
}

/** Fields of a message by tag, besides its attributes. */
export const TAGS: Readonly<Partial<Record<Root, number>>> = {
  severity: 0x10,
  severityText: 0x1a,
  body: 0x2a,
  timestamp: 0x09,
  flags: 0x45,
  traceId: 0x4a,
  spanId: 0x52,
  observedTimestamp: 0x59,
  eventName: 0x62,
  "scope.name": 0x0a,
  "scope.version": 0x12,
};

interface MessageKind {
  readonly attributes: number;
  readonly known: number;
  readonly shape: Shape;
}

export const MESSAGES: Readonly<Record<Place, MessageKind>> = {
  record: { attributes: 0x32, known: KNOWN_IN_RECORD, shape: RECORD },
  resource: { attributes: 0x0a, known: KNOWN_IN_RESOURCE, shape: RESOURCE },
  scope: { attributes: 0x1a, known: KNOWN_IN_SCOPE, shape: SCOPE },
};

/** What to look for in one kind of message, and where it was found: the offset past its tag, -1 if it is not there. */
export class Slots {
  readonly #message: MessageKind;
  readonly #byTag = new Int8Array(256).fill(-1);
  readonly #keys: { readonly key: Uint8Array; readonly slot: number }[] = [];
  readonly #names: string[] = [];
  readonly #entry = new KeyValue();
  positions = new Int32Array(0);
  ends = new Int32Array(0);

  constructor(place: Place) {
    this.#message = MESSAGES[place];
  }

  get isEmpty(): boolean {
    return this.#names.length === 0;
  }

  /** The slot of a field, the same for the same one. */
  slotOf({ root, path }: Field): number {
    const tag = TAGS[root];
    const name = describeField({ root, path: tag === undefined ? path.slice(0, 1) : [], all: false });
    const known = this.#names.indexOf(name);
    if (known >= 0) return known;
    const slot = this.#names.push(name) - 1;
    if (tag !== undefined) this.#byTag[tag] = slot;
    else this.#keys.push({ key: Buffer.from(path[0] ?? ""), slot });
    this.positions = new Int32Array(slot + 1);
    this.ends = new Int32Array(slot + 1);
    return slot;
  }

  /** Notes where everything lies in the message [position, end). */
  locate(bytes: Uint8Array, position: number, end: number): void {
    const { attributes, known } = this.#message;
    const positions = this.positions;
    positions.fill(-1);
    while (position < end) {
      const tag = bytes[position] as number;
      const value = position + 1;
      position = skipField(bytes, position, end, known);
      if (tag === attributes) {
        if (this.#keys.length > 0) this.#noteAttribute(bytes, value, position);
        continue;
      }
      const slot = this.#byTag[tag] as number;
      if (slot < 0) continue;
      // The body is the one message among them.
      if (tag === TAGS.body && positions[slot] !== -1 && this.#message.shape === RECORD) throw IRREGULAR;
      positions[slot] = value;
      this.ends[slot] = position;
    }
  }

  #noteAttribute(bytes: Uint8Array, position: number, end: number): void {
    const entry = this.#entry;
    entry.read(bytes, payloadStart(bytes, position, end), end);
    for (const { key, slot } of this.#keys) {
      if (!entry.isKey(key)) continue;
      this.positions[slot] = entry.value;
      this.ends[slot] = end;
    }
  }
}
