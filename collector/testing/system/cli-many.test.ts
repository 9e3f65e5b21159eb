/** The CLI before several collectors at once, and at a terminal: what it asks, and how a question is broken off. */
import { expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type LocalFirehose, startLocalFirehose } from "../../../deploy/local/server.ts";
import { withFolder } from "../temporary.ts";
import { runWords, spawnCli } from "./cli-process.ts";
import { CollectorProcess, freePorts, type Settings } from "./collector-process.ts";
import { Sender } from "./sender.ts";

const LIMIT_MS = 120_000;
const MAIN = join(import.meta.dir, "../../../clients/cli/main.ts");

interface Pair {
  readonly collectors: readonly CollectorProcess[];
  readonly senders: readonly Sender[];
  /** Of each. */
  readonly addresses: readonly string[];
}

/** Two collectors, "a" and "b", that deliver to one stream. */
async function withPair(body: (pair: Pair) => Promise<void>, settings: Settings = {}): Promise<void> {
  await withFolder(async (directory) => {
    const streams = [{ name: "logs", mibPerSecond: 100 }];
    await using firehose: LocalFirehose & AsyncDisposable = disposable(
      await startLocalFirehose({ directory: join(directory, "objects"), port: 0, streams }),
    );
    const start = async (name: string) => {
      const own = join(directory, name);
      await mkdir(own);
      const ports = await freePorts();
      return {
        ports,
        collector: await CollectorProcess.start({ directory: own, endpoint: firehose.url, ports, settings }),
      };
    };
    const one = await start("a");
    await using first = one.collector;
    const two = await start("b");
    await using second = two.collector;
    using a = new Sender({ name: "a", port: one.ports.ingest, recordsPerRequest: 50 });
    using b = new Sender({ name: "b", port: two.ports.ingest, recordsPerRequest: 50 });
    const addresses = [one, two].map(({ ports }) => `127.0.0.1:${ports.control}`);
    await body({ collectors: [first, second], senders: [a, b], addresses });
  });
}

function disposable(firehose: LocalFirehose): LocalFirehose & AsyncDisposable {
  return Object.assign(firehose, { [Symbol.asyncDispose]: () => firehose.stop() });
}

/** The values of JSON that follow each other. */
function values(text: string): Record<string, unknown>[] {
  return text
    .split(/(?<=^[}\]])\n(?=[{[])|(?<=\})\n(?=\{)/m)
    .filter((each) => each.trim() !== "")
    .map((each) => JSON.parse(each));
}

test(
  "several collectors are asked at once, their JSON says who is who, and one that has a match is enough",
  async () => {
    await withPair(async ({ collectors, senders: [a, b], addresses }) => {
      await a?.send();
      await b?.send();
      await b?.send();
      for (const [index, count] of [50, 100].entries())
        await collectors[index]?.until(({ routes: [{ ledger }] }) => ledger.delivered === count);
      const cli = (...words: string[]) => runWords([...words, "--address", addresses.join(",")]);

      expect((await cli("status")).out).toMatch(
        /^== 127.0.0.1:\d+\n[\s\S]*: 50 log [\s\S]*\n== 127.0.0.1:\d+\n[\s\S]*: 100 log /,
      );
      for (const words of [
        ["status"],
        ["ledger"],
        ["segments"],
        ["ls", "--limit", "1"],
        ["doctor"],
        ["route", "list"],
        ["config", "show"],
        ["grep", "--count", "-"],
        ["quarantine", "list", "default"],
        ["log-level", "info"],
      ]) {
        const { code, out, errors } = await cli(...words, "--json");
        const named = values(out).map(({ address }) => address);
        expect({ words, code, errors, named }).toEqual({ words, code: 0, errors: "", named: [...addresses] });
      }

      expect((await cli("grep", " a-7|b-99 ", "--count")).code).toBe(0);
      expect(await cli("grep", "b-99 ", "--count", "--json")).toMatchObject({ code: 0 });
      expect((await cli("grep", "neither")).code).toBe(1);
      expect((await cli("cat", "99")).code).toBe(0);
      expect(await cli("cat", "100")).toMatchObject({ code: 1, errors: expect.stringContaining("no log record 100") });

      // What each replica needs of the one stream is what the stream must take.
      const quota = await cli("quota", "--for", "1", "--json");
      expect(values(quota.out).flat()).toEqual([expect.objectContaining({ route: "default", collectors: 2 })]);
      expect(await cli("route", "seek", "default", "--to", "0")).toMatchObject({
        code: 2,
        errors: expect.stringContaining("one collector at a time"),
      });
    });
  },
  LIMIT_MS,
);

