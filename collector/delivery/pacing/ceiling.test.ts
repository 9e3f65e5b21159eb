import { expect, test } from "bun:test";
import fc from "fast-check";
import { pino } from "pino";
import { recordingLog } from "../../testing/delivery-rig.ts";
import { VirtualClock } from "../../testing/virtual-clock.ts";
import { type Ceiling, CeilingFinder, type CeilingOptions, decideCeiling, type QuotaSources } from "./ceiling.ts";

const MIB = 1_048_576;
const POLL_MS = 60_000;

function setUp(sources: Partial<QuotaSources> = {}, options: Partial<CeilingOptions> = {}) {
  const clock = new VirtualClock();
  const changes: Ceiling[] = [];
  const { log, lines } = recordingLog((stream) => pino({ level: "info" }, stream));
  const finder = new CeilingFinder({
    configured: {},
    pollMs: POLL_MS,
    clock,
    random: () => 0.5,
    log,
    onChange: (ceiling) => changes.push(ceiling),
    ...options,
    sources: {
      hasAccount: true,
      region: async () => "ap-northeast-1",
      streamLimits: async () => undefined,
      accountQuota: async () => undefined,
      ...sources,
    },
  });
  return { clock, changes, lines, finder };
}

const denied = Object.assign(new Error("not authorized"), { name: "AccessDeniedException" });
const refuse = async (): Promise<never> => {
  throw denied;
};

test("the first step that knows the bytes wins, and the others follow in the region's proportions", () => {
  const region = "us-east-1";
  const stream = { bytesPerSecond: 10 * MIB, requestsPerSecond: 4_001 };
  const account = { bytesPerSecond: 3 * MIB };
  const configured = { bytesPerSecond: 2 * MIB };
  expect(decideCeiling({ configured, region, stream, account })).toEqual({
    source: "configuration",
    quota: { bytesPerSecond: 2 * MIB, recordsPerSecond: 200_000, requestsPerSecond: 800 },
  });
  expect(decideCeiling({ configured: {}, region, stream, account })).toEqual({
    source: "cloudwatch",
    quota: { bytesPerSecond: 10 * MIB, recordsPerSecond: 1_000_000, requestsPerSecond: 4_001 },
  });
  expect(decideCeiling({ configured: {}, region, account }).source).toBe("service_quotas");
  expect(decideCeiling({ configured: {}, region })).toEqual({
    source: "region",
    quota: { bytesPerSecond: 5 * MIB, recordsPerSecond: 500_000, requestsPerSecond: 2_000 },
  });
  expect(decideCeiling({ configured: {} })).toEqual({
    source: "default",
    quota: { bytesPerSecond: MIB, recordsPerSecond: 100_000, requestsPerSecond: 1_000 },
  });
});

test("a configured figure goes before the found one, each for itself", () => {
  const stream = { bytesPerSecond: 4 * MIB, recordsPerSecond: 9, requestsPerSecond: 8 };
  const { source, quota } = decideCeiling({ configured: { requestsPerSecond: 50 }, stream });
  expect({ source, ...quota }).toEqual({
    source: "cloudwatch",
    bytesPerSecond: 4 * MIB,
    recordsPerSecond: 9,
    requestsPerSecond: 50,
  });
});

test("whatever was found, every figure of the ceiling is a positive number", () => {
  const figure = fc.option(fc.double(), { nil: undefined });
  const partial = fc.record({ bytesPerSecond: figure, recordsPerSecond: figure, requestsPerSecond: figure });
  const region = fc.option(fc.constantFrom("us-east-1", "eu-north-1"), { nil: undefined });
  fc.assert(
    fc.property(partial, partial, partial, region, (configured, stream, account, of) => {
      const { quota } = decideCeiling({ configured, stream, account, region: of });
      for (const value of Object.values(quota)) expect(value > 0 && Number.isFinite(value)).toBe(true);
    }),
  );
});

test("a configured quota is in force at once, and nobody is asked", async () => {
  let asked = 0;
  const count = async (): Promise<undefined> => {
    asked += 1;
  };
  const configured = { bytesPerSecond: 7 * MIB };
  const rig = setUp({ region: count, streamLimits: count, accountQuota: count }, { configured });
  rig.finder.start();
  await rig.clock.advance(10 * POLL_MS);
  expect(rig.finder.ceiling).toMatchObject({ source: "configuration", quota: { bytesPerSecond: 7 * MIB } });
  expect(asked).toBe(0);
  await rig.finder.stop();
});

test("a limit that moves is followed with the next poll, and told only when it moves", async () => {
  let limit = 2 * MIB;
  const rig = setUp({ streamLimits: async () => ({ bytesPerSecond: limit }) });
  rig.finder.start();
  await rig.clock.advance(0);
  await rig.clock.advance(5 * POLL_MS);
  expect(rig.changes.map(({ quota }) => quota.bytesPerSecond)).toEqual([2 * MIB]);
  limit = 4 * MIB;
  await rig.clock.advance(POLL_MS);
  expect(rig.changes.map(({ quota }) => quota.bytesPerSecond)).toEqual([2 * MIB, 4 * MIB]);
  expect(rig.finder.ceiling.source).toBe("cloudwatch");
  await rig.finder.stop();
});

