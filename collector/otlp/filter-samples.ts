/**
 * For the tests of filters and shapes: requests whose keys and values come from a few, so that tests on them hold now and
 * then; filter expressions over the same few; and what such an expression says, decided the slow and obvious way on the
 * objects that protobufjs decodes. Shares nothing with filter.ts.
 */
import fc from "fast-check";
import { type Entry, type ResourceLogs, requestType, type Value } from "./request-samples.ts";

const KEYS = ["k", "http.status", "service.name", "", 'quo"te\\d'];
const TEXTS = ["", "a", "error: time out", "é😀", "ERROR", 'quo"te\\d', "line\nline"];
const INTEGERS = [0n, 1n, -1n, 9n, 500n, 2n ** 53n, 2n ** 53n + 1n, -(2n ** 63n), 2n ** 63n - 1n];
const DOUBLES = [0, -0, 0.5, 9, 500, 2 ** 53, -1e300, Number.NaN, Number.POSITIVE_INFINITY];
const SEVERITIES = [0, 1, 4, 5, 9, 12, 13, 16, 17, 18, 20, 21, 24, 30, -1];
const IDS = ["", "00", "0a1b2c", "ff".repeat(16)];

const octets = fc.constantFrom(...IDS).map((hex) => Uint8Array.from(Buffer.from(hex, "hex")));
const text = fc.constantFrom(...TEXTS);
const count = fc.constantFrom(0, 0, 0, 3);
const { value } = fc.letrec<{ value: Value; entry: Entry }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.record({ kind: fc.constant("string" as const), value: text }),
    fc.record({ kind: fc.constant("unset" as const) }),
    fc.record({ kind: fc.constant("bool" as const), value: fc.boolean() }),
    fc.record({ kind: fc.constant("int" as const), value: fc.constantFrom(...INTEGERS) }),
    fc.record({ kind: fc.constant("double" as const), value: fc.constantFrom(...DOUBLES) }),
    fc.record({ kind: fc.constant("bytes" as const), value: octets }),
    fc.record({ kind: fc.constant("map" as const), value: fc.array(tie("entry"), { maxLength: 3 }) }),
    fc.record({ kind: fc.constant("array" as const), value: fc.array(tie("value"), { maxLength: 2 }) }),
  ),
  entry: fc.record({ key: fc.constantFrom(...KEYS), value: tie("value") }),
}));
const attributes = fc.array(fc.record({ key: fc.constantFrom(...KEYS), value }), { maxLength: 3 });
const logRecord = fc.record({
  time: fc.constantFrom(0n, 1_763_800_000_123_456_789n),
  observedTime: fc.constantFrom(0n, 1_763_800_001_000_000_000n),
  severityNumber: fc.constantFrom(...SEVERITIES),
  severityText: text,
  eventName: text,
  body: fc.option(value, { nil: undefined }),
  attributes,
  dropped: count,
  flags: count,
  traceId: octets,
  spanId: octets,
});
const scopeLogs = fc.record({
  scope: fc.option(fc.record({ name: text, version: text, attributes, dropped: count }), { nil: undefined }),
  records: fc.array(logRecord, { maxLength: 5 }),
  schemaUrl: fc.constant(""),
});

/** Requests of few keys and values. */
export const plainRequest: fc.Arbitrary<ResourceLogs[]> = fc.array(
  fc.record({
    resource: fc.option(fc.record({ attributes, dropped: count }), { nil: undefined }),
    scopes: fc.array(scopeLogs, { maxLength: 2 }),
    schemaUrl: fc.constant(""),
  }),
  { maxLength: 2 },
);

type Literal = string | number | bigint | boolean;

/** As filters have it, but made for the test. */
export type Expression =
  | { kind: "or" | "and"; of: Expression[] }
  | { kind: "not"; of: Expression }
  | { kind: "exists"; field: string[] }
  | { kind: "="; field: string[]; value: Literal }
  | { kind: "<" | "<=" | ">" | ">="; field: string[]; value: number | bigint }
  | { kind: "in"; field: string[]; values: Literal[] }
  | { kind: "=~"; field: string[]; pattern: string };

const TEXT_FIELDS = ["severityText", "eventName", "scope.name", "scope.version"];
const ID_FIELDS = ["traceId", "spanId"];
const keys = fc.array(fc.constantFrom(...KEYS), { minLength: 1, maxLength: 3 });
const anyField = fc.oneof(
  fc
    .tuple(fc.constantFrom("attributes", "attributes", "resource", "scope.attributes", "body"), keys)
    .map(([root, path]) => [root, ...path]),
  fc.constant<string[]>(["body"]),
);
const textField = fc.constantFrom(...TEXT_FIELDS).map((root) => [root]);
const idField = fc.constantFrom(...ID_FIELDS).map((root) => [root]);
const severity = fc.constant<string[]>(["severity"]);
const number = fc.oneof(fc.constantFrom(...INTEGERS), fc.constantFrom(...DOUBLES.filter(Number.isFinite)));
const literal: fc.Arbitrary<Literal> = fc.oneof(text, number, fc.boolean());
const id = fc.constantFrom(...IDS);
const order = fc.constantFrom("<" as const, "<=" as const, ">" as const, ">=" as const);
const pattern = fc.constantFrom("time", "^$", "^error", "(?i)ERROR", "[0-9a-f]{6}", "é.", "line$");

const equal = <V extends Literal>(field: fc.Arbitrary<string[]>, value: fc.Arbitrary<V>): fc.Arbitrary<Expression> =>
  fc.oneof(
    fc.record({ kind: fc.constant("=" as const), field, value }),
    fc.record({ kind: fc.constant("in" as const), field, values: fc.array(value, { minLength: 1, maxLength: 3 }) }),
  );

