/**
 * The composition root: what a collector is made of, in the order in which it is built. It stops in reverse.
 *
 *    built      because                                    stopped    because
 *    admin      a slow start can be watched                last       and so can a slow stop
 *    access     a certificate that is bad harms nothing    6th        nobody comes in or is met any more
 *    journal    all others stand on it                     5th        what the others settled must reach the disk
 *    peers      routes begin with no more than their part  4th        they take what is left, and then its part is free
 *    routes     what a crash left open goes first          3rd        calls in flight get their answers settled
 *    telemetry  it looks at all of these                   2nd        what it sends last tells of the stop
 *    control    it can have all of these do something      2nd        nobody begins anything while the rest stops
 *    ingest     last: what it takes can be kept            1st        nothing new comes in while the rest stops
 */
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { type Console, createConsole } from "./admin/console/console.ts";
import { Tail } from "./admin/console/tail.ts";
import { openAdminAccess } from "./admin/control/access.ts";
import { startControlServer } from "./admin/control/server.ts";
import { type AdminParts, startAdminServer, startPageServer } from "./admin/server.ts";
import { type CollectorStatus, countOpen, type RouteStatus, toLedger } from "./admin/status.ts";
import { Telemetry } from "./admin/telemetry/telemetry.ts";
import type { Clock, Random } from "./clock.ts";
import type { Config, RouteConfig } from "./config/config.ts";
import { tenantLimits } from "./config/tenants.ts";
import { Adoption } from "./delivery/adoption.ts";
import { forecastDrainSeconds } from "./delivery/pacing/forecast.ts";
import { Departure } from "./delivery/peers/departure.ts";
import type { HandOverResult } from "./delivery/peers/hand-over.ts";
import { handOverService } from "./delivery/peers/hand-over-protocol.ts";
import { peerService } from "./delivery/peers/peer-protocol.ts";
import { GrpcPeerTransport, listedAddresses, serviceAddresses } from "./delivery/peers/peer-transport.ts";
import { Peers } from "./delivery/peers/peers.ts";
import { ReplicaCounts } from "./delivery/peers/replica-counts.ts";
import type { Route } from "./delivery/route.ts";
import { Routes } from "./delivery/routes.ts";
import { type AssertionError, CollectorError } from "./errors.ts";
import { type Access, openAccess } from "./identity/access.ts";
import { ADMISSION_LIMITS_DEFAULT } from "./ingest/admission.ts";
import type { HttpOptions } from "./ingest/options.ts";
import { createIngestServer } from "./ingest/server.ts";
import { Journal } from "./journal/journal.ts";
import type { Log } from "./log.ts";
import { LITTER_BYTES_MAX, Litter } from "./memory/litter.ts";
import { RecycledMemory } from "./memory/recycled-memory.ts";

/** What is kept between uses, of memory for messages that come and bodies that go. */
const RECYCLED_BYTES_MAX = 8 * 1024 * 1024;

export interface CollectorEnvironment {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Gets a broken invariant that was found while answering a client; must end the process. */
  readonly onBug: (bug: AssertionError) => void;
}

export interface Collector {
  readonly ingestPort: number;
  /** Of OTLP/HTTP; undefined where it is off. */
  readonly httpPort: number | undefined;
  readonly adminPort: number;
  readonly controlPort: number;
  status(): CollectorStatus;
  /** Takes the routes and their rates from another configuration; what needs a restart is told. */
  reload(config: Config): Promise<void>;
  /** Takes nothing more, settles what is under way within `drainMsMax`, and lets go of the journal. */
  stop(): Promise<void>;
  /** Resolves when all that was to be adopted is, and nothing waits any more; or when `signal` is aborted after that. */
  untilDelivered(signal: AbortSignal): Promise<void>;
  /** Folders of `journal.adoptFrom` that still hold something. */
  notAdopted(): readonly string[];
  /** After a stop: what was to go to other replicas and did not, by route. */
  leftBehind(): readonly HandOverResult[];
}

/** How often it is looked whether all is delivered. */
const LOOK_MS = 200;

