/**
 * The agent's configuration: one schema, from which types, defaults, bounds and the words about mistakes derive. A YAML file;
 * keys of a section can be set by environment too (collector.endpoint is STANDPIPE_TAIL_COLLECTOR_ENDPOINT), which goes first.
 * An unknown key is an error, all problems are told at once, and the result is frozen.
 */
import { parse, YAMLParseError } from "yaml";
import { z } from "zod";
import { bytes, choicesOf, GIB, hostAndPort, integer, KIB, MIB, nearest, texts, yesOrNo } from "./config-values.ts";
import { TailError } from "./errors.ts";

const text = z.string("must be a text");
const value = z.union([text, z.number(), z.boolean()], "must be a text, a number, or true or false");
const values = z.record(text, value, "must be keys with values");

const collector = z.strictObject({
  endpoint: texts
    .default(["http://127.0.0.1:4317"])
    .describe("Where collectors take OTLP/gRPC: http://host:port, or several."),
  compression: z.enum(["none", "gzip"], "must be none or gzip").default("none").describe("Of requests on the wire."),
  bearerTokenFile: text.optional().describe("A file whose content is sent as `authorization: Bearer ...`."),
  caFile: text.optional().describe("Certificates to trust, for https endpoints."),
  certificateFile: text.optional().describe("The agent's own certificate, with keyFile."),
  keyFile: text.optional().describe("Its key."),
  requestBytesMax: bytes(16 * KIB, 4 * MIB, 128 * KIB).describe("Bytes of one request."),
  inFlightBytesMax: bytes(64 * KIB, GIB, 512 * KIB).describe(
    "Bytes that are not acknowledged; beyond it, reading stops.",
  ),
  lingerMs: integer(0, 60_000, 200).describe("How long a request that is not full waits for more lines."),
});

const positions = z.strictObject({
  directory: text
    .min(1)
    .default("./positions")
    .describe("Where it is kept how far each file was read. One agent at a time."),
  commitIntervalMs: integer(1, 60_000, 100).describe(
    "Least time between two writes: what was acknowledged since may come twice after a crash.",
  ),
  keepMs: integer(1_000, 31_536_000_000, 86_400_000).describe("How long the position of a file that is gone is kept."),
});

const files = z.strictObject({
  refreshMs: integer(50, 3_600_000, 5_000).describe("How often patterns are looked through for new files."),
  watch: yesOrNo
    .default(true)
    .describe("Whether the system is asked to tell of changes (inotify); looks go on anyway."),
  openFilesMax: integer(8, 100_000, 512).describe("Files held open at once; idle ones are closed first."),
  rotateWaitMs: integer(0, 3_600_000, 5_000).describe(
    "How long a renamed or deleted file is read on after its last line.",
  ),
  heldBytesMax: bytes(64 * KIB, GIB, 8 * MIB).describe("Bytes of unfinished events in memory, of all files together."),
});

const kubernetes = z.strictObject({
  nodeName: text.optional().describe("From the downward API (spec.nodeName): the pods to ask for, and k8s.node.name."),
  labels: yesOrNo.default(false).describe("Ask the API server for labels of pods."),
  annotations: yesOrNo.default(false).describe("Ask the API server for annotations of pods."),
  apiServer: text.optional().describe("https://host:port; the pod's own by default."),
  tokenFile: text
    .default("/var/run/secrets/kubernetes.io/serviceaccount/token")
    .describe("The service account's token."),
  caFile: text.default("/var/run/secrets/kubernetes.io/serviceaccount/ca.crt").describe("The cluster's certificates."),
  waitMsMax: integer(0, 600_000, 10_000).describe("How long a new pod's lines wait for its labels."),
});

const admin = z.strictObject({
  address: hostAndPort
    .default("127.0.0.1:4322")
    .describe("Health and metrics over HTTP: /healthz, /readyz, /metrics, /status."),
});

const log = z.strictObject({
  level: z
    .enum(["debug", "info", "warn", "error", "silent"], "must be debug, info, warn, error or silent")
    .default("info")
    .describe("The agent's own log lines, on standard error."),
});

const shutdown = z.strictObject({
  drainMsMax: integer(0, 3_600_000, 10_000).describe("How long a stop waits for acknowledgements."),
});

const types = z.record(text, z.enum(["integer", "float", "bool"], "must be integer, float or bool"));

const multiline = z.strictObject({
  firstLine: text.optional(),
  preset: z.enum(["java"], "must be java").optional(),
  timeoutMs: integer(10, 600_000, 1_000),
  bytesMax: bytes(KIB, 900 * KIB, 256 * KIB),
});

const rule = z.strictObject({ field: text.optional(), pattern: text });

