/**
 * `bun run generate`: types of the .proto files, by proto-loader's own generator, into proto/gen, and the reference page
 * of configuration and errors. `generated.test.ts` fails when what is committed is stale.
 */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tailReferencePage } from "../../clients/tail/reference.ts";
import { buildPage, PAGE_PATH } from "../admin/console/build.ts";
import { referencePage } from "./reference.ts";

const ROOT = join(import.meta.dir, "../..");

/** The files that services and error details are loaded from; what they import comes with them. */
const SOURCES = [
  "opentelemetry/proto/collector/logs/v1/logs_service.proto",
  "google/rpc/status.proto",
  "grpc/health/v1/health.proto",
  "standpipe/peer/v1/peer.proto",
  "standpipe/ingest/v1/ingest.proto",
  "standpipe/admin/v1/admin.proto",
];

/** Writes the types below `outDirectory`, which is emptied first. Throws with the generator's words when it fails. */
export function generateTypes(outDirectory: string): void {
  rmSync(outDirectory, { recursive: true, force: true });
  const run = Bun.spawnSync({
    cmd: [
      process.execPath,
      join(ROOT, "node_modules/@grpc/proto-loader/build/bin/proto-loader-gen-types.js"),
      "--longs=String",
      "--enums=Number",
      "--bytes=Buffer",
      "--oneofs",
      "--grpcLib=@grpc/grpc-js",
      "--importFileExtension=.ts",
      "--includeDirs=proto",
      `--outDir=${outDirectory}`,
      ...SOURCES,
    ],
    cwd: ROOT,
    stdout: "pipe",
    stderr: "pipe",
  });
  if (run.exitCode !== 0) throw new Error(`proto-loader-gen-types failed: ${run.stderr.toString()}`);
}

export const REFERENCE_PATH = join(ROOT, "collector/REFERENCE.md");

export const TAIL_REFERENCE_PATH = join(ROOT, "clients/tail/REFERENCE.md");

if (import.meta.main) {
  generateTypes(join(ROOT, "proto/gen"));
  writeFileSync(REFERENCE_PATH, referencePage());
  writeFileSync(TAIL_REFERENCE_PATH, tailReferencePage());
  writeFileSync(PAGE_PATH, await buildPage());
}
