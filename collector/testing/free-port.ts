/** Ports for processes that tests and benches start, and that must be named before they run. */
import { createServer } from "node:net";

/** Below the system's own range (Linux: from 32768), so that no outgoing connection takes one meanwhile. */
const PORT_MIN = 20_000;
const BLOCK_PORTS = 200;
const BLOCKS = 60;

const first = Math.floor(Math.random() * BLOCKS);
let tried = 0;
/** Of the blocks that this process has. */
const own: number[] = [];
let next = 0;
let taking: Promise<void> | undefined;

/**
 * A port of 127.0.0.1 that nobody listens on. One process is given each port once, until all of them were given: whoever
 * got one may start to listen much later, and two at random are the same one too often. Nor does another process that asks
 * here get it: ports come in blocks, and who listens on the first port of a block has it for as long as it lives.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = own[next];
    if (port === undefined) {
      // One for all who ask at once.
      taking ??= takeBlock().finally(() => {
        taking = undefined;
      });
      await taking;
      continue;
    }
    next++;
    if (await canListen(port)) return port;
  }
}

async function takeBlock(): Promise<void> {
  while (tried < BLOCKS) {
    const base = PORT_MIN + ((first + tried++) % BLOCKS) * BLOCK_PORTS;
    if (!(await hold(base))) continue;
    for (let port = base + 1; port < base + BLOCK_PORTS; port++) own.push(port);
    return;
  }
  if (own.length === 0) throw new Error("other processes have all ports that tests may use: end some of them");
  next = 0;
}

/** For the rest of this process's life, and without keeping it alive. */
function hold(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => resolve(true));
    server.unref();
  });
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
