/** Ports for processes that tests and benches start, and that must be named before they run. */
import { createServer } from "node:net";

/** Below the system's own range (Linux: from 32768), so that no outgoing connection takes one meanwhile. */
const PORT_MIN = 20_000;
const PORT_MAX = 32_000;

let next = PORT_MIN + Math.floor(Math.random() * (PORT_MAX - PORT_MIN));

/**
 * A port of 127.0.0.1 that nobody listens on. One process is given each port once, until all of them were given: whoever
 * got one may start to listen much later, and two at random are the same one too often.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = next;
    next = port + 1 < PORT_MAX ? port + 1 : PORT_MIN;
    if (await canListen(port)) return port;
  }
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
