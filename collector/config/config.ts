/**
 * The configuration: one schema, from which types, defaults, bounds, environment names and the reference page derive.
 *
 * Environment over file over default. An unknown key in either is an error, all problems are told at once, and the
 * result is frozen. Secrets are not part of it: AWS credentials come from the SDK's default chain.
 */
import { parse, YAMLParseError } from "yaml";
import { z } from "zod";
import { CollectorError } from "../errors.ts";
import { FIREHOSE_DEAGGREGATED_LINES_MAX, FIREHOSE_RECORD_BYTES_MAX } from "../limits.ts";
import { admin, adminRelations } from "./admin.ts";
import { identity, identityRelations, peerIdentityKeys } from "./identity.ts";
import { ingest } from "./ingest.ts";
import { lineKeys } from "./lines.ts";
import { pacingKeys } from "./pacing.ts";
import { telemetry } from "./telemetry.ts";
import { tenantRelations, tenants } from "./tenants.ts";
import {
  anyBytes,
  anyInteger,
  bytes,
  choicesOf,
  GIB,
  hostAndPort,
  integer,
  KIB,
  MIB,
  names,
  nearest,
  url,
  yesOrNo,
} from "./values.ts";

const journal = z.strictObject({
  directory: z.string().min(1).default("./journal").describe("The journal's folder. One process at a time."),
  bytesMax: bytes(16 * MIB, 1024 * 1024 * GIB, 10 * GIB).describe(
    "Bytes on disk; beyond it senders are held, then refused.",
  ),
  freeBytesMin: bytes(MIB, 1024 * GIB, 64 * MIB).describe("Bytes that stay free on the disk."),
  segmentBytesMax: bytes(MIB, 32 * MIB, 4 * MIB).describe("Size of a segment: the unit in which space comes back."),
  commitBytesMax: bytes(64 * KIB, 4 * MIB, 512 * KIB).describe(
    "Bytes of requests that one synced write holds together.",
  ),
  compression: z
    .enum(["none", "zstd"], "must be none or zstd")
    .default("zstd")
    .describe("How entries are kept on disk."),
  compressionLevel: integer(-20, 19, 1).describe("zstd's scale: negative costs less CPU, higher less disk."),
  forgetRoutes: names
    .default([])
    .describe("Routes that are gone for good: their cursors are deleted, and no longer hold on to logs."),
  adoptFrom: names
    .default([])
    .describe(
      "Folders with journals of collectors that are gone: what they hold is delivered here, and they are removed.",
    ),
  quarantineBytesMax: bytes(MIB, 1024 * GIB, GIB).describe(
    "Bytes of each route's quarantine; at the limit the route waits.",
  ),
  cursorIntervalMs: integer(1, 10_000, 20).describe(
    "Least time between two writes of a cursor: what a crash may double.",
  ),
});

/** What a route needs to know of its stream. The section `firehose` holds the values of every route that names no other. */
const firehose = z.strictObject({
  stream: z
    .string("must be a stream's name")
    .regex(/^[a-zA-Z0-9_.-]{1,64}$/, "must be a stream's name: 1 to 64 letters, digits, _ . -")
    .optional()
    .describe("Name of the delivery stream (Direct PUT)."),
  region: z.string().min(1).optional().describe("AWS region; from AWS_REGION or the profile where it is not given."),
  endpoint: url.optional().describe("Another endpoint than the region's own."),
  bytesPerSecond: anyBytes(KIB, 10 * GIB)
    .optional()
    .describe(
      "The stream's quota, for all replicas together. Where it is not given: by CloudWatch, Service Quotas, or the region.",
    ),
  recordsPerSecond: anyInteger(1, 100_000_000).optional().describe("The same, in Firehose records."),
  requestsPerSecond: anyInteger(1, 1_000_000).optional().describe("The same, in calls."),
  quotaPollMs: integer(1_000, 3_600_000, 60_000).describe("How often CloudWatch is asked for the stream's limits."),
  cloudwatchEndpoint: url.optional().describe("Another CloudWatch than the region's own."),
  serviceQuotasEndpoint: url.optional().describe("Another endpoint of Service Quotas than the region's own."),
  ...pacingKeys,
  requestTimeoutMs: integer(100, 600_000, 30_000).describe(
    "How long a call may take. Giving up on one that was taken doubles its records.",
  ),
  callsInFlightMax: integer(1, 64, 8).describe("Calls under way at once."),
  readAheadBytesMax: bytes(FIREHOSE_RECORD_BYTES_MAX, GIB, 4 * MIB).describe("Bytes of packed records in memory."),
  packDelayMsMax: integer(1, 60_000, 1_000).describe("How long a record that is not full waits for more lines."),
  compression: z
    .enum(["none", "gzip", "zstd"], "must be none, gzip or zstd")
    .default("none")
    .describe(
      "What each Firehose record is compressed with, so that the S3 object is a .gz or .zst. The quota counts what is left.",
    ),
  linesPerRecordMax: integer(1, 1_000_000, 1_000_000).describe(
    `Lines of one Firehose record: ${FIREHOSE_DEAGGREGATED_LINES_MAX} where the stream takes records apart.`,
  ),
  oversize: z
    .enum(["split", "truncate", "quarantine"], "must be split, truncate or quarantine")
    .default("split")
    .describe(
      "What is done with a line that fits no Firehose record: sent in parts, cut short, or put into quarantine.",
    ),
  ...lineKeys,
  recordId: yesOrNo
    .default(false)
    .describe("Write <collector id>/<ordinal> into each line, to prove or remove duplicates."),
});

