/**
 * The server of the admin service: a port of its own, since what is behind it can discard logs. The HTTP port beside it
 * (server.ts of admin/) only shows, so that probes and scrapers may reach it where administrators alone may reach this one.
 */
import { Server } from "@grpc/grpc-js";
import { ReflectionService } from "@grpc/reflection";
import type { Clock, Random } from "../../clock.ts";
import { CollectorError } from "../../errors.ts";
import { ConnectionGuard } from "../../identity/connection-guard.ts";
import { createIdentityInterceptor } from "../../identity/interceptor.ts";
import { toStatus } from "../../ingest/boundary.ts";
import type { AdminAccess } from "./access.ts";
import { type ControlParts, createHandlers } from "./handlers.ts";
import { ADMIN_PACKAGES, ADMIN_SERVICE, adminDefinition } from "./protocol.ts";

/** A mended log record is the largest that is sent here: as large as ingest may take. */
const REQUEST_BYTES_MAX = 17 * 1024 * 1024;

const CONNECTION_LIMITS = { connectionsMax: 64, handshakesPerSecondMax: 20, handshakeMsMax: 10_000 };

/** Open calls of one connection. */
const CONCURRENT_STREAMS_MAX = 32;

export interface ControlServerOptions extends ControlParts {
  /** `host:port`; port 0 lets the system choose. */
  readonly address: string;
  readonly access: Pick<AdminAccess, "credentials" | "authenticator">;
  readonly clock: Clock;
  readonly random: Random;
}

export interface ControlServer {
  readonly port: number;
  /** Cuts off who is still connected. */
  stop(): Promise<void>;
}

/** Listens. Rejects with CollectorError `config_invalid` when that can't be had. */
export async function startControlServer(options: ControlServerOptions): Promise<ControlServer> {
  const { address, access, clock, random } = options;
  const identify = createIdentityInterceptor({
    authenticatorOf: () => access.authenticator,
    toStatus: (reason) => toStatus(CollectorError.from(reason), random),
  });
  const server = new Server({
    interceptors: [identify],
    "grpc.max_receive_message_length": REQUEST_BYTES_MAX,
    "grpc.max_concurrent_streams": CONCURRENT_STREAMS_MAX,
    "grpc.keepalive_time_ms": 60_000,
    "grpc.keepalive_timeout_ms": 20_000,
    // forceShutdown() only knows the connections that channelz keeps account of.
    "grpc.enable_channelz": 1,
  });
  server.addService(adminDefinition(), createHandlers(options));
  new ReflectionService(ADMIN_PACKAGES, { services: [ADMIN_SERVICE] }).addToServer(server);
  const guard = new ConnectionGuard(CONNECTION_LIMITS, clock);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, access.credentials, (error, bound) => (error === null ? resolve(bound) : reject(error)));
  }).catch((cause: Error) => {
    const code = /\bE[A-Z]{3,}\b/.exec(cause.message)?.[0] ?? cause.message;
    const what = `admin.grpcAddress ${address} can't be listened on (${code}): is another collector running? Choose another address`;
    throw new CollectorError("config_invalid", what, { cause });
  });
  guard.watch(server);
  return {
    port,
    stop: async () => server.forceShutdown(),
  };
}