test("where all are forbidden the region's quota is in force, and each says so once", async () => {
  const rig = setUp({ region: async () => "eu-west-1", streamLimits: refuse, accountQuota: refuse });
  rig.finder.start();
  await rig.clock.advance(20 * POLL_MS);
  expect(rig.finder.ceiling).toMatchObject({ source: "region", quota: { bytesPerSecond: 5 * MIB } });
  const warnings = rig.lines.filter(({ level }) => level === 40);
  expect(warnings).toMatchObject([
    { step: "cloudwatch", reason: "AccessDeniedException: not authorized", goesOnWith: "region" },
    { step: "service_quotas", reason: "AccessDeniedException: not authorized", goesOnWith: "region" },
  ]);
  expect(warnings.map(({ msg }) => msg)).toEqual([
    expect.stringContaining("allow cloudwatch:GetMetricData"),
    expect.stringContaining("allow servicequotas:ListServiceQuotas"),
  ]);
  await rig.finder.stop();
});

test("what no policy would mend is not answered with a policy", async () => {
  const fail = async (): Promise<never> => {
    throw Object.assign(new Error("Could not load credentials from any providers"), {
      name: "CredentialsProviderError",
    });
  };
  const rig = setUp({ streamLimits: fail, accountQuota: fail });
  rig.finder.start();
  await rig.clock.advance(POLL_MS);
  const advice = rig.lines.filter(({ level }) => level === 40).map(({ msg }) => msg);
  expect(advice).toHaveLength(2);
  for (const words of advice) expect(words).not.toContain("allow");
  await rig.finder.stop();
});

test("where even the region is unknown, 1 MiB/s is in force, nobody else is asked, and one line says why", async () => {
  let asked = 0;
  const count = async (): Promise<never> => {
    asked += 1;
    return refuse();
  };
  const rig = setUp({ region: refuse, streamLimits: count, accountQuota: count });
  rig.finder.start();
  await rig.clock.advance(20 * POLL_MS);
  expect(rig.finder.ceiling).toMatchObject({ source: "default", quota: { bytesPerSecond: MIB } });
  expect(asked).toBe(0);
  expect(rig.lines.filter(({ level }) => level === 40)).toMatchObject([
    { step: "region", msg: expect.stringContaining("AWS_REGION") },
  ]);
  await rig.finder.stop();
});

test("the account's quota is in force while the stream's is unknown, and is asked for until it answers", async () => {
  let asked = 0;
  let limit: number | undefined;
  const rig = setUp({
    streamLimits: async () => (limit === undefined ? undefined : { bytesPerSecond: limit }),
    accountQuota: async () => {
      asked += 1;
      return asked < 3 ? refuse() : { bytesPerSecond: 3 * MIB };
    },
  });
  rig.finder.start();
  await rig.clock.advance(10 * POLL_MS);
  expect(rig.finder.ceiling).toMatchObject({ source: "service_quotas", quota: { bytesPerSecond: 3 * MIB } });
  expect(asked).toBe(3);
  limit = 6 * MIB;
  await rig.clock.advance(POLL_MS);
  expect(rig.finder.ceiling).toMatchObject({ source: "cloudwatch", quota: { bytesPerSecond: 6 * MIB } });
  await rig.finder.stop();
});

test("what CloudWatch has said stays in force when it fails, and both the failure and its end are said", async () => {
  let limits: () => Promise<{ bytesPerSecond: number } | undefined> = async () => ({ bytesPerSecond: 8 * MIB });
  const rig = setUp({ streamLimits: () => limits() });
  rig.finder.start();
  await rig.clock.advance(POLL_MS);
  limits = refuse;
  await rig.clock.advance(5 * POLL_MS);
  expect(rig.finder.ceiling).toMatchObject({ source: "cloudwatch", quota: { bytesPerSecond: 8 * MIB } });
  limits = async () => ({ bytesPerSecond: 8 * MIB });
  await rig.clock.advance(2 * POLL_MS);
  const told = rig.lines.filter(({ step }) => step === "cloudwatch").map(({ level }) => level);
  expect(told).toEqual([40, 30]);
  await rig.finder.stop();
});

test("a step that never answers is given up, the next ones are asked, and a stop does not wait for it", async () => {
  const never = () => new Promise<never>(() => undefined);
  const rig = setUp({
    region: async () => "eu-west-1",
    streamLimits: never,
    accountQuota: async () => ({ bytesPerSecond: 9 * MIB }),
  });
  rig.finder.start();
  await rig.clock.advance(10_000);
  expect(rig.finder.ceiling).toMatchObject({ source: "service_quotas", quota: { bytesPerSecond: 9 * MIB } });
  await rig.clock.advance(POLL_MS + 1_000);
  // In the middle of a question.
  const stopped = rig.finder.stop();
  await rig.clock.advance(0);
  await stopped;
  expect(rig.lines.filter(({ step }) => step === "cloudwatch")).toMatchObject([
    { reason: "Error: no answer within 5000 ms" },
  ]);
});

test("a quota that is configured later takes over, and one that is taken away is looked for", async () => {
  const rig = setUp(
    { streamLimits: async () => ({ bytesPerSecond: 2 * MIB }) },
    { configured: { bytesPerSecond: MIB } },
  );
  rig.finder.start();
  rig.finder.configure({});
  await rig.clock.advance(POLL_MS);
  expect(rig.finder.ceiling).toMatchObject({ source: "cloudwatch", quota: { bytesPerSecond: 2 * MIB } });
  rig.finder.configure({ bytesPerSecond: 3 * MIB });
  await rig.clock.advance(5 * POLL_MS);
  expect(rig.finder.ceiling).toMatchObject({ source: "configuration", quota: { bytesPerSecond: 3 * MIB } });
  await rig.finder.stop();
});
