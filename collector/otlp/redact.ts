/**
 * Takes out of log records what must not leave: named attributes and entries of the body are dropped, or replaced by a
 * hash, and what matches a pattern is masked in every text of body and attributes, however deep.
 *
 * Bytes in, bytes out: what changes is written anew as OTLP, and the shape makes its line of that, so nothing can reach
 * the line some other way. A message in which nothing changes is left where it is. The journal and the quarantine keep
 * what was sent.
 */
import { createHash } from "node:crypto";
import { RE2JS, RE2JSSyntaxException } from "re2js";
import { CollectorError } from "../errors.ts";
import { AnyValue, ARRAY, BYTES, KeyValue, MAP, STRING, Texts } from "./any-value.ts";
import { RECORD, RESOURCE, SCOPE, type Shape, toCanonical, toField } from "./canonical.ts";
import { isKeyed, parseField, type Root } from "./field.ts";
import { JsonWriter } from "./json-writer.ts";
import { roomFor } from "./line-shape.ts";
import { type PatternScreen, screenOf } from "./pattern-screen.ts";
import { IRREGULAR, renderAny } from "./render.ts";
import { NESTING_MAX } from "./scan.ts";
import { KNOWN_IN_LIST, malformed, payloadEnd, payloadStart, type Span, skipField } from "./wire.ts";

export interface RedactOptions {
  /** Fields that are left out: attributes, resource and scope attributes, the body and its entries (field.ts). */
  readonly drop?: readonly string[] | undefined;
  /** Fields whose value becomes the SHA-256 of it, as 64 hex digits: equal ones can still be found. */
  readonly hash?: readonly string[] | undefined;
  /** Goes before each value that is hashed, so that nobody can try out likely ones. */
  readonly salt?: string | undefined;
  readonly mask?: readonly MaskOptions[] | undefined;
}

export interface MaskOptions {
  /** RE2's syntax. */
  readonly pattern: string;
  /** What each match becomes, as it is; `***` unless told. */
  readonly with?: string | undefined;
}

/** What stands for a match. */
const MASK_DEFAULT = "***";

/**
 * Finding one match takes time in the length of the text, and a text can hold as many: together no more than this many
 * characters are looked at, or so many matches in any text. What is left after them is masked as a whole.
 */
const MASK_CHARACTERS_MAX = 16 * 1024 * 1024;
const MASK_MATCHES_MIN = 64;

/** What to do with a value and the entries in it, if it is a map. */
interface Rule {
  readonly key: Uint8Array;
  action: "drop" | "hash" | undefined;
  readonly entries: Rule[];
}

interface Mask {
  readonly pattern: RE2JS;
  /** What every match holds; undefined where that can't be told. */
  readonly screen: PatternScreen | undefined;
  readonly replacement: string;
}

/** What became of a value: left as it is, left out, or replaced by these bytes. */
type Change = typeof KEPT | typeof DROPPED | Uint8Array;
const KEPT = "kept";
const DROPPED = "dropped";

/** By tag, what may change in each kind of message. */
type Roots = Readonly<Record<number, Root>>;
const RECORD_ROOTS: Roots = { 50: "attributes", 42: "body" };
const RESOURCE_ROOTS: Roots = { 10: "resource" };
const SCOPE_ROOTS: Roots = { 26: "scope.attributes" };

/** Throws CollectorError `config_invalid`. */
export function compileRedactor(options: RedactOptions): Redactor {
  return new Redactor(options);
}

export class Redactor {
  readonly #rules: Readonly<Partial<Record<Root, Rule>>>;
  readonly #hasRules: boolean;
  readonly #masks: readonly Mask[];
  readonly #salt: string;
  readonly #scratch = new JsonWriter(1024, 64 * 1024);
  readonly #entry = new KeyValue();
  readonly #texts = new Texts();

  constructor(options: RedactOptions) {
    const rules: Partial<Record<Root, Rule>> = {};
    for (const action of ["drop", "hash"] as const) {
      for (const text of options[action] ?? []) addRule(rules, text, action);
    }
    this.#rules = rules;
    this.#hasRules = Object.keys(rules).length > 0;
    this.#masks = (options.mask ?? []).map(compileMask);
    this.#salt = options.salt ?? "";
  }

  /** The log record [position, end) as it may leave; undefined when nothing in it changes. */
  record(bytes: Uint8Array, position: number, end: number): Uint8Array | undefined {
    return this.#message(bytes, position, end, RECORD, RECORD_ROOTS);
  }

