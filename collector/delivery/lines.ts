/** What a route's configuration says of its lines, made into a transcoder: filter, redaction, shape. */
import { readFileSync } from "node:fs";
import type { RouteConfig } from "../config/config.ts";
import { CollectorError } from "../errors.ts";
import { compileFilter } from "../otlp/filter.ts";
import { compileRedactor, type Redactor } from "../otlp/redact.ts";
import { Transcoder } from "../otlp/transcode.ts";

/** Lines that are made in one go: bounds memory where a large resource stands on many small log records. */
const TRANSCODED_BYTES_MAX = 4 * 1024 * 1024;

export type LineConfig = Pick<RouteConfig, "filter" | "shape" | "redact" | "recordId">;

/** Throws CollectorError `config_invalid`, which `lineProblems` would have told before. */
export function createTranscoder(config: LineConfig, collectorId: string): Transcoder {
  const { filter, shape, redact } = config;
  return new Transcoder({
    bytesMax: TRANSCODED_BYTES_MAX,
    shape,
    ...(config.recordId ? { collectorId } : {}),
    ...(filter === undefined ? {} : { filter: compileFilter(filter) }),
    ...(redact === undefined ? {} : { redactor: createRedactor(redact) }),
  });
}

/** How many collectors' log records are read by turns: those of one come in a row. */
const TRANSCODERS_MAX = 4;

/** A transcoder for each collector that log records came from; the last few are kept, since each has memory of its own. */
export function transcodersOf(config: LineConfig): (collectorId: string) => Transcoder {
  const kept = new Map<string, Transcoder>();
  return (collectorId) => {
    const transcoder = kept.get(collectorId) ?? createTranscoder(config, collectorId);
    kept.delete(collectorId);
    kept.set(collectorId, transcoder);
    for (const oldest of kept.keys()) {
      if (kept.size <= TRANSCODERS_MAX) break;
      kept.delete(oldest);
    }
    return transcoder;
  };
}

/**
 * What is wrong with the keys that say what lines look like: for each the key, and words of one or more lines. Reads the
 * file with the salt.
 */
export function lineProblems(config: LineConfig): { readonly key: string; readonly problem: string }[] {
  const { shape, recordId } = config;
  const without = { filter: undefined, redact: undefined, shape: "json" as const, recordId };
  const alone: Record<string, LineConfig> = {
    filter: { ...without, filter: config.filter },
    shape: { ...without, shape },
    redact: { ...without, redact: config.redact },
  };
  return Object.entries(alone).flatMap(([key, each]) => {
    try {
      createTranscoder(each, "");
      return [];
    } catch (reason) {
      if (!(reason instanceof CollectorError)) throw reason;
      return [{ key, problem: reason.message }];
    }
  });
}

function createRedactor({ saltFile, ...redact }: NonNullable<RouteConfig["redact"]>): Redactor {
  return compileRedactor({ ...redact, salt: saltFile === undefined ? undefined : readSalt(saltFile) });
}

/** A secret from a mounted file, without the line break that editors leave. */
function readSalt(path: string): string {
  try {
    return readFileSync(path, "utf8").replace(/\r?\n$/, "");
  } catch (cause) {
    const code = (cause as { code?: string }).code ?? String(cause);
    throw new CollectorError("config_invalid", `can't read saltFile ${path} (${code})`, { cause });
  }
}
