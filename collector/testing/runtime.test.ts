import { expect, test } from "bun:test";
import { join } from "node:path";
import { RUNTIME } from "./runtime.ts";

const ROOT = join(import.meta.dir, "../..");

test("users get the runtime that tests and benches measure", async () => {
  const variables = Object.entries(RUNTIME.environment).map(([name, value]) => `${name}=${value}`);
  const { scripts } = await Bun.file(join(ROOT, "package.json")).json();
  const dockerfile = await Bun.file(join(ROOT, "deploy/docker/Dockerfile")).text();
  const comparison = await Bun.file(join(ROOT, "deploy/local/compare/README.md")).text();
  const command = `${variables.join(" ")} bun ${RUNTIME.arguments.join(" ")}`;
  expect(scripts.start).toContain(`${command} collector/main.ts`);
  expect(scripts.tail).toContain(`${command} clients/tail/main.ts`);
  expect(comparison).toContain(` ${variables.join(" ")} \\\n`);
  for (const each of variables) expect(dockerfile).toContain(`${each} \\`);
  const service = await Bun.file(join(ROOT, "deploy/single.md")).text();
  expect(service).toContain(`Environment=${variables.join(" ")}\n`);
  expect(service).toContain(`bun ${RUNTIME.arguments.join(" ")} collector/main.ts`);
  const compared = await Bun.file(join(ROOT, "deploy/local/compare/README.md")).text();
  expect(compared.replace(/\s*\\\n\s*/g, " ")).toContain(`${command} $STANDPIPE/collector/main.ts`);
  expect(dockerfile).toContain(JSON.stringify(["/usr/local/bin/bun", ...RUNTIME.arguments]).replaceAll(",", ", "));
});
