import { expect } from "bun:test";
import { join } from "node:path";
import { Journal } from "../../collector/journal/journal.ts";
import { journalOptions } from "../../collector/testing/journal-options.ts";
import { CollectorProcess, freePorts } from "../../collector/testing/system/collector-process.ts";
import { encodeRequest, Sender } from "../../collector/testing/system/sender.ts";
import { withFolder } from "../../collector/testing/temporary.ts";
import { testWith } from "../../collector/testing/tools.ts";
import { buildCli } from "./build.ts";

const ROOT = join(import.meta.dir, "../..");
const LIMIT_MS = 120_000;

testWith(
  ["tmpfs", "unshare"],
  "the program alone, with nothing of this project beside it, asks a collector and reads a journal",
  async () => {
    await withFolder(async (directory) => {
      const program = join(directory, "standpipe");
      await buildCli(program);
      const hidden = ["node_modules", "proto", "clients", "collector"].map(
        (name) => `mount -t tmpfs none ${ROOT}/${name}`,
      );
      const run = (...words: string[]) => {
        const script = `${hidden.join(" && ")} && exec ${program} ${words.join(" ")}`;
        const { stdout, stderr, exitCode } = Bun.spawnSync({
          cmd: ["unshare", "-m", "sh", "-c", script],
          cwd: directory,
        });
        return { out: stdout.toString(), errors: stderr.toString(), code: exitCode };
      };
      const journal = await Journal.open(journalOptions(join(directory, "stopped")));
      await journal.append(encodeRequest(["one", "two"]), 2);
      journal.route("default");
      await journal.close();
      expect(run("grep", "two", "--count", "--journal", "stopped")).toEqual({ out: "1\n", errors: "", code: 0 });
      expect(run("fsck", "stopped")).toMatchObject({ errors: "", code: 0 });

      const ports = await freePorts();
      const endpoint = "http://127.0.0.1:9";
      await using collector = await CollectorProcess.start({ directory, endpoint, ports });
      using sender = new Sender({ name: "a", port: ports.ingest, recordsPerRequest: 3 });
      await sender.send();
      const address = ["--address", `127.0.0.1:${ports.control}`];
      expect(run("tail", ...address).out).toContain("a-2 ");
      expect(run("ledger", "--json", ...address).out).toContain('"waiting": "3"');
      expect(await collector.end("SIGTERM")).toBe(0);
    });
  },
  LIMIT_MS,
);
