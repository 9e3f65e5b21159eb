import { expect, test } from "bun:test";
import { type BalanceCheck, checkBalance } from "./balance.ts";
import { statusSample } from "./samples.ts";

function imbalanceOf(check: BalanceCheck, status: Parameters<typeof checkBalance>[0], headAtStart = 0n): bigint {
  return checkBalance(status, headAtStart).find((each) => each.check === check)?.imbalance ?? -1n;
}

test("a collector whose figures agree is in balance", () => {
  expect(checkBalance(statusSample(), 0n).map(({ imbalance }) => imbalance)).toEqual([0n, 0n, 0n]);
});

test("a count that does not fit the open ranges shows, whichever of the two is wrong", () => {
  const status = statusSample();
  const [route] = status.routes;
  const less = { ...route, openLogRecords: route.openLogRecords - 3n };
  expect(imbalanceOf("settled", { ...status, routes: [less] })).toBe(3n);
  const doubled = { ...route, ledger: { ...route.ledger, delivered: route.ledger.delivered + 2n } };
  expect(imbalanceOf("settled", { ...status, routes: [doubled] })).toBe(-2n);
});

test("log records that were acknowledged and are not on the number line show", () => {
  const status = statusSample();
  const head = BigInt(status.ingest.acknowledgedRecords);
  expect(imbalanceOf("acknowledged", { ...status, journal: { ...status.journal, head } }, 10n)).toBe(10n);
});

test("what was deleted before a route had finished with it shows", () => {
  const status = statusSample();
  const journal = { ...status.journal, tail: status.routes[0].cursor + 7n };
  expect(imbalanceOf("reclaimed", { ...status, journal })).toBe(7n);
});
