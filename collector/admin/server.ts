/**
 * Status and health over HTTP, read-only, on loopback unless configured otherwise:
 * `/status` (JSON), `/livez` (the process answers), `/readyz` (a write would be accepted).
 */
import { CollectorError } from "../errors.ts";
import { type CollectorStatus, toJson } from "./status.ts";

export interface AdminServer {
  readonly port: number;
  stop(): Promise<void>;
}

/** Listens on `address` (host:port). Throws CollectorError `config_invalid` when that can't be had. */
export function startAdminServer(address: string, status: () => CollectorStatus): AdminServer {
  const at = address.lastIndexOf(":");
  const hostname = address.slice(0, at).replace(/^\[|\]$/g, "");
  const plain = { "content-type": "text/plain" };
  const server = serve({
    hostname,
    port: Number(address.slice(at + 1)),
    // Bun would otherwise share the port with whoever has it, in silence.
    reusePort: false,
    fetch: (request) => {
      const { pathname } = new URL(request.url);
      if (request.method !== "GET" && request.method !== "HEAD") return new Response("read-only\n", { status: 405 });
      if (pathname === "/livez") return new Response("alive\n", { headers: plain });
      if (pathname === "/readyz") {
        const isReady = !status().journal.isFull;
        return new Response(isReady ? "ready\n" : "the journal is full\n", {
          status: isReady ? 200 : 503,
          headers: plain,
        });
      }
      if (pathname === "/status") {
        return new Response(`${toJson(status())}\n`, { headers: { "content-type": "application/json" } });
      }
      return new Response("try /status, /livez or /readyz\n", { status: 404, headers: plain });
    },
    error: () => new Response("the status can't be told now\n", { status: 500, headers: plain }),
  });
  return { port: server.port as number, stop: () => server.stop(true) };

  function serve(options: Parameters<typeof Bun.serve>[0]) {
    try {
      return Bun.serve(options);
    } catch (cause) {
      const what = `admin.address ${address} can't be listened on (${String((cause as { code?: string }).code ?? cause)})`;
      throw new CollectorError("config_invalid", `${what}: is another collector running? Choose another address`, {
        cause,
      });
    }
  }
}
