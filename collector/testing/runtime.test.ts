import { expect, test } from "bun:test";
import { join } from "node:path";
import { RUNTIME } from "./runtime.ts";

const ROOT = join(import.meta.dir, "../..");

test("users get the runtime that tests and benches measure", async () => {
  const [[name, value] = ["", ""]] = Object.entries(RUNTIME.environment);
  const { scripts } = await Bun.file(join(ROOT, "package.json")).json();
  const dockerfile = await Bun.file(join(ROOT, "deploy/docker/Dockerfile")).text();
  const command = `${name}=${value} bun ${RUNTIME.arguments.join(" ")}`;
  expect(scripts.start).toContain(`${command} collector/main.ts`);
  expect(scripts.tail).toContain(`${command} clients/tail/main.ts`);
  expect(dockerfile).toContain(`${name}=${value} \\`);
  expect(dockerfile).toContain(JSON.stringify(["/usr/local/bin/bun", ...RUNTIME.arguments]).replaceAll(",", ", "));
});
