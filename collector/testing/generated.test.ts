import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Glob } from "bun";
import { tailReferencePage } from "../../clients/tail/reference.ts";
import { buildPage, PAGE_PATH } from "../admin/console/build.ts";
import { generateTypes, REFERENCE_PATH, TAIL_REFERENCE_PATH } from "./generate.ts";
import { referencePage } from "./reference.ts";

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

test("the reference page is what the tables of keys and errors say (else: bun run generate)", async () => {
  expect(await Bun.file(REFERENCE_PATH).text()).toBe(referencePage());
  expect(await Bun.file(TAIL_REFERENCE_PATH).text()).toBe(tailReferencePage());
});

test("the page is what its sources are bundled to (else: bun run generate)", async () => {
  expect((await Bun.file(PAGE_PATH).text()) === (await buildPage())).toBe(true);
});