  /** The same of a resource. */
  resource(resource: Span | undefined): Span | undefined {
    return resource && toSpan(this.#message(resource.bytes, resource.start, resource.end, RESOURCE, RESOURCE_ROOTS));
  }

  /** The same of an instrumentation scope. */
  scope(scope: Span | undefined): Span | undefined {
    return scope && toSpan(this.#message(scope.bytes, scope.start, scope.end, SCOPE, SCOPE_ROOTS));
  }

  #message(bytes: Uint8Array, position: number, end: number, shape: Shape, roots: Roots): Uint8Array | undefined {
    // Where there are no rules, the whole message is looked through at once: a text in it lies in one part.
    if (!this.#hasRules && !this.#mayMatch(bytes, position, end)) return undefined;
    try {
      return this.#messagePlain(bytes, position, end, shape, roots);
    } catch (reason) {
      if (reason !== IRREGULAR) throw reason;
    }
    const canonical = toCanonical(bytes.subarray(position, end), shape);
    return this.#messagePlain(canonical, 0, canonical.length, shape, roots);
  }

  #messagePlain(bytes: Uint8Array, position: number, end: number, shape: Shape, roots: Roots): Uint8Array | undefined {
    let hasBody = false;
    return rewrite(bytes, position, end, shape.known, (tag, start, stop) => {
      const root = roots[tag];
      if (root === undefined) return KEPT;
      const rule = this.#rules[root];
      if (root !== "body") return this.#keyValue(bytes, start, stop, rule, 1);
      if (hasBody) throw IRREGULAR;
      hasBody = true;
      return this.#any(bytes, start, stop, rule, 1);
    });
  }

  /** The KeyValue [position, end), where `rule` has rules for the entries it is among. */
  #keyValue(bytes: Uint8Array, position: number, end: number, rule: Rule | undefined, depth: number): Change {
    const entry = this.#entry;
    entry.read(bytes, position, end);
    const own = rule === undefined ? undefined : ruleOf(rule, entry);
    if (own?.action === "drop") return DROPPED;
    if (entry.value < 0 || (own === undefined && this.#masks.length === 0)) return KEPT;
    const key = entry.key;
    const start = payloadStart(bytes, entry.value, end);
    const stop = payloadEnd(bytes, entry.value, start, end);
    const changed = this.#any(bytes, start, stop, own, depth);
    if (typeof changed === "string") return changed;
    return Buffer.concat([...toField(0x0a, key), ...toField(0x12, changed)]);
  }

  /** The AnyValue [position, end), on which `rule` is. */
  #any(bytes: Uint8Array, position: number, end: number, rule: Rule | undefined, depth: number): Change {
    if (rule?.action === "drop") return DROPPED;
    if (depth > NESTING_MAX) malformed(`values nested deeper than ${NESTING_MAX} levels`, position);
    const value = new AnyValue();
    if (!value.readPayload(bytes, position, end)) return KEPT;
    if (rule?.action === "hash") return stringValue(Buffer.from(this.#hash(value, position, end)));
    if (value.tag === STRING) {
      if (!this.#mayMatch(bytes, value.start, value.end)) return KEPT;
      const text = this.#texts.read(bytes, value.start, value.end);
      const masked = this.#masks.reduce(applyMask, text);
      return masked === text ? KEPT : stringValue(Buffer.from(masked));
    }
    const isMap = value.tag === MAP;
    if (!(isMap && (rule?.entries.length ?? 0) > 0) && !((isMap || value.tag === ARRAY) && this.#masks.length > 0)) {
      return KEPT;
    }
    const list = rewrite(bytes, value.start, value.end, KNOWN_IN_LIST, (tag, start, stop) => {
      if (tag !== 0x0a /* values */) return KEPT;
      if (isMap) return this.#keyValue(bytes, start, stop, rule, depth + 1);
      return this.#any(bytes, start, stop, undefined, depth + 1);
    });
    return list === undefined ? KEPT : Buffer.concat(toField(value.tag, list));
  }

  /** False: no mask matches a text within [position, end). What one mask puts in place of a match is the next one's to see. */
  #mayMatch(bytes: Uint8Array, position: number, end: number): boolean {
    for (const { screen } of this.#masks) if (screen === undefined || screen.isIn(bytes, position, end)) return true;
    return false;
  }

  /** Over the bytes of a text or of bytes, and over the JSON of anything else. [position, end) is the AnyValue. */
  #hash({ bytes, tag, start, end: valueEnd }: AnyValue, position: number, end: number): string {
    const hash = createHash("sha256").update(this.#salt);
    if (tag === STRING || tag === BYTES) return hash.update(bytes.subarray(start, valueEnd)).digest("hex");
    const whole = Buffer.concat(toField(0x0a, bytes.subarray(position, end)));
    const scratch = this.#scratch;
    scratch.reset();
    scratch.read(whole);
    scratch.reserve(0, roomFor(whole, 0, whole.length));
    const to = renderAny(scratch, 1, whole.length, 0, 1);
    return hash.update(scratch.target.subarray(0, to)).digest("hex");
  }
}

/**
 * The message [position, end) with its fields changed as told, which is asked for each that has a length: its tag and
 * payload. Undefined when none changes.
 */
function rewrite(
  bytes: Uint8Array,
  position: number,
  end: number,
  known: number,
  change: (tag: number, start: number, stop: number) => Change,
): Uint8Array | undefined {
  const parts: Uint8Array[] = [];
  let keptFrom = position;
  let isChanged = false;
  while (position < end) {
    const field = position;
    const tag = bytes[field] as number;
    position = skipField(bytes, field, end, known);
    if (tag >= 0x80 || (tag & 7) !== 2) continue;
    const changed = change(tag, payloadStart(bytes, field + 1, position), position);
    if (changed === KEPT) continue;
    isChanged = true;
    parts.push(bytes.subarray(keptFrom, field));
    if (changed !== DROPPED) parts.push(...toField(tag, changed));
    keptFrom = position;
  }
  if (!isChanged) return undefined;
  parts.push(bytes.subarray(keptFrom, end));
  return Buffer.concat(parts);
}

function ruleOf({ entries }: Rule, entry: KeyValue): Rule | undefined {
  for (const rule of entries) if (entry.isKey(rule.key)) return rule;
  return undefined;
}

function toSpan(bytes: Uint8Array | undefined): Span | undefined {
  return bytes && { bytes, start: 0, end: bytes.length };
}

function stringValue(utf8: Uint8Array): Uint8Array {
  return Buffer.concat(toField(STRING, utf8));
}

function applyMask(text: string, { pattern, screen, replacement }: Mask): string {
  // With a screen it is likely that there is a match, and without one it is not.
  if (screen === undefined && !pattern.test(text)) return text;
  const matcher = pattern.matcher(text);
  let matchesLeft = Math.max(MASK_MATCHES_MIN, Math.floor(MASK_CHARACTERS_MAX / text.length));
  let masked = "";
  let from = 0;
  while (matcher.find()) {
    if (matcher.end() === matcher.start()) continue;
    masked += text.slice(from, matcher.start()) + replacement;
    from = matcher.end();
    if (--matchesLeft === 0) return from < text.length ? masked + replacement : masked;
  }
  return from === 0 ? text : masked + text.slice(from);
}

function compileMask({ pattern, with: replacement = MASK_DEFAULT }: MaskOptions): Mask {
  try {
    const compiled = RE2JS.compile(pattern);
    if (!compiled.test("")) return { pattern: compiled, replacement, screen: screenOf(pattern) };
  } catch (reason) {
    if (!(reason instanceof RE2JSSyntaxException)) throw reason;
    const what = reason.message.replace(/^error parsing regexp: /, "");
    throw new CollectorError("config_invalid", `the pattern can't be read: ${what} (RE2's syntax)\n${pattern}`);
  }
  throw new CollectorError("config_invalid", `the pattern matches even an empty text\n${pattern}`);
}

function addRule(rules: Partial<Record<Root, Rule>>, text: string, action: "drop" | "hash"): void {
  const { root, path, all } = parseField(text);
  if (all || !isKeyed(root) || (path.length === 0 && root !== "body")) {
    const what = "drop and hash take an attribute, an entry of the body, or the body";
    throw new CollectorError("config_invalid", `${what}, for example attributes["user.email"]\n${text}`);
  }
  rules[root] ??= { key: new Uint8Array(0), action: undefined, entries: [] };
  let rule = rules[root];
  for (const name of path) {
    const key = Buffer.from(name);
    let entry = rule.entries.find((each) => key.equals(each.key));
    if (entry === undefined) {
      entry = { key, action: undefined, entries: [] };
      rule.entries.push(entry);
    }
    rule = entry;
  }
  rule.action ??= action;
}
