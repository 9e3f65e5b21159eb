import { expect, test } from "bun:test";
import fc from "fast-check";
import { CollectorError } from "../errors.ts";
import { compileFilter } from "./filter.ts";
import { type Expression, expectedMatches, expression, plainRequest, toSource } from "./filter-samples.ts";
import { createRandom, encodeRequest, requestType } from "./request-samples.ts";
import { type Lines, Transcoder } from "./transcode.ts";

/** Which log records get a line. */
function matched(bytes: Uint8Array, count: number, filter: string): boolean[] {
  const transcoder = new Transcoder({ filter: compileFilter(filter) });
  return toMatches(transcoder.transcode(bytes, 0n, 0, count));
}

function toMatches(lines: Lines): boolean[] {
  const indexes = new Set(lines.indexes);
  return Array.from({ length: lines.to - lines.from }, (_, index) => indexes.has(lines.from + index));
}

/** A request of one record each, from their JSON form, all of one resource and scope. */
function request(...logRecords: object[]): Uint8Array {
  const attributes = [{ key: "service.name", value: { stringValue: "checkout" } }];
  const scopeLogs = [{ scope: { name: "shop", version: "1.2" }, logRecords }];
  return requestType
    .encode(requestType.fromObject({ resourceLogs: [{ resource: { attributes }, scopeLogs }] }))
    .finish();
}

function problemOf(filter: string): string {
  try {
    compileFilter(filter);
  } catch (reason) {
    expect(reason).toBeInstanceOf(CollectorError);
    expect((reason as CollectorError).code).toBe("config_invalid");
    return (reason as CollectorError).message;
  }
  throw new Error(`it was accepted: ${filter}`);
}

test("a filter lets through what the same expression says of the decoded objects", () => {
  fc.assert(
    fc.property(plainRequest, expression, (parts, expression) => {
      const bytes = encodeRequest(parts);
      const expected = expectedMatches(bytes, expression);
      expect(matched(bytes, expected.length, toSource(expression))).toEqual(expected);
    }),
    { numRuns: 1_200 },
  );
});

test("messages in parts, fields in any order and decoys in a oneof make no difference", () => {
  fc.assert(
    fc.property(plainRequest, expression, fc.integer(), (parts, expression, seed) => {
      const expected = expectedMatches(encodeRequest(parts), expression);
      const bytes = encodeRequest(parts, { random: createRandom(seed), oneofs: true });
      expect(matched(bytes, expected.length, toSource(expression))).toEqual(expected);
    }),
    { numRuns: 800 },
  );
});

