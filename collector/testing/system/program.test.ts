/** What a user gets wrong, and how the program ends: its words and its exit code, from the real program. */
import { expect, test } from "bun:test";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { withFolder } from "../temporary.ts";
import { testWith } from "../tools.ts";
import { CollectorProcess, environmentOf, freePorts, type Settings } from "./collector-process.ts";

const MAIN = join(import.meta.dir, "../../main.ts");
const LIMIT_MS = 60_000;

interface Ended {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

/** Runs the program in `directory` until it ends by itself. */
async function run(directory: string, words: readonly string[], environment: Record<string, string>): Promise<Ended> {
  const child = Bun.spawn({
    cmd: [process.execPath, MAIN, ...words],
    cwd: directory,
    env: { PATH: process.env.PATH ?? "", HOME: directory, ...environment },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [output, errors] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, output, errors };
}

/** One clear message: no stack trace, no source line, nothing of ours twice. */
function expectRefusal(ended: Ended, code: number, ...words: string[]): void {
  for (const word of words) expect(ended.errors).toContain(word);
  expect(ended.errors.match(/^standpipe: /gm)).toHaveLength(1);
  expect(ended.errors).not.toMatch(/^\s+at |node_modules|\.ts:\d/m);
  expect({ code: ended.code, output: ended.output }).toEqual({ code, output: "" });
}

const NOWHERE = "http://127.0.0.1:9";

/** A whole environment, with an endpoint that nobody listens on. */
async function completeEnvironment(directory: string, settings: Settings = {}): Promise<Record<string, string>> {
  return environmentOf({ directory, endpoint: NOWHERE, ports: await freePorts(), settings });
}

test(
  "--help and --check end with 0 and say what was asked; --check starts nothing",
  async () => {
    await withFolder(async (directory) => {
      const help = await run(directory, ["--help"], {});
      expect({ code: help.code, errors: help.errors }).toEqual({ code: 0, errors: "" });
      expect(help.output).toContain("--config FILE");
      const check = await run(directory, ["--check"], await completeEnvironment(directory));
      expect(check).toEqual({ code: 0, output: "the configuration can be used\n", errors: "" });
      expect(await Bun.file(join(directory, "journal/LOCK")).exists()).toBe(false);
    });
  },
  LIMIT_MS,
);

test(
  "what can't be meant ends with 2 and names the problem and the cure",
  async () => {
    await withFolder(async (directory) => {
      expectRefusal(await run(directory, [], {}), 2, "firehose.stream is needed");
      expectRefusal(await run(directory, ["--cheese"], {}), 2, "--cheese", "--help");
      expectRefusal(await run(directory, ["extra"], {}), 2, "extra", "--help");
      expectRefusal(await run(directory, ["--config", "none.yaml"], {}), 2, "none.yaml", "ENOENT");
      const environment = { STANDPIPE_FIREHOSE_STREAM: "logs", STANDPIPE_FIREHOSE_STREEM: "logs" };
      expectRefusal(
        await run(directory, [], environment),
        2,
        "STANDPIPE_FIREHOSE_STREEM is not one",
        "did you mean STANDPIPE_FIREHOSE_STREAM?",
      );
      await writeFile(
        join(directory, "standpipe.yaml"),
        "firehose:\n  stream: logs\n  regoin: us-east-1\njournal: 5\n",
      );
      const both = await run(directory, [], {});
      expectRefusal(both, 2, "firehose.regoin is not a key: did you mean region?", "journal must be a section");
      await writeFile(join(directory, "bad.yaml"), "firehose: {stream: [\n");
      expectRefusal(await run(directory, ["--config", "bad.yaml"], {}), 2, "bad.yaml is not YAML");
    });
  },
  LIMIT_MS,
);

async function occupy(port: number): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return server;
}

test(
  "an address that somebody has is named, for ingest and for admin",
  async () => {
    await withFolder(async (directory) => {
      for (const which of ["ingest", "admin"] as const) {
        const ports = await freePorts();
        const server = await occupy(ports[which]);
        const settings: Settings = { log: { level: "silent" } };
        const ended = await run(directory, [], environmentOf({ directory, endpoint: NOWHERE, ports, settings }));
        server.close();
        expectRefusal(ended, 2);
        const what = `standpipe: ${which}.address 127.0.0.1:${ports[which]} can't be listened on (EADDRINUSE)`;
        expect(ended.errors).toBe(`${what}: is another collector running? Choose another address\n`);
      }
    });
  },
  LIMIT_MS,
);

test(
  "a journal that can't be had ends with 1: locked by another process, a file instead of a folder, a folder below a file",
  async () => {
    await withFolder(async (directory) => {
      await using holder = await CollectorProcess.start({ directory, endpoint: NOWHERE, ports: await freePorts() });
      const locked = await run(directory, [], await completeEnvironment(directory));
      expectRefusal(locked, 1, "is in use by another process", `process ${holder.pid}`);
      // The one that was refused must not have loosened the first one's hold.
      expectRefusal(await run(directory, [], await completeEnvironment(directory)), 1, "is in use by another process");

      const file = join(directory, "file");
      await writeFile(file, "");
      for (const path of [file, join(file, "below")]) {
        const settings = { journal: { directory: path } };
        expectRefusal(await run(directory, [], await completeEnvironment(directory, settings)), 1, path);
      }
      expect(await holder.end("SIGTERM")).toBe(0);
    });
  },
  LIMIT_MS,
);

testWith(
  ["tmpfs"],
  "a journal's folder that can't be written ends with 1 and names it",
  async () => {
    await withFolder(async (directory) => {
      const mount = join(directory, "readonly");
      await mkdir(mount);
      // Rights do not hold root back, a read-only file system does.
      expect(Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "ro,size=1m", "none", mount]).exitCode).toBe(0);
      try {
        for (const path of [mount, join(mount, "below")]) {
          const settings = { journal: { directory: path } };
          expectRefusal(await run(directory, [], await completeEnvironment(directory, settings)), 1, path);
        }
      } finally {
        Bun.spawnSync(["umount", "-l", mount]);
      }
    });
  },
  LIMIT_MS,
);