test(
  "tail -f follows several collectors, says whose each log record is, and goes on when one of them goes away",
  async () => {
    await withPair(async ({ collectors: [first], senders: [a, b], addresses }) => {
      const child = spawnCli({ words: ["tail", "-f", "--address", addresses.join(",")] });
      let out = "";
      const read = (async () => {
        for await (const chunk of child.stdout) out += new TextDecoder().decode(chunk);
      })();
      const follows = async (sender: Sender | undefined, text: RegExp): Promise<void> => {
        while (!text.test(out)) {
          await sender?.send();
          await Bun.sleep(50);
        }
      };
      await follows(a, /^\w{8}\/\d+ .* a-\d/m);
      await follows(b, /^\w{8}\/\d+ .* b-\d/m);
      await first?.end("SIGKILL");
      out = "";
      await follows(b, /^\w{8}\/\d+ .* b-\d/m);
      child.kill("SIGINT");
      const errors = await new Response(child.stderr).text();
      expect(await child.exited).not.toBe(0);
      await read;
      expect(errors).toContain(addresses[0] as string);
      expect(errors.trim().split("\n").length).toBe(1);
    });
  },
  LIMIT_MS,
);

test(
  "the quota that is asked for is that for what comes in, whatever waits",
  async () => {
    const settings: Settings = { firehose: { bytesPerSecond: "1MiB" } };
    await withPair(async ({ collectors: [first], addresses: [address = ""] }) => {
      if (first === undefined) throw new Error("there is none");
      using sender = new Sender({ name: "c", port: first.ports.ingest, recordsPerRequest: 50, bodyBytes: 20_000 });
      const cli = (...words: string[]) => runWords([...words, "--address", address]);
      const quota = async (words: RegExp): Promise<void> => {
        const { code, out } = await cli("quota", "--for", "1");
        expect(out).toMatch(words);
        expect({ code, isAsked: out.includes("Please raise") }).toEqual({ code: 0, isAsked: false });
      };
      await quota(/default +logs .* not known before something was delivered/);
      expect((await cli("route", "pause", "default")).code).toBe(0);
      // So much that it takes twenty times as long as a backlog should.
      for (let index = 0; index < 40; index++) await sender.send();
      await quota(/default +logs .* not known before something was delivered/);
      expect((await cli("doctor")).out).toContain("how much comes in for it is known when something was delivered");
      expect((await cli("route", "resume", "default")).code).toBe(0);
      await first.until(({ routes: [{ ledger }] }) => ledger.delivered > 0);
      await quota(/default +logs .* enough/);
    }, settings);
  },
  LIMIT_MS,
);

const ANSWER_MS_MAX = 60_000;
/** Not while it may still do what the first time was heard for: a second Ctrl-C ends it at once. */
const TYPE_AGAIN_MS = 15_000;

/** Types `keys` when it has asked, again where that went unheard as people do, and says how it ended. */
async function answer(words: readonly string[], keys: string): Promise<{ code: number; out: string }> {
  let out = "";
  const child = Bun.spawn({
    cmd: [process.execPath, MAIN, ...words],
    env: { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "", TERM: "xterm-256color" },
    terminal: {
      cols: 100,
      rows: 24,
      data: (_terminal, bytes) => {
        out += new TextDecoder().decode(bytes);
      },
    },
  });
  let code: number | undefined;
  void child.exited.then((ended) => {
    code = ended;
  });
  let typedAtMs = Number.NEGATIVE_INFINITY;
  for (const sinceMs = Date.now(); code === undefined; await Bun.sleep(20)) {
    const nowMs = Date.now();
    if (nowMs - sinceMs > ANSWER_MS_MAX) throw new Error(`it does not end: ${JSON.stringify(out)}`);
    if (!/Type \S+ to go on: /.test(out) || nowMs - typedAtMs < TYPE_AGAIN_MS) continue;
    child.terminal?.write(keys);
    typedAtMs = nowMs;
  }
  child.terminal?.close();
  if (typedAtMs === Number.NEGATIVE_INFINITY) throw new Error(`it has not asked: ${JSON.stringify(out)}`);
  return { code, out };
}

test(
  "a question that is broken off, or left open, changes nothing, and a route that was stopped for it goes on",
  async () => {
    await withPair(async ({ collectors: [first], senders: [a], addresses: [address = ""] }) => {
      await a?.send();
      await first?.until(({ routes: [{ ledger }] }) => ledger.delivered === 50);
      const CTRL_C = "\u0003";
      const END_OF_INPUT = "\u0004";
      for (const words of [
        ["route", "seek", "default", "--to", "tail"],
        ["drain"],
        ["quarantine", "discard", "default", "7"],
      ]) {
        for (const [keys, code] of [
          [CTRL_C, 130],
          [END_OF_INPUT, 1],
          ["no\r", 1],
        ] as const) {
          const ended = await answer([...words, "--address", address], keys);
          expect({ words, keys, code: ended.code }).toEqual({ words, keys, code });
          if (words[0] === "quarantine") expect(ended.out).toContain("1 log record of route default will be gone");
          expect(ended.out).not.toMatch(/\n\s+at |AbortError|Bun v/);
        }
      }
      // Without a name in the environment a number still says who it was.
      expect(first?.log).toMatch(/route default paused at 50, by \S+, who says to be (?!unknown)\S+@/);
      const status = await first?.status();
      expect(status?.routes[0]?.ledger).toMatchObject({ delivered: 50, replayed: 0 });
      expect((await runWords(["status", "--address", address])).out).toMatch(/default +logs +delivering/);
    });
  },
  LIMIT_MS,
);
