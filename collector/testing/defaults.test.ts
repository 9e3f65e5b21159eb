import { expect, test } from "bun:test";
import { tailConfigKeys } from "../../clients/tail/config.ts";
import { configKeys } from "../config/config.ts";

test("a collector and an agent with nothing configured run on one machine: they listen on ports of their own", () => {
  const keys = [...configKeys(), ...tailConfigKeys()].filter(({ key }) => /address$/i.test(key));
  const addresses = keys.flatMap(({ fallback }) => (typeof fallback === "string" ? [fallback] : []));
  expect(addresses.length).toBe(5);
  expect(new Set(addresses).size).toBe(addresses.length);
});
