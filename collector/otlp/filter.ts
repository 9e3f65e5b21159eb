/**
 * Decides on the wire bytes whether a log record goes a route. The language is in filter-parse.ts, its words in README.md.
 *
 * compile     each test of the expression becomes a Probe, which knows its place: record, resource or scope. Fields
 *             that several probes ask for are looked for once.
 * resource,   their probes are answered once, when the transcoder enters them. Where that settles the whole expression,
 * scope       the records in it are not looked at.
 * record      one walk over its tags notes where the fields that are asked for lie; then the expression is evaluated
 *             over those, as far as it takes to decide. Only patterns make a text.
 *
 * Of attributes and map entries given twice the last one counts, as it does for most readers of the line. What is given
 * in parts throws IRREGULAR, and that one message is read again from its canonical form.
 */
import { AnyValue, isEqual, STRING, Texts } from "./any-value.ts";
import { RECORD, toCanonical } from "./canonical.ts";
import type { Root } from "./field.ts";
import { type Expression, parseFilter, type Test } from "./filter-parse.ts";
import { IRREGULAR } from "./render.ts";
import { MESSAGES, type Place, placeOf, Slots, TAGS } from "./slots.ts";
import { lowBits, payloadEnd, payloadStart, type Span, skipVarint } from "./wire.ts";

/** What is known of all records below: each is wanted, none is, or it must be asked of each. */
export type Verdict = "all" | "none" | "each";

/** A filter for one transcoder: it keeps what the resource and scope at hand came to. */
export interface Filter {
  /** The resource of what follows; undefined where there is none. */
  enterResource(resource: Span | undefined): void;
  /** The scope of the records that follow, within that resource; undefined where there is none. */
  enterScope(scope: Span | undefined): Verdict;
  /** Whether the log record [position, end), in that scope, is wanted. Throws `invalid_request` where it can't be read. */
  matches(bytes: Uint8Array, position: number, end: number): boolean;
}

/** Throws CollectorError `config_invalid` that says what is wrong with the expression, and shows where. */
export function compileFilter(text: string): Filter {
  return new WireFilter(parseFilter(text));
}

const NOTHING: Span = { bytes: new Uint8Array(0), start: 0, end: 0 };

/** A test and where its field is: an index into what the walk over its message notes. */
interface Probe {
  readonly kind: "probe";
  readonly place: Place;
  readonly slot: number;
  readonly root: Root;
  /** Keys below the attribute, or below the body. */
  readonly keys: readonly Uint8Array[];
  readonly test: CompiledTest;
  /** For a resource or scope: what it came to. */
  known: boolean | undefined;
}

type CompiledTest =
  | Exclude<Test, { kind: "equals" }>
  | { readonly kind: "text"; readonly utf8: Uint8Array }
  | { readonly kind: "number"; readonly value: number | bigint }
  | { readonly kind: "boolean"; readonly value: boolean };

type Node =
  | Probe
  | { readonly kind: "any" | "all"; readonly of: readonly Node[] }
  | { readonly kind: "not"; readonly of: Node };

