/**
 * All routes of a collector. Each is its own consumer of the journal, with a cursor, a pacer and a ledger of its own: a
 * dead stream holds up nobody but itself, and the disk that it pins.
 *
 * A change of configuration while running: a new route is started, one whose rates alone changed gets the new ones, any
 * other change stops the route and starts it again at its cursor. A route that is configured no more is stopped, and its
 * cursor stays: it holds on to its logs until it is configured again, or named in `journal.forgetRoutes`.
 *
 * A paused route is built and not started: it has a status, takes no part of a quota, and its cursor stands still. The
 * journal remembers the pause, so that a restart changes nothing.
 */
import { isDeepStrictEqual } from "node:util";
import type { RouteConfig } from "../config/config.ts";
import { CollectorError } from "../errors.ts";
import type { JournalReader, RouteLedger } from "../journal/port.ts";
import { type Route, type RouteOptions, type RoutePause, startRoute } from "./route.ts";

/** What routes need of the journal beside reading. */
export interface RouteJournal extends JournalReader {
  route(name: string, startAt: "tail" | "head"): RouteLedger;
  /** Routes that the journal knows and nobody has asked for in this run. */
  readonly dormantRoutes: readonly string[];
  /** Deletes the cursor of a route that is not in use. */
  forget(name: string): Promise<void>;
  readonly pauses: {
    get(route: string): RoutePause | undefined;
    begin(route: string, pause: RoutePause): Promise<void>;
    end(route: string): Promise<void>;
  };
  /** Sets a cursor back while nothing of the route is under way. Rejects with CollectorError `precondition_failed`. */
  seek(name: string, to: bigint, end: bigint): Promise<void>;
}

export interface RoutesOptions extends Omit<RouteOptions, "config" | "ledger" | "journal"> {
  readonly journal: RouteJournal;
  readonly stopMsMax: number;
}

/** What can change while a route runs on. */
const RATE_KEYS: readonly (keyof RouteConfig)[] = [
  "bytesPerSecond",
  "recordsPerSecond",
  "requestsPerSecond",
  "backlogAgeMsObjective",
  "throttledFractionMax",
  "growthThrottledFractionMax",
];

export class Routes {
  readonly #options: RoutesOptions;
  #routes: Route[] = [];
  /** Names of those that ran in this process and are configured no more. */
  readonly #gone = new Set<string>();
  /** Changes are made one after the other. */
  #changing: Promise<void> = Promise.resolve();

  constructor(options: RoutesOptions) {
    this.#options = options;
  }

  get all(): readonly Route[] {
    return this.#routes;
  }

  /** Makes the routes what the configuration says. Resolves when those that had to stop have stopped. */
  apply(configs: readonly RouteConfig[], forget: readonly string[]): Promise<void> {
    return this.#inTurn(() => this.#apply(configs, forget));
  }

  /** Throws CollectorError `not_found`, naming those that there are. */
  get(name: string): Route {
    const found = this.#routes.find(({ config }) => config.name === name);
    if (found !== undefined) return found;
    const names = this.#routes.map(({ config }) => config.name).join(", ");
    throw new CollectorError("not_found", `there is no route ${JSON.stringify(name)}: there are ${names}`);
  }

