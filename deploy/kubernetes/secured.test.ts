/** The components tls and tokens as collectors get them: replicas that find, hear and relieve each other, and nobody else's. */
import { expect } from "bun:test";
import { join } from "node:path";
import { configKeys } from "../../collector/config/config.ts";
import { Authority, SecretFolder, tlsSecret } from "../../collector/testing/certificates.ts";
import { KUBECTL } from "../../collector/testing/kubernetes-tools.ts";
import { compare } from "../../collector/testing/system/client-load.ts";
import type { Settings } from "../../collector/testing/system/collector-process.ts";
import { startFirehose } from "../../collector/testing/system/observed-firehose.ts";
import { ReplicaSet } from "../../collector/testing/system/replica-set.ts";
import { withFolder } from "../../collector/testing/temporary.ts";
import { testWith } from "../../collector/testing/tools.ts";
import { find, renderWithComponents } from "./objects.ts";

const LIMIT_MS = 120_000;

/** What the two components put into the environment, with the mounted folders where these are. */
function settingsOf(folders: Readonly<Record<string, string>>): Settings {
  const plain = environmentOf([]);
  const added = Object.entries(environmentOf(["tls", "tokens"])).filter(([variable]) => !(variable in plain));
  const settings: Record<string, Record<string, string>> = {};
  for (const [variable, text] of added) {
    const known = configKeys().find((each) => each.variable === variable);
    if (known === undefined) throw new Error(`${variable} is no key of the configuration`);
    const value = Object.entries(folders).reduce((path, [mounted, folder]) => path.replace(mounted, folder), text);
    settings[known.section] = { ...settings[known.section], [known.key]: value };
  }
  return settings;
}

function environmentOf(components: readonly string[]): Record<string, string> {
  return find(renderWithComponents(KUBECTL, "durable", components), "ConfigMap", "standpipe-environment").data;
}

testWith(
  ["kubectl", "openssl"],
  "with TLS and tokens replicas divide the quota and take over from each other; a stranger's token, or a replica's, sends nothing",
  async () => {
    await withFolder(async (directory) => {
      const authority = new Authority(directory);
      const pair = authority.issue("standpipe", { names: "DNS:standpipe,DNS:standpipe.standpipe" });
      const tls = new SecretFolder(join(directory, "tls"), tlsSecret(pair, authority.certificate));
      const tokens = new SecretFolder(join(directory, "tokens"), {
        senders: "shop a-token-of-the-shop\n",
        replicas: "replica a-token-of-the-replicas\n",
        shop: "a-token-of-the-shop",
        stranger: "a-token-of-a-stranger",
        replica: "a-token-of-the-replicas",
      });
      const settings = settingsOf({
        "/etc/standpipe-tls": join(directory, "tls"),
        "/etc/standpipe-tokens": join(directory, "tokens"),
      });
      expect(settings.identity).toEqual({
        certificate: tls.path("tls.crt"),
        key: tls.path("tls.key"),
        tokens: tokens.path("senders"),
      });
      await using firehose = await startFirehose(directory);
      const endpoint = (): string => firehose.local.url;
      const secured = { ...settings, shutdown: { drainMsMax: 8_000 } };
      await using replicas = await ReplicaSet.create({ directory, endpoint, size: 3, settings: secured });
      for (const index of [0, 1, 2]) await replicas.start(index);
      await replicas.untilShared(3);

      const options = (token: string) => ({
        endpoint: `https://standpipe:${replicas.addressOf(0).split(":")[1]}`,
        tls: { caFile: tls.path("ca.crt") },
        bearerTokenFile: tokens.path(token),
      });
      await using load = await replicas.load("shop", options("shop"));
      await load.more(300);
      const down = firehose.local.faults.add({ kind: "outage" });
      await load.more(300);
      expect(await replicas.end(2, "SIGTERM")).toBe(0);
      expect(replicas.said).toContain("handed over to other replicas");
      await replicas.untilShared(2);
      firehose.local.faults.clear(down);
      await load.finish();
      await replicas.untilDelivered();
      expect([load.failures, await compare([firehose], [load])]).toEqual([[], { lost: [], doubled: 0 }]);

      // Their clients keep what they have, and try again with what the file says then.
      const refusals = async (): Promise<number> => {
        const views = (await replicas.views()) as unknown as { identity: { senders: { wrong: number } } }[];
        return views.reduce((sum, { identity }) => sum + identity.senders.wrong, 0);
      };
      const taken = async () => (await replicas.views()).map(({ ingest }) => ingest.acknowledgedRecords);
      const before = await taken();
      for (const token of ["stranger", "replica"]) {
        const refusedBefore = await refusals();
        await using refused = await replicas.load(token, { ...options(token), onDrop: () => undefined });
        while ((await refusals()) <= refusedBefore) await Bun.sleep(10);
        expect(refused.acknowledged.size).toBe(0);
      }
      expect(await taken()).toEqual(before);
    });
  },
  LIMIT_MS,
);