/** Starts all parts, or none: rejects with CollectorError when one can't be started. */
export async function startCollector(config: Config, environment: CollectorEnvironment): Promise<Collector> {
  const { log } = environment;
  const { service, addresses } = config.peers;
  const hasPeers = service !== undefined || addresses.length > 0;
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    phase = "stopping";
    for (const step of stops.splice(0).reverse()) await step();
  };
  let current = config;
  let phase: ReturnType<AdminParts["phase"]> = "starting";
  let status: (() => CollectorStatus) | undefined;
  let page: Console | undefined;
  const telemetry = new Telemetry({
    ...environment,
    config: config.telemetry,
    diskFreeBytesMin: config.journal.freeBytesMin,
    segmentBytesMax: config.journal.segmentBytesMax,
    requestTimeoutMsMax: () => Math.max(...current.routes.map(({ requestTimeoutMs }) => requestTimeoutMs)),
  });
  const observed = { ...environment, observer: telemetry };
  try {
    const admin = await startAdminServer(config.admin.address, {
      ...environment,
      status: () => status?.(),
      phase: () => phase,
      telemetry,
      console: () => page,
      isPlaintextPage: config.admin.plaintextPage,
    });
    stops.push(() => admin.stop());

    const access = await openAccess(config, environment);
    stops.push(() => access.stop());

    const journal = await Journal.open({ ...config.journal, ...observed });
    stops.push(() => journal.close());

    const transport = new GrpcPeerTransport(access.peers);
    const peers = new Peers({
      ...config.peers,
      ...environment,
      collectorId: journal.collectorId,
      addresses: service === undefined ? listedAddresses(addresses) : serviceAddresses(service),
      transport,
      counts: new ReplicaCounts(join(config.journal.directory, "replicas")),
    });
    await peers.start();
    stops.push(() => peers.stop());

    const memory = new RecycledMemory(RECYCLED_BYTES_MAX);
    const departure = new Departure({
      ...environment,
      isAsked: hasPeers && config.shutdown.handOver,
      drainMsMax: config.shutdown.drainMsMax,
      requestBytesMax: config.ingest.requestBytesMax,
      journal,
      routes: () => routes.all,
      receivers: () => peers.reachable(),
      offer: (address, waiting, signal) => transport.handOver(address, waiting, signal),
    });
    stops.push(() => departure.handOver());

    const routes = new Routes({ ...observed, memory, journal, peers, stopMsMax: departure.routeStopMsMax });
    await routes.apply(config.routes, config.journal.forgetRoutes);
    stops.push(() => routes.stop());

    const adoption = new Adoption({
      ...environment,
      folders: config.journal.adoptFrom,
      journal,
      journalOptions: { ...config.journal, ...environment },
      routes: () => routes.all.map((each) => each.config.name),
      requestBytesMax: config.ingest.requestBytesMax,
    });
    adoption.start();
    stops.push(() => adoption.stop());

    const scanLimits = { ...config.ingest, recordsMax: config.ingest.recordsPerRequestMax };
    const ingest = createIngestServer({
      ...config.ingest,
      ...observed,
      memory,
      litter: new Litter(LITTER_BYTES_MAX),
      makesProgress: () => telemetry.problems.length === 0,
      appender: journal,
      collectorId: journal.collectorId,
      scanLimits,
      admissionLimits: { ...ADMISSION_LIMITS_DEFAULT, ...config.ingest },
      credentials: access.serverCredentials,
      authenticator: access.senders,
      connectionLimits: config.ingest,
      tenants: {
        ...tenantLimits(config.tenants, config.journal.bytesMax),
        partsPath: join(config.journal.directory, "tenants"),
      },
      streamLimits: config.ingest,
      ...httpOptions(config, access.tls),
      // Who has no peers hears none: a stranger could claim its part.
      services: hasPeers
        ? [
            peerService((figures) => peers.hear(figures), access.replicas),
            handOverService({
              take: (waiting) => departure.take(waiting),
              limits: scanLimits,
              requestBytesMax: config.ingest.requestBytesMax,
              authenticator: access.replicas,
              onFailure: (reason) => log.error({ err: reason }, "taking over failed in a way nobody foresaw"),
            }),
          ]
        : [],
    });
    const look = (): CollectorStatus => ({
      forecast: { fullSeconds: telemetry.history.fullSeconds(config.journal.bytesMax) },
      ingest: ingest.snapshot(),
      identity: access.status(),
      journal: journal.status(),
      peers: peers.status(),
      routes: routes.all.map((route) => describeRoute(route, journal)),
    });
    status = look;
    await telemetry.start(look, journal.head);
    stops.push(() => telemetry.stop());
    stops.push(() => departure.deliverOn());

    let drained: Promise<void> | undefined;
    const drain = (): Promise<void> => {
      drained ??= ingest.drain(config.shutdown.drainMsMax / 2);
      return drained;
    };
    const administrators = await openAdminAccess(config, environment);
    stops.push(() => administrators.stop());
    const shownRoutes = (): readonly RouteConfig[] => routes.all.map((route) => route.config);
    const tap: Telemetry["tap"] = (listener) => telemetry.tap(listener);
    page = createConsole({
      authenticator: administrators.authenticator,
      telemetry,
      tail: new Tail({ ...environment, journal, routes: shownRoutes, tap }),
      routes: shownRoutes,
      segments: () => journal.listSegments(),
      quarantine: journal.quarantine,
    });
    stops.push(async () => page?.close());
    if (config.admin.pageAddress !== undefined) {
      const pageServer = await startPageServer({
        ...environment,
        address: config.admin.pageAddress,
        tls: administrators.pageFiles,
        console: page,
      });
      stops.push(() => pageServer.stop());
    }
    const control = await startControlServer({
      ...environment,
      address: config.admin.grpcAddress,
      access: administrators,
      journal,
      routes,
      status: look,
      config: () => current,
      drain: () => {
        phase = "draining";
        void drain();
      },
    });
    stops.push(() => control.stop());

    const ingestPort = await listen(ingest.start(), config.ingest.address);
    stops.push(() => {
      departure.begin();
      return drain();
    });
    phase = "running";
    const streams = config.routes.map(({ stream }) => stream);
    log.info(
      { ingest: config.ingest.address, http: config.ingest.httpAddress, admin: config.admin.address, streams },
      "taking logs",
    );
    const reload = async (changed: Config): Promise<void> => {
      // Routes would begin on a journal that is being closed.
      if (phase === "stopping") return;
      await routes.apply(changed.routes, changed.journal.forgetRoutes);
      current = changed;
      const fixed = (
        ["ingest", "identity", "tenants", "journal", "peers", "admin", "telemetry", "log", "shutdown"] as const
      ).filter(
        (section) =>
          !isDeepStrictEqual({ ...changed[section], forgetRoutes: 0 }, { ...config[section], forgetRoutes: 0 }),
      );
      if (fixed.length > 0) log.warn({ sections: fixed }, "changes in these sections take effect at the next start");
      log.info({ routes: changed.routes.map(({ name }) => name) }, "the configuration was read again");
    };
    return {
      ingestPort,
      httpPort: ingest.httpPort,
      adminPort: admin.port,
      controlPort: control.port,
      status: look,
      reload,
      stop,
      leftBehind: () => departure.leftBehind,
      notAdopted: () => adoption.kept,
      untilDelivered: async (signal) => {
        await adoption.done;
        const waits = (): boolean => routes.all.some(({ ledger }) => ledger.cursor < journal.head);
        while (waits() && !signal.aborted) await environment.clock.sleep(LOOK_MS, signal);
      },
    };
  } catch (reason) {
    await stop();
    throw reason;
  }
}