  /** Delivers nothing more of the route, from when it has settled what is under way. Resolves when that is on disk. */
  pause(name: string, by: string): Promise<Route> {
    return this.#inTurn(async () => {
      const running = this.get(name);
      if (running.pause !== undefined) return running;
      const { journal, clock, stopMsMax } = this.#options;
      // Before it stops: a crash in between finds it paused.
      await journal.pauses.begin(name, { by, atMs: clock.nowMs() });
      await running.stop(stopMsMax);
      return this.#replace(running);
    });
  }

  /** Goes on where it was paused. */
  resume(name: string): Promise<Route> {
    return this.#inTurn(async () => {
      const paused = this.get(name);
      if (paused.pause === undefined) return paused;
      await this.#options.journal.pauses.end(name);
      await paused.stop(0);
      return this.#replace(paused);
    });
  }

  /**
   * Sets the cursor of a paused route back to `to`, and delivers again what lies before `end`, or before the cursor as it is.
   * `mayGo` is asked how many log records these are, and may throw.
   */
  seek(name: string, to: bigint, end: bigint | undefined, mayGo: (logRecords: bigint) => void): Promise<Route> {
    return this.#inTurn(async () => {
      const route = this.get(name);
      if (route.pause === undefined) {
        throw new CollectorError("precondition_failed", `pause route ${name} first, so that its cursor stands still`);
      }
      const until = end ?? route.ledger.cursor;
      mayGo(until - to);
      await this.#options.journal.seek(name, to, until);
      return route;
    });
  }

  /** One change after the other; one that fails does not hold up the next. */
  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const changed = this.#changing.then(change);
    this.#changing = changed.then(
      () => undefined,
      () => undefined,
    );
    return changed;
  }

  #replace(route: Route, config = route.config): Route {
    const next = this.#start(config);
    this.#routes = this.#routes.map((each) => (each === route ? next : each));
    return next;
  }

  async #apply(configs: readonly RouteConfig[], forget: readonly string[]): Promise<void> {
    const { journal, log, stopMsMax } = this.#options;
    const gone = this.#routes.filter(({ config }) => !configs.some(({ name }) => name === config.name));
    await Promise.all(gone.map((route) => route.stop(stopMsMax)));
    this.#routes = this.#routes.filter((route) => !gone.includes(route));
    for (const { config } of gone) {
      this.#gone.add(config.name);
      log.info({ route: config.name }, "the route has stopped");
    }

    for (const config of configs) {
      this.#gone.delete(config.name);
      const running = this.#routes.find((route) => route.config.name === config.name);
      if (running === undefined) this.#routes.push(this.#start(config));
      else if (!isDeepStrictEqual(running.config, config)) await this.#change(running, config);
    }

    for (const name of forget) {
      if (!journal.dormantRoutes.includes(name) && !this.#gone.has(name)) continue;
      await journal.forget(name);
      this.#gone.delete(name);
      log.warn({ route: name }, "the route is forgotten: what it had not delivered is nobody's to deliver");
    }
    const orphans = [...journal.dormantRoutes, ...this.#gone];
    if (orphans.length > 0) {
      log.warn(
        { routes: orphans },
        "these routes are not configured any more and hold on to their logs: configure them again, or name them in journal.forgetRoutes",
      );
    }
  }

  async #change(running: Route, config: RouteConfig): Promise<void> {
    const { log, stopMsMax } = this.#options;
    const onlyRates = isDeepStrictEqual(withoutRates(running.config), withoutRates(config));
    if (onlyRates) {
      running.setRates(config);
      log.info(
        { route: config.name, ...running.pace().ceiling, source: running.pace().source },
        "the route has other rates",
      );
      return;
    }
    await running.stop(stopMsMax);
    this.#replace(running, config);
    log.info({ route: config.name, stream: config.stream }, "the route goes on as it is configured now");
  }

  #start(config: RouteConfig): Route {
    const { journal, log } = this.#options;
    const pause = journal.pauses.get(config.name);
    if (pause !== undefined) {
      const words = `route ${config.name} is paused and delivers nothing: what comes in waits in the journal until it is resumed`;
      log.warn({ route: config.name, by: pause.by, since: new Date(pause.atMs).toISOString() }, words);
    }
    return startRoute({ ...this.#options, config, pause, ledger: journal.route(config.name, config.startAt) });
  }

  async stop(): Promise<void> {
    await this.#changing;
    await Promise.all(this.#routes.map((route) => route.stop(this.#options.stopMsMax)));
  }
}

function withoutRates(config: RouteConfig): Partial<RouteConfig> {
  return Object.fromEntries(Object.entries(config).filter(([key]) => !RATE_KEYS.includes(key as keyof RouteConfig)));
}
