/**
 * Files through agent, collector and local Firehose: logrotate in both its ways, SIGKILL of agent and collector, and a
 * real nginx. What was written is counted against what lies in the objects.
 */
import { expect, test } from "bun:test";
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { FakeCollector } from "../../../clients/sdk/fake-collector.ts";
import { withFolder } from "../temporary.ts";
import { testWith } from "../tools.ts";
import { CollectorProcess, freePorts } from "./collector-process.ts";
import { countBy, startFirehose } from "./observed-firehose.ts";
import { TailProcess } from "./tail-process.ts";

const LIMIT_MS = 240_000;
const ROTATIONS = 20;
const LINES_PER_SECOND = 20_000;
const TICK_MS = 50;
const TICKS_PER_ROTATION = 5;
const IN_FLIGHT_BYTES = 512 * 1024;
/** What one kill may double: what was under way, and what was acknowledged since the last write of positions, twice over. */
const DOUBLED_LINES_MAX = IN_FLIGHT_BYTES / 100 + (LINES_PER_SECOND * 200) / 1000;

/** An application that writes lines of nginx's format, and opens its file anew when told to. */
class Writer {
  written = 0;
  readonly #path: string;
  readonly #name: string;
  #file: number;

  /** Each line begins with `name` and its number. */
  constructor(path: string, name: string) {
    this.#path = path;
    this.#name = name;
    this.#file = openSync(path, "a");
  }

