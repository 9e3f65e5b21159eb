/** A small name server on the loopback, over UDP: what a cluster's DNS answers for the name of a headless Service. */
import { createSocket } from "node:dgram";

const HEADER_BYTES = 12;
const TYPE_A = 1;
const TYPE_AAAA = 28;

/** Response codes (RFC 1035, 4.1.1). */
const NO_ERROR = 0;
const NAME_ERROR = 3;
export const REFUSED = 5;

export interface NameServer {
  /** For `Resolver.setServers`, of a resolver that is made anew for each question: it keeps answers. */
  readonly address: string;
  /** IPv4 and IPv6 addresses by name; a name that is not there does not exist. Can be changed at any time. */
  readonly names: Map<string, readonly string[]>;
  /** Answers everything with this code, where it is set; stays silent where it is "silent". */
  trouble: number | "silent" | undefined;
  close(): Promise<void>;
}

export async function startNameServer(): Promise<NameServer> {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  const server: NameServer = {
    address: `127.0.0.1:${socket.address().port}`,
    names: new Map(),
    trouble: undefined,
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
  socket.on("message", (query, { port, address }) => {
    if (server.trouble === "silent") return;
    socket.send(answer(query, server), port, address);
  });
  return server;
}

function answer(query: Buffer, { names, trouble }: NameServer): Buffer {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += length + 1;
  }
  const type = query.readUInt16BE(at + 1);
  const known = names.get(labels.join(".").toLowerCase());
  const records = (trouble === undefined ? (known ?? []) : []).flatMap((address) => recordOf(address, type));
  const header = Buffer.alloc(HEADER_BYTES);
  query.copy(header, 0, 0, 2);
  // An authoritative answer; recursion was asked for and is there.
  header.writeUInt16BE(
    0x8580 | (trouble === undefined ? (known === undefined ? NAME_ERROR : NO_ERROR) : Number(trouble)),
    2,
  );
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(records.length, 6);
  return Buffer.concat([header, query.subarray(HEADER_BYTES, at + 5), ...records]);
}

function recordOf(address: string, type: number): Buffer[] {
  const isSix = address.includes(":");
  if (type !== (isSix ? TYPE_AAAA : TYPE_A)) return [];
  const data = isSix ? sixteenBytes(address) : Buffer.from(address.split(".").map(Number));
  // The name that was asked for, type, class IN, no time to live, length.
  const fields = Buffer.from([0xc0, HEADER_BYTES, 0, type, 0, 1, 0, 0, 0, 0, 0, data.length]);
  return [Buffer.concat([fields, data])];
}

/** Of an IPv6 address with one `::` at most. */
function sixteenBytes(address: string): Buffer {
  const [head = "", tail] = address.split("::");
  const groups = (text: string): number[] =>
    text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const all = [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}
