/** The CLI against real collectors, running and stopped: what it shows and does, and what it says when it can't. */
import { expect, test } from "bun:test";
import { readdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type LocalFirehose, startLocalFirehose } from "../../../deploy/local/server.ts";
import { withFolder } from "../temporary.ts";
import { type Ended, runCli, runWords, spawnCli } from "./cli-process.ts";
import { type CollectorOptions, CollectorProcess, freePorts, type Settings } from "./collector-process.ts";
import { Sender } from "./sender.ts";

const LIMIT_MS = 120_000;

interface Parts {
  readonly collector: CollectorProcess;
  readonly firehose: LocalFirehose;
  readonly sender: Sender;
  readonly options: CollectorOptions;
  /** Runs a command against the collector. */
  readonly cli: (...words: string[]) => Promise<Ended>;
  readonly journal: string;
}

async function withCollector(settings: Settings, body: (parts: Parts) => Promise<void>): Promise<void> {
  await withFolder(async (directory) => {
    const streams = [{ name: "logs", mibPerSecond: 100 }];
    const firehose = await startLocalFirehose({ directory: join(directory, "objects"), port: 0, streams });
    try {
      const options = { directory, endpoint: firehose.url, ports: await freePorts(), settings };
      await using collector = await CollectorProcess.start(options);
      using sender = new Sender({ name: "a", port: options.ports.ingest, recordsPerRequest: 50, bodyBytes: 200 });
      const address = `127.0.0.1:${options.ports.control}`;
      const cli = (...words: string[]) => runWords([...words, "--address", address]);
      await body({ collector, firehose, sender, options, cli, journal: join(directory, "journal") });
    } finally {
      await firehose.stop();
    }
  });
}

const offline = (journal: string, ...words: string[]) => runWords([...words, "--journal", journal]);

/** One sentence, no stack. */
function expectSentence({ code, errors, out }: Ended, exitCode: number, ...parts: string[]): void {
  expect({ code, out }).toEqual({ code: exitCode, out: "" });
  expect(errors).toStartWith("standpipe: ");
  expect(errors.trim().split("\n").length).toBe(1);
  expect(errors).not.toMatch(/\n\s+at |Error:/);
  for (const part of parts) expect(errors).toContain(part);
}

test(
  "status, ledger, segments, routes, entries and configuration of a running collector are shown, to people and as JSON",
  async () => {
    await withCollector({}, async ({ collector, sender, cli, options }) => {
      for (let round = 0; round < 3; round++) await sender.send();
      await collector.until(({ routes: [{ ledger }] }) => ledger.delivered === 150);

      const status = await cli("status");
      expect(status).toMatchObject({ code: 0, errors: "" });
      expect(status.out).toMatch(/collector \w{8}: 150 log records accepted; journal .* of 10.0 GiB/);
      expect(status.out).toContain("nothing is lost, nothing needs anybody");
      // Not on a terminal: no colours.
      expect(status.out).not.toContain("\u001b");
      expect(JSON.parse((await cli("status", "--json")).out)).toMatchObject({ journal: { head: 150 } });
      const own = { STANDPIPE_ADMIN_GRPC_ADDRESS: `0.0.0.0:${options.ports.control}` };
      expect((await runWords(["status"], own)).code).toBe(0);

      const ledger = JSON.parse((await cli("ledger", "--json")).out);
      expect(ledger.routes).toEqual([expect.objectContaining({ accepted: "150", delivered: "150", balances: true })]);
      expect((await cli("ledger")).out).toMatch(/default +150 +150 +0 +0 +0 +0 +yes/);
      expect((await cli("segments")).out).toMatch(/FIRST.*\n +0 +150 .* active/);
      expect((await cli("route", "list")).out).toMatch(/default +logs +delivering +150/);
      expect(JSON.parse((await cli("config", "show")).out).firehose ?? "routes only").toBe("routes only");

      const ls = (await cli("ls", "--json", "--limit", "2")).out.trim().split("\n");
      expect(ls.map((line) => JSON.parse(line).first)).toEqual(["0", "50"]);
      const [line = ""] = (await cli("cat", "77", "--json")).out.split("\n");
      expect(JSON.parse(line)).toMatchObject({
        recordId: expect.stringMatching(/\/77$/),
        body: expect.stringMatching(/^a-77 /),
      });
      expect((await cli("cat", "--first", "10", "--end", "13")).out.trim().split("\n").length).toBe(3);
      expect((await cli("grep", "a-7[0-4] ", "--count")).out).toBe("5\n");
      expect((await cli("grep", "--fixed", "a-7[0")).code).toBe(1);
      expect((await cli("tail", "-n", "4")).out).toMatch(/^146 .* a-146 .*\n147 .*\n148 .*\n149 /);
      expect((await cli("top", "--frames", "2")).out).toMatch(/waiting +0 [\s\S]*may send/);
      expect((await cli("doctor")).out).toMatch(/ok +the journal is \d/);
      expect((await cli("quota", "--for", "1")).out).toMatch(/default +logs .* enough/);
    });
  },
  LIMIT_MS,
);

