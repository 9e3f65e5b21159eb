/** The package as it is published: packed, installed into an empty project, run under Node and Bun, and type-checked. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Glob } from "bun";
import { testWith } from "../../collector/testing/tools.ts";
import { FakeCollector } from "./fake-collector.ts";

const LIMIT_MS = 120_000;
const ROOT = join(import.meta.dir, "../..");
const versions = (await Bun.file(join(ROOT, "package.json")).json()).devDependencies as Record<string, string>;
const folder = mkdtempSync(join(tmpdir(), "standpipe-package-"));
const project = join(folder, "project");

function run(cwd: string, ...cmd: string[]): void {
  const { exitCode, stdout, stderr } = Bun.spawnSync({ cmd, cwd });
  if (exitCode !== 0) throw new Error(`${cmd.join(" ")}:\n${stdout}${stderr}`);
}

beforeAll(() => {
  const source = join(folder, "package");
  mkdirSync(project);
  // A copy, so that nothing is built inside the repository.
  for (const path of new Glob("**/*").scanSync(import.meta.dir)) {
    if (!/^(dist|node_modules)\//.test(path)) cpSync(join(import.meta.dir, path), join(source, path));
  }
  const tsc = join(ROOT, "node_modules/.bin/tsc");
  run(import.meta.dir, tsc, "-p", "tsconfig.build.json", "--outDir", join(source, "dist"));
  run(source, process.execPath, "pm", "pack", "--ignore-scripts", "--destination", folder);
  const [tarball = ""] = new Glob("*.tgz").scanSync(folder);
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "empty", type: "module", private: true }));
  const { api, sdk } = { api: versions["@opentelemetry/api-logs"], sdk: versions["@opentelemetry/sdk-logs"] };
  const others = [`winston@${versions.winston}`, `winston-transport@${versions["winston-transport"]}`, "pino@10.4.0"];
  const telemetry = [`@opentelemetry/api-logs@${api}`, `@opentelemetry/sdk-logs@${sdk}`];
  run(project, process.execPath, "add", "--prefer-offline", join(folder, tarball), ...others, ...telemetry);
  for (const name of ["pino", "winston", "console", "opentelemetry"]) {
    cpSync(join(import.meta.dir, `examples/${name}.mjs`), join(project, `${name}.mjs`));
  }
}, LIMIT_MS);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

for (const runtime of ["node", "bun"] as const) {
  for (const example of ["pino", "winston", "console", "opentelemetry"]) {
    testWith(
      runtime === "node" ? ["node"] : [],
      `${runtime}: the ${example} example sends both its logs, the error by OpenTelemetry's conventions`,
      async () => {
        using collector = await new FakeCollector().start();
        const program = runtime === "node" ? "node" : process.execPath;
        const cmd = [program, join(project, `${example}.mjs`), `http://127.0.0.1:${collector.port}`];
        const child = Bun.spawn({ cmd, cwd: project, stdout: "pipe", stderr: "pipe" });
        const errors = await new Response(child.stderr).text();
        await child.exited;
        expect([collector.taken.length, collector.taken.length === 2 ? "" : errors]).toEqual([2, ""]);
        const [placed, refused] = collector.taken;
        expect(String(placed?.body)).toContain("order placed");
        expect(placed?.raw).toMatchObject({ severityNumber: 9, severityText: "INFO" });
        if (example !== "console") expect(placed?.attributes.order).toBe("4711");
        if (example !== "opentelemetry") expect(placed?.resource["service.name"]).toBe("checkout");
        expect(refused?.raw).toMatchObject({ severityNumber: 17, severityText: "ERROR" });
        expect(refused?.attributes).toMatchObject({
          "exception.type": "TypeError",
          "exception.message": "card expired",
        });
        expect(refused?.attributes["log.record.uid"]).toMatch(/^[0-9A-Z]{26}$/);
        if (example === "console") expect(child.signalCode).toBe("SIGTERM");
        else expect(child.exitCode).toBe(0);
      },
      LIMIT_MS,
    );
  }
}

test(
  "its types are right for a strict program that knows nothing of this repository",
  () => {
    const program = `
      import { type Ack, connect, type LogRecord } from "@standpipe/client";
      const record: LogRecord = { severity: "info", body: "x" };
      const client = await connect({ endpoint: ["a:1", "b:2"], keep: { type: "spool", directory: "d", whenFull: "error" } });
      const ack: Ack = await client.send([record]);
      const ordinal: bigint | undefined = ack.ordinal;
      client.events.on("drop", ({ reason, records }) => console.log(reason, records, ordinal));
      // @ts-expect-error there is no such severity
      client.offer({ severity: "loud" });
      // @ts-expect-error an option that is none
      await connect({ endpiont: "a:1" });
      // @ts-expect-error a spool needs a folder
      await connect({ keep: { type: "spool" } });
      // @ts-expect-error memory has no folder
      await connect({ keep: { type: "memory", directory: "d" } });
      // @ts-expect-error a client is made by connect
      new (await import("@standpipe/client")).Client({}, {});
    `;
    writeFileSync(join(project, "program.mts"), program);
    const strict = ["--strict", "--noEmit", "--module", "nodenext", "--target", "es2022", "--types", ""];
    const lib = ["--lib", "es2023,esnext.disposable,dom", "--skipLibCheck"];
    run(project, join(ROOT, "node_modules/.bin/tsc"), ...strict, ...lib, "program.mts");
  },
  LIMIT_MS,
);
