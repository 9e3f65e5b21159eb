/** The names of a headless Service, asked of a real name server on the loopback. */
import { expect, test } from "bun:test";
import { Resolver } from "node:dns/promises";
import { type NameServer, REFUSED, startNameServer } from "../../testing/name-server.ts";
import { type Resolve, serviceAddresses } from "./peer-transport.ts";

const SERVICE = "standpipe-peers.logs.svc.cluster.local";

/** As the system's resolver: both kinds of address are asked for, and one may be missing. */
function resolveBy(address: string): Resolve {
  return async (name) => {
    // One for each question: unlike the system's it keeps answers.
    const resolver = new Resolver({ timeout: 2_000, tries: 1 });
    resolver.setServers([address]);
    const [four, six] = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
    const found = [four, six].flatMap((each) => (each.status === "fulfilled" ? each.value : []));
    if (found.length === 0 && four.status === "rejected") throw four.reason;
    return found;
  };
}

async function withServer(
  use: (server: NameServer, addresses: () => Promise<readonly string[]>) => Promise<void>,
): Promise<void> {
  const server = await startNameServer();
  try {
    await use(server, serviceAddresses(`${SERVICE}:4317`, resolveBy(server.address)));
  } finally {
    await server.close();
  }
}

test("all addresses of the service are found, and those that come and go", async () => {
  await withServer(async ({ names }, addresses) => {
    names.set(SERVICE, ["10.0.0.2", "10.0.0.3", "fd00::7"]);
    expect([...(await addresses())].sort()).toEqual(["10.0.0.2:4317", "10.0.0.3:4317", "[fd00::7]:4317"]);
    names.set(SERVICE, ["10.0.0.3"]);
    expect(await addresses()).toEqual(["10.0.0.3:4317"]);
    names.set(SERVICE, ["fd00::8"]);
    expect(await addresses()).toEqual(["[fd00::8]:4317"]);
  });
});

test("a service without ready pods, and one that does not exist, is nobody", async () => {
  await withServer(async ({ names }, addresses) => {
    expect(await addresses()).toEqual([]);
    names.set(SERVICE, []);
    expect(await addresses()).toEqual([]);
  });
});

test("a name server that refuses, or does not answer, is a failure and not an empty list", async () => {
  await withServer(async (server, addresses) => {
    server.names.set(SERVICE, ["10.0.0.2"]);
    for (const trouble of [REFUSED, "silent"] as const) {
      server.trouble = trouble;
      await expect(addresses()).rejects.toThrow();
    }
    server.trouble = undefined;
    expect(await addresses()).toEqual(["10.0.0.2:4317"]);
  });
});