  write(count: number): void {
    const lines: string[] = [];
    for (let index = 0; index < count; index++) {
      lines.push(
        `${this.#name}${this.written++} - - [22/Nov/2025:08:26:40 +0000] "GET /items HTTP/1.1" 200 612 "-" "curl/8.5"\n`,
      );
    }
    writeSync(this.#file, lines.join(""));
  }

  reopen(): void {
    closeSync(this.#file);
    this.#file = openSync(this.#path, "a");
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** Rotates once, by Debian's logrotate. */
async function rotate(directory: string, path: string, way: "create" | "copytruncate"): Promise<void> {
  const config = join(directory, "logrotate.conf");
  writeFileSync(config, `${path} {\n  rotate 100\n  ${way}\n  nodateext\n}\n`, { mode: 0o644 });
  const run = Bun.spawn({
    cmd: ["logrotate", "--force", "--state", join(directory, "state"), config],
    stdout: "ignore",
    stderr: "pipe",
  });
  if ((await run.exited) !== 0) throw new Error(`logrotate failed: ${await new Response(run.stderr).text()}`);
}

async function runRotations(killsAgent: (rotation: number) => boolean, killsCollector: (rotation: number) => boolean) {
  return await withFolder(async (directory) => {
    await using firehose = await startFirehose(directory);
    const ports = await freePorts();
    const agentPorts = await freePorts();
    mkdirSync(join(directory, "applog"));
    const options = { directory, endpoint: firehose.local.url, ports };
    const tailOptions = {
      directory,
      collectorPort: ports.ingest,
      adminPort: agentPorts.admin,
      sources: [{ name: "app", include: [join(directory, "applog/*.log")], tag: "applog.*" }],
      sections: { collector: { inFlightBytesMax: IN_FLIGHT_BYTES, requestBytesMax: 64 * 1024 } },
    };
    let collector = await CollectorProcess.start(options);
    let agent = await TailProcess.start(tailOptions);
    const paths = { create: join(directory, "applog/a.log"), copytruncate: join(directory, "applog/b.log") };
    const writers = { create: new Writer(paths.create, "a"), copytruncate: new Writer(paths.copytruncate, "b") };
    let kills = 0;
    try {
      for (let rotation = 0; rotation < ROTATIONS; rotation++) {
        for (let tick = 0; tick < TICKS_PER_ROTATION; tick++) {
          for (const writer of Object.values(writers)) writer.write((LINES_PER_SECOND * TICK_MS) / 2_000);
          await Bun.sleep(TICK_MS);
        }
        // The writer goes on in the renamed file until it opens anew, as nginx does.
        const renaming = rotate(directory, paths.create, "create");
        writers.create.write(50);
        await renaming;
        writers.create.write(50);
        writers.create.reopen();
        // What is written between logrotate's copy and its truncation is lost to everybody: nothing is, here.
        await rotate(directory, paths.copytruncate, "copytruncate");
        if (killsAgent(rotation)) {
          kills++;
          await agent.end("SIGKILL");
          for (const writer of Object.values(writers)) writer.write(500);
          agent = await TailProcess.start(tailOptions);
        }
        if (killsCollector(rotation)) {
          kills++;
          await collector.end("SIGKILL");
          for (const writer of Object.values(writers)) writer.write(500);
          collector = await CollectorProcess.start(options);
        }
      }
      const written = writers.create.written + writers.copytruncate.written;
      await calm(agent);
      expect((await agent.status()).truncatedWithoutCopy).toBe(0);
      expect(await agent.end("SIGTERM")).toBe(0);
      await collector.until((status) => status.routes[0].ledger.waiting === 0);
      const lines = await firehose.lines();
      return { written, kills, distinct: countBy(lines, ({ key }) => key).size, delivered: lines.length };
    } finally {
      for (const writer of Object.values(writers)) writer.close();
      await agent.end("SIGKILL");
      await collector.end("SIGKILL");
    }
  });
}

const CALM_MS = 3_000;

/** Resolves when the agent has read and sent all there is, and finds nothing more for a while. */
async function calm(agent: TailProcess): Promise<void> {
  let lines = -1;
  let since = Date.now();
  for (;;) {
    const status = await agent.until((now) => now.unreadBytes === 0 && now.waitingBytes === 0);
    if (status.lines !== lines) since = Date.now();
    lines = status.lines;
    if (Date.now() - since >= CALM_MS) return;
    await Bun.sleep(100);
  }
}

testWith(
  ["logrotate"],
  "20 rotations by rename and 20 by copy and truncate at 20,000 lines a second: each line exactly once",
  async () => {
    const { written, distinct, delivered } = await runRotations(
      () => false,
      () => false,
    );
    expect(distinct).toBe(written);
    expect(delivered).toBe(written);
  },
  LIMIT_MS,
);

testWith(
  ["logrotate"],
  "agent and collector killed between rotations: nothing is lost, and twice comes only what the window says",
  async () => {
    const { written, kills, distinct, delivered } = await runRotations(
      (rotation) => rotation % 5 === 2,
      (rotation) => rotation % 5 === 4,
    );
    expect(kills).toBe(8);
    expect(distinct).toBe(written);
    expect(delivered - distinct).toBeLessThanOrEqual(kills * DOUBLED_LINES_MAX);
  },
  LIMIT_MS,
);

const REQUESTS = 2_000;

testWith(
  ["nginx", "logrotate"],
  "a real nginx, its log rotated while it serves: one log record for each request, read into fields",
  async () => {
    await withFolder(async (directory) => {
      await using firehose = await startFirehose(directory);
      const ports = await freePorts();
      const { ingest: nginxPort, admin: adminPort } = await freePorts();
      const path = join(directory, "access.log");
      const pidFile = join(directory, "nginx.pid");
      const config = join(directory, "nginx.conf");
      writeFileSync(
        config,
        `daemon off; master_process on; worker_processes 1; pid ${pidFile}; error_log ${directory}/error.log;
events {}
http {
  access_log ${path} combined;
  client_body_temp_path ${directory}/body; proxy_temp_path ${directory}/proxy; fastcgi_temp_path ${directory}/fastcgi;
  uwsgi_temp_path ${directory}/uwsgi; scgi_temp_path ${directory}/scgi;
  server { listen 127.0.0.1:${nginxPort}; location / { return 200 "hello"; } }
}
`,
      );
      await using collector = await CollectorProcess.start({ directory, endpoint: firehose.local.url, ports });
      await using agent = await TailProcess.start({
        directory,
        collectorPort: ports.ingest,
        adminPort,
        sources: [{ name: "nginx", include: [path], format: "nginx", types: { code: "integer" } }],
      });
      const nginx = Bun.spawn({ cmd: ["nginx", "-c", config, "-p", directory], stdout: "ignore", stderr: "ignore" });
      try {
        const get = (number: number) =>
          fetch(`http://127.0.0.1:${nginxPort}/items/${number}`).then((answer) => answer.text());
        while ((await get(-1).catch(() => "")) !== "hello") await Bun.sleep(50);
        for (let from = 0; from < REQUESTS; from += 100) {
          await Promise.all(Array.from({ length: 100 }, (_, index) => get(from + index)));
          if (from % 500 !== 400) continue;
          await rotate(directory, path, "create");
          // What Debian's own rotation script does: nginx opens its log anew.
          process.kill(nginx.pid, "SIGUSR1");
        }
        await collector.until(({ routes }) => routes[0].ledger.delivered >= REQUESTS + 1);
        await calm(agent);
        await firehose.local.flush();
        const objects = await Promise.all(
          (await firehose.local.objects()).map((object) => readFile(object.path, "utf8")),
        );
        const bodies = objects
          .join("")
          .trimEnd()
          .split("\n")
          .map((line) => (JSON.parse(line) as { body: { path: string; code: number; method: string } }).body);
        expect(bodies.every(({ code, method }) => code === 200 && method === "GET")).toBe(true);
        const served = bodies.map(({ path: item }) => Number(item.split("/")[2])).filter((number) => number >= 0);
        expect(served.toSorted((a, b) => a - b)).toEqual(Array.from({ length: REQUESTS }, (_, number) => number));
      } finally {
        nginx.kill("SIGTERM");
        await nginx.exited;
      }
    });
  },
  LIMIT_MS,
);

test(
  "SIGHUP takes other sources and leaves files where they are, a bad file changes nothing, SIGTERM ends with 0",
  async () => {
    await withFolder(async (directory) => {
      await using firehose = await startFirehose(directory);
      const ports = await freePorts();
      const { admin: adminPort } = await freePorts();
      const line = (name: string) => writeFileSync(join(directory, `${name}.log`), `${name} line\n`, { flag: "a" });
      const source = (name: string) => ({ name, include: [join(directory, `${name}.log`)] });
      for (const name of ["a", "b"]) line(name);
      await using collector = await CollectorProcess.start({ directory, endpoint: firehose.local.url, ports });
      const options = { directory, collectorPort: ports.ingest, adminPort };
      await using agent = await TailProcess.start({ ...options, sources: [source("a")] });
      await agent.until(({ acknowledgedRecords }) => acknowledgedRecords === 1);
      TailProcess.configure({ ...options, sources: [source("a"), source("b")] });
      agent.kill("SIGHUP");
      await agent.until(({ acknowledgedRecords }) => acknowledgedRecords === 2);
      writeFileSync(join(directory, "standpipe-tail.yaml"), "sources: [{ nam: x }]");
      agent.kill("SIGHUP");
      while (!agent.log.includes("nothing was changed")) await Bun.sleep(20);
      line("a");
      await agent.until(({ acknowledgedRecords }) => acknowledgedRecords === 3);
      expect((await agent.ask("/healthz")).status).toBe(200);
      expect((await agent.ask("/readyz")).status).toBe(200);
      expect(await (await agent.ask("/metrics")).text()).toContain("\nstandpipe_tail_records_acknowledged_total 3\n");
      expect(await agent.end("SIGTERM")).toBe(0);
      await collector.until(({ routes }) => routes[0].ledger.delivered === 3);
      const lines = await firehose.lines();
      expect(lines.map(({ body }) => body).toSorted()).toEqual(["a line", "a line", "b line"]);
    });
  },
  LIMIT_MS,
);

test(
  "SIGHUP while it stops changes nothing: no file is followed anew",
  async () => {
    await withFolder(async (directory) => {
      using collector = await new FakeCollector().start();
      const takes: (() => void)[] = [];
      collector.handle = (_seen, take) => takes.push(take);
      const source = (name: string) => ({ name, include: [join(directory, `${name}.log`)] });
      for (const name of ["a", "b"]) writeFileSync(join(directory, `${name}.log`), `${name} line\n`);
      const { admin: adminPort } = await freePorts();
      const options = { directory, collectorPort: collector.port, adminPort };
      await using agent = await TailProcess.start({ ...options, sources: [source("a")] });
      while (takes.length === 0) await Bun.sleep(5);
      agent.kill("SIGTERM");
      while (!agent.log.includes('"stopping"')) await Bun.sleep(5);
      TailProcess.configure({ ...options, sources: [source("a"), source("b")] });
      agent.kill("SIGHUP");
      await Bun.sleep(300);
      for (const take of takes.splice(0)) take();
      expect(await agent.exited).toBe(0);
      expect(agent.log).not.toContain("the configuration was read again");
      expect(collector.bodies).toEqual(["a line"]);
    });
  },
  LIMIT_MS,
);