function describeRoute({ config, ledger, pause, status, pace: paceOf }: Route, journal: Journal): RouteStatus {
  const accounts = toLedger(journal.head, ledger);
  const delivery = status();
  const pace = paceOf();
  return {
    route: config.name,
    stream: config.stream,
    paused: pause,
    cursor: ledger.cursor,
    pinnedBytes: journal.bytesFrom(ledger.cursor),
    ledger: accounts,
    taken: journal.handOvers.takenFor(config.name),
    openLogRecords: countOpen(journal.head, ledger),
    quarantine: journal.quarantine.totals(config.name),
    delivery,
    quota: pace.ceiling,
    pace,
    drainSeconds: forecastDrainSeconds(accounts.waiting, delivery.delivered, pace.bytesPerSecond),
  };
}

function httpOptions({ ingest, identity }: Config, files: Access["tls"]): { http?: HttpOptions } {
  const { httpAddress: address, httpCorsOrigins: corsOrigins } = ingest;
  if (address === "off") return {};
  const clients = identity.authorities === undefined ? "none" : identity.clientCertificates;
  const own = { address, corsOrigins, requestsMax: ingest.httpRequestsMax, holdMsMax: ingest.httpHoldMsMax };
  return { http: files === undefined ? own : { ...own, tls: { files, clients } } };
}

async function listen(started: Promise<number>, address: string): Promise<number> {
  try {
    return await started;
  } catch (cause) {
    if (cause instanceof CollectorError) throw cause;
    const words = cause instanceof Error ? cause.message : String(cause);
    // grpc-js tells of each address it tried; the system's own word is what helps.
    const what = `ingest.address ${address} can't be listened on (${/\bE[A-Z]{3,}\b/.exec(words)?.[0] ?? words})`;
    throw new CollectorError("config_invalid", `${what}: is another collector running? Choose another address`, {
      cause,
    });
  }
}