test(
  "tail -f shows what comes in, and ends at once and well with Ctrl-C",
  async () => {
    await withCollector({}, async ({ sender, options }) => {
      const words = ["tail", "-f", "--address", `127.0.0.1:${options.ports.control}`, "--json"];
      const child = spawnCli({ words });
      let out = "";
      const read = (async () => {
        for await (const chunk of child.stdout) out += new TextDecoder().decode(chunk);
      })();
      // Until it follows, it may miss what comes in.
      while (!out.includes("a-")) {
        await sender.send();
        await Bun.sleep(50);
      }
      await sender.send();
      const last = [...sender.acknowledged].at(-1) ?? "";
      while (!out.includes(`"${last} `)) await Bun.sleep(20);
      // As through `bun run`, which tells its program of a Ctrl-C that the terminal has told it of.
      for (let each = 0; each < 2; each++) child.kill("SIGINT");
      expect(await child.exited).toBe(0);
      await read;
      expect(await new Response(child.stderr).text()).toBe("");
    });
  },
  LIMIT_MS,
);

test(
  "quarantine and routes are worked with: nothing is discarded or replayed without its number",
  async () => {
    const settings = { firehose: { oversize: "quarantine" as const } };
    await withCollector(settings, async ({ collector, options, cli, journal, sender }) => {
      using large = new Sender({ name: "b", port: options.ports.ingest, recordsPerRequest: 2, bodyBytes: 1_023_990 });
      await sender.send();
      await large.send();
      await collector.until(({ routes: [{ ledger }] }) => ledger.quarantined === 2 && ledger.waiting === 0);
      const status = await cli("status");
      expect(status.code).toBe(1);
      expect(status.out).toContain("! route default has 2 log records in quarantine");
      expect((await cli("quarantine", "list", "default")).out).toMatch(/50 .* line_too_large +the line has \d+ bytes/);
      expect(JSON.parse((await cli("quarantine", "show", "default", "50")).out)).toMatchObject({
        ordinal: "50",
        reason: "line_too_large",
      });
      const file = join(options.directory, "out.jsonl");
      expect((await cli("quarantine", "export", "default", "--output", file)).out).toContain("2 log records written");
      expect((await readFile(file, "utf8")).trim().split("\n").length).toBe(2);
      expectSentence(await cli("quarantine", "export", "default", "--output", file), 2, "EEXIST");

      expect((await cli("quarantine", "requeue", "default", "--every")).out).toContain(
        "2 log records of route default are in the journal again",
      );
      await collector.until(({ routes: [{ ledger }] }) => ledger.quarantined === 4 && ledger.waiting === 0);
      expectSentence(
        await cli("quarantine", "discard", "default", "--every"),
        2,
        "2 log records of route default will be gone for good",
        "Nobody is there to ask: add --confirm 2",
      );
      expectSentence(
        await cli("quarantine", "discard", "default", "--every", "--confirm", "3"),
        1,
        "confirm exactly that number, not 3",
      );
      expect((await cli("quarantine", "discard", "default", "--every", "--confirm", "2")).out).toBe(
        "2 log records of route default are gone\n",
      );
      expectSentence(await cli("quarantine", "list", "nope"), 1, 'there is no route "nope": there are default');

      expect((await cli("route", "pause", "default")).out).toContain("is paused, also after a restart");
      expect((await cli("status")).out).toContain("! route default is paused, by");
      expectSentence(
        await cli("route", "seek", "default", "--to", "tail", "--confirm", "1"),
        1,
        "54 log records of route default would be delivered again",
      );
      expectSentence(
        await cli("route", "seek", "default", "--to", "tail"),
        2,
        "add --confirm 54, with the route paused,",
      );
      expect((await cli("route", "seek", "default", "--to", "tail", "--confirm", "54")).out).toContain(
        "the cursor of route default is at 0",
      );
      expect((await cli("route", "resume", "default")).code).toBe(0);
      await collector.until(({ routes: [{ ledger }] }) => ledger.waiting === 0);
      expect((await cli("ledger")).out).toMatch(/default +108 +100 +0 +8 +0 +54 +yes/);
      expect((await cli("route", "pause", "default")).code).toBe(0);
      const seek = ["route", "seek", "default", "--to", "10"];
      expectSentence(await cli(...seek, "--end", "10", "--confirm", "0"), 2, "--end 10 must be beyond that");
      expectSentence(await cli(...seek, "--end", "999", "--confirm", "989"), 1, "not at 999");
      expect((await cli(...seek, "--end", "14", "--confirm", "4")).out).toContain(
        "4 log records are delivered again; those from 14 on stay as they are",
      );
      expect((await cli("route", "resume", "default")).code).toBe(0);
      await collector.until(({ routes: [{ ledger }] }) => ledger.waiting === 0);
      expect((await cli("ledger")).out).toMatch(/default +112 +104 +0 +8 +0 +58 +yes/);
      expect((await cli("roll")).code).toBe(0);
      // Each time by a connection of its own, of which the admin port takes twenty a second.
      while (Number(JSON.parse((await cli("ledger", "--json")).out).tail) === 0) await Bun.sleep(200);
      expectSentence(
        await cli("route", "seek", "default", "--to", "0"),
        1,
        "can't go back to 0: the journal begins at 54",
        "--to tail",
      );
      expect((await cli("log-level", "debug")).out).toContain("it was info");
      expectSentence(await cli("log-level", "loud"), 1, "the level is one of");
      expect((await cli("drain", "--yes")).out).toContain("everything is delivered");
      expectSentence(await offline(journal, "fsck"), 2, "a collector has", "open: ask that one");
    });
  },
  LIMIT_MS,
);