test("whatever range is asked for, lines and what was filtered make up the range, and each line names its record", () => {
  fc.assert(
    fc.property(
      plainRequest,
      expression,
      fc.integer({ min: 1, max: 400 }),
      fc.nat(),
      (parts, expression, bytesMax, at) => {
        const bytes = encodeRequest(parts);
        const expected = expectedMatches(bytes, expression);
        const options = { filter: compileFilter(toSource(expression)), collectorId: "c", bytesMax };
        const transcoder = new Transcoder(options);
        const start = at % (expected.length + 1);
        for (let from = start; from < expected.length; ) {
          const lines = transcoder.transcode(bytes, 100n, from, expected.length);
          expect(lines.from).toBe(from);
          expect(lines.to).toBeGreaterThan(from);
          expect(toMatches(lines)).toEqual(expected.slice(from, lines.to));
          const text = new TextDecoder().decode(lines.bytes);
          const ids = [...text.matchAll(/^\{"recordId":"c\/(\d+)"/gm)].map(([, ordinal]) => Number(ordinal) - 100);
          expect(ids).toEqual([...lines.indexes]);
          from = lines.to;
        }
      },
    ),
    { numRuns: 300 },
  );
});

test("a severity's name is its whole range, and one with a digit is itself", () => {
  const numbers = [0, 12, 13, 14, 16, 17, 18, 20, 21];
  const bytes = request(...numbers.map((severityNumber) => ({ severityNumber })));
  const those = (filter: string): number[] =>
    numbers.filter((_, index) => matched(bytes, numbers.length, filter)[index]);
  expect(those("severity = WARN")).toEqual([13, 14, 16]);
  expect(those("severity != WARN")).toEqual([0, 12, 17, 18, 20, 21]);
  expect(those("severity >= WARN")).toEqual([13, 14, 16, 17, 18, 20, 21]);
  expect(those("severity > WARN")).toEqual([17, 18, 20, 21]);
  expect(those("severity <= WARN")).toEqual([12, 13, 14, 16]);
  expect(those("severity < WARN")).toEqual([12]);
  expect(those("severity in [ERROR2, FATAL, 12]")).toEqual([12, 18, 21]);
  expect(those("not severity exists")).toEqual([0]);
});

test("and binds tighter than or, not binds tightest, and parentheses go before both", () => {
  const logs = [{ severityText: "a" }, { severityText: "b", eventName: "e" }, { severityText: "b" }];
  const bytes = request(...logs);
  expect(matched(bytes, 3, 'severityText = "a" or severityText = "b" and eventName = "e"')).toEqual([
    true,
    true,
    false,
  ]);
  expect(matched(bytes, 3, '(severityText = "a" or severityText = "b") and eventName = "e"')).toEqual([
    false,
    true,
    false,
  ]);
  expect(matched(bytes, 3, 'not severityText = "a" and eventName not exists')).toEqual([false, false, true]);
});

test("a dotted name is one key with dots, and brackets reach into maps", () => {
  const entry = (key: string, value: object): object => ({ key, value });
  const nested = { kvlistValue: { values: [entry("status", { intValue: 500 })] } };
  const bytes = request(
    { attributes: [entry("http.status", { intValue: 500 })] },
    { attributes: [entry("http", nested)] },
  );
  expect(matched(bytes, 2, "attributes.http.status = 500")).toEqual([true, false]);
  expect(matched(bytes, 2, 'attributes["http.status"] = 500')).toEqual([true, false]);
  expect(matched(bytes, 2, 'attributes["http"]["status"] = 500')).toEqual([false, true]);
  expect(matched(bytes, 2, 'resource.service.name = "checkout" and scope.version =~ /^1\\./')).toEqual([true, true]);
});

test("integers are compared exactly, with doubles too", () => {
  const values = [
    { intValue: "9007199254740993" },
    { intValue: "9007199254740992" },
    { doubleValue: 9007199254740992 },
  ];
  const bytes = request(...values.map((body) => ({ body })));
  expect(matched(bytes, 3, "body = 9007199254740993")).toEqual([true, false, false]);
  expect(matched(bytes, 3, "body = 9007199254740992")).toEqual([false, true, true]);
  expect(matched(bytes, 3, "body > 9007199254740992")).toEqual([true, false, false]);
});

test("a pattern takes linear time, whatever it is and whatever the text", () => {
  const bytes = request({ body: { stringValue: `${"a".repeat(900_000)}!` } });
  for (const pattern of ["(a+)+$", "^(a|aa)*$", "(a|a)*b", "(.*a){20}x"]) {
    expect(matched(bytes, 1, `body =~ /${pattern}/`)).toEqual([false]);
  }
}, 5_000);

test("a resource or scope that settles the matter saves looking at its records", () => {
  // The second record of this request can't be read, which nobody notices who does not look at it.
  const bytes = Buffer.from(request({ severityText: "fine" }, { severityText: "torn" }));
  bytes[bytes.length - 5] = 0x7f;
  expect(matched(bytes, 2, 'resource.service.name = "other" and severityText = "fine"')).toEqual([false, false]);
  expect(() => matched(bytes, 2, 'resource.service.name = "checkout" and severityText = "fine"')).toThrow("byte");
});

test("what is wrong with a filter is said in a sentence, with a caret under the place", () => {
  expect(problemOf("severty >= WARN")).toBe("severty is no field: did you mean severity?\nseverty >= WARN\n^^^^^^^");
  expect(problemOf('severity >= 3 and\n\tbdy = "x"')).toBe('bdy is no field: did you mean body?\n\tbdy = "x"\n\t^^^');
  expect(problemOf("severity >= WARM")).toBe(
    "WARM is no severity: did you mean WARN?\nseverity >= WARM\n            ^^^^",
  );
  expect(problemOf("(severity > 3")).toBe("the parenthesis is not closed\n(severity > 3\n^^^^^^^^^^^^^");
  expect(problemOf("body =~ /a(b/")).toStartWith("the pattern can't be read: missing closing ): `a(b`");
});

test.each([
  ["", "the filter is empty"],
  ["resources.service.name exists", "did you mean resource.service.name?"],
  ["tenant = 1", 'an attribute is written attributes["tenant"]'],
  ['severity = "ERROR"', "severity is a number: write a name without quotes"],
  ["severity =~ /x/", "patterns are for severityText"],
  ["scope.name = 3", "scope.name is a text"],
  ["scope.name < 3", "< compares numbers"],
  ['body < "x"', "< compares numbers"],
  ["attributes.env = prod", 'a text stands in quotes: "prod"'],
  ["body exists && severity > 3", "write and"],
  ["severity > 3 AND body exists", "write and in small letters"],
  ["!body exists", "write not"],
  ["body is 3", "a comparison must come here"],
  ['traceId["x"] exists', "traceId has no keys"],
  ["body[3] exists", "a key stands in quotes"],
  ['body["x" exists', "the bracket is not closed"],
  ["attributes exists", "attributes has many entries: name one"],
  ["attributes.* exists", "attributes has many entries: name one"],
  ['body in "x"', "after in comes a list"],
  ['body in ["x"', "the list is not closed"],
  ["body in []", "a text in quotes, a number, true or false must come here"],
  ['body = "x', "the text has no quote at its end"],
  ['body = "\\q"', "after a backslash comes one of"],
  ["body =~ /x", "the pattern has no slash at its end"],
  ['body =~ "x"', "a pattern stands between slashes"],
  ["body =~ /x/g", "after a pattern may only come i"],
  ["body =~ /(?=x)/", "no look-ahead"],
  ["severity >=", "must come here"],
  ["severity > 3 severity", "and, or, or nothing must come here"],
  ["and", "is no field"],
  ["= 3", "a field must come here"],
  ["body ? 3", '"?" means nothing here'],
  [`${"(".repeat(200)}body exists`, "nested deeper than 100 levels"],
  [`${"not ".repeat(200)}body exists`, "nested deeper than 100 levels"],
  ["timestamp > 3", "timestamp is no field"],
])("%p is refused", (filter, problem) => {
  expect(problemOf(filter)).toContain(problem);
});

test("any text is a filter, or is refused with a place within it", () => {
  const word = fc.constantFrom(
    "severity",
    "body",
    "and",
    "not",
    "(",
    ")",
    "=",
    "in",
    "[",
    "]",
    '"x"',
    "/x/",
    "3",
    "=~",
    ".",
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(word, { maxLength: 9 }).map((words) => words.join(" ")),
        fc.string(),
      ),
      (source) => {
        try {
          compileFilter(source);
        } catch (reason) {
          expect(reason).toMatchObject({ code: "config_invalid" });
          const [, line = "", caret = ""] = (reason as Error).message.split("\n").slice(-3);
          expect(source).toContain(line);
          expect(caret).toMatch(/^[\t ]*\^+$/);
        }
      },
    ),
    { numRuns: 500 },
  );
});

// Keeps the generator honest: an expression that never holds tests nothing.
test("among generated expressions and records some hold and some do not", () => {
  const outcomes = fc
    .sample(fc.tuple(plainRequest, expression), { numRuns: 300, seed: 1 })
    .flatMap(([parts, each]) => expectedMatches(encodeRequest(parts), each satisfies Expression));
  const held = outcomes.filter(Boolean).length;
  expect(held).toBeGreaterThan(outcomes.length * 0.05);
  expect(held).toBeLessThan(outcomes.length * 0.95);
});
