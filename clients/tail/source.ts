/** A source as it runs: from its configuration to what reads, splits, parses and describes the lines of its files. */
import { basename } from "node:path";
import { Assembler, type HeldBudget } from "./assembler.ts";
import type { SourceConfig } from "./config.ts";
import { TailError } from "./errors.ts";
import { LineSplitter } from "./files/lines.ts";
import { metadataOfPath } from "./kubernetes/path.ts";
import { ACCESS_TIME, AccessParser } from "./parse/access.ts";
import { createUnwrapper } from "./parse/container.ts";
import type { Parser } from "./parse/fields.ts";
import { JsonParser } from "./parse/json.ts";
import { LogfmtParser } from "./parse/logfmt.ts";
import { createMultiline, type Multiline } from "./parse/multiline.ts";
import { RegexParser, Search } from "./parse/regex.ts";
import { SEVERITY_NAMES } from "./parse/severity.ts";
import { TimeParser } from "./parse/time.ts";
import { RecordBuilder, type RecordOptions } from "./records.ts";
import type { Value } from "./wire/request.ts";

const SCOPE_NAME = "standpipe.tail";

export class Source {
  readonly config: SourceConfig;
  readonly builder: RecordBuilder;
  readonly splitter: LineSplitter;
  readonly #multiline: Multiline | undefined;
  readonly #budget: HeldBudget;

  /** Throws TailError `config_invalid` for a pattern, format, zone or character set that can't be used. */
  constructor(config: SourceConfig, budget: HeldBudget, nowMs: () => number) {
    this.config = config;
    this.#budget = budget;
    this.builder = new RecordBuilder(recordOptions(config, nowMs));
    this.splitter = new LineSplitter(config);
    this.#multiline = config.multiline === undefined ? undefined : createMultiline(config.multiline);
  }

  createAssembler(): Assembler {
    const { container, multiline, lineBytesMax } = this.config;
    return new Assembler({
      builder: this.builder,
      unwrapper: container === "none" ? undefined : createUnwrapper(container),
      container,
      multiline: this.#multiline,
      timeoutMs: multiline?.timeoutMs ?? PARTIAL_WAIT_MS,
      bytesMax: multiline?.bytesMax ?? lineBytesMax,
      budget: this.#budget,
    });
  }

  readonly scopeName = SCOPE_NAME;

  /** What is known of a file by its names: the resource of its records. `extra` is what others know of it: node, labels. */
  attributesOf(path: string, realPath: string, extra: Readonly<Record<string, Value>>): Record<string, Value> {
    const { tag, resource, kubernetes } = this.config;
    return {
      "log.file.name": basename(path),
      "log.file.path": path,
      ...(realPath === path ? {} : { "log.file.path_resolved": realPath }),
      ...(tag === undefined ? {} : { tag: tag.replace("*", path.replace(/^\//, "").replaceAll("/", ".")) }),
      ...(kubernetes ? { ...metadataOfPath(realPath), ...metadataOfPath(path) } : {}),
      ...extra,
      ...resource,
    };
  }
}

/** How long the end of a partial line is waited for. */
const PARTIAL_WAIT_MS = 5_000;

function recordOptions(config: SourceConfig, nowMs: () => number): RecordOptions {
  const { format, time, severity, types, keep, drop, attributes } = config;
  const isAccess = format === "nginx" || format === "apache";
  const read = time ?? (isAccess ? { ...ACCESS_TIME, zone: undefined, keep: true } : undefined);
  return {
    format,
    parser: parserOf(config),
    time: read === undefined ? undefined : { key: read.key, keep: read.keep, parser: new TimeParser(read, nowMs) },
    severity: severity && {
      key: severity.key,
      pattern: severity.pattern === undefined ? undefined : new Search(severity.pattern),
      own: new Map(Object.entries(severity.names).map(([own, name]) => [own.toLowerCase(), name.toLowerCase()])),
    },
    types: new Map(Object.entries(types)),
    rules: [
      ...keep.map(({ field, pattern }) => ({ field, search: new Search(pattern), keeps: true })),
      ...drop.map(({ field, pattern }) => ({ field, search: new Search(pattern), keeps: false })),
    ],
    attributes,
  };
}

function parserOf({ format, pattern }: SourceConfig): Parser | undefined {
  switch (format) {
    case "none":
      return undefined;
    case "json":
      return new JsonParser();
    case "logfmt":
      return new LogfmtParser();
    case "regex":
      return new RegexParser(pattern ?? "");
    default:
      return new AccessParser(format);
  }
}

/** What the schema can't see: all that is wrong with the patterns, formats and names of a source. */
export function sourceProblems(config: SourceConfig): string[] {
  const at = `source ${config.name}: `;
  const problems: string[] = [];
  const attempt = (make: () => unknown): void => {
    try {
      make();
    } catch (reason) {
      if (!(reason instanceof TailError)) throw reason;
      problems.push(at + reason.message);
    }
  };
  const { multiline, time, severity } = config;
  attempt(() => new LineSplitter(config));
  attempt(() => parserOf(config));
  if (multiline !== undefined) attempt(() => createMultiline(multiline));
  if (time !== undefined) attempt(() => new TimeParser(time, () => 0));
  if (severity?.pattern !== undefined) attempt(() => new Search(severity.pattern ?? ""));
  for (const { pattern } of [...config.keep, ...config.drop]) attempt(() => new Search(pattern));
  for (const name of Object.values(severity?.names ?? {}))
    if (!SEVERITY_NAMES.some((known) => known === name.toLowerCase()))
      problems.push(`${at}severity.names: ${name} is none of ${SEVERITY_NAMES.join(", ")}`);
  return problems;
}