/** Replicas that deliver to the same streams divide their quotas: see delivery/peers/peers.ts. */
const peers = z.strictObject({
  service: hostAndPort
    .optional()
    .describe("name:port of the headless Service, whose name stands for all replicas; the port is that of ingest."),
  addresses: names
    .pipe(z.array(hostAndPort))
    .default([])
    .describe("host:port of ingest of every replica, instead of a service; this one may be among them."),
  ...peerIdentityKeys,
  intervalMs: integer(100, 60_000, 1_000).describe("How often each tells the others what it wants."),
  leaseMs: integer(200, 60_000, 3_500).describe("How long the part of one that falls silent is kept for it."),
});

const log = z.strictObject({
  level: z
    .enum(["debug", "info", "warn", "error", "silent"], "must be debug, info, warn, error or silent")
    .default("info")
    .describe("The collector's own log lines, on standard error."),
});

const shutdown = z.strictObject({
  drainMsMax: integer(0, 3_600_000, 25_000).describe("How long a stop may take: below the pod's grace period."),
  handOver: yesOrNo
    .default(true)
    .describe("With peers: deliver on while stopping, then give them what is left; false leaves it on the volume."),
});

const route = z.strictObject({
  name: z
    .string("is needed: the route's cursor is kept under it")
    .regex(/^[a-z0-9][a-z0-9-]{0,31}$/, "must be 1 to 32 lower-case letters, digits and dashes")
    .describe("Its cursor is kept under that name: another name is another route."),
  startAt: z
    .enum(["tail", "head"], "must be tail or head")
    .default("tail")
    .describe("Where a new route begins: at the oldest log record on disk, or with what comes from now on."),
  ...firehose.shape,
});

const SECTIONS = { ingest, identity, tenants, journal, firehose, peers, admin, telemetry, log, shutdown };

/** Sections may be left out: what is needed of them is said below. */
const schema = z.strictObject({
  ingest: ingest.prefault({}),
  identity: identity.prefault({}),
  tenants: tenants.prefault({}),
  journal: journal.prefault({}),
  firehose: firehose.prefault({}),
  peers: peers.prefault({}),
  admin: admin.prefault({}),
  telemetry: telemetry.prefault({}),
  log: log.prefault({}),
  shutdown: shutdown.prefault({}),
  routes: z.array(route, "must be a list of routes").min(1, "must hold a route, or be left out").optional(),
});

/** A route with a stream, whatever it has of its own and whatever from the section `firehose`. */
export type RouteConfig = Readonly<Omit<z.output<typeof route>, "stream"> & { stream: string }>;

export type Config = Readonly<Omit<z.output<typeof schema>, "firehose" | "routes">> & {
  readonly routes: readonly RouteConfig[];
};

/** What a file may say, section by section, before defaults and checks. */
export type ConfigInput = z.input<typeof schema>;

/** Looks into the values of a route that mean nothing here, such as its filter: the key and the words of each problem. */
export type InspectRoute = (
  route: Omit<RouteConfig, "stream">,
) => readonly { readonly key: string; readonly problem: string }[];

/** The route that there is when none is configured. */
export const DEFAULT_ROUTE_NAME = "default";

/** Environment variables that belong to how the program is started, not to the schema. */
const OTHER_VARIABLES = new Set(["STANDPIPE_CONFIG", "STANDPIPE_TOOLS_REQUIRED"]);

