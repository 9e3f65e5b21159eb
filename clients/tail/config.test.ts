import { expect, test } from "bun:test";
import { loadTailConfig } from "./config.ts";
import { sourceProblems } from "./source.ts";

function load(text: string, environment: Record<string, string> = {}) {
  return loadTailConfig({ path: "tail.yaml", text }, environment, sourceProblems);
}

const MINIMAL = "sources: [{ name: a, include: /logs/*.log }]";

test("a source needs a name and a pattern; the rest has defaults, and the environment goes first", () => {
  const config = load(`collector: { endpoint: "http://x:1" }\n${MINIMAL}`, {
    STANDPIPE_TAIL_COLLECTOR_ENDPOINT: "http://y:2",
    STANDPIPE_TAIL_FILES_WATCH: "false",
    OTHER: "x",
  });
  expect(config.collector.endpoint).toEqual(["http://y:2"]);
  expect(config.files.watch).toBe(false);
  expect(config.sources[0]).toMatchObject({ include: ["/logs/*.log"], readFrom: "beginning", format: "none" });
  expect(Object.isFrozen(config.sources[0])).toBe(true);
});

test("all problems are told at once, with what was probably meant", () => {
  const text = `
colector: {}
positions: { commitIntervalMs: 0 }
sources:
  - { name: A b, include: /x, fromat: json }
  - { name: b, longLines: cut }`;
  expect(() => load(text, { STANDPIPE_TAIL_LOG_LEVL: "x" })).toThrow(
    expect.objectContaining({
      code: "config_invalid",
      message: expect.stringMatching(
        /LOG_LEVL is not one .*STANDPIPE_TAIL_LOG_LEVEL\?[\s\S]*commitIntervalMs must be a whole number[\s\S]*fromat is not a key: did you mean format\?[\s\S]*colector is not a key: did you mean collector\?/,
      ),
    }),
  );
});

test.each([
  ["sources: [{ name: a, include: logs/*.log }]", "patterns must begin with /"],
  [`${MINIMAL.slice(0, -2)}, format: regex }]`, "pattern goes with format: regex"],
  [`${MINIMAL.slice(0, -2)}, format: regex, pattern: "(?<a>" }]`, "can't be used"],
  [`${MINIMAL.slice(0, -2)}, format: regex, pattern: "(?<a>.)(?=b)" }]`, "look-ahead"],
  [`${MINIMAL.slice(0, -2)}, format: regex, pattern: "abc" }]`, "names no group"],
  [`${MINIMAL.slice(0, -2)}, multiline: {} }]`, "firstLine or preset"],
  [`${MINIMAL.slice(0, -2)}, time: { format: "%Q" } }]`, "%Q"],
  [`${MINIMAL.slice(0, -2)}, charset: klingon }]`, "klingon"],
  [`${MINIMAL.slice(0, -2)}, severity: { key: l, names: { x: worse } } }]`, "worse is none of"],
  [`${MINIMAL.slice(0, -2)}, keep: [{ pattern: "*" }] }]`, "can't be used"],
  ["sources: [{ name: a, include: /x }, { name: a, include: /y }]", "there twice"],
  ["sources: []", "must hold a source"],
  ["{}", "sources is needed"],
  ["[", "is not YAML"],
  [`collector: { requestBytesMax: 4MiB, inFlightBytesMax: 1MiB }\n${MINIMAL}`, "must not exceed"],
])("%p is refused: %s", (text, words) => {
  expect(() => load(text)).toThrow(words);
});
