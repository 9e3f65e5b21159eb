import { expect, test } from "bun:test";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withLogs } from "../testing/folder.ts";
import { grownHead, headOf, tailOf, tailWithin } from "./identity.ts";

test("of a file of which no more was taken the same is known as before, though it holds something else by now", async () => {
  await withLogs(async (_, logs) => {
    const path = join(logs, "a.log");
    writeFileSync(path, "one line\nhalf a");
    const file = openSync(path, "r");
    const [head, tail] = [headOf(file, 9), tailOf(file, 9)];
    writeFileSync(path, "other words\nand more");
    expect(tailWithin(file, tail, new Uint8Array(0), 9)).toEqual(tail);
    expect(grownHead(file, head, new Uint8Array(0), 9)).toEqual(head);
    closeSync(file);
  });
});
