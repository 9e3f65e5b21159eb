/** What a kill -9 takes from another collector of what it had acknowledged: see deploy/local/compare/README.md. */
import { parseArgs } from "node:util";
import { FakeCollector } from "../../clients/sdk/fake-collector.ts";
import { Sender } from "./system/sender.ts";

const HELP = `Starts a collector, sends it logs while nobody listens where it sends them on, kills it with SIGKILL in the middle, listens there,
starts it again, and counts what of the acknowledged logs arrives.

  bun collector/testing/kill-other.ts [--port P] [--sink-port P] [--seconds S] -- COMMAND...

  --port P       where it takes OTLP/gRPC (14318)
  --sink-port P  where it sends OTLP/gRPC to, in plaintext (14390)
  --seconds S    how long it is sent logs (3)
  --help         this
`;

const OPTIONS = {
  port: { type: "string", default: "14318" },
  "sink-port": { type: "string", default: "14390" },
  seconds: { type: "string", default: "3" },
  help: { type: "boolean", short: "h" },
} as const;

const SENDERS = 8;
const START_MS_MAX = 20_000;
/** Collectors wait for some seconds before they send again what failed. */
const QUIET_MS = 15_000;
const POLL_MS = 100;

async function main(): Promise<number> {
  const { values, positionals: command } = parseArgs({ options: OPTIONS, strict: true, allowPositionals: true });
  if (values.help === true || command.length === 0) {
    process.stdout.write(HELP);
    return values.help === true ? 0 : 2;
  }
  const port = Number(values.port);
  const before = await start(command, port);
  const acknowledged = await load(port, Number(values.seconds) * 1_000, before);
  using sink = new FakeCollector();
  sink.hasStreams = false;
  sink.port = Number(values["sink-port"]);
  await sink.start();
  const after = await start(command, port);
  const arrived = await arrivals(sink, acknowledged);
  after.kill("SIGKILL");
  await after.exited;
  const lost = [...acknowledged].filter((key) => !arrived.has(key)).length;
  const doubled = [...acknowledged].filter((key) => (arrived.get(key) ?? 0) > 1).length;
  process.stdout.write(`${JSON.stringify({ acknowledged: acknowledged.size, lost, doubled })}\n`);
  return 0;
}

async function start(cmd: readonly string[], port: number): Promise<Bun.Subprocess> {
  const child = Bun.spawn({ cmd: [...cmd], stdin: "ignore", stdout: "ignore", stderr: "inherit" });
  for (let waitedMs = 0; !(await canConnect(port)); waitedMs += POLL_MS) {
    if (child.exitCode !== null || waitedMs > START_MS_MAX) throw new Error(`${cmd[0]} does not listen on ${port}`);
    await Bun.sleep(POLL_MS);
  }
  return child;
}

async function canConnect(port: number): Promise<boolean> {
  try {
    const socket = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data: () => undefined } });
    socket.end();
    return true;
  } catch {
    return false;
  }
}

/** The keys of the logs that were acknowledged before the collector was killed, in mid-load. */
async function load(port: number, ms: number, collector: Bun.Subprocess): Promise<Set<string>> {
  const senders = Array.from(
    { length: SENDERS },
    (_, index) => new Sender({ name: `s${index}`, port, deadlineMs: 2_000 }),
  );
  const over = new AbortController();
  for (const sender of senders) void sender.run(over.signal).catch(() => undefined);
  await Bun.sleep(ms);
  collector.kill("SIGKILL");
  await collector.exited;
  const acknowledged = new Set(senders.flatMap((sender) => [...sender.acknowledged]));
  over.abort();
  for (const sender of senders) sender[Symbol.dispose]();
  return acknowledged;
}

/** How often each key has come, when all have or nothing comes any more. */
async function arrivals(sink: FakeCollector, acknowledged: ReadonlySet<string>): Promise<Map<string, number>> {
  const arrived = new Map<string, number>();
  let seen = 0;
  for (let quietMs = 0; quietMs < QUIET_MS; quietMs += POLL_MS) {
    await Bun.sleep(POLL_MS);
    if (sink.taken.length > seen) quietMs = 0;
    for (; seen < sink.taken.length; seen++) {
      const [key = ""] = String(sink.taken[seen]?.body).split(" ");
      if (acknowledged.has(key)) arrived.set(key, (arrived.get(key) ?? 0) + 1);
    }
  }
  return arrived;
}

try {
  process.exit(await main());
} catch (reason) {
  process.stderr.write(`kill-other: ${reason instanceof Error ? reason.message : String(reason)}\n`);
  process.exit(1);
}
