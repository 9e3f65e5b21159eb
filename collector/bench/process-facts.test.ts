import { expect, test } from "bun:test";
import { parseCpuSeconds, parseField } from "./process-facts.ts";

test("CPU is user and system time, whatever the program calls itself", () => {
  const rest = "S 1 1 1 0 -1 4194560 900 0 0 0 250 75 9 9 20 0 1 0 100 1000 200";
  expect(parseCpuSeconds(`42 (bun) ${rest}`)).toBe(3.25);
  expect(parseCpuSeconds(`42 (a (b) 7 c) ${rest}`)).toBe(3.25);
  expect(() => parseCpuSeconds("42 (bun) S 1")).toThrow("no times");
});

test("fields are bytes, given in kB or plain, and a missing one is told", () => {
  const status = "VmPeak:\t  9000 kB\nVmHWM:\t     100 kB\nVmRSS:\t      50 kB\n";
  expect(parseField(status, "VmRSS")).toBe(51_200);
  expect(parseField("write_bytes: 4096\ncancelled_write_bytes: 1\n", "write_bytes")).toBe(4_096);
  expect(() => parseField(status, "RssAnon")).toThrow("RssAnon");
});
