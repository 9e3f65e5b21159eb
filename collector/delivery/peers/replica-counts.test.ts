import { expect, test } from "bun:test";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withFolder } from "../../testing/temporary.ts";
import { ReplicaCounts } from "./replica-counts.ts";

test("what was known is known after a restart, and nothing else is left behind", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "replicas");
    const counts = new ReplicaCounts(path);
    expect(counts.get("all")).toBe(1);
    counts.set("all", 3);
    counts.set("errors", 2);
    counts.set("all", 4);
    const again = new ReplicaCounts(path);
    expect(["all", "errors", "other"].map((route) => again.get(route))).toEqual([4, 2, 1]);
    expect(readdirSync(folder)).toEqual(["replicas"]);
  });
});

test("a file that is torn, or holds what can't be, is nothing known", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "replicas");
    for (const text of ["", "{", "[]", "null", '{"all":0}', '{"all":1e9}', '{"all":"3"}', '{"all":2.5}']) {
      writeFileSync(path, text);
      expect(new ReplicaCounts(path).get("all")).toBe(1);
    }
  });
});

test("where it can't be written, what was learnt holds for this run", () => {
  const counts = new ReplicaCounts("/nowhere/at/all/replicas");
  counts.set("all", 3);
  expect(counts.get("all")).toBe(3);
});
