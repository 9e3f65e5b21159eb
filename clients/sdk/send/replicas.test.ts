import { expect, test } from "bun:test";
import { connect } from "../client.ts";
import { FakeCollector } from "../fake-collector.ts";

const LIMIT_MS = 30_000;
const RETRY = { initialDelayMs: 5, delayMsMax: 50 };

/** Collectors on one port of several loopback addresses, as a headless service has them. */
async function startService(count: number): Promise<{ collectors: FakeCollector[]; ips: string[]; port: number }> {
  const ips = Array.from({ length: count }, (_, index) => `127.0.0.${index + 1}`);
  const first = await new FakeCollector().start(undefined, ips[0]);
  const others = ips.slice(1).map((ip) => {
    const collector = new FakeCollector();
    collector.port = first.port;
    return collector.start(undefined, ip);
  });
  return { collectors: [first, ...(await Promise.all(others))], ips, port: first.port };
}

for (const transport of ["stream", "unary"] as const) {
  test(
    `${transport}: all addresses of a name are used in turn`,
    async () => {
      const { collectors, ips, port } = await startService(3);
      const resolve = async () => ips;
      const client = await connect({ endpoint: `standpipe:${port}`, resolve, transport, batch: { recordsMax: 1 } });
      // Until all three are connected the first ones get more.
      while (client.status().replicas.filter(({ state }) => state === "ready").length < 3) {
        await client.send({ body: "warm" });
      }
      const before = collectors.map(({ taken }) => taken.length);
      await Promise.all(Array.from({ length: 300 }, (_, index) => client.send({ body: index })));
      const shares = collectors.map(({ taken }, index) => taken.length - (before[index] ?? 0));
      for (const share of shares) expect(share).toBeGreaterThan(60);
      await client.close();
      for (const collector of collectors) collector.die();
    },
    LIMIT_MS,
  );

  test(
    `${transport}: one that is dead, and one that is new, are both found out`,
    async () => {
      const { collectors, ips, port } = await startService(2);
      let names = ips;
      const resolve = async () => names;
      const client = await connect({ endpoint: `standpipe:${port}`, resolve, transport, retry: RETRY });
      await client.send({ body: "first" });
      collectors[0]?.die();
      for (let index = 0; index < 20; index++) await client.send({ body: index });
      const late = new FakeCollector();
      late.port = port;
      await late.start(undefined, "127.0.0.9");
      names = ["127.0.0.9"];
      collectors[1]?.die();
      for (let index = 20; index < 40; index++) await client.send({ body: index });
      expect(late.taken.length).toBeGreaterThan(0);
      while (client.status().replicas.length > 1) await client.send({ body: "more" });
      expect(client.status().replicas.map(({ address }) => address)).toEqual([`127.0.0.9:${port}`]);
      const bodies = [...collectors, late].flatMap(({ bodies: all }) => all);
      for (let index = 0; index < 40; index++) expect(bodies).toContain(String(index));
      await client.close();
      late.die();
    },
    LIMIT_MS,
  );
}

test(
  "a name that does not resolve is asked for again, and its reason told",
  async () => {
    using collector = await new FakeCollector().start();
    let isKnown = false;
    const resolve = async (): Promise<string[]> => {
      if (!isKnown) throw new Error("queryA ENOTFOUND standpipe");
      return ["127.0.0.1"];
    };
    await using client = await connect({ endpoint: `standpipe:${collector.port}`, resolve });
    const told = new Promise<string>((tell) => client.events.once("unresolved", ({ reason }) => tell(reason)));
    const sent = client.send({ body: "a" });
    expect(await told).toContain("ENOTFOUND");
    isKnown = true;
    expect((await sent).records).toBe(1);
  },
  LIMIT_MS,
);

test(
  "of very many addresses only some are used",
  async () => {
    const { collectors, ips, port } = await startService(4);
    const resolve = async () => ips;
    const options = { endpoint: `standpipe:${port}`, resolve, replicasMax: 2, random: () => 0.99 };
    const client = await connect(options);
    await client.send({ body: "a" });
    expect(client.status().replicas.length).toBe(2);
    await client.close();
    for (const collector of collectors) collector.die();
  },
  LIMIT_MS,
);