/**
 * The complete configuration. `file` is the text of standpipe.yaml, undefined where there is none; `environment` is
 * looked through for STANDPIPE_ variables. Throws CollectorError `config_invalid` that names every problem, those that
 * `inspect` finds among them.
 */
export function loadConfig(
  file: { readonly path: string; readonly text: string } | undefined,
  environment: Readonly<Record<string, string | undefined>>,
  inspect: InspectRoute = () => [],
): Config {
  const problems: string[] = [];
  const merged = readFile(file, problems);
  // Of a file that can't be read at all, nothing is missing.
  const isRead = problems.length === 0;
  const names = new Map(configKeys().map((each) => [each.variable, each]));
  for (const [variable, value] of Object.entries(environment)) {
    if (!variable.startsWith("STANDPIPE_") || OTHER_VARIABLES.has(variable) || value === undefined) continue;
    const known = names.get(variable);
    if (known === undefined) {
      problems.push(
        `environment variable ${variable} is not one of Standpipe's${nearest(variable, [...names.keys()])}`,
      );
      continue;
    }
    const section = merged[known.section];
    if (section === undefined || section === null) merged[known.section] = { [known.key]: value };
    else if (typeof section === "object") merged[known.section] = { ...section, [known.key]: value };
  }

  inheritFirehose(merged);
  const parsed = schema.safeParse(merged);
  if (!parsed.success && isRead) problems.push(...parsed.error.issues.flatMap(describeIssue));
  else if (parsed.success && isRead) problems.push(...brokenRelations(parsed.data), ...inspected(parsed.data, inspect));
  if (problems.length > 0 || !parsed.success) {
    const list = [...new Set(problems)].map((problem) => `  - ${problem}`).join("\n");
    throw new CollectorError("config_invalid", `the configuration can't be used; nothing was started:\n${list}`);
  }
  const { firehose: stream, routes, ...sections } = parsed.data;
  const complete = routes ?? [{ ...stream, name: DEFAULT_ROUTE_NAME, startAt: "tail" as const }];
  for (const section of [...Object.values(sections), ...complete]) Object.freeze(section);
  // A route without a stream is one of the broken relations.
  return Object.freeze({ ...sections, routes: Object.freeze(complete as RouteConfig[]) });
}

/** Gives every route what the section `firehose` says and it does not. */
function inheritFirehose(merged: Record<string, unknown>): void {
  const { firehose: shared, routes } = merged;
  if (!Array.isArray(routes) || typeof shared !== "object" || shared === null) return;
  const known = Object.entries(shared).filter(([key]) => key in firehose.shape);
  merged.routes = routes.map((each: unknown) => {
    return typeof each === "object" && each !== null ? { ...Object.fromEntries(known), ...each } : each;
  });
}

function readFile(file: { path: string; text: string } | undefined, problems: string[]): Record<string, unknown> {
  if (file === undefined) return {};
  try {
    const content: unknown = parse(file.text) ?? {};
    if (typeof content === "object" && !Array.isArray(content)) return { ...content };
    problems.push(`${file.path} must hold sections such as "firehose:", and does not`);
  } catch (reason) {
    const words = reason instanceof YAMLParseError ? (reason.message.split("\n")[0] ?? "") : String(reason);
    problems.push(`${file.path} is not YAML: ${words.replace(/:$/, "")}`);
  }
  return {};
}

