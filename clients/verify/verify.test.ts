import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { runVerify } from "./command.ts";

const LEDGER = {
  collectorId: "abc",
  head: 100,
  cursor: 100,
  accepted: 100,
  delivered: 98,
  filtered: 1,
  quarantined: 1,
};

interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

class Place implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), "verify-"));
  readonly objects = join(this.directory, "objects");
  readonly state = join(this.directory, "state");

  constructor(ledger: Partial<typeof LEDGER> = {}) {
    mkdirSync(join(this.objects, "2026/11"), { recursive: true });
    this.writeLedger(ledger);
  }

  writeLedger(changes: Partial<typeof LEDGER>): void {
    const { collectorId, head, cursor, ...ledger } = { ...LEDGER, ...changes };
    const routes = [{ route: "default", cursor, ledger }];
    writeFileSync(join(this.directory, "ledger.json"), JSON.stringify({ journal: { collectorId, head }, routes }));
  }

  /** Lines of the ordinals [first, end), packed by the name's end. */
  put(name: string, first: number, end: number): void {
    const text = Buffer.from(linesOf(first, end));
    const packed = name.endsWith(".gz") ? gzipSync(text) : name.endsWith(".zst") ? zstdCompressSync(text) : text;
    writeFileSync(join(this.objects, name), packed, { flag: "a" });
  }

  async verify(...further: string[]): Promise<Run> {
    return await run("--from", this.objects, "--ledger", join(this.directory, "ledger.json"), ...further);
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function linesOf(first: number, end: number): string {
  return Array.from({ length: end - first }, (_, index) => `{"recordId":"abc/${first + index}","body":"x"}\n`).join("");
}

async function run(...words: string[]): Promise<Run> {
  let out = "";
  let err = "";
  const { signal } = new AbortController();
  const terminal = {
    out: (text: string) => {
      out += text;
    },
    err: (text: string) => {
      err += text;
    },
    isInteractive: false,
    signal,
  };
  return { code: await runVerify(words, terminal), out, err };
}

test("objects of all kinds that hold everything the ledger has as delivered prove it", async () => {
  using place = new Place();
  place.put("2026/11/a.gz", 0, 20);
  place.put("2026/11/a.gz", 20, 30); // a second member, as records are laid end to end
  place.put("2026/11/b.zst", 30, 40);
  place.put("2026/11/b.zst", 40, 60);
  place.put("c", 60, 98);
  const { code, out } = await place.verify();
  expect(out).toContain("3 objects, 98 lines read");
  expect(out).toContain("missing   2 below the cursor; 2 of them filtered or quarantined by the ledger, 0 lost\n");
  expect(out).toContain(
    "by count  the ledger knows how many were filtered or quarantined, not which: and none of these arrives",
  );
  expect(out).toContain("COMPLETE");
  expect(code).toBe(0);
});

test("what is missing is told with its ranges, and fails; doubles and foreigners are told, and do not", async () => {
  using place = new Place();
  place.put("a", 0, 40);
  place.put("b", 45, 100);
  place.put("c", 10, 12);
  writeFileSync(join(place.objects, "d"), '{"recordId":"other/1"}\nplain text\n');
  const { code, out } = await place.verify();
  expect(code).toBe(1);
  expect(out).toContain(
    "missing   5 below the cursor; 2 of them filtered or quarantined by the ledger, 3 lost\n            40-44\n",
  );
  expect(out).toContain("so which of these are the lost ones can't be told\n");
  expect(out).not.toContain("be with Firehose still");
  expect(out).toContain("doubled   2\n            10-11\n");
  expect(out).toContain("foreign: 1 line of collectors without a ledger here: other (1)");
  expect(out).toContain("without a record id: 1 line");
  const { judgements } = JSON.parse((await place.verify("--json")).out);
  expect(judgements[0]).toMatchObject({ lost: 3, missingRanges: [{ first: 40, end: 45 }] });
});

test("what comes after the last that arrived may be on its way: that is said, with what to do", async () => {
  using place = new Place();
  place.put("a", 0, 60);
  const { code, out } = await place.verify();
  expect(code).toBe(1);
  expect(out).toContain("MISSING: 38 log records");
  expect(out).toContain("be with Firehose still");
});

test("an object that is cut short counts as far as it goes, and fails", async () => {
  using place = new Place();
  place.put("a", 0, 50);
  const whole = gzipSync(Buffer.from(linesOf(50, 98)));
  writeFileSync(join(place.objects, "b.gz"), whole.subarray(0, whole.length - 9));
  const { code, out } = await place.verify();
  expect(code).toBe(1);
  expect(out).toMatch(/unreadable: 1 object; what was read of them counts\n {2}b.gz: /);
});

test("a run goes on from its state: what was read is not read again, and it comes to the same", async () => {
  using place = new Place();
  place.put("a", 0, 50);
  const first = await place.verify("--state", place.state);
  expect(first.code).toBe(1);
  // Were it read again, this would be seen.
  unlinkSync(join(place.objects, "a"));
  place.put("b", 50, 98);
  const second = await place.verify("--state", place.state);
  expect(second.out).toContain("2 objects, 98 lines read");
  expect(second.code).toBe(0);
  place.writeLedger({ head: 101 });
  const other = await place.verify("--state", place.state);
  expect(other.code).toBe(2);
  expect(other.err).toContain("belongs to other objects or another ledger");
});

test("mistakes are told in one sentence and exit with 2", async () => {
  using place = new Place();
  const ledger = join(place.directory, "ledger.json");
  writeFileSync(place.state, "no state");
  writeFileSync(join(place.objects, "a"), "no id\n");
  const runs: [string[], RegExp][] = [
    [[], /--from is needed/],
    [["--from", place.objects], /--ledger is needed/],
    [["--form", "x"], /Unknown option '--form'/],
    [["--from", place.objects, "--ledger", "/nowhere"], /can't read the ledger \/nowhere \(ENOENT\)/],
    [["--from", place.objects, "--ledger", place.objects], /is no journal/],
    [["--from", place.objects, "--ledger", "http://127.0.0.1:9"], /is a collector running there/],
    [["--from", "/nowhere", "--ledger", ledger], /can't read the folder \/nowhere \(ENOENT\)/],
    [["--from", "s3:", "--ledger", ledger], /must be s3:\/\/bucket/],
    [["--from", place.objects, "--ledger", ledger, "--route", "x"], /has no route x: there is default/],
    [["--from", place.objects, "--ledger", ledger, "--ledger", ledger], /names collector abc twice/],
    [["--from", place.objects, "--ledger", ledger, "--state", place.state], /is no state of this program/],
    [
      ["--from", place.objects, "--ledger", ledger, "--state", `${place.directory}/none/state`],
      /can't be written to .*ENOENT.*name a file/,
    ],
    [["--from", place.objects, "--ledger", ledger, "--ranges", "-1"], /--ranges/],
  ];
  for (const [words, expected] of runs) {
    const { code, err } = await run(...words);
    expect([words, code]).toEqual([words, 2]);
    expect(err).toMatch(expected);
    expect(err.trim().split("\n")).toHaveLength(1);
  }
  const { code, out } = await place.verify();
  expect(code).toBe(2);
  expect(out).toContain("No line has a record id");
});

test("S3 is listed page by page and read object by object, whatever the endpoint", async () => {
  using place = new Place();
  const objects = new Map([0, 1, 2, 3, 4, 5, 6].map((n) => [`logs/${n}`, linesOf(n * 14, (n + 1) * 14)]));
  const keys = [...objects.keys()];
  await using server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => {
      const url = new URL(request.url);
      if (url.searchParams.get("list-type") !== "2") {
        return new Response(objects.get(decodeURIComponent(url.pathname).replace("/bucket/", "")));
      }
      const from = Number(url.searchParams.get("continuation-token") ?? 0);
      const page = keys.slice(from, from + 3);
      const next = from + 3 < keys.length;
      const contents = page
        .map((key) => `<Contents><Key>${key}</Key><Size>9</Size><ETag>"e"</ETag></Contents>`)
        .join("");
      const more = next ? `<NextContinuationToken>${from + 3}</NextContinuationToken>` : "";
      return new Response(
        `<?xml version="1.0"?><ListBucketResult><IsTruncated>${next}</IsTruncated>${contents}${more}</ListBucketResult>`,
        { headers: { "content-type": "application/xml" } },
      );
    },
  });
  process.env.AWS_ACCESS_KEY_ID ??= "test";
  process.env.AWS_SECRET_ACCESS_KEY ??= "test";
  const ledger = join(place.directory, "ledger.json");
  const endpoint = ["--endpoint", `http://127.0.0.1:${server.port}`, "--region", "us-east-1"];
  const { code, out, err } = await run("--from", "s3://bucket/logs/", "--ledger", ledger, ...endpoint);
  expect(err).toBe("");
  expect(out).toContain("7 objects, 98 lines read");
  expect(code).toBe(0);
});
