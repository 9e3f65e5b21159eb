import { expect, test } from "bun:test";
import { HELP, parseOptions } from "./options.ts";

test("without words, all that fits into a few minutes is measured", () => {
  const json = "bench-out/bench.json";
  expect(parseOptions([])).toEqual({
    kind: "bench",
    scenarios: ["ingest", "delivery", "latency", "watched", "shares", "client", "tail"],
    json,
  });
  expect(parseOptions(["--long"])).toMatchObject({
    scenarios: ["ingest", "delivery", "latency", "watched", "shares", "client", "backlog", "tail"],
  });
});

test("parts are chosen by name, and run in their own order", () => {
  expect(parseOptions(["--only", "latency", "--only", "ingest"])).toMatchObject({ scenarios: ["ingest", "latency"] });
  expect(parseOptions(["--only", "backlog", "--json", "x.json"])).toMatchObject({
    scenarios: ["backlog"],
    json: "x.json",
  });
});

test("a target gets the load alone", () => {
  expect(parseOptions(["--target", "[::1]:4317"])).toMatchObject({ kind: "target", target: "[::1]:4317" });
});

test("words that mean nothing are told in one sentence", () => {
  const wrong = [
    ["--fast"],
    ["ingest"],
    ["--only", "speed"],
    ["--only"],
    ["--json", ""],
    ["--target", "localhost"],
    ["--target", "http://localhost:4317"],
    ["--target", "localhost:70000"],
    ["--target", "localhost:4317", "--only", "ingest"],
  ];
  for (const words of wrong) {
    let message = "";
    try {
      parseOptions(words);
    } catch (reason) {
      message = (reason as Error).message;
    }
    expect([words, message]).toEqual([words, expect.stringMatching(/^[^\n]+\.$/)]);
  }
});

test("help names every option", () => {
  expect(parseOptions(["--help"])).toEqual({ kind: "help" });
  for (const word of ["--long", "--only", "--target", "--json", "--help"]) expect(HELP).toContain(word);
});
