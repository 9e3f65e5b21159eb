/** Routes with filters, shapes and redaction on the real process: what reaches the objects, and what the ledgers say. */
import { expect, test } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { startLocalFirehose } from "../../../deploy/local/server.ts";
import { withFolder } from "../temporary.ts";
import { CollectorProcess, freePorts, type LedgerView } from "./collector-process.ts";
import { Sender } from "./sender.ts";

const LIMIT_MS = 60_000;
const REQUESTS = 60;
const RECORDS_PER_REQUEST = 50;
const RECORDS = REQUESTS * RECORDS_PER_REQUEST;

// Bodies begin with their key: app-0, app-1, ...
const CONFIGURATION = `
routes:
  - name: even
    stream: even
    filter: body =~ /^app-[0-9]*[02468] /
    shape: body
  - name: rare
    stream: rare
    filter: body =~ /^app-([0-9]*00|0) /
    compression: gzip
    shape: { fields: [{ name: log, from: body }], escapeUnicode: true }
    redact: { mask: [{ pattern: "^app", with: "#" }] }
  - name: none
    stream: none
    filter: resource.service.name = "other"
`;

test(
  "each route delivers what its filter lets through, once, in its own shape, and its ledger adds up, across a kill",
  async () => {
    await withFolder(async (directory) => {
      const streams = ["even", "rare", "none"].map((name) => ({ name, mibPerSecond: 100 }));
      const firehose = await startLocalFirehose({ directory: join(directory, "objects"), port: 0, streams });
      await writeFile(join(directory, "standpipe.yaml"), CONFIGURATION);
      const options = { directory, endpoint: firehose.url, ports: await freePorts() };
      try {
        let collector = await CollectorProcess.start(options);
        using sender = new Sender({ name: "app", port: options.ports.ingest, recordsPerRequest: RECORDS_PER_REQUEST });
        for (let count = 0; count < REQUESTS / 2; count++) await sender.send();
        collector.kill("SIGKILL");
        await collector.exited;
        collector = await CollectorProcess.start(options);
        await using running = collector;
        for (let count = 0; count < REQUESTS / 2; count++) await sender.send();
        const status = await running.until(({ routes }) => routes.every(({ ledger }) => ledger.waiting === 0));

        const ledgers = new Map<string, LedgerView>();
        for (const each of status.routes as unknown as { route: string; ledger: LedgerView }[]) {
          ledgers.set(each.route, each.ledger);
        }
        const settled = { accepted: RECORDS, waiting: 0, quarantined: 0 };
        expect(ledgers.get("even")).toMatchObject({ ...settled, delivered: RECORDS / 2, filtered: RECORDS / 2 });
        expect(ledgers.get("rare")).toMatchObject({ ...settled, delivered: RECORDS / 100, filtered: RECORDS * 0.99 });
        expect(ledgers.get("none")).toMatchObject({ ...settled, delivered: 0, filtered: RECORDS });

        await firehose.flush();
        const all = await firehose.objects();
        const objectsOf = (stream: string): typeof all => all.filter(({ path }) => path.includes(`/${stream}-`));
        const linesOf = async (stream: string): Promise<Set<string>> => {
          const contents = await Promise.all(objectsOf(stream).map(({ path }) => readFile(path)));
          const whole = contents.map((bytes) => (stream === "rare" ? gunzipSync(bytes) : bytes).toString());
          return new Set(whole.join("").trimEnd().split("\n"));
        };
        // A kill may double what was in flight, and loses nothing.
        const keys = Array.from({ length: RECORDS }, (_, index) => index);
        const even = [...(await linesOf("even"))].map((line) => Number(/^app-(\d+) /.exec(line)?.[1]));
        expect(even.toSorted((a, b) => a - b)).toEqual(keys.filter((key) => key % 2 === 0));
        const rare = [...(await linesOf("rare"))].map((line) => Number(/^\{"log":"#-(\d+) /.exec(line)?.[1]));
        expect(rare.toSorted((a, b) => a - b)).toEqual(keys.filter((key) => key % 100 === 0));
        expect(objectsOf("none")).toEqual([]);
      } finally {
        await firehose.stop();
      }
    });
  },
  LIMIT_MS,
);
