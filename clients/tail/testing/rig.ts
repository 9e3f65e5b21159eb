/** The agent in the test's own process, over real files, with a sender that remembers and can be told how to answer. */
import { join } from "node:path";
import { startAgent, type TailAgent } from "../agent.ts";
import { systemClock } from "../clock.ts";
import { loadTailConfig, type TailConfigInput } from "../config.ts";
import { type Log, silentLog } from "../log.ts";
import type { Sender, Verdict } from "../send/sender.ts";
import { sourceProblems } from "../source.ts";
import { type DecodedRecord, decodeRequest } from "./decode.ts";

/** Answers at once, unless `hold` was called. */
export class FakeSender implements Sender {
  readonly records: DecodedRecord[] = [];
  isConnected = true;
  retries = 0;
  requests = 0;
  /** What is said of the next requests. */
  verdict: Verdict = { refused: 0, reason: "" };
  #gate: PromiseWithResolvers<void> | undefined;
  #isClosed = false;

  /** Takes requests, and answers none until `release`. */
  hold(): void {
    this.#gate ??= Promise.withResolvers();
  }

  release(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  async send(request: Uint8Array): Promise<Verdict> {
    this.requests++;
    this.records.push(...decodeRequest(request));
    await this.#gate?.promise;
    if (this.#isClosed) throw new Error("closed");
    return this.verdict;
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.release();
    return Promise.resolve();
  }

  get bodies(): unknown[] {
    return this.records.map(({ body }) => body);
  }
}

export interface Rig extends AsyncDisposable {
  readonly agent: TailAgent;
  readonly sender: FakeSender;
  /** Resolves when so many records have come; the test's own limit is the bound. */
  until(count: number): Promise<void>;
  /** Resolves when all files are read, sent, acknowledged and committed. */
  settled(): Promise<void>;
}

type SourceInput = Partial<TailConfigInput["sources"][number]>;

/** Fast where the defaults are patient. `sections` override. */
export async function startRig(
  directory: string,
  source: SourceInput | readonly SourceInput[] = {},
  sections: Partial<TailConfigInput> = {},
  sender = new FakeSender(),
  log: Log = silentLog,
): Promise<Rig> {
  const sources = (Array.isArray(source) ? source : [source]) as readonly SourceInput[];
  const content: TailConfigInput = {
    positions: { directory: join(directory, "positions"), commitIntervalMs: 5 },
    admin: { address: "127.0.0.1:0" },
    log: { level: "silent" },
    shutdown: { drainMsMax: 300 },
    ...sections,
    files: { refreshMs: 100, rotateWaitMs: 200, ...sections.files },
    collector: { lingerMs: 5, ...sections.collector },
    sources: sources.map((each, index) => ({ name: `s${index}`, include: [join(directory, "logs/*.log")], ...each })),
  };
  const config = loadTailConfig({ path: "test", text: JSON.stringify(content) }, {}, sourceProblems);
  const faults: unknown[] = [];
  const agent = await startAgent(config, {
    clock: systemClock,
    log,
    onFault: (reason) => faults.push(reason),
    createSender: () => Promise.resolve(sender),
  });
  const check = (): void => {
    if (faults.length > 0) throw faults[0];
  };
  return {
    agent,
    sender,
    async until(count) {
      while (sender.records.length < count) {
        check();
        await Bun.sleep(5);
      }
    },
    async settled() {
      for (let calm = 0; calm < 30; ) {
        check();
        const { unreadBytes, waitingBytes, lines } = agent.status();
        await Bun.sleep(10);
        calm = unreadBytes === 0 && waitingBytes === 0 && lines === agent.status().lines ? calm + 1 : 0;
      }
    },
    [Symbol.asyncDispose]: () => agent.stop(),
  };
}