test(
  "the folder of a stopped collector is read, checked and repaired, and a half-written segment is told",
  async () => {
    await withCollector({}, async ({ collector, sender, journal, options }) => {
      for (let round = 0; round < 5; round++) await sender.send();
      await collector.until(({ routes: [{ ledger }] }) => ledger.delivered === 250);
      // With a stop in order the cursor and the head are on disk.
      expect(await collector.end("SIGTERM")).toBe(0);
      expect((await offline(journal, "status")).out).toMatch(/default +250 +0 +0/);
      expect((await offline(journal, "ledger")).out).toMatch(/default +250 +250 +0 +0 +0 +0 +yes/);
      expect((await offline(journal, "grep", "a-249 ", "--count")).out).toBe("1\n");
      expect((await offline(journal, "cat", "13")).out).toMatch(/^13 .* a-13 /);
      expectSentence(
        await offline(journal, "cat", "9999"),
        1,
        "there is no log record 9999 to be read: the journal holds 0 to 249",
      );
      expect((await offline(journal, "tail", "-n", "2")).out).toMatch(/^248 .* a-248 .*\n249 .*\n$/);
      expectSentence(await offline(journal, "tail", "-f"), 2, "nothing comes into the journal of a stopped collector");
      expect((await offline(journal, "segments", "--json")).code).toBe(0);
      expect((await offline(journal, "quarantine", "list", "default")).out).toContain("0 log records in quarantine");
      expect(await offline(journal, "fsck")).toMatchObject({ code: 0, errors: "" });
      expect((await offline(journal, "fsck")).out).toStartWith("250 log records, 0 to 249, in 5 entries of 1 segment");
      // Broken off by Ctrl-C a part is not told as if it were all.
      const brokenOff = (...words: string[]) => runWords([...words, "--journal", journal], {}, AbortSignal.abort());
      expectSentence(await brokenOff("grep", "a-", "--count"), 130, "0 log records matched until then, and not all");
      expectSentence(await brokenOff("ls"), 130, "there may be more entries");
      const half = join(options.directory, "half");
      expectSentence(
        await runWords(["repair", journal, half], {}, AbortSignal.abort()),
        130,
        `1 of 1 segments were copied; ${half} is no journal: delete it`,
      );
      expectSentence(await offline(half, "fsck"), 2, "is no journal");
      expectSentence(
        await offline(journal, "quarantine", "list", "x"),
        1,
        "the journal knows no route x: it knows default",
      );

      const [segment = ""] = await readdir(join(journal, "segments"));
      const folder = join(journal, "segments", segment);
      const log = (await readdir(folder)).find((name) => name.endsWith(".log")) ?? "";
      const size = (await Bun.file(join(folder, log)).bytes()).length;
      await truncate(join(folder, log), size - 200);
      const torn = await offline(journal, "fsck");
      expect(torn.code).toBe(1);
      expect(torn.out).toMatch(/log records 200 to 249 can't be read/);
      const target = join(options.directory, "repaired");
      expect((await runWords(["repair", journal, target])).out).toContain("holds 4 entries");
      expectSentence(await runWords(["repair", journal, target]), 2, "is not empty");
      expect((await offline(target, "grep", "a-", "--count")).out).toBe("200\n");
    });
  },
  LIMIT_MS,
);

test(
  "what can't be asked is said in one sentence: addresses, tokens, old servers, other services, folders, words",
  async () => {
    await withFolder(async (directory) => {
      const tokens = join(directory, "tokens");
      await writeFile(tokens, "ann 0123456789abcdef\n");
      await writeFile(join(directory, "wrong"), "0123456789abcdeX\n");
      await writeFile(join(directory, "bad.yaml"), "firehose: { strem: logs }\n");
      const ports = await freePorts();
      const options = { directory, endpoint: "http://127.0.0.1:9", ports, settings: { admin: { tokens } } };
      await using collector = await CollectorProcess.start(options);
      const run = (...words: string[]) => runWords(words.map((word) => word.replace(/^@/, `${directory}/`)));
      const at = ["--address", `127.0.0.1:${ports.control}`];

      expectSentence(
        await run("status", "--address", "127.0.0.1:1"),
        2,
        "no collector answers at 127.0.0.1:1 (ECONNREFUSED)",
      );
      expectSentence(await run("status", "--address", "nonsense"), 2, "nonsense is no address: say host:port");
      expectSentence(await run("status", "--all", "--address", "nowhere.invalid:1"), 2, "stands for no address");
      expectSentence(await run("status", ...at), 2, "does not know you", "--token-file");
      expectSentence(
        await run("status", ...at, "--token-file", "@wrong"),
        2,
        "the token is none that this collector knows",
      );
      expectSentence(await run("status", ...at, "--token-file", "@gone"), 2, "/gone (ENOENT)");
      expect((await run("status", ...at, "--token-file", "@tokens")).code).toBe(0);
      expect((await run("status", "--all", ...at, "--token-file", "@tokens")).code).toBe(0);
      // Ingest speaks gRPC and has no admin service, as an older collector.
      expectSentence(
        await run("status", "--address", `127.0.0.1:${ports.ingest}`),
        2,
        "does not know this call: it is older",
      );
      expectSentence(await run("status", "--address", `127.0.0.1:${ports.admin}`, "--timeout", "5"), 2);
      expectSentence(await run("ls", "--journal", directory), 2, "is no journal: it has no folder meta/");
      expectSentence(await run("ls", "--journal", join(directory, "journal")), 2, "ask that one");
      expectSentence(await run("grep", "(", ...at), 2, "the pattern can't be read");
      expectSentence(await run("grep", "x", "--since", "yore", ...at), 2, "yore is no time");
      expectSentence(await run("cat", "x", ...at), 2, "x is no ordinal");
      expectSentence(await run("grep", "x", "--severity", "bad", ...at), 2, "bad is no severity");
      for (const words of [["statsu"], ["grep"], ["status", "--nope"], ["quarantine", "nope"]]) {
        const ended = await run(...words);
        expect({ words, code: ended.code, out: ended.out }).toEqual({ words, code: 2, out: "" });
        expect(ended.errors).not.toContain("    at ");
      }
      const checked = await run("config", "check", "@bad.yaml");
      expect(checked).toMatchObject({ code: 1, errors: "" });
      expect(checked.out).toContain("firehose.strem is not a key: did you mean stream?");
      await writeFile(join(directory, "good.yaml"), "firehose: { stream: logs }\n");
      expect(await run("config", "check", "@good.yaml")).toEqual({
        code: 0,
        out: `${directory}/good.yaml can be used\n`,
        errors: "",
      });
      for (const shell of ["bash", "zsh", "fish"]) expect((await run("completion", shell)).out).toContain("quarantine");
      expect((await run("verify", "--help")).out).toContain("--ledger");
      expect((await run("migrate", "--help")).out).toContain("Fluent Bit");
      expectSentence(await run("migrate", "@gone"), 2, "gone");
      await writeFile(join(directory, "old.conf"), "<source>\n@type tail\npath /applog/*.log\n</source>\n");
      const migrated = await run("migrate", "@old.conf", "--output", "@migrated", "--json");
      expect({ errors: migrated.errors, ...JSON.parse(migrated.out) }).toMatchObject({
        errors: "",
        agent: `${directory}/migrated/standpipe-tail.yaml`,
        findings: expect.arrayContaining([expect.objectContaining({ file: `${directory}/old.conf`, line: 1 })]),
      });
      // A process says and ends with the same.
      expectSentence(await runCli({ words: ["status", ...at] }), 2, "does not know you", "--token-file");
      expect(await collector.end("SIGTERM")).toBe(0);
    });
  },
  LIMIT_MS,
);
