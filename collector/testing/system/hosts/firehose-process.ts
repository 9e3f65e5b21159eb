/** The local Firehose as a program on a host of its own. What was delivered is read from its objects alone. */

import { join } from "node:path";
import { Glob, type Subprocess } from "bun";
import type { Place } from "./hosts.ts";

const MAIN = join(import.meta.dir, "../../../../deploy/local/main.ts");

export class FirehoseProcess implements AsyncDisposable {
  readonly #child: Subprocess<"ignore", "pipe", "inherit">;
  readonly #directory: string;
  readonly #url: string;

  private constructor(child: Subprocess<"ignore", "pipe", "inherit">, directory: string, url: string) {
    this.#child = child;
    this.#directory = directory;
    this.#url = url;
  }

  /** With one stream, `logs`, of so many MiB a second. Resolves when it listens. */
  static async start(place: Place, port: number, directory: string, mibPerSecond: number): Promise<FirehoseProcess> {
    const host = place.backAddress;
    const options = ["--host", host, "--port", `${port}`, "--directory", directory];
    const quota = ["--mib-per-second", `${mibPerSecond}`, "--buffer-seconds", "1"];
    const child = Bun.spawn({
      cmd: [...place.wrapper, process.execPath, MAIN, ...options, ...quota],
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    });
    // Its first words say that it listens.
    const reader = child.stdout.getReader();
    const { done } = await reader.read();
    if (done) throw new Error("the local Firehose did not start");
    reader.releaseLock();
    return new FirehoseProcess(child, directory, `http://${host}:${port}`);
  }

  /** What was taken, and what was refused because of the quota. */
  async counters(): Promise<{ readonly acceptedBytes: number; readonly throttledRecords: number }> {
    const response = await fetch(`${this.#url}/_local/counters`, { keepalive: false });
    const { logs } = (await response.json()) as { logs: { acceptedBytes: number; throttledRecords: number } };
    return logs;
  }

  /** The record ids of each key (the first word of a body), and how many lines there are; what is buffered is cut first. */
  async arrived(): Promise<{ idsOf: Map<string, Set<string>>; lines: number }> {
    await fetch(`${this.#url}/_local/flush`, { method: "POST", keepalive: false });
    const idsOf = new Map<string, Set<string>>();
    let lines = 0;
    for await (const path of new Glob("**/*").scan({ cwd: this.#directory, absolute: true })) {
      for (const line of (await Bun.file(path).text()).split("\n")) {
        if (line === "") continue;
        const { body, recordId } = JSON.parse(line) as { body: string; recordId: string };
        const key = body.split(" ", 1)[0] ?? "";
        const ids = idsOf.get(key);
        if (ids === undefined) idsOf.set(key, new Set([recordId]));
        else ids.add(recordId);
        lines++;
      }
    }
    return { idsOf, lines };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }
}
