/** The admin service of a real collector: what it shows, what it changes, and that each change is logged with who. */
import { expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { type LocalFirehose, startLocalFirehose } from "../../../deploy/local/server.ts";
import type { Entry__Output } from "../../../proto/gen/standpipe/admin/v1/Entry.ts";
import type { GetLedgerResponse__Output } from "../../../proto/gen/standpipe/admin/v1/GetLedgerResponse.ts";
import type { ListQuarantineResponse__Output } from "../../../proto/gen/standpipe/admin/v1/ListQuarantineResponse.ts";
import type { ListSegmentsResponse__Output } from "../../../proto/gen/standpipe/admin/v1/ListSegmentsResponse.ts";
import type { ListStreamsResponse__Output } from "../../../proto/gen/standpipe/admin/v1/ListStreamsResponse.ts";
import type { SeekRouteResponse__Output } from "../../../proto/gen/standpipe/admin/v1/SeekRouteResponse.ts";
import { AdminTestClient } from "../admin-client.ts";
import { withFolder } from "../temporary.ts";
import { type CollectorOptions, CollectorProcess, freePorts, type Settings } from "./collector-process.ts";
import { Sender } from "./sender.ts";

const LIMIT_MS = 60_000;

interface Parts {
  readonly collector: CollectorProcess;
  readonly firehose: LocalFirehose;
  readonly sender: Sender;
  readonly admin: AdminTestClient;
  readonly options: CollectorOptions;
}

async function withCollector(settings: Settings, body: (parts: Parts) => Promise<void>): Promise<void> {
  await withFolder(async (directory) => {
    const streams = [{ name: "logs", mibPerSecond: 100 }];
    const firehose = await startLocalFirehose({ directory: join(directory, "objects"), port: 0, streams });
    try {
      const options = { directory, endpoint: firehose.url, ports: await freePorts(), settings };
      await using collector = await CollectorProcess.start(options);
      using sender = new Sender({ name: "a", port: options.ports.ingest, recordsPerRequest: 50, bodyBytes: 200 });
      using admin = new AdminTestClient(options.ports.control, { "standpipe-user": "ann@desk" });
      await body({ collector, firehose, sender, admin, options });
    } finally {
      await firehose.stop();
    }
  });
}

const ledgerOf = async (admin: AdminTestClient) => {
  const { routes = [] } = await admin.call<GetLedgerResponse__Output>("GetLedger");
  const [{ accepted, delivered, waiting, quarantined, filtered, replayed, cursor } = {}] = routes;
  const numbers = { accepted, delivered, waiting, quarantined, filtered, replayed, cursor };
  return Object.fromEntries(Object.entries(numbers).map(([key, value]) => [key, Number(value)]));
};

const failureOf = async (call: Promise<unknown>) => {
  const failure = (await call.catch((reason: unknown) => reason)) as { code: number; details: string };
  return { code: failure.code, details: failure.details };
};

test(
  "status, ledger, segments, streams and configuration are told, and entries are read and followed",
  async () => {
    await withCollector({}, async ({ collector, sender, admin, options }) => {
      for (let round = 0; round < 4; round++) await sender.send();
      await collector.until(({ routes: [{ ledger }] }) => ledger.delivered === 200);
      expect(await ledgerOf(admin)).toMatchObject({ accepted: 200, delivered: 200, waiting: 0, replayed: 0 });

      const { json } = await admin.call<{ json: string }>("GetStatus");
      expect(JSON.parse(json)).toMatchObject({ journal: { head: 200 } });
      const { segments = [] } = await admin.call<ListSegmentsResponse__Output>("ListSegments");
      expect(segments).toEqual([expect.objectContaining({ first: "0", end: "200", state: "active", neededBy: [] })]);
      const { streams = [] } = await admin.call<ListStreamsResponse__Output>("ListStreams");
      expect(streams[0]).toMatchObject({ route: "default", stream: "logs", state: "delivering", pausedBy: "" });
      const config = JSON.parse((await admin.call<{ json: string }>("GetConfig")).json);
      expect(config.admin.grpcAddress).toBe(`127.0.0.1:${options.ports.control}`);

      const entries = await admin.all<Entry__Output>("ListEntries");
      expect(entries.map(({ first, end }) => [first, end])).toEqual(
        [0, 50, 100, 150].map((at) => [`${at}`, `${at + 50}`]),
      );
      expect(entries[0]?.request?.toString()).toContain("a-0 ");
      const later = { first: 120, end: 160, withoutRequest: true };
      expect((await admin.all<Entry__Output>("ListEntries", later)).map(({ first }) => first)).toEqual(["100", "150"]);
      expect(await admin.all("ListEntries", { sinceMs: Date.now() + 60_000 })).toEqual([]);
      expect(await admin.call<Entry__Output>("ReadEntry", { ordinal: 77 })).toMatchObject({ first: "50", end: "100" });
      expect(await failureOf(admin.call("ReadEntry", { ordinal: 200 }))).toEqual({
        code: status.NOT_FOUND,
        details: "there is no log record 200: the journal holds those from 0 on, and below 200",
      });

      const followed: string[] = [];
      const following = admin.stream<{ entry?: Entry__Output }>("FollowEntries", { back: 50 });
      const ended = (async () => {
        for await (const { entry } of following) if (followed.push(entry?.first ?? "") === 2) break;
      })();
      await sender.send();
      await ended;
      expect(followed).toEqual(["150", "200"]);
    });
  },
  LIMIT_MS,
);

test(
  "a paused route stands still over a restart; set back and resumed it delivers again, and the ledger balances",
  async () => {
    await withCollector({}, async ({ collector, sender, admin, options }) => {
      await sender.send();
      await collector.until(({ routes: [{ ledger }] }) => ledger.delivered === 50);
      const route = "default";
      expect(await failureOf(admin.call("SeekRoute", { route, to: 20, confirmed: 30 }))).toEqual({
        code: status.FAILED_PRECONDITION,
        details: "pause route default first, so that its cursor stands still",
      });
      await admin.call("PauseRoute", { route });
      await sender.send();
      const acknowledgedAtMs = Date.now();
      expect(await collector.end("SIGKILL")).toBeNull();

      await using second = await CollectorProcess.start(options);
      await second.said("route default is paused and delivers nothing");
      // How long the oldest has waited is known over the restart.
      for (let isKnown = false; !isKnown; ) {
        const leastMs = Date.now() - acknowledgedAtMs;
        const { routes } = await second.status();
        isKnown = routes[0].pace.backlogAgeMs >= leastMs;
      }
      expect(await ledgerOf(admin)).toMatchObject({ accepted: 100, delivered: 50, waiting: 50 });
      const { streams = [] } = await admin.call<ListStreamsResponse__Output>("ListStreams");
      expect(streams[0]).toMatchObject({ state: "paused", pausedBy: expect.stringContaining("says to be ann@desk") });

      expect((await failureOf(admin.call("SeekRoute", { route, to: 20, confirmed: 29 }))).details).toBe(
        "30 log records of route default would be delivered again: confirm exactly that number, not 29",
      );
      expect((await failureOf(admin.call("SeekRoute", { route, to: 60, confirmed: 0 }))).code).toBe(
        status.FAILED_PRECONDITION,
      );
      const sought = await admin.call<SeekRouteResponse__Output>("SeekRoute", { route, to: 20, confirmed: 30 });
      expect(sought).toEqual({ cursor: "20", replayed: "30" });
      await second.said("cursor of route default set back from 50 to 20: 30 log records are delivered again");
      await second.said(/"by":"[^"]*127\.0\.0\.1:\d+, who says to be ann@desk"/);

      await admin.call("ResumeRoute", { route });
      await second.until(({ routes: [{ ledger }] }) => ledger.waiting === 0);
      expect(await ledgerOf(admin)).toEqual({
        ...{ accepted: 130, delivered: 130, filtered: 0, quarantined: 0, waiting: 0, replayed: 30, cursor: 100 },
      });

      await sender.send();
      await second.until(({ routes: [{ ledger }] }) => ledger.delivered === 180);
      await admin.call("PauseRoute", { route });
      const range = { route, to: 120, end: 130, confirmed: 10 };
      expect((await failureOf(admin.call("SeekRoute", { ...range, end: 151, confirmed: 31 }))).details).toContain(
        "not at 151",
      );
      expect(await admin.call<SeekRouteResponse__Output>("SeekRoute", range)).toEqual({
        cursor: "120",
        replayed: "10",
      });
      await second.said("10 log records are delivered again, as doubles; those from 130 on stay as they are");
      // Killed before anything of it is delivered: the range is as it was.
      expect(await second.end("SIGKILL")).toBeNull();
      await using third = await CollectorProcess.start(options);
      expect(await ledgerOf(admin)).toMatchObject({ accepted: 190, delivered: 180, waiting: 10, cursor: 120 });
      await admin.call("ResumeRoute", { route });
      await third.until(({ routes: [{ ledger }] }) => ledger.waiting === 0);
      expect(await ledgerOf(admin)).toEqual({
        ...{ accepted: 190, delivered: 190, filtered: 0, quarantined: 0, waiting: 0, replayed: 40, cursor: 150 },
      });
    });
  },
  LIMIT_MS,
);

test(
  "what is in quarantine is listed, exported, sent again mended, and discarded only when its number is known",
  async () => {
    const settings = { firehose: { oversize: "quarantine" as const } };
    await withCollector(settings, async ({ collector, options, admin, sender }) => {
      using large = new Sender({ name: "b", port: options.ports.ingest, recordsPerRequest: 3, bodyBytes: 1_023_990 });
      await sender.send();
      await large.send();
      await collector.until(({ routes: [{ ledger }] }) => ledger.quarantined === 3 && ledger.waiting === 0);
      const route = "default";
      const list = await admin.call<ListQuarantineResponse__Output>("ListQuarantine", { route });
      expect(list).toMatchObject({ entries: "3" });
      expect(list.records?.map(({ ordinal, reason }) => [ordinal, reason])).toEqual(
        ["50", "51", "52"].map((ordinal) => [ordinal, "line_too_large"]),
      );
      const lines = await admin.all<{ line: string }>("ExportQuarantine", { route });
      expect(lines.map(({ line }) => JSON.parse(line).ordinal)).toEqual(["50", "51", "52"]);

      const [small] = await admin.all<Entry__Output>("ListEntries", { end: 1 });
      const two = small?.request as Buffer;
      expect((await failureOf(admin.call("RequeueQuarantine", { route, ordinals: [50], mended: two }))).details).toBe(
        "a mended request holds one log record, and not 50",
      );
      const mended = (await admin.call<{ request: Buffer }>("ReadQuarantine", { route, ordinal: 50 })).request;
      const shortened = Buffer.from([0x0a, 0x06, 0x12, 0x04, 0x12, 0x02, 0x10, 0x09]);
      expect(mended.length).toBeGreaterThan(1_000_000);
      const requeued = await admin.call("RequeueQuarantine", { route, ordinals: [50], mended: shortened });
      expect(requeued).toEqual({ requeued: [{ ordinal: "50", newOrdinal: "53" }] });
      await collector.until(({ routes: [{ ledger }] }) => ledger.delivered === 51);

      expect((await failureOf(admin.call("DiscardQuarantine", { route, confirmed: 3 }))).details).toBe(
        "2 log records of route default would be gone for good: confirm exactly that number, not 3",
      );
      expect(await admin.call("DiscardQuarantine", { route, ordinals: [51], confirmed: 1 })).toEqual({
        discarded: "1",
      });
      expect(await admin.call("DiscardQuarantine", { route, confirmed: 1 })).toEqual({ discarded: "1" });
      expect(await ledgerOf(admin)).toMatchObject({ accepted: 54, delivered: 51, quarantined: 3, waiting: 0 });
      await collector.said("1 log records of route default discarded from quarantine, for good");
      expect((await failureOf(admin.call("ReadQuarantine", { route, ordinal: 51 }))).code).toBe(status.NOT_FOUND);
      expect((await failureOf(admin.call("ListQuarantine", { route: "x" }))).details).toBe(
        'there is no route "x": there are default',
      );
    });
  },
  LIMIT_MS,
);

test(
  "a drain takes no more logs and tells until nothing waits; a roll ends the segment; the log level changes",
  async () => {
    await withCollector({}, async ({ collector, sender, admin, options }) => {
      await sender.send();
      await admin.call("RollSegment");
      await sender.send();
      const { segments = [] } = await admin.call<ListSegmentsResponse__Output>("ListSegments");
      expect(segments.at(-1)).toMatchObject({ first: "50", end: "100", state: "active" });

      expect(await admin.call("SetLogLevel", { level: "debug" })).toEqual({ before: "info" });
      expect((await failureOf(admin.call("SetLogLevel", { level: "loud" }))).code).toBe(status.INVALID_ARGUMENT);

      const progress = await admin.all<{ waiting: string; stuck: string }>("Drain");
      expect(progress.at(-1)).toEqual({ waiting: "0", stuck: "0" });
      const ready = await fetch(`http://127.0.0.1:${options.ports.admin}/readyz`);
      expect({ code: ready.status, words: await ready.text() }).toEqual({ code: 503, words: "draining\n" });
      using late = new Sender({ name: "late", port: options.ports.ingest });
      const sent = late.send();
      while (late.failures.length === 0) await Bun.sleep(20);
      expect(late.failures[0]?.code).toBe(status.UNAVAILABLE);
      expect(await collector.end("SIGTERM")).toBe(0);
      expect(collector.waitingAtEnd).toBe(0);
      await using again = await CollectorProcess.start(options);
      await sent;
      expect((await again.status()).journal.head).toBe(120);
    });
  },
  LIMIT_MS,
);

test(
  "with tokens, who has none and who has a wrong one is refused in words, and who has one is named in the log",
  async () => {
    await withFolder(async (directory) => {
      const tokens = join(directory, "tokens");
      await writeFile(tokens, "ann 0123456789abcdef\n");
      const options = {
        ...{ directory, endpoint: "http://127.0.0.1:9", ports: await freePorts() },
        settings: { admin: { tokens } },
      };
      await using collector = await CollectorProcess.start(options);
      using nobody = new AdminTestClient(options.ports.control);
      expect(await failureOf(nobody.call("GetStatus"))).toMatchObject({ code: status.UNAUTHENTICATED });
      using wrong = new AdminTestClient(options.ports.control, { authorization: "Bearer wrong-wrong-wrong-wrong" });
      expect((await failureOf(wrong.all("Drain"))).code).toBe(status.UNAUTHENTICATED);
      using ann = new AdminTestClient(options.ports.control, { authorization: "Bearer 0123456789abcdef" });
      await ann.call("RollSegment");
      await collector.said('"by":"ann (by token)"');
    });
  },
  LIMIT_MS,
);
