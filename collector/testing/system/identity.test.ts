/**
 * Who may send, with real processes: certificates and tokens that change under load without one failed export; and
 * callers that show nothing, something wrong, old or foreign, of whom nothing reaches the journal.
 */
import { expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { EXPORT_PATH, logsRequest } from "../../ingest/fixture.ts";
import { Authority, type Pair, SecretFolder, tlsSecret } from "../certificates.ts";
import { withFolder } from "../temporary.ts";
import { testWith } from "../tools.ts";
import { CollectorProcess, freePorts, type Settings } from "./collector-process.ts";
import { startFirehose } from "./observed-firehose.ts";

const LIMIT_MS = 120_000;
const RECORDS = 10;

/** The part of `/status` that these tests look at. */
interface IdentityView {
  readonly ingest: {
    readonly acknowledgedRecords: number;
    readonly connections: Record<string, number>;
    readonly httpConnections: Record<string, number>;
  };
  readonly identity: {
    readonly files: readonly { readonly what: string; readonly changes: number; readonly problem?: string }[];
    readonly senders: Record<string, number>;
  };
  readonly journal: { readonly head: number };
}

async function viewOf(collector: CollectorProcess): Promise<IdentityView> {
  return (await collector.status()) as unknown as IdentityView;
}

interface Shown {
  readonly authority: Buffer;
  readonly pair?: Pair;
  readonly token?: string;
}

function clientOf(port: number, { authority, pair }: Shown): Client {
  const shown = credentials.createSsl(authority, pair?.key ?? null, pair?.certificate ?? null);
  return new Client(`localhost:${port}`, shown, { "grpc.use_local_subchannel_pool": 1 });
}

function exportWith(
  client: Client,
  token: string | undefined,
  request = logsRequest(RECORDS),
  deadlineMs = 60_000,
): Promise<status> {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set("authorization", `Bearer ${token}`);
  const asItIs = (bytes: Buffer): Buffer => bytes;
  const deadline = Date.now() + deadlineMs;
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      EXPORT_PATH,
      asItIs,
      asItIs,
      request,
      metadata,
      { deadline },
      (error: ServiceError | null) => resolve(error?.code ?? status.OK),
    );
  });
}

async function exportOnce(port: number, shown: Shown): Promise<status> {
  const client = clientOf(port, shown);
  try {
    return await exportWith(client, shown.token);
  } finally {
    client.close();
  }
}

/** Sends on connections of its own, a new one for every few exports, with what `shown` says at the time. */
async function load(port: number, shown: () => Shown, ends: AbortSignal): Promise<Map<status, number>> {
  const codes = new Map<status, number>();
  while (!ends.aborted) {
    const now = shown();
    const client = clientOf(port, now);
    for (let each = 0; each < 5; each++) {
      const code = await exportWith(client, now.token);
      codes.set(code, (codes.get(code) ?? 0) + 1);
    }
    client.close();
  }
  return codes;
}

/** The same over HTTP: how often which answer came. */
async function loadHttp(port: number, shown: () => Shown, ends: AbortSignal): Promise<Map<number | string, number>> {
  const answers = new Map<number | string, number>();
  while (!ends.aborted) {
    const answer = await postOnce(port, shown());
    answers.set(answer, (answers.get(answer) ?? 0) + 1);
  }
  return answers;
}