const source = z.strictObject({
  name: z
    .string("is needed")
    .regex(/^[a-z0-9][a-z0-9_-]{0,63}$/, "must be 1 to 64 lower-case letters, digits, _ and -")
    .describe("Names it in metrics, `/status` and the log."),
  include: texts.describe("Patterns of absolute paths: * ? [] {a,b} and ** through folders."),
  exclude: texts.default([]).describe("Patterns of paths that are not followed."),
  readFrom: z
    .enum(["beginning", "end"], "must be beginning or end")
    .default("beginning")
    .describe(
      "Where files begin that are there when the source is followed for the first time. Later ones: at the beginning.",
    ),
  compressed: yesOrNo.default(false).describe("Whether .gz files, that match or that rotation makes, are read."),
  container: z
    .enum(["none", "docker", "cri", "auto"], "must be none, docker, cri or auto")
    .default("none")
    .describe("The runtime's wrapping of lines, taken off before anything else; partial lines are joined."),
  multiline: multiline
    .optional()
    .describe(
      "Events of several lines: `firstLine` (a pattern) or `preset: java`; `timeoutMs` (1000) of silence end one, and what is larger than `bytesMax` (256KiB) goes in pieces.",
    ),
  format: z
    .enum(["none", "json", "logfmt", "regex", "nginx", "apache"], "must be none, json, logfmt, regex, nginx or apache")
    .default("none")
    .describe("How a line is read into fields."),
  pattern: text.optional().describe("Of format regex: named groups are fields."),
  types: types.default({}).describe("Fields that are no texts: integer, float or bool."),
  time: z
    .strictObject({
      key: text.default("time"),
      format: text.default("auto"),
      zone: text.optional(),
      keep: yesOrNo.default(true),
    })
    .optional()
    .describe(
      "`key`: the field that holds the time (time); `format` (auto); `zone`, where it says none (UTC); `keep`: whether it stays in the body (true).",
    ),
  severity: z
    .strictObject({ key: text.optional(), pattern: text.optional(), names: z.record(text, text).default({}) })
    .optional()
    .describe(
      "The field that holds the severity, or a pattern whose first group does; `names` from own words to OTel's.",
    ),
  charset: text.default("utf-8").describe("Of the file, by the names of the Encoding Standard."),
  lineBytesMax: bytes(64, 900 * KIB, 256 * KIB).describe("Bytes of one line; see longLines."),
  longLines: z
    .enum(["split", "truncate", "skip"], "must be split, truncate or skip")
    .default("split")
    .describe("What is done with a longer line; it is counted."),
  keep: z.array(rule, "must be a list of rules").default([]).describe("Only lines that match all of these are sent."),
  drop: z.array(rule, "must be a list of rules").default([]).describe("Lines that match any of these are not sent."),
  tag: text.optional().describe("An attribute; * stands for the path, with dots for slashes."),
  attributes: values.default({}).describe("Added to each log record."),
  resource: values.default({}).describe("Added to the resource."),
  kubernetes: yesOrNo.default(false).describe("Whether pod, namespace, container are read from the path."),
});

const SECTIONS = { collector, positions, files, kubernetes, admin, log, shutdown };

const schema = z.strictObject({
  collector: collector.prefault({}),
  positions: positions.prefault({}),
  files: files.prefault({}),
  kubernetes: kubernetes.prefault({}),
  admin: admin.prefault({}),
  log: log.prefault({}),
  shutdown: shutdown.prefault({}),
  sources: z.array(source, "must be a list of sources").min(1, "must hold a source"),
});

export type SourceConfig = Readonly<z.output<typeof source>>;
export type TailConfig = Readonly<z.output<typeof schema>>;
/** What a file may say. */
export type TailConfigInput = z.input<typeof schema>;

/** Looks into the values of a source that mean nothing here: patterns, formats, character sets. */
export type InspectSource = (source: SourceConfig) => readonly string[];

const PREFIX = "STANDPIPE_TAIL_";

/**
 * The complete configuration. Throws TailError `config_invalid` that names every problem, those that `inspect` finds among
 * them. `environment` is looked through for STANDPIPE_TAIL_ variables.
 */
export function loadTailConfig(
  file: { readonly path: string; readonly text: string } | undefined,
  environment: Readonly<Record<string, string | undefined>>,
  inspect: InspectSource = () => [],
): TailConfig {
  const problems: string[] = [];
  const merged = file === undefined ? {} : readYaml(file, problems);
  overlay(merged, environment, problems);
  const parsed = schema.safeParse(merged);
  if (!parsed.success) problems.push(...parsed.error.issues.flatMap(describeIssue));
  else problems.push(...brokenRelations(parsed.data), ...parsed.data.sources.flatMap((each) => inspect(each)));
  if (problems.length > 0 || !parsed.success) {
    const list = [...new Set(problems)].map((problem) => `  - ${problem}`).join("\n");
    throw new TailError("config_invalid", `the configuration can't be used; nothing was started:\n${list}`);
  }
  for (const section of [...Object.values(parsed.data), ...parsed.data.sources]) Object.freeze(section);
  return Object.freeze(parsed.data);
}

