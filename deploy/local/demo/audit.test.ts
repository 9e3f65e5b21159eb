import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { type Audit, audit } from "./audit.ts";

function line(recordId: string, name: string, number: number): string {
  return JSON.stringify({
    recordId,
    attributes: { "demo.number": number },
    resource: { attributes: { "service.instance.id": name } },
  });
}

async function auditOf(objects: string[][], sent: Record<string, number>): Promise<Audit> {
  const folder = mkdtempSync(join(tmpdir(), "standpipe-audit-"));
  try {
    const paths = objects.map((lines, index) => {
      const path = join(folder, String(index));
      writeFileSync(path, lines.map((each) => `${each}\n`).join(""));
      return path;
    });
    return await audit(paths, new Map(Object.entries(sent)));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("everything once is nothing lost and nothing twice, over any number of objects", async () => {
  const found = await auditOf([[line("c/0", "a", 0), line("c/1", "b", 0)], [line("c/2", "a", 1)]], { a: 2, b: 1 });
  expect(found).toMatchObject({ lines: 3, lost: 0, acceptedTwice: 0, foreign: 0, sentTwice: { count: 0 } });
});

test("objects of many gzip members or zstd frames are read to their end", async () => {
  const folder = mkdtempSync(join(tmpdir(), "standpipe-audit-"));
  try {
    const members = Array.from({ length: 3 }, (_, number) => Buffer.from(`${line(`c/${number}`, "a", number)}\n`));
    const paths = [join(folder, "1.jsonl.gz"), join(folder, "2.jsonl.zst")];
    writeFileSync(paths[0] ?? "", Buffer.concat(members.map((member) => gzipSync(member))));
    writeFileSync(paths[1] ?? "", Buffer.concat(members.map((member) => Bun.zstdCompressSync(member))));
    const lineBytes = 2 * Buffer.concat(members).length;
    const found = await audit(paths, new Map([["a", 3]]));
    expect(found).toMatchObject({ lines: 6, lineBytes, lost: 0, sentTwice: { count: 3 }, foreign: 0 });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("what is not there is lost", async () => {
  expect((await auditOf([[line("c/0", "a", 1)]], { a: 3, b: 1 })).lost).toBe(3);
});

test("one id twice was sent twice, and its ordinals are named; two ids for one log were accepted twice", async () => {
  const lines = [
    line("c/7", "a", 0),
    line("c/7", "a", 0),
    line("c/9", "a", 1),
    line("c/9", "a", 1),
    line("c/30", "a", 1),
  ];
  expect(await auditOf([lines], { a: 2 })).toMatchObject({
    lost: 0,
    sentTwice: { count: 2, firstOrdinal: 7n, lastOrdinal: 9n },
    acceptedTwice: 1,
  });
});

test("lines of somebody else, numbers out of range and torn lines are foreign", async () => {
  const lines = [line("c/0", "x", 0), line("c/1", "a", 5), "{", "{}", line("c/2", "a", 0)];
  expect(await auditOf([lines], { a: 1 })).toMatchObject({ lost: 0, foreign: 4 });
});