export const { expression } = fc.letrec<{ expression: Expression }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 3 },
    fc.record({ kind: fc.constant("exists" as const), field: fc.oneof(anyField, textField, idField, severity) }),
    equal(anyField, literal),
    equal(textField, text),
    equal(idField, id),
    equal(severity, fc.constantFrom(...SEVERITIES)),
    fc.record({ kind: order, field: fc.oneof(anyField, severity), value: number }),
    fc.record({ kind: fc.constant("=~" as const), field: fc.oneof(anyField, textField, idField), pattern }),
    fc.record({ kind: fc.constant("not" as const), of: tie("expression") }),
    fc.record({
      kind: fc.constantFrom("and" as const, "or" as const),
      of: fc.array(tie("expression"), { minLength: 2, maxLength: 3 }),
    }),
  ),
}));

/** The expression as a person would write it. */
export function toSource(expression: Expression): string {
  switch (expression.kind) {
    case "or":
    case "and":
      return `(${expression.of.map(toSource).join(` ${expression.kind} `)})`;
    case "not":
      return `not ${toSource(expression.of)}`;
    case "exists":
      return `${fieldSource(expression.field)} exists`;
    case "in":
      return `${fieldSource(expression.field)} in [${expression.values.map(literalSource).join(", ")}]`;
    case "=~":
      return `${fieldSource(expression.field)} =~ /${expression.pattern}/`;
    default:
      return `${fieldSource(expression.field)} ${expression.kind} ${literalSource(expression.value)}`;
  }
}

function fieldSource([root, ...path]: string[]): string {
  return `${root}${path.map((key) => `[${literalSource(key)}]`).join("")}`;
}

function literalSource(value: Literal): string {
  if (typeof value !== "string") return Object.is(value, -0) ? "0" : String(value);
  return `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
}

interface Decoded {
  [key: string]: unknown;
}

/** For each log record of the request whether the expression holds. The bytes must be plain, as protobufjs reads oneofs. */
export function expectedMatches(bytes: Uint8Array, expression: Expression): boolean[] {
  const decoded = requestType.toObject(requestType.decode(bytes), { longs: BigInt, enums: Number }) as Decoded;
  const matches: boolean[] = [];
  for (const resourceLogs of list(decoded.resourceLogs)) {
    for (const scopeLogs of list(resourceLogs.scopeLogs)) {
      for (const log of list(scopeLogs.logRecords)) {
        const roots = { log, resource: object(resourceLogs.resource), scope: object(scopeLogs.scope) };
        matches.push(holds(expression, roots));
      }
    }
  }
  return matches;
}

interface Roots {
  log: Decoded;
  resource: Decoded;
  scope: Decoded;
}

function holds(expression: Expression, roots: Roots): boolean {
  switch (expression.kind) {
    case "or":
      return expression.of.some((each) => holds(each, roots));
    case "and":
      return expression.of.every((each) => holds(each, roots));
    case "not":
      return !holds(expression.of, roots);
  }
  const found = lookUp(expression.field, roots);
  if (found === undefined || found === null) return false;
  switch (expression.kind) {
    case "exists":
      return true;
    case "in":
      return expression.values.some((value) => equals(found, value));
    case "=":
      return equals(found, expression.value);
    case "=~": {
      if (typeof found !== "string") return false;
      const [, flag = "", source = ""] = /^(\(\?i\))?(.*)$/s.exec(expression.pattern) ?? [];
      return new RegExp(source, `su${flag === "" ? "" : "i"}`).test(found);
    }
    default: {
      if (typeof found !== "number" && typeof found !== "bigint") return false;
      const { value } = expression;
      if (expression.kind === "<") return found < value;
      if (expression.kind === "<=") return found <= value;
      return expression.kind === ">" ? found > value : found >= value;
    }
  }
}

function equals(found: unknown, value: Literal): boolean {
  if (typeof found === "bigint" || typeof found === "number") {
    // biome-ignore lint/suspicious/noDoubleEquals: a bigint equals a number of the same value only this way
    return (typeof value === "bigint" || typeof value === "number") && found == value;
  }
  return found === value;
}

function lookUp([root = "", ...path]: string[], { log, resource, scope }: Roots): unknown {
  switch (root) {
    case "severity":
      return (log.severityNumber as number | undefined) || undefined;
    case "severityText":
    case "eventName":
      return log[root] || undefined;
    case "traceId":
    case "spanId":
      return Buffer.from((log[root] as Uint8Array | undefined) ?? []).toString("hex") || undefined;
    case "scope.name":
    case "scope.version":
      return scope[root.slice("scope.".length)] || undefined;
    case "body":
      return step(log.body as Decoded | undefined, path);
  }
  const holder = root === "resource" ? resource : root === "attributes" ? log : scope;
  return step({ kvlistValue: { values: list(holder.attributes) } }, path);
}

function step(value: Decoded | undefined, [key, ...rest]: string[]): unknown {
  if (value === undefined) return undefined;
  if (key === undefined) return Object.values(value)[0];
  if (value.kvlistValue === undefined) return undefined;
  const entry = list(object(value.kvlistValue).values).findLast((each) => (each.key ?? "") === key);
  return step(entry?.value as Decoded | undefined, rest);
}

function list(value: unknown): Decoded[] {
  return (value as Decoded[] | undefined) ?? [];
}

function object(value: unknown): Decoded {
  return (value as Decoded | undefined) ?? {};
}