class WireFilter implements Filter {
  readonly #root: Node;
  readonly #probes: Probe[] = [];
  readonly #slots: Readonly<Record<Place, Slots>> = {
    record: new Slots("record"),
    resource: new Slots("resource"),
    scope: new Slots("scope"),
  };
  readonly #value = new AnyValue();
  readonly #texts = new Texts();
  #verdict: boolean | undefined;
  /** What the record at hand is read from: the request, or the canonical form of the record. */
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(expression: Expression) {
    this.#root = this.#compile(expression);
  }

  enterResource(resource: Span | undefined): void {
    this.#answer("resource", resource);
  }

  enterScope(scope: Span | undefined): Verdict {
    this.#answer("scope", scope);
    this.#verdict = settled(this.#root);
    return this.#verdict === undefined ? "each" : this.#verdict ? "all" : "none";
  }

  matches(bytes: Uint8Array, position: number, end: number): boolean {
    if (this.#verdict !== undefined) return this.#verdict;
    try {
      return this.#matchesPlain(bytes, position, end);
    } catch (reason) {
      if (reason !== IRREGULAR) throw reason;
    }
    const canonical = toCanonical(bytes.subarray(position, end), RECORD);
    return this.#matchesPlain(canonical, 0, canonical.length);
  }

  #matchesPlain(bytes: Uint8Array, position: number, end: number): boolean {
    this.#bytes = bytes;
    this.#slots.record.locate(bytes, position, end);
    return this.#evaluate(this.#root);
  }

  /** Answers the probes into a resource or scope. */
  #answer(place: "resource" | "scope", message: Span | undefined): void {
    const slots = this.#slots[place];
    if (slots.isEmpty) return;
    const answer = ({ bytes, start, end }: Span): void => {
      this.#bytes = bytes;
      slots.locate(bytes, start, end);
      for (const probe of this.#probes) if (probe.place === place) probe.known = this.#holds(probe);
    };
    const span = message ?? NOTHING;
    try {
      answer(span);
    } catch (reason) {
      if (reason !== IRREGULAR) throw reason;
      const bytes = toCanonical(span.bytes.subarray(span.start, span.end), MESSAGES[place].shape);
      answer({ bytes, start: 0, end: bytes.length });
    }
  }

  #evaluate(node: Node): boolean {
    switch (node.kind) {
      case "probe":
        return node.known ?? this.#holds(node);
      case "not":
        return !this.#evaluate(node.of);
      case "all":
        for (const each of node.of) if (!this.#evaluate(each)) return false;
        return true;
      case "any":
        for (const each of node.of) if (this.#evaluate(each)) return true;
        return false;
    }
  }

  #holds({ place, slot, root, keys, test }: Probe): boolean {
    const slots = this.#slots[place];
    const position = slots.positions[slot] as number;
    const end = slots.ends[slot] as number;
    const bytes = this.#bytes;
    if (position < 0) return false;
    switch (root) {
      case "severity": {
        const severity = lowBits(bytes, position, skipVarint(bytes, position, end)) | 0;
        return severity !== 0 && testNumber(severity, test);
      }
      case "severityText":
      case "eventName":
      case "scope.name":
      case "scope.version":
      case "traceId":
      case "spanId": {
        const start = payloadStart(bytes, position, end);
        const stop = payloadEnd(bytes, position, start, end);
        if (start === stop) return false;
        const isId = root === "traceId" || root === "spanId";
        if (isId && test.kind === "matches") return test.pattern.test(toHex(bytes, start, stop));
        return this.#testText(bytes, start, stop, test);
      }
      default:
        return this.#testAny(position, end, keys, test);
    }
  }

  #testAny(position: number, end: number, keys: readonly Uint8Array[], test: CompiledTest): boolean {
    const value = this.#value;
    let isSet = value.read(this.#bytes, position, end);
    for (const key of keys) isSet = isSet && value.enter(key);
    if (!isSet || test.kind === "exists") return isSet;
    switch (test.kind) {
      case "text":
      case "matches":
        return value.tag === STRING && this.#testText(value.bytes, value.start, value.end, test);
      case "boolean":
        return value.toBoolean() === test.value;
      default: {
        const number = value.toNumber();
        return number !== undefined && testNumber(number, test);
      }
    }
  }

  #testText(bytes: Uint8Array, position: number, end: number, test: CompiledTest): boolean {
    switch (test.kind) {
      case "exists":
        return true;
      case "text":
        return isEqual(bytes, position, end, test.utf8);
      case "matches":
        return test.pattern.test(this.#texts.read(bytes, position, end));
      default:
        return false;
    }
  }

  #compile(expression: Expression): Node {
    if (expression.kind === "not") return { kind: "not", of: this.#compile(expression.of) };
    if (expression.kind !== "test")
      return { kind: expression.kind, of: expression.of.map((each) => this.#compile(each)) };
    const { field, test } = expression;
    const { root, path } = field;
    const place = placeOf(root);
    const probe: Probe = {
      kind: "probe",
      place,
      slot: this.#slots[place].slotOf(field),
      root,
      keys: path.slice(TAGS[root] === undefined ? 1 : 0).map((key) => Buffer.from(key)),
      test: compileTest(root, test),
      known: undefined,
    };
    this.#probes.push(probe);
    return probe;
  }
}

function compileTest(root: Root, test: Test): CompiledTest {
  if (test.kind !== "equals") return test;
  const { value } = test;
  if (typeof value === "boolean") return { kind: "boolean", value };
  if (typeof value !== "string") return { kind: "number", value };
  // Identifiers are bytes on the wire, and hex in lines and filters.
  const isId = root === "traceId" || root === "spanId";
  return { kind: "text", utf8: isId ? fromHex(value) : Buffer.from(value) };
}

/** What the expression comes to whatever the record holds; undefined where that depends on it. */
function settled(node: Node): boolean | undefined {
  switch (node.kind) {
    case "probe":
      return node.known;
    case "not": {
      const inner = settled(node.of);
      return inner === undefined ? undefined : !inner;
    }
    default: {
      const decisive = node.kind === "any";
      const parts = node.of.map(settled);
      if (parts.includes(decisive)) return decisive;
      return parts.includes(undefined) ? undefined : !decisive;
    }
  }
}

/** Compares exactly, whatever the sizes: a bigint and a double compare by value. NaN is nothing's equal. */
function testNumber(number: number | bigint, test: CompiledTest): boolean {
  switch (test.kind) {
    case "exists":
      return true;
    case "number":
      return number >= test.value && number <= test.value;
    case "order":
      switch (test.order) {
        case "<":
          return number < test.value;
        case "<=":
          return number <= test.value;
        case ">":
          return number > test.value;
        case ">=":
          return number >= test.value;
      }
  }
  return false;
}

function toHex(bytes: Uint8Array, position: number, end: number): string {
  return Buffer.from(bytes.subarray(position, end)).toString("hex");
}

/** Bytes from hex in either case. Other text equals no identifier: it becomes no bytes, and an empty one is never asked. */
function fromHex(text: string): Uint8Array {
  return /^(?:[0-9a-f]{2})+$/i.test(text) ? Buffer.from(text, "hex") : new Uint8Array(0);
}
