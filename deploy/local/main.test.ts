/** The program as a user has it: its words, its exit codes, its way in for other processes. */
import { afterEach, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listObjects } from "./object-store.ts";
import { parseCommand, USAGE } from "./options.ts";

const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Program {
  readonly url: string;
  readonly directory: string;
  /** Sends signals, and tells how it ended and what it had said. */
  end(...signals: NodeJS.Signals[]): Promise<{ code: number; text: string }>;
}

async function launch(...words: string[]): Promise<Program> {
  const directory = await mkdtemp(join(tmpdir(), "local-firehose-"));
  closing.push(() => rm(directory, { recursive: true, force: true }));
  const child = Bun.spawn({
    cmd: [process.execPath, join(import.meta.dir, "main.ts"), "--port", "0", "--directory", directory, ...words],
    stdout: "pipe",
    stderr: "inherit",
  });
  closing.push(async () => {
    child.kill("SIGKILL");
    await child.exited;
  });
  const reader = child.stdout.getReader();
  let text = "";
  const read = async (until: RegExp): Promise<RegExpExecArray | null> => {
    for (const decoder = new TextDecoder(); ; ) {
      const found = until.exec(text);
      if (found !== null) return found;
      const { value, done } = await reader.read();
      if (done) return null;
      text += decoder.decode(value, { stream: true });
    }
  };
  const [, url = ""] = (await read(/Local Firehose at (\S+),/)) ?? [];
  return {
    url,
    directory,
    end: async (...signals) => {
      for (const signal of signals) child.kill(signal);
      await read(/$^/);
      return { code: await child.exited, text };
    },
  };
}

function putRecord(url: string, data: string): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: { "x-amz-target": "Firehose_20150804.PutRecord" },
    body: JSON.stringify({ DeliveryStreamName: "logs", Record: { Data: Buffer.from(data).toString("base64") } }),
  });
}

