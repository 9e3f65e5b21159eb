/** The process that the load comes from: does one order after the other (orders.ts), as main.ts gives them. */
import { open } from "node:fs/promises";
import { systemClock } from "../clock.ts";
import { Connection } from "./connection.ts";
import { createSupply, type Frame, type LoadResult, pace, saturate } from "./load.ts";
import { LARGE_RECORDS, type Order, type Reply, SMALL_RECORDS } from "./orders.ts";
import { createRequests } from "./requests.ts";

type Supply = () => Frame;

/** How long after the end of the load an answer may come: far beyond any deadline that clients set. */
const ANSWER_MS_MAX = 60_000;

let large: Supply = nothing;
let small: Supply = nothing;
/** By target: connections are kept, as clients keep them. */
const connections = new Map<string, Connection[]>();

function nothing(): never {
  throw new Error("the loader was not prepared");
}

process.on("message", (order: Order) => {
  void carryOut(order).then(
    (reply) => process.send?.(reply),
    (reason: unknown) => process.send?.({ kind: "failed", reason: String(reason) } satisfies Reply),
  );
});
// Whoever gave the orders is gone.
process.on("disconnect", () => process.exit(0));

async function carryOut(order: Order): Promise<Reply> {
  if (order.kind === "prepare") {
    const { seed } = order;
    large = createSupply(createRequests({ count: order.large, recordsEach: LARGE_RECORDS, seed }));
    small = createSupply(createRequests({ count: order.small, recordsEach: SMALL_RECORDS, seed: seed + 1 }));
    return { kind: "ready" };
  }
  return { kind: "done", result: await inTime(load(order), order.durationMs + ANSWER_MS_MAX) };
}

/** A call that is never answered must not keep the bench for ever. */
async function inTime<T>(work: Promise<T>, ms: number): Promise<T> {
  const finished = new AbortController();
  const late = systemClock.sleep(ms, finished.signal).then(() => undefined);
  const result = await Promise.race([work, late]);
  finished.abort();
  if (result === undefined) throw new Error("calls were still open a minute after the load had ended");
  return result;
}

async function load(order: Exclude<Order, { kind: "prepare" }>): Promise<LoadResult> {
  if (order.kind === "write") return await writeSynced(order);
  const open = connectionsTo(order.target, order.connections);
  if (order.kind === "saturate") return await saturate({ ...order, connections: open, supply: large });
  const send = (frame: Frame, turn: number) => (open[turn % open.length] as Connection).send(frame.bytes);
  return await pace({ ...order, supply: small, send });
}

function connectionsTo(target: string, count: number): Connection[] {
  const open = connections.get(target) ?? [];
  while (open.length < count) open.push(new Connection(target));
  connections.set(target, open);
  return open.slice(0, count);
}

/** One writer, as a journal has: a write waits for the one before. */
async function writeSynced(order: Extract<Order, { kind: "write" }>): Promise<LoadResult> {
  const file = await open(order.path, "a");
  let last: Promise<0> = Promise.resolve(0);
  const write = async (before: Promise<0>, frame: Frame): Promise<0> => {
    await before;
    await file.write(frame.bytes);
    await file.datasync();
    return 0;
  };
  const send = (frame: Frame): Promise<0> => {
    last = write(last, frame);
    return last;
  };
  try {
    return await pace({ ...order, supply: small, send });
  } finally {
    await file.close();
  }
}
