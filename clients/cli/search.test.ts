import { expect, test } from "bun:test";
import { loadRequestType } from "../../collector/bench/requests.ts";
import { Failure } from "./failure.ts";
import { type Query, Search } from "./search.ts";

const NOTHING: Query = {
  pattern: undefined,
  ignoresCase: false,
  isFixed: false,
  isInverted: false,
  severity: undefined,
  attributes: [],
  filter: undefined,
  sinceMs: undefined,
  untilMs: undefined,
};

const type = loadRequestType();
const text = (value: string) => ({ stringValue: value });
const record = (body: string, severityNumber: number, second: number, attributes: Record<string, string> = {}) => ({
  body: text(body),
  severityNumber,
  ...(second === 0 ? {} : { timeUnixNano: second * 1_000_000_000 }),
  attributes: Object.entries(attributes).map(([key, value]) => ({ key, value: text(value) })),
});
const request = type
  .encode(
    type.fromObject({
      resourceLogs: [
        {
          resource: { attributes: [{ key: "service.name", value: text("shop") }] },
          scopeLogs: [
            {
              logRecords: [
                record("order 17 failed", 17, 1_000, { user: "ann" }),
                record("Order 18 shipped", 9, 2_000, { user: "bob" }),
                record('said "no"', 13, 3_000),
                record("no time", 5, 0),
              ],
            },
          ],
        },
      ],
    }),
  )
  .finish();

const found = (query: Partial<Query>): number[] =>
  [...new Search({ ...NOTHING, ...query }, "id").lines(request, 100n, [0, 4], 4_000_000)].map(({ ordinal }) =>
    Number(ordinal),
  );

test("each condition finds what it says, and all together what all say", () => {
  for (const [query, ordinals] of [
    [{}, [100, 101, 102, 103]],
    [{ pattern: "order \\d+ failed" }, [100]],
    [{ pattern: "order", ignoresCase: true }, [100, 101]],
    [{ pattern: "[oO]rder" }, [100, 101]],
    [{ pattern: "order", isInverted: true }, [101, 102, 103]],
    [{ pattern: 'said \\\\"no' }, [102]],
    [{ pattern: "\\d+ f", isFixed: true }, []],
    [{ pattern: "id/10[12]" }, [101, 102]],
    [{ severity: "warn" }, [100, 102]],
    [{ attributes: ["user=bob"] }, [101]],
    [{ attributes: ["service.name=shop", "user=ann"] }, [100]],
    [{ filter: 'body =~ /^no/ or attributes["user"] = "ann"' }, [100, 103]],
    [{ sinceMs: 2_000_000, untilMs: 3_000_000 }, [101]],
    // Without a time of its own it is taken by that of its write.
    [{ sinceMs: 3_500_000 }, [103]],
    [{ pattern: "r", severity: "INFO", sinceMs: 1_500_000 }, [101, 102]],
  ] as const) {
    expect({ query, found: found(query as Partial<Query>) }).toEqual({ query, found: [...ordinals] } as never);
  }
});

test("a part of a request is searched alone", () => {
  const lines = new Search({ ...NOTHING, pattern: "rder" }, "id").lines(request, 100n, [1, 4], 0);
  expect([...lines].map(({ ordinal }) => ordinal)).toEqual([101n]);
});

test("mistakes are said before anything is read", () => {
  for (const query of [{ pattern: "(" }, { severity: "loud" }, { attributes: ["=x"] }]) {
    expect(() => new Search({ ...NOTHING, ...query }, undefined)).toThrow(Failure);
  }
  expect(() => new Search({ ...NOTHING, filter: "severity >=" }, undefined)).toThrow("a number");
});
