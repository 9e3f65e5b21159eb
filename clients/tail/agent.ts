/**
 * The agent: what it is made of, in the order in which it is built. It stops in reverse.
 *
 *    built       because                                  stopped   because
 *    positions   where each file goes on                  5th       the last acknowledgements must reach the disk
 *    sender      the outbox stands on it                  4th       what it still holds is sent again by the next start
 *    outbox      reading stops where it has no room       3rd       waits for acknowledgements, up to drainMsMax
 *    follow      finds and reads files                    2nd       nothing new is read
 *    admin       health, metrics                          1st
 */
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { type AdminServer, startAdmin } from "./admin.ts";
import type { Clock } from "./clock.ts";
import type { TailConfig } from "./config.ts";
import { systemCodeOf } from "./errors.ts";
import type { Ledger } from "./files/ledger.ts";
import { Positions } from "./files/positions.ts";
import { Follow } from "./follow.ts";
import { PodWatch } from "./kubernetes/pods.ts";
import type { Log } from "./log.ts";
import { Outbox } from "./send/outbox.ts";
import { createSdkSender } from "./send/sdk-sender.ts";
import type { Sender } from "./send/sender.ts";
import type { AgentStatus } from "./status.ts";
import { positionOf } from "./tracker.ts";

export interface AgentEnvironment {
  readonly clock: Clock;
  readonly log: Log;
  /** Gets what ends the reading against all expectation; must end the process. */
  readonly onFault: (reason: unknown) => void;
  /** The SDK's, unless a test has its own. */
  readonly createSender?: (config: TailConfig) => Promise<Sender>;
}

export interface TailAgent {
  readonly adminPort: number;
  status(): AgentStatus;
  /** Takes the sources of another configuration; what needs a restart is told. Files go on where they are. */
  reload(config: TailConfig): Promise<void>;
  /** Reads no more, waits for acknowledgements up to `drainMsMax`, writes the positions. */
  stop(): Promise<void>;
}

const REFUSED_FOLDER = "refused";
const API_SERVER = "https://kubernetes.default.svc";

/** Starts all parts, or none: rejects with TailError when one can't be started. */
export async function startAgent(config: TailConfig, environment: AgentEnvironment): Promise<TailAgent> {
  const { clock, log, onFault, createSender = ({ collector }) => createSdkSender(collector) } = environment;
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const step of stops.splice(0).reverse()) await step();
  };
  try {
    const positions = await Positions.open(join(config.positions.directory, "offsets"), log);
    const commits = new Commits(positions, clock, log, config.positions.commitIntervalMs);
    stops.push(async () => {
      await commits.stop();
      await positions.close();
    });

    const sender = await createSender(config);
    stops.push(() => sender.close());

    const outbox = new Outbox({
      ...config.collector,
      sender,
      clock,
      log,
      refusedDirectory: join(config.positions.directory, REFUSED_FOLDER),
      onMoved: (ledger) => commits.note(ledger),
    });
    stops.push(() => drain(outbox, clock, config.shutdown.drainMsMax));

    const { labels, annotations, apiServer = API_SERVER, ...api } = config.kubernetes;
    let pods: PodWatch | undefined;
    if (labels || annotations) {
      pods = new PodWatch({ ...api, nodeName: api.nodeName, apiServer, labels, annotations, clock, log });
      pods.start();
      const watch = pods;
      stops.push(() => watch.stop());
    }
    const createFollow = (sources: TailConfig): Follow =>
      new Follow({ config: { ...config, sources: sources.sources }, clock, log, positions, outbox, pods });
    let follow = createFollow(config);
    follow.start(onFault);
    stops.push(() => follow.stop());

    const status = (): AgentStatus => ({
      ...follow.status(),
      ...outbox.counts,
      isConnected: sender.isConnected,
      retries: sender.retries,
      waitingBytes: outbox.waitingBytes,
      positions: positions.size,
      loopAgeMs: clock.monotonicMs() - follow.lastPassMs,
    });
    const admin: AdminServer = startAdmin(config.admin.address, status);
    stops.push(() => admin.stop());

    const reload = async (changed: TailConfig): Promise<void> => {
      const next = createFollow(changed);
      await follow.stop();
      // Positions say where files go on: what is under way must be settled first.
      while (!outbox.isEmpty) await outbox.changed(new AbortController().signal);
      follow = next;
      follow.start(onFault);
      const fixed = (["collector", "positions", "files", "kubernetes", "admin", "log", "shutdown"] as const).filter(
        (section) => !isDeepStrictEqual(changed[section], config[section]),
      );
      if (fixed.length > 0) log.warn({ sections: fixed }, "changes in these sections take effect at the next start");
      log.info({ sources: changed.sources.map(({ name }) => name) }, "the configuration was read again");
    };
    log.info(
      { sources: config.sources.map(({ name }) => name), collector: config.collector.endpoint },
      "following files",
    );
    return { adminPort: admin.port, status, reload, stop };
  } catch (reason) {
    await stop();
    throw reason;
  }
}

async function drain(outbox: Outbox, clock: Clock, drainMsMax: number): Promise<void> {
  outbox.flush();
  const late = new AbortController();
  const done = new AbortController();
  const timer = clock.sleep(drainMsMax, done.signal).then(() => late.abort());
  while (!outbox.isEmpty && !late.signal.aborted) await outbox.changed(late.signal);
  done.abort();
  await timer;
}

const RETRY_MS = 1_000;

/** Writes positions that have moved, several at a time. */
class Commits {
  readonly #positions: Positions;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #intervalMs: number;
  readonly #stopping = new AbortController();
  #writing: Promise<void> | undefined;
  #isWanted = false;

  constructor(positions: Positions, clock: Clock, log: Log, intervalMs: number) {
    this.#positions = positions;
    this.#clock = clock;
    this.#log = log;
    this.#intervalMs = intervalMs;
  }

  note(ledger: Ledger): void {
    // What belonged to a file that was truncated without a copy has no position any more.
    if (ledger.id === "") return;
    this.#positions.put(positionOf(ledger));
    this.#isWanted = true;
    this.#writing ??= this.#write();
  }

  async #write(): Promise<void> {
    while (this.#isWanted && !this.#stopping.signal.aborted) {
      this.#isWanted = false;
      await this.#clock.sleep(this.#intervalMs, this.#stopping.signal);
      try {
        await this.#positions.flush();
      } catch (reason) {
        this.#isWanted = true;
        this.#log.error(
          { reason: systemCodeOf(reason) },
          "positions can't be written: lines are sent, but would come twice after a restart",
        );
        await this.#clock.sleep(RETRY_MS, this.#stopping.signal);
        await this.#positions.reopen().catch(() => undefined);
      }
    }
    this.#writing = undefined;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#writing;
  }
}