function readYaml(file: { path: string; text: string }, problems: string[]): Record<string, unknown> {
  try {
    const content: unknown = parse(file.text) ?? {};
    if (typeof content === "object" && !Array.isArray(content)) return { ...content };
    problems.push(`${file.path} must hold sections such as "sources:", and does not`);
  } catch (reason) {
    const words = reason instanceof YAMLParseError ? (reason.message.split("\n")[0] ?? "") : String(reason);
    problems.push(`${file.path} is not YAML: ${words.replace(/:$/, "")}`);
  }
  return {};
}

function overlay(
  merged: Record<string, unknown>,
  environment: Readonly<Record<string, string | undefined>>,
  problems: string[],
): void {
  const known = new Map(
    Object.entries(SECTIONS).flatMap(([section, { shape }]) =>
      Object.keys(shape).map((key) => [variableOf(section, key), { section, key }] as const),
    ),
  );
  for (const [variable, given] of Object.entries(environment)) {
    if (!variable.startsWith(PREFIX) || given === undefined || variable === `${PREFIX}CONFIG`) continue;
    const place = known.get(variable);
    if (place === undefined) {
      problems.push(
        `environment variable ${variable} is not one of the agent's${nearest(variable, [...known.keys()])}`,
      );
      continue;
    }
    const section = merged[place.section] ?? {};
    if (typeof section === "object") merged[place.section] = { ...section, [place.key]: given };
  }
}

export function variableOf(section: string, key: string): string {
  return `${PREFIX}${section}_${key.replace(/[A-Z]/g, "_$&")}`.toUpperCase();
}

function describeIssue(issue: z.core.$ZodIssue): string[] {
  const path = issue.path.join(".");
  if (issue.code === "unrecognized_keys") {
    const [section] = issue.path;
    const shape = section === "sources" ? source.shape : SECTIONS[section as keyof typeof SECTIONS]?.shape;
    const known = issue.path.length === 0 ? [...Object.keys(SECTIONS), "sources"] : Object.keys(shape ?? {});
    return issue.keys.map((key) => `${path === "" ? "" : `${path}.`}${key} is not a key${nearest(key, known)}`);
  }
  if (path === "sources" && issue.code === "invalid_type") return ["sources is needed: a list of what to follow"];
  return [`${path} ${issue.message}`];
}

function brokenRelations({ collector, sources }: z.output<typeof schema>): string[] {
  const relations: [boolean, string][] = [
    [
      collector.requestBytesMax <= collector.inFlightBytesMax,
      "collector.requestBytesMax must not exceed collector.inFlightBytesMax",
    ],
    [
      (collector.certificateFile === undefined) === (collector.keyFile === undefined),
      "collector.certificateFile and collector.keyFile go together",
    ],
    ...sources.flatMap((each, index): [boolean, string][] => {
      const at = `sources.${index} (${each.name})`;
      return [
        [sources.findIndex(({ name }) => name === each.name) === index, `${at}: the name is there twice`],
        [each.include.length > 0, `${at}: include needs a pattern`],
        [[...each.include, ...each.exclude].every((path) => path.startsWith("/")), `${at}: patterns must begin with /`],
        [
          (each.format === "regex") === (each.pattern !== undefined),
          `${at}: pattern goes with format: regex, and format: regex with a pattern`,
        ],
        [
          each.multiline === undefined ||
            (each.multiline.firstLine === undefined) !== (each.multiline.preset === undefined),
          `${at}: multiline needs firstLine or preset, one of the two`,
        ],
        [
          each.severity === undefined || each.severity.key !== undefined || each.severity.pattern !== undefined,
          `${at}: severity needs key or pattern`,
        ],
      ];
    }),
  ];
  return relations.filter(([holds]) => !holds).map(([, problem]) => problem);
}

export interface TailConfigKey {
  readonly section: string;
  readonly key: string;
  /** Undefined where there is none. */
  readonly fallback: unknown;
  readonly description: string;
  /** The words that it may be; empty where it is no choice. */
  readonly choices: readonly string[];
}

/** Every key of the schema, for REFERENCE.md: sections first, then those of a source. */
export function tailConfigKeys(): TailConfigKey[] {
  return Object.entries({ ...SECTIONS, source }).flatMap(([section, { shape }]) =>
    Object.entries(shape as Record<string, z.ZodType>).map(([key, type]) => {
      const parsed = type.safeParse(undefined);
      const fallback = parsed.success ? parsed.data : undefined;
      return { section, key, fallback, description: type.description ?? "", choices: choicesOf(type) };
    }),
  );
}
