import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Glob } from "bun";
import { generateTypes } from "./generate.ts";

async function read(directory: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for await (const path of new Glob("**/*.ts").scan(directory)) {
    files[path] = await Bun.file(join(directory, path)).text();
  }
  return files;
}

test("the committed types are what the .proto files generate (else: bun run generate)", async () => {
  const fresh = mkdtempSync(join(tmpdir(), "standpipe-gen-"));
  try {
    generateTypes(fresh);
    expect(await read(join(import.meta.dir, "../../proto/gen"))).toEqual(await read(fresh));
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
});