/** What must hold between limits, whatever each is alone. */
function brokenRelations(all: z.output<typeof schema>): string[] {
  const { ingest, identity, journal, firehose, peers, admin, telemetry, routes } = all;
  const relations: [boolean, string][] = [
    [
      ingest.requestBytesMax <= ingest.inFlightBytesMax,
      "ingest.requestBytesMax must not exceed ingest.inFlightBytesMax",
    ],
    [ingest.requestBytesMax <= ingest.heldBytesMax, "ingest.requestBytesMax must not exceed ingest.heldBytesMax"],
    [
      ingest.streamWindowBytesMax <= ingest.streamBytesMax,
      "ingest.streamWindowBytesMax must not exceed ingest.streamBytesMax",
    ],
    [ingest.requestBytesMax <= ingest.streamBytesMax, "ingest.requestBytesMax must not exceed ingest.streamBytesMax"],
    [ingest.recordBytesMax <= ingest.requestBytesMax, "ingest.recordBytesMax must not exceed ingest.requestBytesMax"],
    [
      !journal.forgetRoutes.some((name) =>
        (routes ?? [{ name: DEFAULT_ROUTE_NAME }]).some((each) => each.name === name),
      ),
      "journal.forgetRoutes must not name a route that is configured",
    ],
    [
      journal.segmentBytesMax * 2 <= journal.bytesMax,
      "journal.bytesMax must hold two segments (journal.segmentBytesMax)",
    ],
    [
      peers.service === undefined || peers.addresses.length === 0,
      "peers.service and peers.addresses exclude each other",
    ],
    [peers.intervalMs * 2 <= peers.leaseMs, "peers.leaseMs must be twice peers.intervalMs at least"],
    [
      telemetry.traceRatio === 0 || telemetry.otlpEndpoint !== undefined,
      "telemetry.otlpEndpoint is needed where telemetry.traceRatio is above 0: traces are sent there",
    ],
    ...identityRelations({ ingest, identity, peers }),
    ...adminRelations({ admin, identity }),
    ...tenantRelations(all),
    ...brokenRouteRelations("firehose", routes === undefined ? firehose : undefined),
    ...(routes ?? []).flatMap((each, index) => brokenRouteRelations(`routes.${index}`, each)),
    ...(routes ?? []).map(({ name }, index): [boolean, string] => [
      routes?.findIndex((other) => other.name === name) === index,
      `routes.${index}.name ${name} is there twice`,
    ]),
  ];
  return relations.filter(([holds]) => !holds).map(([, problem]) => problem);
}

function inspected({ firehose, routes }: z.output<typeof schema>, inspect: InspectRoute): string[] {
  const all = routes ?? [{ ...firehose, name: DEFAULT_ROUTE_NAME, startAt: "tail" as const }];
  return all.flatMap((each, index) =>
    inspect(each).map(({ key, problem }) => {
      const path = routes === undefined ? `firehose.${key}:` : `routes.${index}.${key} of route ${each.name}:`;
      return `${path} ${problem.replaceAll("\n", "\n      ")}`;
    }),
  );
}

function brokenRouteRelations(path: string, route: z.output<typeof firehose> | undefined): [boolean, string][] {
  if (route === undefined) return [];
  return [
    [route.stream !== undefined, `${path}.stream is needed: the name of the Firehose delivery stream`],
    [
      (route.requestsPerSecond ?? 0) <= (route.recordsPerSecond ?? Number.POSITIVE_INFINITY),
      `${path}.requestsPerSecond must not exceed ${path}.recordsPerSecond`,
    ],
  ];
}

function describeIssue(issue: z.core.$ZodIssue): string[] {
  const path = issue.path.join(".");
  if (issue.code === "unrecognized_keys") {
    const known = issue.path.length === 0 ? [...Object.keys(SECTIONS), "routes"] : keysOf(String(issue.path[0]));
    return issue.keys.map((key) => `${path === "" ? "" : `${path}.`}${key} is not a key${nearest(key, known)}`);
  }
  if (issue.code !== "invalid_type" || issue.path.length !== 1) return [`${path} ${issue.message}`];
  return [`${path} must be a ${path === "routes" ? "list, each of its routes" : "section"} with keys of its own`];
}

function keysOf(section: string): string[] {
  if (section === "routes") return Object.keys(route.shape);
  return Object.keys(SECTIONS[section as keyof typeof SECTIONS]?.shape ?? {});
}

export interface ConfigKey {
  readonly section: string;
  readonly key: string;
  /** Its environment variable. */
  readonly variable: string;
  readonly description: string;
  /** The words that it may be; empty where it is no choice. */
  readonly choices: readonly string[];
  /** Undefined where there is none. */
  readonly fallback: unknown;
}

/** Every key of the schema that the environment may set, in its order. */
export function configKeys(): ConfigKey[] {
  return Object.entries(SECTIONS).flatMap(([section, { shape }]) => keysIn(section, shape));
}

/** The keys that a route has beside those of the section `firehose`; they stand in a file only. */
export function routeKeys(): ConfigKey[] {
  return keysIn("routes", route.shape).filter(({ key }) => !(key in firehose.shape));
}

function keysIn(section: string, shape: Readonly<Record<string, z.ZodType>>): ConfigKey[] {
  return Object.entries(shape).map(([key, type]) => {
    const parsed = type.safeParse(undefined);
    return {
      section,
      key,
      variable: `STANDPIPE_${section}_${key.replace(/[A-Z]/g, "_$&")}`.toUpperCase(),
      description: type.description ?? "",
      choices: choicesOf(type),
      fallback: parsed.success ? parsed.data : undefined,
    };
  });
}