/** The status, or why there is none. */
async function postOnce(port: number, { authority, pair, token }: Shown): Promise<number | string> {
  try {
    const { status } = await fetch(`https://localhost:${port}/v1/logs`, {
      method: "POST",
      body: logsRequest(RECORDS),
      headers: {
        "content-type": "application/x-protobuf",
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      keepalive: false,
      tls: { ca: authority, ...(pair === undefined ? {} : { cert: pair.certificate, key: pair.key }) },
    });
    return status;
  } catch (error) {
    return String(error);
  }
}

testWith(
  ["openssl"],
  "certificates, authorities and tokens change under load, and no export fails; the old ones are refused afterwards",
  async () => {
    await withFolder(async (directory) => {
      await using firehose = await startFirehose(directory);
      // As a careful operator does it: both authorities are believed for as long as both are in use.
      const [old, young] = [new Authority(directory, "old"), new Authority(directory, "young")];
      const both = Buffer.concat([old.certificate, young.certificate]);
      const secret = new SecretFolder(join(directory, "secret"), tlsSecret(old.issue("server"), old.certificate));
      const tokens = join(directory, "tokens");
      writeFileSync(tokens, "shop the-first-token-of-shop\n");
      const settings: Settings = {
        identity: {
          certificate: secret.path("tls.crt"),
          key: secret.path("tls.key"),
          authorities: secret.path("ca.crt"),
          tokens,
        },
      };
      const ports = await freePorts();
      await using collector = await CollectorProcess.start({
        directory,
        endpoint: firehose.local.url,
        ports,
        settings,
      });
      const changesSeen = async (what: string, changes: number): Promise<void> => {
        for (;;) {
          const { identity } = await viewOf(collector);
          if ((identity.files.find((each) => each.what === what)?.changes ?? 0) >= changes) return;
          await Bun.sleep(20);
        }
      };
      const [oldPair, youngPair] = [old.issue("client"), young.issue("client")];
      let shown: Shown = { authority: both, pair: oldPair, token: "the-first-token-of-shop" };
      const ends = new AbortController();
      const loads = Array.from({ length: 4 }, () => load(ports.ingest, () => shown, ends.signal));
      const overHttp = loadHttp(ports.http, () => shown, ends.signal);

      secret.write({ "ca.crt": both });
      await changesSeen("the certificate of ingest", 1);
      secret.write(tlsSecret(young.issue("server"), both));
      await changesSeen("the certificate of ingest", 2);
      writeFileSync(tokens, "shop the-first-token-of-shop\nshop the-second-token-of-shop\n");
      await changesSeen("the file of tokens", 1);
      const before = shown;
      shown = { authority: young.certificate, pair: youngPair, token: "the-second-token-of-shop" };
      // A bad pair in between changes nothing but the log.
      secret.write({ "tls.key": "no key" });
      while ((await viewOf(collector)).identity.files[0]?.problem === undefined) await Bun.sleep(20);
      await Bun.sleep(200);
      ends.abort();
      const codes = await Promise.all(loads);
      for (const each of codes) expect([...each.keys()]).toEqual([status.OK]);
      const answers = await overHttp;
      expect([...answers.keys()]).toEqual([200]);

      secret.write(tlsSecret(young.issue("server"), young.certificate));
      await changesSeen("the certificate of ingest", 3);
      writeFileSync(tokens, "shop the-second-token-of-shop\n");
      await changesSeen("the file of tokens", 2);
      expect(await exportOnce(ports.ingest, { ...before, pair: youngPair })).toBe(status.UNAUTHENTICATED);
      expect(await exportOnce(ports.ingest, before)).toBe(status.UNAVAILABLE);
      expect(await exportOnce(ports.ingest, shown)).toBe(status.OK);
      expect(await postOnce(ports.http, { ...before, pair: youngPair })).toBe(401);
      expect(await postOnce(ports.http, before)).toBeString();
      expect(await postOnce(ports.http, shown)).toBe(200);
      const calls = [...codes.flatMap((each) => [...each.values()]), ...answers.values()];
      const acknowledged = calls.reduce((sum, each) => sum + each, 2) * RECORDS;
      const { journal } = await viewOf(collector);
      expect(journal.head).toBe(acknowledged);
    });
  },
  LIMIT_MS,
);

testWith(
  ["openssl"],
  "who shows nothing, something wrong, foreign or not allowed is told so and counted, and nothing of it is journalled",
  async () => {
    await withFolder(async (directory) => {
      await using firehose = await startFirehose(directory);
      const [ours, theirs] = [new Authority(directory, "ours"), new Authority(directory, "theirs")];
      const secret = new SecretFolder(join(directory, "secret"), tlsSecret(ours.issue("server"), ours.certificate));
      const tokens = join(directory, "tokens");
      writeFileSync(tokens, "shop a-token-of-the-shop\nbakery a-token-of-the-bakery\n");
      const settings: Settings = {
        ingest: { handshakeMsMax: 5_000 },
        identity: {
          certificate: secret.path("tls.crt"),
          key: secret.path("tls.key"),
          authorities: secret.path("ca.crt"),
          clientCertificates: "optional",
          tokens,
          tenants: "shop,shop/payments",
        },
      };
      const ports = await freePorts();
      await using collector = await CollectorProcess.start({
        directory,
        endpoint: firehose.local.url,
        ports,
        settings,
      });
      const authority = ours.certificate;
      const payments = ours.issue("x", { names: "URI:spiffe://cluster.local/ns/shop/sa/payments" });
      const cases: [Omit<Shown, "authority">, status][] = [
        [{}, status.UNAUTHENTICATED],
        [{ token: "a-token-of-the-shoq" }, status.UNAUTHENTICATED],
        [{ token: "a.b.c" }, status.UNAUTHENTICATED],
        [{ token: "a-token-of-the-bakery" }, status.PERMISSION_DENIED],
        [{ pair: theirs.issue("shop") }, status.UNAUTHENTICATED],
        [{ pair: ours.issue("shop", { names: "DNS:shop", days: -1 }) }, status.UNAUTHENTICATED],
        [{ pair: ours.issue("bakery", { names: "" }) }, status.PERMISSION_DENIED],
        // A wrong token is not made good by a certificate.
        [{ pair: payments, token: "a-token-of-the-shoq" }, status.UNAUTHENTICATED],
      ];
      for (const [shown, code] of cases) expect(await exportOnce(ports.ingest, { authority, ...shown })).toBe(code);
      const http: Partial<Record<status, number>> = { [status.UNAUTHENTICATED]: 401, [status.PERMISSION_DENIED]: 403 };
      for (const [shown, code] of cases)
        expect(await postOnce(ports.http, { authority, ...shown })).toBe(http[code] ?? 0);
      // Without TLS there is nobody to talk to.
      const plain = new Client(`localhost:${ports.ingest}`, credentials.createInsecure());
      expect(await exportWith(plain, "a-token-of-the-shop")).toBe(status.UNAVAILABLE);
      plain.close();
      // Who opens and says nothing, or a byte at a time, is cut off, and the others do not notice.
      const mute = Array.from({ length: 50 }, (_, each) => connect(each % 2 ? ports.ingest : ports.http, "127.0.0.1"));
      const closed = Promise.all(
        mute.map((socket) => new Promise<void>((resolve) => socket.on("close", () => resolve()))),
      );
      for (const socket of mute) socket.on("error", () => undefined);
      const trickle = setInterval(() => {
        for (const socket of mute.slice(0, 25)) socket.write("\u0016");
      }, 100);
      expect((await viewOf(collector)).journal.head).toBe(0);
      expect(await exportOnce(ports.ingest, { authority, token: "a-token-of-the-shop" })).toBe(status.OK);
      expect(await exportOnce(ports.ingest, { authority, pair: payments })).toBe(status.OK);
      expect(await postOnce(ports.http, { authority, pair: payments })).toBe(200);
      await closed;
      clearInterval(trickle);
      const { journal, identity, ingest } = await viewOf(collector);
      expect(journal.head).toBe(3 * RECORDS);
      expect(identity.senders).toMatchObject({ missing: 6, wrong: 6, not_allowed: 4 });
      expect(ingest.connections.halfOpen).toBeGreaterThan(0);
      expect(ingest.httpConnections.halfOpen).toBeGreaterThan(0);
      expect(collector.log).not.toContain("a-token-of-the");
    });
  },
  LIMIT_MS,
);

testWith(
  ["openssl"],
  "a noisy tenant fills its own part of the journal and no other's, and a restart gives it no second part",
  async () => {
    await withFolder(async (directory) => {
      await using firehose = await startFirehose(directory);
      const outage = firehose.local.faults.add({ kind: "error", error: "service_unavailable" });
      const authority = new Authority(directory);
      const secret = new SecretFolder(
        join(directory, "secret"),
        tlsSecret(authority.issue("server"), authority.certificate),
      );
      const tokens = join(directory, "tokens");
      writeFileSync(tokens, "noisy a-token-of-the-noisy-one\nquiet a-token-of-the-quiet-one\n");
      const options = {
        directory,
        endpoint: firehose.local.url,
        ports: await freePorts(),
        settings: {
          ingest: { holdMsMax: 300 },
          journal: { bytesMax: "64MiB", compression: "none" },
          identity: { certificate: secret.path("tls.crt"), key: secret.path("tls.key"), tokens },
          tenants: { limits: JSON.stringify([{ tenant: "noisy", journalPercentMax: 25 }]) },
        },
      } as const;
      const noise = logsRequest(1, 1_000_000);
      const send = async (token: string, request: Buffer): Promise<status> => {
        const client = clientOf(options.ports.ingest, { authority: authority.certificate });
        try {
          return await exportWith(client, token, request, Number.POSITIVE_INFINITY);
        } finally {
          client.close();
        }
      };
      const fill = async (): Promise<number> => {
        for (let count = 0; ; count++) {
          const code = await send("a-token-of-the-noisy-one", noise);
          if (code === status.OK) continue;
          expect(code).toBe(status.RESOURCE_EXHAUSTED);
          return count;
        }
      };
      const first = await CollectorProcess.start(options);
      // A quarter of 64 MiB, in requests of 1 MB.
      expect(await fill()).toBe(16);
      expect(await send("a-token-of-the-quiet-one", noise)).toBe(status.OK);
      expect(await first.end("SIGTERM")).toBe(0);

      await using second = await CollectorProcess.start(options);
      expect(await fill()).toBe(0);
      expect(await send("a-token-of-the-quiet-one", noise)).toBe(status.OK);
      firehose.local.faults.clear(outage);
      await second.until(({ routes, journal }) => routes[0].ledger.waiting === 0 && journal.segments <= 1);
      expect(await send("a-token-of-the-noisy-one", noise)).toBe(status.OK);
    });
  },
  LIMIT_MS,
);