function refusal(...words: string[]): { code: number | null; text: string } {
  const child = Bun.spawnSync({ cmd: [process.execPath, join(import.meta.dir, "main.ts"), ...words] });
  return { code: child.exitCode, text: child.stderr.toString() };
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  test(`${signal} writes what is buffered, says where, and ends with 0`, async () => {
    const program = await launch("--buffer-seconds", "900", "--prefix", "in/", "--fault", '{"kind":"storage_down"}');
    expect((await putRecord(program.url, "hello\n")).status).toBe(200);
    const { code, text } = await program.end(signal);
    expect(code).toBe(0);
    expect(text).toContain(`1 objects in ${program.directory}`);
    const objects = await listObjects(program.directory);
    expect(objects).toHaveLength(1);
    expect(objects[0]).toMatchObject({ bucket: "logs", key: expect.stringMatching(/^in\/\d{4}\//) });
    expect(await Bun.file(objects[0]?.path ?? "").text()).toBe("hello\n");
  });
}

test("a Ctrl-C that comes twice at once, as it does through bun run, is one: what is buffered is written", async () => {
  const program = await launch("--buffer-seconds", "900");
  expect((await putRecord(program.url, "hello\n")).status).toBe(200);
  const { code, text } = await program.end("SIGINT", "SIGINT");
  expect(code).toBe(0);
  expect(text).toContain(`1 objects in ${program.directory}`);
});

test("another process sets faults, reads counts and metrics, and flushes", async () => {
  const program = await launch("--buffer-seconds", "900");
  const ask = (method: string, path: string, body?: unknown) =>
    fetch(`${program.url}/_local/${path}`, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  const set = await ask("POST", "faults", [
    { kind: "error", error: "expired_token", calls: 1 },
    { kind: "poison", marker: "bad" },
  ]);
  expect(await set.json()).toEqual({ ids: [1, 2] });
  expect((await putRecord(program.url, "a")).status).toBe(400);
  const poisoned = await putRecord(program.url, "a bad one");
  expect(((await poisoned.json()) as { __type: string }).__type).toBe("ValidationException");
  expect((await putRecord(program.url, "good")).status).toBe(200);
  expect(await (await ask("GET", "faults")).json()).toMatchObject([
    { id: 1, acted: 1 },
    { id: 2, acted: 3 },
  ]);
  expect(await (await ask("DELETE", "faults/1")).json()).toEqual({ cleared: 1 });
  expect(await (await ask("DELETE", "faults")).json()).toEqual({ cleared: 1 });
  expect(await (await ask("POST", "flush")).json()).toMatchObject({
    logs: { acceptedRecords: 1, refusedCalls: 2, deliveredObjects: 1 },
  });
  expect(await (await ask("GET", "counters")).json()).toMatchObject({ logs: { billedBytes: 5120 } });
  expect(await (await ask("GET", "metrics")).text()).toContain('accepted_records_total{stream="logs"} 1\n');
  const refused = await ask("POST", "faults", [{ kind: "outage" }, { kind: "nap" }]);
  expect(refused.status).toBe(400);
  expect(((await refused.json()) as { error: string }).error).toStartWith("this is no fault: kind: ");
  expect(await (await ask("GET", "faults")).json()).toEqual([]);
  expect((await ask("GET", "nothing")).status).toBe(404);
});

test("a taken port is told in one sentence, and the exit code is 2", async () => {
  const program = await launch();
  const { code, text } = refusal("--port", new URL(program.url).port, "--directory", program.directory);
  expect(code).toBe(2);
  expect(text).toBe("the port is taken by another program; choose one with --port\nTry: bun run firehose --help\n");
});

test("wrong words are told without a stack trace, and the exit code is 2", () => {
  const { code, text } = refusal("--mib-per-second", "fast");
  expect(code).toBe(2);
  expect(text).toBe('--mib-per-second is a number, and not "fast"\nTry: bun run firehose --help\n');
});

test("each wrong word has its own sentence", () => {
  const cases: readonly (readonly [words: string[], says: RegExp])[] = [
    [["--port", "70000"], /^--port is 0 to 65535, and not "70000"$/],
    [["--mib-per-second", "0"], /more than 0 MiB\/s/],
    [["--compression", "zip"], /^--compression is one of none, gzip, and not "zip"$/],
    [["--stream", "a b"], /^the stream "a b": 1 validation error detected/],
    [["--buffer-seconds", "901"], /IntervalInSeconds must be between 0 and 900, not 901/],
    [["--time-zone", "Mars"], /time zone/],
    [["--guess", "colour=red"], /^no guess is called "colour"; there are quotaWindowMs, /],
    [["--guess", "quotaWindowMs=0"], /^quotaWindowMs is a number, 1 or more, and not "0"$/],
    [["--guess", "errorTypeHeader=yes"], /^errorTypeHeader is true or false/],
    [["--guess", "prefixJoin=dot"], /^prefixJoin is one of direct, slash/],
    [["--fault", "{"], /^--fault is JSON/],
    [["--fault", '{"kind":"nap"}'], /is no fault/],
    [["--speed", "1"], /--speed/],
  ];
  for (const [words, says] of cases) expect(() => parseCommand(words)).toThrow(says);
});

test("words become options", () => {
  const command = parseCommand(
    "--stream a --stream b --mib-per-second unlimited --compression gzip --delimiter \\n --grow --guess callBytesMax=5".split(
      " ",
    ),
  );
  if (command.kind !== "start") throw new Error("not help");
  const stream = {
    mibPerSecond: Number.POSITIVE_INFINITY,
    compression: "GZIP",
    delimiter: "\n",
    growth: {},
  } as const;
  expect(command.options.streams).toEqual([
    { name: "a", ...stream },
    { name: "b", ...stream },
  ]);
  expect(command.options).toMatchObject({ port: 4573, host: "127.0.0.1", guesses: { callBytesMax: 5 } });
});

test("--help names every option", () => {
  expect(parseCommand(["--help"])).toEqual({ kind: "help" });
  for (const word of ["--port", "--discard", "--guess", "--fault", "--grow", "--prefix"]) expect(USAGE).toContain(word);
});

test("a folder that can't be made is told in one sentence, with what to do", () => {
  const words = ["--port", "0", "--directory", join(import.meta.dir, "main.ts/objects"), "--stream", "logs"];
  const { exitCode, stderr } = Bun.spawnSync({ cmd: [process.execPath, join(import.meta.dir, "main.ts"), ...words] });
  expect(exitCode).toBe(2);
  expect(stderr.toString()).toMatch(/^the folder \S+ can't be made \(E\w+\); choose another one with --directory\n/);
});
