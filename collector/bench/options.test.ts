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
  const one = { name: "[::1]:4317", address: "[::1]:4317", pid: undefined };
  expect(parseOptions(["--target", "[::1]:4317"])).toMatchObject({ kind: "target", targets: [one] });
  const words = ["--target", "ours=localhost:4317", "--pid", "12", "--target", "theirs=10.0.0.1:4317", "--pid", "3"];
  expect(parseOptions(words)).toMatchObject({
    targets: [
      { name: "ours", address: "localhost:4317", pid: 12 },
      { name: "theirs", address: "10.0.0.1:4317", pid: 3 },
    ],
  });
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
    ["--target", "a=localhost:4317", "--target", "a=localhost:4318"],
    ["--target", "localhost:4317", "--target", "localhost:4318", "--pid", "1"],
    ["--target", "localhost:4317", "--pid", "me"],
    ["--pid", "1"],
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
  for (const word of ["--long", "--only", "--target", "--pid", "--json", "--help"]) expect(HELP).toContain(word);
});
